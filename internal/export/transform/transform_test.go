package transform

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/golden"
)

type record struct {
	name, distinct, device, user, insert, properties string
	time                                             int64
}

func batch(records ...record) *store.Batch {
	b := &store.Batch{Len: len(records)}
	for i, r := range records {
		b.Position = append(b.Position, uint64(i+1))
		b.Received = append(b.Received, 1_700_000_000_000+int64(i))
		b.Time = append(b.Time, r.time)
		for _, c := range []struct {
			column *store.Text
			text   string
		}{{&b.Name, r.name}, {&b.DistinctID, r.distinct}, {&b.DeviceID, r.device}, {&b.UserID, r.user}, {&b.InsertID, r.insert}, {&b.Properties, r.properties}} {
			if len(c.column.Offsets) == 0 {
				c.column.Offsets = []uint32{0}
			}
			c.column.Data = append(c.column.Data, c.text...)
			c.column.Offsets = append(c.column.Offsets, uint32(len(c.column.Data)))
		}
	}
	return b
}

var samples = []record{
	{"Signed up", "91304156-cafc", "D1", "91304156-cafc", "29fc2962-6d9c", `{"$city":"San Francisco","mp_country_code":"US","$import":true,"plan":"free"}`, 1602611311123},
	{"only required", "", "", "", "", `{}`, 0},
	{"quotes \" and \\ and\nbreaks", "ü\x00", "", "", "i", `{"a\"b":"c\\d","URL":1,"Url":2,"url":9007199254740993,"n":1.10,"e":1e400,"list":[1,[2,{"x":null}]]}`, 999},
	{"before 1970 is not accepted but floored", "d", "", "", "", `{"snow":"☃","escaped":"\u2603"}`, -1},
}

func TestRowsMatchTheGoldenFile(t *testing.T) {
	var got []byte
	var err error
	b := batch(samples...)
	for _, ms := range []bool{false, true} {
		rows := Rows{Milliseconds: ms}
		for i := range b.Len {
			got, err = rows.AppendEvent(got, b, i)
			require.NoError(t, err)
		}
	}
	rows := Rows{}
	got, err = rows.AppendProfile(got, []byte("91304156-cafc"), []byte(`{"$name":"Alice","$email":"a@example.com"}`))
	require.NoError(t, err)
	got = rows.AppendIdentity(got, []byte("$device:D1"), []byte("91304156-cafc"))
	golden.Equal(t, "testdata/rows.ndjson", got)
}

// TestARowReadBackIsTheRecord reads rows with encoding/json and unfolds properties, as a reader of the table does.
func TestARowReadBackIsTheRecord(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string { return strings.ToValidUTF8(rapid.String().Draw(t, "text"), "?") })
	rapid.Check(t, func(t *rapid.T) {
		properties, err := json.Marshal(rapid.MapOf(text, text).Draw(t, "properties"))
		require.NoError(t, err)
		r := record{text.Draw(t, "name"), text.Draw(t, "distinct"), text.Draw(t, "device"), text.Draw(t, "user"), text.Draw(t, "insert"),
			string(properties), rapid.Int64Range(0, 1e14).Draw(t, "time")}
		rows := Rows{Milliseconds: true}
		row, err := rows.AppendEvent(nil, batch(r), 0)
		require.NoError(t, err)
		require.Equal(t, 1, bytes.Count(row, []byte("\n")), "one line")
		var back struct {
			DeviceID   *string `json:"device_id"`
			DistinctID string  `json:"distinct_id"`
			EventName  string  `json:"event_name"`
			InsertID   *string `json:"insert_id"`
			Properties string  `json:"properties"`
			Time       int64   `json:"time"`
			UserID     *string `json:"user_id"`
			TimeMS     int64   `json:"time_ms"`
		}
		dec := json.NewDecoder(bytes.NewReader(row))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(&back))
		deref := func(s *string) string {
			if s == nil {
				return ""
			}
			require.NotEmpty(t, *s, "absent ids are null")
			return *s
		}
		require.Equal(t, r, record{back.EventName, back.DistinctID, deref(back.DeviceID), deref(back.UserID), deref(back.InsertID), back.Properties, back.TimeMS})
		require.Equal(t, r.time/1000, back.Time)
	})
}

