package parquet

import (
	"slices"
	"sync"
	"time"
)

// Pool keeps the buffers of groups from one file's rows to those of another, of other columns: growing new ones costs about as much as filling
// them. A pool with MaxHeld of 0 keeps nothing. It may be used by several goroutines.
type Pool struct {
	// MaxHeld bounds the bytes that idle groups take.
	MaxHeld int64
	// MaxIdle is how long a group is kept that nobody takes: for ever if it is 0.
	MaxIdle time.Duration

	mu    sync.Mutex
	idle  []idleGroup // longest idle first
	held  int64
	timer *time.Timer
}

type idleGroup struct {
	*Group
	held  int64
	since time.Time
}

// Get returns a group without columns.
func (p *Pool) Get() *Group {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return new(Group)
	}
	last := p.idle[len(p.idle)-1]
	p.idle = slices.Delete(p.idle, len(p.idle)-1, len(p.idle))
	p.held -= last.held
	return last.Group
}

// Put takes a group, which nobody may use any more. Those that are idle the longest make room for it.
func (p *Pool) Put(g *Group) {
	held := g.Held()
	if held == 0 || held > p.MaxHeld {
		return
	}
	g.clear()
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held+held > p.MaxHeld {
		p.drop(1)
	}
	p.idle = append(p.idle, idleGroup{g, held, time.Now()})
	p.held += held
	if p.timer == nil && p.MaxIdle > 0 {
		p.timer = time.AfterFunc(p.MaxIdle, p.expire)
	}
}

// expire lets go of groups that have been idle for too long, and comes again as long as there are others.
func (p *Pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := slices.IndexFunc(p.idle, func(i idleGroup) bool { return time.Since(i.since) < p.MaxIdle })
	if fresh < 0 {
		p.drop(len(p.idle))
		p.timer = nil
		return
	}
	p.drop(fresh)
	p.timer.Reset(p.MaxIdle)
}

// drop lets go of the n groups that are idle the longest.
func (p *Pool) drop(n int) {
	for _, i := range p.idle[:n] {
		p.held -= i.held
	}
	p.idle = slices.Delete(p.idle, 0, n)
}
