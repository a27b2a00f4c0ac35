// Package faulttest plans which calls of a stand-in fail, and how: by a script, at random, or both.
package faulttest

import (
	"maps"
	"math/rand/v2"
	"sync"
)

// Plan decides what befalls each call. F is a fault as the stand-in describes it. The zero plan spares all. It is safe for concurrent use.
type Plan[F any] struct {
	mu     sync.Mutex
	script []*scripted[F]
	chance chance[F]
	calls  map[string]int
	// befallen counts the calls that failed, by operation.
	befallen map[string]int
}

type scripted[F any] struct {
	fault       F
	matches     func(operation, object string) bool
	skip, times int
}

// chance is what happens at random.
type chance[F any] struct {
	random *rand.Rand
	rate   float64
	spares func(operation string, fault F) bool
	faults []F
}

// Add appends a fault to the script, for the calls that it matches: the first skip of them pass, then times of them are befallen, where 0 is one
// and a negative number all. The first fault of the script that matches a call befalls it.
func (p *Plan[F]) Add(fault F, matches func(operation, object string) bool, skip, times int) {
	if times == 0 {
		times = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = append(p.script, &scripted[F]{fault, matches, skip, times})
}

// Random makes each call that the script spares fail with probability rate by one of the faults, unless spares returns true of them. The same
// seed gives the same faults to the same sequence of calls.
func (p *Plan[F]) Random(seed uint64, rate float64, spares func(operation string, fault F) bool, faults ...F) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chance = chance[F]{rand.New(rand.NewPCG(seed, 0)), rate, spares, faults}
}

// Next counts a call and returns what befalls it, if anything does.
func (p *Plan[F]) Next(operation, object string) (fault F, befallen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls, p.befallen = map[string]int{}, map[string]int{}
	}
	p.calls[operation]++
	if fault, befallen = p.next(operation, object); befallen {
		p.befallen[operation]++
	}
	return fault, befallen
}

func (p *Plan[F]) next(operation, object string) (none F, befallen bool) {
	for _, s := range p.script {
		switch {
		case s.times == 0 || !s.matches(operation, object):
		case s.skip > 0:
			s.skip--
		default:
			s.times--
			return s.fault, true
		}
	}
	if c := &p.chance; c.random != nil && c.random.Float64() < c.rate {
		if fault := c.faults[c.random.IntN(len(c.faults))]; !c.spares(operation, fault) {
			return fault, true
		}
	}
	return none, false
}

// Calls returns how many calls of the operation came, or of all for "".
func (p *Plan[F]) Calls(operation string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return of(p.calls, operation)
}

// Counts returns how many calls of each operation came.
func (p *Plan[F]) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.calls)
}

// Injected returns how many calls of the operation were befallen, or of all for "".
func (p *Plan[F]) Injected(operation string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return of(p.befallen, operation)
}

func of(counts map[string]int, operation string) (n int) {
	if operation != "" {
		return counts[operation]
	}
	for _, c := range counts {
		n += c
	}
	return n
}

// Pending returns the faults of the script that have calls to befall still. Those that befall all are never pending.
func (p *Plan[F]) Pending() (left []F) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.script {
		if s.times > 0 {
			left = append(left, s.fault)
		}
	}
	return left
}
