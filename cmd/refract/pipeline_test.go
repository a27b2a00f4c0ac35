package main

import (
	"bytes"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/export/pipeline/pipelineapi"
)

func find(t *testing.T, path ...string) *cobra.Command {
	t.Helper()
	c, _, err := newRoot().Find(path)
	require.NoError(t, err)
	return c
}

func TestEveryParameterIsAFlag(t *testing.T) {
	create, edit := find(t, "pipeline", "create"), find(t, "pipeline", "edit")
	for _, p := range pipelineapi.Parameters {
		flag := create.Flags().Lookup(p.Flag())
		require.NotNil(t, flag, p.Name)
		require.NotContains(t, flag.Usage, "`", p.Name)
		require.NotContains(t, flag.Usage, "s3_", "flags speak of flags: %s", p.Name)
		_, completes := create.GetFlagCompletionFunc(p.Flag())
		require.True(t, completes, p.Name)
		require.Equal(t, len(p.Edit) > 0, edit.Flags().Lookup(p.Flag()) != nil, p.Name)
	}
}

func TestFlagsMakeAForm(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want url.Values
	}{
		"nothing":                    {nil, url.Values{}},
		"what was given":             {[]string{"--type", "aws", "--source=people", "--s3-kms-key-id", "k"}, url.Values{"type": {"aws"}, "data_source": {"people"}, "s3_kms_key_id": {"k"}}},
		"a list":                     {[]string{"--events", "a, b", "--events", "c"}, url.Values{"events": {"a, b", "c"}}},
		"a boolean alone":            {[]string{"--sync"}, url.Values{"sync": {"true"}}},
		"a boolean that is off":      {[]string{"--use-glue=false"}, url.Values{"use_glue": {"false"}}},
		"an empty text":              {[]string{"--where", ""}, url.Values{"where": {""}}},
		"the last of several values": {[]string{"--from", "2026-01-01", "--from", "2026-02-01"}, url.Values{"from_date": {"2026-02-01"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := &cobra.Command{Use: "x"}
			read := parameterFlags(c2, pipelineapi.Parameters)
			require.NoError(t, c2.ParseFlags(c.args))
			require.Equal(t, c.want, read())
		})
	}
}

func TestErrorsNameFlags(t *testing.T) {
	for name, c := range map[string]struct{ parameter, message, want string }{
		"the parameter that is wrong":     {"from_date", `from_date: "x" is no date`, `--from: "x" is no date`},
		"other parameters":                {"to_date", "to_date: 2026-01-01 lies before from_date 2026-02-01", "--to: 2026-01-01 lies before --from 2026-02-01"},
		"a list of them":                  {"s3_role", "s3_role: is missing: give s3_bucket, s3_region and s3_role", "--s3-role: is missing: give --s3-bucket, --s3-region and --s3-role"},
		"a pipeline that is not there":    {"name", `name: the project has no pipeline "x"`, `the project has no pipeline "x"`},
		"a name that is wrong":            {"name", `name: "X" is no name`, `--name: "X" is no name`},
		"a parameter of another call":     {"status", `status: "x" is no state`, `--status: "x" is no state`},
		"the project":                     {"project_id", "project_id: there is no project 7", "--project: there is no project 7"},
		"words that are no parameters":    {"", "table mp_master_event is there", "table mp_master_event is there"},
		"values that look like something": {"table", `table: "Sub_Table": use lower-case letters`, `--table: "Sub_Table": use lower-case letters`},
	} {
		t.Run(name, func(t *testing.T) {
			err := withFlags(&control.Failure{Message: c.message, Parameter: c.parameter, Class: "setup"})
			require.EqualError(t, err, c.want)
			require.Equal(t, exitSetup, exitStatus(err))
		})
	}
	other := errors.New("x")
	require.Equal(t, other, withFlags(other))
	require.NoError(t, withFlags(nil))
}

