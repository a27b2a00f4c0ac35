package verify

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/bucket"
)

func day(t *testing.T, s string) event.Day {
	t.Helper()
	d, err := event.ParseDay(s)
	require.NoError(t, err)
	return d
}

func localLake(t *testing.T) bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenLocal("lake", t.TempDir())
	require.NoError(t, err)
	return b
}

// exact is a pipeline of two days in three objects and one column, with the same counts everywhere.
func exact(t *testing.T) *evidence {
	at := func(s string) pipeline.Place { return pipeline.Place{Day: day(t, s)} }
	one, two := at("2026-05-01"), at("2026-05-02")
	p := &pipeline.Pipeline{}
	p.ID, p.Name, p.Project, p.Source, p.Type, p.Table = "p1", "events-1", 1, pipeline.Events, pipeline.TypeJSON, "t"
	p.Glue.Use = true
	object := func(name string) string { return "1/t/" + name }
	return &evidence{
		p: p, bucket: localLake(t),
		expected: map[pipeline.Place]*pipeline.Expected{one: {Rows: 3, Values: []int64{2}}, two: {Rows: 5}},
		counts: &pipeline.Counts{
			Published: 9,
			Days: []pipeline.DayCount{
				{Place: one, Runs: 3, Manifests: 3, Objects: 3, RunValues: []int64{2}, ManifestValues: []int64{2}, ObjectValues: []int64{2}},
				{Place: two, Runs: 5, Manifests: 5, Objects: 5},
			},
			Keys: map[string]pipeline.Place{object("a"): one, object("b"): two, object("c"): two},
		},
		schema: []pipeline.SchemaTable{{Name: "t", Columns: []pipeline.SchemaColumn{{Name: "city"}}}},
		sql: map[string]*tableCounts{"t": {
			byPath: map[string]int64{"s3://lake/1/t/a": 3, "s3://lake/1/t/b": 4, "s3://lake/1/t/c": 1}, values: []int64{2},
		}},
	}
}

func TestASectionIsExactWhenAllStagesAgree(t *testing.T) {
	s := exact(t).section()
	r := &Report{Pipelines: []Section{*s}}
	require.True(t, r.Exact(), r.Differences())
	require.Len(t, s.Lines, 3)
	require.EqualValues(t, 9, s.Position)
}

