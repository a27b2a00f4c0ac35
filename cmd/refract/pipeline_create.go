package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline/pipelineapi"
)

// everything is the from_date that exports all there is, for types of pipelines that must have one.
const everything = "1970-01-01"

func (p *pipelines) newCreate() *cobra.Command {
	c := &cobra.Command{
		Use: "create", Short: "Create a pipeline", Args: cobra.NoArgs,
		Long: `Create a pipeline, due at once. Flags are the parameters of the pipelines API, which docs/pipelines.md describes.

Without S3 flags a pipeline writes to the installation's own lake, and its tables go to the embedded catalog, where SQL finds
them: --use-glue is then on, and --glue-database mp_<project id>.`,
		Example: `  refract pipeline create --source events --frequency continuous
  refract pipeline create --type aws --format parquet --source events --schema monoschema --sync
  refract pipeline create --type json --source people --project shop
  refract pipeline create --type s3-raw --from 2026-08-01 --s3-prefix raw
  refract pipeline create --type aws --source events --format parquet --schema multischema --sync --from 2026-01-01 \
    --s3-bucket example-s3-export --s3-region us-west-2 --s3-role arn:aws:iam::123456789012:role/example-s3-role \
    --use-glue --glue-database mixpanel --glue-role arn:aws:iam::123456789012:role/example-glue-role
  refract pipeline create --events "Signed up" --events Purchase --where 'properties["plan"] == "pro"' --table pro_events`,
	}
	read := parameterFlags(c, pipelineapi.Parameters)
	c.Flags().Lookup("type").DefValue = "json"
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.on(cmd.Context(), func(client *control.Client, project int64) error {
			form := read()
			if !form.Has("type") {
				form.Set("type", "json")
			}
			if form.Get("type") == "aws" && form.Get("from_date") == "" {
				form.Set("from_date", everything)
			}
			names, err := client.CreatePipeline(cmd.Context(), project, form)
			if err != nil {
				return err
			}
			made := make([]control.Pipeline, len(names))
			for i, name := range names {
				if made[i], err = client.Pipeline(cmd.Context(), project, name); err != nil {
					return err
				}
			}
			return p.options.show(cmd.OutOrStdout(), made, func(w io.Writer) {
				for i := range made {
					if i > 0 {
						fmt.Fprintln(w)
					}
					printPipeline(w, &made[i])
				}
			})
		})
	}
	return c
}

func (p *pipelines) newEdit() *cobra.Command {
	c := &cobra.Command{
		Use: "edit NAME", Short: "Change what a pipeline selects, and the catalog of a schematized one", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Long: `Change what a pipeline selects from its next run on. A flag that is left out changes nothing; an empty value selects everything again.`,
		Example: `  refract pipeline edit events-daily-aws-monoschema --events "Signed up" --events Purchase
  refract pipeline edit events-daily-aws-monoschema --where ""`,
	}
	read := parameterFlags(c, pipelineapi.Editable())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return p.on(cmd.Context(), func(client *control.Client, project int64) error {
			form := read()
			form.Set("name", args[0])
			if err := client.Nessie(cmd.Context(), "edit", project, form, nil); err != nil {
				return err
			}
			x, err := client.Pipeline(cmd.Context(), project, args[0])
			if err != nil {
				return err
			}
			return p.options.show(cmd.OutOrStdout(), x, func(w io.Writer) { printPipeline(w, &x) })
		})
	}
	return c
}

// parameterFlags makes a flag of each parameter. The function that it returns has the values of those that were given.
func parameterFlags(c *cobra.Command, parameters []*pipelineapi.Parameter) func() url.Values {
	f := c.Flags()
	f.SortFlags = false
	values := make([]*parameterFlag, len(parameters))
	for i, p := range parameters {
		values[i] = &parameterFlag{parameter: p}
		flag := f.VarPF(values[i], p.Flag(), "", flagUsage(p))
		if p.Kind == pipelineapi.Bool {
			flag.NoOptDefVal = "true"
		}
		if all := p.Values(); len(all) > 0 {
			complete(c, p.Flag(), cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp))
		} else {
			complete(c, p.Flag(), cobra.NoFileCompletions)
		}
	}
	return func() url.Values {
		form := url.Values{}
		for _, v := range values {
			if v.values != nil {
				form[v.parameter.Name] = v.values
			}
		}
		return form
	}
}

// parameterFlag is a flag of a parameter. What it may hold the API says.
type parameterFlag struct {
	parameter *pipelineapi.Parameter
	values    []string
}

// Set implements pflag.Value.
func (f *parameterFlag) Set(text string) error {
	if f.parameter.Kind != pipelineapi.List {
		f.values = nil
	}
	f.values = append(f.values, text)
	return nil
}

// String implements pflag.Value.
func (f *parameterFlag) String() string { return strings.Join(f.values, ", ") }

// Type implements pflag.Value: the word that help shows for the value.
func (f *parameterFlag) Type() string {
	switch f.parameter.Kind {
	case pipelineapi.Bool:
		return "bool"
	case pipelineapi.List:
		return "name"
	}
	return string(f.parameter.Kind)
}

// flagUsage makes a flag's help of what the API's documentation says.
func flagUsage(p *pipelineapi.Parameter) string {
	usage := p.Doc
	if values := p.Values(); len(values) > 0 && len(values) < 10 {
		usage += ": " + strings.Join(values, ", ")
	}
	if text := p.Default(); text != "" && text != "false" {
		usage += " (default: " + text + ")"
	}
	// A quoted word in a usage would become the name of the flag's value.
	return flagWords(strings.ReplaceAll(usage, "`", ""))
}
