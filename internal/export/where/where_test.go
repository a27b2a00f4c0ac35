package where

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

var moment = time.Date(2026, 5, 1, 12, 30, 15, 250_000_000, time.UTC)

// shown is the event that the tables ask about.
func shown() *View {
	v := &View{}
	v.Event(&event.Record{
		Kind: event.KindEvent, Time: moment.UnixMilli(), Name: []byte("Signed up"), DistinctID: []byte("ada"), InsertID: []byte("i-1"),
		Properties: []byte(`{"n":5,"half":2.5,"neg":-7,"zero":0,"big":9007199254740993,"huge":12345678901234567890123,"s":"chicago","num":"12.50",` +
			`"esc":"a\"b\u00e9","yes":true,"no":false,"null":null,"list":["a","b",3,"\u0041"],"same":["a","b",3.0,"A"],"obj":{"k":1},` +
			`"bool":"false","when":"2026-05-01T12:30:15","tiny":1e-400,"exp":1E3,"dup":1,"dup":2}`),
	}, []byte(`{"$email":"ada@example.com","age":36}`))
	return v
}

func TestTheRulesOfTheLanguage(t *testing.T) {
	for _, c := range []struct {
		rule string
		yes  []string
		no   []string
	}{
		{"properties are looked up by name", []string{
			`properties["n"] == 5`, `properties['s'] == 'chicago'`, `event["n"] == 5`, `properties["esc"] == "a\"bé"`, `properties["dup"] == 2`},
			[]string{`properties["N"] == 5`, `properties["s"] == "Chicago"`, `properties["missing"]`}},
		{"user looks into the profile", []string{`user["$email"] == "ada@example.com"`, `user["age"] > 35`, `user["$distinct_id"] == "ada"`, `not defined(user["n"])`}, nil},
		{"lifted properties are properties", []string{
			`properties["$insert_id"] == "i-1"`, `properties["distinct_id"] == "ada"`, `event["$event_name"] == "Signed up"`,
			`not defined(properties["$user_id"])`, `not defined(properties["$device_id"])`}, nil},
		{"a result that is undefined is false", nil, []string{`properties["missing"]`, `1 + "a"`, `properties["s"] > 1`}},
		{"- * / % take numbers", []string{
			`properties["n"] - 7 == -2`, `properties["half"] * 2 == 5`, `properties["n"] / 2 == 2.5`, `0.3 / 0.1 == 3`, `1 / 3 > 0.333`,
			`not defined("a" - 1)`, `not defined(true * 2)`, `not defined(properties["null"] / 2)`, `not defined("7" % 2)`}, nil},
		{"division by zero is undefined", []string{`not defined(1 / 0)`, `not defined(1 % 0)`, `not defined(1 / properties["zero"])`, `not defined(1 / 0.00)`}, nil},
		{"the remainder has the sign of the dividend", []string{`-7 % 3 == -1`, `7 % -3 == 1`, `properties["neg"] % 3 == -1`, `5.5 % 2 == 1.5`}, nil},
		{"+ adds numbers and joins texts", []string{
			`1 + 2 == 3`, `0.1 + 0.2 == 0.3`, `"a" + "b" == "ab"`, `properties["s"] + "!" == "chicago!"`, `not defined("a" + 1)`, `not defined(true + true)`}, nil},
		{"== is always a boolean", []string{
			`defined(properties["missing"] == 1)`, `properties["missing"] == properties["other"]`, `1.0 == 1`, `properties["exp"] == 1000`,
			`properties["list"] == properties["same"]`, `properties["null"] == properties["null"]`, `properties["obj"] == properties["obj"]`},
			[]string{`"1" == 1`, `true == 1`, `"true" == true`, `properties["null"] == properties["missing"]`, `properties["missing"] == ""`, `properties["list"] == ["a"]`}},
		{"!= is its negation", []string{`"1" != 1`, `properties["missing"] != "x"`, `1 != 2`}, []string{`1 != 1.0`}},
		{"order is between numbers only", []string{
			`1 < 2`, `2 >= 2`, `-1 > -2`, `not defined("a" < "b")`, `not defined("a" < 1)`, `not defined(true > false)`, `not defined(properties["missing"] < 1)`},
			[]string{`2 < 2`, `2 > 2`, `3 <= 2`}},
		{"comparisons are exact", []string{
			`properties["big"] == 9007199254740993`, `properties["big"] > 9007199254740992`, `properties["huge"] > 12345678901234567890122`,
			`properties["huge"] == 1.2345678901234567890123e22`, `properties["tiny"] > 0`, `-properties["huge"] < -12345678901234567890122`, `1e400 > 1e399`, `-1e400 < 0`},
			[]string{`properties["big"] == 9007199254740992`, `properties["huge"] == 12345678901234567890122`}},
		{"in is substring for texts", []string{
			`"cag" in properties["s"]`, `"" in properties["s"]`, `not "york" in properties["s"]`, `defined("x" in "y")`,
			`not defined("a" in 1)`, `not defined(1 in "1")`, `not defined("a" in properties["missing"])`}, nil},
		{"in is membership for lists", []string{
			`properties["n"] in [1, 5]`, `"a" in properties["list"]`, `"A" in properties["list"]`, `3 in properties["list"]`, `true in [false, true]`,
			`defined(properties["missing"] in [1])`},
			[]string{`properties["n"] in [1, "5"]`, `"c" in properties["list"]`, `"3" in properties["list"]`, `1 in []`, `properties["missing"] in [1]`}},
		{"and and or take undefined as false", []string{
			`properties["missing"] or true`, `true and properties["yes"]`, `not (true and properties["missing"])`, `defined(properties["missing"] and true)`},
			[]string{`properties["missing"] and true`, `properties["missing"] or properties["missing"]`, `false or false`}},
		{"the side that does not decide is not looked at", []string{`true or "x"`, `not (false and 1)`}, nil},
		{"not negates booleans and undefined", []string{`not false`, `not properties["missing"]`, `not defined(not 1)`, `not defined(not "")`, `not defined(not properties["null"])`}, []string{`not true`, `not not false`}},
		{"- negates numbers", []string{`-properties["n"] == -5`, `--5 == 5`, `not defined(-"5")`, `not defined(-true)`}, nil},
		{"floor round ceil", []string{
			`floor(2.5) == 2`, `round(2.5) == 3`, `ceil(2.1) == 3`, `floor(-2.5) == -3`, `round(-2.5) == -3`, `ceil(-2.5) == -2`, `round(2.49) == 2`,
			`floor(properties["n"]) == 5`, `ceil(1e-30) == 1`, `not defined(floor("2"))`, `not defined(ceil(properties["missing"]))`}, nil},
		{"string()", []string{
			`string("a") == "a"`, `string(12) == "12"`, `string(1.50) == "1.5"`, `string(-0.05) == "-0.05"`, `string(1e3) == "1000"`, `string(true) == "true"`,
			`string(properties["null"]) == properties["null"]`, `not defined(string(properties["missing"]))`, `not defined(string([1]))`,
			`string(event["$time"]) == "2026-05-01T12:30:15.25"`, `string(properties["huge"]) == "12345678901234567890123"`}, nil},
		{"number()", []string{
			`number("12.5") == 12.5`, `number(properties["num"]) == 12.5`, `number("-1e2") == -100`, `number(true) == 1`, `number(false) == 0`, `number(7) == 7`,
			`not defined(number("abc"))`, `not defined(number(""))`, `not defined(number("1 "))`, `not defined(number(properties["null"]))`, `not defined(number(properties["missing"]))`}, nil},
		{"boolean()", []string{
			`boolean("true")`, `boolean(properties["bool"]) == false`, `boolean(2)`, `boolean(true)`, `not defined(boolean("yes"))`, `not defined(boolean(properties["null"]))`},
			[]string{`boolean(0)`, `boolean(0.0)`, `boolean(false)`}},
		{"defined()", []string{`defined(properties["n"])`, `defined(properties["no"])`, `defined("")`, `not defined(properties["city"])`}, []string{`defined(properties["missing"])`, `defined(properties["null"])`}},
		{"times compare with datetime()", []string{
			`event["$time"] >= datetime("2026-05-01")`, `event["$time"] < datetime("2026-05-02T00:00:00")`, `properties["$time"] >= datetime("2026-05-01T12:30:15.250")`,
			`properties["$time"] > datetime("2026-05-01T14:30:15+02:00")`, `event["$time"] == datetime(1777638615250)`, `event["$time"] > datetime(1777638600 + 15)`,
			`properties["when"] == datetime("2026-05-01 12:30:15Z")`, `properties["when"] < event["$time"]`, `properties["time"] >= datetime("2026-05-01T12:30")`,
			`not defined(datetime(properties["s"]))`, `not defined(properties["s"] < datetime("2026-05-01"))`},
			[]string{`event["$time"] < datetime("2026-05-01")`, `event["$time"] == "soon"`}},
		{"properties time is seconds", []string{`properties["time"] == 1777638615`, `properties["time"] % 60 == 15`, `number(event["$time"]) == 1777638615.25`}, nil},
		{"operators bind as in Python", []string{
			`1 + 2 * 3 == 7`, `(1 + 2) * 3 == 9`, `10 - 2 - 3 == 5`, `true or false and false`, `not false and true`, `not 1 == 2`, `1 < 2 == true`, `"a" in "abc" == true`,
			`-2 * 3 == -6`, `true == not false`}, []string{`not (true or false)`, `(true or false) and false`}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			check := func(text string, want bool) {
				e, err := Compile(text)
				require.NoError(t, err, text)
				got, err := e.Match(shown())
				require.NoError(t, err, text)
				require.Equal(t, want, got, text)
			}
			for _, text := range c.yes {
				check(text, true)
			}
			for _, text := range c.no {
				check(text, false)
			}
		})
	}
}

