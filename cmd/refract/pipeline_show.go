package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline"
)

func (p *pipelines) newList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List a project's pipelines", Args: cobra.NoArgs,
		Example: "  refract pipeline list --project shop",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.on(cmd.Context(), func(client *control.Client, project int64) error {
				all, err := client.Pipelines(cmd.Context(), project)
				if err != nil {
					return err
				}
				return p.options.show(cmd.OutOrStdout(), all, func(w io.Writer) {
					table(w, "NAME\tTYPE\tSOURCE\tFORMAT\tFREQUENCY\tSTATE\tPUBLISHED\tDESTINATION", func(row func(...any)) {
						for i := range all {
							x := &all[i]
							row(x.Name, x.Type, x.Source, x.Format, x.Frequency, x.State, x.Published, destination(x))
						}
					})
				})
			})
		},
	}
}

// pipelineDetail is what `pipeline show` prints as JSON.
type pipelineDetail struct {
	Pipeline control.Pipeline `json:"pipeline"`
	Runs     []control.Run    `json:"runs"`
}

func (p *pipelines) newShow() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a pipeline and its last runs", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Example: "  refract pipeline show events-daily-aws-monoschema",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.on(cmd.Context(), func(client *control.Client, project int64) error {
				x, err := client.Pipeline(cmd.Context(), project, args[0])
				if err != nil {
					return err
				}
				runs, err := client.Runs(cmd.Context(), project, x.ID, limit)
				if err != nil {
					return err
				}
				return p.options.show(cmd.OutOrStdout(), pipelineDetail{x, runs}, func(w io.Writer) {
					printPipeline(w, &x)
					fmt.Fprintln(w)
					printRuns(w, runs)
				})
			})
		},
	}
	c.Flags().IntVar(&limit, "runs", 20, "how many runs to show, newest first")
	return c
}

func (p *pipelines) newRuns() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "runs NAME", Short: "List a pipeline's runs, and why those failed that did", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Example: "  refract pipeline runs events-daily-aws-monoschema --limit 5",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.on(cmd.Context(), func(client *control.Client, project int64) error {
				runs, err := client.Runs(cmd.Context(), project, args[0], limit)
				if err != nil {
					return err
				}
				return p.options.show(cmd.OutOrStdout(), runs, func(w io.Writer) { printRuns(w, runs) })
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 100, "how many runs to list, newest first")
	return c
}

// destination returns the folder of the pipeline's project or table.
func destination(x *control.Pipeline) string {
	to := "s3://" + x.Bucket + "/"
	if x.Prefix != "" {
		to += x.Prefix + "/"
	}
	to += strconv.FormatInt(x.Project, 10) + "/"
	if x.Type != string(pipeline.TypeRaw) {
		to += tableOf(x) + "/"
	}
	return to
}

// tableOf returns the pipeline's table, or what stands for those that are named after events.
func tableOf(x *control.Pipeline) string {
	switch {
	case x.Table != "":
		return x.Table
	case x.SchemaType == string(pipeline.Multischema):
		return "<event>"
	default:
		return pipeline.Source(x.Source).Table()
	}
}

func printPipeline(w io.Writer, x *control.Pipeline) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-11s"+format+"\n", append([]any{name}, args...)...)
	}
	line("pipeline", "%s (%s)", x.Name, x.ID)
	what := []string{x.Type, x.Source, x.Format}
	if x.SchemaType != "" {
		what = append(what, x.SchemaType)
	}
	if x.Sync {
		what = append(what, "sync")
	}
	if x.Trial {
		what = append(what, "trial")
	}
	line("exports", "%s", strings.Join(what, ", "))
	when := x.Frequency
	if x.Interval != "" {
		when += ", at most every " + x.Interval
	}
	if x.From != "" {
		when += ", days from " + x.From
	}
	if x.To != "" {
		when += ", days up to " + x.To
	}
	line("runs", "%s", when)
	for _, s := range []struct{ name, text string }{
		{"events", strings.Join(x.Events, ", ")}, {"not", strings.Join(x.ExcludeEvents, ", ")}, {"where", x.Where},
		{"properties", strings.Join(x.Properties, ", ")}, {"without", strings.Join(x.ExcludeProperties, ", ")},
	} {
		if s.text != "" {
			line(s.name, "%s", s.text)
		}
	}
	line("to", "%s", destination(x))
	if x.UseGlue {
		line("catalog", "%s.%s", x.Database, x.TablePrefix+tableOf(x))
	}
	line("state", "%s, published up to position %d of %d", x.State, x.Published, x.Target)
	switch {
	case x.Attachment != nil:
		line("warehouse", "%s", attachment(x.Attachment))
	case x.Attached:
		line("warehouse", "attached")
	case x.AttachError != "":
		line("warehouse", "not attached: %s", x.AttachError)
	}
	if x.Warning != "" {
		line("warning", "%s", x.Warning)
	}
}

// attachment says what the warehouse saw, and as whom.
func attachment(a *pipeline.Attachment) string {
	read := "none read"
	if a.Table != "" {
		read = fmt.Sprintf("rows seen in %s: %d", a.Table, a.Rows)
	}
	return fmt.Sprintf("attached as %s by %s at %s, tables: %d, %s", a.Schema, a.User, a.At.UTC().Format(time.DateTime), a.Tables, read)
}

// printRuns prints runs as a table, and below it why those did not succeed that did not. There are columns for rows over a limit if there
// are any.
func printRuns(w io.Writer, runs []control.Run) {
	long := slices.ContainsFunc(runs, func(r control.Run) bool { return r.Long > 0 })
	reduced := slices.ContainsFunc(runs, func(r control.Run) bool { return r.Reduced > 0 })
	header := "RUN\tSTATE\tWINDOW\tATTEMPTS\tFINISHED\tROWS\tOBJECTS\tDAYS"
	if long {
		header += "\tLONG"
	}
	if reduced {
		header += "\tREDUCED"
	}
	table(w, header, func(row func(...any)) {
		for i := range runs {
			r := &runs[i]
			finished := ""
			if r.Finished != nil {
				finished = r.Finished.UTC().Format(time.DateTime)
			}
			values := []any{r.Number, r.State, fmt.Sprintf("(%d, %d]", r.After, r.UpTo), r.Attempts, finished, r.Rows, r.Objects, r.Days}
			if long {
				values = append(values, r.Long)
			}
			if reduced {
				values = append(values, r.Reduced)
			}
			row(values...)
		}
	})
	for i := range runs {
		if e := runs[i].LastError; e != nil && runs[i].State != "succeeded" {
			printRunError(w, &runs[i], e)
		}
	}
}

// classMeans says who mends an error of a class.
var classMeans = map[string]string{
	"setup": "something to change", "transient": "passes by itself, is tried again", "poison": "an input that cannot be taken", "bug": "an error in Refract",
}

func printRunError(w io.Writer, r *control.Run, e *control.RunError) {
	message := e.Message
	if e.Hint != "" {
		message = strings.Replace(message, " ("+e.Hint+")", "", 1)
	}
	fmt.Fprintf(w, "\nrun %d %s: %s (%s)\n  what    %s\n", r.Number, r.State, e.Class, classMeans[e.Class], message)
	if e.Object != "" {
		fmt.Fprintf(w, "  object  %s\n", e.Object)
	}
	if e.Hint != "" {
		fmt.Fprintf(w, "  do      %s\n", e.Hint)
	}
}
