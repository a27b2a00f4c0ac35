package where

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
)

// tree is an expression of the naive evaluator, which knows only Go's values, rational numbers and the words of the documents.
type tree struct {
	op       string // "literal", "property" or an operator or function
	value    any    // of a literal: bool, *big.Rat, string, []any; of a property: its name
	operands []*tree
}

type nothing struct{}     // undefined
type nullValue struct{}   // null
type typeError struct{}   // what and and or refuse
type naive map[string]any // the properties

// text writes every operation in parentheses.
func (t *tree) text() string {
	switch {
	case t.op == "literal":
		return literal(t.value)
	case t.op == "property":
		return fmt.Sprintf("properties[%q]", t.value)
	case len(t.operands) == 2:
		return "(" + t.operands[0].text() + " " + t.op + " " + t.operands[1].text() + ")"
	case t.op == "not" || t.op == "-":
		return "(" + t.op + " " + t.operands[0].text() + ")"
	default:
		return t.op + "(" + t.operands[0].text() + ")"
	}
}

func literal(v any) string {
	switch v := v.(type) {
	case *big.Rat:
		return v.FloatString(3)
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, literal(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

// eval panics with a typeError.
func (p naive) eval(t *tree) any {
	switch t.op {
	case "literal":
		return t.value
	case "property":
		if v, ok := p[t.value.(string)]; ok {
			return v
		}
		return nothing{}
	case "and":
		return truth(p.eval(t.operands[0])) && truth(p.eval(t.operands[1]))
	case "or":
		return truth(p.eval(t.operands[0])) || truth(p.eval(t.operands[1]))
	}
	x := p.eval(t.operands[0])
	if len(t.operands) == 1 {
		return unary(t.op, x)
	}
	return binary(t.op, x, p.eval(t.operands[1]))
}

func truth(x any) bool {
	switch x := x.(type) {
	case bool:
		return x
	case nothing:
		return false
	default:
		panic(typeError{})
	}
}

func unary(op string, x any) any {
	n, isNumber := x.(*big.Rat)
	switch op {
	case "not":
		if b, ok := x.(bool); ok {
			return !b
		}
		if x == (nothing{}) {
			return true
		}
		return nothing{}
	case "defined":
		return x != nothing{} && x != nullValue{}
	case "string":
		switch x := x.(type) {
		case bool:
			return strconv.FormatBool(x)
		case *big.Rat:
			s := x.FloatString(40)
			return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
		case []any:
			return nothing{}
		}
		return x
	case "number":
		switch x := x.(type) {
		case bool:
			if x {
				return big.NewRat(1, 1)
			}
			return new(big.Rat)
		case string:
			if f, err := strconv.ParseFloat(x, 64); err == nil && f == f {
				r, _ := new(big.Rat).SetString(x)
				return r
			}
			return nothing{}
		case *big.Rat:
			return x
		}
		return nothing{}
	case "boolean":
		switch x := x.(type) {
		case bool:
			return x
		case *big.Rat:
			return x.Sign() != 0
		case string:
			if x == "true" || x == "false" {
				return x == "true"
			}
		}
		return nothing{}
	}
	if !isNumber {
		return nothing{}
	}
	floor := func(r *big.Rat) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Div(r.Num(), r.Denom())) }
	switch op {
	case "-":
		return new(big.Rat).Neg(n)
	case "floor":
		return floor(n)
	case "ceil":
		return new(big.Rat).Neg(floor(new(big.Rat).Neg(n)))
	default: // round
		rounded := floor(new(big.Rat).Add(new(big.Rat).Abs(n), big.NewRat(1, 2)))
		if n.Sign() < 0 {
			rounded.Neg(rounded)
		}
		return rounded
	}
}

func binary(op string, x, y any) any {
	switch op {
	case "==":
		return same(x, y)
	case "!=":
		return !same(x, y)
	case "in":
		if list, ok := y.([]any); ok {
			for _, e := range list {
				if same(x, e) {
					return true
				}
			}
			return false
		}
		a, first := x.(string)
		b, second := y.(string)
		if first && second {
			return strings.Contains(b, a)
		}
		return nothing{}
	}
	if a, ok := x.(string); ok && op == "+" {
		if b, ok := y.(string); ok {
			return a + b
		}
	}
	a, first := x.(*big.Rat)
	b, second := y.(*big.Rat)
	if !first || !second {
		return nothing{}
	}
	switch op {
	case "<":
		return a.Cmp(b) < 0
	case "<=":
		return a.Cmp(b) <= 0
	case ">":
		return a.Cmp(b) > 0
	case ">=":
		return a.Cmp(b) >= 0
	case "+":
		return new(big.Rat).Add(a, b)
	case "-":
		return new(big.Rat).Sub(a, b)
	case "*":
		return new(big.Rat).Mul(a, b)
	}
	if b.Sign() == 0 {
		return nothing{}
	}
	quotient := new(big.Rat).Quo(a, b)
	if op == "%" {
		whole := new(big.Rat).SetInt(new(big.Int).Quo(quotient.Num(), quotient.Denom()))
		return new(big.Rat).Sub(a, whole.Mul(whole, b))
	}
	if quotient.IsInt() {
		return quotient
	}
	f, _ := quotient.Float64()
	nearest, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return nearest
}

func same(x, y any) bool {
	switch x := x.(type) {
	case *big.Rat:
		y, ok := y.(*big.Rat)
		return ok && x.Cmp(y) == 0
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	default:
		_, list := y.([]any)
		return !list && x == y
	}
}

var (
	words   = []string{"", "a", "ab", "b", "true", "false", "12", "1.5", "é\"\\"}
	names   = []string{"p", "q", "r", "missing"}
	logical = []string{"and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "%"}
	single  = []string{"not", "-", "floor", "round", "ceil", "string", "number", "boolean", "defined"}
)

func drawScalar(t *rapid.T) any {
	switch rapid.IntRange(0, 3).Draw(t, "type") {
	case 0:
		return rapid.Bool().Draw(t, "boolean")
	case 1:
		return rapid.SampledFrom(words).Draw(t, "text")
	default:
		return big.NewRat(rapid.Int64Range(-4000, 4000).Draw(t, "thousandths"), 1000)
	}
}

func drawValue(t *rapid.T) any {
	if rapid.IntRange(0, 4).Draw(t, "list") > 0 {
		return drawScalar(t)
	}
	list := []any{}
	for range rapid.IntRange(0, 3).Draw(t, "length") {
		list = append(list, drawScalar(t))
	}
	return list
}

func drawTree(t *rapid.T, depth int) *tree {
	if depth == 0 || rapid.IntRange(0, 5).Draw(t, "leaf") == 0 {
		if rapid.Bool().Draw(t, "property") {
			return &tree{op: "property", value: rapid.SampledFrom(names).Draw(t, "name")}
		}
		return &tree{op: "literal", value: drawValue(t)}
	}
	switch rapid.IntRange(0, 3).Draw(t, "operation") {
	case 0:
		return &tree{op: rapid.SampledFrom(single).Draw(t, "unary"), operands: []*tree{drawTree(t, depth-1)}}
	case 1:
		// The quotient may have so many digits that what is calculated with it is no longer exact, so it is only compared.
		quotient := &tree{op: "/", operands: []*tree{drawTree(t, 0), drawTree(t, 0)}}
		return &tree{op: rapid.SampledFrom([]string{"==", "<", ">=", "in"}).Draw(t, "compare"), operands: []*tree{quotient, drawTree(t, 0)}}
	default:
		return &tree{op: rapid.SampledFrom(logical).Draw(t, "binary"), operands: []*tree{drawTree(t, depth-1), drawTree(t, depth-1)}}
	}
}

// TestTheNaiveEvaluatorAgrees compares values, errors and spellings of random expressions over random properties.
func TestTheNaiveEvaluatorAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		properties, raw := naive{}, []byte("{")
		for _, name := range names[:3] {
			switch rapid.IntRange(0, 5).Draw(t, "present") {
			case 0:
			case 1:
				properties[name] = nullValue{}
				raw = append(event.AppendKey(raw, name), "null"...)
			default:
				properties[name] = drawValue(t)
				raw = append(event.AppendKey(raw, name), literal(properties[name])...)
			}
		}
		raw = append(raw, '}')
		x := drawTree(t, 4)
		text := x.text()
		e, err := read(text)
		require.NoError(t, err, text)
		again, err := read(e.String())
		require.NoError(t, err, e.String())
		require.Equal(t, e.String(), again.String())

		var want any
		func() {
			defer func() {
				if r := recover(); r != nil {
					if _, ok := r.(typeError); !ok {
						panic(r)
					}
					want = typeError{}
				}
			}()
			want = properties.eval(x)
		}()
		if constant, known, err := new(View).constant(e.root, false); known && err == nil {
			require.NotEqual(t, typeError{}, want, text)
			require.Equal(t, shownAs(want), constant.shown(new(View)), text)
		} else if !strings.Contains(text, "properties") {
			require.Error(t, err, text)
			require.Equal(t, typeError{}, want, text)
		}
		for _, e := range []*Expr{e, again} {
			v := &View{}
			v.Event(&event.Record{Properties: raw}, nil)
			got, err := v.eval(e.root)
			if want == (typeError{}) {
				require.Error(t, err, "%s over %s", text, raw)
				continue
			}
			require.NoError(t, err, "%s over %s", text, raw)
			require.Equal(t, shownAs(want), got.shown(v), "%s over %s", text, raw)
		}
	})
}

