package rsql

import "fmt"

func (p *printer) query(q *Query) {
	if q.With != nil {
		p.write("with ")
		p.when(q.Recursive, "recursive ")
		commas(p, q.With, func(cte CTE) {
			p.name(cte.Name)
			if cte.Columns != nil {
				p.nameList(cte.Columns)
			}
			p.write(" as (")
			p.query(cte.Query)
			p.write(")")
		})
		p.write(" ")
	}
	p.body(q.Body, false)
	if q.OrderBy != nil {
		p.write(" order by ")
		p.orderItems(q.OrderBy)
	}
	if q.Limit != nil {
		p.write(" limit ")
		p.expr(q.Limit)
	}
	if q.Offset != nil {
		p.write(" offset ")
		p.expr(q.Offset)
	}
}

// body writes a query body; an operand of a set operation that is one itself
// stands in parentheses.
func (p *printer) body(b QueryBody, operand bool) {
	switch b := b.(type) {
	case *Select:
		p.selectBlock(b)
	case *Values:
		p.write("values ")
		commas(p, b.Rows, func(row []Expr) {
			p.write("(")
			p.exprs(row)
			p.write(")")
		})
	case *SetOperation:
		p.when(operand, "(")
		p.body(b.L, true)
		p.write(" ", b.Op, " ")
		p.when(b.All, "all ")
		p.body(b.R, true)
		p.when(operand, ")")
	case *Query:
		p.write("(")
		p.query(b)
		p.write(")")
	default:
		panic(fmt.Sprintf("rsql: printing query body %T", b))
	}
}

func (p *printer) selectBlock(s *Select) {
	p.write("select ")
	p.when(s.Distinct, "distinct ")
	if s.Top != nil {
		p.write("top ")
		p.operand(s.Top)
		p.write(" ")
	}
	commas(p, s.Items, func(item SelectItem) {
		p.expr(item.Expr)
		if item.Alias != nil {
			p.write(" as ")
			p.name(*item.Alias)
		}
	})
	if s.Into != nil {
		p.write(" into ")
		p.when(s.Into.Temporary, "temporary ")
		p.write("table ")
		p.objectName(s.Into.Name)
	}
	if s.From != nil {
		p.write(" from ")
		commas(p, s.From, p.table)
	}
	p.clause(" where ", s.Where)
	if s.GroupBy != nil {
		p.write(" group by ")
		p.when(s.GroupBy.All, "all")
		commas(p, s.GroupBy.Items, p.groupItem)
	}
	p.clause(" having ", s.Having)
	p.clause(" qualify ", s.Qualify)
}

func (p *printer) clause(word string, x Expr) {
	if x != nil {
		p.write(word)
		p.expr(x)
	}
}

func (p *printer) groupItem(g GroupItem) {
	switch g.Kind {
	case "":
		p.exprs(g.Exprs)
	case "set":
		p.write("(")
		p.exprs(g.Exprs)
		p.write(")")
	default:
		p.write(g.Kind, "(")
		commas(p, g.Nested, p.groupItem)
		p.write(")")
	}
}

func (p *printer) table(t TableExpr) {
	switch t := t.(type) {
	case *TableRef:
		p.dotted(t.Names)
		p.alias(t.Alias)
		p.at(t.At)
	case *PathRef:
		p.expr(t.X)
		p.alias(t.Alias)
		p.at(t.At)
	case *UnpivotRef:
		p.write("unpivot ")
		p.operand(t.X)
		if t.Value != nil {
			p.write(" as ")
			p.name(*t.Value)
		}
		p.at(t.At)
	case *SubqueryRef:
		p.write("(")
		p.query(t.Query)
		p.write(")")
		p.alias(t.Alias)
	case *FuncRef:
		p.call(t.Func)
		p.alias(t.Alias)
	case *Join:
		p.join(t)
	default:
		panic(fmt.Sprintf("rsql: printing table expression %T", t))
	}
}

func (p *printer) at(name *Name) {
	if name != nil {
		p.write(" at ")
		p.name(*name)
	}
}

func (p *printer) alias(a *Alias) {
	if a == nil {
		return
	}
	p.write(" as ")
	if a.Name.Text != "" {
		p.name(a.Name)
	}
	if a.Columns == nil {
		return
	}
	p.write("(")
	for i, name := range a.Columns {
		p.when(i > 0, ", ")
		p.name(name)
		if a.Types != nil {
			p.write(" ", a.Types[i].syntax())
		}
	}
	p.write(")")
}

func (p *printer) join(j *Join) {
	p.table(j.L)
	p.write(" ")
	p.when(j.Natural, "natural ")
	p.write(j.Kind, " join ")
	if _, nested := j.R.(*Join); nested {
		p.write("(")
		p.table(j.R)
		p.write(")")
	} else {
		p.table(j.R)
	}
	p.clause(" on ", j.On)
	if j.Using != nil {
		p.write(" using ")
		p.nameList(j.Using)
	}
}
