package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/golden"
)

type record struct{ name, properties string }

func batch(records ...record) *store.Batch {
	b := &store.Batch{Len: len(records)}
	for i, r := range records {
		b.Position = append(b.Position, uint64(i+1))
		b.Time = append(b.Time, 1_600_000_000_000+int64(i))
		b.Received = append(b.Received, 1_700_000_000_000+int64(i))
		for _, c := range []struct {
			column *store.Text
			text   string
		}{{&b.Name, r.name}, {&b.DistinctID, "d"}, {&b.DeviceID, ""}, {&b.UserID, "u"}, {&b.InsertID, "i"}, {&b.Properties, r.properties}} {
			if len(c.column.Offsets) == 0 {
				c.column.Offsets = []uint32{0}
			}
			c.column.Data = append(c.column.Data, c.text...)
			c.column.Offsets = append(c.column.Offsets, uint32(len(c.column.Data)))
		}
	}
	return b
}

func newMapping(t require.TestingT, kind Kind, limit int) *Mapping {
	m, err := New(kind, limit)
	require.NoError(t, err)
	return m
}

// restored is the mapping after a restart.
func restored(t require.TestingT, m *Mapping) *Mapping {
	text, err := json.Marshal(m)
	require.NoError(t, err)
	out := &Mapping{}
	require.NoError(t, json.Unmarshal(text, out))
	require.Equal(t, m.Version(), out.Version())
	return out
}

