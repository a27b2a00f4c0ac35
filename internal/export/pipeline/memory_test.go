package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
)

// memory is a store.Reader over records in memory that keeps the contract: order, pins, history of snapshots.
type memory struct {
	mu       sync.Mutex
	records  []stored
	last     eventlog.Position
	sealed   eventlog.Position
	segments []store.Segment
	pins     map[int]store.Window
	nextPin  int
	nextID   int64
	waiting  []chan struct{}
	// batch is how many rows a batch holds at most.
	batch int
}

type stored struct {
	event.Record
	project  int64
	position eventlog.Position
	index    uint32
}

func newMemory() *memory { return &memory{pins: map[int]store.Window{}, batch: 7} }

// append adds one block.
func (m *memory) append(project int64, records ...event.Record) eventlog.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	for i, r := range records {
		m.records = append(m.records, stored{r, project, m.last, uint32(i)})
	}
	return m.last
}

// seal makes one segment per project and kind of what is not sealed yet.
func (m *memory) seal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	type key struct {
		project int64
		kind    event.Kind
	}
	count := map[key]bool{}
	for _, r := range m.records {
		if r.position > m.sealed {
			count[key{r.project, r.Kind}] = true
		}
	}
	for k := range count {
		m.add(k.project, k.kind, m.sealed, m.last)
	}
	m.sealed = m.last
	for _, c := range m.waiting {
		close(c)
	}
	m.waiting = nil
}

func (m *memory) add(project int64, kind event.Kind, after, upTo eventlog.Position) {
	m.nextID++
	s := store.Segment{ID: m.nextID, Project: project, Kind: kind, After: after, UpTo: upTo}
	days := map[event.Day]int64{}
	for _, r := range m.records {
		if r.project == project && r.Kind == kind && r.position > after && r.position <= upTo {
			days[r.Day()]++
			s.Records++
		}
	}
	for d, n := range days {
		s.Days = append(s.Days, store.DayRange{Day: d, Records: n})
	}
	slices.SortFunc(s.Days, func(a, b store.DayRange) int { return cmp.Compare(a.Day, b.Day) })
	m.segments = append(m.segments, s)
	slices.SortFunc(m.segments, func(a, b store.Segment) int {
		return cmp.Or(cmp.Compare(a.After, b.After), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Kind, b.Kind))
	})
}

// merge joins two neighbouring segments that no pin covers.
func (m *memory) merge(rnd *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.segments) < 2 {
		return
	}
	i := rnd.IntN(len(m.segments) - 1)
	a := m.segments[i]
	for j := i + 1; j < len(m.segments); j++ {
		b := m.segments[j]
		if b.Project != a.Project || b.Kind != a.Kind {
			continue
		}
		if m.pinned(a) || m.pinned(b) {
			return
		}
		m.segments = slices.DeleteFunc(m.segments, func(s store.Segment) bool { return s.ID == a.ID || s.ID == b.ID })
		m.add(a.Project, a.Kind, a.After, b.UpTo)
		return
	}
}

func (m *memory) pinned(s store.Segment) bool {
	for _, p := range m.pins {
		if p.Project == s.Project && s.UpTo > p.After && s.After < p.UpTo {
			return true
		}
	}
	return false
}

// dropPins is what the end of a process does.
func (m *memory) dropPins() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pins = map[int]store.Window{}
}

func (m *memory) Sealed(ctx context.Context) (eventlog.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sealed, ctx.Err()
}

func (m *memory) SealedAfter(p eventlog.Position) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan struct{})
	if m.sealed > p {
		close(c)
	} else {
		m.waiting = append(m.waiting, c)
	}
	return c
}

func inDays(w store.Window, d event.Day) bool {
	return d >= w.FirstDay && (w.LastDay == 0 || d <= w.LastDay)
}

func (m *memory) Segments(ctx context.Context, w store.Window) ([]store.Segment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []store.Segment
	for _, s := range m.segments {
		overlaps := slices.ContainsFunc(s.Days, func(d store.DayRange) bool { return inDays(w, d.Day) })
		if s.Project == w.Project && s.Kind == w.Kind && s.UpTo > w.After && s.After < w.UpTo && overlaps {
			all = append(all, s)
		}
	}
	return all, ctx.Err()
}

