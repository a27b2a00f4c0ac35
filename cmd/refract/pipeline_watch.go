package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline/pipelineapi"
)

// ask makes a call and prints its answer: as the API gave it, or as text.
func ask[T any](p *pipelines, cmd *cobra.Command, call string, form url.Values, text func(io.Writer, T)) error {
	return p.on(cmd.Context(), func(client *control.Client, project int64) error {
		var raw json.RawMessage
		if err := client.Nessie(cmd.Context(), call, project, form, &raw); err != nil {
			return err
		}
		var value T
		if err := json.Unmarshal(raw, &value); err != nil {
			return fmt.Errorf("reading the answer of %s: %w", call, err)
		}
		return p.options.show(cmd.OutOrStdout(), raw, func(w io.Writer) { text(w, value) })
	})
}

func (p *pipelines) newStatus() *cobra.Command {
	var states []string
	var summary bool
	c := &cobra.Command{
		Use: "status NAME", Short: "List a pipeline's jobs by state, or count them", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Example: `  refract pipeline status events-daily-aws-monoschema --summary
  refract pipeline status events-daily-aws-monoschema --status failed --status retried`,
		RunE: func(cmd *cobra.Command, args []string) error {
			form := named(args[0])
			if len(states) > 0 {
				form["status"] = states
			}
			if summary {
				form.Set("summary", "true")
				return ask(p, cmd, "status", form, printSummary)
			}
			return ask(p, cmd, "status", form, printJobs)
		},
	}
	f := c.Flags()
	f.BoolVar(&summary, "summary", false, "count the jobs instead of listing them")
	f.StringArrayVar(&states, "status", nil, "only jobs of this state; may be repeated: "+strings.Join(pipelineapi.RunStates(), ", "))
	complete(c, "status", cobra.FixedCompletions(pipelineapi.RunStates(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func printSummary(w io.Writer, counts map[string]int64) {
	table(w, "STATE\tJOBS", func(row func(...any)) {
		for _, state := range slices.Sorted(maps.Keys(counts)) {
			row(state, counts[state])
		}
	})
}

func printJobs(w io.Writer, groups map[string][]struct {
	State    string `json:"state"`
	RunAt    string `json:"run_at"`
	Finished string `json:"last_finish"`
	From     string `json:"from_date"`
	To       string `json:"to_date"`
}) {
	table(w, "STATE\tRUN AT\tLAST FINISH\tFROM\tTO", func(row func(...any)) {
		for _, state := range slices.Sorted(maps.Keys(groups)) {
			for _, j := range groups[state] {
				row(state, j.RunAt, never(j.Finished), dayOf(j.From), dayOf(j.To))
			}
		}
	})
}

// isNever reports whether a time of the API is the one that stands for never.
func isNever(text string) bool {
	return strings.HasPrefix(text, "0000-") || strings.HasPrefix(text, "0001-")
}

func never(text string) string {
	if isNever(text) {
		return "never"
	}
	return text
}

func dayOf(text string) string {
	if isNever(text) {
		return "-"
	}
	day, _, _ := strings.Cut(text, "T")
	return day
}

func (p *pipelines) newJobs() *cobra.Command {
	return &cobra.Command{
		Use: "jobs", Short: "List the project's pipelines as Mixpanel's API does", Args: cobra.NoArgs,
		Example: "  refract pipeline jobs --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, "jobs", nil, func(w io.Writer, projects map[string][]struct {
				Name, Dispatcher, Frequency string
				Last                        string `json:"last_dispatched"`
				Sync                        string `json:"sync_enabled"`
			}) {
				table(w, "NAME\tDISPATCHER\tLAST DISPATCHED\tFREQUENCY\tSYNC", func(row func(...any)) {
					for _, all := range projects {
						for _, j := range all {
							row(j.Name, j.Dispatcher, j.Last, j.Frequency, j.Sync)
						}
					}
				})
			})
		},
	}
}
