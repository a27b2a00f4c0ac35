package rsql

import (
	"fmt"
	"strconv"
	"strings"
)

func (p *printer) exprs(items []Expr) { commas(p, items, p.expr) }

// operand writes x, in parentheses if it is an operation.
func (p *printer) operand(x Expr) {
	switch x := x.(type) {
	case *Literal, *TypedLiteral, *ColumnRef, *Param, *Func, *Cast, *Extract, *Case, *Subquery, *ArrayQuery, *Exists, *RowExpr, *Field, *Index:
		p.expr(x)
		return
	}
	p.write("(")
	p.expr(x)
	p.write(")")
}

// base writes the operand of a postfix: [i] or .name. A plain name before .name
// keeps its parentheses, without which the two were one name.
func (p *printer) base(x Expr, field bool) {
	switch x.(type) {
	case *Index, *Field:
		p.expr(x)
		return
	case *ColumnRef:
		if !field {
			p.expr(x)
			return
		}
	}
	p.write("(")
	p.expr(x)
	p.write(")")
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *Literal:
		p.literal(x)
	case *TypedLiteral:
		p.write(literalName(x.Type), " ")
		p.string(x.Text)
	case *Interval:
		p.write("interval ")
		p.string(x.Text)
		p.when(x.Unit != "", " ", x.Unit)
	case *ColumnRef:
		p.dotted(x.Names)
	case *Star:
		p.star(x)
	case *Param:
		p.write("$")
		p.int(int64(x.Number))
	case *Unary:
		p.write(x.Op, " ")
		p.operand(x.X)
	case *Binary:
		p.binary(x)
	case *Is:
		p.operand(x.X)
		p.write(" is ")
		p.when(x.Not, "not ")
		p.write(x.What)
	case *IsDistinct:
		p.operand(x.L)
		p.write(" is ")
		p.when(x.Not, "not ")
		p.write("distinct from ")
		p.operand(x.R)
	case *Between:
		p.operand(x.X)
		p.when(x.Not, " not")
		p.write(" between ")
		p.when(x.Symmetric, "symmetric ")
		p.operand(x.Lo)
		p.write(" and ")
		p.operand(x.Hi)
	case *Like:
		p.operand(x.X)
		p.when(x.Not, " not")
		p.write(" ", x.Op, " ")
		p.operand(x.Pattern)
		if x.Escape != nil {
			p.write(" escape ")
			p.operand(x.Escape)
		}
	case *Case:
		p.caseExpr(x)
	case *Cast:
		p.when(x.Try, "try_")
		p.write("cast(")
		p.expr(x.X)
		p.write(" as ", x.Type.syntax(), ")")
	case *Func:
		p.call(x)
	case *Extract:
		p.write("extract(")
		p.string(x.Part)
		p.write(" from ")
		p.expr(x.X)
		p.write(")")
	case *RowExpr:
		p.write("(")
		p.exprs(x.Items)
		p.write(")")
	case *Collate:
		p.operand(x.X)
		p.write(" collate ")
		p.name(x.Name)
	case *AtTimeZone:
		p.operand(x.X)
		p.write(" at time zone ")
		p.operand(x.Zone)
	case *Field:
		p.base(x.X, true)
		p.write(".")
		p.name(x.Name)
	case *Index:
		p.base(x.X, false)
		p.write("[")
		p.expr(x.I)
		p.write("]")
	case *DefaultValue:
		p.write("default")
	default:
		p.subqueryExpr(x)
	}
}

// subqueryExpr writes the expressions that hold a query.
func (p *printer) subqueryExpr(x Expr) {
	switch x := x.(type) {
	case *In:
		p.operand(x.X)
		p.when(x.Not, " not")
		p.write(" in (")
		if x.Query != nil {
			p.query(x.Query)
		} else {
			p.exprs(x.List)
		}
		p.write(")")
	case *Exists:
		p.write("exists (")
		p.query(x.Query)
		p.write(")")
	case *Subquery:
		p.write("(")
		p.query(x.Query)
		p.write(")")
	case *ArrayQuery:
		p.write("array(")
		p.query(x.Query)
		p.write(")")
	case *Quantified:
		p.operand(x.X)
		p.write(" ", x.Op)
		if x.All {
			p.write(" all (")
		} else {
			p.write(" any (")
		}
		if x.Query != nil {
			p.query(x.Query)
		} else {
			p.expr(x.Array)
		}
		p.write(")")
	default:
		panic(fmt.Sprintf("rsql: printing expression %T", x))
	}
}

func (p *printer) literal(x *Literal) {
	switch x.Kind {
	case LiteralNull:
		p.write("null")
	case LiteralString:
		p.string(x.Text)
	default:
		p.write(x.Text)
	}
}

func (p *printer) star(x *Star) {
	p.dotted(x.Qualifier)
	p.when(len(x.Qualifier) > 0, ".")
	p.write("*")
	if x.Exclude != nil {
		p.write(" exclude ")
		p.nameList(x.Exclude)
	}
}

