package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/golden"
	"github.com/refract-io/refract/internal/verify"
)

func TestTheConfigurationReferenceIsWhatTheCodeDeclares(t *testing.T) {
	const path = "../../docs/configuration.md"
	golden.Equal(t, path, []byte(config.Docs())) // make docs writes it
}

func TestExitStatuses(t *testing.T) {
	cases := map[string]struct {
		err  error
		want int
	}{
		"wrong use":                            {usagef("no"), exitSetup},
		"something to set up":                  {fmt.Errorf("x: %w", fault.New(fault.Setup, "a", "", nil, "")), exitSetup},
		"input that can never be taken":        {fault.New(fault.Poison, "a", "", nil, ""), exitSetup},
		"something that passes":                {fault.New(fault.Transient, "a", "", nil, ""), exitTransient},
		"an error without class":               {errors.New("x"), exitBug},
		"what the service says is the user's":  {&control.Failure{Class: "setup"}, exitSetup},
		"what the service says passes":         {fmt.Errorf("x: %w", &control.Failure{Class: "transient"}), exitTransient},
		"what the service says is a bug of it": {&control.Failure{Class: "bug"}, exitBug},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, exitStatus(c.err)) })
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	empty := t.TempDir()
	cases := map[string]struct {
		args []string
		want int
	}{
		"an unknown flag":                  {[]string{"status", "--nope"}, exitSetup},
		"an unknown command":               {[]string{"nope"}, exitSetup},
		"an argument that is missing":      {[]string{"project", "create"}, exitSetup},
		"no service in the data folder":    {[]string{"status", "--data-dir", empty}, exitSetup},
		"a file that is not there":         {[]string{"import", empty + "/missing.ndjson", "--data-dir", empty}, exitSetup},
		"a mapping without time":           {[]string{"import", "-", "--map", "event=a", "--data-dir", empty}, exitSetup},
		"limits that do not exist":         {[]string{"import", "-", "--limits", "some", "--data-dir", empty}, exitSetup},
		"a setting out of range":           {[]string{"up", "--seal-after", "0s", "--data-dir", empty}, exitSetup},
		"a quarantine id that is no id":    {[]string{"quarantine", "show", "x", "--data-dir", empty}, exitSetup},
		"a format that does not exist":     {[]string{"sql", "select 1", "--format", "xml", "--data-dir", empty}, exitSetup},
		"a service that does not answer":   {[]string{"status", "--server", "http://127.0.0.1:1", "--admin-token", "x", "--data-dir", empty}, exitTransient},
		"help is no mistake":               {[]string{"pipeline", "--help"}, exitOK},
		"the version is no mistake either": {[]string{"--version"}, exitOK},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, run(c.args)) })
	}
}

func TestAnUnknownFlagIsAnsweredWithTheOneThatWasMeant(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"a slip":                     {[]string{"project", "create", "shop", "--timezone", "UTC"}, `unknown flag: --timezone (did you mean --time-zone?); see "refract project create --help"`},
		"nothing like it":            {[]string{"status", "--nope"}, `unknown flag: --nope; see "refract status --help"`},
		"a letter":                   {[]string{"status", "-x"}, `unknown shorthand flag: 'x' in -x; see "refract status --help"`},
		"a flag of the root command": {[]string{"status", "--data-dri", "x"}, `unknown flag: --data-dri (did you mean --data-dir?); see "refract status --help"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := newRoot()
			root.SetArgs(c.args)
			require.EqualError(t, root.Execute(), c.want)
		})
	}
}

func TestAVerificationCountsColumnsThatAreExactAndShowsThoseThatDiffer(t *testing.T) {
	counts := func(a, b int64) []verify.Count {
		return []verify.Count{{Stage: "stored", N: a}, {Stage: "exported", N: b}}
	}
	var b bytes.Buffer
	printReport(&b, &verify.Report{Pipelines: []verify.Section{{Pipeline: "p", Lines: []verify.Line{
		{What: "2026-11-20", Counts: counts(2, 2), Exact: true},
		{What: "values of t.a", Table: "t", Counts: counts(2, 2), Exact: true},
		{What: "values of t.b", Table: "t", Counts: counts(2, 1)},
		{What: "values of t.c", Table: "t", Counts: counts(1, 1), Exact: true},
	}}}})
	require.Contains(t, b.String(), "PIPELINE p\n2026-11-20     2 stored  2 exported\nvalues of t.b  2 stored  1 exported  <- differs\nvalues of 2 columns of t: exact\n")
}

func TestEveryCommandSaysWhatItDoes(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.False(t, strings.HasSuffix(c.Short, "."), c.CommandPath())
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
}

func TestTablesAreAligned(t *testing.T) {
	var b bytes.Buffer
	table(&b, "A\tLONG HEADER", func(row func(...any)) { row("first cell", 1); row("x", 22) })
	require.Equal(t, "A           LONG HEADER\nfirst cell  1\nx           22\n", b.String())
}
