package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/hostile"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
)

// recordOf returns a record as it is stored.
func recordOf(r hostile.Record) stored {
	return stored{Record: event.Record{
		Kind: event.KindEvent, Time: r.Time, Received: r.Time, Name: []byte(r.Name), DistinctID: []byte(r.DistinctID), InsertID: []byte(r.InsertID),
		Properties: []byte(r.Properties),
	}}
}

// shred splits the records with the shredder and returns what it made of each table's rows, and the mapping that it arrived at.
func shred(t require.TestingT, kind schema.Kind, limit int, records []hostile.Record) (*schema.Mapping, map[string]*Expected) {
	m, err := schema.New(kind, limit)
	require.NoError(t, err)
	s := schema.NewShredder(m)
	all := map[string]*Expected{}
	var rows parquet.Rows
	for _, r := range records {
		row, err := s.AppendEvent(batchOf(r.Day, []stored{recordOf(r)}), 0)
		require.NoError(t, err)
		table := m.Tables()[row.Table]
		x := all[table.Name]
		if x == nil {
			x = &Expected{}
			all[table.Name] = x
		}
		x.Rows++
		if row.Reduced {
			x.Reduced++
		}
		group := s.Group(row.Table)
		for rows.Reset(group); rows.Next(); {
			for _, v := range rows.Values() {
				x.add(v.Column)
				if table.Columns()[v.Column].Type == schema.Overflow {
					var members map[string]json.RawMessage
					require.NoError(t, json.Unmarshal(v.Bytes, &members))
					x.Members += int64(len(members))
				}
			}
		}
		group.Reset()
	}
	return m, all
}

// TestTheCensusCountsWhatTheShredderMakes compares the two, which share nothing but the mapping, on records that are hostile to both.
func TestTheCensusCountsWhatTheShredderMakes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SampledFrom([][]string{hostile.Values, slices.Concat(hostile.Values, hostile.LongValues)}).Draw(t, "values")
		records := hostile.Records(t, 30, values)
		m, want := shred(t, rapid.SampledFrom([]schema.Kind{schema.Monoschema, schema.Multischema}).Draw(t, "kind"),
			rapid.SampledFrom([]int{0, 1, 5, 20}).Draw(t, "limit"), records)
		c := newCensus(m)
		got := map[string]*Expected{}
		for _, r := range records {
			table := c.table([]byte(r.Name))
			require.NotNil(t, table)
			if got[table.name] == nil {
				got[table.name] = &Expected{}
			}
			require.NoError(t, c.event(got[table.name], table, batchOf(r.Day, []stored{recordOf(r)}), 0))
		}
		require.Equal(t, want, got)
	})
}

func TestTheCensusKnowsTheNumbersThatADoubleKeeps(t *testing.T) {
	t.Parallel()
	for number, want := range map[string][2]bool{
		"0": {true, true}, "-0.0e5": {true, true}, "9007199254740992": {true, true}, "9007199254740993": {true, false}, "0.1": {true, true},
		"1.10": {true, true}, "1e400": {false, false}, "1e-400": {true, false}, "5e-324": {true, true}, "5.1e-324": {true, false},
		"0.30000000000000004": {true, true}, "0.300000000000000041": {true, false}, "1" + strings.Repeat("0", 22): {true, true},
	} {
		finite, kept := inDouble([]byte(number))
		require.Equal(t, want, [2]bool{finite, kept}, number)
	}
}

// TestWhatAShredderDropsIsADifference takes a property's column out of the mapping and of the rows, as a shredder would that drops it, or
// that gives its values to another column.
func TestWhatAShredderDropsIsADifference(t *testing.T) {
	t.Parallel()
	record := hostile.Record{Name: "a", Properties: `{"x":1,"y":"text","z":true,"big":12345678901234567890}`}
	text := func(edit func([]schema.Column) []schema.Column) *schema.Mapping {
		m, _ := shred(t, schema.Monoschema, 0, []hostile.Record{record})
		body, err := json.Marshal(m)
		require.NoError(t, err)
		var in struct {
			Format int              `json:"format"`
			Kind   schema.Kind      `json:"kind"`
			Limit  int              `json:"limit"`
			Tables []map[string]any `json:"tables"`
		}
		require.NoError(t, json.Unmarshal(body, &in))
		in.Tables[0]["columns"] = edit(slices.Clone(m.Tables()[0].Columns()))
		body, err = json.Marshal(in)
		require.NoError(t, err)
		edited := new(schema.Mapping)
		require.NoError(t, json.Unmarshal(body, edited))
		return edited
	}
	count := func(m *schema.Mapping) Expected {
		c := newCensus(m)
		var x Expected
		require.NoError(t, c.event(&x, c.table([]byte("a")), batchOf(1, []stored{recordOf(record)}), 0))
		return x
	}
	without := func(name string) func([]schema.Column) []schema.Column {
		return func(all []schema.Column) []schema.Column {
			return slices.DeleteFunc(all, func(c schema.Column) bool { return c.Name == name })
		}
	}
	same := func(all []schema.Column) []schema.Column { return all }
	require.Equal(t, Expected{Rows: 1, Values: []int64{1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1}}, count(text(same)))
	require.Equal(t, Expected{Rows: 1, Values: []int64{1, 1, 1, 0, 0, 0, 1, 1, 1, 1}, Members: 1}, count(text(without("y"))))
	require.Equal(t, Expected{Rows: 1, Values: []int64{1, 1, 1, 0, 0, 0, 1, 1, 1, 1}, Members: 1}, count(text(without("big_exact"))))
	require.Equal(t, Expected{Rows: 1, Values: []int64{1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1}, Members: 1}, count(text(func(all []schema.Column) []schema.Column {
		all[6].Type = schema.Boolean // x is a number
		return all
	})))
}
