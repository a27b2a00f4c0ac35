package pipeline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/schema"
)

// visit makes an event of one of three names at a time, with properties whose presence and types vary.
func visit(at time.Time) event.Record {
	n := serial.Add(1)
	r := event.Record{
		Kind: event.KindEvent, Time: at.UnixMilli(), Received: epoch.UnixMilli() + n, Name: []byte([]string{"Visited", "Signed Up", "visited!"}[n%3]),
		DistinctID: fmt.Appendf(nil, "u%d", n%5), InsertID: fmt.Appendf(nil, "i%d", n),
	}
	properties := map[string]any{"n": n, "City": "Zürich"}
	switch n % 4 {
	case 1:
		properties["plan"] = "free"
	case 2:
		properties["plan"] = n%8 == 2
		properties["big"] = json.Number("123456789012345678901")
	case 3:
		properties["$list"] = []any{n, "a"}
	}
	text, err := json.Marshal(properties)
	if err != nil {
		panic(err)
	}
	r.Properties = text
	return r
}

// shredded is what the tables shall hold of the events that are chosen, whatever columns they have: table, partition, and the values that
// are not null by property. It is made with the standard library, independently of the code under test.
func (h *house) shredded(p *Pipeline, chosen func(*event.Record) bool) []string {
	owner, err := h.config.Projects.ByID(h.ctx, h.project)
	require.NoError(h.t, err)
	var rows []string
	for _, r := range h.reader.records {
		if r.project != h.project || r.Kind != event.KindEvent || r.position > h.reader.sealed || chosen != nil && !chosen(&r.Record) {
			continue
		}
		at := time.UnixMilli(r.Time).In(owner.Zone)
		var properties map[string]json.RawMessage
		require.NoError(h.t, json.Unmarshal(r.Properties, &properties))
		values := []string{
			"time=" + at.UTC().Format("2006-01-02T15:04:05.000Z"), "distinct_id=" + string(r.DistinctID), "$insert_id=" + string(r.InsertID),
		}
		for name, raw := range properties {
			var value any
			require.NoError(h.t, json.Unmarshal(raw, &value))
			switch v := value.(type) {
			case string:
				values = append(values, name+"="+v)
			case float64:
				values = append(values, fmt.Sprintf("%s=%v", name, v))
				if name == "big" {
					values = append(values, name+"="+string(raw))
				}
			case bool:
				values = append(values, fmt.Sprintf("%s=%v", name, v))
			default:
				values = append(values, name+"="+string(raw))
			}
		}
		table := "mp_master_event"
		if p.SchemaType == Multischema {
			table = string(r.Name)
		} else {
			values = append(values, "="+string(r.Name))
		}
		slices.Sort(values)
		rows = append(rows, table+" "+at.Format(time.DateOnly)+" "+strings.Join(values, " "))
	}
	slices.Sort(rows)
	return rows
}

// read returns the rows of the pipeline's tables in the form of shredded, by its mapping.
func (h *house) read(p *Pipeline) []string {
	m, err := h.store.mapping(h.ctx, p, 0)
	require.NoError(h.t, err)
	return h.readBy(p, m)
}

// seen is what a reader sees while a run is under way, whose columns it knows.
func (h *house) seen(p *Pipeline) []string {
	run, err := h.store.openRun(h.ctx, p.ID)
	require.NoError(h.t, err)
	if run != nil {
		m, err := h.store.mapping(h.ctx, p, run.Number)
		require.NoError(h.t, err)
		if m != nil {
			return h.readBy(p, m)
		}
	}
	return h.read(p)
}

