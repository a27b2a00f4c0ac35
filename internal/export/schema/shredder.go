package schema

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/fault"
)

// MaxText is the size in bytes of the largest varchar, which is what Redshift Spectrum shows of a string.
const MaxText = 65535

// Row says what became of a row.
type Row struct {
	// Table is the index of the row's table in Mapping.Tables and of its Group.
	Table int
	// Reduced is true if something in the row is longer than MaxText: a text is cut off there, a list, an object or a member of
	// mp_properties is left out. The row is to be kept whole elsewhere.
	Reduced bool
}

// Shredder turns rows into columns. It assigns names in its mapping as they are needed and fills one Group per table; the caller
// writes and resets a group when it is full, before the next row. What it makes of a row does not depend on where batches or groups
// end.
//
// Properties are looked up by what followed last time: events of one kind have the same keys in the same order, so that one
// comparison usually finds a key's column. In steady state, with no new columns, nothing is allocated.
//
// A Shredder serves one goroutine.
type Shredder struct {
	mapping *Mapping
	shreds  []*shred
	scanner event.Scanner
	numbers numbers
	text    []byte
	key     []byte
	// rest is the open object of mp_properties.
	rest    []byte
	reduced bool
	// seen is the row's arrival.
	seen int64
	// lastEvent and lastTable are the event of the row before and its table.
	lastEvent []byte
	lastTable int
}

// shred is a table with the group that is being filled.
type shred struct {
	table *Table
	group *parquet.Group
	// after has for each property the one that followed it last, or -1; the first element is for the beginning of a row.
	after []int32
}

// NewShredder returns a shredder that assigns in m. Its groups have the default size.
func NewShredder(m *Mapping) *Shredder {
	s := &Shredder{mapping: m, lastTable: -1}
	s.grow()
	return s
}

// grow adds groups for new tables.
func (s *Shredder) grow() {
	for i := len(s.shreds); i < len(s.mapping.tables); i++ {
		d := &shred{table: s.mapping.tables[i], group: new(parquet.Group), after: []int32{-1}}
		d.grow()
		s.shreds = append(s.shreds, d)
	}
}

// grow adds columns and predictions for what is new in the table.
func (d *shred) grow() {
	if n := len(d.table.columns) - d.group.Columns(); n > 1 {
		d.group.Reserve(n)
	}
	for i := d.group.Columns(); i < len(d.table.columns); i++ {
		d.group.AddColumn(d.table.columns[i].Type.Parquet())
	}
	for len(d.after) <= len(d.table.properties) {
		d.after = append(d.after, -1)
	}
}

// Mapping returns the mapping that the shredder assigns in.
func (s *Shredder) Mapping() *Mapping { return s.mapping }

// Groups returns the number of groups, one for each table of the mapping.
func (s *Shredder) Groups() int { return len(s.shreds) }

// Group returns the rows of a table since it was last reset.
func (s *Shredder) Group(table int) *parquet.Group { return s.shreds[table].group }

// SetGroup makes the shredder fill another group with the rows of a table, which gets the columns that it lacks. It is one of the same
// table, or has no columns yet.
func (s *Shredder) SetGroup(table int, g *parquet.Group) {
	s.shreds[table].group = g
	s.shreds[table].grow()
}

// AppendEvent adds row i of the batch, of a Monoschema or Multischema mapping. An error is a fault.Bug, for properties that are no
// object or a mapping of another kind; the row is left out then.
func (s *Shredder) AppendEvent(b *store.Batch, i int) (Row, error) {
	properties := b.Properties.At(i)
	if err := s.begin(Monoschema, Multischema); err != nil {
		return Row{}, err
	}
	if err := s.scan(properties); err != nil {
		return Row{}, err
	}
	s.seen = b.Received[i]
	name := b.Name.At(i)
	table, column := 0, 0
	if s.mapping.kind == Multischema {
		table = s.tableOf(name)
	}
	d := s.shreds[table]
	if s.mapping.kind == Monoschema {
		s.setText(d, column, name)
		column++
	}
	d.group.SetTimestamp(column, b.Time[i])
	s.setText(d, column+1, b.DistinctID.At(i))
	s.setID(d, column+2, b.InsertID.At(i))
	s.setID(d, column+3, b.DeviceID.At(i))
	s.setID(d, column+4, b.UserID.At(i))
	s.appendProperties(d, properties)
	d.group.EndRow()
	return Row{table, s.reduced}, nil
}

