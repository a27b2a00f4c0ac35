package rsql

import (
	"fmt"
	"strings"
)

// Bind resolves the names of a query in env, types its expressions and
// translates it for DuckDB. params gives the types of leading parameters;
// those left out or unknown are inferred. Errors are of type *Error with
// positions in the script the query was parsed from.
func Bind(q *Query, env Environment, params []Type) (bound *Bound, err error) {
	b := newBinder(env, params)
	defer b.recoverError(&err)
	out := b.bindQuery(q, nil)
	b.resolveUnknown(out)
	bound = &Bound{Scans: b.scans}
	for _, c := range out.columns {
		bound.Columns = append(bound.Columns, ResultColumn{Name: c.name, Type: c.typ})
	}
	for i := range b.params {
		if b.params[i].Kind == KindUnknown {
			b.params[i] = Varchar(MaxVarcharLength)
		}
	}
	bound.Params = b.params
	for _, scan := range b.scans {
		scan.finish()
	}
	bound.pieces = b.split(out.sql)
	return bound, nil
}

// DuckDB gives the SQL to execute, with each external table replaced by the
// table expression that scan gives for it. Parameters are $1, $2, ...; DuckDB
// may be given them as text.
func (b *Bound) DuckDB(scan func(*Scan) (string, error)) (string, error) {
	var out strings.Builder
	for _, piece := range b.pieces {
		out.WriteString(piece.text)
		if piece.scan == nil {
			continue
		}
		text, err := scan(piece.scan)
		if err != nil {
			return "", fmt.Errorf("planning the scan of %s.%s: %w", piece.scan.Relation.Schema, piece.scan.Relation.Name, err)
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// binder holds what one Bind call collects. Its methods panic with *Error,
// which recoverError turns into the result of Bind.
type binder struct {
	env           Environment
	params        []Type
	scans         []*Scan
	caseSensitive bool
	serialize     bool // json_serialization_enable
	aliases       int  // aliases given out
	depth         int
}

func newBinder(env Environment, params []Type) *binder {
	return &binder{
		env:           env,
		params:        append([]Type(nil), params...),
		caseSensitive: settingOn(env, "enable_case_sensitive_identifier"),
		serialize:     settingOn(env, "json_serialization_enable"),
	}
}

func (b *binder) recoverError(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		*err = e
	default:
		panic(e)
	}
}

func (b *binder) fail(at Node, state, format string, args ...any) {
	panic(errorAt(at.Position(), state, format, args...))
}

// fold gives the text by which a name is looked up.
func (b *binder) fold(n Name) string {
	if n.Quoted && b.caseSensitive {
		return n.Text
	}
	return strings.ToLower(n.Text)
}

func (b *binder) folded(names []Name) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = b.fold(n)
	}
	return out
}

// alias gives a DuckDB alias that no other relation of the query has. Scopes
// and shadowing are thus resolved here and never by DuckDB.
func (b *binder) alias() string {
	b.aliases++
	return fmt.Sprintf("t%d", b.aliases)
}

// scanMark stands in emitted text for the table expression of a scan. No other
// emitted text has a zero byte: the lexer takes none.
func scanMark(i int) string { return fmt.Sprintf("\x00%d\x00", i) }

// split cuts emitted text at its scan marks.
func (b *binder) split(sql string) []piece {
	var pieces []piece
	for {
		text, rest, ok := strings.Cut(sql, "\x00")
		if !ok {
			return append(pieces, piece{text: text})
		}
		number, after, _ := strings.Cut(rest, "\x00")
		i := 0
		for _, c := range number {
			i = i*10 + int(c-'0')
		}
		pieces = append(pieces, piece{text: text, scan: b.scans[i]})
		sql = after
	}
}

// relation is a bound query: its SQL and the columns it gives.
type relation struct {
	sql     string
	columns []outColumn
}

// outColumn is a column of a relation. Its SQL name is unique in the relation.
type outColumn struct {
	name string
	sql  string
	typ  Type
}

// scope holds the names visible in one SELECT.
type scope struct {
	parent  *scope
	sources []*source
	ctes    map[string]*cte
	// lateral holds the aliases of earlier select items, which later ones may
	// name where no column has the name.
	lateral map[string]value
	// correlated collects the columns of this scope that subqueries use.
	correlated []freeColumn
	// groups holds the SQL of the GROUP BY expressions; nil when the select
	// isn't grouped or the list isn't bound yet.
	groups map[string]bool
}

// cte is a common table expression in scope.
type cte struct {
	sql     string
	columns []outColumn
}

// source is one FROM entry.
type source struct {
	database, schema, name string // as column references may qualify with
	alias                  string // DuckDB alias
	columns                []sourceColumn
	scan                   *Scan
	// merged holds names that a USING join merged; they stay reachable by
	// qualified reference only.
	merged map[string]bool
}

// sourceColumn is a column of a source.
type sourceColumn struct {
	name string
	sql  string // full expression
	typ  Type
}

// freeColumn is a column reference outside aggregates.
type freeColumn struct {
	sql  string
	name string // as the grouping error names it
	pos  Pos
}

// value is a bound expression.
type value struct {
	sql  string
	typ  Type
	free []freeColumn
	// aggregate and window report such calls inside.
	aggregate bool
	window    bool
	// literal is set for constants whose type their surroundings decide.
	literal *Literal
	// param is the number of a parameter of unknown type.
	param int
	// constant reports that no column, subquery or volatile function is inside.
	constant bool
	// weight estimates the size of the expression after DuckDB has put the
	// arguments of macros in place, some of them several times.
	weight int
	// jsonBase and jsonPointer are set for a value taken out of a document.
	jsonBase, jsonPointer string
}

// with gives a value of other SQL and type built from operands.
func with(sql string, typ Type, operands ...value) value {
	v := value{sql: sql, typ: typ, constant: true}
	for _, o := range operands {
		v.free = append(v.free, o.free...)
		v.aggregate = v.aggregate || o.aggregate
		v.window = v.window || o.window
		v.constant = v.constant && o.constant
		v.weight += o.weight
	}
	v.weight++
	return v
}

// copied counts operands that stand in the SQL more than once.
func (v value) copied(operands ...value) value {
	for _, o := range operands {
		v.weight += o.weight
	}
	return v
}

// maxWeight bounds the size of an expression: text that nests copying
// operations grows exponentially.
const maxWeight = 1 << 18
