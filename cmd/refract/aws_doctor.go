package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/platform/fault"
)

func newAWSDoctor(o *options) *cobra.Command {
	var in control.Examination
	var local bool
	c := &cobra.Command{
		Use: "doctor [NAME]", Short: "Check a pipeline's settings against the live AWS account", Args: cobra.MaximumNArgs(1),
		Long: `Check a pipeline's settings against the AWS account, step by step: the credentials, every role (which must refuse a wrong external ID and
a missing one), every action of the policies on S3, KMS, Glue and the Data API, the encryption, the regions, the external schema.
Each line that is red says what is wrong, which statement is missing from which policy, and what to do.

It does what the exporter does, on an object and a table of its own, which it removes. The running service does it, with the
credentials that it exports with; with --local this command does, with those of its own environment (AWS_PROFILE and the like).

With --deep it also finds out what AWS's documents leave open about Redshift Spectrum and Glue, by small files and tables that the
warehouse reads, and two wide tables; that takes minutes and may wake a warehouse that bills by the second. Without it the report
says how many of these questions are still open.

Exit status: 0 nothing is red; 1 something is; 3 something could not be told, try again.`,
		Example: `  refract aws doctor events-daily --project shop
  refract aws doctor events-daily --project shop --deep --json
  refract aws doctor --local --external-id TOKEN --project-id 7 --s3-bucket lake --s3-region eu-central-1 --s3-role arn:aws:iam::123456789012:role/refract-7-s3`,
	}
	c.Flags().BoolVar(&local, "local", false, "check from here, with the AWS credentials of this command's environment")
	c.Flags().BoolVar(&in.Deep, "deep", false, "also ask what AWS's documents leave open")
	settings := settingsFlags(c, o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		client, plan, err := settings(cmd, args)
		if err != nil {
			return err
		}
		s := plan[0]
		in.Settings = *s
		var report doctor.Report
		switch {
		case local:
			report = *doctor.New(assume.New(assume.Options{}), s, in.Deep).Run(cmd.Context(), s)
		case client == nil:
			return usagef("without the service, with --external-id, there is only --local")
		default:
			if report, err = client.ExamineAWS(cmd.Context(), s.Project, in); err != nil {
				return err
			}
		}
		if err := o.show(cmd.OutOrStdout(), &report, func(w io.Writer) { printExamination(w, &report) }); err != nil {
			return err
		}
		return verdict(&report)
	}
	return c
}

// verdict is the exit status that a report means.
func verdict(r *doctor.Report) error {
	switch {
	case r.Count(doctor.Failed) > 0:
		return errNo
	case r.Count(doctor.Unclear) > 0:
		return fault.New(fault.Transient, "examining", first(r.Pipeline, "the settings"), errors.New("some steps say nothing"), "try again")
	}
	return nil
}

// marks are how steps ended, with the colors that terminals show them in.
var marks = map[doctor.Status]struct{ text, color string }{
	doctor.Passed:  {"ok", "32"},
	doctor.Failed:  {"FAIL", "31"},
	doctor.Warned:  {"warn", "33"},
	doctor.Unclear: {"?", "33"},
	doctor.Skipped: {"-", "90"},
	doctor.Found:   {"found", "36"},
}

func printExamination(w io.Writer, r *doctor.Report) {
	width := 0
	for i := range r.Checks {
		width = max(width, len(r.Checks[i].Name))
	}
	colors, area := colored(w), ""
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Area != area {
			area = c.Area
			fmt.Fprintf(w, "%s\n", area)
		}
		mark := fmt.Sprintf("%-5s", marks[c.Status].text)
		if colors {
			mark = "\x1b[" + marks[c.Status].color + "m" + mark + "\x1b[0m"
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s  %-*s  %s", mark, width, c.Name, first(c.Cause, c.Detail)), " "))
		const margin = "         "
		if c.Remedy != "" {
			fmt.Fprintf(w, "%s%s\n", margin, c.Remedy)
		}
		if c.Missing != nil {
			if c.Role != "" {
				fmt.Fprintf(w, "%s%s:\n", margin, c.Role)
			}
			for line := range strings.Lines(c.Missing.Text()) {
				fmt.Fprintf(w, "%s%s", margin, line)
			}
		}
	}
	fmt.Fprintf(w, "\n%d ok, %d red, %d warnings, %d unclear, %d skipped\n", r.Count(doctor.Passed), r.Count(doctor.Failed), r.Count(doctor.Warned), r.Count(doctor.Unclear), r.Count(doctor.Skipped))
	if n := len(r.Open); n > 0 {
		fmt.Fprintf(w, "%d questions that AWS's documents leave open are not settled for this account: once all is green, run it with --deep\n", n)
	}
}

// colored reports whether somebody looks at what is written, and wants colors (no-color.org).
func colored(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && isTerminal(f)
}