func TestTypesThatLogicCannotTakeAreErrors(t *testing.T) {
	for text, want := range map[string]string{
		`properties["s"] and true`:           "expected a boolean instead of a text at position 1",
		`true and properties["n"]`:           "expected a boolean instead of a number at position 10",
		`false or properties["null"]`:        "expected a boolean instead of null at position 10",
		`properties["list"] or true`:         "expected a boolean instead of a list at position 1",
		`properties["s"]`:                    "expected a boolean instead of a text at position 1",
		`not (true and event["$time"])`:      "expected a boolean instead of a time at position 15",
		`defined(properties["obj"] or true)`: "expected a boolean instead of an object at position 9",
	} {
		e, err := Compile(text)
		require.NoError(t, err, text)
		_, err = e.Match(shown())
		require.EqualError(t, err, want, text)
	}
}

func TestConstantsThatLogicCannotTakeAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`1`:                                     "expected a boolean instead of a number at position 1",
		`"true"`:                                "expected a boolean instead of a text at position 1",
		`[1]`:                                   "expected a boolean instead of a list at position 1",
		`1 + 1`:                                 "expected a boolean instead of a number at position 3",
		`string(1 == 1)`:                        "expected a boolean instead of a text at position 1",
		`datetime("2026-01-01")`:                "expected a boolean instead of a time at position 1",
		`properties["a"] and 1`:                 "expected a boolean instead of a number at position 21",
		`"x" or properties["a"]`:                "expected a boolean instead of a text at position 1",
		`not (properties["a"] == 1 and "x")`:    "expected a boolean instead of a text at position 31",
		`defined(properties["a"] or 2)`:         "expected a boolean instead of a number at position 28",
		`true and (false or floor(1.5))`:        "expected a boolean instead of a number at position 20",
		`(properties["a"] or true) and -(1)`:    "expected a boolean instead of a number at position 31",
		`1 < 2 and 2 < 3 and properties["a"]/1`: "",
		`true or 1`:                             "",
		`boolean(1)`:                            "",
		`1 / 0`:                                 "", // undefined
		`properties["a"] + 1`:                   "", // undefined for some
		`not 1`:                                 "",
	} {
		_, err := Compile(text)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.EqualError(t, err, want, text)
		require.IsType(t, &Error{}, err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		``:                               `expected a value instead of the end of the expression at position 1`,
		`properties["a"] = 1`:            `unexpected "=" (equality is ==) at position 17`,
		`properties["a" == 1`:            `expected "]" instead of "==" at position 16`,
		`properties[a]`:                  `expected the name of a property in quotes instead of "a" at position 12`,
		`properties.a == 1`:              `".a" is not a number at position 11`,
		`"abc`:                           `the text that begins with " has no end at position 1`,
		`"a\x"`:                          `unknown escape in a text (write a backslash as \\) at position 3`,
		`"\u12"`:                         `expected four hexadecimal digits after \u at position 2`,
		`1 + `:                           `expected a value instead of the end of the expression at position 5`,
		`(1 == 1`:                        `expected ")" instead of the end of the expression at position 8`,
		`1 == 1)`:                        `unexpected ")" after the expression at position 7`,
		`true AND false`:                 `unexpected "AND" after the expression at position 6`,
		`True`:                           `unknown word "True" (write true) at position 1`,
		`$city == "x"`:                   `unexpected character '$' at position 1`,
		`city == "x"`:                    `unknown word "city" (texts stand in quotes, properties are written properties["name"]) at position 1`,
		`1.2.3 == 1`:                     `"1.2.3" is not a number at position 1`,
		`floor 1`:                        `expected "(" instead of "1" at position 7`,
		`1 in [properties["a"]]`:         `a list holds numbers, texts and booleans only at position 7`,
		`1 in [1 2]`:                     `expected "," instead of "2" at position 9`,
		`event["$time"] > datetime("x")`: `datetime takes a date such as "2006-01-02", a date and time such as "2006-01-02T15:04:05", or seconds since 1970 at position 27`,
		"1 == \xff":                      `the expression is not UTF-8 at position 1`,
		strings.Repeat("(", 300):         `the expression is nested deeper than 256 levels at position 257`,
		strings.Repeat("-", 300) + "1":   `the expression is nested deeper than 256 levels at position 257`,
		strings.Repeat(" ", MaxText+1):   `the expression is longer than 65536 bytes at position 65537`,
	} {
		_, err := Compile(text)
		require.EqualError(t, err, want, "%.40s", text)
		require.IsType(t, &Error{}, err)
	}
}

