package engine

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Spectrum's pseudo-columns.
const (
	pseudoPath = "$path"
	pseudoSize = "$size"
)

// hiveNull is the value of a partition key that is NULL.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// sourceKind is the form in which a scan gives values of type t to DuckDB. Decimals go as text, which scanCast turns into
// the column's type.
func sourceKind(t rsql.Type) (duck.Kind, error) {
	switch t.Kind {
	case rsql.KindBool:
		return duck.Bool, nil
	case rsql.KindInt2:
		return duck.Int16, nil
	case rsql.KindInt4:
		return duck.Int32, nil
	case rsql.KindInt8:
		return duck.Int64, nil
	case rsql.KindFloat4:
		return duck.Float32, nil
	case rsql.KindFloat8:
		return duck.Float64, nil
	case rsql.KindDate:
		return duck.Date, nil
	case rsql.KindTimestamp:
		return duck.Timestamp, nil
	case rsql.KindChar, rsql.KindVarchar, rsql.KindDecimal, rsql.KindStruct, rsql.KindMap, rsql.KindArray, rsql.KindSuper:
		return duck.String, nil
	}
	return 0, &rsql.Error{
		SQLState: rsql.StateFeatureNotSupported,
		Message:  fmt.Sprintf("columns of type %s are not supported in JSON files", t),
	}
}

// scanCast is the SQL of a scan's column in the type that queries expect.
func scanCast(name string, t rsql.Type) string {
	if t.Kind == rsql.KindDecimal {
		return fmt.Sprintf("TRY_CAST(%s AS %s) AS %[1]s", name, t.DuckDB())
	}
	return name
}

// setJSON sets a value from a member that is not null. It returns the scratch buffer.
func setJSON(b *duck.Block, col, row int, t rsql.Type, m *event.Field, line, scratch []byte) []byte {
	text := m.Raw(line)
	if m.Kind == event.String {
		if t.Nested() || t.Kind == rsql.KindSuper {
			setText(b, col, row, t, text)
			return scratch
		}
		text = text[1 : len(text)-1]
		if m.Flags&event.Escaped != 0 {
			scratch = m.AppendText(scratch[:0], line)
			text = scratch
		}
	}
	if m.Flags&event.BadUTF8 != 0 {
		text = bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	setText(b, col, row, t, text)
	return scratch
}

// setText sets a value of type t from its text, valid UTF-8. Text that is no such value leaves NULL.
func setText(b *duck.Block, col, row int, t rsql.Type, text []byte) {
	switch t.Kind {
	case rsql.KindBool:
		b.SetBool(col, row, bytes.EqualFold(text, []byte("true")))
	case rsql.KindInt2:
		if n, ok := parseInt(text, 16); ok {
			b.SetInt16(col, row, int16(n))
		}
	case rsql.KindInt4:
		if n, ok := parseInt(text, 32); ok {
			b.SetInt32(col, row, int32(n))
		}
	case rsql.KindInt8:
		if n, ok := parseInt(text, 64); ok {
			b.SetInt64(col, row, n)
		}
	case rsql.KindFloat4:
		if v, err := strconv.ParseFloat(string(text), 32); err == nil {
			b.SetFloat32(col, row, float32(v))
		}
	case rsql.KindFloat8:
		if v, err := strconv.ParseFloat(string(text), 64); err == nil {
			b.SetFloat64(col, row, v)
		}
	case rsql.KindDate:
		if at, err := time.Parse(time.DateOnly, string(text)); err == nil {
			b.SetInt32(col, row, int32(at.Unix()/86400))
		}
	case rsql.KindTimestamp:
		if at, ok := parseTimestamp(string(text)); ok {
			b.SetInt64(col, row, at.UnixMicro())
		}
	case rsql.KindChar:
		if n := utf8.RuneCount(text); n <= t.Length && len(text) == n {
			b.SetString(col, row, text)
		}
	case rsql.KindVarchar:
		// Longer values are NULL: the default of the table property surplus_char_handling.
		if len(text) <= t.Length {
			b.SetString(col, row, text)
		}
	default:
		b.SetString(col, row, text)
	}
}

func parseInt(text []byte, bits int) (int64, bool) {
	n, err := strconv.ParseInt(string(text), 10, bits)
	return n, err == nil
}

// parseTimestamp reads ISO 8601, the only form that Spectrum documents for JSON, with a space in place of the T too. Times with an
// offset are turned into UTC.
func parseTimestamp(text string) (time.Time, bool) {
	if len(text) < len(time.DateOnly) {
		return time.Time{}, false
	}
	layout := time.DateOnly
	if len(text) > len(layout) {
		layout += text[10:11] + "15:04:05"
		if text[10] != 'T' && text[10] != ' ' {
			return time.Time{}, false
		}
		if clock := text[11:]; strings.ContainsAny(clock, "+-Z") {
			zone := clock[strings.IndexAny(clock, "+-Z"):]
			switch {
			case strings.Contains(zone, ":"), zone == "Z":
				layout += "Z07:00"
			case len(zone) == 3:
				layout += "Z07"
			default:
				layout += "Z0700"
			}
		}
	}
	at, err := time.Parse(layout, text)
	return at, err == nil
}