func (h *house) readBy(p *Pipeline, m *schema.Mapping) []string {
	if m == nil {
		return nil
	}
	var rows []string
	for _, t := range m.Tables() {
		property := map[string]string{}
		for _, c := range t.Columns() {
			property[c.Name] = c.Property
		}
		name := t.Name
		if t.Event != "" {
			name = t.Event
		}
		for _, line := range h.table(p.Glue.Database, p.CatalogTable(t.Name)) {
			day, text, _ := strings.Cut(line, " ")
			var row map[string]any
			require.NoError(h.t, json.Unmarshal([]byte(text), &row))
			var values []string
			for column, value := range row {
				of, known := property[column]
				require.True(h.t, known, "%s is no column of %s", column, t.Name)
				values = append(values, fmt.Sprintf("%s=%v", of, value))
			}
			slices.Sort(values)
			rows = append(rows, name+" "+day+" "+strings.Join(values, " "))
		}
	}
	slices.Sort(rows)
	return rows
}

// requireExact compares what the store holds, what was exported, what the manifests say and what lies in the objects, column by column.
func (h *house) requireExact(p *Pipeline) {
	require.Empty(h.t, h.requireCounts(p).Stray)
}

// requireCounts is requireExact without a look at objects that belong to no run.
func (h *house) requireCounts(p *Pipeline) *Counts {
	p = h.get(p)
	counts, err := Verify(h.ctx, h.store, h.bucket, p, true)
	require.NoError(h.t, err)
	expected, err := Expect(h.ctx, h.store, h.reader, p, counts)
	require.NoError(h.t, err)
	trimmed := func(values []int64) []int64 {
		for len(values) > 0 && values[len(values)-1] == 0 {
			values = values[:len(values)-1]
		}
		return values
	}
	var reduced int64
	for _, d := range counts.Days {
		want := expected[d.Place]
		if want == nil {
			want = &Expected{}
		}
		delete(expected, d.Place)
		require.Equal(h.t, [3]int64{want.Rows, want.Rows, want.Rows}, [3]int64{d.Runs, d.Manifests, d.Objects}, d.Place)
		for _, values := range [][]int64{d.RunValues, d.ManifestValues, d.ObjectValues} {
			if p.Type == TypeAWS && want.Rows > 0 {
				require.Equal(h.t, trimmed(want.Values), trimmed(values), d.Place)
			}
		}
		require.Equal(h.t, want.Members, d.ObjectMembers, d.Place)
		reduced += want.Reduced
	}
	require.Empty(h.t, expected)
	require.Equal(h.t, OversizeCount{reduced, reduced}, counts.Oversize)
	return counts
}

