package rsql

// walk visits x and the expressions inside it, but not those of subqueries.
// visit returns false to skip what is inside.
func walk(x Expr, visit func(Expr) bool) {
	if x == nil || !visit(x) {
		return
	}
	for _, child := range children(x) {
		walk(child, visit)
	}
}

func children(x Expr) []Expr {
	switch x := x.(type) {
	case *Unary:
		return []Expr{x.X}
	case *Binary:
		return []Expr{x.L, x.R}
	case *Is:
		return []Expr{x.X}
	case *IsDistinct:
		return []Expr{x.L, x.R}
	case *Between:
		return []Expr{x.X, x.Lo, x.Hi}
	case *Like:
		return append([]Expr{x.X, x.Pattern}, present(x.Escape)...)
	case *In:
		return append([]Expr{x.X}, x.List...)
	case *Quantified:
		return append([]Expr{x.X}, present(x.Array)...)
	case *Case:
		out := append(present(x.Operand), present(x.Else)...)
		for _, when := range x.Whens {
			out = append(out, when.Cond, when.Then)
		}
		return out
	case *Cast:
		return []Expr{x.X}
	case *Func:
		out := append([]Expr(nil), x.Args...)
		for _, item := range x.WithinGroup {
			out = append(out, item.Expr)
		}
		if x.Over != nil {
			out = append(out, x.Over.PartitionBy...)
			for _, item := range x.Over.OrderBy {
				out = append(out, item.Expr)
			}
		}
		return out
	case *Extract:
		return []Expr{x.X}
	case *RowExpr:
		return x.Items
	case *Collate:
		return []Expr{x.X}
	case *AtTimeZone:
		return []Expr{x.X, x.Zone}
	case *Field:
		return []Expr{x.X}
	case *Index:
		return []Expr{x.X, x.I}
	}
	return nil
}

func present(x Expr) []Expr {
	if x == nil {
		return nil
	}
	return []Expr{x}
}
