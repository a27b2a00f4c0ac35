package rsql

import (
	"fmt"
	"strconv"
	"strings"
)

// Print gives the canonical Redshift text of a statement, query or expression.
// Parsing it gives the same AST, positions aside. Operands that are themselves
// operations stand in parentheses, so the text doesn't lean on precedence.
func Print(n Node) string {
	p := &printer{}
	switch n := n.(type) {
	case *Query:
		p.query(n)
	case Statement:
		p.statement(n)
	case Expr:
		p.expr(n)
	case TableExpr:
		p.table(n)
	case QueryBody:
		p.body(n, false)
	case ObjectName:
		p.objectName(n)
	default:
		panic(fmt.Sprintf("rsql: printing %T", n))
	}
	return p.String()
}

// printer collects the text. Its methods write one kind of node each.
type printer struct{ strings.Builder }

func (p *printer) write(parts ...string) {
	for _, part := range parts {
		p.WriteString(part)
	}
}

func (p *printer) int(n int64) { p.WriteString(strconv.FormatInt(n, 10)) }

// when writes the parts if the condition holds.
func (p *printer) when(cond bool, parts ...string) {
	if cond {
		p.write(parts...)
	}
}

// commas writes items separated by commas.
func commas[T any](p *printer, items []T, write func(T)) {
	for i, item := range items {
		p.when(i > 0, ", ")
		write(item)
	}
}

func (p *printer) name(n Name) {
	if n.Quoted {
		p.write(quoteIdent(n.Text))
		return
	}
	p.write(n.Text)
}

func (p *printer) names(names []Name) { commas(p, names, p.name) }

func (p *printer) nameList(names []Name) {
	p.write("(")
	p.names(names)
	p.write(")")
}

func (p *printer) dotted(names []Name) {
	for i, name := range names {
		p.when(i > 0, ".")
		p.name(name)
	}
}

func (p *printer) objectName(n ObjectName) { p.dotted(n.Parts) }

func (p *printer) string(s string) { p.write(quoteRedshift(s)) }

// quoteRedshift writes a string literal for Redshift, where the backslash
// escapes.
func quoteRedshift(s string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(s) + "'"
}

// quoteString writes a string literal for DuckDB, where only quotes double.
func quoteString(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// quoteIdent writes an identifier for either.
func quoteIdent(s string) string {
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// plainIdent reports whether the name needs no quotes.
func plainIdent(s string) bool {
	if s == "" || reserved[s] || !isIdentStart(s[0]) || s != strings.ToLower(s) {
		return false
	}
	for i := range len(s) {
		if !isIdentPart(s[i]) {
			return false
		}
	}
	return true
}
