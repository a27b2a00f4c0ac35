package harness

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Strays returns what lies in the lake's folder and is neither a manifest nor named by one, and what a manifest names and is not there.
// Files under way lie in a folder whose name begins with a dot. Markers and mapping files are named by no manifest; a version of a day that
// was replaced may be gone.
func (s *Service) Strays(lake string) []string {
	s.tb.Helper()
	there := map[string]bool{}
	var manifests []string
	err := filepath.WalkDir(lake, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && path != lake {
				return fs.SkipDir
			}
			return nil
		}
		key, err := filepath.Rel(lake, path)
		if err != nil {
			return err
		}
		key = filepath.ToSlash(key)
		if strings.HasSuffix(key, "/complete") || mappingFile.MatchString(key) {
			return nil
		}
		if strings.Contains(key, "/_manifest/") || strings.HasPrefix(key, "_manifest/") {
			manifests = append(manifests, path)
		} else {
			there[key] = true
		}
		return nil
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	var wrong, named []string
	newest := map[string]string{} // by folder of a day
	for _, path := range manifests {
		text, err := os.ReadFile(path)
		if err != nil {
			s.tb.Fatal(err)
		}
		var manifest any
		if err := json.Unmarshal(text, &manifest); err != nil {
			s.tb.Fatalf("manifest %s: %v", path, err)
		}
		for _, key := range keys(manifest) {
			named = append(named, key)
			if m := dayVersion.FindStringSubmatch(key); m != nil {
				newest[m[1]] = max(newest[m[1]], m[2])
			}
		}
	}
	for _, key := range named {
		m := dayVersion.FindStringSubmatch(key)
		if !there[key] && (m == nil || m[2] == newest[m[1]]) {
			wrong = append(wrong, "missing: "+key)
		}
		delete(there, key)
	}
	for key := range there {
		wrong = append(wrong, "stray: "+key)
	}
	slices.Sort(wrong)
	return wrong
}

var (
	mappingFile = regexp.MustCompile(`(^|/)schema/(events|people|identities)\.json$`)
	// dayVersion finds the folder of a day and the version of the day in a key.
	dayVersion = regexp.MustCompile(`^(.*/[0-9]{4}/[0-9]{2}/[0-9]{2}/)([0-9]{12})-[0-9a-z]+/`)
)

// keys returns all members "key" in a JSON value.
func keys(v any) []string {
	var all []string
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if text, ok := member.(string); ok && name == "key" {
				all = append(all, text)
			}
			all = append(all, keys(member)...)
		}
	case []any:
		for _, element := range v {
			all = append(all, keys(element)...)
		}
	}
	return all
}