// flush writes a table's group as a file and returns what another implementation reads: a map of columns per row, without nulls.
func flush(t require.TestingT, s *Shredder, table int) (rows []map[string]any) {
	columns := s.Mapping().Tables()[table].ParquetColumns()
	var out bytes.Buffer
	w := parquet.NewWriter(&out, columns)
	require.NoError(t, w.WriteGroup(s.Group(table)))
	require.NoError(t, w.Close())
	s.Group(table).Reset()
	require.NoError(t, parquet.CheckSpectrumSafe(bytes.NewReader(out.Bytes()), int64(out.Len()), columns))
	f, err := parquetgo.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	for _, g := range f.RowGroups() {
		in := g.Rows()
		buf := make([]parquetgo.Row, 16)
		for {
			n, err := in.ReadRows(buf)
			for _, values := range buf[:n] {
				row := map[string]any{}
				for _, v := range values {
					c := columns[v.Column()]
					switch {
					case v.IsNull():
					case c.Type == parquet.String:
						row[c.Name] = string(v.ByteArray())
						require.True(t, utf8.Valid(v.ByteArray()))
					case c.Type == parquet.Double:
						row[c.Name] = v.Double()
					case c.Type == parquet.Boolean:
						row[c.Name] = v.Boolean()
					default:
						row[c.Name] = v.Int64() / 1000
					}
				}
				rows = append(rows, row)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.NoError(t, in.Close())
	}
	return rows
}

// shredAll returns the rows of each table, by name, in order. After every flushAt rows groups are written, and at restartAt the
// mapping is stored and read again.
func shredAll(t require.TestingT, m *Mapping, records []record, flushAt, restartAt int) (map[string][]map[string]any, *Mapping) {
	all := map[string][]map[string]any{}
	s := NewShredder(m)
	write := func() {
		for i, table := range s.Mapping().Tables() {
			all[table.Name] = append(all[table.Name], flush(t, s, i)...)
		}
	}
	for i, r := range records {
		if i > 0 && i%flushAt == 0 {
			write()
		}
		if i == restartAt {
			write()
			s = NewShredder(restored(t, s.Mapping()))
		}
		_, err := s.AppendEvent(batch(r), 0)
		require.NoError(t, err)
	}
	write()
	return all, s.Mapping()
}

func columnNames(t *Table) (names []string) {
	for _, c := range t.Columns()[t.fixed:] {
		names = append(names, c.Name+" "+c.Type.Glue())
	}
	return names
}

func TestColumnsOfRows(t *testing.T) {
	tests := map[string]struct {
		limit   int
		rows    []string
		columns []string
		want    []string // the rows' columns as JSON, the fixed ones left out
	}{
		"values of each type": {0, []string{`{"s":"a","n":1.5,"b":true,"l":[1, "x"],"o":{"URL": 1},"z":null}`},
			[]string{"s string", "n double", "b boolean", "l string", "o string"},
			[]string{`{"s":"a","n":1.5,"b":true,"l":"[1,\"x\"]","o":"{\"URL\":1}"}`}},
		"the first type has the bare name": {0, []string{`{"X":1}`, `{"X":"1"}`, `{"X":false}`, `{"X":[]}`, `{"X":{}}`, `{"X":2}`},
			[]string{"x double", "x_string string", "x_boolean boolean", "x_list string", "x_object string"},
			[]string{`{"x":1}`, `{"x_string":"1"}`, `{"x_boolean":false}`, `{"x_list":"[]"}`, `{"x_object":"{}"}`, `{"x":2}`}},
		"null has no vote": {0, []string{`{"x":null}`, `{"x":"a"}`, `{"x":1}`},
			[]string{"x string", "x_number double"}, []string{`{}`, `{"x":"a"}`, `{"x_number":1}`}},
		"names that clean to the same": {0, []string{`{"XY":1,"Xy":2,"x y":3,"xy":"4"}`, `{"xy":5,"Xy":"6"}`},
			[]string{"xy double", "xy_1 double", "x_y double", "xy_2 string", "xy_2_number double", "xy_1_string string"},
			[]string{`{"xy":1,"xy_1":2,"x_y":3,"xy_2":"4"}`, `{"xy_2_number":5,"xy_1_string":"6"}`}},
		"names of columns that are there": {0, []string{`{"Time":1,"$event_name":2,"$date":3,"distinct id":4,"$insert_id":5,"$properties":6}`},
			[]string{"time_1 double", "mp_event_name_1 double", "mp_date_1 double", "distinct_id_1 double", "mp_insert_id_1 double", "mp_properties_1 double"},
			[]string{`{"time_1":1,"mp_event_name_1":2,"mp_date_1":3,"distinct_id_1":4,"mp_insert_id_1":5,"mp_properties_1":6}`}},
		"a name that a suffix makes is taken": {0, []string{`{"x_string":1,"x":2}`, `{"x":"a"}`},
			[]string{"x_string double", "x double", "x_string_1 string"}, []string{`{"x_string":1,"x":2}`, `{"x_string_1":"a"}`}},
		"numbers that a double does not keep": {0, []string{`{"id":1}`, `{"id":9007199254740993}`, `{"id":1e400}`},
			[]string{"id double", "id_exact string"}, []string{`{"id":1}`, `{"id":9007199254740992,"id_exact":"9007199254740993"}`, `{"id_exact":"1e400"}`}},
		"beyond the limit": {2, []string{`{"a":1,"b":"x","c":[1, 2],"d":null}`, `{"a":"y","b":"z","é\"":9007199254740993}`, `{"a":12345678901234567890}`, `{"a":3}`},
			[]string{"a double", "b string", "mp_properties string"},
			[]string{`{"a":1,"b":"x","mp_properties":"{\"c\":[1,2]}"}`, `{"b":"z","mp_properties":"{\"a\":\"y\",\"é\\\"\":9007199254740993}"}`,
				`{"a":12345678901234567000,"mp_properties":"{\"a\":12345678901234567890}"}`, `{"a":3}`}},
		"escapes": {0, []string{`{"\u0061b":"\u00e9\n","ab":"\ud800"}`, `{"ab":["\ud800"]}`},
			[]string{"ab string", "ab_list string"}, []string{`{"ab":"é\n"}`, `{"ab_list":"[\"\\ufffd\"]"}`}},
		"what is no UTF-8": {0, []string{"{\"a\xff\":\"b\xff\"}", "{\"a\ufffd\":\"c\"}"},
			[]string{"a_ string"}, []string{"{\"a_\":\"b\ufffd\"}", `{"a_":"c"}`}},
		"the empty name": {0, []string{`{"":1}`, `{"":"a"}`}, []string{"_ double", "__string string"}, []string{`{"_":1}`, `{"__string":"a"}`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var records []record
			for _, r := range tt.rows {
				records = append(records, record{"Signed Up", r})
			}
			for _, restart := range []int{-1, 1} {
				rows, m := shredAll(t, newMapping(t, Monoschema, tt.limit), records, 100, restart)
				require.Equal(t, tt.columns, columnNames(m.Tables()[0]))
				for i, row := range rows[eventTable] {
					require.Equal(t, "Signed Up", row["mp_event_name"], "as it was sent")
					require.Equal(t, []any{"d", "u", "i", int64(1_600_000_000_000)}, []any{row["distinct_id"], row["mp_user_id"], row["mp_insert_id"], row["time"]})
					for _, c := range m.Tables()[0].Columns()[:m.Tables()[0].fixed] {
						delete(row, c.Name)
					}
					got, err := json.Marshal(row)
					require.NoError(t, err)
					require.JSONEq(t, tt.want[i], string(got))
				}
			}
		})
	}
}

func TestMultischemaHasATablePerEvent(t *testing.T) {
	records := []record{{"Sign Up", `{"a":1}`}, {"$mp_web_page_view", `{}`}, {"sign up", `{"b":1}`}, {"Sign Up", `{"c":1}`},
		{"mp_people_data", `{}`}, {"Schema", `{}`}, {"2fa", `{}`}, {"table", `{}`}}
	rows, m := shredAll(t, newMapping(t, Multischema, 0), records, 2, 3)
	var tables []string
	for _, table := range m.Tables() {
		tables = append(tables, table.Name)
	}
	require.Equal(t, []string{"sign_up", "mp_mp_web_page_view", "sign_up_1", "mp_people_data_1", "schema_1", "event_2fa", "res_table"}, tables)
	require.Equal(t, []string{"a double", "c double"}, columnNames(m.Tables()[0]))
	require.Equal(t, "Sign Up", m.Tables()[0].Event)
	require.Len(t, rows["sign_up"], 2)
	require.NotContains(t, rows["sign_up"][0], "mp_event_name")
}

func TestAColumnTellsWhenItWasFirstSeen(t *testing.T) {
	m := newMapping(t, Monoschema, 3)
	for i, properties := range []string{`{"a":1}`, `{"a":2,"b":"x"}`, `{"a":"x"}`, `{"c":1}`, `{"a":true,"b":1}`} {
		b := batch(record{"e", properties})
		b.Received[0] = int64(1000 + i)
		s := NewShredder(restored(t, m))
		_, err := s.AppendEvent(b, 0)
		require.NoError(t, err)
		m = s.Mapping()
	}
	seen := map[string]int64{}
	for _, c := range restored(t, m).Tables()[0].Columns() {
		seen[c.Name] = c.FirstSeen
	}
	require.Equal(t, map[string]int64{"mp_event_name": 0, "time": 0, "distinct_id": 0, "mp_insert_id": 0, "mp_device_id": 0, "mp_user_id": 0,
		"a": 1000, "b": 1001, "a_string": 1002, "mp_properties": 1003}, seen)
}

func TestADayMayHaveAGroupOfItsOwn(t *testing.T) {
	s := NewShredder(newMapping(t, Monoschema, 0))
	one, two := s.Group(0), new(parquet.Group)
	add := func(g *parquet.Group, properties string) {
		s.SetGroup(0, g)
		_, err := s.AppendEvent(batch(record{"e", properties}), 0)
		require.NoError(t, err)
	}
	add(one, `{"a":1}`)
	add(two, `{"b":1}`)
	require.Equal(t, []int{7, 8}, []int{one.Columns(), two.Columns()})
	add(one, `{"b":2}`)
	require.Equal(t, []int{2, 1}, []int{one.Rows(), two.Rows()})
	require.Equal(t, 8, one.Columns())
	s.SetGroup(0, two)
	require.Equal(t, 1.0, flush(t, s, 0)[0]["b"])
}

func TestPeopleAndIdentities(t *testing.T) {
	s := NewShredder(newMapping(t, People, 0))
	row, err := s.AppendProfile([]byte("91304156"), []byte(`{"$name":"Alice","$distinct_id":"x","age":7}`), 1_700_000_000_000)
	require.NoError(t, err)
	require.Equal(t, Row{}, row)
	require.Equal(t, []map[string]any{{"mp_distinct_id": "91304156", "mp_name": "Alice", "mp_distinct_id_1": "x", "age": 7.0}}, flush(t, s, 0))
	require.Equal(t, "mp_people_data", s.Mapping().Tables()[0].Name)
	for i, c := range s.Mapping().Tables()[0].Columns() {
		want := int64(1_700_000_000_000)
		if i < s.Mapping().Tables()[0].Fixed() {
			want = 0
		}
		require.Equal(t, want, c.FirstSeen, c.Name)
	}

	s = NewShredder(newMapping(t, Identities, 0))
	_, err = s.AppendIdentity([]byte("$device:D1"), []byte("91304156"))
	require.NoError(t, err)
	_, err = s.AppendProfile(nil, []byte(`{}`), 1)
	require.ErrorContains(t, err, "the mapping is of kind identities, not people")
	_, err = s.AppendEvent(batch(record{"e", `{}`}), 0)
	require.ErrorContains(t, err, "not monoschema")
	require.Equal(t, []map[string]any{{"distinct_id": "$device:D1", "resolved_distinct_id": "91304156"}}, flush(t, s, 0))
	require.Equal(t, "mp_identity_mappings_data", s.Mapping().Tables()[0].Name)
}

func TestWhatIsTooLongIsCutAndTold(t *testing.T) {
	long := strings.Repeat("é", MaxText/2+1)
	row := func(limit int, properties string) (Row, map[string]any) {
		s := NewShredder(newMapping(t, Monoschema, limit))
		r, err := s.AppendEvent(batch(record{"e", properties}), 0)
		require.NoError(t, err)
		return r, flush(t, s, 0)[0]
	}
	r, got := row(0, `{"a":"`+long+`","b":["`+long+`"],"c":1}`)
	require.True(t, r.Reduced)
	require.Equal(t, long[:MaxText-1], got["a"], "no half character")
	require.NotContains(t, got, "b")
	require.Equal(t, 1.0, got["c"])
	r, got = row(0, `{"a":"`+long[:MaxText-1]+`"}`)
	require.False(t, r.Reduced)
	require.Len(t, got["a"], MaxText-1)
	r, got = row(1, `{"a":1,"b":"`+long+`","c":2}`)
	require.True(t, r.Reduced)
	require.Equal(t, `{"c":2}`, got["mp_properties"])
}

func TestBrokenPropertiesLeaveNoRow(t *testing.T) {
	s := NewShredder(newMapping(t, Monoschema, 0))
	for _, text := range []string{`[]`, `{"a":1`, `{} {}`, ``} {
		_, err := s.AppendEvent(batch(record{"e", text}), 0)
		require.Equal(t, fault.Bug, fault.ClassOf(err))
		require.ErrorContains(t, err, "splitting properties into columns")
	}
	require.Zero(t, s.Group(0).Rows())
}

// TestTheStoredFormMatchesTheGoldenFile keeps mappings readable that were stored before.
func TestTheStoredFormMatchesTheGoldenFile(t *testing.T) {
	s := NewShredder(newMapping(t, Multischema, 4))
	for _, r := range []record{{"Sign Up", `{"$city":"Paris","Plan":1,"plan":"x"}`}, {"sign up", `{"tags":[1]}`}, {"Sign Up", `{"Plan":9007199254740993,"late":true}`}} {
		_, err := s.AppendEvent(batch(r), 0)
		require.NoError(t, err)
	}
	got, err := json.MarshalIndent(s.Mapping(), "", "  ")
	require.NoError(t, err)
	golden.Equal(t, "testdata/mapping.json", append(got, '\n'))
	var m Mapping
	require.NoError(t, json.Unmarshal(got, &m))
	again, err := json.MarshalIndent(&m, "", "  ")
	require.NoError(t, err)
	require.Equal(t, string(got), string(again))
}

func TestMappingsThatCannotBeAreRefused(t *testing.T) {
	m := newMapping(t, Monoschema, 0)
	s := NewShredder(m)
	_, err := s.AppendEvent(batch(record{"e", `{"a":1}`}), 0)
	require.NoError(t, err)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	tests := map[string]struct{ old, new, err string }{
		"another format":      {`"format":1`, `"format":2`, "its format is 2"},
		"another kind":        {`"monoschema"`, `"people"`, "no such table"},
		"an unknown kind":     {`"monoschema"`, `"x"`, "unknown kind"},
		"an unknown type":     {`"type":"number"`, `"type":"money"`, "unknown column type"},
		"a type of no value":  {`"type":"number"`, `"type":"time"`, "no property has the type"},
		"a name twice":        {`"name":"a"`, `"name":"time"`, "the name is taken"},
		"a fixed column gone": {`{"name":"mp_event_name","type":"string"},`, ``, "does not begin with"},
		"another overflow":    {`"type":"number"`, `"type":"overflow"`, "it is not mp_properties"},
		"no table":            {string(text[bytes.Index(text, []byte(`{"name":"mp_m`)) : len(text)-2]), ``, "it has 0 tables, not 1"},
		"a property twice":    {`{"name":"a","property":"a","type":"number",`, `{"name":"a","property":"a","type":"number"},{"name":"b","property":"a","type":"number",`, "two columns of type number"},
		"no JSON":             {`{`, `[`, "reading a schema mapping"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(string(text), tt.old, tt.new, 1)
			require.NotEqual(t, string(text), broken)
			require.ErrorContains(t, (&Mapping{}).UnmarshalJSON([]byte(broken)), tt.err)
		})
	}
}

func TestAClonesNamesAreItsOwn(t *testing.T) {
	m := newMapping(t, Multischema, 0)
	grow := func(m *Mapping, properties string) {
		_, err := NewShredder(m).AppendEvent(batch(record{"e", properties}), 0)
		require.NoError(t, err)
	}
	grow(m, `{"a":1}`)
	before := m.Version()
	c := m.Clone()
	grow(c, `{"A":1,"b":2,"a":"x"}`)
	require.Equal(t, before, m.Version())
	require.Equal(t, before+3, c.Version())
	grow(m, `{"b":1}`)
	require.Equal(t, []string{"a double", "b double"}, columnNames(m.Tables()[0]))
	require.Equal(t, []string{"a double", "a_1 double", "b double", "a_string string"}, columnNames(c.Tables()[0]))
}

func TestCatalogColumnsTellTheProperty(t *testing.T) {
	m := newMapping(t, Monoschema, 0)
	_, err := NewShredder(m).AppendEvent(batch(record{"e", `{"Plan Type":1,"plan":"x","bad\nname":true}`}), 0)
	require.NoError(t, err)
	var got []string
	for _, c := range m.Tables()[0].CatalogColumns() {
		got = append(got, c.Name+" "+c.Type+" "+c.Comment)
	}
	require.Equal(t, []string{"mp_event_name string ", "time timestamp ", "distinct_id string ", "mp_insert_id string $insert_id", "mp_device_id string $device_id",
		"mp_user_id string $user_id", "plan_type double Plan Type", "plan string ", "bad_name boolean "}, got)
}

// records draws rows with hostile names and values of changing type.
func records(t *rapid.T) (all []record) {
	text := rapid.Map(rapid.String(), func(s string) string { return strings.ToValidUTF8(s, "?") })
	name := rapid.OneOf(rapid.SampledFrom([]string{"a", "A", "$a", " a", "a_string", "a_1", "mp_a", "time", "", "é", "select", "\u2028", "a\x00"}), text)
	value := rapid.OneOf(rapid.SampledFrom([]string{`null`, `true`, `false`, `0`, `1.50`, `-0`, `1e400`, `9007199254740993`, `[]`, `{}`, `[1,{"b":"\u00e9"}]`, `{"x":null}`, `""`, `"\u0000\\"`}),
		rapid.Map(text, func(s string) string { return string(event.AppendString(nil, s)) }),
		rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }))
	for range rapid.IntRange(1, 12).Draw(t, "rows") {
		r := record{rapid.SampledFrom([]string{"Sign Up", "sign up", "", "$x", "é"}).Draw(t, "event"), "{"}
		seen := map[string]bool{}
		for range rapid.IntRange(0, 6).Draw(t, "members") {
			n := name.Draw(t, "name")
			if seen[n] {
				continue
			}
			seen[n] = true
			r.properties = string(event.AppendRawMember([]byte(r.properties), n, []byte(value.Draw(t, "value"))))
		}
		r.properties += "}"
		all = append(all, r)
	}
	return all
}

func TestRowsAndColumnsDoNotDependOnBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := records(t)
		kind := rapid.SampledFrom([]Kind{Monoschema, Multischema}).Draw(t, "kind")
		limit := rapid.SampledFrom([]int{0, 1, 3, 6}).Draw(t, "limit")
		rows, m := shredAll(t, newMapping(t, kind, limit), in, 1000, -1)
		flushAt, restartAt := rapid.IntRange(1, 5).Draw(t, "flush"), rapid.IntRange(-1, len(in)).Draw(t, "restart")
		again, m2 := shredAll(t, newMapping(t, kind, limit), in, flushAt, restartAt)
		text, err := json.Marshal(m)
		require.NoError(t, err)
		text2, err := json.Marshal(m2)
		require.NoError(t, err)
		require.Equal(t, string(text), string(text2))
		require.Equal(t, fmt.Sprint(rows), fmt.Sprint(again))
		checkRows(t, m, in, rows)
		for _, table := range m.Tables() {
			n := len(table.Columns()) - table.fixed
			if table.overflow > 0 {
				n--
			}
			require.LessOrEqual(t, n, m.limit)
		}
	})
}

// checkRows puts the properties together again from the columns and what the mapping says of them.
func checkRows(t require.TestingT, m *Mapping, in []record, rows map[string][]map[string]any) {
	next := map[string]int{}
	for _, r := range in {
		table := m.Tables()[0]
		if m.Kind() == Multischema {
			table = m.Tables()[m.events[r.name]]
		}
		row := rows[table.Name][next[table.Name]]
		next[table.Name]++
		got := map[string]any{}
		for _, c := range table.Columns()[table.fixed:] {
			v, ok := row[c.Name]
			if !ok {
				continue
			}
			switch c.Type {
			case Overflow:
				dec := json.NewDecoder(strings.NewReader(v.(string)))
				dec.UseNumber()
				rest := map[string]any{}
				require.NoError(t, dec.Decode(&rest))
				for name, v := range rest {
					got[name] = v
				}
				continue
			case List, Object:
				dec := json.NewDecoder(strings.NewReader(v.(string)))
				dec.UseNumber()
				var parsed any
				require.NoError(t, dec.Decode(&parsed))
				v = parsed
			case Exact:
				v = json.Number(v.(string))
			}
			if old, ok := got[c.Property]; ok {
				require.True(t, c.Type == Exact, "%q has %v and %v", c.Property, old, v)
			}
			got[c.Property] = v
		}
		dec := json.NewDecoder(strings.NewReader(r.properties))
		dec.UseNumber()
		want := map[string]any{}
		require.NoError(t, dec.Decode(&want))
		for name, v := range want {
			switch v := v.(type) {
			case nil:
				delete(want, name)
			case json.Number:
				if d, ok := got[name].(float64); ok {
					f, err := v.Float64()
					require.NoError(t, err)
					require.Equal(t, math.Float64bits(f), math.Float64bits(d))
					if d == 0 {
						want[name] = d
						continue // 0e999999999 is no work for exact arithmetic
					}
					sent, _ := new(big.Rat).SetString(v.String())
					n := max(1, len(appendSignificant(nil, []byte(v))))
					kept, _ := new(big.Rat).SetString(fmt.Sprintf("%.*e", n-1, d))
					require.Zero(t, sent.Cmp(kept), "%s is not what a double keeps", v)
					want[name] = d
				}
			}
		}
		for name, v := range got {
			if v == nil {
				delete(got, name)
			}
		}
		require.Equal(t, want, got)
	}
}

