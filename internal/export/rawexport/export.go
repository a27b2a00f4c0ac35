package rawexport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/selection"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
)

const (
	// maxEvents is the largest limit of an export (Mixpanel, "Download Data").
	maxEvents = 100_000
	// terminatedEarly is the last line of an export that failed when a part of it was sent.
	terminatedEarly = "terminated early\n"
)

// errEnough ends a scan whose rest is not wanted.
var errEnough = errors.New("enough")

// exportQuery is what an export asks for.
type exportQuery struct {
	first, last  event.Day
	limit        int // 0 for none
	selection    *selection.Rule
	nothing      bool // is selected
	milliseconds bool
}

// parseExport reads the parameters. Its errors are *refusal or wrap *where.Error.
func parseExport(params url.Values, today event.Day) (*exportQuery, error) {
	q := &exportQuery{}
	var err error
	for _, d := range []struct {
		name string
		day  *event.Day
	}{{"from_date", &q.first}, {"to_date", &q.last}} {
		text := params.Get(d.name)
		if text == "" {
			return nil, bad("%s is required", d.name)
		}
		if *d.day, err = event.ParseDay(text); err != nil {
			return nil, bad("%s is invalid: must be written as yyyy-mm-dd", d.name)
		}
	}
	if q.last > today {
		return nil, bad("to_date cannot be later than today")
	}
	if q.last < q.first {
		return nil, bad("to_date cannot be less than from_date")
	}
	if text := params.Get("limit"); text != "" {
		if q.limit, err = strconv.Atoi(text); err != nil || q.limit < 1 || q.limit > maxEvents {
			return nil, bad("limit is invalid: must be a number from 1 to %d", maxEvents)
		}
	}
	chosen := selection.Selection{Where: params.Get("where")}
	if text := params.Get("event"); text != "" {
		if chosen.Events, err = texts("event", text); err != nil {
			return nil, err
		}
		q.nothing = len(chosen.Events) == 0
	}
	if text := params.Get("time_in_ms"); text != "" {
		if q.milliseconds, err = strconv.ParseBool(text); err != nil {
			return nil, bad("time_in_ms is invalid: must be true or false")
		}
	}
	q.selection, err = selection.Compile(&chosen)
	return q, err
}

// texts reads a parameter that is a JSON array of strings.
func texts(name, value string) (all []string, err error) {
	if err := json.Unmarshal([]byte(value), &all); err != nil || all == nil {
		return nil, bad("%s is invalid: must be a JSON array of strings, such as [\"a\",\"b\"]", name)
	}
	return all, nil
}

func (s *server) export(w http.ResponseWriter, r *http.Request) {
	params := r.URL.Query()
	p, err := s.authorize(r.Context(), r.Header.Get("Authorization"), params.Get("project_id"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	q, err := parseExport(params, event.DayOfTime(s.Now()))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	done, err := s.exports.enter(p.ID)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer done()
	b := s.begin(w, r, "text/plain; charset=utf-8")
	defer b.release()
	err = s.writeEvents(r.Context(), b, p.ID, q)
	switch {
	case r.Context().Err() != nil:
		return // the client is gone
	case err != nil && !b.started:
		b.drop()
		s.refuse(w, r, err)
		return
	case err != nil:
		s.Logger.Warn("an export was terminated early", "project", p.ID, "error", err)
		b.pending = append(b.pending, terminatedEarly...)
	}
	if err := b.end(); err != nil {
		s.Logger.Debug("a client did not receive its export", "project", p.ID, "error", err)
	}
}

// writeEvents writes the events as lines.
func (s *server) writeEvents(ctx context.Context, b *body, project int64, q *exportQuery) error {
	release, err := s.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	sealed, err := s.Reader.Sealed(ctx)
	if err != nil {
		return fmt.Errorf("looking for what is sealed: %w", err)
	}
	// No event is older than event.MinTime, and a window's last day 0 would mean no bound.
	if sealed == 0 || q.nothing || q.last < event.DayOf(event.MinTime) {
		return nil
	}
	selector, err := q.selection.Open(ctx, s.Reader, project, sealed)
	if errors.Is(err, selection.ErrTooManyUsers) {
		return bad("where is invalid: %v", selection.ErrTooManyUsers)
	}
	if err != nil {
		return err
	}
	written := 0
	window := store.Window{Project: project, Kind: event.KindEvent, UpTo: sealed, FirstDay: q.first, LastDay: q.last}
	err = s.Reader.Scan(ctx, window, func(batch *store.Batch) error {
		for i := range batch.Len {
			ok, err := selector.Match(batch, i)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			b.pending = transform.AppendRawEvent(b.pending, batch, i, q.milliseconds)
			if err := b.sendLarge(); err != nil {
				return err
			}
			if written++; written == q.limit {
				return errEnough
			}
		}
		return ctx.Err()
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