// read is Compile without its look at constants.
func read(text string) (*Expr, error) {
	root, err := parse(text)
	return &Expr{root}, err
}

func shownAs(x any) string {
	switch x := x.(type) {
	case *big.Rat:
		return x.RatString()
	case []any:
		var parts []string
		for _, e := range x {
			parts = append(parts, shownAs(e))
		}
		return fmt.Sprint(parts)
	default:
		return fmt.Sprintf("%T %v", x, x)
	}
}

func (x value) shown(v *View) string {
	switch x.kind {
	case kindUndefined:
		return shownAs(nothing{})
	case kindNull:
		return shownAs(nullValue{})
	case kindBoolean:
		return shownAs(x.boolean)
	case kindText:
		return shownAs(string(x.text))
	case kindNumber:
		r, _ := new(big.Rat).SetString(string(x.number.append(nil)))
		return shownAs(r)
	default:
		list, _ := v.list(&x)
		var parts []string
		for _, e := range list {
			parts = append(parts, e.shown(v))
		}
		return fmt.Sprint(parts)
	}
}

// TestNumbersCompareExactly compares numbers of any length with math/big.
func TestNumbersCompareExactly(t *testing.T) {
	pattern := rapid.StringMatching(`-?[0-9]{1,25}(\.[0-9]{1,25})?(e-?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a := pattern.Draw(t, "a")
		b := rapid.OneOf(pattern, rapid.Just(a), rapid.Just(a+"0")).Draw(t, "b")
		x, ok := parseNumber([]byte(a))
		require.True(t, ok)
		y, ok := parseNumber([]byte(b))
		require.True(t, ok)
		r, _ := new(big.Rat).SetString(a)
		s, _ := new(big.Rat).SetString(b)
		require.Equal(t, r.Cmp(s), compare(x, y), "%s and %s", a, b)
		require.Equal(t, -r.Cmp(s), compare(x.negate(), y.negate()), "-%s and -%s", a, b)
		written, _ := new(big.Rat).SetString(string(x.append(nil)))
		require.Zero(t, r.Cmp(written), a)
	})
}
