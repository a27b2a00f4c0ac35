package collect

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/project"
)

// Retaker takes quarantined records again, by the rules of the endpoint they came to and at the time they came; those of /import as
// without strict, since nobody is there any more to be told. It implements quarantine.Retaker and is safe for concurrent use.
type Retaker struct {
	Log      Appender
	Keys     Keys
	Projects Projects
	// Geo adds places to records that carry an address; nil for none.
	Geo event.Locator
	// Host is written into events as $mp_api_endpoint.
	Host string
	// AnyAge takes events that were older than /track allows, because who replays them is trusted, as /import trusts.
	AnyAge bool
	// Whole keeps properties whatever their number, length and depth, as limits=none of /import does.
	Whole bool

	mu         sync.Mutex // guards what follows
	normalizer event.Normalizer
	batch      event.Batch
	operations []event.Record
	records    eventlog.Encoder
}

var errSeveralRecords = &event.Invalid{Message: "entry is invalid: must be one record"}

// Judge implements quarantine.Retaker.
func (r *Retaker) Judge(ctx context.Context, e *quarantine.Entry) error {
	p, err := r.Projects.ByID(ctx, e.Project)
	if err != nil {
		return fmt.Errorf("looking up project %d: %w", e.Project, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.normalize(p, e)
}

// normalize leaves the entry's records in r.operations. The caller holds mu.
func (r *Retaker) normalize(p *project.Project, e *quarantine.Entry) error {
	mode := event.Simplified
	if p.Identity == project.Original {
		mode = event.Original
	}
	at := e.Time.UnixMilli()
	policy := event.TrackPolicy(at, mode)
	within := "properties"
	switch e.Endpoint {
	case endpointNames[importing]:
		policy = event.ImportPolicy(at, mode, false)
	case endpointNames[engage], endpointNames[groups]:
		within = ""
	}
	if r.AnyAge {
		policy.MaxAge = 0
	}
	policy.Whole = r.Whole
	policy.Geo, policy.Host, policy.Salt = r.Geo, r.Host, p.Token

	r.operations = r.operations[:0]
	r.batch.Reset(e.Raw, within)
	if !r.batch.Next() {
		return errSeveralRecords
	}
	if err := r.batch.Err(); err != nil {
		return &event.Invalid{Message: err.Error()}
	}
	var err error
	switch e.Endpoint {
	case endpointNames[engage]:
		r.operations, err = r.normalizer.Profile(r.operations, &r.batch, &policy)
	case endpointNames[groups]:
		r.operations, err = r.normalizer.Group(r.operations, &r.batch, &policy)
	default:
		var record event.Record
		err = r.normalizer.Event(&record, &r.batch, &policy)
		r.operations = append(r.operations, record)
	}
	if err != nil {
		return err
	}
	if r.batch.Next() {
		return errSeveralRecords
	}
	return nil
}

// Retake implements quarantine.Retaker.
func (r *Retaker) Retake(ctx context.Context, projectID int64, key string, entries []quarantine.Entry) (rejected []int64, err error) {
	known, err := r.Keys.KnownKey(ctx, projectID, key)
	if err != nil {
		return nil, fmt.Errorf("looking for the key of a replay: %w", err)
	}
	if known {
		return nil, nil
	}
	p, err := r.Projects.ByID(ctx, projectID)
	if err != nil {
		return nil, fmt.Errorf("looking up project %d: %w", projectID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records.Reset()
	for i := range entries {
		err := r.normalize(p, &entries[i])
		if _, bad := errors.AsType[*event.Invalid](err); bad || errors.Is(err, event.ErrIgnored) {
			rejected = append(rejected, entries[i].ID)
			continue
		}
		if err != nil {
			return nil, err
		}
		for j := range r.operations {
			if err := r.records.Append(&r.operations[j]); err != nil {
				return nil, fmt.Errorf("encoding quarantine entry %d: %w", entries[i].ID, err)
			}
		}
	}
	if r.records.Count() == 0 {
		return rejected, nil
	}
	_, err = r.Log.AppendKeyed(ctx, projectID, key, r.records.Bytes(), r.records.Count())
	return rejected, err
}
