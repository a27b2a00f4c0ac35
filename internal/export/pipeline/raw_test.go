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
)

// rawRows is what the folders of a raw pipeline shall hold, each row with its folder in front, made with the standard library.
func (h *house) rawRows(p *Pipeline) []string {
	zone := h.zoneOf()
	var rows []string
	for _, r := range h.reader.records {
		at := time.UnixMilli(r.Time).In(zone)
		if r.project != h.project || r.Kind != event.KindEvent || r.position > h.reader.sealed || at.Format(time.DateOnly) < p.From.String() {
			continue
		}
		var properties map[string]any
		require.NoError(h.t, json.Unmarshal(r.Properties, &properties))
		properties["time"], properties["distinct_id"], properties["$insert_id"] = r.Time/1000, string(r.DistinctID), string(r.InsertID)
		rows = append(rows, folderAt(p, at)+sortedJSON(h, map[string]any{"event": string(r.Name), "properties": properties}))
	}
	slices.Sort(rows)
	return rows
}

func (h *house) zoneOf() *time.Location {
	owner, err := h.config.Projects.ByID(h.ctx, h.project)
	require.NoError(h.t, err)
	return owner.Zone
}

func folderAt(p *Pipeline, at time.Time) string {
	if p.Frequency == Hourly {
		return at.Format("2006/01/02/15/")
	}
	return at.Format("2006/01/02/full_day/")
}

// sortedJSON writes the same values in the same way, whatever their order was.
func sortedJSON(h *house, v any) string {
	text, err := json.Marshal(v)
	require.NoError(h.t, err)
	var again any
	require.NoError(h.t, json.Unmarshal(text, &again))
	text, err = json.Marshal(again)
	require.NoError(h.t, err)
	return string(text)
}

// rawLook returns the rows in a raw pipeline's folders and the folders that have a marker.
func (h *house) rawLook(p *Pipeline) (rows []string, marked map[string]bool) {
	root := p.Layout().TableDir()
	marked = map[string]bool{}
	for _, key := range h.keys(root) {
		name := strings.TrimPrefix(key, root)
		folder := name[:strings.LastIndexByte(name, '/')+1]
		switch {
		case strings.HasPrefix(name, "_"):
		case strings.HasSuffix(name, "/complete"):
			marked[folder] = true
		default:
			for _, line := range h.lines(key) {
				rows = append(rows, folder+sortedJSON(h, json.RawMessage(line)))
			}
		}
	}
	slices.Sort(rows)
	return rows, marked
}

// TestRawFoldersHoldTheirEventsAndAreMarkedWhenTheyAreOver lets events of any age arrive in any time zone, with turns, restarts and failing
// calls. At any moment a folder that is marked holds all that was sealed half an hour after its end.
func TestRawFoldersHoldTheirEventsAndAreMarkedWhenTheyAreOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pipeline-")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		h, done := newHouse(t, dir)
		defer done()
		h.in(rapid.SampledFrom(zones).Draw(t, "zone"))
		h.config.MaxRecords = rapid.Int64Range(1, 20).Draw(t, "records per window")
		h.reader.batch = rapid.IntRange(1, 5).Draw(t, "batch")
		h.restart()
		zone := h.zoneOf()
		p := h.create(Spec{
			Type: TypeRaw, Frequency: rapid.SampledFrom([]Frequency{Hourly, Daily}).Draw(t, "frequency"), From: event.DayOfTime(epoch) - 1,
		})
		sealedAt := map[string]time.Time{} // by insert id
		rnd := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		hours := rapid.SampledFrom([]int{0, -1, -2, -10, -13, -24, -50, 2})
		check := func() {
			rows, marked := h.rawLook(p)
			for _, r := range h.reader.records {
				at := time.UnixMilli(r.Time).In(zone)
				folder := folderAt(p, at)
				was, sealed := sealedAt[string(r.InsertID)]
				if !sealed || !marked[folder] || at.Format(time.DateOnly) < p.From.String() {
					continue
				}
				end := at
				for folderAt(p, end) == folder {
					end = end.Add(time.Minute)
				}
				if was.Before(end.Truncate(time.Minute).Add(markAfter)) {
					found := slices.ContainsFunc(rows, func(row string) bool {
						return strings.HasPrefix(row, folder) && strings.Contains(row, fmt.Sprintf("%q", r.InsertID))
					})
					require.True(t, found, "%s is marked without event %s", folder, r.InsertID)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				for _, x := range rapid.SliceOfN(hours, 1, 4).Draw(t, "hours") {
					h.reader.append(h.project, visit(h.now().Add(time.Duration(x)*time.Hour).Add(-time.Duration(rnd.Int64N(int64(time.Hour))))))
				}
			},
			"seal": func(*rapid.T) {
				h.reader.seal()
				for _, r := range h.reader.records {
					if _, known := sealedAt[string(r.InsertID)]; !known {
						sealedAt[string(r.InsertID)] = h.now()
					}
				}
			},
			"turn":        func(*rapid.T) { h.once() },
			"restart":     func(*rapid.T) { h.restart() },
			"time passes": func(*rapid.T) { h.advance(time.Duration(rnd.Int64N(int64(3 * time.Hour)))) },
			"a call fails": func(t *rapid.T) {
				h.faults.plan(rapid.IntRange(1, 15).Draw(t, "call"), rapid.SampledFrom([]damage{refuse, lose, denied}).Draw(t, "how"))
			},
			"": func(*rapid.T) { check() },
		})
		h.faults.plan(0, "")
		h.reader.seal()
		h.advance(49 * time.Hour)
		h.drain()
		h.advance(25 * time.Hour)
		for h.once() > 0 {
		}
		rows, marked := h.rawLook(p)
		require.Equal(t, h.rawRows(p), rows)
		h.requireExact(p)
		// Every folder from the first day on that was over half an hour before the last turn has its marker, and no other.
		want := map[string]bool{}
		until := h.get(p).Cycle.Add(-markAfter)
		for at := time.UnixMilli(newCalendar(zone).start(p.From)); at.Before(until); at = at.Add(15 * time.Minute) {
			want[folderAt(p, at.In(zone))] = true
		}
		delete(want, folderAt(p, until.In(zone))) // it is not over
		require.Equal(t, want, marked)
	})
}

