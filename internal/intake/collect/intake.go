package collect

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/project"
)

const (
	// storeTimeout is how long a request waits for log and quarantine.
	storeTimeout = 30 * time.Second
	// maxEncoded bounds what the records of one request may unfold to: an update with several operators repeats its modifiers.
	maxEncoded = 3 * event.MaxRequestBytes
	// keepEncoded and keepLanes bound what an intake that goes back to the pool may hold.
	keepEncoded = 4 << 20
	keepLanes   = 4
	// maxTokens is how many different tokens one request may name. Each unknown one costs a look-up; clients use one.
	maxTokens = 64
	// maxKey is how long an Idempotency-Key may be.
	maxKey = 128
	// keyPrefix tells the keys of requests from those of other appends.
	keyPrefix = "request/"
)

// intake is one request being taken in. It is reused with its buffers.
type intake struct {
	c        *Collector
	w        http.ResponseWriter
	r        *http.Request
	endpoint endpoint
	now      time.Time
	query    []byte
	params   params
	body     buffer
	// key is the Idempotency-Key, and known says that the log has it. id names the request in quarantine positions.
	key, id string
	known   bool

	batch      event.Batch
	normalizer event.Normalizer
	record     event.Record
	operations []event.Record

	lanes []lane
	// current is the index of the lane of the last record that had one, or -1.
	current int
	failed  []failedRecord
	entries []quarantine.Entry
	// taken counts the records that are answered as good. refusedWhole says that one record made the whole request bad.
	taken        int
	refusedWhole bool
}

// lane collects the records of one token.
type lane struct {
	// project is nil when the token names none.
	project *project.Project
	token   []byte
	policy  event.Policy
	records eventlog.Encoder
	// sent and bytes are what arrived, good or bad.
	sent, bytes int
	outcomes    [outcomes]int
}

func (in *intake) begin(c *Collector, w http.ResponseWriter, r *http.Request, e endpoint) {
	in.c, in.w, in.r, in.endpoint, in.now = c, w, r, e, c.config.Now()
	in.query = append(in.query[:0], r.URL.RawQuery...)
	in.params = params{}
	in.body = buffer{memory: &c.memory}
	in.key, in.id, in.known = "", "", false
	in.current = -1
	in.failed, in.taken, in.refusedWhole = in.failed[:0], 0, false
}

// end gives everything back that refers to the request.
func (in *intake) end() {
	size := 0
	for i := range in.lanes {
		size += in.lanes[i].records.Len()
		in.lanes[i].project, in.lanes[i].token = nil, nil
	}
	c, keep := in.c, size <= keepEncoded && len(in.lanes) <= keepLanes
	in.lanes = in.lanes[:0]
	clear(in.failed)
	clear(in.entries)
	clear(in.operations)
	in.entries, in.operations = in.entries[:0], in.operations[:0]
	in.params, in.record, in.r, in.w, in.c = params{}, event.Record{}, nil, nil, nil
	in.batch.Reset(nil, "")
	in.body.free()
	if keep {
		c.intakes.Put(in)
	}
}

// strict reports whether each bad record is answered with its reason.
func (in *intake) strict() bool { return in.params.strict && in.endpoint != track }

// handle takes the request in and returns its answer, or an error, which may be a *refusal.
func (in *intake) handle(ctx context.Context) (answer, error) {
	in.params.parseForm(in.query)
	authorization, named := in.r.Header.Get("Authorization"), in.params.projectID
	var importer *project.Project
	if in.endpoint == importing && authorization != "" {
		// Before the body is read, so that it need not be for strangers.
		var err error
		if importer, err = in.authorize(ctx, authorization); err != nil {
			return answer{}, err
		}
	}
	body, err := in.body.read(in.r)
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	in.c.metrics.bytes[in.endpoint].Add(float64(len(body)))
	payload, err := in.params.payload(body, in.r.Header.Get("Content-Type"))
	if in.endpoint == importing {
		if importer == nil || in.params.projectID != named {
			// A form can carry api_key and project_id.
			var err error
			if importer, err = in.authorize(ctx, authorization); err != nil {
				return answer{}, err
			}
		}
		if err := in.openImport(ctx, importer); err != nil {
			return answer{}, err
		}
	}
	if in.params.callback != "" && !validCallback(in.params.callback) {
		in.params.callback = ""
		return answer{}, &refusal{code: http.StatusBadRequest, message: "callback is invalid: must be a JavaScript identifier", plain: true}
	}
	if err != nil {
		return answer{}, err
	}
	if err := in.judge(ctx, payload); err != nil {
		return answer{}, err
	}
	if err := in.store(ctx); err != nil {
		return answer{}, err
	}
	return in.verdict(), nil
}

