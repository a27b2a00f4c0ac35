package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/refract-io/refract/internal/node"
	"github.com/refract-io/refract/internal/platform/nearest"
)

// usageError is a mistake in flags or arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// options are the flags that all commands share.
type options struct {
	dataDir string
	server  string
	token   string
	json    bool
}

func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "refract",
		Short: "Product events in, your own lake and SQL out",
		Long: `Refract takes product events as Mixpanel's clients send them, keeps them durably, exports them into a lake of JSON or Parquet
files with an AWS Glue catalog, and answers Amazon Redshift SQL over it.

Start the service with "refract up"; the other commands talk to it. They find it, and the token that lets them in,
through the data folder.

Exit status: 0 done; 1 the answer is no (a verification that differs, records refused); 2 wrong use, or something you must
change; 3 try again later; 4 an error in Refract.`,
		Example: `  refract demo                         # the whole way on this machine
  refract up                           # run the service
  refract project create shop          # make a project
  refract import events.ndjson --project shop
  refract pipeline create --project shop --source events --frequency continuous
  refract sql "SELECT count(*) FROM mp_json_export.mp_master_event"`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w%s; see %q", err, meantFlag(c, err), c.CommandPath()+" --help")
	})
	flags := root.PersistentFlags()
	flags.StringVar(&o.dataDir, "data-dir", envOr("REFRACT_DATA_DIR", "./refract-data"), "the service's data folder")
	flags.StringVar(&o.server, "server", os.Getenv("REFRACT_SERVER"), "the service's HTTP address (default: read from the data folder)")
	flags.StringVar(&o.token, "admin-token", "", "the admin token (default: $REFRACT_ADMIN_TOKEN, or read from the data folder)")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	root.AddCommand(
		newUp(o), newDemo(o), newProject(o), newServiceAccount(o), newImport(o), newPipeline(o), newSQL(o), newVerify(o),
		newQuarantine(o), newStatus(o), newAWS(o), newConfig(o), newBench(o),
	)
	tellUsage(root)
	return root
}

// meantFlag guesses which flag of the command an unknown one was meant to be, as words to put behind the error.
func meantFlag(c *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	near := nearest.To(unknown.GetSpecifiedName(), names)
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean --%s?)", near)
}

// tellUsage makes wrong arguments and unknown commands mistakes in use, for the command and all below it.
func tellUsage(c *cobra.Command) {
	for _, sub := range c.Commands() {
		tellUsage(sub)
	}
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%w; see %q", err, cmd.CommandPath()+" --help")
			}
			return nil
		}
	}
	if c.Runnable() {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		text := fmt.Sprintf("unknown command %q; see %q", args[0], cmd.CommandPath()+" --help")
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += ": did you mean " + strings.Join(near, " or ") + "?"
		}
		return usageError{errors.New(text)}
	}
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

// connect returns a client of the running service.
func (o *options) connect() (*node.Client, error) {
	return node.Connect(o.dataDir, o.server, first(o.token, os.Getenv("REFRACT_ADMIN_TOKEN")))
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// show prints v as JSON if that was asked for, else calls text.
func (o *options) show(w io.Writer, v any, text func(io.Writer)) error {
	if !o.json {
		text(w)
		return nil
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}

// table prints rows under a header, in columns.
func table(w io.Writer, header string, rows func(row func(cells ...any))) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, header)
	rows(func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(tw, "\t")
			}
			fmt.Fprint(tw, c)
		}
		fmt.Fprintln(tw)
	})
	tw.Flush()
}
