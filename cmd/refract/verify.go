package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/verify"
)

func newVerify(o *options) *cobra.Command {
	var projectName string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Reconcile a project: accepted, stored, exported, in objects, counted by SQL",
		Long: `Count a project's records at every stage, each from what the stage wrote itself, and compare them day by day for each pipeline.
Exit status 1 and the days that differ when they are not all the same.`,
		Example: "  refract verify --project shop\n  refract verify --project shop --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, p, err := o.project(cmd.Context(), projectName)
			if err != nil {
				return err
			}
			r, err := client.Verify(cmd.Context(), p.ID)
			if err != nil {
				return err
			}
			if err := o.show(cmd.OutOrStdout(), r, func(w io.Writer) { printReport(w, r) }); err != nil {
				return err
			}
			if !r.Exact() {
				return errNo
			}
			return nil
		},
	}
	c.Flags().StringVar(&projectName, "project", "", "the project's name or id")
	return c
}

func printReport(w io.Writer, r *verify.Report) {
	printLines(w, "INTAKE", r.Intake)
	for _, s := range r.Pipelines {
		fmt.Fprintln(w)
		printLines(w, "PIPELINE "+s.Pipeline, s.Lines)
	}
	fmt.Fprintln(w)
	if differences := r.Differences(); len(differences) > 0 {
		fmt.Fprintf(w, "NOT exact:\n  %s\n", strings.Join(differences, "\n  "))
		return
	}
	fmt.Fprintln(w, "exact: every stage has the same records")
}

// printLines prints what differs, and every day. Columns whose values are all there are only counted: a table has up to 9,500.
func printLines(w io.Writer, title string, lines []verify.Line) {
	columns := map[string]int{}
	var tables []string
	table(w, title, func(row func(...any)) {
		for _, l := range lines {
			if l.Table != "" && l.Exact {
				if columns[l.Table]++; columns[l.Table] == 1 {
					tables = append(tables, l.Table)
				}
				continue
			}
			cells := []any{l.What}
			for _, c := range l.Counts {
				cells = append(cells, fmt.Sprintf("%d %s", c.N, c.Stage))
			}
			if !l.Exact {
				cells = append(cells, "<- differs")
			}
			row(cells...)
		}
	})
	for _, t := range tables {
		fmt.Fprintf(w, "values of %d columns of %s: exact\n", columns[t], t)
	}
}
