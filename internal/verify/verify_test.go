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

func lake(t *testing.T) bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenLocal("lake", t.TempDir())
	require.NoError(t, err)
	return b
}

// exact is a pipeline of two days in three objects, with the same counts everywhere.
func exact(t *testing.T) (map[event.Day]int64, *pipeline.Counts, map[string]int64) {
	one, two := day(t, "2026-05-01"), day(t, "2026-05-02")
	return map[event.Day]int64{one: 3, two: 5},
		&pipeline.Counts{
			Published: 9,
			Days:      []pipeline.DayCount{{Day: one, Runs: 3, Manifests: 3, Objects: 3}, {Day: two, Runs: 5, Manifests: 5, Objects: 5}},
			Keys:      map[string]event.Day{"t/a": one, "t/b": two, "t/c": two},
		},
		map[string]int64{"s3://lake/t/a": 3, "s3://lake/t/b": 4, "s3://lake/t/c": 1}
}

func TestASectionIsExactWhenAllStagesAgree(t *testing.T) {
	stored, counts, inSQL := exact(t)
	s := section(&pipeline.Pipeline{}, lake(t), stored, counts, inSQL)
	r := &Report{Pipelines: []Section{*s}}
	require.True(t, r.Exact(), r.Differences())
	require.Len(t, s.Lines, 2)
	require.EqualValues(t, 9, s.Position)
}

func TestEachStageThatDiffersIsNamedWithItsDay(t *testing.T) {
	one, two, three := day(t, "2026-05-01"), day(t, "2026-05-02"), day(t, "2026-05-03")
	cases := map[string]struct {
		change func(stored map[event.Day]int64, c *pipeline.Counts, inSQL map[string]int64)
		want   string
	}{
		"a record lost in the store":         {func(s map[event.Day]int64, _ *pipeline.Counts, _ map[string]int64) { s[one]-- }, "2026-05-01: 2 stored, 3 exported"},
		"a day never exported":               {func(s map[event.Day]int64, _ *pipeline.Counts, _ map[string]int64) { s[three] = 1 }, "2026-05-03: 1 stored, 0 exported"},
		"a day that the store does not have": {func(s map[event.Day]int64, _ *pipeline.Counts, _ map[string]int64) { delete(s, two) }, "2026-05-02: 0 stored, 5 exported"},
		"a run that miscounted":              {func(_ map[event.Day]int64, c *pipeline.Counts, _ map[string]int64) { c.Days[0].Runs++ }, "4 exported"},
		"a manifest that is gone":            {func(_ map[event.Day]int64, c *pipeline.Counts, _ map[string]int64) { c.Days[1].Manifests = 4 }, "4 in manifests"},
		"an object cut short":                {func(_ map[event.Day]int64, c *pipeline.Counts, _ map[string]int64) { c.Days[1].Objects = 1 }, "1 rows in objects"},
		"a partition that SQL does not see":  {func(_ map[event.Day]int64, _ *pipeline.Counts, q map[string]int64) { delete(q, "s3://lake/t/a") }, "0 counted by SQL"},
		"an object that SQL reads twice":     {func(_ map[event.Day]int64, _ *pipeline.Counts, q map[string]int64) { q["s3://lake/t/b"] *= 2 }, "9 counted by SQL"},
		"an object that no run wrote":        {func(_ map[event.Day]int64, c *pipeline.Counts, _ map[string]int64) { c.Stray = []string{"t/x"} }, "no run wrote (t/x)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			stored, counts, inSQL := exact(t)
			c.change(stored, counts, inSQL)
			p := &pipeline.Pipeline{}
			p.Name, p.Source = "events-1", pipeline.Events
			r := &Report{Pipelines: []Section{*section(p, lake(t), stored, counts, inSQL)}}
			require.False(t, r.Exact())
			require.Len(t, r.Differences(), 1)
			require.Contains(t, r.Differences()[0], "pipeline events-1, ")
			require.Contains(t, r.Differences()[0], c.want)
		})
	}
}

func TestASnapshotIsOneLine(t *testing.T) {
	p := &pipeline.Pipeline{}
	p.Source = pipeline.People
	counts := &pipeline.Counts{Days: []pipeline.DayCount{{Runs: 7, Manifests: 7, Objects: 7}}, Keys: map[string]event.Day{"p/v1/a": 0}}
	s := section(p, lake(t), map[event.Day]int64{0: 7}, counts, map[string]int64{"s3://lake/p/v1/a": 7})
	require.Len(t, s.Lines, 1)
	require.Equal(t, "snapshot", s.Lines[0].What)
	require.True(t, s.Lines[0].Exact)
}

func TestIntakeDifferencesAreNamed(t *testing.T) {
	r := &Report{Intake: []Line{line("records", Count{"accepted", 5}, Count{"stored", 4})}}
	require.Equal(t, []string{"intake, records: 5 accepted, 4 stored"}, r.Differences())
}
