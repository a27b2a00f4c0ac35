package expression

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// selected returns the values of one key of the given type that the expression selects.
func selected(t *testing.T, hiveType, text string, values ...string) []string {
	t.Helper()
	e, err := Compile(text, []Key{{"k", hiveType}})
	require.NoError(t, err, text)
	ranges := e.LeadingRanges()
	var out []string
	for _, v := range values {
		ok, err := e.Matches([]string{v})
		require.NoError(t, err, text)
		if ok {
			out = append(out, v)
			require.True(t, slices.ContainsFunc(ranges, func(r KeyRange) bool { return r.Contains(v) }), "%s: %q outside of %q", text, v, ranges)
		}
	}
	return out
}

func TestExpressionsThatGlueIsKnownToAccept(t *testing.T) {
	cases := []struct {
		hiveType     string
		values, want []string
		expressions  []string
	}{
		{"int", []string{"1", "2", "3"}, []string{"2"}, []string{
			"k = 2", "k = '2'", "k IN (2)", "k in (6, '4', 2)", "k between 2 AND 2", "k > 1 AND k < 3", "k >= 2 and k <> 3",
			"(k) = ((2)) (OR) (((k))) = (2)", "k IS NOT NULL and k = 2", "k not IN (1, 3)", "k NOT BETWEEN 1 AND 1 and k NOT BETWEEN 3 AND 3",
			"k = 4 OR k = 5 AND k = '-1' OR k = 0 OR k = '2'", "NOT (k = 1 OR k = 3)", "((k) = 2)", "((k = (2)))", "not k = 1 and k != 3",
			"K = +2", "k between ((2)) (and) (2)", `"k" = 2`, "`k` = '02'",
		}},
		{"decimal(10,2)", []string{"1.2", "2.6", "3e14"}, []string{"2.6"}, []string{
			"k = 2.6", "k = '2.6'", "k IN (2.6)", "k in (6, '4', 2.60)", "k between 2 AND 3e10", "k > 1.5 AND k < 3", "k >= 2 and k <> '3e14'",
			"k = 26e-1", "k = 0.26E+1", "k > -5 and k < 2.60000000000000000000000000000000001 and k > 2.59999999999999999999999999999999999",
		}},
		{"string", []string{"one", "two", "2", "three"}, []string{"two"}, []string{
			"k = 'two'", "k IN ('test', 'two', '3')", "k between 'twn' AND 'twp'", "k LIKE 'two'", "k LIKE 't_o'", "k LIKE 't__'", "k LIKE '%wo'",
			"k NOT LIKE '%e' AND k not like '_'", "k like '%t%w%o%'", "k like 'tw%%'",
		}},
		{"string", []string{"one", "two", "2", "three"}, []string{"2"}, []string{"k = 2", "k IN (1, 2, 3)", "k > '1' AND k < '3'", "k like '_'"}},
		{"date", []string{"2022-01-01", "2022-02-01", "2022-03-01"}, []string{"2022-02-01"}, []string{
			"k = '2022-02-01'", "k IN ('2022-02-01')", "k in ('2024-02-29', '2022-02-01', '2022-02-02')",
			"k between '2022-01-15' AND '2022-02-15'", "k > '2022-01-15' AND k < '2022-02-15'",
		}},
		{"timestamp", []string{"2022-01-01 12:34:56.789", "2022-02-01 00:00:00.000000", "2022-03-01 21:00:12.3456789"},
			[]string{"2022-02-01 00:00:00.000000"}, []string{
				"k = '2022-02-01 00:00:00'", "k = '2022-02-01 00:00:00.0'", "k = '2022-02-01 00:00:00.000000000'", "k IN ('2022-02-01 00:00:00.000')",
				"k between '2022-01-15 00:00:00' AND '2022-02-15 00:00:00'", "k > '2022-01-15 00:00:00' AND k < '2022-02-15 00:00:00'",
				"k > '2022-01-31 23:59:59.999999499' AND k < '2022-02-01 00:00:00.0000009'",
				"k > '2022-01-31 23:59:59.999999999' AND k < '2022-02-01 00:00:00.000000001'",
			}},
	}
	for _, c := range cases {
		for _, text := range c.expressions {
			t.Run(c.hiveType+": "+text, func(t *testing.T) {
				require.Equal(t, c.want, selected(t, c.hiveType, text, c.values...))
			})
		}
	}
}

