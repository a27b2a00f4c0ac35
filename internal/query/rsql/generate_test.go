package rsql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// generator draws ASTs as the parser would build them.
type generator struct {
	t     *rapid.T
	depth int
}

func pick[T any](g *generator, items ...T) T { return rapid.SampledFrom(items).Draw(g.t, "pick") }

func (g *generator) chance() bool { return rapid.Bool().Draw(g.t, "chance") }

func (g *generator) name() Name {
	if g.chance() {
		return Name{Text: rapid.StringMatching(`[a-c][a-z0-9_]{0,2}`).Filter(func(s string) bool {
			return !reserved[s] && !unlabelled[s] && !statementWords[s]
		}).Draw(g.t, "name")}
	}
	return Name{Text: rapid.StringMatching(`[ -~é]{1,4}`).Draw(g.t, "quoted"), Quoted: true}
}

// statementWords are names that begin a construct of their own in some places.
var statementWords = wordSet("array approximate cast char case current_date at as by any all and asc cube convert bit both between")

func (g *generator) names(most int) []Name {
	out := make([]Name, rapid.IntRange(1, most).Draw(g.t, "names"))
	for i := range out {
		out[i] = g.name()
	}
	return out
}

func (g *generator) text() string { return rapid.StringMatching(`[ -~\n\té]{0,6}`).Draw(g.t, "text") }

func (g *generator) typ() Type {
	return pick(g, Bool, Int2, Int4, Int8, Float4, Float8, Date, Time, TimeTZ, Timestamp, TimestampTZ, Super, NameType, OID, Regclass, IntervalDS, IntervalYM,
		Varchar(rapid.IntRange(1, MaxVarcharLength).Draw(g.t, "length")), Char(7), Decimal(12, 3), CatalogArray(Int4))
}

func (g *generator) exprs(least, most int) []Expr {
	out := make([]Expr, rapid.IntRange(least, most).Draw(g.t, "exprs"))
	for i := range out {
		out[i] = g.expr()
	}
	return out
}

func (g *generator) optional() Expr {
	if g.chance() {
		return nil
	}
	return g.expr()
}

func (g *generator) expr() Expr {
	g.depth++
	defer func() { g.depth-- }()
	kinds := 6
	if g.depth < 5 {
		kinds = 26
	}
	switch rapid.IntRange(0, kinds-1).Draw(g.t, "expr") {
	case 0:
		return &Literal{Kind: LiteralNumber, Text: pick(g, "0", "42", "1.50", ".5", "1e10", "12345678901234567890")}
	case 1:
		return &Literal{Kind: LiteralString, Text: g.text()}
	case 2:
		return pick(g, &Literal{Kind: LiteralNull}, &Literal{Kind: LiteralBool, Text: "true"}, &Literal{Kind: LiteralBool, Text: "false"})
	case 3:
		return &ColumnRef{Names: g.names(3)}
	case 4:
		return &Param{Number: rapid.IntRange(1, 99).Draw(g.t, "param")}
	case 5:
		return pick[Expr](g, &TypedLiteral{Type: Date, Text: "x"}, &TypedLiteral{Type: TimestampTZ, Text: "'"}, &Interval{Text: "1", Unit: "day"},
			&Interval{Text: "1-2", Unit: "year to month"}, &Func{Name: "sysdate", Bare: true})
	case 6:
		return &Unary{Op: pick(g, "-", "+", "not", "~", "@", "|/", "||/"), X: g.expr()}
	case 7, 8:
		return &Binary{Op: pick(g, "+", "-", "*", "/", "%", "^", "||", "&", "|", "#", "<<", ">>", "~", "!~*"), L: g.expr(), R: g.expr()}
	case 9, 10:
		return &Binary{Op: pick(g, "and", "or", "=", "<>", "<", ">="), L: g.expr(), R: g.expr()}
	case 11:
		return &Is{X: g.expr(), What: pick(g, "null", "true", "false", "unknown"), Not: g.chance()}
	case 12:
		return &IsDistinct{L: g.expr(), R: g.expr(), Not: g.chance()}
	case 13:
		return &Between{X: g.expr(), Lo: g.expr(), Hi: g.expr(), Not: g.chance(), Symmetric: g.chance()}
	case 14:
		return &Like{Op: pick(g, "like", "ilike", "similar to"), X: g.expr(), Pattern: g.expr(), Escape: g.optional(), Not: g.chance()}
	case 15:
		// A lone subquery in the list would be the IN of a query.
		return &In{X: g.expr(), List: append(g.exprs(1, 2), &Literal{Kind: LiteralNull}), Not: g.chance()}
	case 16:
		return &In{X: g.expr(), Query: g.query(), Not: g.chance()}
	case 17:
		return pick[Expr](g, &Exists{Query: g.query()}, &Subquery{Query: g.query()}, &Quantified{X: g.expr(), Op: "=", All: g.chance(), Query: g.query()})
	case 18:
		c := &Case{Operand: g.optional(), Else: g.optional()}
		for range rapid.IntRange(1, 2).Draw(g.t, "whens") {
			c.Whens = append(c.Whens, When{Cond: g.expr(), Then: g.expr()})
		}
		return c
	case 19:
		return &Cast{X: g.expr(), Type: g.typ(), Try: g.chance()}
	case 20:
		return &Func{Name: pick(g, "lower", "left", "nvl", "weird name", "position_x"), Args: g.exprs(1, 3)}
	case 21:
		f := &Func{Name: pick(g, "sum", "lag"), Args: g.exprs(1, 1), Distinct: g.chance(), Nulls: pick(g, "", "ignore", "respect"), Over: g.window()}
		return f
	case 22:
		return &Func{Name: "listagg", Args: g.exprs(1, 2), WithinGroup: g.order(2)}
	case 23:
		return &Extract{Part: pick(g, "year", "dow", "it's"), X: g.expr()}
	case 24:
		return pick[Expr](g, &AtTimeZone{X: g.expr(), Zone: g.expr()}, &Collate{X: g.expr(), Name: Name{Text: "ci"}}, &RowExpr{Items: g.exprs(2, 3)})
	}
	return pick[Expr](g, &Index{X: g.expr(), I: g.expr()}, &Field{X: g.expr(), Name: g.name()})
}

