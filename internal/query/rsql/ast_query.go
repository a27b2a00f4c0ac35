package rsql

// Query is a SELECT with everything that may stand around it. It is a
// statement, and the body of subqueries, views and cursors.
type Query struct {
	Source
	Recursive bool
	With      []CTE
	Body      QueryBody
	OrderBy   []OrderItem
	Limit     Expr // nil when absent or LIMIT ALL
	Offset    Expr
}

// CTE is one common table expression.
type CTE struct {
	Pos
	Name    Name
	Columns []Name
	Query   *Query
}

// QueryBody is a *Select, *SetOperation, *Values, or a *Query in parentheses.
type QueryBody interface {
	Node
	queryBody()
}

// Select is one SELECT block.
type Select struct {
	Pos
	Distinct bool
	Top      Expr
	Items    []SelectItem
	Into     *IntoTable
	From     []TableExpr
	Where    Expr
	GroupBy  *GroupBy
	Having   Expr
	Qualify  Expr
}

// IntoTable is SELECT ... INTO [TEMP] [TABLE] name.
type IntoTable struct {
	Temporary bool
	Name      ObjectName
}

// SelectItem is one entry of a select list.
type SelectItem struct {
	Expr  Expr
	Alias *Name
}

// SetOperation combines two bodies. Op is union, intersect or except; MINUS
// is parsed as except.
type SetOperation struct {
	Pos
	Op   string
	All  bool
	L, R QueryBody
}

// Values is VALUES (..), (..).
type Values struct {
	Pos
	Rows [][]Expr
}

// GroupBy is a GROUP BY clause: either All, or a list of elements.
type GroupBy struct {
	Pos
	All   bool
	Items []GroupItem
}

// GroupItem is one element of GROUP BY. Kind "" is a single expression in
// Sets[0]; rollup and cube hold each expression list as a set; grouping sets
// holds nested items.
type GroupItem struct {
	Kind   string // "", rollup, cube, grouping sets, set
	Exprs  []Expr
	Nested []GroupItem
}

// OrderItem is one key of ORDER BY.
type OrderItem struct {
	Expr  Expr
	Desc  bool
	Nulls string // "", first or last
}

// TableExpr is an entry of FROM.
type TableExpr interface {
	Node
	tableExpr()
}

// Alias is [AS] name [(columns)] after a FROM entry.
type Alias struct {
	Name    Name
	Columns []Name
	// Types holds the column types of a column definition list, which set
	// returning functions of the catalog are called with.
	Types []Type
}

type (
	// TableRef names a table, view, CTE, or a nested collection of an
	// earlier FROM entry (c.orders); Bind tells which.
	TableRef struct {
		Pos
		Names []Name
		Alias *Alias
		At    *Name // index variable when a nested collection is iterated
	}
	// PathRef iterates a nested collection whose path has subscripts.
	PathRef struct {
		Pos
		X     Expr
		Alias *Alias
		At    *Name
	}
	// UnpivotRef iterates the attributes of an object: UNPIVOT x AS v AT k.
	UnpivotRef struct {
		Pos
		X     Expr
		Value *Name
		At    *Name
	}
	// SubqueryRef is (query) AS alias.
	SubqueryRef struct {
		Pos
		Query *Query
		Alias *Alias
	}
	// FuncRef is a set-returning function in FROM.
	FuncRef struct {
		Pos
		Func  *Func
		Alias *Alias
	}
	// Join combines two entries. Kind is inner, left, right, full or cross.
	Join struct {
		Pos
		Kind    string
		Natural bool
		L, R    TableExpr
		On      Expr
		Using   []Name
	}
)

func (*Query) queryBody()        {}
func (*Select) queryBody()       {}
func (*SetOperation) queryBody() {}
func (*Values) queryBody()       {}

func (*TableRef) tableExpr()    {}
func (*PathRef) tableExpr()     {}
func (*UnpivotRef) tableExpr()  {}
func (*SubqueryRef) tableExpr() {}
func (*FuncRef) tableExpr()     {}
func (*Join) tableExpr()        {}
