package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	parquetgo "github.com/parquet-go/parquet-go"

	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/pipeline"
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

// RequireSpectrumSafe checks the footer and the page headers of every Parquet file in the lake's folder: they must be what Redshift Spectrum
// reads, with the first of the columns that `refract pipeline schema` tells of the table. It fails if there are none.
func (s *Service) RequireSpectrumSafe(lake string, project int64) {
	s.tb.Helper()
	all, err := s.API().Pipelines(s.Context(), project)
	if err != nil {
		s.tb.Fatal(err)
	}
	files, checked := 0, 0
	for _, x := range all {
		if x.Format != string(pipeline.Parquet) {
			continue
		}
		var schema struct {
			Tables []pipeline.SchemaTable `json:"tables"`
		}
		if err := s.API().Nessie(s.Context(), "schema", project, url.Values{"name": {x.ID}}, &schema); err != nil {
			s.tb.Fatal(err)
		}
		for _, t := range schema.Tables {
			var columns []parquet.Column
			for _, c := range t.Columns {
				columns = append(columns, parquet.Column{Name: c.Name, Type: c.Type.Parquet()})
			}
			dir := filepath.Join(lake, x.Prefix, strconv.FormatInt(project, 10), strings.TrimPrefix(t.Name, x.TablePrefix))
			checked += s.checkFiles(dir, columns)
		}
	}
	err = filepath.WalkDir(lake, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".parquet") {
			files++
		}
		return err
	})
	if err != nil || files == 0 || files != checked {
		s.tb.Fatalf("%d of %d Parquet files were checked: %v", checked, files, err)
	}
}

// checkFiles checks the Parquet files below a table's folder and returns how many there are.
func (s *Service) checkFiles(dir string, columns []parquet.Column) (n int) {
	s.tb.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasSuffix(path, ".parquet") {
			return nil // a table may have no rows any more
		}
		if err != nil {
			return err
		}
		n++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parquetgo.OpenFile(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		has := len(f.Schema().Fields())
		if has > len(columns) {
			return fmt.Errorf("%s has %d columns, its table %d", path, has, len(columns))
		}
		if err := parquet.CheckSpectrumSafe(bytes.NewReader(content), int64(len(content)), columns[:has]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return n
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