// FuzzQuoted compares the fast way with encoding/json on any text.
func FuzzQuoted(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s.properties))
	}
	f.Add([]byte(`"""""""\\\\\\\"`))
	f.Add([]byte("1234567\x01\x1f\n"))
	f.Add([]byte("\"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			t.Skip()
		}
		quoted := append(appendQuoted([]byte(`"`), text), '"')
		var back string
		require.NoError(t, json.Unmarshal(quoted, &back))
		require.Equal(t, string(text), back)
		require.Equal(t, string(appendQuotedSlow([]byte(`"`), text))+`"`, string(quoted))
	})
}

func wide(n, size int) string {
	var b []byte
	b = append(b, '{')
	for i := range n {
		b = event.AppendStringMember(b, []byte{'k', byte('a' + i%26), byte('a' + i/26)}, strings.Repeat("x", size+i))
	}
	return string(append(b, '}'))
}

func TestPropertiesBeyondAVarcharAreReducedAndKeptWhole(t *testing.T) {
	for _, c := range []struct {
		name            string
		properties      string
		long, reduced   int64
		lost            []string
		kept            []string
		exactlyAtLimits bool
	}{
		{name: "small ones are left alone", properties: wide(3, 10)},
		{name: "long ones are only counted", properties: wide(3, 6000), long: 1},
		{name: "the largest goes first", properties: `{"a":1,"big":"` + strings.Repeat("y", 60000) + `","b":"` + strings.Repeat("z", 30000) + `","c":2}`, long: 1, reduced: 1, lost: []string{"big"}, kept: []string{"a", "b", "c"}},
		{name: "as many go as must", properties: wide(100, 1000), long: 1, reduced: 1},
		{name: "one property alone can be too large", properties: `{"big":"` + strings.Repeat("y", 70000) + `"}`, long: 1, reduced: 1, lost: []string{"big"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var whole []string
			rows := Rows{Whole: func(row []byte, position uint64) error {
				require.EqualValues(t, 1, position)
				whole = append(whole, string(row))
				return nil
			}}
			b := batch(record{name: "e", properties: c.properties})
			row, err := rows.AppendEvent(nil, b, 0)
			require.NoError(t, err)
			require.Equal(t, [2]int64{c.long, c.reduced}, [2]int64{rows.Long, rows.Reduced})
			properties := propertiesOf(t, row)
			require.LessOrEqual(t, len(properties), MaxProperties)
			if c.reduced == 0 {
				require.Equal(t, c.properties, properties)
				require.Empty(t, whole)
				return
			}
			require.Len(t, whole, 1)
			require.Equal(t, c.properties, propertiesOf(t, []byte(whole[0])))
			var left, all map[string]any
			require.NoError(t, json.Unmarshal([]byte(properties), &left))
			require.NoError(t, json.Unmarshal([]byte(c.properties), &all))
			require.EqualValues(t, len(c.properties), left[OversizeKey])
			delete(left, OversizeKey)
			for k, v := range left {
				require.Equal(t, all[k], v)
			}
			for _, k := range c.lost {
				require.NotContains(t, left, k)
			}
			for _, k := range c.kept {
				require.Contains(t, left, k)
			}
			again, err := rows.AppendEvent(nil, b, 0)
			require.NoError(t, err)
			require.Equal(t, string(row), string(again), "the same every time")
		})
	}
}

func propertiesOf(t *testing.T, row []byte) string {
	t.Helper()
	var r struct {
		Properties string `json:"properties"`
	}
	require.NoError(t, json.Unmarshal(row, &r))
	return r.Properties
}

func TestRowsAllocateNothing(t *testing.T) {
	b := batch(samples...)
	rows := Rows{}
	buf := make([]byte, 0, 64<<10)
	allocs := testing.AllocsPerRun(100, func() {
		out := buf
		for i := range b.Len {
			out, _ = rows.AppendEvent(out, b, i)
		}
	})
	require.Zero(t, allocs)
}

func TestColumnsAreTheRowsKeysInOrder(t *testing.T) {
	keys := func(row []byte) (keys []string) {
		var s event.Scanner
		_, err := s.Object(row, 0)
		require.NoError(t, err)
		for i := range s.Members {
			keys = append(keys, string(s.Members[i].RawKey(row)))
		}
		return keys
	}
	names := func(ms bool) (names []string) {
		for _, c := range EventColumns(ms) {
			names = append(names, c.Name)
		}
		return names
	}
	for _, ms := range []bool{false, true} {
		rows := Rows{Milliseconds: ms}
		row, err := rows.AppendEvent(nil, batch(samples[0]), 0)
		require.NoError(t, err)
		require.Equal(t, names(ms), keys(row))
	}
}