func TestMarkersOfALongPastAreWrittenInBoundedTurns(t *testing.T) {
	t.Parallel()
	h := open(t)
	p := h.create(Spec{Type: TypeRaw, Frequency: Hourly, From: event.DayOfTime(epoch) - 60})
	turns := 0
	for ; h.get(p).Marked.Before(epoch.Add(-2 * time.Hour)); turns++ {
		require.Less(t, turns, 10)
		h.once()
		_, marked := h.rawLook(p)
		require.LessOrEqual(t, len(marked), (turns+1)*maxMarks)
	}
	require.Equal(t, 60*24/maxMarks+1, turns)
	_, marked := h.rawLook(p)
	require.True(t, marked["2026/06/02/00/"])
	require.True(t, marked["2026/08/01/08/"])
	require.False(t, marked["2026/08/01/09/"], "it ended half an hour ago at half past ten")
}

func TestAMarkerThatCannotBeWrittenIsToldWithoutARun(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Type: TypeRaw, Frequency: Hourly, From: event.DayOfTime(epoch)})
	h.faults.plan(3, denied)
	h.once()
	require.Contains(t, h.get(p).Warning, "grant the right")
	h.faults.plan(0, "")
	h.advance(time.Hour)
	h.once()
	require.Empty(t, h.get(p).Warning)
	_, marked := h.rawLook(p)
	require.Len(t, marked, 10)
}

func TestAnHourThatTheClockRepeatsIsOneFolderMarkedAtItsSecondEnd(t *testing.T) {
	h := open(t).in("Europe/Berlin")
	repeated := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC) // two o'clock in Berlin, and again an hour later
	h.mu.Lock()
	h.clock = repeated
	h.mu.Unlock()
	h.reader.append(h.project, visit(repeated.Add(10*time.Minute)), visit(repeated.Add(70*time.Minute)))
	h.reader.seal()
	p := h.create(Spec{Type: TypeRaw, Frequency: Hourly, From: event.DayOfTime(repeated)})
	marks := func(after time.Duration) bool {
		h.mu.Lock()
		h.clock = repeated.Add(after)
		h.mu.Unlock()
		require.NoError(t, h.store.RunNow(h.ctx, p.ID))
		h.once()
		_, marked := h.rawLook(p)
		return marked["2026/10/25/02/"]
	}
	require.False(t, marks(90*time.Minute), "exactly half an hour after the first end")
	require.False(t, marks(91*time.Minute))
	require.True(t, marks(150*time.Minute))
	rows, _ := h.rawLook(p)
	require.Len(t, rows, 2)
	require.True(t, strings.HasPrefix(rows[0], "2026/10/25/02/") && strings.HasPrefix(rows[1], "2026/10/25/02/"))
}