func TestARunThatFailedSaysWhyAndWhatToDo(t *testing.T) {
	at := time.Date(2026, 8, 3, 7, 31, 5, 0, time.UTC)
	var b bytes.Buffer
	printRuns(&b, []control.Run{
		{Number: 2, State: "failed", After: 10, UpTo: 20, Attempts: 3, Finished: &at, LastError: &control.RunError{
			Class: "setup", Object: "s3://b/k", Message: "putting object s3://b/k: access denied (allow s3:PutObject)", Hint: "allow s3:PutObject",
		}},
		{Number: 1, State: "succeeded", UpTo: 10, Attempts: 2, Finished: &at, Rows: 5, Objects: 1, Days: 1, LastError: &control.RunError{Class: "transient", Message: "it passed"}},
	})
	require.Equal(t, `RUN  STATE      WINDOW    ATTEMPTS  FINISHED             ROWS  OBJECTS  DAYS
2    failed     (10, 20]  3         2026-08-03 07:31:05  0     0        0
1    succeeded  (0, 10]   2         2026-08-03 07:31:05  5     1        1

run 2 failed: setup (something to change)
  what    putting object s3://b/k: access denied
  object  s3://b/k
  do      allow s3:PutObject
`, b.String())
}

func TestRowsOverALimitAreShownWhereThereAreAny(t *testing.T) {
	at := time.Date(2026, 8, 3, 7, 31, 5, 0, time.UTC)
	var b bytes.Buffer
	printRuns(&b, []control.Run{
		{Number: 2, State: "succeeded", After: 10, UpTo: 20, Attempts: 1, Finished: &at, Rows: 7, Objects: 1, Days: 1},
		{Number: 1, State: "succeeded", UpTo: 10, Attempts: 1, Finished: &at, Rows: 5, Objects: 1, Days: 1, Long: 3, Reduced: 2},
	})
	require.Equal(t, `RUN  STATE      WINDOW    ATTEMPTS  FINISHED             ROWS  OBJECTS  DAYS  LONG  REDUCED
2    succeeded  (10, 20]  1         2026-08-03 07:31:05  7     1        1     0     0
1    succeeded  (0, 10]   1         2026-08-03 07:31:05  5     1        1     3     2
`, b.String())
}

func TestAPipelineIsShownByWhatItIs(t *testing.T) {
	var b bytes.Buffer
	printPipeline(&b, &control.Pipeline{
		ID: "5f0c9a3e7d21", Name: "p", Project: 7, Type: "aws", Source: "events", Format: "parquet", SchemaType: "multischema", Sync: true, Frequency: "daily",
		From: "2026-01-01", Where: "true", Events: []string{"a", "b"}, Bucket: "b", Prefix: "x", UseGlue: true, Database: "d", TablePrefix: "t_", State: "active",
		Published: 3, Target: 5, AttachError: "no right", Warning: "slow",
	})
	require.Equal(t, `pipeline   p (5f0c9a3e7d21)
exports    aws, events, parquet, multischema, sync
runs       daily, days from 2026-01-01
events     a, b
where      true
to         s3://b/x/7/<event>/
catalog    d.t_<event>
state      active, published up to position 3 of 5
warehouse  not attached: no right
warning    slow
`, b.String())
	for want, a := range map[string]pipeline.Attachment{
		"warehouse  attached as mp_json_export by IAMR:reader at 2026-08-03 07:31:05, tables: 3, rows seen in mp_master_event: 1\n": {Schema: "mp_json_export", User: "IAMR:reader", Tables: 3, Table: "mp_master_event", Rows: 1, At: time.Date(2026, 8, 3, 7, 31, 5, 0, time.UTC)},
		"warehouse  attached as s by refract at 1970-01-01 00:00:00, tables: 0, none read\n":                                        {Schema: "s", User: "refract", At: time.Unix(0, 0)},
	} {
		b.Reset()
		printPipeline(&b, &control.Pipeline{Type: "aws", Source: "events", Attached: true, Attachment: &a})
		require.Contains(t, b.String(), want)
	}
}
