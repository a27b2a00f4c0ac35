package pipeline

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/fault"
)

// census counts what stored records must have become in schematized tables: for each column of a mapping the members of its property
// that are of its type. It reads the records itself and shares nothing with the export but the mapping, so that a property which the
// export drops, or puts into another column, is a difference and no mistake that both make.
//
// A member has a column if the mapping has one of its property and type, whenever that came: a table that is full stays full, so no
// member went to mp_properties before its column was made. All others must be in mp_properties. A mapping that lacks a column therefore
// shows as members that mp_properties has not got. Memory is that of the mapping.
type census struct {
	kind    schema.Kind
	tables  []tally
	byEvent map[string]int
	scanner event.Scanner
	key     []byte
	text    []byte
}

// tally is where a table's members are to be.
type tally struct {
	name string
	// columns has for each property and type the index of the column, or 0; the first column of every table is no property's.
	columns map[string]*[schema.Overflow]int
	// overflow is that of mp_properties, 0 for none.
	overflow int
}

// columnType maps the kinds of JSON values to the types of columns that hold them.
var columnType = [...]schema.Type{
	event.False: schema.Boolean, event.True: schema.Boolean, event.Number: schema.Number, event.String: schema.String, event.Object: schema.Object,
	event.Array: schema.List,
}

func newCensus(m *schema.Mapping) *census {
	c := &census{kind: m.Kind(), byEvent: map[string]int{}}
	for i, t := range m.Tables() {
		c.byEvent[t.Event] = i
		columns := t.Columns()
		y := tally{name: t.Name, columns: map[string]*[schema.Overflow]int{}}
		for j := t.Fixed(); j < len(columns); j++ {
			if columns[j].Type == schema.Overflow {
				y.overflow = j
				continue
			}
			of := y.columns[columns[j].Property]
			if of == nil {
				of = new([schema.Overflow]int)
				y.columns[columns[j].Property] = of
			}
			of[columns[j].Type] = j
		}
		c.tables = append(c.tables, y)
	}
	return c
}

// table returns the table of an event's rows, nil if the mapping has none.
func (c *census) table(name []byte) *tally {
	if c.kind != schema.Multischema {
		return &c.tables[0]
	}
	i, ok := c.byEvent[string(name)]
	if !ok && !utf8.Valid(name) {
		i, ok = c.byEvent[string(bytes.ToValidUTF8(name, replacement))]
	}
	if !ok {
		return nil
	}
	return &c.tables[i]
}

// event counts row i of the batch, one of the table.
func (c *census) event(x *Expected, t *tally, b *store.Batch, i int) error {
	columns := []cell{{b.Name.At(i), true}, {nil, true}, {b.DistinctID.At(i), true}, {b.InsertID.At(i), false}, {b.DeviceID.At(i), false}, {b.UserID.At(i), false}}
	if c.kind == schema.Multischema {
		columns = columns[1:]
	}
	return c.row(x, t, columns, b.Properties.At(i))
}

func (c *census) profile(x *Expected, distinctID, properties []byte) error {
	return c.row(x, &c.tables[0], []cell{{distinctID, true}}, properties)
}

func (c *census) identity(x *Expected, distinctID, resolved []byte) error {
	return c.row(x, &c.tables[0], []cell{{distinctID, true}, {resolved, true}}, nil)
}

// cell is a value of one of the columns that every table of a kind has.
type cell struct {
	text []byte
	// always is set where an empty text is a value.
	always bool
}

// row counts a row: the columns that every table of the kind has, in order, and the members of the properties.
func (c *census) row(x *Expected, t *tally, fixed []cell, properties []byte) error {
	x.Rows++
	reduced := false
	for i, v := range fixed {
		if v.always || len(v.text) > 0 {
			x.add(i)
		}
		reduced = reduced || len(v.text) > schema.MaxText
	}
	c.scanner.Members = c.scanner.Members[:0]
	if properties != nil {
		if _, err := c.scanner.Object(properties, 0); err != nil {
			return fault.New(fault.Bug, "counting properties", "", fmt.Errorf("stored properties are no object: %w", err), "")
		}
	}
	rest := restOf{size: len("{")}
	for i := range c.scanner.Members {
		if f := &c.scanner.Members[i]; f.Kind != event.Null {
			reduced = c.member(x, t, f, properties, &rest) || reduced
		}
	}
	if rest.members > 0 && t.overflow > 0 {
		x.add(t.overflow)
	}
	x.Members += rest.members
	if reduced || rest.reduced {
		x.Reduced++
	}
	return nil
}

