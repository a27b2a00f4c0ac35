package pipelineapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// intro is what the documentation begins with.
const intro = `# Pipelines

A pipeline exports a project's events, user profiles ("people") or identity mappings into a lake, and keeps a catalog and a
warehouse informed. Pipelines are managed by Mixpanel's Data Pipelines API, or by ` + "`refract pipeline`" + `, which is a client of it: each
parameter below is also a flag.

    curl http://127.0.0.1:8080/api/2.0/nessie/pipeline/create -u API_SECRET: \
      -d type=s3-raw -d from_date=2026-08-01 -d s3_bucket=example-s3-export -d s3_region=us-west-2 \
      -d s3_role=arn:aws:iam::123456789012:role/example-s3-role -d s3_encryption=aes

    refract pipeline create --type aws --format parquet --source events --schema monoschema --sync

What Refract adds to Mixpanel's API is marked with a star (★): whole calls, parameters, values.

## Requests

Calls are below ` + "`/api/2.0/nessie/pipeline/`" + `. Parameters come in the query or in a form-encoded body, with either method; calls that change
something are posted. A list is given by repeating its parameter (` + "`events=a&events=b`, also `events[]=a`" + `). An empty value is no value.
Parameters that a call does not know are refused, so that a misspelt filter does not export everything.

Credentials are Basic: a service account's name and secret, with ` + "`project_id`" + `, where the account has the role owner or admin; or the
project's secret as user name with an empty password. The project's token is not enough. The installation's admin token, as
` + "`Authorization: Bearer`" + `★, manages all projects; the command line uses it.

## Answers

Answers are JSON. An error is ` + "`{\"error\":\"...\",\"status\":\"error\"}`" + `, with ★` + "`class`" + ` and, where one parameter is to change, ★` + "`parameter`" + `:

| status | class | meaning |
|---|---|---|
| 400 | setup | something in the request is to change; the text begins with the parameter |
| 401 | setup | credentials are missing or wrong |
| 403 | setup | the service account has not the right role, or belongs to another project |
| 404 | setup | there is no such pipeline |
| 405, 413 | setup | the call is made with another method; the form is larger than 1 MiB |
| 503 | transient | passes by itself: try again |
| 500 | bug | an error in Refract; its log says more |

`

// destinations explains what single parameters do not.
const destinations = `## Destinations

Without ` + "`s3_region`, `s3_role` and `s3_endpoint`" + ` a pipeline writes to the installation's own lake (` + "`lake.bucket`" + `), its tables go to the embedded
catalog, and the embedded warehouse shows them: ` + "`use_glue` is then on, and `glue_database` is `mp_<project_id>`" + `. So all of this works on a
laptop without AWS. For any other destination Mixpanel's rules hold: bucket, region and role are required, and with ` + "`use_glue`" + ` the
database and its role; pipelines of the type ` + "`json`" + ` may leave roles out and then use the credentials of the service's surroundings.

Where the way to a bucket is known otherwise, by ` + "`s3_endpoint`" + ` or by the settings ` + "`destination.region` and `destination.endpoint_url`" + `, region and
role may be left out for all types; without a region for bucket or catalog the tables go to the embedded catalog. Requests to a service at ` + "`s3_endpoint`" + `
are then signed for the region of the service's surroundings, or for us-east-1.

## Trials

` + "`trial=true`" + ` exports 30 calendar days, beginning the day before the call. Dates, frequency, ` + "`sync` and `data_source`" + ` of the request are replaced: a
schematized trial makes pipelines of events, people and identity mappings, a raw one of events. A trial exports all events: a request
with a filter is refused.

`

// Docs returns the documentation of the API in Markdown.
func Docs() string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("## Calls\n\nAll take `project_id`, " + projectID.Doc + ". `name` is " + pipelineName.Doc + ".\n")
	for _, c := range calls() {
		c.document(&b)
	}
	b.WriteString("\n## Parameters of create\n\n`json`, `aws` and `s3-raw` say how pipelines of that type take a parameter: its default or when it is required; a dash says that they\ndo not take it.\n\n")
	b.WriteString("| parameter | form | json★ | aws | s3-raw | meaning |\n|---|---|---|---|---|---|\n")
	for _, p := range Parameters {
		p.document(&b)
	}
	b.WriteString("\nRegions of `aws` are Mixpanel's: " + strings.Join(Named("s3_region").Types[aws].Values, ", ") + "; those of `s3-raw` also me-south-1. Those of `json`, and of\nS3-compatible services, are free.\n\n")
	b.WriteString(destinations)
	b.WriteString("## Parameters of edit\n\nBeside `project_id` and `name`:\n\n| parameter | types |\n|---|---|\n")
	for _, p := range Editable() {
		var types []string
		for _, t := range p.Edit {
			types = append(types, "`"+string(t)+"`")
		}
		fmt.Fprintf(&b, "| `%s`%s | %s |\n", p.Name, star(len(p.Ours) > 0), strings.Join(types, ", "))
	}
	return b.String()
}

func star(ours bool) string {
	if ours {
		return "★"
	}
	return ""
}

func (c *call) document(b *strings.Builder) {
	method := "GET or POST"
	if c.changes {
		method = "POST"
	}
	fmt.Fprintf(b, "\n### %s%s\n\n%s. %s\n\n", c.name, star(c.ours), method, c.doc)
	if c.name != "create" && c.name != "edit" {
		var parameters []string
		for _, p := range c.parameters {
			text := "`" + p.Name + "`"
			if p != projectID && p != pipelineName {
				text += " (" + string(p.Kind) + "): " + p.Doc
			}
			parameters = append(parameters, text)
		}
		fmt.Fprintf(b, "Parameters: %s.\n\n", strings.Join(parameters, "; "))
	}
	for line := range strings.SplitSeq(c.answers, "\n") {
		fmt.Fprintf(b, "%s\n", strings.TrimRight("    "+line, " "))
	}
}

func (p *Parameter) document(b *strings.Builder) {
	fmt.Fprintf(b, "| `%s`%s | %s |", p.Name, star(p.oursAlways()), p.Kind)
	for _, t := range Types {
		fmt.Fprintf(b, " %s |", p.rule(t))
	}
	fmt.Fprintf(b, " %s; such as `%s` |\n", p.Doc, strings.ReplaceAll(p.Example, "|", `\|`))
}

// oursAlways reports whether Mixpanel has the parameter for no type.
func (p *Parameter) oursAlways() bool {
	for _, t := range []pipeline.Type{aws, raw} {
		if _, takes := p.Types[t]; takes && !slices.Contains(p.Ours, t) {
			return false
		}
	}
	return true
}

// rule says in a table's cell how pipelines of the type take the parameter.
func (p *Parameter) rule(t pipeline.Type) string {
	rule, takes := p.Types[t]
	if !takes {
		return "-"
	}
	var parts []string
	if len(rule.Values) > 0 && len(rule.Values) < 10 {
		var values []string
		for _, v := range rule.Values {
			values = append(values, "`"+v+"`"+star(slices.Contains(rule.Extra, v)))
		}
		parts = append(parts, strings.Join(values, ", "))
	}
	if rule.Required {
		parts = append(parts, "required")
	}
	if rule.Default != "" {
		parts = append(parts, "default: "+rule.Default)
	}
	if rule.Needed != "" {
		parts = append(parts, "required "+rule.Needed)
	}
	return strings.Join(parts, "; ")
}
