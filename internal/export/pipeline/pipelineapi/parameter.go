package pipelineapi

import (
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// Kind is the form of a parameter's value.
type Kind string

const (
	// Text is any text, or one of the rule's values.
	Text Kind = "text"
	// Bool is true or false; 1 and 0 too, in any case.
	Bool Kind = "boolean"
	// Date is YYYY-MM-DD.
	Date Kind = "date"
	// Duration is such as 500ms, 10s or 5m.
	Duration Kind = "duration"
	// Number is a positive whole number.
	Number Kind = "number"
	// List is text that may be given several times, once for each element.
	List Kind = "list"
)

// Rule is how one type of pipeline takes a parameter.
type Rule struct {
	// Values are all there are; nil for any.
	Values []string
	// Default is in words what leaving the parameter out means; "" for nothing.
	Default string
	// Required parameters cannot be left out. Needed says in words when one cannot be left out.
	Required bool
	Needed   string
	// Extra are values of Values that Mixpanel does not have.
	Extra []string
}

// Parameter is a parameter of the API, and a flag of the command line.
type Parameter struct {
	Name string
	Kind Kind
	// Doc says what it means, as part of a sentence without its end.
	Doc string
	// Example is a value.
	Example string
	// Types are the types of pipelines whose creation takes the parameter. It is nil for parameters that are not about creation.
	Types map[pipeline.Type]Rule
	// Edit are the types whose edit takes it.
	Edit []pipeline.Type
	// Ours says that Mixpanel has no such parameter for these types.
	Ours []pipeline.Type

	flag  string
	field func(*pipeline.Spec) value
}

// Flag returns the name of the command line's flag, without hyphens in front.
func (p *Parameter) Flag() string {
	if p.flag != "" {
		return p.flag
	}
	return strings.ReplaceAll(p.Name, "_", "-")
}

// Values returns the values that any type takes, nil if there is no list of them.
func (p *Parameter) Values() []string {
	var all []string
	for _, t := range Types {
		for _, v := range p.Types[t].Values {
			if !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	return all
}

// Types are the supported types of pipelines, in the order of the documentation.
var Types = []pipeline.Type{pipeline.TypeJSON, pipeline.TypeAWS, pipeline.TypeRaw}

// others are Mixpanel's types that are not supported.
var others = []string{"bigquery", "snowflake", "databricks", "gcs-raw", "gcs-schema", "azure-raw", "azure-blob"}

// The parameters of other calls.
var (
	projectID    = &Parameter{Name: "project_id", Kind: Number, Example: "2195193", Doc: "the project; required with a service account or the admin token"}
	pipelineName = &Parameter{Name: "name", Kind: Text, Example: "events-daily-aws-monoschema", Doc: "the pipeline's name or id"}
	summary      = &Parameter{Name: "summary", Kind: Bool, Example: "true", Doc: "count the jobs instead of listing them"}
	states       = &Parameter{Name: "status", Kind: List, Example: "failed", Doc: "only jobs of this state; repeat it for several: " + oneOf(RunStates())}
	limit        = &Parameter{Name: "limit", Kind: Number, Example: "20", Doc: "how many runs at most, newest first: 1 to 1000, default 100"}
)

// Named returns the parameter of create with the name, nil if there is none.
func Named(name string) *Parameter {
	i := slices.IndexFunc(Parameters, func(p *Parameter) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return Parameters[i]
}

// Default says in words what leaving the parameter out means, "" where it cannot be or where that depends on the type.
func (p *Parameter) Default() string {
	text := ""
	for _, t := range Types {
		rule, takes := p.Types[t]
		switch {
		case !takes || rule.Default == "":
		case text == "":
			text = rule.Default
		case text != rule.Default:
			return ""
		}
	}
	return text
}

// Editable are the parameters of edit, without those that say which pipeline.
func Editable() []*Parameter {
	var all []*Parameter
	for _, p := range Parameters {
		if len(p.Edit) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// createParameters and editParameters are what the calls take.
func createParameters() []*Parameter { return append([]*Parameter{projectID}, Parameters...) }

func editParameters() []*Parameter {
	return append([]*Parameter{projectID, pipelineName}, Editable()...)
}
