package pipeline

import (
	"context"
	"time"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
)

// SchemaTable is a table of a schematized pipeline, to be read backwards: from columns to properties.
type SchemaTable struct {
	// Name is the table's in the catalog, Event the event whose rows a table of a multischema pipeline holds.
	Name    string         `json:"name"`
	Event   string         `json:"event,omitempty"`
	Rows    int64          `json:"rows"`
	Columns []SchemaColumn `json:"columns"`
}

// SchemaColumn is a column with the property that it holds.
type SchemaColumn struct {
	Name     string      `json:"name"`
	Property string      `json:"property,omitempty"`
	Type     schema.Type `json:"type"`
	// FirstSeen is when the record arrived that made the column; nil for the columns that every table has.
	FirstSeen *time.Time `json:"first_seen,omitempty"`
	// Rows is in how many rows the column has a value: for a column of a later type, those that fell into it.
	Rows int64 `json:"rows"`
}

// Schema returns the tables of a schematized pipeline as they were published last, none for others.
func (s *Store) Schema(ctx context.Context, id string) ([]SchemaTable, error) {
	p, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	all := []SchemaTable{}
	if p.Type != TypeAWS {
		return all, nil
	}
	mapping, err := s.mapping(ctx, p, 0)
	if err != nil || mapping == nil {
		return all, err
	}
	days, err := s.tableDays(ctx, p)
	if err != nil {
		return nil, err
	}
	rows, values := map[string]int64{}, map[string][]int64{}
	for _, d := range days {
		rows[d.Table] += d.Rows
		values[d.Table] = lake.AddValues(values[d.Table], d.Values)
	}
	for _, t := range mapping.Tables() {
		table := SchemaTable{Name: p.CatalogTable(t.Name), Event: t.Event, Rows: rows[t.Name], Columns: []SchemaColumn{}}
		for i, c := range t.Columns() {
			column := SchemaColumn{Name: c.Name, Property: c.Property, Type: c.Type}
			if c.FirstSeen != 0 {
				at := time.UnixMilli(c.FirstSeen).UTC()
				column.FirstSeen = &at
			}
			if v := values[t.Name]; i < len(v) {
				column.Rows = v[i]
			}
			table.Columns = append(table.Columns, column)
		}
		all = append(all, table)
	}
	return all, nil
}
