package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/golden"
)

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	require.NoError(t, enc.Encode(v))
	return text.Bytes()
}

func day(t *testing.T, s string) event.Day {
	t.Helper()
	d, err := event.ParseDay(s)
	require.NoError(t, err)
	return d
}

func openBucket(t *testing.T) *bucket.Local {
	t.Helper()
	b, err := bucket.OpenLocal("lake", filepath.Join(t.TempDir(), "lake"))
	require.NoError(t, err)
	return b
}

var events = Layout{Project: 2195193, Table: "mp_master_event", Pipeline: "3f9a0c55d2e1"}

func TestKeysMatchTheGoldenFile(t *testing.T) {
	var got bytes.Buffer
	w := Window{After: 41, UpTo: 672754}
	for _, l := range []Layout{events, {Prefix: "raw/mixpanel", Project: 1, Table: "mp_people_data", Pipeline: "aa"}} {
		fmt.Fprintln(&got, l.TableDir())
		fmt.Fprintln(&got, l.DayDir(day(t, "2026-08-01"))+partName(l.stem(w), 0, JSONLines))
		fmt.Fprintln(&got, l.VersionDir(w)+partName(l.stem(w), 12, JSONLines))
		fmt.Fprintln(&got, l.OversizeDir()+partName(l.stem(w), 0, JSONLines))
		fmt.Fprintln(&got, l.ManifestKey(w))
	}
	l := Layout{Prefix: "p", Project: 1, Pipeline: "aa"}
	at := time.Date(2026, 8, 1, 3, 59, 0, 0, time.FixedZone("", -7*60*60))
	fmt.Fprintln(&got, l.TableDir())
	for _, hourly := range []bool{true, false} {
		fmt.Fprintln(&got, l.RawDir(at, hourly)+partName(l.stem(w), 0, JSONLines))
		fmt.Fprintln(&got, CompleteKey(l.RawDir(at, hourly)))
	}
	fmt.Fprintln(&got, l.SchemaKey("events"))
	l.Table = "sign_up"
	fmt.Fprintln(&got, l.DayDir(day(t, "2026-08-01"))+partName(l.stem(w), 0, Columnar))
	fmt.Fprintln(&got, l.DayVersionDir(day(t, "2026-08-01"), w)+partName(l.stem(w), 0, Columnar))
	fmt.Fprintln(&got, l.OversizeDayDir(day(t, "2026-08-01"))+partName(l.stem(w), 0, JSONLines))
	golden.Equal(t, "testdata/keys.txt", got.Bytes())
}

func TestWhatBelongsToAPipeline(t *testing.T) {
	w := Window{After: 41, UpTo: 672754}
	whole := Layout{Prefix: "p", Project: 1, Pipeline: "aa"}
	one := whole
	one.Table = "sign_up"
	d := day(t, "2026-08-01")
	for name, tt := range map[string]struct {
		key              string
		byWhole, byTable bool
	}{
		"a day's object":            {one.DayDir(d) + partName(one.stem(w), 0, Columnar), true, true},
		"a version's":               {one.DayVersionDir(d, w) + partName(one.stem(w), 0, Columnar), true, true},
		"a snapshot's":              {one.VersionDir(w) + partName(one.stem(w), 0, JSONLines), true, true},
		"an hour's":                 {whole.RawDir(d.Start(), true) + partName(whole.stem(w), 0, JSONLines), true, false},
		"the marker of an hour":     {CompleteKey(whole.RawDir(d.Start(), true)), false, false},
		"a manifest":                {whole.ManifestKey(w), false, false},
		"rows that were too large":  {one.OversizeDir() + partName(one.stem(w), 0, JSONLines), false, false},
		"the mapping":               {whole.SchemaKey("events"), false, false},
		"another pipeline's object": {one.DayDir(d) + "bb-000000000041-000000672754-0000.parquet", false, false},
		"another project's":         {"p/12/sign_up/aa-000000000041-000000672754-0000.parquet", false, false},
		"the folder of the table":   {one.TableDir(), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.byWhole, whole.Owns(tt.key))
			require.Equal(t, tt.byTable, one.Owns(tt.key))
			if tt.byWhole {
				got, ok := one.Window(tt.key)
				require.True(t, ok)
				require.Equal(t, w, got)
			}
		})
	}
}

