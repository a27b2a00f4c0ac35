package logtest

import (
	"bytes"
	"context"
	"strconv"
	"sync"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Memory is a Log that keeps its blocks in memory. It is for tests of what uses a log; nothing in it is durable.
type Memory struct {
	tail eventlog.Tail

	mu     sync.Mutex
	blocks []eventlog.Block // not yet released
	last   eventlog.Position
	keys   map[string]eventlog.Position // never forgotten
	closed bool
}

var _ eventlog.Log = (*Memory)(nil)

// NewMemory returns an empty log.
func NewMemory() *Memory { return &Memory{keys: make(map[string]eventlog.Position)} }

func (m *Memory) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Transient, "using the log", "", err, "")
	}
	if m.closed {
		return fault.New(fault.Transient, "using the log", "", eventlog.ErrClosed, "")
	}
	return nil
}

// Append implements eventlog.Log.
func (m *Memory) Append(ctx context.Context, b eventlog.Block) (eventlog.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(ctx); err != nil {
		return 0, err
	}
	key := strconv.FormatInt(b.Project, 10) + "/" + b.Key
	if p, known := m.keys[key]; known && b.Key != "" {
		return p, nil
	}
	m.last++
	b.Position = m.last
	b.Data = bytes.Clone(b.Data)
	m.blocks = append(m.blocks, b)
	if b.Key != "" {
		m.keys[key] = b.Position
	}
	m.tail.Advance(m.last)
	return m.last, nil
}

// Read implements eventlog.Log.
func (m *Memory) Read(ctx context.Context, after eventlog.Position, fn func(*eventlog.Block) error) error {
	m.mu.Lock()
	err := m.check(ctx)
	blocks := m.blocks[:len(m.blocks):len(m.blocks)]
	m.mu.Unlock()
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if b.Position <= after {
			continue
		}
		m.mu.Lock()
		err := m.check(ctx)
		m.mu.Unlock()
		if err != nil {
			return err
		}
		if err := fn(&b); err != nil {
			return err
		}
	}
	return nil
}

// Last implements eventlog.Log.
func (m *Memory) Last(ctx context.Context) (eventlog.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last, m.check(ctx)
}

// Appended implements eventlog.Log.
func (m *Memory) Appended(after eventlog.Position) <-chan struct{} { return m.tail.After(after) }

// Release implements eventlog.Log.
func (m *Memory) Release(ctx context.Context, upTo eventlog.Position) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(ctx); err != nil {
		return err
	}
	kept := 0
	for kept < len(m.blocks) && m.blocks[kept].Position <= upTo {
		kept++
	}
	m.blocks = m.blocks[kept:]
	return nil
}

// Close implements eventlog.Log.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
