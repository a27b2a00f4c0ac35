package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/fault"
)

func TestAttachingThatWaitsForTheUserIsTriedEverMoreRarely(t *testing.T) {
	w := &Worker{Config: Config{Backoff: backoff}}
	denied := fault.New(fault.Setup, "creating the external schema", "mp_json_export", errors.New("permission denied"), "")
	require.Equal(t, 15*time.Minute, w.attachPause(1, denied))
	require.Equal(t, time.Hour, w.attachPause(3, denied))
	require.Equal(t, 12*time.Hour, w.attachPause(1000, denied))
	for try := 1; try < 20; try++ {
		require.Equal(t, backoff(try), w.attachPause(try, fault.New(fault.Transient, "x", "", nil, "")))
	}
}

// openForAttach returns a house with a pipeline that has exported and is attached at the next turn.
func openForAttach(t *testing.T) (*house, *Pipeline) {
	h := open(t)
	h.config.Attacher = h
	h.attachErr = errors.New("not yet")
	h.restart()
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	h.once()
	require.Equal(t, h.reader.sealed, h.get(p).Published)
	h.attachErr = nil
	require.False(t, h.get(p).Attached)
	return h, p
}

func TestAttachingIsTakenUpSoonAfterAWorkerDied(t *testing.T) {
	h, p := openForAttach(t)
	require.NoError(t, h.store.claimAttach(h.ctx, h.get(p), h.now().Add(h.worker.LeaseTTL)))
	h.once()
	require.False(t, h.get(p).Attached, "it may live")
	h.advance(h.worker.LeaseTTL)
	h.once()
	require.True(t, h.get(p).Attached)
}

func TestALongAttemptToAttachIsMadeByOneWorker(t *testing.T) {
	h, p := openForAttach(t)
	h.config.LeaseTTL = 30 * time.Millisecond
	h.restart()
	var attempts int
	h.attaching = func() {
		attempts++
		for range 3 {
			h.advance(h.config.LeaseTTL / 2)
			until := h.now().Add(h.config.LeaseTTL).UnixMilli()
			require.Eventually(t, func() bool { return h.get(p).attachMS == until }, 10*time.Second, time.Millisecond)
			other := NewWorker(h.config)
			_, err := other.RunOnce(h.ctx)
			require.NoError(t, err)
		}
	}
	h.once()
	require.Equal(t, 1, attempts)
	require.True(t, h.get(p).Attached)
}

func TestAnAttemptToAttachADatabaseThatWasExchangedMeanwhileTellsNothing(t *testing.T) {
	for name, cause := range map[string]error{"success": nil, "failure": errors.New("permission denied")} {
		t.Run(name, func(t *testing.T) {
			h, p := openForAttach(t)
			h.attachErr = cause
			before := h.get(p).AttachError
			h.attaching = func() {
				other := "other"
				require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{GlueDatabase: &other}))
			}
			h.once()
			got := h.get(p)
			require.False(t, got.Attached)
			require.Equal(t, before, got.AttachError)
		})
	}
}
