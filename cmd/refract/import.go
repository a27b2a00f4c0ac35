package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/intake/source"
)

// importPatience is how long an import waits for a service that restarts before it has begun. Once it has, it waits for good.
const importPatience = 10 * time.Second

func newImport(o *options) *cobra.Command {
	var projectName, mapping, collector, limits string
	var opts source.Options
	var parallel int
	c := &cobra.Command{
		Use:   "import FILE|FOLDER|- ...",
		Short: "Import NDJSON, JSON arrays and CSV, plain or compressed",
		Long: `Import files, the files below folders, or standard input ("-"). Records are events in Mixpanel's form, which is also that of its raw
export, or anything that --map turns into events. Files may be gzip, zstd or bzip2.

An import that was interrupted is run again with the same arguments: what the service has taken is not taken twice. To import the
same file twice on purpose, give another --job.`,
		Example: `  refract import events.ndjson.gz --project shop
  refract import ./exports --project shop
  zcat old.csv.gz | refract import - --project shop --map event=action,time=at,distinct_id=user
  refract import github_events.ndjson --limits none --map event=type,time=created_at,distinct_id=actor.login,insert_id=id`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limits != "mixpanel" && limits != "none" {
				return usagef("limits %q: use mixpanel or none", limits)
			}
			opts.Whole = limits == "none"
			if mapping != "" {
				m, err := source.ParseMapping(mapping)
				if err != nil {
					return usageError{err}
				}
				opts.Mapping = m
			}
			files, err := source.Expand(args)
			if err != nil {
				return usageError{err}
			}
			client, err := o.connect()
			if err != nil {
				return err
			}
			client.Patience = importPatience
			p, err := findProject(cmd.Context(), &client.Client, projectName)
			if err != nil {
				return err
			}
			bar := importBar(files, o.json)
			im := &source.Importer{URL: first(collector, client.URL), Token: p.Token, Parallel: parallel, Progress: func(s source.Summary) {
				bar.Describe(fmt.Sprintf("%d records", s.Records))
				_ = bar.Set64(s.Bytes) // a bar that cannot be drawn is no reason to stop
			}}
			sum, err := im.Run(cmd.Context(), files, opts)
			_ = bar.Finish()
			if err != nil {
				return fmt.Errorf("%w\n%d records are in; run the same command again to go on", err, sum.Imported)
			}
			if err := o.show(cmd.OutOrStdout(), sum, func(w io.Writer) { printImport(w, sum) }); err != nil {
				return err
			}
			if sum.Refused > 0 {
				return errNo
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&projectName, "project", "", "the project's name or id")
	f.StringVar(&mapping, "map", "", "what makes an event of a record: event=PATH,time=PATH[,distinct_id=PATH][,insert_id=PATH][,device_id=PATH][,user_id=PATH][,properties=PATH]")
	f.StringVar(&limits, "limits", "mixpanel", "what becomes of long, deep and many properties: mixpanel cuts or refuses them, none keeps them whole")
	f.BoolVar(&opts.CSVText, "csv-text", false, "keep all CSV cells as text, also numbers and booleans")
	f.StringVar(&opts.Job, "job", "", "a name for this import; another name imports the same records again")
	f.StringVar(&collector, "collector", "", "the collector's address (default: the service's)")
	f.IntVar(&parallel, "parallel", 4, "how many requests are under way at once")
	return c
}

// importBar draws the progress through the files.
func importBar(files []string, quiet bool) *progressbar.ProgressBar {
	var total int64
	for _, f := range files {
		info, err := os.Stat(f)
		if f == "-" || err != nil {
			total = -1
			break
		}
		total += info.Size()
	}
	return newBar(total, quiet)
}

// newBar draws progress through so many bytes (-1: unknown) on standard error, when someone looks at it.
func newBar(total int64, quiet bool) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowBytes(true),
		progressbar.OptionSetVisibility(!quiet && isTerminal(os.Stderr)), progressbar.OptionClearOnFinish())
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func printImport(w io.Writer, s source.Summary) {
	fmt.Fprintf(w, "%d records read from %d files: %d imported, %d refused\n", s.Records, s.Files, s.Imported, s.Refused)
	if len(s.Reasons) == 0 {
		return
	}
	messages := make([]string, 0, len(s.Reasons))
	for m := range s.Reasons {
		messages = append(messages, m)
	}
	sort.Slice(messages, func(i, j int) bool { return s.Reasons[messages[i]] > s.Reasons[messages[j]] })
	for _, m := range messages {
		fmt.Fprintf(w, "  %6d  %s\n", s.Reasons[m], m)
	}
	fmt.Fprintln(w, "Refused records are kept: see `refract quarantine list`.")
}