func TestExpressionsPrintInOneSpelling(t *testing.T) {
	for text, want := range map[string]string{
		`properties['a']==1`:                   `properties["a"] == 1`,
		`((1+2))*3>=user["x"]`:                 `(1 + 2) * 3 >= user["x"]`,
		`1-(2-3)`:                              `1 - (2 - 3)`,
		`1-2-3`:                                `1 - 2 - 3`,
		`not(true)or(false and not not false)`: `not true or false and not not false`,
		`true == (not false)`:                  `true == (not false)`,
		`- (1 + 2)`:                            `-(1 + 2)`,
		`- properties["a"]`:                    `-properties["a"]`,
		`"\u0061\"\n" in [1.50,-2,'x',true,1e99]`:  `"a\"\n" in [1.5, -2, "x", true, 1e99]`,
		`datetime('2026-01-01')<event["$time"]`:    `datetime("2026-01-01") < event["$time"]`,
		`defined( string( 12345678901234567890 ))`: `defined(string(12345678901234567890))`,
	} {
		e, err := read(text)
		require.NoError(t, err, text)
		require.Equal(t, want, e.String())
		again, err := read(want)
		require.NoError(t, err)
		require.Equal(t, want, again.String())
	}
}

func TestProfilesAnswerPropertiesAndUserAlike(t *testing.T) {
	v := &View{}
	v.Profile([]byte("ada"), []byte(`{"$email":"ada@example.com","time":"noon"}`))
	for text, want := range map[string]bool{
		`properties["$email"] == user["$email"]`: true,
		`properties["$distinct_id"] == "ada"`:    true,
		`properties["time"] == "noon"`:           true,
		`defined(event["$email"])`:               false,
	} {
		e, err := Compile(text)
		require.NoError(t, err)
		got, err := e.Match(v)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
}

func TestUserPropertiesAreNamedOnce(t *testing.T) {
	e, err := Compile(`user["b"] == 1 or "x" in user["a"] and defined(user["b"]) or properties["c"] == 1`)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, e.UserProperties())
}

