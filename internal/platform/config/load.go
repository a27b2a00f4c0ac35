package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Sources are where Load looks.
type Sources struct {
	// File is the path of a YAML file that must exist; "" is none.
	File string
	// Environ holds variables in the form of os.Environ.
	Environ []string
	// Flags is a parsed set to which AddFlags has added the settings' flags; nil is none.
	Flags *pflag.FlagSet
}

// Setting is a setting's value as it was read.
type Setting struct {
	*Field
	// Value is the text that was read, without passwords: "(secret)" for a secret that has a value.
	Value string
	// From is the place it was read from: "refract.yaml:12", "$REFRACT_ROLES", "--roles", or "" for the default.
	From string
}

// Problem is a mistake in the configuration.
type Problem struct {
	// Place is as Setting.From. Path is the setting. Wrong says what is wrong with it and Hint what would be right.
	Place, Path, Wrong, Hint string
}

// Error joins the parts into a line.
func (p Problem) Error() string {
	s := p.Path + " " + p.Wrong
	if p.Path == "" {
		s = p.Wrong
	}
	if p.Place != "" {
		s = p.Place + ": " + s
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// given is a value that a source has for a setting.
type given struct{ value, from string }

// AddFlags adds a flag for every setting but the secrets.
func AddFlags(flags *pflag.FlagSet) {
	for _, f := range declare(new(Config)) {
		if f.Flag() != "" {
			flags.Var(&flagValue{f.Default, f.Type}, f.Flag(), f.Description)
		}
	}
}

// flagValue keeps a flag's text. Load checks it, together with the other sources.
type flagValue struct{ text, kind string }

func (v *flagValue) String() string     { return v.text }
func (v *flagValue) Set(s string) error { v.text = s; return nil }
func (v *flagValue) Type() string       { return v.kind }

// Load reads the configuration. The settings are in the order of the documentation. A failure is a setup error that wraps every
// Problem found.
func Load(s Sources) (*Config, []Setting, error) {
	c := new(Config)
	fields := declare(c)
	values, problems, err := readFile(s.File, fields)
	if err != nil {
		return nil, nil, err
	}
	environ := map[string]string{}
	for _, variable := range s.Environ {
		name, value, _ := strings.Cut(variable, "=")
		environ[name] = value
	}
	settings := make([]Setting, len(fields))
	places := map[string]string{}
	for i, f := range fields {
		v, ok := values[f.Path]
		if !ok {
			v = given{value: f.Default}
		}
		if value := environ[f.Env()]; value != "" {
			v = given{value, "$" + f.Env()}
		}
		if s.Flags != nil && f.Flag() != "" {
			if flag := s.Flags.Lookup(f.Flag()); flag != nil && flag.Changed {
				v = given{flag.Value.String(), "--" + f.Flag()}
			}
		}
		if err := f.set(v.value); err != nil {
			problems = append(problems, f.problem(v, err))
		}
		places[f.Path] = v.from
		settings[i] = Setting{f, v.value, v.from}
		if f.show != nil {
			settings[i].Value = f.show(v.value)
		}
	}
	if len(problems) == 0 {
		problems = c.finish(func(path string) string { return places[path] })
	}
	if len(problems) > 0 {
		all := make([]error, len(problems))
		for i, p := range problems {
			all[i] = p
		}
		return nil, nil, fault.New(fault.Setup, "reading the configuration", s.File, errors.Join(all...), "")
	}
	return c, settings, nil
}

func (f *Field) problem(v given, err error) Problem {
	shown := fmt.Sprintf("%q ", v.value)
	if f.show != nil || v.value == "" || f.Type == "list" {
		shown = ""
	}
	hint := "valid is " + f.Valid
	if f.Type == "size" || f.Type == "duration" || f.Type == "list" || len(f.Choices) == 0 && f.Example != "" && f.Type == "text" {
		hint += ", for example " + f.Example
	}
	return Problem{v.from, f.Path, shown + err.Error(), hint}
}

func readFile(path string, fields []*Field) (map[string]given, []Problem, error) {
	if path == "" {
		return nil, nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fault.New(fault.Setup, "reading the configuration file", path, err, "give the path of a readable file")
	}
	values, problems := parseFile(path, content, fields)
	return values, problems, nil
}