// TestPoint15NothingButDataIsReadAsData: readers skip what begins with an underscore, and never look outside of a table's folder.
func TestPoint15NothingButDataIsReadAsData(t *testing.T) {
	l := Layout{Project: 1, Table: "t", Pipeline: "aa"}
	for _, key := range []string{l.ManifestKey(Window{}), l.OversizeDir(), l.OversizeDayDir(1)} {
		require.True(t, strings.HasPrefix(key, "1/_"), key)
	}
	require.False(t, strings.HasPrefix(l.SchemaKey("events"), l.TableDir()))
}

// TestPoint14VersionsLieBesideEachOther: a reader of one never sees the other, and nothing is written in its place.
func TestPoint14VersionsLieBesideEachOther(t *testing.T) {
	for _, dir := range []func(w Window) string{events.VersionDir, func(w Window) string { return events.DayVersionDir(7, w) }} {
		one, two := dir(Window{0, 1}), dir(Window{1, 12})
		require.False(t, strings.HasPrefix(one, two) || strings.HasPrefix(two, one))
	}
}

func TestSweepingADayKeepsItsOtherVersions(t *testing.T) {
	b, ctx, d := openBucket(t), context.Background(), day(t, "2026-08-01")
	write := func(w Window, dirs ...string) (keys []string) {
		wr := NewWriter(ctx, b, events, w, WriterOptions{})
		for _, dir := range dirs {
			require.NoError(t, wr.Begin(Folder{Dir: dir}))
			require.NoError(t, wr.Commit(append(wr.Buffer(), "{}\n"...), 1))
		}
		objects, err := wr.Close()
		require.NoError(t, err)
		for _, o := range objects {
			keys = append(keys, o.Key)
		}
		return keys
	}
	old, now := Window{0, 5}, Window{5, 9}
	kept := write(old, events.DayVersionDir(d, old), events.OversizeDayDir(d))
	write(now, events.DayVersionDir(d, now), events.OversizeDayDir(d), events.OversizeDir())
	require.NoError(t, Abandon(ctx, b, events, now, events.Folders(now, []event.Day{d}, true)))
	var left []string
	for o, err := range b.List(ctx, "") {
		require.NoError(t, err)
		left = append(left, o.Key)
	}
	require.ElementsMatch(t, kept, left)
}

func TestTotalsCountDaysOfSeveralTables(t *testing.T) {
	m := &Manifest{Data: []Object{{Table: "a", Day: "2026-08-01", Rows: 1, Bytes: 2}, {Table: "a", Day: "2026-08-02", Rows: 3, Bytes: 4}, {Table: "b", Day: "2026-08-01", Rows: 5, Bytes: 6}}}
	m.Sum()
	require.Equal(t, Totals{Rows: 9, Bytes: 12, Objects: 3, Days: 2}, m.Totals)
	days, err := m.Days()
	require.NoError(t, err)
	require.Equal(t, []event.Day{day(t, "2026-08-01"), day(t, "2026-08-02")}, days)
	m = &Manifest{Data: []Object{{Rows: 1}}}
	m.Sum()
	require.Zero(t, m.Totals.Days)
}

func writeDays(t *testing.T, b bucket.Bucket, l Layout, w Window, o WriterOptions, rows int, days ...string) ([]Object, error) {
	t.Helper()
	wr := NewWriter(context.Background(), b, l, w, o)
	position := w.After
	for _, d := range days {
		if err := wr.Begin(Folder{Dir: l.DayDir(day(t, d)), Day: d}); err != nil {
			wr.Abort()
			return nil, err
		}
		for i := range rows {
			position++
			if err := wr.Commit(fmt.Appendf(wr.Buffer(), "{\"day\":%q,\"i\":%d,\"x\":%q}\n", d, i, strings.Repeat("ab", i%50)), position); err != nil {
				wr.Abort()
				return nil, err
			}
		}
	}
	return wr.Close()
}

