package rawexport

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/export/where"
)

// maxForm is how large the form of a query may be, in bytes.
const maxForm = 1 << 20

// engageQuery is what a query for profiles asks for.
type engageQuery struct {
	ids     []string // sorted; nil for all
	where   *where.Expr
	output  *transform.Projection // nil for all
	page    int
	session *session // nil for a new one
	// key says which profiles are asked for.
	key string
}

// parseEngage reads the form. Its errors are *refusal or *where.Error.
func (s *server) parseEngage(form url.Values, project int64) (*engageQuery, error) {
	q := &engageQuery{}
	for _, name := range []string{"data_group_id", "behaviors", "filter_by_cohort"} {
		if form.Get(name) != "" {
			return nil, bad("%s is not supported", name)
		}
	}
	var err error
	if text := form.Get("distinct_ids"); text != "" {
		if q.ids, err = texts("distinct_ids", text); err != nil {
			return nil, err
		}
	}
	if id := form.Get("distinct_id"); id != "" {
		q.ids = append(q.ids, id)
	}
	slices.Sort(q.ids)
	if text := form.Get("output_properties"); text != "" {
		names, err := texts("output_properties", text)
		if err != nil {
			return nil, err
		}
		q.output = transform.NewProjection(names, nil)
	}
	if text := form.Get("page"); text != "" {
		if q.page, err = strconv.Atoi(text); err != nil || q.page < 0 {
			return nil, bad("page is invalid: must be a number from 0 on")
		}
	}
	if q.where, err = condition(form.Get("where")); err != nil {
		return nil, err
	}
	q.key = fmt.Sprintf("%d %t %q", project, q.ids == nil, q.ids)
	if q.where != nil {
		q.key += " " + q.where.String()
	}
	if id := form.Get("session_id"); id != "" {
		if q.session = s.sessions.find(id, q.key); q.session == nil {
			return nil, bad("session_id is invalid: it has expired or belongs to another query; ask for page 0 without it")
		}
	}
	return q, nil
}

func condition(text string) (*where.Expr, error) {
	if text == "" {
		return nil, nil
	}
	return where.Compile(text)
}

func (s *server) engage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := readForm(r); err != nil {
		s.refuse(w, r, err)
		return
	}
	p, err := s.authorize(r.Context(), r.Header.Get("Authorization"), r.Form.Get("project_id"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	q, err := s.parseEngage(r.Form, p.ID)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	done, err := s.engages.enter(p.ID)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer done()
	b := s.begin(w, r, "application/json")
	defer b.release()
	err = s.writePage(r.Context(), b, p.ID, q)
	if err == nil {
		err = b.end()
	}
	switch {
	case err == nil || r.Context().Err() != nil:
	case !b.started:
		b.drop()
		s.refuse(w, r, err)
	default:
		s.Logger.Warn("a page of profiles was cut off", "project", p.ID, "error", err)
		panic(http.ErrAbortHandler) // so that the client sees that the answer is not whole
	}
}

func readForm(r *http.Request) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" && r.ContentLength != 0 {
		return bad("the body must be a form (application/x-www-form-urlencoded)")
	}
	err := r.ParseForm()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &refusal{code: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the form is larger than %d bytes", maxForm)}
	}
	if err != nil {
		return bad("the form cannot be read: %v", err)
	}
	return nil
}

// writePage writes a page. The first one of a session looks at all profiles, to know how many match and where pages begin; the others
// only at theirs.
func (s *server) writePage(ctx context.Context, b *body, project int64, q *engageQuery) error {
	release, err := s.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	page := &pageWriter{body: b, query: q, session: q.session}
	if q.session == nil {
		page.session = &session{id: s.sessions.newID(), query: q.key}
		page.first = true
		if page.session.position, err = s.Reader.Sealed(ctx); err != nil {
			return fmt.Errorf("looking for what is sealed: %w", err)
		}
	}
	b.pending = event.AppendIntMember(append(b.pending, '{'), "page", int64(q.page))
	b.pending = event.AppendIntMember(b.pending, "page_size", pageSize)
	b.pending = append(event.AppendKey(b.pending, "results"), '[')
	if page.session.position > 0 && (page.first || q.page < len(page.session.starts)) {
		err = s.Reader.ScanProfiles(ctx, project, page.session.position, page.profile)
		if err != nil && !errors.Is(err, errEnough) {
			return fmt.Errorf("reading the profiles of project %d: %w", project, err)
		}
	}
	if page.first {
		s.sessions.add(page.session)
	}
	b.pending = append(b.pending, ']')
	b.pending = event.AppendStringMember(b.pending, "session_id", page.session.id)
	b.pending = event.AppendStringMember(b.pending, "status", "ok")
	b.pending = append(event.AppendIntMember(b.pending, "total", int64(page.session.total)), '}')
	return nil
}

// pageWriter writes the profiles of a page among all of them.
type pageWriter struct {
	body    *body
	query   *engageQuery
	session *session
	first   bool // of its session
	written int
	view    where.View
}

// profile takes the next profile.
func (p *pageWriter) profile(distinctID, properties []byte, _ int64) error {
	q := p.query
	if !p.first && string(distinctID) < p.session.starts[q.page] {
		return nil
	}
	if q.ids != nil {
		if len(q.ids) == 0 || string(distinctID) > q.ids[len(q.ids)-1] {
			return errEnough
		}
		if _, wanted := slices.BinarySearch(q.ids, string(distinctID)); !wanted {
			return nil
		}
	}
	if q.where != nil {
		p.view.Profile(distinctID, properties)
		if ok, err := q.where.Match(&p.view); !ok || err != nil {
			return err
		}
	}
	if p.first {
		at := p.session.total
		if p.session.total++; at%pageSize == 0 {
			p.session.starts = append(p.session.starts, string(distinctID))
		}
		if at/pageSize != q.page {
			return nil
		}
	}
	if err := p.write(distinctID, properties); err != nil {
		return err
	}
	if p.written++; p.written == pageSize && !p.first {
		return errEnough
	}
	return p.body.sendLarge()
}

func (p *pageWriter) write(distinctID, properties []byte) (err error) {
	b := p.body
	if p.written > 0 {
		b.pending = append(b.pending, ',')
	}
	b.pending = event.AppendStringMember(append(b.pending, '{'), "$distinct_id", distinctID)
	b.pending = event.AppendKey(b.pending, "$properties")
	if p.query.output == nil {
		b.pending = append(b.pending, properties...)
	} else if b.pending, err = p.query.output.Append(b.pending, properties); err != nil {
		return err
	}
	b.pending = append(b.pending, '}')
	return nil
}