func (m *memory) Scan(ctx context.Context, w store.Window, fn func(*store.Batch) error) error {
	segments, err := m.Segments(ctx, w)
	if err != nil {
		return err
	}
	m.mu.Lock()
	records := slices.Clone(m.records)
	m.mu.Unlock()
	byDay := map[event.Day][]stored{}
	for _, s := range segments {
		var rows []stored
		for _, r := range records {
			inside := r.position > max(s.After, w.After) && r.position <= min(s.UpTo, w.UpTo)
			if r.project == w.Project && r.Kind == w.Kind && inside && inDays(w, r.Day()) {
				rows = append(rows, r)
			}
		}
		slices.SortFunc(rows, func(a, b stored) int {
			return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.position, b.position), cmp.Compare(a.index, b.index))
		})
		for _, r := range rows {
			byDay[r.Day()] = append(byDay[r.Day()], r)
		}
	}
	var days []event.Day
	for d := range byDay {
		days = append(days, d)
	}
	slices.Sort(days)
	for _, d := range days {
		for rows := range slices.Chunk(byDay[d], m.batch) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(batchOf(d, rows)); err != nil {
				return err
			}
		}
	}
	return nil
}

func batchOf(d event.Day, rows []stored) *store.Batch {
	b := &store.Batch{Day: d, Len: len(rows)}
	for _, r := range rows {
		b.Position = append(b.Position, uint64(r.position))
		b.Index = append(b.Index, r.index)
		b.Received = append(b.Received, r.Received)
		b.Time = append(b.Time, r.Time)
		for _, c := range []struct {
			column *store.Text
			text   []byte
		}{
			{&b.Name, r.Name}, {&b.DistinctID, r.DistinctID}, {&b.DeviceID, r.DeviceID}, {&b.UserID, r.UserID},
			{&b.InsertID, r.InsertID}, {&b.GroupKey, r.GroupKey}, {&b.Properties, r.Properties},
		} {
			if len(c.column.Offsets) == 0 {
				c.column.Offsets = []uint32{0}
			}
			c.column.Data = append(c.column.Data, c.text...)
			c.column.Offsets = append(c.column.Offsets, uint32(len(c.column.Data)))
		}
	}
	return b
}

func (m *memory) Pin(project int64, after, upTo eventlog.Position) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nextPin++
	id := m.nextPin
	m.pins[id] = store.Window{Project: project, After: after, UpTo: upTo}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.pins, id)
	}
}

// fold returns the last text of each key among the records of the kind.
func (m *memory) fold(project int64, kind event.Kind, upTo eventlog.Position, value func(*event.Record) []byte) [][2][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := map[string][]byte{}
	for i := range m.records {
		r := &m.records[i]
		if r.project != project || r.Kind != kind || r.position > upTo {
			continue
		}
		if v := value(&r.Record); len(v) > 0 {
			last[string(r.DistinctID)] = v
		}
	}
	var all [][2][]byte
	for k, v := range last {
		all = append(all, [2][]byte{[]byte(k), v})
	}
	slices.SortFunc(all, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	return all
}

func (m *memory) ScanProfiles(ctx context.Context, project int64, upTo eventlog.Position, fn func(distinctID, properties []byte, received int64) error) error {
	received := map[string]int64{}
	all := m.fold(project, event.KindProfile, upTo, func(r *event.Record) []byte {
		received[string(r.DistinctID)] = r.Received
		return r.Properties
	})
	return each(ctx, all, func(id, properties []byte) error { return fn(id, properties, received[string(id)]) })
}

func (m *memory) ScanIdentities(ctx context.Context, project int64, upTo eventlog.Position, fn func(distinctID, resolved []byte) error) error {
	return each(ctx, m.fold(project, event.KindEvent, upTo, func(r *event.Record) []byte { return r.UserID }), fn)
}

func each(ctx context.Context, all [][2][]byte, fn func(a, b []byte) error) error {
	for _, kv := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}
