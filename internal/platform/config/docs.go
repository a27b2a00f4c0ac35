package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Docs returns the documentation of all settings in Markdown.
func Docs() string {
	var b strings.Builder
	b.WriteString("# Configuration\n\n" +
		"A setting is taken from the first that has it: its flag, its environment variable, the file (`--config`), its default.\n" +
		"The file is YAML; the dots of a setting's name are levels of nesting. An empty variable or a key without a value counts as absent.\n" +
		"Sizes are whole numbers of bytes or of B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024).\n" +
		"Durations are such as 500ms, 10s, 1h30m. Lists are separated by commas; in the file they may also be sequences.\n")
	for _, f := range declare(new(Config)) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", f.Path, f.Description)
		standard := "none"
		if f.Default != "" {
			standard = "`" + f.Default + "`"
		}
		flag := "none"
		if f.Flag() != "" {
			flag = "`--" + f.Flag() + "`"
		}
		kind := f.Type
		if f.Secret {
			kind += ", secret"
		}
		fmt.Fprintf(&b, "| | |\n|---|---|\n| type | %s |\n| valid | %s |\n| default | %s |\n| example | `%s` |\n| environment | `%s` |\n| flag | %s |\n",
			kind, f.Valid, standard, f.Example, f.Env(), flag)
	}
	return b.String()
}

// schema is the part of JSON Schema that describes the file.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type"`
	Enum        []string           `json:"enum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Default     any                `json:"default,omitempty"`
	Examples    []any              `json:"examples,omitempty"`
	WriteOnly   bool               `json:"writeOnly,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Additional  *bool              `json:"additionalProperties,omitempty"`
}

// Schema returns a JSON Schema of the file, for editors.
func Schema() ([]byte, error) {
	root := section()
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", "Refract configuration"
	for _, f := range declare(new(Config)) {
		at := root
		names := strings.Split(f.Path, ".")
		for _, name := range names[:len(names)-1] {
			if at.Properties[name] == nil {
				at.Properties[name] = section()
			}
			at = at.Properties[name]
		}
		at.Properties[names[len(names)-1]] = f.schema()
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return append(out, '\n'), nil
}

func section() *schema {
	closed := false
	return &schema{Type: "object", Properties: map[string]*schema{}, Additional: &closed}
}

func (f *Field) schema() *schema {
	s := &schema{Type: "string", Description: f.Description + " Valid: " + f.Valid + ".", WriteOnly: f.Secret, Examples: []any{f.value(f.Example)}}
	if f.Default != "" {
		s.Default = f.value(f.Default)
	}
	switch f.Type {
	case "integer":
		s.Type = "integer"
	case "size":
		s.Type = []string{"string", "integer"}
	case "list":
		s.Type = []string{"array", "string"}
		s.Items = &schema{Type: "string", Enum: f.Choices}
	default:
		s.Enum = f.Choices
	}
	return s
}

// value returns a default or example as the schema's type has it.
func (f *Field) value(text string) any {
	switch f.Type {
	case "integer":
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	case "list":
		return strings.Split(text, ",")
	}
	return text
}
