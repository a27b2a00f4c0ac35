package expression

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The naive evaluator: closures over package big, time and regexp, sharing nothing with the code under test. nil is unknown.
type naive func(values []string) *bool

func known(b bool) *bool { return &b }

func naiveCompare(hiveType, a, b string) int {
	switch hiveType {
	case "int", "decimal":
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		return x.Cmp(y)
	case "date", "timestamp":
		x, errX := time.Parse("2006-01-02 15:04:05", strings.TrimSuffix(a+" 00:00:00", map[bool]string{true: " 00:00:00"}[strings.Contains(a, " ")]))
		y, errY := time.Parse("2006-01-02 15:04:05", strings.TrimSuffix(b+" 00:00:00", map[bool]string{true: " 00:00:00"}[strings.Contains(b, " ")]))
		if errX != nil || errY != nil {
			panic(fmt.Sprint(a, b, errX, errY))
		}
		return x.Compare(y)
	}
	return strings.Compare(a, b)
}

func naiveLike(text, pattern string) bool {
	var b strings.Builder
	for _, r := range pattern {
		switch r {
		case '%':
			b.WriteString(".*")
		case '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile("(?s)^" + b.String() + "$").MatchString(text)
}

var valueGenerators = map[string]*rapid.Generator[string]{
	"string":    rapid.SampledFrom([]string{"a", "ab", "abc", "b", "ba", "äb", "a'b", "%", "2024-05-01", "A", "a\x00", "z"}),
	"int":       rapid.SampledFrom([]string{"0", "-0", "1", "01", "+1", "2", "10", "-1", "-10", "100", "99999999999999999999"}),
	"decimal":   rapid.SampledFrom([]string{"0", "0.0", "1", "1.0", "10e-1", "1.5", "-1.5", "0.015e2", "-2", "123.456", "1e3", "1000"}),
	"date":      rapid.SampledFrom([]string{"2024-05-01", "2024-05-02", "2024-02-29", "1999-12-31", "2024-12-01"}),
	"timestamp": rapid.SampledFrom([]string{"2024-05-01 00:00:00", "2024-05-01 00:00:00.0", "2024-05-01 00:00:00.10", "2024-05-01 00:00:00.1", "2024-05-01 00:00:00.123456789", "2024-04-30 23:59:59.999999999", "2024-05-01 00:00:01"}),
}

var testKeys = []Key{{"k", "string"}, {"n", "int"}, {"d", "date"}, {"ts", "timestamp"}, {"p", "decimal"}}

func cased(t *rapid.T, word string) string {
	return rapid.SampledFrom([]string{word, strings.ToLower(word)}).Draw(t, "case")
}

func wrapped(t *rapid.T, s string) string {
	n := rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "parentheses")
	return strings.Repeat("(", n) + s + strings.Repeat(")", n)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// genTest draws a test of one key: its text and its naive meaning.
func genTest(t *rapid.T, keys []Key) (string, naive) {
	i := rapid.IntRange(0, len(keys)-1).Draw(t, "key")
	hiveType := keys[i].Type
	draw := func() string { return valueGenerators[hiveType].Draw(t, "literal") }
	written := func(v string) string {
		if (hiveType == "int" || hiveType == "decimal") && rapid.Bool().Draw(t, "bare") {
			return wrapped(t, v)
		}
		return wrapped(t, quote(v))
	}
	key := wrapped(t, cased(t, keys[i].Name))
	over := func(f func(v string) bool) naive {
		return func(values []string) *bool {
			if values[i] == NullValue && hiveType != "string" {
				return nil
			}
			return known(f(values[i]))
		}
	}
	not := rapid.Bool().Draw(t, "not")
	maybeNot := ""
	if not {
		maybeNot = cased(t, " NOT")
	}
	choices := []string{"compare", "in", "between", "null"}
	if hiveType == "string" {
		choices = append(choices, "like")
	}
	switch rapid.SampledFrom(choices).Draw(t, "test") {
	case "compare":
		op := rapid.SampledFrom([]string{"=", "<>", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
		v := draw()
		return key + " " + op + " " + written(v), over(func(x string) bool {
			c := naiveCompare(hiveType, x, v)
			return map[string]bool{"=": c == 0, "<>": c != 0, "!=": c != 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[op]
		})
	case "in":
		list := rapid.SliceOfN(valueGenerators[hiveType], 1, 4).Draw(t, "list")
		texts := make([]string, len(list))
		for j, v := range list {
			texts[j] = written(v)
		}
		return key + maybeNot + cased(t, " IN ") + "(" + strings.Join(texts, ", ") + ")", over(func(x string) bool {
			return slices.ContainsFunc(list, func(v string) bool { return naiveCompare(hiveType, x, v) == 0 }) != not
		})
	case "between":
		low, high := draw(), draw()
		return key + maybeNot + cased(t, " BETWEEN ") + written(low) + " " + wrapped(t, cased(t, "AND")) + " " + written(high), over(func(x string) bool {
			return (naiveCompare(hiveType, low, x) <= 0 && naiveCompare(hiveType, x, high) <= 0) != not
		})
	case "like":
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab%_ä.'")), 0, 6, -1).Draw(t, "pattern")
		return key + maybeNot + cased(t, " LIKE ") + wrapped(t, quote(pattern)), over(func(x string) bool { return naiveLike(x, pattern) != not })
	default:
		return key + cased(t, " IS") + maybeNot + cased(t, " NULL"), func(values []string) *bool { return known((values[i] == NullValue) != not) }
	}
}

// genCondition draws a condition that may stand next to any connective, so every connective is in parentheses.
func genCondition(t *rapid.T, keys []Key, depth int) (string, naive) {
	switch {
	case depth > 0 && rapid.Float64Range(0, 1).Draw(t, "shape") < 0.6:
		left, evalLeft := genCondition(t, keys, depth-1)
		right, evalRight := genCondition(t, keys, depth-1)
		and := rapid.Bool().Draw(t, "and")
		word := "OR"
		if and {
			word = "AND"
		}
		return "(" + left + " " + wrapped(t, cased(t, word)) + " " + right + ")", func(values []string) *bool {
			l, r := evalLeft(values), evalRight(values)
			decisive := func(b *bool) bool { return b != nil && *b != and }
			switch {
			case decisive(l), decisive(r):
				return known(!and)
			case l == nil, r == nil:
				return nil
			}
			return known(and)
		}
	case depth > 0 && rapid.Float64Range(0, 1).Draw(t, "negation") < 0.3:
		text, eval := genCondition(t, keys, depth-1)
		return cased(t, "NOT ") + text, func(values []string) *bool {
			if b := eval(values); b != nil {
				return known(!*b)
			}
			return nil
		}
	}
	return genTest(t, keys)
}

func TestExpressionsMeanWhatANaiveEvaluatorSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.Permutation(testKeys).Draw(t, "keys")
		text, eval := genCondition(t, keys, 3)
		if len([]rune(text)) > MaxLength {
			t.Skip("too long")
		}
		e, err := Compile(text, keys)
		require.NoError(t, err, text)
		ranges := e.LeadingRanges()
		for range 10 {
			values := make([]string, len(keys))
			for i, key := range keys {
				values[i] = valueGenerators[key.Type].Draw(t, "value")
				if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
					values[i] = NullValue
				}
			}
			got, err := e.Matches(values)
			require.NoError(t, err)
			b := eval(values)
			want := b != nil && *b
			require.Equal(t, want, got, "%s with %q", text, values)
			if want {
				require.True(t, slices.ContainsFunc(ranges, func(r KeyRange) bool { return r.Contains(values[0]) }),
					"%s selects %q, outside of %q", text, values[0], ranges)
			}
		}
	})
}

func TestPrecedenceIsSQLs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := testKeys[:1]
		a, evalA := genTest(t, keys)
		b, evalB := genTest(t, keys)
		c, evalC := genTest(t, keys)
		e, err := Compile(a+" OR NOT "+b+" AND "+c, keys)
		require.NoError(t, err)
		values := []string{valueGenerators["string"].Draw(t, "value")}
		got, err := e.Matches(values)
		require.NoError(t, err)
		require.Equal(t, *evalA(values) || !*evalB(values) && *evalC(values), got, "%s | %s | %s", a, b, c)
	})
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"k = 'a'", "(n) = ((2)) (OR) (((n))) = (2)", "k LIKE '%a_' and not (n not in (1,-2))", "d between '2024-05-01' and '2024-05-02'",
		"ts is not null", "p > 1e-5", "((((", "k = 1 - 1", "`k` = \"x\"", "k like '%%%%_'"} {
		f.Add(seed, "a", "2")
	}
	f.Fuzz(func(t *testing.T, text, k, n string) {
		e, err := Compile(text, testKeys)
		if err != nil {
			require.IsType(t, &Error{}, err)
			return
		}
		ranges := e.LeadingRanges()
		for i, r := range ranges {
			require.False(t, r.empty())
			if i > 0 {
				require.False(t, ranges[i-1].NoEnd)
				require.Less(t, ranges[i-1].To, r.From)
			}
		}
		ok, err := e.Matches([]string{k, n, "2024-05-01", "2024-05-01 00:00:00", "1"})
		if err == nil && ok {
			require.True(t, slices.ContainsFunc(ranges, func(r KeyRange) bool { return r.Contains(k) }))
		}
	})
}
