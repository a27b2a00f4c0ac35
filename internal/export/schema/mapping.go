package schema

import (
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/export/parquet"
)

// Kind says which tables a mapping has.
type Kind string

const (
	// Monoschema is one table mp_master_event with the column mp_event_name.
	Monoschema Kind = "monoschema"
	// Multischema is one table per event name.
	Multischema Kind = "multischema"
	// People is the table mp_people_data.
	People Kind = "people"
	// Identities is the table mp_identity_mappings_data, whose columns never change.
	Identities Kind = "identities"
)

// DefaultLimit is how many columns of properties a table may have (Schematized Export Pipeline: 9,500 unique properties per table).
// Columns are counted, not properties, since it is columns that warehouses limit.
const DefaultLimit = 9500

const (
	eventTable    = "mp_master_event"
	peopleTable   = "mp_people_data"
	identityTable = "mp_identity_mappings_data"
)

// Mapping is what names and types a pipeline has given to tables and columns. It serves one goroutine.
type Mapping struct {
	kind   Kind
	limit  int
	tables []*Table
	names  names
	events map[string]int
}

// Table is a table of a mapping.
type Table struct {
	// Name is the table's name in the catalog and its folder's.
	Name string
	// Event is the event whose rows the table holds in multischema.
	Event string

	columns []Column
	fixed   int
	limit   int
	// overflow is the index of mp_properties, 0 if there is none yet.
	overflow   int
	names      names
	properties []property
	index      map[string]int
}

// property is a property that has columns. For each type it has the index of the column, or 0; the first column of every table is
// no property's.
type property struct {
	name    string
	base    string
	columns [typeCount]int
}

// New returns an empty mapping. A limit of 0 means DefaultLimit.
func New(kind Kind, limit int) (*Mapping, error) {
	if limit == 0 {
		limit = DefaultLimit
	}
	// Tables of the other kinds lie in the same folder and database, and schema is the folder of the mappings themselves.
	m := &Mapping{kind: kind, limit: limit, names: newNames(eventTable, peopleTable, identityTable, "schema"), events: map[string]int{}}
	switch kind {
	case Monoschema:
		m.add(eventTable, "")
	case People:
		m.add(peopleTable, "")
	case Identities:
		m.add(identityTable, "")
	case Multischema:
	default:
		return nil, fmt.Errorf("unknown kind of schema %q", kind)
	}
	return m, nil
}

// Kind returns which tables the mapping has.
func (m *Mapping) Kind() Kind { return m.kind }

// Tables returns the tables in the order in which they appeared.
func (m *Mapping) Tables() []*Table { return m.tables }

// Version counts the tables and columns. It grows with every assignment and never otherwise changes, so that two mappings of one
// pipeline with the same version are the same.
func (m *Mapping) Version() int {
	n := 0
	for _, t := range m.tables {
		n += 1 + len(t.columns)
	}
	return n
}

// table returns the index of the event's table in multischema and makes one if it has none.
func (m *Mapping) table(event []byte) int {
	if i, ok := m.events[string(event)]; ok {
		return i
	}
	name := strings.ToValidUTF8(string(event), "\ufffd")
	if i, ok := m.events[name]; ok {
		return i
	}
	return m.add(m.names.assign(tableName(name)), name)
}

// tableName cleans an event's name. Readers ignore what lies in folders that begin with _, so no table begins so.
func tableName(event string) string {
	name := Clean(event)
	if name[0] != '_' {
		return name
	}
	name = "event" + name
	return name[:min(len(name), MaxNameChars)]
}

func (m *Mapping) add(name, event string) int {
	t := &Table{Name: name, Event: event, limit: m.limit, index: map[string]int{}}
	t.names = newNames(OverflowName, eventName.Name, "mp_date") // mp_date is the partition key
	if m.kind == Monoschema {
		t.columns = append(t.columns, eventName)
	}
	switch m.kind {
	case People:
		t.columns = append(t.columns, peopleColumns...)
	case Identities:
		t.columns = append(t.columns, identityColumns...)
	default:
		t.columns = append(t.columns, eventColumns...)
	}
	for _, c := range t.columns {
		t.names.take(c.Name)
	}
	t.fixed = len(t.columns)
	m.tables = append(m.tables, t)
	m.events[event] = len(m.tables) - 1
	return len(m.tables) - 1
}

// Columns returns the table's columns in order. The caller does not change them.
func (t *Table) Columns() []Column { return t.columns }

// Fixed returns how many of the columns, the first, every table of the kind has. The others are made by properties.
func (t *Table) Fixed() int { return t.fixed }

// ParquetColumns returns the columns as files have them.
func (t *Table) ParquetColumns() []parquet.Column { return ParquetColumns(t.columns) }

// ParquetColumns returns the columns of a table, or the first of them, as files have them.
func ParquetColumns(columns []Column) []parquet.Column {
	out := make([]parquet.Column, len(columns))
	for i, c := range columns {
		out[i] = parquet.Column{Name: c.Name, Type: c.Type.Parquet()}
	}
	return out
}

// CatalogColumns returns the columns as the Glue Data Catalog has them. The comment of a column is its property's name.
func (t *Table) CatalogColumns() []catalog.Column {
	columns := make([]catalog.Column, len(t.columns))
	for i := range t.columns {
		columns[i] = t.columns[i].catalog()
	}
	return columns
}

// full reports whether no property gets a column any more. A table with mp_properties is full.
func (t *Table) full() bool { return len(t.columns)-t.fixed >= t.limit }

// find returns the index of a property, or -1.
func (t *Table) find(name []byte) int {
	if i, ok := t.index[string(name)]; ok {
		return i
	}
	return -1
}

// addProperty gives a new property its first column and returns its index, or -1 if the table is full.
func (t *Table) addProperty(name string, kind Type, seen int64) int {
	if t.full() {
		return -1
	}
	p := property{name: name, base: t.names.assign(Clean(name))}
	p.columns[kind] = len(t.columns)
	t.columns = append(t.columns, Column{Name: p.base, Property: name, Type: kind, FirstSeen: seen})
	t.index[name] = len(t.properties)
	t.properties = append(t.properties, p)
	return len(t.properties) - 1
}

// addType gives a property a column of one more type and returns the column's index, or 0 if the table is full.
func (t *Table) addType(p *property, kind Type, seen int64) int {
	if t.full() {
		return 0
	}
	p.columns[kind] = len(t.columns)
	name := t.names.assign(suffixed(p.base, "_"+kind.String()))
	t.columns = append(t.columns, Column{Name: name, Property: p.name, Type: kind, FirstSeen: seen})
	return p.columns[kind]
}

// addOverflow makes mp_properties.
func (t *Table) addOverflow(seen int64) {
	t.overflow = len(t.columns)
	t.columns = append(t.columns, Column{Name: OverflowName, Type: Overflow, FirstSeen: seen})
}
