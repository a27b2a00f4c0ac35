package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// tableCounts is what SQL counts in a table.
type tableCounts struct {
	// byPath are the rows by the location of the object that they come from.
	byPath map[string]int64
	// values has for each column of a schematized table, in order, the number of values that are not null.
	values []int64
}

// evidence is all that was counted of a pipeline.
type evidence struct {
	p        *pipeline.Pipeline
	bucket   bucket.Bucket
	counts   *pipeline.Counts
	expected map[pipeline.Place]*pipeline.Expected
	schema   []pipeline.SchemaTable
	// sql has the tables by their names in the catalog; nil for pipelines without one here.
	sql map[string]*tableCounts
	// folders has for each table what the catalog of another account shows; nil for pipelines without one.
	folders map[string]map[string]bool
}

// pipeline follows one pipeline's rows from the store to SQL.
func (v *Verifier) pipeline(ctx context.Context, p *pipeline.Pipeline) (*Section, error) {
	b, err := v.Bucket(ctx, &p.Definition)
	if err != nil {
		return nil, err
	}
	for begun, try := time.Now(), 0; ; try++ {
		e := &evidence{p: p, bucket: b}
		if e.counts, err = pipeline.Verify(ctx, v.Pipelines, b, p, true); err != nil {
			return nil, err
		}
		if e.schema, err = v.Pipelines.Schema(ctx, p.ID); err != nil {
			return nil, err
		}
		err := errors.Join(v.bySQL(ctx, e), v.byCatalog(ctx, e))
		if errors.Is(err, ErrNoSchema) {
			if p, err = v.awaitAttached(ctx, p, err, begun.Add(attachWait)); err == nil {
				try--
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		newest, err := v.Pipelines.Runs(ctx, p.ID, 1)
		if err != nil {
			return nil, err
		}
		after, err := v.Pipelines.Get(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		if (after.Published != e.counts.Published || after.Revision != p.Revision) && try < maxTries {
			p = after
			continue // what SQL saw may be newer than what was counted
		}
		if e.expected, err = pipeline.Expect(ctx, v.Pipelines, v.Store, p, e.counts); err != nil {
			return nil, err
		}
		s := e.section()
		if len(newest) > 0 && newest[0].State == pipeline.Running && !s.exact() && try < maxTries {
			p = after
			continue // a run that has published to the catalog, but has not ended, shows SQL what was not counted
		}
		return s, nil
	}
}

const (
	// attachWait is how long a pipeline may have published without SQL knowing of it, attachPoll how often that is looked at.
	attachWait = 15 * time.Second
	attachPoll = 50 * time.Millisecond
)

// awaitAttached waits a moment for a pipeline whose tables SQL does not know, since it is told of them behind the first publication, and returns
// the pipeline as it is then. Behind the deadline, or for a pipeline that was attached or never will be, it fails with the cause.
func (v *Verifier) awaitAttached(ctx context.Context, p *pipeline.Pipeline, cause error, deadline time.Time) (*pipeline.Pipeline, error) {
	if p.Attached || p.State != pipeline.Active || time.Now().After(deadline) {
		if p.AttachError != "" {
			cause = fmt.Errorf("%w: %s", cause, p.AttachError)
		}
		return nil, cause
	}
	for !p.Attached && p.State == pipeline.Active && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(attachPoll):
		}
		var err error
		if p, err = v.Pipelines.Get(ctx, p.ID); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// bySQL counts the pipeline's tables, if the SQL here knows them: those of another account's Glue are read by that account's warehouse.
func (v *Verifier) bySQL(ctx context.Context, e *evidence) error {
	if !e.p.Glue.Embedded() {
		return nil
	}
	e.sql = map[string]*tableCounts{}
	columns := map[string][]string{}
	for _, t := range e.schema {
		for _, c := range t.Columns {
			columns[t.Name] = append(columns[t.Name], c.Name)
		}
	}
	for _, at := range e.counts.Keys {
		name := e.tableName(at)
		if e.sql[name] != nil {
			continue
		}
		byPath, err := v.SQL.CountByPath(ctx, e.p.Glue.Database, name)
		if err != nil {
			return err
		}
		e.sql[name] = &tableCounts{byPath: byPath}
		if len(columns[name]) == 0 {
			continue
		}
		if e.sql[name].values, err = v.SQL.CountValues(ctx, e.p.Glue.Database, name, columns[name]); err != nil {
			return err
		}
	}
	return nil
}

// tableName returns the name of a place's table in the catalog.
func (e *evidence) tableName(at pipeline.Place) string {
	if at.Table == "" {
		return e.p.CatalogTable(e.p.Layout().Table)
	}
	return e.p.CatalogTable(at.Table)
}

func (e *evidence) section() *Section {
	s := &Section{Pipeline: e.p.Name, Position: uint64(e.counts.Published), Lines: []Line{}}
	s.Lines = append(s.Lines, e.days()...)
	s.Lines = append(s.Lines, e.columns()...)
	s.Lines = append(s.Lines, e.oversize()...)
	s.Lines = append(s.Lines, e.cataloged()...)
	if n := e.elsewhere(); n > 0 {
		s.Lines = append(s.Lines, line("rows that SQL reads from objects of no published run", Count{"expected", 0}, Count{"counted by SQL", n}))
	}
	if stray := e.counts.Stray; len(stray) > 0 {
		s.Lines = append(s.Lines, line(fmt.Sprintf("objects that no run wrote (%s)", strings.Join(stray[:min(3, len(stray))], ", ")),
			Count{"expected", 0}, Count{"found", int64(len(stray))}))
	}
	return s
}

// days compares the rows of each day of each table.
func (e *evidence) days() []Line {
	bySQL := map[pipeline.Place]int64{}
	for key, at := range e.counts.Keys {
		if t := e.sql[e.tableName(at)]; t != nil {
			bySQL[at] += t.byPath[e.bucket.Location(key)]
		}
	}
	exported := map[pipeline.Place]pipeline.DayCount{}
	var places []pipeline.Place
	for _, c := range e.counts.Days {
		exported[c.Place] = c
		places = append(places, c.Place)
	}
	for at := range e.expected {
		if _, known := exported[at]; !known {
			places = append(places, at)
		}
	}
	slices.SortFunc(places, func(a, b pipeline.Place) int {
		if c := strings.Compare(a.Table, b.Table); c != 0 {
			return c
		}
		return int(a.Day) - int(b.Day)
	})
	var lines []Line
	for _, at := range places {
		what := at.Day.String()
		if e.p.Source.Snapshot() {
			what = "snapshot"
		}
		if at.Table != "" {
			what = at.Table + " " + what
		}
		var stored int64
		if x := e.expected[at]; x != nil {
			stored = x.Rows
		}
		c := exported[at]
		counts := []Count{{"stored", stored}, {"exported", c.Runs}, {"in manifests", c.Manifests}, {"rows in objects", c.Objects}}
		if e.p.Glue.Embedded() {
			counts = append(counts, Count{"counted by SQL", bySQL[at]})
		}
		lines = append(lines, line(what, counts...))
	}
	return lines
}

// columns compares the values that are not null of each column of each schematized table, over all days, and the values that have no
// column with the members of mp_properties.
func (e *evidence) columns() []Line {
	type sums struct {
		stored, exported, manifests, objects []int64
		without, members                     int64
	}
	tables := map[string]*sums{}
	at := func(place pipeline.Place) *sums {
		name := e.tableName(place)
		if tables[name] == nil {
			tables[name] = new(sums)
		}
		return tables[name]
	}
	for place, x := range e.expected {
		at(place).stored = lake.AddValues(at(place).stored, x.Values)
		at(place).without += x.Members
	}
	for _, c := range e.counts.Days {
		at(c.Place).exported = lake.AddValues(at(c.Place).exported, c.RunValues)
		at(c.Place).manifests = lake.AddValues(at(c.Place).manifests, c.ManifestValues)
		at(c.Place).objects = lake.AddValues(at(c.Place).objects, c.ObjectValues)
		at(c.Place).members += c.ObjectMembers
	}
	var lines []Line
	for _, t := range e.schema {
		sum := tables[t.Name]
		if sum == nil {
			continue // no rows
		}
		for i, c := range t.Columns {
			counts := []Count{
				{"stored", valueAt(sum.stored, i)}, {"exported", valueAt(sum.exported, i)}, {"in manifests", valueAt(sum.manifests, i)},
				{"in objects", valueAt(sum.objects, i)},
			}
			if e.sql != nil && e.sql[t.Name] != nil {
				counts = append(counts, Count{"counted by SQL", valueAt(e.sql[t.Name].values, i)})
			}
			values := line("values of "+t.Name+"."+c.Name, counts...)
			values.Table = t.Name
			lines = append(lines, values)
		}
		if sum.without > 0 || sum.members > 0 {
			values := line("values of "+t.Name+" that have no column", Count{"stored", sum.without}, Count{"in " + schema.OverflowName, sum.members})
			values.Table = t.Name
			lines = append(lines, values)
		}
	}
	return lines
}

// oversize compares the rows that are over a limit with those that are kept whole.
func (e *evidence) oversize() []Line {
	var over int64
	for _, x := range e.expected {
		over += x.Reduced
	}
	kept := e.counts.Oversize
	if over == 0 && kept == (pipeline.OversizeCount{}) {
		return nil
	}
	return []Line{line("rows over a limit, kept whole in _oversize/",
		Count{"stored", over}, Count{"in manifests", kept.Manifests}, Count{"rows in objects", kept.Objects})}
}

// elsewhere returns how many rows SQL reads from objects of the pipeline that are no part of what is published: of days that were replaced
// or of runs that have not ended. The rows of other pipelines in the same table are theirs.
func (e *evidence) elsewhere() (n int64) {
	layout, root := e.p.Layout(), e.bucket.Location("")
	for _, t := range e.sql {
		for location, rows := range t.byPath {
			key := strings.TrimPrefix(location, root)
			if _, named := e.counts.Keys[key]; named || !layout.Owns(key) {
				continue
			}
			if w, ok := layout.Window(key); ok && w.UpTo > uint64(e.counts.Published) {
				continue // of a run that has ended since
			}
			n += rows
		}
	}
	return n
}

func valueAt(values []int64, i int) int64 {
	if i < len(values) {
		return values[i]
	}
	return 0
}