func TestRefusalsAreInGluesWords(t *testing.T) {
	cases := map[string]struct{ hiveType, text, want string }{
		"text for an integer":           {"int", "k = 'test'", `"test" is not an integer.`},
		"a fraction for an integer":     {"bigint", "k in (2.5)", `"2.5" is not an integer.`},
		"LIKE on an integer":            {"tinyint", "k LIKE '2'", "Integral data type doesn't support operation 'LIKE'"},
		"LIKE on a long":                {"long", "k NOT LIKE '2'", "Integral data type doesn't support operation 'LIKE'"},
		"LIKE on a decimal":             {"decimal", "k LIKE '2'", "Decimal data type doesn't support operation 'LIKE'"},
		"LIKE on a date":                {"date", "k LIKE '2'", "Date data type doesn't support operation 'LIKE'"},
		"LIKE on a timestamp":           {"timestamp", "k LIKE '2'", "Timestamp data type doesn't support operation 'LIKE'"},
		"text for a decimal":            {"decimal", "k = 'test'", "test is not a decimal."},
		"a day that doesn't exist":      {"date", "k = '2022-02-32'", "2022-02-32 is not a date."},
		"a date for a timestamp":        {"timestamp", "k = '2022-02-01'", "Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] 2022-02-01 is not a timestamp."},
		"a timestamp ending in a dot":   {"timestamp", "k = '2022-02-15 00:00:00.'", "Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] 2022-02-15 00:00:00. is not a timestamp."},
		"a type that cannot be a key's": {"float", "k = 3.14", "Unknown type : 'float'"},
		"an unknown key":                {"int", "unknown = 1", "Invalid partition expression!"},
		"an unquoted date":              {"date", "k >= 2026-02-02 and k < 2026-08-04", "Invalid partition expression!"},
		"arithmetic":                    {"int", "k = 1 + 1", "Invalid partition expression!"},
		"two keys compared":             {"int", "k = k", "Invalid partition expression!"},
		"text that doesn't parse":       {"string", "k IS test' AND not parsable", "Unsupported expression 'k IS test' AND not parsable'"},
		"blanks":                        {"string", "  ", "Unsupported expression '  '"},
		"an empty list":                 {"int", "k in ()", "Unsupported expression 'k in ()'"},
		"an open parenthesis":           {"int", "(k = 1", "Unsupported expression '(k = 1'"},
		"an open quote":                 {"int", "k = '1", "Unsupported expression 'k = '1'"},
		"a missing operand":             {"int", "k = 1 and", "Unsupported expression 'k = 1 and'"},
		"a word for a key":              {"int", "and = 1", "Unsupported expression 'and = 1'"},
		"a stray character":             {"int", "k = 1;", "Unsupported expression 'k = 1;'"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(c.text, []Key{{"k", c.hiveType}})
			var refusal *Error
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, c.want, refusal.Message)
		})
	}
}

func TestAnExpressionMayHave2048Characters(t *testing.T) {
	text := "k = '" + strings.Repeat("ä", MaxLength-6) + "'"
	_, err := Compile(text, []Key{{"k", "string"}})
	require.NoError(t, err)
	_, err = Compile(text+" ", []Key{{"k", "string"}})
	require.ErrorContains(t, err, "less than or equal to 2048")
}

func TestTheEmptyExpressionSelectsAll(t *testing.T) {
	require.Equal(t, []string{"1", "x"}, selected(t, "int", "", "1", "x"))
}

func TestAValueThatIsNotOfItsKeysTypeIsAnErrorOnlyWhereItDecides(t *testing.T) {
	keys := []Key{{"s", "string"}, {"n", "int"}}
	values := []string{"a", "int"}
	e, err := Compile("n = 2", keys)
	require.NoError(t, err)
	_, err = e.Matches(values)
	var bad *ValueError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, `"int" is not an integer.`, bad.Message)

	e, err = Compile("s = 'b' AND n = 2", keys)
	require.NoError(t, err)
	ok, err := e.Matches(values)
	require.NoError(t, err)
	require.False(t, ok)

	_, err = e.Matches([]string{"a"})
	require.ErrorAs(t, err, &bad)
}

func TestHivesNullIsUnknownExceptAsText(t *testing.T) {
	null := func(hiveType, text string) bool {
		return selected(t, hiveType, text, NullValue) != nil
	}
	require.True(t, null("int", "k is null"))
	require.False(t, null("int", "k is not null"))
	require.False(t, null("int", "k = 1"))
	require.False(t, null("int", "k <> 1"))
	require.False(t, null("int", "not (k = 1)"))
	require.True(t, null("int", "k = 1 or k is null"))
	require.True(t, null("string", "k is null"))
	require.True(t, null("string", "k = '"+NullValue+"'"))
	require.True(t, null("string", "k <> 'x'"))
}

func TestLeadingRangesAreNarrow(t *testing.T) {
	cases := map[string]struct {
		hiveType, text string
		want           []KeyRange
	}{
		"one day":                  {"string", "k = '2024-05-01'", []KeyRange{point("2024-05-01")}},
		"a month":                  {"string", "k >= '2024-05-01' AND k < '2024-06-01'", []KeyRange{{From: "2024-05-01", To: "2024-06-01"}}},
		"a month by date":          {"date", "k BETWEEN '2024-05-01' AND '2024-05-31'", []KeyRange{{From: "2024-05-01", To: "2024-05-31\x00"}}},
		"a prefix":                 {"string", "k LIKE '2024-05-%'", []KeyRange{{From: "2024-05-", To: "2024-05."}}},
		"a list":                   {"string", "k IN ('b', 'a', 'b')", []KeyRange{point("a"), point("b")}},
		"a negated list":           {"string", "NOT (k <> 'a' AND k <> 'b')", []KeyRange{point("a"), point("b")}},
		"a contradiction":          {"string", "k = 'a' AND k = 'b'", nil},
		"an overlapping OR":        {"string", "k < 'b' OR k <= 'c'", []KeyRange{{To: "c\x00"}}},
		"everything but one":       {"string", "k <> 'a'", []KeyRange{{To: "a"}, {From: "a\x00", NoEnd: true}}},
		"an hour of any precision": {"timestamp", "k = '2024-05-01 10:00:00.50'", []KeyRange{{From: "2024-05-01 10:00:00.5", To: "2024-05-01 10:00:00.500000000\x00"}}},
		"an integer":               {"int", "k = 2024", []KeyRange{startingWith("+"), startingWith("-"), startingWith("0"), point("2024")}},
		"a greater integer":        {"int", "k > 2024", everything()},
		"another key":              {"string", "j = 'x'", everything()},
		"either key":               {"string", "k = 'a' OR j = 'x'", everything()},
		"both keys":                {"string", "k = 'a' AND j = 'x'", []KeyRange{point("a")}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e, err := Compile(c.text, []Key{{"k", c.hiveType}, {"j", "string"}})
			require.NoError(t, err)
			require.Equal(t, c.want, e.LeadingRanges())
		})
	}
}
