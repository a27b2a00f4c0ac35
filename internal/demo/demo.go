// Package demo walks the whole way on one machine: it starts the service, makes a project, feeds it, exports, verifies and queries, through
// the same interfaces that a user has.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/intake/source"
	"github.com/refract-io/refract/internal/node"
)

// Options of a demo. DataDir and Out are required.
type Options struct {
	DataDir string
	// Events of the sample stream, default 20,000.
	Events int
	// GitHubEvents is a file of GitHub's events API to import too; none when empty or missing.
	GitHubEvents string
	Out          io.Writer
	// Query runs SQL and prints its result.
	Query func(ctx context.Context, client *node.Client, sql string, out io.Writer) error
	// Progress wraps an import with a progress bar of so many bytes.
	Progress func(total int64) (update func(source.Summary), done func())
}

// DocumentedQuery is the example of Mixpanel's page on Redshift Spectrum, with the embedded warehouse's database.
const DocumentedQuery = `SET json_serialization_enable TO true;
SELECT
    distinct_id
FROM
    "dev"."mp_json_export"."mp_master_event"
WHERE
    json_extract_path_text(properties, '$city') = 'San Francisco'
LIMIT 10;`

// projectName is the demo's project. Running the demo again reuses it.
const projectName = "demo"

// Run walks the way. It can be run again: what is there is reused, and nothing is imported twice.
func Run(ctx context.Context, o Options) error {
	if o.Events == 0 {
		o.Events = 20_000
	}
	d := &walk{Options: o, ctx: ctx}
	for _, step := range []func() error{d.start, d.project, d.pipelines, d.sampleEvents, d.gitHubEvents, d.profiles, d.exported, d.verified, d.query} {
		if err := step(); err != nil {
			return err
		}
	}
	d.next()
	return nil
}

// walk carries what the steps hand on.
type walk struct {
	Options
	ctx    context.Context
	client *node.Client
	p      control.Project
	n      int
	events string
}

// step announces a step.
func (d *walk) step(format string, args ...any) {
	d.n++
	fmt.Fprintf(d.Out, "%d. "+format+"\n", append([]any{d.n}, args...)...)
}

func (d *walk) say(format string, args ...any) { fmt.Fprintf(d.Out, "   "+format+"\n", args...) }

func (d *walk) start() error {
	d.step("The service: collector, worker and query roles in one process, data in %s", d.DataDir)
	client, started, err := ensureService(d.ctx, d.DataDir)
	if err != nil {
		return err
	}
	d.client = client
	state := "was running already"
	if started {
		state = "started"
	}
	d.say("%s: HTTP on %s, SQL on %s, AWS tools on %s, process %d", state, client.Addresses.HTTP, client.Addresses.SQL, client.Addresses.AWS,
		client.Addresses.PID)
	return nil
}

func (d *walk) project() error {
	d.step("A project")
	all, err := d.client.Projects(d.ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Name == projectName {
			d.p = p
		}
	}
	if d.p.ID == 0 {
		if d.p, err = d.client.CreateProject(d.ctx, control.NewProject{Name: projectName}); err != nil {
			return err
		}
	}
	d.say("%s, id %d, token %s", d.p.Name, d.p.ID, d.p.Token)
	return nil
}

func (d *walk) pipelines() error {
	d.step("Pipelines: events, people and identity mappings, continuously")
	have, err := d.client.Pipelines(d.ctx, d.p.ID)
	if err != nil {
		return err
	}
	for _, in := range []struct{ source, interval string }{{"events", "1s"}, {"people", "2s"}, {"identities", "2s"}} {
		var made control.Pipeline
		for _, p := range have {
			if p.Type == "json" && p.Source == in.source && p.State == "active" {
				made = p
			}
		}
		if made.ID == "" {
			if made, err = d.create(url.Values{"type": {"json"}, "data_source": {in.source}, "frequency": {"continuous"}, "interval": {in.interval}}); err != nil {
				return err
			}
		}
		d.say("%-28s s3://%s/%d/%s/ and table %s.%s", made.Name, made.Bucket, d.p.ID, made.Table, made.Database, made.Table)
	}
	return nil
}

func (d *walk) create(parameters url.Values) (control.Pipeline, error) {
	names, err := d.client.CreatePipeline(d.ctx, d.p.ID, parameters)
	if err != nil {
		return control.Pipeline{}, err
	}
	return d.client.Pipeline(d.ctx, d.p.ID, names[0])
}

