package rsql

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestJSONValuesKeepTheirText(t *testing.T) {
	const document = ` {"price": 403.30, "big":12345678901234567890123, "$city" : "San \u0046rancisco", "a.b":1, "a/b":2, "c~d":3, "q\"r":4,
		"o": {"x": [1, 2.50, {"y": "]}"}]}, "n":null, "t":true, "e":{}, "":{"":"deep"}} `
	tests := []struct{ pointer, raw, text string }{
		{"", strings.TrimSpace(document), strings.TrimSpace(document)},
		{"/price", "403.30", "403.30"},
		{"/big", "12345678901234567890123", "12345678901234567890123"},
		{"/$city", `"San \u0046rancisco"`, "San Francisco"},
		{"/a.b", "1", "1"},
		{"/a~1b", "2", "2"},
		{"/c~0d", "3", "3"},
		{`/q"r`, "4", "4"},
		{"/o/x/1", "2.50", "2.50"},
		{"/o/x/2/y", `"]}"`, "]}"},
		{"/o/x", `[1, 2.50, {"y": "]}"}]`, `[1, 2.50, {"y": "]}"}]`},
		{"/n", "null", ""},
		{"/t", "true", "true"},
		{"/e", "{}", "{}"},
		{"//", `"deep"`, "deep"},
		{"/missing", "", ""},
		{"/o/x/3", "", ""},
		{"/o/x/y", "", ""},
		{"/price/x", "", ""},
	}
	for _, test := range tests {
		t.Run(test.pointer, func(t *testing.T) {
			raw, err := jsonAt(document, test.pointer, false)
			require.NoError(t, err)
			text, err := jsonAt(document, test.pointer, true)
			require.NoError(t, err)
			require.Equal(t, test.raw, orEmpty(raw))
			require.Equal(t, test.text, orEmpty(text))
		})
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestJSONStepsAgreeWithADecoder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.String()
		members := rapid.MapOf(key, rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Int32(), func(n int32) any { return float64(n) }),
			rapid.Map(rapid.SliceOf(rapid.String()), func(s []string) any {
				out := make([]any, len(s))
				for i := range s {
					out[i] = s[i]
				}
				return out
			}),
		)).Draw(rt, "members")
		document, err := json.Marshal(members)
		require.NoError(rt, err)
		var decoded map[string]any
		require.NoError(rt, json.Unmarshal(document, &decoded))
		for key, want := range decoded {
			raw, err := jsonAt(string(document), pointerKey(key), false)
			require.NoError(rt, err)
			require.NotNil(rt, raw, "key %q of %s", key, document)
			var got any
			require.NoError(rt, json.Unmarshal([]byte(*raw), &got))
			require.Equal(rt, want, got)
			if list, ok := want.([]any); ok && len(list) > 0 {
				items, err := splitJSON(*raw)
				require.NoError(rt, err)
				require.Len(rt, strings.Split(*items, itemSeparator), len(list))
			}
		}
	})
}

func FuzzJSONStep(f *testing.F) {
	f.Add(`{"a":[1,{"b":"\""}]}`, "/a/1/b")
	f.Add(`{"a"`, "/a")
	f.Fuzz(func(t *testing.T, document, pointer string) {
		if document == "" || pointer != "" && pointer[0] != '/' || !json.Valid([]byte(document)) {
			return
		}
		got, err := jsonAt(document, pointer, false)
		require.NoError(t, err)
		if got != nil {
			require.True(t, json.Valid([]byte(*got)), *got)
		}
	})
}

func TestTimesFormatAndParse(t *testing.T) {
	tests := []struct{ format, want string }{
		{"YYYY-MM-DD HH24:MI:SS.US", "2026-05-01 13:04:05.123000"},
		{"yyyy-mm-dd", "2026-05-01"},
		{"FMMonth FMDD, YYYY", "May 1, 2026"},
		{"Month|MON|Dy|day", "May      |MAY|Fri|friday   "},
		{"HH12:MI PM, a.m.", "01:04 PM, p.m."},
		{"DDD Q WW IW D ID", "121 2 18 18 6 5"},
		{`"Year" YY "MM"`, "Year 26 MM"},
		{"é", "é"},
	}
	for _, test := range tests {
		got, err := formatTime("2026-05-01 13:04:05.123", test.format)
		require.NoError(t, err)
		require.Equal(t, test.want, *got, test.format)
	}
	for _, test := range []struct{ text, format, want string }{
		{"2026-05-01", "YYYY-MM-DD", "2026-05-01 00:00:00"},
		{"01/05/26 1:02 PM", "DD/MM/YY HH12:MI AM", "2026-05-01 13:02:00"},
		{"May 3, 2026", "Month DD, YYYY", "2026-05-03 00:00:00"},
		{"20260501130405", "YYYYMMDDHH24MISS", "2026-05-01 13:04:05"},
		{"2026-05-01 10:00:00.5", "YYYY-MM-DD HH24:MI:SS.MS", "2026-05-01 10:00:00.5"},
	} {
		got, err := parseTime(test.text, test.format)
		require.NoError(t, err, test.text)
		require.Equal(t, test.want, *got)
	}
	_, err := parseTime("2026-02-30", "YYYY-MM-DD")
	require.ErrorContains(t, err, "does not match the format")
}