// authorize returns the project that a request to /import is for, unless it has nothing left of its rate.
func (in *intake) authorize(ctx context.Context, authorization string) (*project.Project, error) {
	p, err := in.c.authorize(ctx, authorization, in.params.apiKey, in.params.projectID)
	if err != nil {
		return nil, err
	}
	return p, in.c.rates.exhausted(p.ID, in.now)
}

// openImport opens the only lane of a request to /import and looks for its key.
func (in *intake) openImport(ctx context.Context, p *project.Project) error {
	in.current = in.openLane(p, nil)
	in.key = in.r.Header.Get("Idempotency-Key")
	if in.key == "" {
		return nil
	}
	if !validKey(in.key) {
		return &refusal{code: http.StatusBadRequest,
			message: "Idempotency-Key is invalid: must be 1 to " + strconv.Itoa(maxKey) + " printable ASCII characters"}
	}
	in.id = "key:" + in.key
	var err error
	if in.known, err = in.c.config.Keys.KnownKey(ctx, p.ID, keyPrefix+in.key); err != nil {
		return fmt.Errorf("looking for an idempotency key: %w", err)
	}
	if in.known {
		in.w.Header().Set("Idempotency-Replayed", "true")
	}
	return nil
}

func validKey(key string) bool {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return false
		}
	}
	return len(key) <= maxKey
}

// openLane adds a lane and returns its index. It reuses the encoder that an earlier request left there.
func (in *intake) openLane(p *project.Project, token []byte) int {
	if len(in.lanes) < cap(in.lanes) {
		in.lanes = in.lanes[:len(in.lanes)+1]
	} else {
		in.lanes = append(in.lanes, lane{})
	}
	l := &in.lanes[len(in.lanes)-1]
	l.records.Reset()
	*l = lane{project: p, token: token, records: l.records}
	mode := event.Simplified
	if p != nil && p.Identity == project.Original {
		mode = event.Original
	}
	now := in.now.UnixMilli()
	if in.endpoint == importing {
		l.policy = event.ImportPolicy(now, mode, in.params.strict)
		l.policy.Whole = in.params.whole
	} else {
		l.policy = event.TrackPolicy(now, mode)
	}
	if p != nil {
		l.policy.Geo, l.policy.Salt = in.c.config.Geo, p.Token
	}
	l.policy.Host = in.c.config.Host
	if l.policy.UseIP = in.params.useIP; l.policy.UseIP {
		l.policy.IP = clientIP(in.r, in.c.config.TrustedProxies)
	}
	return len(in.lanes) - 1
}

// store makes the judged records durable: those that are bad first, so that a failure in between loses nothing.
func (in *intake) store(ctx context.Context) error {
	for i := range in.lanes {
		l := &in.lanes[i]
		if l.project == nil || l.sent == 0 {
			continue
		}
		if err := in.c.rates.take(l.project.ID, in.now, l.sent, l.bytes); err != nil {
			return err
		}
	}
	if !in.known {
		if len(in.entries) > 0 {
			if err := in.c.config.Quarantine.Add(ctx, in.entries); err != nil {
				return fmt.Errorf("keeping %d bad records: %w", len(in.entries), err)
			}
		}
		if err := in.append(ctx); err != nil {
			return err
		}
	}
	for i := range in.lanes {
		for o, n := range in.lanes[i].outcomes {
			if n > 0 {
				in.c.metrics.records[in.endpoint][o].Add(float64(n))
			}
		}
	}
	return nil
}

func (in *intake) append(ctx context.Context) error {
	for i := range in.lanes {
		l := &in.lanes[i]
		n := l.records.Count()
		if n == 0 {
			continue
		}
		start := time.Now()
		var err error
		if in.key != "" {
			_, err = in.c.config.Log.AppendKeyed(ctx, l.project.ID, keyPrefix+in.key, l.records.Bytes(), n)
		} else {
			_, err = in.c.config.Log.Append(ctx, l.project.ID, l.records.Bytes(), n)
		}
		if err != nil {
			return fmt.Errorf("appending %d records of project %d: %w", n, l.project.ID, err)
		}
		in.c.metrics.appends.Observe(time.Since(start).Seconds())
	}
	return nil
}

// verdict is the answer to a request whose records are safe.
func (in *intake) verdict() answer {
	switch {
	case in.refusedWhole:
		return strictAnswer(in, 0, "", in.failed)
	case in.strict():
		return strictAnswer(in, in.taken, "", in.failed)
	case in.taken > 0:
		return in.result(1, "")
	}
	return in.result(0, in.failed[0].message)
}