func (d *walk) sampleEvents() error {
	d.step("%d events of a made-up shop: sessions, devices, late and repeated events, many scripts", d.Events)
	d.events = filepath.Join(d.DataDir, "demo", "events.ndjson")
	stream, err := writeEvents(d.events, d.Events)
	if err != nil {
		return err
	}
	d.say("of them %d repeated, and they stay: exports are not de-duplicated unless asked", stream.Repeats())
	return d.importFile(d.events, "")
}

func (d *walk) gitHubEvents() error {
	if _, err := os.Stat(d.GitHubEvents); d.GitHubEvents == "" || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	d.step("Real events: GitHub's, with --limits none --map %s", gitHubMapping)
	return d.importFile(d.GitHubEvents, gitHubMapping)
}

func (d *walk) importFile(file, mapping string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("looking for %s: %w", file, err)
	}
	update, done := d.Progress(info.Size())
	start := time.Now()
	sum, err := importFile(d.ctx, d.client.URL, d.p.Token, file, mapping, update)
	done()
	if err != nil {
		return err
	}
	d.say("%d imported, %d refused and kept in the quarantine, in %.1f s", sum.Imported, sum.Refused, time.Since(start).Seconds())
	for message, n := range sum.Reasons {
		d.say("  %d: %s", n, message)
	}
	return nil
}

func (d *walk) profiles() error {
	d.step("Profiles of the shop's users")
	stream, err := writeEvents(d.events, d.Events)
	if err != nil {
		return err
	}
	if err := sendProfiles(d.ctx, d.client.URL, d.p.Token, stream); err != nil {
		return err
	}
	d.say("%d operations", stream.Users())
	return nil
}

// exportTimeout bounds how long the pipelines may take.
const exportTimeout = 5 * time.Minute

// exported waits until every pipeline has published all that is in the log.
func (d *walk) exported() error {
	d.step("Exported, catalogued, attached")
	status, err := d.client.Status(d.ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	for {
		all, err := d.client.Pipelines(d.ctx, d.p.ID)
		if err != nil {
			return err
		}
		waiting := 0
		for _, p := range all {
			if p.State == "active" && (p.Published < status.LogPosition || !p.Attached) {
				waiting++
			}
		}
		if waiting == 0 {
			break
		}
		if time.Since(start) > exportTimeout {
			return fmt.Errorf("%d pipelines have not come to position %d after %s: see `refract pipeline show`", waiting, status.LogPosition, exportTimeout)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-d.ctx.Done():
			return d.ctx.Err()
		}
	}
	d.say("all pipelines have published up to log position %d after %.1f s", status.LogPosition, time.Since(start).Seconds())
	return nil
}

func (d *walk) verified() error {
	d.step("Verified: accepted = stored = exported = rows in objects = rows counted by SQL")
	r, err := d.client.Verify(d.ctx, d.p.ID)
	if err != nil {
		return err
	}
	if !r.Exact() {
		return fmt.Errorf("the stages differ:\n  %s", strings.Join(r.Differences(), "\n  "))
	}
	for _, s := range r.Pipelines {
		var rows int64
		for _, l := range s.Lines {
			rows += l.Counts[0].N
		}
		d.say("%-28s %6d rows in %d days or snapshots, exact", s.Pipeline, rows, len(s.Lines))
	}
	return nil
}

func (d *walk) query() error {
	d.step("The documented query")
	fmt.Fprintf(d.Out, "\n%s\n\n", DocumentedQuery)
	return d.Query(d.ctx, d.client, DocumentedQuery, d.Out)
}

func (d *walk) next() {
	host, port, _ := strings.Cut(d.client.Addresses.SQL, ":")
	fmt.Fprintf(d.Out, `
The service stays up. Try next:

  curl '%[1]s/track?verbose=1' -H 'Content-Type: application/json' \
    -d '[{"event":"Hello","properties":{"token":"%[2]s","distinct_id":"me","$city":"San Francisco"}}]'

  PGPASSWORD=$(cat %[3]s/sql-password) psql -h %[4]s -p %[5]s -U refract dev \
    -c "SELECT mp_date, count(*) FROM mp_json_export.mp_master_event GROUP BY 1 ORDER BY 1"

  ls %[3]s/lake/%[6]d/mp_master_event/        # the objects, s3://lake/%[6]d/mp_master_event/

Stop it with: kill %[7]d
`, d.client.URL, d.p.Token, d.DataDir, host, port, d.p.ID, d.client.Addresses.PID)
}