// TestHoweverEventsArriveSchematizedTablesAreTheSame lets events of any age arrive in any batches, in any time zone, with seals, merges,
// turns, restarts and failing calls at any moment. In the end each table holds exactly its events, each once, each in the partition of
// its day, whether runs add to days or replace them, and whether there were many windows or, for a pipeline made at the end, one.
func TestHoweverEventsArriveSchematizedTablesAreTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pipeline-")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		h, done := newHouse(t, dir)
		defer done()
		h.in(rapid.SampledFrom(zones).Draw(t, "zone"))
		h.config.MaxRecords = rapid.Int64Range(1, 20).Draw(t, "records per window")
		h.config.Grace = rapid.SampledFrom([]time.Duration{-1, 10 * time.Minute}).Draw(t, "grace")
		h.reader.batch = rapid.IntRange(1, 5).Draw(t, "batch")
		h.restart()
		rnd := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		spec := Spec{
			Type: TypeAWS, Format: rapid.SampledFrom([]Format{JSON, Parquet}).Draw(t, "format"), Sync: rapid.Bool().Draw(t, "sync"),
			SchemaType: rapid.SampledFrom([]SchemaType{Monoschema, Multischema}).Draw(t, "schema"),
			Frequency:  rapid.SampledFrom([]Frequency{Continuous, Hourly, Daily}).Draw(t, "frequency"),
		}
		p := h.create(spec)
		// Hours around midnight in all zones, and days around a change of the clock in some.
		hour := rapid.SampledFrom([]int{0, 1, 5, 12, 13, 18, 23, -1, -11, -24, -30, 2017, -24 * 700})
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				var records []event.Record
				for _, x := range rapid.SliceOfN(hour, 1, 6).Draw(t, "hours") {
					records = append(records, visit(epoch.Add(time.Duration(x)*time.Hour).Add(time.Duration(rnd.Int64N(int64(2*time.Hour))))))
				}
				h.reader.append(h.project, records...)
			},
			"others arrive": func(*rapid.T) { h.reader.append(77, click(0)) },
			"seal":          func(*rapid.T) { h.reader.seal() },
			"merge":         func(*rapid.T) { h.reader.merge(rnd) },
			"turn":          func(*rapid.T) { h.once() },
			"restart":       func(*rapid.T) { h.restart() },
			"time passes":   func(*rapid.T) { h.advance(time.Duration(rnd.Int64N(int64(time.Hour)))) },
			"a call fails": func(t *rapid.T) {
				h.faults.plan(rapid.IntRange(1, 15).Draw(t, "call"), rapid.SampledFrom([]damage{refuse, lose, denied}).Draw(t, "how"))
			},
		})
		h.faults.plan(0, "")
		h.reader.seal()
		h.drain()
		h.advance(25 * time.Hour)
		h.drain()
		want := h.shredded(p, nil)
		require.Equal(t, want, h.read(p))
		h.requireExact(p)
		spec.S3.Prefix, spec.Glue.Database, spec.Frequency = "fresh", "fresh", Continuous
		h.config.MaxRecords = 1_000_000
		h.restart()
		fresh := h.create(spec)
		h.drain()
		require.Equal(t, want, h.read(fresh))
		if len(want) > 0 {
			require.EqualValues(t, 1, h.lastRun(fresh).Number)
		}
	})
}

// TestAReaderNeverSeesADayTwiceHalfOrNotAtAll looks through the catalog before each call that runs of a sync pipeline make, some of which
// fail. Whatever moment it is, each day is as one of the runs has left it, and no older than it was before.
func TestAReaderNeverSeesADayTwiceHalfOrNotAtAll(t *testing.T) {
	for _, schemaType := range []SchemaType{Monoschema, Multischema} {
		t.Run(string(schemaType), func(t *testing.T) {
			t.Parallel()
			for step := 0; step < 40; step += 13 {
				h := open(t).in("America/St_Johns")
				h.config.Grace = -1
				h.config.Writer.PartBytes = 1
				h.restart()
				p := h.create(Spec{Type: TypeAWS, Sync: true, SchemaType: schemaType, Interval: time.Second})
				for round := range 3 {
					before := h.shredded(p, nil)
					if round == 0 {
						before = nil
					}
					for i := range 6 {
						h.reader.append(h.project, visit(epoch.Add(time.Duration(i-3)*9*time.Hour)))
					}
					h.reader.seal()
					after := h.shredded(p, nil)
					old, renewed := byDay(before), byDay(after)
					h.faults.plan(step, []damage{refuse, lose}[step%2])
					h.faults.before = func() {
						seen := byDay(h.seen(p))
						for day, rows := range seen {
							if slices.Equal(rows, renewed[day]) {
								old[day] = renewed[day] // from now on
								continue
							}
							require.Equal(t, old[day], rows, "round %d, %s", round, day)
						}
						for day := range old {
							require.Contains(t, seen, day)
						}
					}
					h.once()
					h.faults.plan(0, "")
					h.drain()
					h.faults.before = nil
					require.Equal(t, after, h.read(p))
				}
				h.requireExact(p)
			}
		})
	}
}

// byDay splits rows by their partition, and by their table, since each partition is published by itself.
func byDay(rows []string) map[string][]string {
	days := map[string][]string{}
	for _, row := range rows {
		at := strings.Index(row, " 20")
		day := row[:at+len(" 2026-08-01")]
		days[day] = append(days[day], row)
	}
	return days
}
