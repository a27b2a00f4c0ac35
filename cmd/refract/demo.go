package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/demo"
	"github.com/refract-io/refract/internal/intake/source"
	"github.com/refract-io/refract/internal/node"
)

func newDemo(o *options) *cobra.Command {
	var d demo.Options
	c := &cobra.Command{
		Use: "demo", Short: "Walk the whole way on this machine, and leave the service up",
		Long: `Start the service if it is not running, make a project, import a made-up shop's events and, if there, real ones of GitHub, export them,
verify every stage, and run the query of Mixpanel's documentation. Running it again imports nothing twice.`,
		Example: "  refract demo\n  refract demo --events 200000 --data-dir /tmp/refract",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.DataDir, d.Out = o.dataDir, cmd.OutOrStdout()
			d.Query = func(ctx context.Context, client *node.Client, sql string, out io.Writer) error {
				return runSQL(ctx, o, sqlTarget{address: client.Addresses.SQL, user: sqlUser, database: sqlDatabase}, sql, out, printTable)
			}
			d.Progress = func(total int64) (func(source.Summary), func()) {
				bar := newBar(total, o.json)
				return func(s source.Summary) { _ = bar.Set64(s.Bytes) }, func() { _ = bar.Finish() }
			}
			return demo.Run(cmd.Context(), d)
		},
	}
	c.Flags().IntVar(&d.Events, "events", 20_000, "how many sample events")
	c.Flags().StringVar(&d.GitHubEvents, "github-events", "", "a file of events as GitHub's events API gives them, to import too")
	return c
}
