package collect

import (
	"bytes"
	"sync"
	"time"
)

// Sample is a record that belongs to no known project.
type Sample struct {
	Time     time.Time
	Endpoint string
	// Token is what the record named, or empty when it named none or is not readable.
	Token string
	// Raw is the beginning of the record.
	Raw []byte
}

const (
	samples        = 64
	maxSampleToken = 64
	maxSampleRaw   = 2 << 10
)

// unattributed keeps the last few such records, in memory only: anyone can send them.
type unattributed struct {
	mu   sync.Mutex
	ring [samples]Sample
	next int
}

func (u *unattributed) add(now time.Time, e endpoint, token, raw []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &u.ring[u.next%samples]
	u.next++
	s.Time, s.Endpoint = now, endpointNames[e]
	s.Token = string(token[:min(len(token), maxSampleToken)])
	s.Raw = append(s.Raw[:0], raw[:min(len(raw), maxSampleRaw)]...)
}

// Unattributed returns the last records that belong to no known project, the newest first: what a misconfigured client sends is
// found here. Their number is in the metrics.
func (c *Collector) Unattributed() []Sample {
	u := &c.unattributed
	u.mu.Lock()
	defer u.mu.Unlock()
	found := make([]Sample, 0, samples)
	for i := u.next - 1; i >= max(u.next-samples, 0); i-- {
		s := u.ring[i%samples]
		s.Raw = bytes.Clone(s.Raw)
		found = append(found, s)
	}
	return found
}
