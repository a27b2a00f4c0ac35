package eventlog

import "sync"

// Tail is the newest known position of a log and those who wait for a newer one. The zero value is an empty log's. It is safe for
// concurrent use; implementations of Log build Appended on it.
type Tail struct {
	mu      sync.Mutex
	last    Position
	waiting map[Position]chan struct{}
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Advance says that a block at the position exists. Positions may come in any order.
func (t *Tail) Advance(p Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p <= t.last {
		return
	}
	t.last = p
	for after, c := range t.waiting {
		if after < p {
			close(c)
			delete(t.waiting, after)
		}
	}
}

// After returns a channel that is closed when a block after the position exists. Callers that wait for the same position share it.
func (t *Tail) After(after Position) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last > after {
		return closedChannel
	}
	c := t.waiting[after]
	if c == nil {
		if t.waiting == nil {
			t.waiting = make(map[Position]chan struct{})
		}
		c = make(chan struct{})
		t.waiting[after] = c
	}
	return c
}