// associative operators need no parentheses around a left operand of the same
// operator.
var associative = wordSet("and or + * ||")

func (p *printer) binary(x *Binary) {
	left, ok := x.L.(*Binary)
	if ok && left.Op == x.Op && associative[x.Op] {
		p.binary(left)
	} else {
		p.operand(x.L)
	}
	p.write(" ", x.Op, " ")
	p.operand(x.R)
}

func (p *printer) caseExpr(x *Case) {
	p.write("case")
	if x.Operand != nil {
		p.write(" ")
		p.expr(x.Operand)
	}
	for _, when := range x.Whens {
		p.write(" when ")
		p.expr(when.Cond)
		p.write(" then ")
		p.expr(when.Then)
	}
	if x.Else != nil {
		p.write(" else ")
		p.expr(x.Else)
	}
	p.write(" end")
}

func (p *printer) call(x *Func) {
	if x.Bare {
		p.write(x.Name)
		return
	}
	p.when(x.Approximate, "approximate ")
	if x.Schema.Text != "" {
		p.name(x.Schema)
		p.write(".")
	}
	switch {
	case x.Name == "position" && x.Schema.Text == "" && len(x.Args) == 2:
		p.write("position(")
		p.operand(x.Args[1])
		p.write(" in ")
		p.operand(x.Args[0])
		p.write(")")
		return
	case x.Name == "overlay" && x.Schema.Text == "" && len(x.Args) >= 3:
		p.overlay(x)
		return
	}
	if plainIdent(x.Name) || callableWords[x.Name] {
		p.write(x.Name)
	} else {
		p.write(quoteIdent(x.Name))
	}
	p.write("(")
	p.when(x.Distinct, "distinct ")
	p.exprs(x.Args)
	p.write(")")
	if x.WithinGroup != nil {
		p.write(" within group (order by ")
		p.orderItems(x.WithinGroup)
		p.write(")")
	}
	p.when(x.Nulls != "", " ", x.Nulls, " nulls")
	if x.Over != nil {
		p.window(x.Over)
	}
}

func (p *printer) overlay(x *Func) {
	p.write("overlay(")
	p.expr(x.Args[0])
	p.write(" placing ")
	p.expr(x.Args[1])
	p.write(" from ")
	p.expr(x.Args[2])
	if len(x.Args) > 3 {
		p.write(" for ")
		p.expr(x.Args[3])
	}
	p.write(")")
}

func (p *printer) window(w *Window) {
	p.write(" over (")
	sep := ""
	if w.PartitionBy != nil {
		p.write("partition by ")
		p.exprs(w.PartitionBy)
		sep = " "
	}
	if w.OrderBy != nil {
		p.write(sep, "order by ")
		p.orderItems(w.OrderBy)
		sep = " "
	}
	if w.Frame != nil {
		p.write(sep, w.Frame.Unit, " between ")
		p.bound(w.Frame.Start)
		p.write(" and ")
		p.bound(w.Frame.End)
	}
	p.write(")")
}

func (p *printer) bound(b FrameBound) {
	if b.Offset != nil {
		p.operand(b.Offset)
		p.write(" ")
	}
	p.write(b.Kind)
}

func (p *printer) orderItems(items []OrderItem) {
	commas(p, items, func(item OrderItem) {
		p.expr(item.Expr)
		p.when(item.Desc, " desc")
		p.when(item.Nulls != "", " nulls ", item.Nulls)
	})
}

// literalName is the type in front of a TypedLiteral.
func literalName(t Type) string {
	if name, ok := literalNames[t.Kind]; ok {
		return name
	}
	return t.Name()
}

var literalNames = map[Kind]string{
	KindTime: "time", KindTimeTZ: "timetz", KindTimestamp: "timestamp", KindTimestampTZ: "timestamptz", KindVarchar: "varchar", KindVarbyte: "varbyte",
	KindFloat8: "float8", KindInt4: "int4",
}

// syntax is the type as CAST and a column definition write it.
func (t Type) syntax() string {
	switch t.Kind {
	case KindVarchar:
		return "varchar(" + strconv.Itoa(t.Length) + ")"
	case KindChar:
		return "char(" + strconv.Itoa(t.Length) + ")"
	case KindVarbyte:
		return "varbyte(" + strconv.Itoa(t.Length) + ")"
	case KindTime, KindTimeTZ, KindTimestamp, KindTimestampTZ:
		return literalNames[t.Kind]
	case KindCatalogArray:
		return t.Elem.syntax() + "[]"
	case KindArray:
		return "array<" + t.Elem.syntax() + ">"
	case KindMap:
		return "map<" + t.Key.syntax() + ", " + t.Elem.syntax() + ">"
	case KindStruct:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			name := f.Name
			if !plainIdent(name) {
				name = quoteIdent(name)
			}
			fields[i] = name + ": " + f.Type.syntax()
		}
		return "struct<" + strings.Join(fields, ", ") + ">"
	}
	return t.String()
}
