package identity

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/refract-io/refract/internal/aws/policy"
)

// members says what is done with each member of a mapping.
type members map[string]func(value *yaml.Node)

// mapping calls the members that a node has, and complains of others and of required ones that are missing.
func (r *reader) mapping(n *yaml.Node, at string, known members, required ...string) {
	n = resolve(n)
	what := at
	if what == "" {
		what = "the file"
	}
	names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	if n.Kind != yaml.MappingNode {
		r.fail(n, what, "is not a mapping", "its members are "+names)
		return
	}
	have := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		call := known[name.Value]
		switch {
		case call == nil:
			r.fail(name, join(at, name.Value), "is not known", "the members are "+names)
		case have[name.Value]:
			r.fail(name, join(at, name.Value), "is there a second time", "keep one of them")
		case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
			// A member without a value is as good as none.
		default:
			call(value)
		}
		have[name.Value] = true
	}
	for _, name := range required {
		if !have[name] {
			r.fail(n, what, "has no "+name, "the members are "+names)
		}
	}
}

func join(at, name string) string { return strings.TrimPrefix(at+"."+name, ".") }

// list calls item with each element of a sequence.
func (r *reader) list(n *yaml.Node, at string, item func(n *yaml.Node, at string)) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, at, "is not a list", "begin each element with a hyphen")
		return
	}
	for i, element := range n.Content {
		item(resolve(element), fmt.Sprintf("%s[%d]", at, i))
	}
}

func (r *reader) policies(n *yaml.Node, at string) (out []string) {
	r.list(n, at, func(n *yaml.Node, at string) {
		out = append(out, r.document(n, at, func(text []byte) error { _, err := policy.ParseIdentity(text); return err }))
	})
	return out
}

// document returns the JSON of a policy document that is written here as YAML or JSON, or in another file.
func (r *reader) document(n *yaml.Node, at string, check func([]byte) error) string {
	var text []byte
	switch {
	case n.Kind == yaml.MappingNode:
		var value map[string]any
		err := n.Decode(&value)
		if err == nil {
			text, err = json.Marshal(value)
		}
		if err != nil {
			r.fail(n, at, "is not a policy document: "+err.Error(), "write it as the IAM guide shows it")
			return ""
		}
	case n.Kind == yaml.ScalarNode && strings.HasPrefix(strings.TrimSpace(n.Value), "{"):
		text = []byte(n.Value)
	case n.Kind == yaml.ScalarNode:
		if text = r.content(n, at); text == nil {
			return ""
		}
	default:
		r.fail(n, at, "is not a policy document", "write it as YAML, as JSON, or as the path of a file")
		return ""
	}
	if err := check(text); err != nil {
		r.fail(n, at, "is not a policy document that is supported: "+err.Error(), "see docs/compatibility.md for what is")
		return ""
	}
	return string(text)
}

// content reads the file that a node names; nil after a complaint.
func (r *reader) content(n *yaml.Node, at string) []byte {
	path := n.Value
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.dir, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		r.fail(n, at, "names a file that can't be read: "+err.Error(), "give a path that is relative to "+r.name)
		return nil
	}
	return text
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
