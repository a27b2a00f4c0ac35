package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/platform/bucket"
)

func TestWhatIsStrayAndWhatIsNot(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Source: Identities})
	stray := func() []string {
		t.Helper()
		counts, err := Verify(h.ctx, h.store, h.bucket, h.get(p), true)
		require.NoError(t, err)
		require.Len(t, counts.Days, 1)
		require.Equal(t, counts.Days[0].Runs, counts.Days[0].Objects)
		return counts.Stray
	}
	link := func(alias string) {
		r := click(0)
		r.DistinctID, r.UserID = []byte(alias), []byte("u1")
		h.reader.append(h.project, r)
		h.reader.seal()
		h.advance(2 * time.Minute)
	}
	for _, alias := range []string{"$device:a", "$device:b", "$device:c"} {
		link(alias)
		require.Equal(t, 1, h.once())
		require.Empty(t, stray(), "snapshots that were replaced are readable still")
	}

	link("$device:d")
	due, err := h.store.candidates(h.ctx, "w", h.now(), h.now(), h.now())
	require.NoError(t, err)
	require.Len(t, due, 1)
	run, cycle, err := h.worker.plan(h.ctx, due[0].Pipeline, h.reader.sealed)
	require.NoError(t, err)
	require.NoError(t, h.store.begin(h.ctx, due[0].Pipeline, run, cycle.target, cycle.at, h.worker.Owner, h.now().Add(time.Minute)))
	_, err = h.worker.write(h.ctx, due[0].Pipeline, run, func() {})
	require.NoError(t, err)
	require.Empty(t, stray(), "a run that has not ended")

	layout := p.Layout()
	leavings := layout.VersionDir(lake.Window{UpTo: 1}) + p.ID + "-000000000000-000000000001-0009.json.gz"
	body := strings.NewReader("x")
	_, err = h.bucket.Put(context.Background(), leavings, body, 1, bucket.PutOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{leavings}, stray())
}

// TestRowsThatAreKeptWholeAreCountedLikeOthers exports rows over a limit by every kind of pipeline that has one, twice each, so that days
// and snapshots are replaced where they are, and then takes away what was kept.
func TestRowsThatAreKeptWholeAreCountedLikeOthers(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]Spec{
		"json":                {},
		"json, people":        {Source: People},
		"aws":                 {Type: TypeAWS},
		"aws, Parquet, sync":  {Type: TypeAWS, Format: Parquet, Sync: true},
		"aws, multischema":    {Type: TypeAWS, SchemaType: Multischema},
		"aws, tables of days": {Type: TypeAWS, SchemaType: Multischema, Sync: true},
		"aws, people":         {Type: TypeAWS, Source: People},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			h.config.Grace = time.Hour
			h.restart()
			p := h.create(spec)
			kind := event.KindEvent
			if spec.Source == People {
				kind = event.KindProfile
			}
			for round := range 2 {
				for _, days := range []int{0, 1} {
					r := click(days)
					r.Kind, r.DistinctID = kind, fmt.Append(nil, round, days)
					r.Properties = fmt.Appendf(nil, `{"n":%d,"long":[%q]}`, round, strings.Repeat("x", 70_000))
					h.reader.append(h.project, r)
				}
				small := click(0)
				small.Kind = kind
				h.reader.append(h.project, small)
				h.reader.seal()
				h.advance(2 * time.Minute)
				require.Equal(t, 1, h.once())
				h.requireExact(p)
			}
			counts := h.requireCounts(p)
			require.Equal(t, OversizeCount{4, 4}, counts.Oversize)
			require.NoError(t, lake.DeleteBelow(h.ctx, h.bucket, "2195193/_oversize/", func(string) bool { return true }))
			for _, deep := range []bool{true, false} {
				counts, err := Verify(h.ctx, h.store, h.bucket, h.get(p), deep)
				require.NoError(t, err)
				require.Equal(t, OversizeCount{Manifests: 4}, counts.Oversize)
			}
		})
	}
}

// TestValuesThatAreGoneFromAnObjectAreMissed replaces an object by one with the same rows but without one property's values.
func TestValuesThatAreGoneFromAnObjectAreMissed(t *testing.T) {
	t.Parallel()
	h := open(t)
	p := h.create(Spec{Type: TypeAWS})
	r := click(0)
	r.Properties = []byte(`{"kept":1,"lost":"x"}`)
	h.reader.append(h.project, r)
	h.reader.seal()
	require.Equal(t, 1, h.once())
	h.requireExact(p)
	o := h.manifest(p).Data[0]
	line := h.lines(o.Key)[0]
	require.Contains(t, line, `,"lost":"x"`)
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	_, err := zip.Write([]byte(strings.Replace(line, `,"lost":"x"`, "", 1) + "\n"))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	_, err = h.bucket.Put(h.ctx, o.Key, bytes.NewReader(body.Bytes()), int64(body.Len()), bucket.PutOptions{})
	require.NoError(t, err)
	counts, err := Verify(h.ctx, h.store, h.bucket, h.get(p), true)
	require.NoError(t, err)
	expected, err := Expect(h.ctx, h.store, h.reader, h.get(p), counts)
	require.NoError(t, err)
	d := counts.Days[0]
	require.Equal(t, []int64{1, 1, 1, 1, 0, 0, 1, 1}, expected[d.Place].Values)
	require.Equal(t, []int64{1, 1, 1, 1, 0, 0, 1, 1}, d.ManifestValues)
	require.Equal(t, []int64{1, 1, 1, 1, 0, 0, 1, 0}, d.ObjectValues)
}
