package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// formatVersion is that of the JSON form.
const formatVersion = 1

// mappingJSON is the JSON form of a mapping: what is persisted, and the files below schema/.
type mappingJSON struct {
	Format int         `json:"format"`
	Kind   Kind        `json:"kind"`
	Limit  int         `json:"limit"`
	Tables []tableJSON `json:"tables"`
}

type tableJSON struct {
	Name    string   `json:"name"`
	Event   string   `json:"event,omitempty"`
	Columns []Column `json:"columns"`
}

// MarshalJSON returns the mapping with all it needs to go on.
func (m *Mapping) MarshalJSON() ([]byte, error) {
	out := mappingJSON{Format: formatVersion, Kind: m.kind, Limit: m.limit, Tables: []tableJSON{}}
	for _, t := range m.tables {
		out.Tables = append(out.Tables, tableJSON{t.Name, t.Event, t.columns})
	}
	return json.Marshal(out)
}

// UnmarshalJSON restores a mapping, which then assigns as the one it was made from would have. What no mapping can be is refused.
func (m *Mapping) UnmarshalJSON(text []byte) error {
	var in mappingJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("reading a schema mapping: %w", err)
	}
	if in.Format != formatVersion {
		return fmt.Errorf("reading a schema mapping: its format is %d, this version reads %d", in.Format, formatVersion)
	}
	restored, err := New(in.Kind, in.Limit)
	if err != nil {
		return fmt.Errorf("reading a schema mapping: %w", err)
	}
	for i := range in.Tables {
		if err := restored.restore(i, &in.Tables[i]); err != nil {
			return fmt.Errorf("reading a schema mapping: table %q: %w", in.Tables[i].Name, err)
		}
	}
	if len(restored.tables) != len(in.Tables) {
		return fmt.Errorf("reading a schema mapping: it has %d tables, not %d", len(in.Tables), len(restored.tables))
	}
	*m = *restored
	return nil
}

// restore checks and takes the i-th table.
func (m *Mapping) restore(i int, in *tableJSON) error {
	if i == len(m.tables) && m.kind == Multischema {
		if _, ok := m.events[in.Event]; ok {
			return fmt.Errorf("event %q has two tables", in.Event)
		}
		if !m.names.take(in.Name) {
			return fmt.Errorf("the name is taken")
		}
		m.add(in.Name, in.Event)
	}
	if i >= len(m.tables) || m.tables[i].Name != in.Name {
		return fmt.Errorf("no such table in %s", m.kind)
	}
	t := m.tables[i]
	if len(in.Columns) < t.fixed || !slices.Equal(in.Columns[:t.fixed], t.columns) {
		return fmt.Errorf("it does not begin with %v", t.columns)
	}
	for _, c := range in.Columns[t.fixed:] {
		if err := t.restore(c); err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
	}
	return nil
}

func (t *Table) restore(c Column) error {
	if c.Type == Overflow {
		if t.overflow != 0 || c.Name != OverflowName || c.Property != "" {
			return fmt.Errorf("it is not %s, or there are two", OverflowName)
		}
		t.addOverflow(c.FirstSeen)
		return nil
	}
	if c.Type == 0 || c.Type == Time {
		return fmt.Errorf("no property has the type %q", c.Type)
	}
	if !t.names.take(c.Name) {
		return fmt.Errorf("the name is taken")
	}
	i, ok := t.index[c.Property]
	if !ok {
		i = len(t.properties)
		t.index[c.Property] = i
		t.properties = append(t.properties, property{name: c.Property, base: c.Name})
	}
	p := &t.properties[i]
	if p.columns[c.Type] != 0 {
		return fmt.Errorf("property %q has two columns of type %s", c.Property, c.Type)
	}
	p.columns[c.Type] = len(t.columns)
	t.columns = append(t.columns, c)
	return nil
}

// Clone returns a mapping that goes on by itself. A run works on a clone and the pipeline keeps it when the run is published.
func (m *Mapping) Clone() *Mapping {
	c := &Mapping{kind: m.kind, limit: m.limit, names: m.names.clone(), events: maps.Clone(m.events)}
	for _, t := range m.tables {
		u := *t
		u.columns, u.properties, u.names = slices.Clone(t.columns), slices.Clone(t.properties), t.names.clone()
		u.index = maps.Clone(t.index)
		c.tables = append(c.tables, &u)
	}
	return c
}
