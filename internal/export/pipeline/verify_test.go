package pipeline

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