func TestPropertiesThatAreNotJSONAreAnError(t *testing.T) {
	v := &View{}
	v.Event(&event.Record{Properties: []byte(`{"a":`)}, nil)
	e, err := Compile(`properties["a"] == 1`)
	require.NoError(t, err)
	_, err = e.Match(v)
	require.ErrorContains(t, err, "reading the properties: invalid JSON")
}

func TestSimpleComparisonsDoNotAllocate(t *testing.T) {
	v := shown()
	for _, text := range []string{
		`properties["s"] == "chicago" and properties["n"] > 4.5`, `properties["n"] in [1, 2, 5]`, `"cag" in properties["s"] or properties["esc"] == "x"`,
		`event["$time"] >= datetime("2026-05-01") and properties["when"] < event["$time"]`, `properties["huge"] > properties["big"]`,
		`"b" in properties["list"]`, `properties["n"] * 2 + 1 == 11`, `string(properties["n"]) + "x" == "5x"`, `defined(user["age"])`,
	} {
		e, err := Compile(text)
		require.NoError(t, err)
		_, err = e.Match(v)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(20, func() {
			v.properties.scanned, v.user.scanned = false, false
			_, _ = e.Match(v)
		}), text)
	}
}

func BenchmarkMatch(b *testing.B) {
	v := shown()
	e, err := Compile(`properties["s"] == "chicago" and properties["n"] > 4.5`)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		v.properties.scanned = false
		if ok, err := e.Match(v); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