// AppendProfile adds a profile, of a People mapping. Received is when its last change arrived, in milliseconds since 1970-01-01 UTC, which
// columns that it makes are first seen at. Errors are those of AppendEvent.
func (s *Shredder) AppendProfile(distinctID, properties []byte, received int64) (Row, error) {
	if err := s.begin(People, People); err != nil {
		return Row{}, err
	}
	if err := s.scan(properties); err != nil {
		return Row{}, err
	}
	s.seen = received
	d := s.shreds[0]
	s.setText(d, 0, distinctID)
	s.appendProperties(d, properties)
	d.group.EndRow()
	return Row{0, s.reduced}, nil
}

// AppendIdentity adds an identity mapping, of an Identities mapping. An error is a fault.Bug, for a mapping of another kind.
func (s *Shredder) AppendIdentity(distinctID, resolved []byte) (Row, error) {
	if err := s.begin(Identities, Identities); err != nil {
		return Row{}, err
	}
	d := s.shreds[0]
	s.setText(d, 0, distinctID)
	s.setText(d, 1, resolved)
	d.group.EndRow()
	return Row{0, s.reduced}, nil
}

// begin begins a row that mappings of either kind have. Rows of another kind would be set in columns of other types.
func (s *Shredder) begin(either, or Kind) error {
	s.reduced, s.seen = false, 0
	if s.mapping.kind != either && s.mapping.kind != or {
		return fault.New(fault.Bug, "adding a row", "", fmt.Errorf("the mapping is of kind %s, not %s", s.mapping.kind, either), "")
	}
	return nil
}

// scan notes the members of the properties.
func (s *Shredder) scan(properties []byte) error {
	end, err := s.scanner.Object(properties, 0)
	if err == nil && end != len(properties) {
		err = fmt.Errorf("%d bytes follow the object", len(properties)-end)
	}
	if err != nil {
		return fault.New(fault.Bug, "splitting properties into columns", "", fmt.Errorf("stored properties are no object: %w", err), "")
	}
	return nil
}

func (s *Shredder) tableOf(name []byte) int {
	if s.lastTable < 0 || !bytes.Equal(name, s.lastEvent) {
		s.lastTable = s.mapping.table(name)
		s.lastEvent = append(s.lastEvent[:0], name...)
		s.grow()
	}
	return s.lastTable
}

// appendProperties sets the columns of the members that were scanned. Stored properties repeat no key; if they did, the first value
// of a type would count.
func (s *Shredder) appendProperties(d *shred, src []byte) {
	s.rest = append(s.rest[:0], '{')
	before := 0
	for i := range s.scanner.Members {
		f := &s.scanner.Members[i]
		kind := typeOf[f.Kind]
		if kind == 0 {
			continue
		}
		raw := f.RawKey(src)
		id := int(d.after[before])
		if id < 0 || f.Flags&event.KeyEscaped != 0 || d.table.properties[id].name != string(raw) {
			if id = s.property(d, f, src, kind); id < 0 {
				s.appendRest(f, src)
				continue
			}
			d.after[before] = int32(id)
		}
		before = id + 1
		p := &d.table.properties[id]
		column := p.columns[kind]
		if column == 0 {
			if column = d.table.addType(p, kind, s.seen); column == 0 {
				s.appendRest(f, src)
				continue
			}
			d.grow()
		}
		s.set(d, p, column, f, src)
	}
	if len(s.rest) > 1 {
		if d.table.overflow == 0 {
			d.table.addOverflow(s.seen)
			d.grow()
		}
		s.rest = append(s.rest, '}')
		d.group.SetString(d.table.overflow, s.rest)
	}
}

