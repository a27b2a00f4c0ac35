package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/node"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/query/engine/duck"
)

// serveVariable makes the test binary a service, in place of the real one.
const serveVariable = "REFRACT_BENCH_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, _, err := config.Load(config.Sources{Flags: flags})
	if err != nil {
		return err
	}
	return node.Run(ctx, cfg, "test")
}

func TestEveryBenchmarkRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts services")
	}
	t.Setenv(serveVariable, "1")
	self, err := os.Executable()
	require.NoError(t, err)
	var told []string
	dir := t.TempDir()
	r, err := Run(t.Context(), Options{
		Quick: true, Dir: dir, Server: []string{self}, Version: "test", Progress: func(what string) { told = append(told, what) },
	})
	require.NoError(t, err)
	require.Len(t, told, len(All()))
	require.Len(t, r.Results, len(All()))
	for _, result := range r.Results {
		if result.Skipped != "" {
			t.Logf("%s: skipped: %s", result.Name, result.Skipped)
			continue
		}
		require.NotEmpty(t, result.Figures, result.Name)
		for _, f := range result.Figures {
			require.Positive(t, f.Value, "%s: %s", result.Name, f.Name)
			require.LessOrEqual(t, f.Low, f.Value)
			require.GreaterOrEqual(t, f.High, f.Value)
			require.NotEmpty(t, f.Means, "%s: %s", result.Name, f.Name)
			require.Equal(t, f.Bar != nil, f.Bound != "", "%s: %s", result.Name, f.Name)
		}
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "everything is removed")

	var text, document bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.NoError(t, r.WriteMarkdown(&document))
	for _, b := range All() {
		require.Contains(t, text.String(), b.Title)
		require.Contains(t, document.String(), "\n## "+b.Name+"\n")
	}
}

func TestAnUnknownBenchmarkIsRefused(t *testing.T) {
	_, err := Run(t.Context(), Options{Only: []string{"ingest", "speed"}})
	require.ErrorContains(t, err, "speed")
	require.ErrorContains(t, err, "freshness")
}

func TestAFigureIsTheMedianWithItsRange(t *testing.T) {
	for name, c := range map[string]struct {
		samples          []float64
		low, value, high float64
	}{
		"one round":    {[]float64{3}, 3, 3, 3},
		"two rounds":   {[]float64{4, 2}, 2, 3, 4},
		"three rounds": {[]float64{9, 1, 5}, 1, 5, 9},
	} {
		f := figureOf(Figure{}, c.samples)
		require.Equal(t, []float64{c.low, c.value, c.high, float64(len(c.samples))}, []float64{f.Low, f.Value, f.High, float64(f.Rounds)}, name)
	}
}

func TestBars(t *testing.T) {
	for _, c := range []struct {
		bar     *Bar
		value   float64
		reached bool
		text    string
	}{
		{atLeast(150_000), 150_000, true, "at least 150,000"},
		{atLeast(150_000), 149_999, false, "at least 150,000"},
		{below(5), 4.99, true, "below 5"},
		{below(5), 5, false, "below 5"},
	} {
		require.Equal(t, c.reached, c.bar.Reached(c.value), "%s of %v", c.bar, c.value)
		require.Equal(t, c.text, c.bar.String())
	}
	require.False(t, (&Figure{}).Missed(), "a figure without a bar misses none")
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for v, text := range map[float64]string{0.8312: "0.831", 5: "5", 99.96: "100", 123.4: "123", 1234.5: "1,234", 150_000: "150,000", 12_345_678: "12,345,678"} {
		require.Equal(t, text, count(v))
	}
}

func TestQuantilesAreOfTheSortedValues(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(i))
	}
	require.Equal(t, time.Duration(50), quantile(all, 0.5))
	require.Equal(t, time.Duration(99), quantile(all, 0.99))
	require.Equal(t, time.Duration(99), quantile(all, 1))
	require.Equal(t, time.Duration(7), quantile([]time.Duration{7}, 0.99))
}

func TestATokenGoesAmongTheProperties(t *testing.T) {
	var event struct {
		Event      string
		Properties map[string]any
	}
	require.NoError(t, json.Unmarshal(withToken([]byte(`{"event":"a","properties":{"time":1}}`), "abc"), &event))
	require.Equal(t, map[string]any{"token": "abc", "time": 1.0}, event.Properties)
}

func TestTheMachineIsDescribed(t *testing.T) {
	m := describeMachine(t.TempDir())
	require.Positive(t, m.Cores)
	require.True(t, strings.HasPrefix(m.Go, "go"))
	if _, err := cpuOf(0); err == nil {
		require.NotEmpty(t, m.CPU)
		require.Positive(t, m.Memory)
		require.NotEmpty(t, m.Kernel)
		require.NotEmpty(t, m.FileSystem)
	}
}

func TestTheCPUClockCountsWorkAndNotWaiting(t *testing.T) {
	before, err := cpuOf(0)
	if err != nil {
		t.Skip(err)
	}
	start := time.Now()
	for n := 0; time.Since(start) < 50*time.Millisecond; n++ {
	}
	worked, err := cpuOf(0)
	require.NoError(t, err)
	require.Positive(t, worked-before)
	other, err := cpuOf(os.Getpid())
	require.NoError(t, err)
	require.InDelta(t, worked.Seconds(), other.Seconds(), 0.5, "by number it is the same clock")
	now, peak, err := memoryOf(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, peak, now)
	require.Positive(t, now)
}

func TestTheYardstickFindsRowsThatAreMissingDoubledOrOthers(t *testing.T) {
	dir := t.TempDir()
	y := &yardstick{dir: dir}
	columns := `'e' AS mp_event_name, make_timestamp(n) AS time, 'd' AS distinct_id, CAST(n AS VARCHAR) AS mp_insert_id, 'x' AS mp_device_id, 'u' AS mp_user_id`
	for _, p := range flatProperties {
		columns += ", n AS " + duck.QuoteName(strings.Replace(p.name, "$", "mp_", 1))
	}
	write := func(folder, rows string) string {
		db, c, err := y.open(1)
		require.NoError(t, err)
		defer db.Close()
		defer c.Close()
		require.NoError(t, os.MkdirAll(folder, 0o755))
		require.NoError(t, c.Exec("COPY (SELECT "+columns+" FROM ("+rows+")) TO "+duck.Quote(folder+"/a.parquet")+" (FORMAT parquet)"))
		return folder
	}
	write(y.out(), "SELECT unnest([1, 2, 2]) AS n")
	for name, c := range map[string]struct{ rows, fails string }{
		"the same":  {"[2, 1, 2]", ""},
		"missing":   {"[1, 2]", "1 of DuckDB's rows are not in the pipeline's files, which have 0 others"},
		"doubled":   {"[1, 1, 2, 2]", "0 of DuckDB's rows are not in the pipeline's files, which have 1 others"},
		"others":    {"[1, 2, 3]", "1 of DuckDB's rows are not in the pipeline's files, which have 1 others"},
		"one extra": {"[1, 2, 2, 9]", "which have 1 others"},
	} {
		err := y.compare(t.Context(), write(filepath.Join(dir, name), "SELECT unnest("+c.rows+") AS n"))
		if c.fails == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.fails, name)
	}
}
