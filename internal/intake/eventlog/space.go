package eventlog

import (
	"fmt"
	"sync/atomic"

	"github.com/refract-io/refract/internal/platform/fault"
)

// space guards the free room of the file system under an embedded log. A nil space guards nothing.
type space struct {
	dir     string
	reserve int64 // negative: no guard
	taken   atomic.Int64
}

// take claims room for a block until put. It fails, as transient, when less than the reserve would be left.
func (s *space) take(bytes int64) error {
	if s == nil || s.reserve < 0 {
		return nil
	}
	taken := s.taken.Add(bytes)
	free, err := freeBytes(s.dir)
	if err != nil {
		s.taken.Add(-bytes)
		return fault.New(fault.Transient, "asking for the free space of", s.dir, err, "")
	}
	if free-taken < s.reserve {
		s.taken.Add(-bytes)
		return fault.New(fault.Transient, "appending to the log in", s.dir,
			fmt.Errorf("the disk is full: %d bytes are free, and %d are kept in reserve", free, s.reserve), "free space on the disk")
	}
	return nil
}

func (s *space) put(bytes int64) {
	if s != nil && s.reserve >= 0 {
		s.taken.Add(-bytes)
	}
}
