package harness

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Strays returns what lies in the lake's folder and is neither a manifest nor named by one, and what a manifest names and is not there.
// Files under way lie in a folder whose name begins with a dot.
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
		if strings.Contains(key, "/_manifest/") || strings.HasPrefix(key, "_manifest/") {
			manifests = append(manifests, path)
		} else {
			there[filepath.ToSlash(key)] = true
		}
		return nil
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	var wrong []string
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
			if !there[key] {
				wrong = append(wrong, "missing: "+key)
			}
			delete(there, key)
		}
	}
	for key := range there {
		wrong = append(wrong, "stray: "+key)
	}
	slices.Sort(wrong)
	return wrong
}

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