func TestTheManifestMatchesTheGoldenFileAndNamesTheObjects(t *testing.T) {
	b, ctx := openBucket(t), context.Background()
	w := Window{After: 10, UpTo: 20}
	data, err := writeDays(t, b, events, w, WriterOptions{}, 3, "2026-08-01", "2026-08-03")
	require.NoError(t, err)
	m := &Manifest{
		Format: ManifestFormat, RowFormat: RowFormat, Pipeline: events.Pipeline, Name: "events-continuous-json-1", Project: events.Project,
		Source: "events", Table: events.Table, Window: w, FirstDay: "2026-08-01", Data: data,
	}
	m.Sum()
	require.NoError(t, WriteManifest(ctx, b, events, m, nil))
	body, _, err := b.Get(ctx, events.ManifestKey(w))
	require.NoError(t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	golden.Equal(t, "testdata/manifest.json", text)
	back, err := ReadManifest(ctx, b, events, w)
	require.NoError(t, err)
	require.Equal(t, m, back)
	for _, o := range back.Data {
		read, err := Count(ctx, b, o.Key, nil, "")
		require.NoError(t, err)
		require.Equal(t, &Counts{Rows: o.Rows}, read)
		same, err := hasContent(ctx, b, &o)
		require.NoError(t, err)
		require.True(t, same)
	}
	_, err = ReadManifest(ctx, b, events, Window{1, 2})
	require.ErrorIs(t, err, bucket.ErrNotFound)
}

func TestWritingAgainTouchesNothing(t *testing.T) {
	b, w := openBucket(t), Window{UpTo: 9}
	options := WriterOptions{PartBytes: 1, TempDir: t.TempDir()}
	first, err := writeDays(t, b, events, w, options, 4, "2026-08-01", "2026-08-02", "2026-08-05")
	require.NoError(t, err)
	require.Greater(t, len(first), 5, "parts rotate")
	tags := func() (tags []string) {
		for o, err := range b.List(context.Background(), "") {
			require.NoError(t, err)
			tags = append(tags, o.Key+o.ETag)
		}
		return tags
	}
	before := tags()
	again, err := writeDays(t, b, events, w, options, 4, "2026-08-01", "2026-08-02", "2026-08-05")
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, before, tags())
}

func TestAnObjectOfAnotherContentIsReplacedAndLeftoversAreSwept(t *testing.T) {
	b, ctx, w := openBucket(t), context.Background(), Window{UpTo: 9}
	other := Window{After: 9, UpTo: 12}
	kept, err := writeDays(t, b, events, other, WriterOptions{}, 2, "2026-08-01")
	require.NoError(t, err)
	old, err := writeDays(t, b, events, w, WriterOptions{PartBytes: 1}, 4, "2026-08-01", "2026-08-02")
	require.NoError(t, err)
	data, err := writeDays(t, b, events, w, WriterOptions{}, 4, "2026-08-01", "2026-08-02")
	require.NoError(t, err)
	require.Greater(t, len(old), len(data))
	require.NoError(t, Sweep(ctx, b, events, w, events.Folders(w, []event.Day{day(t, "2026-08-01"), day(t, "2026-08-02")}, false), &Manifest{Data: data}))
	var keys, want []string
	for o, err := range b.List(ctx, "") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	for _, o := range append(kept, data...) {
		want = append(want, o.Key)
		same, err := hasContent(ctx, b, &o)
		require.NoError(t, err)
		require.True(t, same, o.Key)
	}
	require.ElementsMatch(t, want, keys)
}

func TestObjectsThatOutgrowMemoryGoThroughAFile(t *testing.T) {
	s := newSpool(t.TempDir())
	defer s.Close()
	want := make([]byte, 3*spoolMemory)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	for at := 0; at < len(want); at += 1 << 20 {
		_, err := s.Write(want[at : at+1<<20])
		require.NoError(t, err)
	}
	require.NotNil(t, s.file)
	for range 2 {
		got, err := io.ReadAll(s.reader())
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	}
}

// failing is a bucket whose Put fails.
type failing struct {
	bucket.Bucket
	err error
}

func (f failing) Put(context.Context, string, io.ReadSeeker, int64, bucket.PutOptions) (bucket.Object, error) {
	return bucket.Object{}, f.err
}

func TestAFailedUploadEndsTheWriterWithItsError(t *testing.T) {
	boom := errors.New("boom")
	_, err := writeDays(t, failing{openBucket(t), boom}, events, Window{UpTo: 1}, WriterOptions{PartBytes: 1, Uploads: 1}, 1000, "2026-08-01", "2026-08-02")
	require.ErrorIs(t, err, boom)
}

