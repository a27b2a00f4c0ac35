package transform

import (
	"cmp"
	"context"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// DefaultMemory is how many bytes of rows all tables of a run keep before some are written.
const DefaultMemory = 64 << 20

// TablesOptions say how schematized tables are written.
type TablesOptions struct {
	// Format is lake.Parquet or lake.JSON.
	Format lake.Format
	// Layout's table is replaced by the names of the mapping's tables.
	Layout lake.Layout
	Window lake.Window
	// Versioned puts days into folders of their own version, which replace the ones before.
	Versioned bool
	// Snapshot puts all rows into the version of a snapshot. There are no days then.
	Snapshot bool
	Writer   lake.WriterOptions
	// Memory bounds the rows of all tables that are not written yet, in bytes: DefaultMemory if it is 0.
	Memory int64
	// Groups lends the buffers of rows, which it gets back from Close. It may be nil.
	Groups *parquet.Pool
}

// Tables writes the rows of schematized tables: it splits properties into columns, as the mapping says, and writes Parquet files or
// JSON lines of the same columns and values.
//
// Rows come day by day. A day stays open while the next one comes, since records are read in UTC days and days of another time zone
// lie across two of those. Each table has one file per day until that is as large as objects are to be; a file also ends when rows
// come that have columns which it has not. What is written is a function of the mapping, of the rows and of their order.
//
// Memory is bounded whatever the number of tables and columns: when more is open than Memory, the largest table's rows are written.
// Pages are encoded and compressed beside the caller.
//
// Rows that have something too long for a column are written without it, and whole, as rows of JSON pipelines, to the oversize objects.
//
// Tables serves one goroutine. It must end with Close or Abort. After an error every further call fails.
type Tables struct {
	options  TablesOptions
	shredder *schema.Shredder
	sink     sink

	day event.Day
	// current has for each table of the mapping the rows of the day, nil if none have come yet.
	current []*rowGroup
	// idle has for each table an empty group that no day has taken yet, or nil.
	idle []*parquet.Group
	// open are the row groups of all tables and open days, in the order of their beginning.
	open []*rowGroup
	size int64 // of the open row groups

	whole   *lake.Writer
	rows    Rows
	reduced int64
	line    []byte
}

// rowGroup collects the rows of a table and a day. The group is nil while another day is current that has it.
type rowGroup struct {
	table  int
	schema *schema.Table
	day    event.Day
	folder lake.Folder
	*parquet.Group
	min, max uint64 // log positions
	size     int64
}

// sink is a format of files.
type sink interface {
	// limit says when the group is full, and returns it.
	limit(g *parquet.Group) *parquet.Group
	// waits reports whether rows of a day wait for more of them while other days come.
	waits() bool
	// spare returns an empty group for a table.
	spare(table int) *parquet.Group
	// keep takes an empty group back.
	keep(table int, g *parquet.Group)
	// write takes the rows of the group and leaves an empty one.
	write(g *rowGroup) error
	// end ends the group's folder.
	end(g *rowGroup) error
	// close ends all files and gives empty groups back to the pool.
	close() ([]lake.Object, error)
	abort()
	// long returns how many rows have a value that readers of the format may cut.
	long() int64
}

// NewTables begins the objects of a run. It assigns in m, which is complete when Close returns. It keeps ctx until Close or Abort.
func NewTables(ctx context.Context, b bucket.Bucket, m *schema.Mapping, o TablesOptions) *Tables {
	o.Memory = cmp.Or(o.Memory, DefaultMemory)
	if o.Groups == nil {
		o.Groups = new(parquet.Pool)
	}
	t := &Tables{
		options: o, shredder: schema.NewShredder(m), rows: Rows{Milliseconds: true},
		whole: lake.NewWriter(ctx, b, o.Layout, o.Window, o.Writer),
	}
	if o.Format == lake.Parquet {
		t.sink = newColumnar(ctx, b, o)
	} else {
		t.sink = newJSONLines(ctx, b, o)
	}
	for i := range t.shredder.Groups() {
		t.shredder.SetGroup(i, o.Groups.Get())
	}
	t.grow()
	return t
}

// grow takes up the tables that are new in the mapping.
func (t *Tables) grow() {
	for i := len(t.current); i < t.shredder.Groups(); i++ {
		t.current = append(t.current, nil)
		t.idle = append(t.idle, t.sink.limit(t.shredder.Group(i)))
	}
}

// Day says that the rows that follow belong to this mp_date. Days before the day before it end.
func (t *Tables) Day(day event.Day) error {
	if day == t.day && len(t.open) > 0 {
		return nil
	}
	t.day = day
	for i := 0; i < len(t.open); {
		if g := t.open[i]; g.day < day-1 {
			if err := t.end(i); err != nil {
				return err
			}
		} else {
			i++
		}
	}
	if err := t.leave(); err != nil {
		return err
	}
	for _, g := range t.open {
		if g.day == day {
			t.current[g.table] = g
		}
	}
	for i, g := range t.current {
		if g != nil && g.Group != nil {
			t.shredder.SetGroup(i, g.Group)
			continue
		}
		if t.idle[i] == nil {
			t.idle[i] = t.sink.limit(t.sink.spare(i))
		}
		t.shredder.SetGroup(i, t.idle[i])
		if g != nil {
			g.Group, t.idle[i] = t.idle[i], nil
		}
	}
	return nil
}

// leave takes the groups away from the tables. Rows that gain nothing from waiting for more of their day are written.
func (t *Tables) leave() error {
	for i, g := range t.current {
		if g != nil && !t.sink.waits() {
			if err := t.write(g); err != nil {
				return err
			}
			t.idle[i], g.Group = g.Group, nil
		}
		t.current[i] = nil
	}
	return nil
}

// Event adds row i of the batch.
func (t *Tables) Event(b *store.Batch, i int) error {
	row, err := t.shredder.AppendEvent(b, i)
	if err != nil {
		return err
	}
	if row.Reduced {
		t.line = t.rows.appendEvent(t.line[:0], b, i, b.Properties.At(i))
		if err := t.keepWhole(row.Table, t.line, b.Position[i]); err != nil {
			return err
		}
	}
	return t.added(row.Table, b.Position[i])
}

// Profile adds a user profile, of a mapping of people, whose last change arrived at received (milliseconds since 1970-01-01 UTC).
func (t *Tables) Profile(distinctID, properties []byte, received int64) error {
	row, err := t.shredder.AppendProfile(distinctID, properties, received)
	if err != nil {
		return err
	}
	if row.Reduced {
		t.line = appendProfile(t.line[:0], distinctID, properties)
		if err := t.keepWhole(row.Table, t.line, 0); err != nil {
			return err
		}
	}
	return t.added(row.Table, 0)
}

// Identity adds an identity mapping, of a mapping of identities.
func (t *Tables) Identity(distinctID, resolved []byte) error {
	row, err := t.shredder.AppendIdentity(distinctID, resolved)
	if err != nil {
		return err
	}
	if row.Reduced {
		t.line = t.rows.AppendIdentity(t.line[:0], distinctID, resolved)
		if err := t.keepWhole(row.Table, t.line, 0); err != nil {
			return err
		}
	}
	return t.added(row.Table, 0)
}

// keepWhole writes a row that was reduced to the oversize objects.
func (t *Tables) keepWhole(table int, line []byte, position uint64) error {
	t.reduced++
	name := t.shredder.Mapping().Tables()[table].Name
	layout := t.layout(name)
	f := lake.Folder{Dir: layout.OversizeDir(), Table: t.tableName(name)}
	if t.options.Versioned {
		f.Dir, f.Day = layout.OversizeDayDir(t.day), t.day.String()
	}
	if err := t.whole.Begin(f); err != nil {
		return err
	}
	return t.whole.Commit(append(t.whole.Buffer(), line...), position)
}

// added accounts for a row that the shredder has added to a table, and writes what is to be written.
func (t *Tables) added(table int, position uint64) error {
	if table >= len(t.current) {
		t.grow()
	}
	g := t.current[table]
	if g == nil {
		g = t.begin(table)
	}
	if g.Rows() == 1 || position < g.min {
		g.min = position
	}
	if g.Rows() == 1 || position > g.max {
		g.max = position
	}
	size := g.Bytes()
	t.size += size - g.size
	g.size = size
	if g.Full() {
		return t.write(g)
	}
	for t.size > t.options.Memory {
		if err := t.write(slices.MaxFunc(t.open, func(a, b *rowGroup) int { return cmp.Compare(a.size, b.size) })); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the group that the shredder has filled the current one of the table.
func (t *Tables) begin(table int) *rowGroup {
	s := t.shredder.Mapping().Tables()[table]
	g := &rowGroup{table: table, schema: s, day: t.day, Group: t.idle[table]}
	t.idle[table] = nil
	layout := t.layout(s.Name)
	g.folder = lake.Folder{Table: t.tableName(s.Name)}
	switch {
	case t.options.Snapshot:
		g.folder.Dir = layout.VersionDir(t.options.Window)
	case t.options.Versioned:
		g.folder.Dir, g.folder.Day = layout.DayVersionDir(t.day, t.options.Window), t.day.String()
	default:
		g.folder.Dir, g.folder.Day = layout.DayDir(t.day), t.day.String()
	}
	t.current[table] = g
	t.open = append(t.open, g)
	return g
}

func (t *Tables) layout(table string) lake.Layout {
	l := t.options.Layout
	l.Table = table
	return l
}

// tableName returns the name that objects carry: only those of a pipeline with several tables have one.
func (t *Tables) tableName(name string) string {
	if t.shredder.Mapping().Kind() == schema.Multischema {
		return name
	}
	return ""
}

// write writes the rows of a group.
func (t *Tables) write(g *rowGroup) error {
	t.size -= g.size
	g.size = 0
	if g.Group == nil || g.Rows() == 0 {
		return nil
	}
	if err := t.sink.write(g); err != nil {
		return err
	}
	if t.current[g.table] == g {
		t.shredder.SetGroup(g.table, g.Group)
	}
	return nil
}

// end writes what is left of an open group's day and ends it.
func (t *Tables) end(i int) error {
	g := t.open[i]
	if err := t.write(g); err != nil {
		return err
	}
	t.open = slices.Delete(t.open, i, i+1)
	if t.idle[g.table] == nil {
		t.idle[g.table] = g.Group
	} else if g.Group != nil {
		t.sink.keep(g.table, g.Group)
	}
	return t.sink.end(g)
}

// Close writes what is left and returns the objects, in the order of their keys.
func (t *Tables) Close() (data, oversize []lake.Object, err error) {
	for err == nil && len(t.open) > 0 {
		err = t.end(0)
	}
	if err != nil {
		t.Abort()
		return nil, nil, err
	}
	data, err = t.sink.close()
	if err != nil {
		t.whole.Abort()
		return nil, nil, err
	}
	for _, g := range t.idle {
		if g != nil {
			t.options.Groups.Put(g)
		}
	}
	oversize, err = t.whole.Close()
	byKey := func(a, b lake.Object) int { return cmp.Compare(a.Key, b.Key) }
	slices.SortFunc(data, byKey)
	slices.SortFunc(oversize, byKey)
	return data, oversize, err
}

// Abort ends the tables and waits for what runs beside the caller. Objects that were stored stay.
func (t *Tables) Abort() {
	t.sink.abort()
	t.whole.Abort()
}

// Reduced returns how many rows had something too long for a column.
func (t *Tables) Reduced() int64 { return t.reduced }

// Long returns how many rows have a value that readers may cut: of more than LongProperties bytes, in JSON lines.
func (t *Tables) Long() int64 { return t.sink.long() }
