package store

import (
	"time"

	"github.com/refract-io/refract/internal/intake/eventlog"
)

// Stats is what the store did since this process opened it, for metrics.
type Stats struct {
	// Sealed is the watermark as far as this process knows.
	Sealed eventlog.Position
	// PendingRecords and PendingBytes are what is read from the log and not sealed yet; bytes count the sealer's memory.
	PendingRecords, PendingBytes int64
	// Waiting is how long the oldest of these blocks has waited: the lag of the store behind the log.
	Waiting time.Duration
	// Seals, Segments, Records and Bytes count what was sealed; bytes are those of the files.
	Seals, Segments, Records, Bytes int64
	// PoisonBlocks were kept aside because they cannot be decoded, DuplicateBlocks skipped because their key was sealed before.
	PoisonBlocks, DuplicateBlocks int64
	// Merges counts compactions, MergedRecords the records that they wrote again.
	Merges, MergedRecords int64
	// Failures counts failed attempts of sealing, merging and cleaning up. All are tried again.
	Failures int64
	// LastError is the last failure's text, empty when the attempt after it succeeded.
	LastError string

	pendingSince time.Time
}

// Stats returns a copy of the counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Sealed = s.sealed
	if !st.pendingSince.IsZero() {
		st.Waiting = max(0, s.opts.Now().Sub(st.pendingSince))
	}
	return st
}

func (s *Store) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}
