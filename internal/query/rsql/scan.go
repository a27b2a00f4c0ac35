package rsql

import (
	"strings"
	"time"
)

// Scan is one occurrence of an external table in a query. The table expression
// that replaces it must have the columns Columns, named so, with the DuckDB
// types of the relation's columns; nested columns are VARCHAR with the JSON
// text.
type Scan struct {
	Relation *Relation
	// Columns are the names of the columns the query needs, in the relation's
	// order; empty when it only counts rows.
	Columns []string
	// NeedsPath asks for a column "$path" (VARCHAR), NeedsSize for "$size"
	// (BIGINT): the location and the size of the object a row comes from.
	NeedsPath bool
	NeedsSize bool
	// Partition is the conjunction of the WHERE conjuncts that touch only
	// partition keys and constants, or nil. Rows of partitions for which it
	// isn't true don't matter to the query.
	Partition Expr
	// Limit is set when any so many rows are enough: for a SELECT with LIMIT
	// over the one table, without filter, grouping or order.
	Limit *int64

	used map[string]bool
	fold func(Name) string
}

// use notes that the query needs a column.
func (s *Scan) use(name string) {
	switch name {
	case pathColumn:
		s.NeedsPath = true
	case sizeColumn:
		s.NeedsSize = true
	default:
		s.used[name] = true
	}
}

// The pseudo-columns of external tables.
const (
	pathColumn = "$path"
	sizeColumn = "$size"
)

// finish fills Columns once the whole query is bound.
func (s *Scan) finish() {
	for _, c := range s.Relation.Columns {
		if s.used[c.Name] {
			s.Columns = append(s.Columns, c.Name)
		}
	}
}

// Expression is the part of Partition that the GetPartitions operation of Glue
// understands, in its syntax: comparisons of keys with literals joined by AND
// and OR. It may let partitions through that the query doesn't need, and never
// leaves one out that it does. Empty means all partitions.
func (s *Scan) Expression() string {
	var parts []string
	for _, conjunct := range conjuncts(s.Partition) {
		text, ok := s.glue(conjunct)
		if !ok {
			continue
		}
		// Glue takes at most 2,048 characters.
		if len(strings.Join(append(parts, text), " AND ")) <= maxGlueExpression {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " AND ")
}

const maxGlueExpression = 2048

// conjuncts splits an expression at its top-level ANDs.
func conjuncts(x Expr) []Expr {
	if b, ok := x.(*Binary); ok && b.Op == "and" {
		return append(conjuncts(b.L), conjuncts(b.R)...)
	}
	return present(x)
}

// glueComparisons maps a comparison to itself with its sides swapped.
var glueComparisons = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// glue translates one condition; false when Glue has no equal for it.
func (s *Scan) glue(x Expr) (string, bool) {
	switch x := x.(type) {
	case *Binary:
		switch x.Op {
		case "and", "or":
			l, okL := s.glue(x.L)
			r, okR := s.glue(x.R)
			return "(" + l + " " + strings.ToUpper(x.Op) + " " + r + ")", okL && okR
		}
		swapped, ok := glueComparisons[x.Op]
		if !ok {
			return "", false
		}
		if key, value, ok := s.glueSides(x.L, x.R); ok {
			return key.Name + " " + x.Op + " " + value, true
		}
		key, value, ok := s.glueSides(x.R, x.L)
		return key.Name + " " + swapped + " " + value, ok
	case *Between:
		key, lo, okLo := s.glueSides(x.X, x.Lo)
		_, hi, okHi := s.glueSides(x.X, x.Hi)
		if x.Not || x.Symmetric {
			return "", false
		}
		return "(" + key.Name + " >= " + lo + " AND " + key.Name + " <= " + hi + ")", okLo && okHi
	case *In:
		if x.Query != nil || x.Not {
			return "", false
		}
		var key Column
		values := make([]string, len(x.List))
		for i, item := range x.List {
			var ok bool
			if key, values[i], ok = s.glueSides(x.X, item); !ok {
				return "", false
			}
		}
		return key.Name + " IN (" + strings.Join(values, ", ") + ")", true
	}
	return "", false
}

// glueSides takes a key and a literal of a kind that compares in Glue as it
// does here: strings with strings, integers with integers, dates with ISO dates.
func (s *Scan) glueSides(key, value Expr) (Column, string, bool) {
	ref, ok := key.(*ColumnRef)
	if !ok {
		return Column{}, "", false
	}
	column, ok := s.key(s.fold(ref.Names[len(ref.Names)-1]))
	if !ok || !plainIdent(column.Name) {
		return Column{}, "", false
	}
	sign := ""
	if u, ok := value.(*Unary); ok && u.Op == "-" {
		sign, value = "-", u.X
	}
	if typed, ok := value.(*TypedLiteral); ok && typed.Type.Kind == KindDate && column.Type.Kind == KindDate {
		value = &Literal{Kind: LiteralString, Text: typed.Text}
	}
	lit, ok := value.(*Literal)
	if !ok {
		return Column{}, "", false
	}
	switch {
	case lit.Kind == LiteralString && sign == "" && column.Type.Kind == KindDate:
		_, err := time.Parse(time.DateOnly, lit.Text)
		return column, quoteString(lit.Text), err == nil
	case lit.Kind == LiteralString && sign == "" && column.Type.Kind == KindVarchar && lit.Text == strings.TrimRight(lit.Text, " ") && !strings.ContainsAny(lit.Text, "\\\n\r"):
		return column, quoteString(lit.Text), true
	case lit.Kind == LiteralNumber && column.Type.integer() && !strings.ContainsAny(lit.Text, ".e"):
		return column, sign + lit.Text, true
	}
	return Column{}, "", false
}

func (s *Scan) key(name string) (Column, bool) {
	for _, c := range s.Relation.Columns {
		if c.PartitionKey && c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}
