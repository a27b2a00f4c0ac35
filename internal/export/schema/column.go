package schema

import (
	"fmt"
	"unicode"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/parquet"
)

// Type is what a column holds.
type Type uint8

const (
	// String, Number, Boolean, List and Object are the types of property values.
	String Type = iota + 1
	Number
	Boolean
	List
	Object
	// Exact is the text of numbers that a double does not keep.
	Exact
	// Time is an instant.
	Time
	// Overflow is mp_properties.
	Overflow

	typeCount
)

var typeNames = [typeCount]string{
	String: "string", Number: "number", Boolean: "boolean", List: "list", Object: "object", Exact: "exact", Time: "time", Overflow: "overflow",
}

// String returns the type's name, which is also the suffix of columns of a later type.
func (t Type) String() string { return typeNames[t] }

// MarshalText returns the type's name.
func (t Type) MarshalText() ([]byte, error) { return []byte(typeNames[t]), nil }

// UnmarshalText reads a type's name.
func (t *Type) UnmarshalText(text []byte) error {
	for i, name := range typeNames {
		if name != "" && name == string(text) {
			*t = Type(i)
			return nil
		}
	}
	return fmt.Errorf("unknown column type %q", text)
}

// typeOf maps the kinds of JSON values.
var typeOf = [...]Type{
	event.Null: 0, event.False: Boolean, event.True: Boolean, event.Number: Number, event.String: String, event.Object: Object, event.Array: List,
}

// Parquet returns the type of the column in files.
func (t Type) Parquet() parquet.Type {
	switch t {
	case Number:
		return parquet.Double
	case Boolean:
		return parquet.Boolean
	case Time:
		return parquet.Timestamp
	default:
		return parquet.String
	}
}

// Glue returns the type of the column in the Glue Data Catalog.
func (t Type) Glue() string { return t.Parquet().String() }

// Column is a column of a table. Property is the name of the property it holds, as it was sent; it is "" for mp_properties and
// mp_event_name.
type Column struct {
	Name     string `json:"name"`
	Property string `json:"property,omitempty"`
	Type     Type   `json:"type"`
	// FirstSeen is the arrival, in milliseconds since 1970-01-01 UTC, of the event that made the column, or of the last change of the
	// profile that did. It is 0 for the columns that every table has.
	FirstSeen int64 `json:"first_seen,omitempty"`
}

// Columns of every table of their kind, first in order. Mixpanel's headers begin with these (Schematized Export Pipeline, examples);
// $insert_id, $device_id and $user_id are properties there like others, but present in all events that know them.
var (
	eventName    = Column{Name: "mp_event_name", Type: String}
	eventColumns = []Column{
		{Name: "time", Property: "time", Type: Time},
		{Name: "distinct_id", Property: "distinct_id", Type: String},
		{Name: "mp_insert_id", Property: "$insert_id", Type: String},
		{Name: "mp_device_id", Property: "$device_id", Type: String},
		{Name: "mp_user_id", Property: "$user_id", Type: String},
	}
	peopleColumns   = []Column{{Name: "mp_distinct_id", Property: "$distinct_id", Type: String}}
	identityColumns = []Column{
		{Name: "distinct_id", Property: "distinct_id", Type: String},
		{Name: "resolved_distinct_id", Property: "resolved_distinct_id", Type: String},
	}
)

// OverflowName is the name of the column of what has no column.
const OverflowName = "mp_properties"

// maxCommentChars is Glue's limit of a column's comment.
const maxCommentChars = 255

// catalog returns the column as the catalog has it. Its comment tells the property's name where that is another.
func (c *Column) catalog() catalog.Column {
	out := catalog.Column{Name: c.Name, Type: c.Type.Glue()}
	if c.Property != "" && c.Property != c.Name && len(c.Property) <= maxCommentChars && printable(c.Property) {
		out.Comment = c.Property
	}
	return out
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