func (g *generator) window() *Window {
	w := &Window{}
	if g.chance() {
		w.PartitionBy = g.exprs(1, 2)
	}
	if g.chance() {
		w.OrderBy = g.order(2)
	}
	if g.chance() {
		w.Frame = &Frame{Unit: pick(g, "rows", "range"), Start: FrameBound{Kind: "preceding", Offset: g.expr()}, End: FrameBound{Kind: pick(g, "current row", "unbounded following")}}
	}
	return w
}

func (g *generator) order(most int) []OrderItem {
	var out []OrderItem
	for _, x := range g.exprs(1, most) {
		out = append(out, OrderItem{Expr: x, Desc: g.chance(), Nulls: pick(g, "", "first", "last")})
	}
	return out
}

func (g *generator) query() *Query {
	g.depth++
	defer func() { g.depth-- }()
	q := &Query{Body: g.body()}
	if g.depth < 4 && g.chance() {
		q.With = []CTE{{Name: g.name(), Query: g.query()}}
		q.Recursive = g.chance()
	}
	if g.chance() {
		q.OrderBy = g.order(2)
	}
	q.Limit, q.Offset = g.optional(), g.optional()
	return q
}

func (g *generator) body() QueryBody {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth < 5 {
		switch rapid.IntRange(0, 4).Draw(g.t, "body") {
		case 0:
			return &SetOperation{Op: pick(g, "union", "intersect", "except"), All: g.chance(), L: g.body(), R: g.body()}
		case 1:
			return &Values{Rows: [][]Expr{g.exprs(1, 2), g.exprs(1, 2)}}
		}
	}
	s := &Select{Distinct: g.chance()}
	for _, x := range g.exprs(1, 2) {
		item := SelectItem{Expr: x}
		if g.chance() {
			alias := g.name()
			item.Alias = &alias
		}
		s.Items = append(s.Items, item)
	}
	if g.chance() {
		s.Items = append(s.Items, SelectItem{Expr: &Star{Qualifier: g.names(2)}})
	}
	if g.chance() {
		s.From = []TableExpr{g.table()}
		s.Where, s.Having = g.optional(), g.optional()
		if g.chance() {
			s.GroupBy = &GroupBy{Items: []GroupItem{{Exprs: g.exprs(1, 1)}, {Kind: "rollup", Nested: []GroupItem{{Kind: "set", Exprs: []Expr{&ColumnRef{Names: g.names(2)}}}}}}}
		}
	}
	return s
}

func (g *generator) alias() *Alias {
	a := &Alias{Name: g.name()}
	if g.chance() {
		a.Columns = g.names(2)
	}
	return a
}

func (g *generator) table() TableExpr {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth < 6 {
		switch rapid.IntRange(0, 3).Draw(g.t, "table") {
		case 0:
			return &SubqueryRef{Query: g.query(), Alias: g.alias()}
		case 1:
			j := &Join{Kind: pick(g, "inner", "left", "right", "full"), L: g.table(), R: g.table()}
			if g.chance() {
				j.On = g.expr()
			} else {
				j.Using = g.names(2)
			}
			return j
		}
	}
	return &TableRef{Names: g.names(3), Alias: g.alias()}
}

func TestPrintedQueriesParseToTheSameAST(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := &generator{t: rt}
		want := g.query()
		text := Print(want)
		parsed, err := Parse(text)
		require.NoError(rt, err, text)
		require.Len(rt, parsed, 1)
		if diff := cmp.Diff(Statement(want), parsed[0], sameAST); diff != "" {
			rt.Fatalf("%s\n%s", text, diff)
		}
	})
}