// member counts a member that is not null, and reports whether it is longer than a varchar.
func (c *census) member(x *Expected, t *tally, f *event.Field, src []byte, rest *restOf) (reduced bool) {
	of := t.columns[string(c.keyOf(f, src))]
	if of == nil {
		of = new([schema.Overflow]int)
	}
	column := of[columnType[f.Kind]]
	if column == 0 {
		rest.add(c, f, src)
		return false
	}
	switch f.Kind {
	case event.String:
		x.add(column)
		return c.textSize(f, src) > schema.MaxText // it is cut off there
	case event.Number:
		finite, kept := inDouble(f.Raw(src))
		if finite {
			x.add(column)
		}
		switch {
		case kept:
		case of[schema.Exact] == 0:
			rest.add(c, f, src)
		case int(f.ValEnd-f.Val) > schema.MaxText:
			return true
		default:
			x.add(of[schema.Exact])
		}
	case event.Array, event.Object:
		if c.jsonSize(f, src) > schema.MaxText {
			return true // it is left out
		}
		x.add(column)
	default:
		x.add(column)
	}
	return false
}

// restOf is what goes to mp_properties of a row.
type restOf struct {
	members int64
	size    int
	reduced bool
}

// add counts a member, unless what is there would be longer than a varchar with it.
func (r *restOf) add(c *census, f *event.Field, src []byte) {
	c.text = event.AppendKey(c.text[:0], c.keyOf(f, src))
	size := len(c.text) + c.jsonSize(f, src)
	if r.members > 0 {
		size += len(",")
	}
	if r.size+size >= schema.MaxText {
		r.reduced = true
		return
	}
	r.members++
	r.size += size
}

var replacement = []byte("\ufffd")

// keyOf returns the member's name as mappings have it. It is valid until the next call.
func (c *census) keyOf(f *event.Field, src []byte) []byte {
	if f.Flags&(event.KeyEscaped|event.BadUTF8) == 0 {
		return f.RawKey(src)
	}
	c.key = f.AppendKey(c.key[:0], src)
	return bytes.ToValidUTF8(c.key, replacement)
}

func (c *census) textSize(f *event.Field, src []byte) int {
	if f.Flags&(event.Escaped|event.BadUTF8) == 0 {
		return int(f.ValEnd-f.Val) - len(`""`)
	}
	c.text = f.AppendText(c.text[:0], src)
	return len(bytes.ToValidUTF8(c.text, replacement))
}

// jsonSize returns the size of the value as JSON without white space and in UTF-8.
func (c *census) jsonSize(f *event.Field, src []byte) int {
	text := f.Raw(src)
	if f.Flags&(event.Spaced|event.LoneSurrogate|event.BadUTF8) == 0 {
		return len(text)
	}
	return len(bytes.ToValidUTF8(event.AppendCompact(nil, text), replacement))
}

// maxPlainDigits is how long a number without an exponent may be that every double keeps.
const maxPlainDigits = 15

// inDouble reports whether a JSON number is in the range of doubles, and whether the nearest one keeps it: printed with as many digits as
// the number has, it is the same number.
func inDouble(text []byte) (finite, kept bool) {
	number := string(text)
	mantissa, _, scientific := strings.Cut(strings.ToLower(number), "e")
	if !scientific && len(number) <= maxPlainDigits {
		return true, true
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(v, 0) {
		return false, false
	}
	digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
	if digits == "" || v == 0 {
		return true, digits == ""
	}
	want, ok := new(big.Rat).SetString(number)
	if !ok {
		return true, false
	}
	got, _ := new(big.Rat).SetString(strconv.FormatFloat(v, 'e', len(digits)-1, 64))
	return true, want.Cmp(got) == 0
}
