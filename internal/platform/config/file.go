package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/refract-io/refract/internal/platform/nearest"
)

// reader walks a file's nodes. It works on nodes, not on decoded values, because those know their lines and keep numbers as they
// are written.
type reader struct {
	name     string
	fields   map[string]*Field
	sections map[string]bool
	values   map[string]given
	problems []Problem
}

func parseFile(path string, content []byte, fields []*Field) (map[string]given, []Problem) {
	r := &reader{name: filepath.Base(path), fields: map[string]*Field{}, sections: map[string]bool{}, values: map[string]given{}}
	for _, f := range fields {
		r.fields[f.Path] = f
		for section := f.Path; ; {
			dot := strings.LastIndexByte(section, '.')
			if dot < 0 {
				break
			}
			section = section[:dot]
			r.sections[section] = true
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return r.values, nil // an empty file
	case err != nil:
		r.problems = append(r.problems, Problem{Place: r.name, Wrong: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")})
		return nil, r.problems
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.problems = append(r.problems, Problem{Place: r.name, Wrong: "holds more than one document", Hint: "keep the first"})
	}
	if root := resolve(document.Content[0]); !isNull(root) {
		r.section("", root)
	}
	return r.values, r.problems
}

func (r *reader) fail(n *yaml.Node, path, wrong, hint string) {
	r.problems = append(r.problems, Problem{r.place(n), path, wrong, hint})
}

func (r *reader) place(n *yaml.Node) string { return fmt.Sprintf("%s:%d", r.name, n.Line) }

func (r *reader) section(path string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		what := path
		if what == "" {
			what = "the file"
		}
		r.fail(n, what, "is not a mapping", "write one key: value on each line")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		full := key.Value
		if path != "" {
			full = path + "." + key.Value
		}
		switch {
		case r.fields[full] != nil:
			r.field(r.fields[full], key, value)
		case r.sections[full] && isNull(value):
		case r.sections[full]:
			r.section(full, value)
		default:
			r.unknown(full, key)
		}
	}
}

func (r *reader) field(f *Field, key, value *yaml.Node) {
	if before, ok := r.values[f.Path]; ok {
		r.fail(key, f.Path, "is set a second time; the first is at "+before.from, "keep one of them")
		return
	}
	switch {
	case isNull(value):
	case value.Kind == yaml.ScalarNode:
		r.values[f.Path] = given{value.Value, r.place(value)}
	case value.Kind == yaml.SequenceNode && f.Type == "list":
		items := make([]string, len(value.Content))
		for i, item := range value.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode || strings.Contains(item.Value, ",") {
				r.fail(item, f.Path, "holds something that is not a single value", "valid is "+f.Valid)
				return
			}
			items[i] = item.Value
		}
		r.values[f.Path] = given{strings.Join(items, ","), r.place(key)}
	case f.Type == "list":
		r.fail(value, f.Path, "is not a list", "valid is "+f.Valid+", as a sequence or separated by commas")
	default:
		r.fail(value, f.Path, "is not a single value", "valid is "+f.Valid)
	}
}

func (r *reader) unknown(path string, key *yaml.Node) {
	var names []string
	for name := range r.fields {
		names = append(names, name)
	}
	for name := range r.sections {
		names = append(names, name)
	}
	hint := "refract config docs lists all settings"
	if near := nearest.To(path, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	r.fail(key, path, "is not a setting", hint)
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
