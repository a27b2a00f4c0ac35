package harness

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Ledger remembers what was sent under which id and what was acknowledged. Every attempt has ids of its own: nothing is sent twice, so
// what was acknowledged must be there once, and what was not at most once. It is safe for concurrent use.
type Ledger struct {
	mu   sync.Mutex
	acks map[string]bool
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{acks: map[string]bool{}} }

// Sending notes ids before they are sent.
func (l *Ledger) Sending(ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.acks[id] = false
	}
}

// Acknowledged notes that the answer said that the records of the ids were taken.
func (l *Ledger) Acknowledged(ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.acks[id] = true
	}
}

// Counts returns how many ids were sent and how many acknowledged.
func (l *Ledger) Counts() (sent, acknowledged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ack := range l.acks {
		if ack {
			acknowledged++
		}
	}
	return len(l.acks), acknowledged
}

// Differences compares how often each id was found with what must be there, and describes what is wrong.
func (l *Ledger) Differences(found map[string]int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong := map[string][]string{}
	for id, ack := range l.acks {
		if ack && found[id] == 0 {
			wrong["acknowledged but missing"] = append(wrong["acknowledged but missing"], id)
		}
	}
	for id, n := range found {
		if _, sent := l.acks[id]; !sent {
			wrong["never sent"] = append(wrong["never sent"], id)
		}
		if n > 1 {
			wrong["there more than once"] = append(wrong["there more than once"], fmt.Sprintf("%s (%d times)", id, n))
		}
	}
	var all []string
	for what, ids := range wrong {
		slices.Sort(ids)
		all = append(all, fmt.Sprintf("%d %s: %s", len(ids), what, strings.Join(ids[:min(10, len(ids))], ", ")))
	}
	slices.Sort(all)
	return all
}
