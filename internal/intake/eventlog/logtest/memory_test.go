package logtest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
)

func TestMemoryConforms(t *testing.T) {
	Run(t, func(*testing.T) eventlog.Log { return NewMemory() })
}

func TestFaultyWithoutFaultsConforms(t *testing.T) {
	Run(t, func(*testing.T) eventlog.Log { return NewFaulty(NewMemory(), Faults{}) })
}

func TestFaultyAppends(t *testing.T) {
	cases := map[string]struct {
		fault  Fault
		failed bool
		blocks int
	}{
		"none":       {None, false, 1},
		"fail":       {Fail, true, 0},
		"fail after": {FailAfter, true, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			log := NewFaulty(NewMemory(), Faults{Append: func(*eventlog.Block) Fault { return c.fault }})
			_, err := log.Append(t.Context(), Block(1, "a", 1))
			if c.failed {
				require.ErrorIs(t, err, ErrInjected)
			} else {
				require.NoError(t, err)
			}
			require.Len(t, readAll(t, t.Context(), log, 0), c.blocks)
		})
	}
}

func TestFaultyStallsUntilResumed(t *testing.T) {
	log := NewFaulty(NewMemory(), Faults{Append: func(*eventlog.Block) Fault { return Stall }})
	done := make(chan error, 1)
	go func() {
		_, err := log.Append(context.Background(), Block(1, "a", 1))
		done <- err
	}()
	<-log.Stalled()
	require.Empty(t, readAll(t, t.Context(), log, 0))
	log.Resume()
	require.NoError(t, <-done)
	require.Len(t, readAll(t, t.Context(), log, 0), 1)
}

func TestFaultyReadsAndReleases(t *testing.T) {
	log := NewFaulty(NewMemory(), Faults{})
	mustAppend(t, t.Context(), log, Block(1, "a", 1))
	mustAppend(t, t.Context(), log, Block(1, "b", 1))
	log.Set(Faults{
		Read:    func(b *eventlog.Block) Fault { return FailAfter },
		Release: func(eventlog.Position) Fault { return Fail },
	})
	seen := 0
	require.ErrorIs(t, log.Read(t.Context(), 0, func(*eventlog.Block) error { seen++; return nil }), ErrInjected)
	require.Equal(t, 1, seen)
	require.ErrorIs(t, log.Release(t.Context(), 2), ErrInjected)
	log.Set(Faults{})
	require.Len(t, readAll(t, t.Context(), log, 0), 2)
}