// columnarFile is a small Parquet file of two columns, one of which has no value in the first of two row groups.
func columnarFile(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewWriter(&out, []parquet.Column{{Name: "a", Type: parquet.String}, {Name: "b", Type: parquet.Double}})
	var g parquet.Group
	g.AddColumn(parquet.String)
	for i := range 100 {
		if i%3 == 0 {
			g.SetString(0, fmt.Append(nil, "value ", i%10))
		}
		g.EndRow()
	}
	require.NoError(t, w.WriteGroup(&g))
	g.Reset()
	g.AddColumn(parquet.Double)
	for i := range 10 {
		g.SetDouble(1, float64(i))
		g.EndRow()
	}
	require.NoError(t, w.WriteGroup(&g))
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestCountingReadsWhatIsThere(t *testing.T) {
	b, ctx := openBucket(t), context.Background()
	put := func(key string, text []byte) {
		t.Helper()
		_, err := b.Put(ctx, key, bytes.NewReader(text), int64(len(text)), bucket.PutOptions{})
		require.NoError(t, err)
	}
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, err := fmt.Fprintf(zip, "{\"a\":\"x\",\"c\":1}\n{}\n{\"c\":null,\"a\":%q}\n", strings.Repeat("long ", 100_000))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	put("x.json.gz", zipped.Bytes())
	got, err := Count(ctx, b, "x.json.gz", []string{"a", "b", "c"}, "")
	require.NoError(t, err)
	require.Equal(t, &Counts{Rows: 3, Values: []int64{2, 0, 1}}, got)
	_, err = Count(ctx, b, "x.json.gz", []string{"a", "b"}, "")
	requireSetup(t, err, "export it again", `line 1: "c" is no column of the table`)
	zipped.Reset()
	zip.Reset(&zipped)
	_, err = fmt.Fprintf(zip, "%s\n", `{"a":"{\"x\":1,\"y\":{\"z\":2}}"}`)
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	put("objects.json.gz", zipped.Bytes())
	got, err = Count(ctx, b, "objects.json.gz", []string{"a"}, "a")
	require.NoError(t, err)
	require.Equal(t, &Counts{Rows: 1, Values: []int64{1}, Members: 2}, got)

	file := columnarFile(t)
	put("x.parquet", file)
	got, err = Count(ctx, b, "x.parquet", []string{"a", "b", "c"}, "")
	require.NoError(t, err)
	require.Equal(t, &Counts{Rows: 110, Values: []int64{34, 10, 0}}, got)
	for _, columns := range [][]string{{"b", "a"}, {"a"}} {
		_, err = Count(ctx, b, "x.parquet", columns, "")
		requireSetup(t, err, "export it again", "not the first of the table's")
	}
	_, err = Count(ctx, b, "x.parquet", []string{"a", "b"}, "a")
	requireSetup(t, err, "export it again", "expected an object")
	for _, cut := range []int{1, 10, len(file) / 2, len(file) - 10} {
		put("cut.parquet", file[:len(file)-cut])
		_, err = Count(ctx, b, "cut.parquet", nil, "")
		requireSetup(t, err, "export it again", "damaged")
	}
	broken := bytes.Clone(file)
	for i := 30; i < 60; i++ {
		broken[i] ^= 0x55
	}
	put("broken.parquet", broken)
	_, err = Count(ctx, b, "broken.parquet", nil, "")
	requireSetup(t, err, "export it again", "reading column a of row group 0")
}

func TestCountingNoticesDamage(t *testing.T) {
	b, ctx := openBucket(t), context.Background()
	data, err := writeDays(t, b, events, Window{UpTo: 1}, WriterOptions{}, 100, "2026-08-01")
	require.NoError(t, err)
	body, _, err := b.Get(ctx, data[0].Key)
	require.NoError(t, err)
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	body.Close()
	_, err = b.Put(ctx, "cut.json.gz", bytes.NewReader(text[:len(text)-20]), int64(len(text)-20), bucket.PutOptions{})
	require.NoError(t, err)
	_, err = Count(ctx, b, "cut.json.gz", nil, "")
	require.ErrorContains(t, err, "damaged")
}