func TestNumbersFormatAndParse(t *testing.T) {
	for _, test := range []struct{ number, format, want string }{
		{"125", "999", " 125"},
		{"-12.5", "S999.99", " -12.50"},
		{"1234.5", "9,999.99", " 1,234.50"},
		{"0.5", "FM990.00", "0.50"},
		{"0.5", "FM990.99", "0.5"},
		{"1234567", "FM9,999,999", "1,234,567"},
		{"1000", "99", "##"},
		{"-5", "99MI", " 5-"},
		{"-5", "99PR", "<5>"},
		{"7", "000", " 007"},
	} {
		got, err := formatNumber(test.number, test.format)
		require.NoError(t, err)
		require.Equal(t, test.want, *got, "%s %s", test.number, test.format)
	}
	got, err := parseNumber("-1,234.50", "9,999.99")
	require.NoError(t, err)
	require.Equal(t, "-1234.50", *got)
	_, err = parseNumber("12x", "999")
	require.Error(t, err)
}

func TestTextHelpers(t *testing.T) {
	call := func(name string, args ...string) string {
		for _, f := range HostFunctions() {
			if f.Name == name {
				require.Len(t, args, f.Parameters)
				got, err := f.Call(args)
				require.NoError(t, err)
				return orEmpty(got)
			}
		}
		t.Fatalf("no host function %s", name)
		return ""
	}
	require.Equal(t, "h", call("rs_left_bytes", "hé", "2"), "a cut falls on a character's boundary")
	require.Equal(t, "Hello World_X", call("rs_initcap", "hELLO wORLD_x"))
	require.Equal(t, "255", call("rs_strtol", "0xFF", "16"))
	require.Equal(t, "b1", call("rs_regexp_find", "a1b1", "[a-z]1", "2", "1", ""))
	require.Equal(t, "1", call("rs_regexp_find", "a1", "a(.)", "1", "1", "e"))
	require.Equal(t, "<a>1", call("rs_regexp_swap", "a1", "([a-z])", `<\1>`, "1", ""))
	require.Equal(t, "é#", call("rs_regexp_swap", "éé", "é", "#", "2", ""))
	require.Equal(t, "2", call("rs_regexp_tally", "aXx", "x", "1", "i"))
	require.Equal(t, "2", call("rs_regexp_locate", "éxx", "x", "1", "1", "0"))
}

func TestRuntimeErrorsComeThroughDuckDBsText(t *testing.T) {
	e, ok := RuntimeError("Invalid Input Error: " + RuntimeText(&Error{SQLState: "22012", Message: "Divide by zero"}) + "\n\nLINE 1")
	require.True(t, ok)
	require.Equal(t, &Error{SQLState: "22012", Message: "Divide by zero"}, e)
	e, ok = RuntimeError(`Invalid Input Error: Malformed JSON at byte 1 of input: unexpected end of data.  Input: "{bad"`)
	require.True(t, ok)
	require.Equal(t, "invalid json object {bad", e.Message)
	_, ok = RuntimeError("Catalog Error: nope")
	require.False(t, ok)
}

func TestGlueTypesBecomeRedshiftTypes(t *testing.T) {
	tests := []struct{ glue, want, duckdb string }{
		{"string", "character varying(65535)", "VARCHAR"},
		{"BIGINT", "bigint", "BIGINT"},
		{"int", "integer", "INTEGER"},
		{"tinyint", "smallint", "SMALLINT"},
		{"double", "double precision", "DOUBLE"},
		{"decimal(12,4)", "numeric(12,4)", "DECIMAL(12,4)"},
		{"decimal", "numeric(10,0)", "DECIMAL(10,0)"},
		{"varchar(20)", "character varying(20)", "VARCHAR"},
		{"char( 3 )", "character(3)", "VARCHAR"},
		{"timestamp", "timestamp without time zone", "TIMESTAMP"},
		{"boolean", "boolean", "BOOLEAN"},
		{"array<string>", "array<character varying(65535)>", "VARCHAR"},
		{"map<string,int>", "map<character varying(65535),integer>", "VARCHAR"},
		{"struct<$city:string, n : array<struct<`a b`:int>>>", `struct<"$city":character varying(65535),n:array<struct<"a b":integer>>>`, "VARCHAR"},
	}
	for _, test := range tests {
		t.Run(test.glue, func(t *testing.T) {
			got, err := ParseGlueType(test.glue)
			require.NoError(t, err)
			require.Equal(t, test.want, got.String())
			require.Equal(t, test.duckdb, got.DuckDB())
		})
	}
	for _, bad := range []string{"", "uniontype<int>", "array<int", "struct<a>", "struct<:int>", "decimal(50,2)", "decimal(2,5)", "varchar(x)", "int int", "char(0)", strings.Repeat("array<", 200)} {
		_, err := ParseGlueType(bad)
		require.Error(t, err, bad)
	}
}

func TestTypesHaveWireIdentities(t *testing.T) {
	require.Equal(t, [3]int{1043, -1, 14}, [3]int{Varchar(10).OID(), Varchar(10).Size(), Varchar(10).Modifier()})
	require.Equal(t, [3]int{1700, -1, 10<<16 | 2 + 4}, [3]int{Decimal(10, 2).OID(), Decimal(10, 2).Size(), Decimal(10, 2).Modifier()})
	require.Equal(t, [3]int{20, 8, -1}, [3]int{Int8.OID(), Int8.Size(), Int8.Modifier()})
	require.Equal(t, 4000, Super.OID())
	require.Equal(t, 1003, CatalogArray(NameType).OID())
}

func TestPreludeNamesEveryMacroOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, sql := range Prelude() {
		name, _, ok := strings.Cut(strings.TrimPrefix(sql, "CREATE OR REPLACE MACRO "), "(")
		require.True(t, ok)
		require.False(t, seen[name], fmt.Sprintf("macro %s is defined twice", name))
		seen[name] = true
	}
	for _, f := range HostFunctions() {
		require.False(t, seen[f.Name], "%s is a macro and a function", f.Name)
		seen[f.Name] = true
	}
}