// property returns the index of the member's property, which is added if it is new, or -1 if the table is full.
func (s *Shredder) property(d *shred, f *event.Field, src []byte, kind Type) int {
	key := f.RawKey(src)
	if f.Flags&(event.KeyEscaped|event.BadUTF8) != 0 {
		s.key = f.AppendKey(s.key[:0], src)
		key = valid(s.key)
	}
	id := d.table.find(key)
	if id >= 0 {
		return id
	}
	if id = d.table.addProperty(string(key), kind, s.seen); id >= 0 {
		d.grow()
	}
	return id
}

// set sets the column of the member's type, and the one of exact numbers if it is one that a double does not keep.
func (s *Shredder) set(d *shred, p *property, column int, f *event.Field, src []byte) {
	switch f.Kind {
	case event.String:
		text := src[f.Val+1 : f.ValEnd-1]
		if f.Flags&(event.Escaped|event.BadUTF8) != 0 {
			s.text = f.AppendText(s.text[:0], src)
			text = s.text
			if f.Flags&event.BadUTF8 != 0 {
				text = valid(text)
			}
		}
		s.setText(d, column, text)
	case event.Number:
		text := f.Raw(src)
		v, kept := s.numbers.parse(text)
		if !math.IsInf(v, 0) {
			d.group.SetDouble(column, v)
		}
		if !kept {
			s.setExact(d, p, f, src)
		}
	case event.True, event.False:
		d.group.SetBoolean(column, f.Kind == event.True)
	default:
		if text := s.json(f, src); len(text) <= MaxText {
			d.group.SetString(column, text)
		} else {
			s.reduced = true
		}
	}
}

func (s *Shredder) setExact(d *shred, p *property, f *event.Field, src []byte) {
	column := p.columns[Exact]
	if column == 0 {
		if column = d.table.addType(p, Exact, s.seen); column == 0 {
			s.appendRest(f, src)
			return
		}
		d.grow()
	}
	if text := f.Raw(src); len(text) <= MaxText {
		d.group.SetString(column, text)
	} else {
		s.reduced = true
	}
}

// json returns the text of a value as JSON without white space and in UTF-8.
func (s *Shredder) json(f *event.Field, src []byte) []byte {
	text := f.Raw(src)
	if f.Flags&(event.Spaced|event.LoneSurrogate) != 0 {
		s.text = event.AppendCompact(s.text[:0], text)
		text = s.text
	}
	if f.Flags&event.BadUTF8 != 0 {
		text = valid(text)
	}
	return text
}

// appendRest adds a member to mp_properties, unless that would be longer than MaxText.
func (s *Shredder) appendRest(f *event.Field, src []byte) {
	size := len(s.rest)
	s.key = f.AppendKey(s.key[:0], src)
	s.rest = event.AppendKey(s.rest, s.key)
	s.rest = append(s.rest, s.json(f, src)...)
	if len(s.rest) >= MaxText {
		s.rest = s.rest[:size]
		s.reduced = true
	}
}

// setID sets an id, whose absence is stored as "".
func (s *Shredder) setID(d *shred, column int, id []byte) {
	if len(id) > 0 {
		s.setText(d, column, id)
	}
}

// setText sets a text, cut off before the character that is beyond MaxText.
func (s *Shredder) setText(d *shred, column int, text []byte) {
	if len(text) > MaxText {
		s.reduced = true
		n := MaxText
		for n > MaxText-utf8.UTFMax && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	d.group.SetString(column, text)
}

// valid replaces what is no UTF-8.
func valid(text []byte) []byte { return bytes.ToValidUTF8(text, []byte("\ufffd")) }