func TestEachStageThatDiffersIsNamedWithItsDay(t *testing.T) {
	one, two, three := pipeline.Place{Day: day(t, "2026-05-01")}, pipeline.Place{Day: day(t, "2026-05-02")}, pipeline.Place{Day: day(t, "2026-05-03")}
	for name, c := range map[string]struct {
		change func(e *evidence)
		want   string
	}{
		"a record lost in the store":         {func(e *evidence) { e.expected[one].Rows-- }, "2026-05-01: 2 stored, 3 exported"},
		"a day never exported":               {func(e *evidence) { e.expected[three] = &pipeline.Expected{Rows: 1} }, "2026-05-03: 1 stored, 0 exported"},
		"a day that the store does not have": {func(e *evidence) { delete(e.expected, two) }, "2026-05-02: 0 stored, 5 exported"},
		"a run that miscounted":              {func(e *evidence) { e.counts.Days[0].Runs++ }, "4 exported"},
		"a manifest that is gone":            {func(e *evidence) { e.counts.Days[1].Manifests = 4 }, "4 in manifests"},
		"an object cut short":                {func(e *evidence) { e.counts.Days[1].Objects = 1 }, "1 rows in objects"},
		"a partition that SQL does not see":  {func(e *evidence) { delete(e.sql["t"].byPath, "s3://lake/1/t/a") }, "0 counted by SQL"},
		"an object that SQL reads twice":     {func(e *evidence) { e.sql["t"].byPath["s3://lake/1/t/b"] *= 2 }, "9 counted by SQL"},
		"an object that no run wrote":        {func(e *evidence) { e.counts.Stray = []string{"t/x"} }, "no run wrote (t/x)"},
		"a value lost in the store":          {func(e *evidence) { e.expected[one].Values[0]-- }, "values of t.city: 1 stored, 2 exported"},
		"a column that SQL does not read":    {func(e *evidence) { e.sql["t"].values[0] = 0 }, "values of t.city: 2 stored, 2 exported, 2 in manifests, 2 in objects, 0 counted by SQL"},
		"a property that has no column and is not in mp_properties": {
			func(e *evidence) { e.expected[one].Members = 3; e.counts.Days[0].ObjectMembers = 2 },
			"values of t that have no column: 3 stored, 2 in mp_properties",
		},
		"a member of mp_properties that nobody sent": {
			func(e *evidence) { e.counts.Days[1].ObjectMembers = 1 }, "values of t that have no column: 0 stored, 1 in mp_properties",
		},
		"rows over a limit that are not kept whole": {
			func(e *evidence) {
				e.expected[two].Reduced = 2
				e.counts.Oversize = pipeline.OversizeCount{Manifests: 2}
			},
			"rows over a limit, kept whole in _oversize/: 2 stored, 2 in manifests, 0 rows in objects",
		},
		"rows over a limit that no manifest knows": {
			func(e *evidence) { e.expected[two].Reduced = 2 }, "kept whole in _oversize/: 2 stored, 0 in manifests, 0 rows in objects",
		},
		"events whose name has no table": {
			func(e *evidence) {
				e.expected[pipeline.Place{Table: pipeline.NoTable, Day: one.Day}] = &pipeline.Expected{Rows: 1}
			},
			"events of no table 2026-05-01: 1 stored, 0 exported",
		},
		"a version of a day that SQL still reads": {
			func(e *evidence) {
				e.sql["t"].byPath["s3://lake/1/t/2026/05/01/000000000004-p1/p1-000000000000-000000000004-0000.parquet"] = 3
			},
			"rows that SQL reads from objects of no published run: 0 expected, 3 counted by SQL",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := exact(t)
			c.change(e)
			r := &Report{Pipelines: []Section{*e.section()}}
			require.False(t, r.Exact())
			require.Len(t, r.Differences(), 1)
			require.Contains(t, r.Differences()[0], "pipeline events-1, ")
			require.Contains(t, r.Differences()[0], c.want)
		})
	}
}

func TestObjectsOfOthersAndOfLaterRunsAreNotCounted(t *testing.T) {
	e := exact(t)
	e.sql["t"].byPath["s3://lake/1/t/2026/05/01/p2-000000000000-000000000004-0000.json.gz"] = 3
	e.sql["t"].byPath["s3://lake/1/t/2026/05/01/p1-000000000009-000000000012-0000.json.gz"] = 3
	require.True(t, (&Report{Pipelines: []Section{*e.section()}}).Exact())
}

func TestASnapshotIsOneLineAndAPipelineWithoutACatalogIsNotAskedBySQL(t *testing.T) {
	p := &pipeline.Pipeline{}
	p.Source, p.Type, p.Table = pipeline.People, pipeline.TypeJSON, "p"
	e := &evidence{
		p: p, bucket: localLake(t), expected: map[pipeline.Place]*pipeline.Expected{{}: {Rows: 7}},
		counts: &pipeline.Counts{Days: []pipeline.DayCount{{Runs: 7, Manifests: 7, Objects: 7}}, Keys: map[string]pipeline.Place{"p/v1/a": {}}},
	}
	s := e.section()
	require.Len(t, s.Lines, 1)
	require.Equal(t, "snapshot", s.Lines[0].What)
	require.Len(t, s.Lines[0].Counts, 4)
	require.True(t, s.Lines[0].Exact)
}

func TestIntakeDifferencesAreNamed(t *testing.T) {
	r := &Report{Intake: []Line{line("records", Count{"accepted", 5}, Count{"stored", 4})}}
	require.Equal(t, []string{"intake, records: 5 accepted, 4 stored"}, r.Differences())
}
