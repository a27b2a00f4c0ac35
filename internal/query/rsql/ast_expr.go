package rsql

// Expr is a value expression.
type Expr interface {
	Node
	expr()
}

// LiteralKind tells the literals apart.
type LiteralKind uint8

// The kinds of Literal.
const (
	LiteralNull LiteralKind = iota
	LiteralBool             // Text is true or false
	LiteralNumber
	LiteralString
)

type (
	// Literal is a constant without a written type.
	Literal struct {
		Pos
		Kind LiteralKind
		Text string
	}
	// TypedLiteral is a constant with its type in front: DATE '2026-05-01'.
	TypedLiteral struct {
		Pos
		Type Type
		Text string
	}
	// Interval is INTERVAL 'text' [unit [TO unit]].
	Interval struct {
		Pos
		Text string
		Unit string // lower case: "", "day", "year to month", ...
	}
	// ColumnRef is a dotted name: column, table.column, schema.table.column,
	// or one of these continued by a path into a nested value.
	ColumnRef struct {
		Pos
		Names []Name
	}
	// Star is * or t.* in a select list, and the argument of count(*).
	Star struct {
		Pos
		Qualifier []Name
		Exclude   []Name
	}
	// Param is $n; Number starts at 1.
	Param struct {
		Pos
		Number int
	}
	// Unary is a prefix operator: -, +, ~, @, |/, ||/ or not.
	Unary struct {
		Pos
		Op string
		X  Expr
	}
	// Binary is an infix operator; Op is lower case (and, or, =, ||, ~*, ...).
	Binary struct {
		Pos
		Op   string
		L, R Expr
	}
	// Is is x IS [NOT] What, where What is null, true, false or unknown.
	Is struct {
		Pos
		X    Expr
		What string
		Not  bool
	}
	// IsDistinct is l IS [NOT] DISTINCT FROM r.
	IsDistinct struct {
		Pos
		L, R Expr
		Not  bool
	}
	// Between is x [NOT] BETWEEN [SYMMETRIC] lo AND hi.
	Between struct {
		Pos
		X, Lo, Hi Expr
		Not       bool
		Symmetric bool
	}
	// Like is x [NOT] LIKE | ILIKE | SIMILAR TO pattern [ESCAPE e].
	Like struct {
		Pos
		Op         string // like, ilike or similar to
		X, Pattern Expr
		Escape     Expr // nil when absent
		Not        bool
	}
	// In is x [NOT] IN (list) or x [NOT] IN (query).
	In struct {
		Pos
		X     Expr
		List  []Expr
		Query *Query
		Not   bool
	}
	// Exists is EXISTS (query).
	Exists struct {
		Pos
		Query *Query
	}
	// Subquery is a scalar subquery.
	Subquery struct {
		Pos
		Query *Query
	}
	// ArrayQuery is ARRAY(query), which the catalog queries of psql use.
	ArrayQuery struct {
		Pos
		Query *Query
	}
	// Quantified is x op ANY|ALL (query) or x op ANY|ALL (array expression).
	Quantified struct {
		Pos
		X     Expr
		Op    string
		All   bool
		Query *Query
		Array Expr
	}
	// Case is CASE [operand] WHEN .. THEN .. [ELSE ..] END.
	Case struct {
		Pos
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// Cast is CAST(x AS type), x::type and CONVERT(type, x).
	Cast struct {
		Pos
		X    Expr
		Type Type
		// Try marks TRY_CAST: NULL instead of an error.
		Try bool
	}
	// Func is a call of a scalar, aggregate or window function.
	Func struct {
		Pos
		Schema      Name // empty unless written
		Name        string
		Bare        bool // written without parentheses: sysdate, current_date
		Approximate bool
		Distinct    bool
		Args        []Expr
		WithinGroup []OrderItem
		Nulls       string // "", "ignore" or "respect"
		Over        *Window
	}
	// Extract is EXTRACT(part FROM x).
	Extract struct {
		Pos
		Part string
		X    Expr
	}
	// RowExpr is (a, b, ...) with at least two items.
	RowExpr struct {
		Pos
		Items []Expr
	}
	// Collate is x COLLATE name.
	Collate struct {
		Pos
		X    Expr
		Name Name
	}
	// AtTimeZone is x AT TIME ZONE zone.
	AtTimeZone struct {
		Pos
		X, Zone Expr
	}
	// Field is a step into an object: x.name, where x isn't a plain name.
	Field struct {
		Pos
		X    Expr
		Name Name
	}
	// Index is a step into an array or object: x[i].
	Index struct {
		Pos
		X, I Expr
	}
	// DefaultValue is DEFAULT in VALUES and UPDATE SET.
	DefaultValue struct {
		Pos
	}
)

// When is one branch of a CASE.
type When struct {
	Cond, Then Expr
}

// Window is what follows OVER.
type Window struct {
	Pos
	PartitionBy []Expr
	OrderBy     []OrderItem
	Frame       *Frame
}

// Frame is ROWS|RANGE BETWEEN start AND end.
type Frame struct {
	Unit       string // rows or range
	Start, End FrameBound
}

// FrameBound is one end of a Frame.
type FrameBound struct {
	Kind   string // unbounded preceding, preceding, current row, following, unbounded following
	Offset Expr   // for preceding and following
}

func (*Literal) expr()      {}
func (*TypedLiteral) expr() {}
func (*Interval) expr()     {}
func (*ColumnRef) expr()    {}
func (*Star) expr()         {}
func (*Param) expr()        {}
func (*Unary) expr()        {}
func (*Binary) expr()       {}
func (*Is) expr()           {}
func (*IsDistinct) expr()   {}
func (*Between) expr()      {}
func (*Like) expr()         {}
func (*In) expr()           {}
func (*Exists) expr()       {}
func (*Subquery) expr()     {}
func (*ArrayQuery) expr()   {}
func (*Quantified) expr()   {}
func (*Case) expr()         {}
func (*Cast) expr()         {}
func (*Func) expr()         {}
func (*Extract) expr()      {}
func (*RowExpr) expr()      {}
func (*Collate) expr()      {}
func (*AtTimeZone) expr()   {}
func (*Field) expr()        {}
func (*Index) expr()        {}
func (*DefaultValue) expr() {}
