package transform

import (
	"encoding/json"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/hostile"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/fault"
)

func TestPropertiesAreSelectedByTheirNamesAsSent(t *testing.T) {
	const all = `{"a":1.10,"$b":"x","\u0063":[1, 2],"é\"":{"a":1},"URL":1,"Url":2}`
	tests := map[string]struct {
		include, exclude []string
		want             string
	}{
		"nothing selected is everything":          {nil, nil, all},
		"an empty selection is nothing":           {[]string{}, nil, `{}`},
		"order, spelling and digits stay":         {[]string{"é\"", "c", "a"}, nil, `{"a":1.10,"\u0063":[1, 2],"é\"":{"a":1}}`},
		"all but some":                            {nil, []string{"a", "Url"}, `{"$b":"x","\u0063":[1, 2],"é\"":{"a":1},"URL":1}`},
		"what is excluded is not included":        {[]string{"a", "$b"}, []string{"a"}, `{"$b":"x"}`},
		"case counts, and so does the dollar":     {[]string{"A", "b", "url"}, nil, `{}`},
		"names twice, and ones that are not sent": {[]string{"a", "a", "zzz"}, []string{"yyy"}, `{"a":1.10}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := NewProjection(tt.include, tt.exclude)
			for range 2 {
				got, err := p.Append(nil, []byte(all))
				require.NoError(t, err)
				require.Equal(t, tt.want, string(got))
			}
		})
	}
	_, err := NewProjection(nil, nil).Append(nil, []byte(`[]`))
	require.Equal(t, fault.Bug, fault.ClassOf(err))
}

func TestABatchIsProjectedWithoutTouchingIt(t *testing.T) {
	b := batch(record{name: "e", properties: `{"a":1,"b":2}`}, record{name: "f", properties: `{"b":3}`}, record{name: "g", properties: `{}`})
	p := NewProjection([]string{"a"}, nil)
	for range 2 {
		got, err := p.Batch(b)
		require.NoError(t, err)
		require.Equal(t, []string{`{"a":1}`, `{}`, `{}`}, []string{string(got.Properties.At(0)), string(got.Properties.At(1)), string(got.Properties.At(2))})
		require.Equal(t, "f", string(got.Name.At(1)))
		require.Equal(t, `{"b":3}`, string(b.Properties.At(1)))
	}
}

func TestRawLinesAreThoseOfMixpanelsExport(t *testing.T) {
	b := batch(record{name: "Sign \"Up\"", distinct: "d", device: "D", user: "u", insert: "i", properties: `{"$city":"Paris","n":1.10}`, time: 1602611311123},
		record{name: "e", properties: `{}`, time: -1})
	require.Equal(t, `{"event":"Sign \"Up\"","properties":{"time":1602611311,"distinct_id":"d","$device_id":"D","$user_id":"u","$insert_id":"i","$city":"Paris","n":1.10}}`+"\n",
		string(AppendRawEvent(nil, b, 0, false)))
	require.Equal(t, `{"event":"e","properties":{"time":-1,"distinct_id":""}}`+"\n", string(AppendRawEvent(nil, b, 1, false)))
	require.Contains(t, string(AppendRawEvent(nil, b, 0, true)), `"time":1602611311123,`)
}

// FuzzProjection compares with encoding/json and checks that selecting and leaving out the same names part the properties in two.
func FuzzProjection(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s.properties), "n", "URL")
	}
	f.Add([]byte(`{"\u0061":[{"b":1}],"b":"\ud83d\ude00"}`), "a", "")
	f.Fuzz(func(t *testing.T, properties []byte, one, two string) {
		var scanner event.Scanner
		if end, err := scanner.Object(properties, 0); err != nil || end != len(properties) || !json.Valid(properties) {
			return
		}
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(properties, &want))
		names := []string{one, two}
		in, err := NewProjection(names, nil).Append(nil, properties)
		require.NoError(t, err)
		out, err := NewProjection(nil, names).Append(nil, properties)
		require.NoError(t, err)
		var gotIn, gotOut map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(in, &gotIn))
		require.NoError(t, json.Unmarshal(out, &gotOut))
		for name, v := range want {
			has, from := gotOut, "out"
			if slices.Contains(names, name) {
				has, from = gotIn, "in"
			}
			require.Equal(t, string(v), string(has[name]), "%q %s", name, from)
		}
		require.Equal(t, len(want), len(gotIn)+len(gotOut))
	})
}

// FuzzJSONRows checks that whatever properties a row has, its line is one JSON object that holds what its columns hold.
func FuzzJSONRows(f *testing.F) {
	for _, s := range samples {
		f.Add(s.name, s.distinct, []byte(s.properties), s.time)
	}
	for _, v := range hostile.Values {
		f.Add("e", "d", event.AppendRawMember([]byte{'{'}, "a", []byte(v)), int64(0))
	}
	f.Fuzz(func(t *testing.T, name, distinct string, properties []byte, at int64) {
		var scanner event.Scanner
		if end, err := scanner.Object(properties, 0); err != nil || end != len(properties) || !utf8.ValidString(name+distinct) {
			return
		}
		at %= 253_402_300_800_000 // the year 10,000
		m := newMapping(t, schema.Monoschema, 3)
		s := schema.NewShredder(m)
		_, err := s.AppendEvent(batch(record{name: name, distinct: distinct, properties: string(properties), time: at}), 0)
		require.NoError(t, err)
		var rows parquet.Rows
		rows.Reset(s.Group(0))
		require.True(t, rows.Next())
		line := m.Tables()[0].AppendRow(nil, rows.Values())
		got := parseLines(t, line, m.Tables()[0].Columns())
		require.Len(t, got, 1)
		require.Len(t, got[0], len(rows.Values()))
		for _, v := range rows.Values() {
			c := m.Tables()[0].Columns()[v.Column]
			switch c.Type.Parquet() {
			case parquet.Double:
				require.Equal(t, v.Double(), got[0][c.Name])
			case parquet.Boolean:
				require.Equal(t, v.Boolean(), got[0][c.Name])
			case parquet.Timestamp:
				require.Equal(t, at, got[0][c.Name])
			default:
				require.Equal(t, string(v.Bytes), got[0][c.Name])
			}
		}
		require.False(t, rows.Next())
	})
}