// FuzzProperties shreds any text twice, written after every row and all at once, and looks for what was sent in what is read.
func FuzzProperties(f *testing.F) {
	f.Add(`{"a":1}`, `{"A":"x","$b":[1, {"c":"\ud800"}]}`, uint8(0))
	f.Add(`{"a":1,"a":2,"\u0061":null}`, `{"id":9007199254740993,"a":1e400}`, uint8(1))
	f.Add("{\"\xff\":\"\xfe\",\"time\":-0.0}", `{"":{"x":[true,false]}}`, uint8(3))
	f.Fuzz(func(t *testing.T, first, second string, limit uint8) {
		var scanner event.Scanner
		whole := true
		var in []record
		for _, text := range []string{first, second, first} {
			end, err := scanner.Object([]byte(text), 0)
			if err != nil || end != len(text) {
				return
			}
			seen := map[string]bool{}
			for i := range scanner.Members {
				m := &scanner.Members[i]
				key := string(m.AppendKey(nil, []byte(text)))
				// The other reader of checkRows neither tells repeated keys nor keeps what is no UTF-8 or below the range of numbers.
				whole = whole && !seen[key] && m.Flags&(event.BadUTF8|event.LoneSurrogate) == 0 && m.ValEnd-m.Val < 1000
				seen[key] = true
			}
			in = append(in, record{"e", text})
		}
		rows, m := shredAll(t, newMapping(t, Monoschema, int(limit)), in, 100, -1)
		again, m2 := shredAll(t, newMapping(t, Monoschema, int(limit)), in, 1, 2)
		require.Equal(t, m.Tables()[0].Columns(), m2.Tables()[0].Columns())
		require.Equal(t, fmt.Sprint(rows), fmt.Sprint(again))
		require.Len(t, rows[eventTable], len(in))
		if whole {
			checkRows(t, m, in, rows)
		}
	})
}
