package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
)

func newPipeline(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "pipeline", Short: "Create, watch and steer pipelines",
		Long: `A pipeline exports events, people or identity mappings of a project into the lake and keeps the catalog up to date. A new one
first exports everything that has arrived, then what arrives: no gap, no overlap.`,
	}
	var projectName string
	c.PersistentFlags().StringVar(&projectName, "project", "", "the project's name or id")
	c.AddCommand(newPipelineCreate(o, &projectName), newPipelineList(o, &projectName), newPipelineShow(o, &projectName))
	for _, v := range []struct{ verb, short string }{
		{"run", "Make a pipeline due now, also after a failure"},
		{"pause", "Stop a pipeline's runs until it is resumed"},
		{"resume", "Go on with a paused pipeline where it stopped"},
		{"cancel", "End a pipeline for good; what it exported stays"},
	} {
		c.AddCommand(newPipelineChange(o, &projectName, v.verb, v.short))
	}
	return c
}

func newPipelineCreate(o *options, projectName *string) *cobra.Command {
	var in control.NewPipeline
	var interval time.Duration
	c := &cobra.Command{
		Use: "create", Short: "Create a pipeline", Args: cobra.NoArgs,
		Example: `  refract pipeline create --project shop --source events --frequency continuous
  refract pipeline create --project shop --source events --from 2026-01-01 --prefix archive
  refract pipeline create --project shop --source people`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, p, err := o.project(cmd.Context(), *projectName)
			if err != nil {
				return err
			}
			in.Project = p.ID
			if in.Database == "" {
				in.Database = fmt.Sprintf("mp_%d", p.ID)
			}
			if interval > 0 {
				in.Interval = interval.String()
			}
			made, err := client.CreatePipeline(cmd.Context(), in)
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), made, func(w io.Writer) { printPipeline(w, &made) })
		},
	}
	f := c.Flags()
	f.StringVar(&in.Source, "source", "events", "events, people or identities")
	f.StringVar(&in.Frequency, "frequency", "daily", "daily, hourly or continuous")
	f.StringVar(&in.Name, "name", "", "name (default: made from source and frequency)")
	f.StringVar(&in.From, "from", "", "first event day, YYYY-MM-DD (default: all)")
	f.StringVar(&in.To, "to", "", "last event day, YYYY-MM-DD (default: no end)")
	f.StringVar(&in.Bucket, "bucket", "lake", "destination bucket")
	f.StringVar(&in.Prefix, "prefix", "", "destination prefix")
	f.StringVar(&in.Database, "database", "", "catalog database (default: mp_<project id>)")
	f.StringVar(&in.Table, "table", "", "catalog table (default: Mixpanel's name)")
	f.DurationVar(&interval, "interval", 0, "shortest time between two runs of a continuous pipeline")
	f.BoolVar(&in.Milliseconds, "milliseconds", false, "add the column time_ms to events")
	return c
}

func printPipeline(w io.Writer, p *control.Pipeline) {
	location := "s3://" + p.Bucket + "/"
	if p.Prefix != "" {
		location += p.Prefix + "/"
	}
	fmt.Fprintf(w, "pipeline   %s (%s)\nsource     %s, %s, %s\nto         %s%d/%s\ncatalog    %s.%s\nstate      %s, published up to position %d of %d\n",
		p.Name, p.ID, p.Source, p.Format, p.Frequency, location, p.Project, p.Table, p.Database, p.Table, p.State, p.Published, p.Target)
	switch {
	case p.Attached:
		fmt.Fprintln(w, "warehouse  attached")
	case p.AttachError != "":
		fmt.Fprintf(w, "warehouse  not attached: %s\n", p.AttachError)
	}
}

func newPipelineList(o *options, projectName *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List a project's pipelines", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, p, err := o.project(cmd.Context(), *projectName)
			if err != nil {
				return err
			}
			all, err := client.Pipelines(cmd.Context(), p.ID)
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), all, func(w io.Writer) {
				table(w, "NAME\tSOURCE\tFREQUENCY\tSTATE\tPUBLISHED\tTABLE", func(row func(...any)) {
					for _, p := range all {
						row(p.Name, p.Source, p.Frequency, p.State, p.Published, p.Database+"."+p.Table)
					}
				})
			})
		},
	}
}

// pipelineDetail is what `pipeline show` prints as JSON.
type pipelineDetail struct {
	control.Pipeline
	Runs []control.Run `json:"runs"`
}

func newPipelineShow(o *options, projectName *string) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a pipeline and its last runs", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, p, err := o.pipeline(cmd, *projectName, args[0])
			if err != nil {
				return err
			}
			runs, err := client.Runs(cmd.Context(), p.ID, limit)
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), pipelineDetail{p, runs}, func(w io.Writer) {
				printPipeline(w, &p)
				fmt.Fprintln(w)
				table(w, "RUN\tSTATE\tWINDOW\tATTEMPTS\tFINISHED\tROWS\tOBJECTS\tDAYS\tERROR", func(row func(...any)) {
					for i := range runs {
						row(runCells(&runs[i])...)
					}
				})
			})
		},
	}
	c.Flags().IntVar(&limit, "runs", 20, "how many runs to show, newest first")
	return c
}

func runCells(r *control.Run) []any {
	finished, failure := "", ""
	if r.Finished != nil {
		finished = r.Finished.UTC().Format("2006-01-02 15:04:05")
	}
	if r.LastError != nil && r.State != "succeeded" {
		failure = r.LastError.Class + ": " + r.LastError.Message
		if r.LastError.Hint != "" {
			failure += " (" + r.LastError.Hint + ")"
		}
	}
	return []any{r.Number, r.State, fmt.Sprintf("(%d, %d]", r.After, r.UpTo), r.Attempts, finished, r.Rows, r.Objects, r.Days, failure}
}

func newPipelineChange(o *options, projectName *string, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, p, err := o.pipeline(cmd, *projectName, args[0])
			if err != nil {
				return err
			}
			if p, err = client.ChangePipeline(cmd.Context(), p.ID, verb); err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), p, func(w io.Writer) { printPipeline(w, &p) })
		},
	}
}

// pipeline finds a pipeline of the project by name or id.
func (o *options) pipeline(cmd *cobra.Command, projectName, name string) (*control.Client, control.Pipeline, error) {
	client, p, err := o.project(cmd.Context(), projectName)
	if err != nil {
		return nil, control.Pipeline{}, err
	}
	found, err := client.FindPipeline(cmd.Context(), p.ID, name)
	return client, found, err
}
