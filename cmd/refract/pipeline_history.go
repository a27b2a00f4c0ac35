package main

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

func (p *pipelines) newTimeline() *cobra.Command {
	return &cobra.Command{
		Use: "timeline [NAME]", Short: "List when each day was exported or replaced, of one pipeline or of all", Args: cobra.MaximumNArgs(1), ValidArgsFunction: p.completeNames,
		Example: "  refract pipeline timeline events-daily-aws-monoschema",
		RunE: func(cmd *cobra.Command, args []string) error {
			form := url.Values{}
			if len(args) > 0 {
				form = named(args[0])
			}
			return ask(p, cmd, "timeline", form, func(w io.Writer, timeline struct {
				Days []struct {
					Date, Status string
					Times        []string `json:"sync_times"`
				} `json:"day_syncs"`
			}) {
				table(w, "DATE\tSTATUS\tSYNCS\tLAST", func(row func(...any)) {
					for _, d := range timeline.Days {
						last := ""
						if n := len(d.Times); n > 0 {
							last = d.Times[n-1]
						}
						row(d.Date, d.Status, len(d.Times), last)
					}
				})
			})
		},
	}
}

func (p *pipelines) newSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema NAME", Short: "Show which property each column of a schematized pipeline comes from", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Long: `Show the columns of a schematized pipeline's tables: the property each comes from, its type, when it was first seen, and how many
rows have a value there. A property that had several types has a column for each: the rows of the suffixed ones are those that did not fit
the first.`,
		Example: "  refract pipeline schema events-daily-aws-monoschema",
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, "schema", named(args[0]), printSchema)
		},
	}
}

func printSchema(w io.Writer, schema struct {
	Tables []struct {
		Name    string `json:"name"`
		Event   string `json:"event"`
		Rows    int64  `json:"rows"`
		Columns []struct {
			Name      string `json:"name"`
			Property  string `json:"property"`
			Type      string `json:"type"`
			FirstSeen string `json:"first_seen"`
			Rows      int64  `json:"rows"`
		} `json:"columns"`
	} `json:"tables"`
}) {
	for i, t := range schema.Tables {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s, %d rows", t.Name, t.Rows)
		if t.Event != "" {
			fmt.Fprintf(w, " of the event %q", t.Event)
		}
		fmt.Fprintln(w)
		table(w, "COLUMN\tTYPE\tPROPERTY\tFIRST SEEN\tROWS", func(row func(...any)) {
			for _, c := range t.Columns {
				row(c.Name, c.Type, c.Property, c.FirstSeen, c.Rows)
			}
		})
	}
}
