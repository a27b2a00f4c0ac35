package rsql

import "strings"

// bindFrom binds FROM entries into the scope.
func (b *binder) bindFrom(entries []TableExpr, s *scope) string {
	if len(entries) == 0 {
		return ""
	}
	parts := make([]string, len(entries))
	for i, entry := range entries {
		sql, sources := b.bindTable(entry, s)
		parts[i] = sql
		b.addSources(entry, s, sources)
	}
	return " FROM " + strings.Join(parts, ", ")
}

// addSources makes sources visible, and rejects a name that is visible twice.
func (b *binder) addSources(at Node, s *scope, sources []*source) {
	for _, src := range sources {
		for _, other := range s.sources {
			if src.name != "" && src.name == other.name && src.schema == other.schema && src.database == other.database {
				b.fail(at, StateDuplicateAlias, "table name \"%s\" specified more than once", src.name)
			}
		}
		s.sources = append(s.sources, src)
	}
}

// bindTable binds one FROM entry and gives its SQL and sources.
func (b *binder) bindTable(t TableExpr, s *scope) (string, []*source) {
	b.enter(t)
	defer b.leave()
	switch t := t.(type) {
	case *TableRef:
		return b.bindTableRef(t, s)
	case *SubqueryRef:
		out := b.bindQuery(t.Query, s)
		b.resolveUnknown(out)
		src := b.derived(t, out.columns, t.Alias)
		return "(" + out.sql + ") AS " + src.alias, []*source{src}
	case *Join:
		return b.bindJoin(t, s)
	case *FuncRef:
		return b.bindTableFunction(t, s)
	case *PathRef:
		c := &context{scope: s, clause: "FROM"}
		return b.iterate(t, b.bindExpr(t.X, c), t.Alias, t.At)
	case *UnpivotRef:
		return b.bindUnpivot(t, s)
	}
	b.fail(t, StateFeatureNotSupported, "this FROM item is not supported")
	return "", nil
}

// derived is the source of a subquery, CTE or function with known columns.
func (b *binder) derived(at Node, columns []outColumn, alias *Alias) *source {
	src := &source{alias: b.alias()}
	for _, c := range columns {
		src.columns = append(src.columns, sourceColumn{name: c.name, sql: src.alias + "." + quoteIdent(c.sql), typ: c.typ})
	}
	b.applyAlias(at, src, alias)
	return src
}

// applyAlias renames a source and its columns.
func (b *binder) applyAlias(at Node, src *source, alias *Alias) {
	if alias == nil {
		return
	}
	if alias.Name.Text != "" {
		src.database, src.schema, src.name = "", "", b.fold(alias.Name)
	}
	if len(alias.Columns) > len(src.columns) {
		b.fail(at, StateInvalidColumnRef, "table \"%s\" has %d columns available but %d columns specified", src.name, len(src.columns), len(alias.Columns))
	}
	// The columns may be shared with the relation's other occurrences.
	src.columns = append([]sourceColumn(nil), src.columns...)
	for i, name := range alias.Columns {
		src.columns[i].name = b.fold(name)
	}
}

func (b *binder) bindTableRef(t *TableRef, s *scope) (string, []*source) {
	names := b.folded(t.Names)
	if len(names) == 1 {
		for scope := s; scope != nil; scope = scope.parent {
			if c, ok := scope.ctes[names[0]]; ok {
				src := b.derived(t, c.columns, t.Alias)
				if t.Alias == nil {
					src.name = names[0]
				}
				return c.sql + " AS " + src.alias, []*source{src}
			}
		}
	}
	if sql, sources, ok := b.bindNestedRef(t, s); ok {
		return sql, sources
	}
	if len(names) > 3 {
		b.fail(t, StateSyntax, "improper relation name (too many dotted names): %s", strings.Join(names, "."))
	}
	if t.At != nil {
		b.fail(t, StateSyntax, "AT is only allowed after a nested collection")
	}
	rel := b.lookup(t, names)
	src := &source{database: rel.Database, schema: rel.Schema, name: rel.Name, alias: b.alias()}
	for _, c := range rel.Columns {
		src.columns = append(src.columns, sourceColumn{name: c.Name, sql: src.alias + "." + quoteIdent(c.Name), typ: c.Type})
	}
	// A column list renames; the scan still knows the columns by their own names.
	sql := rel.DuckDB
	if rel.External {
		src.scan = &Scan{Relation: rel, used: map[string]bool{}, fold: b.fold}
		sql = scanMark(len(b.scans))
		b.scans = append(b.scans, src.scan)
		if t.Alias != nil && t.Alias.Columns != nil {
			b.fail(t, StateFeatureNotSupported, "column aliases are not supported for external table \"%s\"", rel.Name)
		}
	}
	b.applyAlias(t, src, t.Alias)
	return sql + " AS " + src.alias, []*source{src}
}

// lookup asks the environment for a relation and places its errors.
func (b *binder) lookup(at Node, names []string) *Relation {
	parts := append(make([]string, 3-len(names)), names...)
	rel, err := b.env.Relation(parts[0], parts[1], parts[2])
	if err != nil {
		e := *asError(err)
		if e.Position == 0 {
			e.Position = at.Position()
		}
		panic(&e)
	}
	return rel
}

func (b *binder) bindJoin(j *Join, s *scope) (string, []*source) {
	leftSQL, left := b.bindTable(j.L, s)
	// Nested collections on the right may name the tables on the left.
	inner := &scope{parent: s, sources: left}
	rightSQL, right := b.bindTable(j.R, inner)
	both := &scope{parent: s}
	b.addSources(j, both, left)
	b.addSources(j, both, right)
	sql := leftSQL + " " + strings.ToUpper(j.Kind) + " JOIN "
	if _, nested := j.R.(*Join); nested {
		sql += "(" + rightSQL + ")"
	} else {
		sql += rightSQL
	}
	switch {
	case j.On != nil:
		c := &context{scope: both, clause: "JOIN conditions"}
		return sql + " ON " + b.bindCondition(j.On, c, "JOIN/ON").sql, both.sources
	case j.Using != nil:
		return b.bindUsing(j, sql, b.folded(j.Using), left, right)
	case j.Natural:
		return b.bindUsing(j, sql, sharedColumns(left, right), left, right)
	}
	return sql, both.sources
}

// sharedColumns are the names that both sides of a natural join have.
func sharedColumns(left, right []*source) []string {
	names := map[string]bool{}
	for _, src := range right {
		for _, c := range src.columns {
			names[c.name] = true
		}
	}
	var out []string
	for _, src := range left {
		for _, c := range src.columns {
			if names[c.name] {
				out = append(out, c.name)
				names[c.name] = false
			}
		}
	}
	return out
}

// bindUsing joins on equal columns, which appear once in the result, first.
func (b *binder) bindUsing(j *Join, sql string, names []string, left, right []*source) (string, []*source) {
	merged := &source{merged: map[string]bool{}}
	conditions := make([]string, 0, len(names)+1)
	hidden := map[string]bool{}
	for _, name := range names {
		l, r := b.joinColumn(j, name, "left", left), b.joinColumn(j, name, "right", right)
		conditions = append(conditions, b.compare(j, "=", l, r).sql)
		column := sourceColumn{name: name, sql: l.sql, typ: l.typ}
		switch j.Kind {
		case "right":
			column.sql, column.typ = r.sql, r.typ
		case "full":
			typ := b.common(j, []value{l, r}, "JOIN/USING")
			column.sql = "coalesce(" + b.coerce(j, l, typ).sql + ", " + b.coerce(j, r, typ).sql + ")"
			column.typ = typ
		}
		merged.columns = append(merged.columns, column)
		hidden[name] = true
	}
	sources := []*source{merged}
	for _, src := range append(append([]*source(nil), left...), right...) {
		if src.merged == nil {
			src.merged = map[string]bool{}
		}
		for name := range hidden {
			src.merged[name] = true
		}
		sources = append(sources, src)
	}
	if len(conditions) == 0 {
		conditions = append(conditions, "true")
	}
	return sql + " ON " + strings.Join(conditions, " AND "), sources
}

func (b *binder) joinColumn(j *Join, name, side string, sources []*source) value {
	ref := &ColumnRef{Pos: j.Pos, Names: []Name{{Text: name, Quoted: true}}}
	var found []value
	for _, src := range sources {
		if src.merged[name] && src.alias != "" {
			continue
		}
		for _, c := range src.columns {
			if c.name == name {
				found = append(found, b.use(ref, src, c))
			}
		}
	}
	switch len(found) {
	case 0:
		b.fail(j, StateUndefinedColumn, "column \"%s\" specified in USING clause does not exist in %s table", name, side)
	case 1:
		return found[0]
	}
	b.fail(j, StateAmbiguousColumn, "common column name \"%s\" appears more than once in %s table", name, side)
	return value{}
}

// bindNestedRef binds t, c.orders o: an iteration over a collection of an
// earlier entry. false means the name doesn't begin with one.
func (b *binder) bindNestedRef(t *TableRef, s *scope) (string, []*source, bool) {
	if len(t.Names) < 2 {
		return "", nil, false
	}
	names := b.folded(t.Names)
	for scope := s; scope != nil; scope = scope.parent {
		for _, src := range scope.sources {
			if src.name != names[0] {
				continue
			}
			ref := &ColumnRef{Pos: t.Pos, Names: t.Names}
			v := b.bindColumn(ref, &context{scope: s, clause: "FROM"})
			sql, sources := b.iterate(t, v, t.Alias, t.At)
			return sql, sources, true
		}
	}
	return "", nil, false
}

// iterate gives the elements of a JSON array as rows: its value, and with AT
// the 0-based index. DuckDB joins such an entry laterally.
func (b *binder) iterate(at Node, v value, alias *Alias, index *Name) (string, []*source) {
	if !v.typ.isSuper() || v.typ.Kind == KindStruct || v.typ.Kind == KindMap {
		b.fail(at, StateDatatypeMismatch, "cannot iterate over a value of type %s", v.typ.Name())
	}
	elem := Super
	if v.typ.Kind == KindArray {
		elem = *v.typ.Elem
	}
	src := &source{alias: b.alias()}
	item := src.alias + "." + quoteIdent("v")
	if !elem.isSuper() {
		item = superTo(item, elem)
	}
	if alias != nil {
		src.name = b.fold(alias.Name)
		src.columns = append(src.columns, sourceColumn{name: src.name, sql: item, typ: elem})
	}
	if elem.Kind == KindStruct {
		for _, f := range elem.Fields {
			field := b.step(value{sql: item, typ: elem}, pointerKey(f.Name), f.Type)
			src.columns = append(src.columns, sourceColumn{name: strings.ToLower(f.Name), sql: field.sql, typ: f.Type})
		}
	}
	if index != nil {
		src.columns = append(src.columns, sourceColumn{name: b.fold(*index), sql: src.alias + "." + quoteIdent("i"), typ: Int8})
	}
	return "(SELECT unnest(rs_json_items(" + v.sql + ")) AS \"v\", generate_subscripts(rs_json_items(" + v.sql + "), 1) - 1 AS \"i\") AS " + src.alias, []*source{src}
}

// bindUnpivot gives the attributes of an object as rows.
func (b *binder) bindUnpivot(t *UnpivotRef, s *scope) (string, []*source) {
	v := b.bindExpr(t.X, &context{scope: s, clause: "FROM"})
	if v.typ.Kind != KindSuper && v.typ.Kind != KindMap {
		b.fail(t, StateDatatypeMismatch, "cannot unpivot a value of type %s", v.typ.Name())
	}
	src := &source{alias: b.alias()}
	if t.Value != nil {
		src.name = b.fold(*t.Value)
		src.columns = append(src.columns, sourceColumn{name: src.name, sql: src.alias + "." + quoteIdent("v"), typ: Super})
	}
	if t.At != nil {
		src.columns = append(src.columns, sourceColumn{name: b.fold(*t.At), sql: src.alias + "." + quoteIdent("k"), typ: Varchar(MaxVarcharLength)})
	}
	return "(SELECT unnest(rs_json_keys(" + v.sql + ")) AS \"k\", rs_json_get(" + v.sql + ", rs_json_pointer(\"k\")) AS \"v\") AS " + src.alias, []*source{src}
}

// bindTableFunction binds a set-returning function.
func (b *binder) bindTableFunction(t *FuncRef, s *scope) (string, []*source) {
	c := &context{scope: s, clause: "FROM"}
	if t.Func.Name == "generate_series" && (len(t.Func.Args) == 2 || len(t.Func.Args) == 3) {
		args := make([]string, len(t.Func.Args))
		typ := Int4
		for i, arg := range t.Func.Args {
			v := b.bindExpr(arg, c)
			if !v.typ.integer() {
				b.undefinedFunction(t.Func, b.bindArgs(t.Func, c))
			}
			if v.typ.Kind == KindInt8 {
				typ = Int8
			}
			args[i] = v.sql
		}
		sql := "(SELECT CAST(generate_series AS " + typ.DuckDB() + ") AS generate_series FROM generate_series(" + strings.Join(args, ", ") + "))"
		src := b.derived(t, []outColumn{{name: "generate_series", sql: "generate_series", typ: typ}}, t.Alias)
		if t.Alias == nil {
			src.name = "generate_series"
		} else if t.Alias.Columns == nil {
			src.columns[0].name = src.name
		}
		return sql + " AS " + src.alias, []*source{src}
	}
	if t.Func.Name == "unnest" && len(t.Func.Args) == 1 {
		if v := b.bindExpr(t.Func.Args[0], c); v.typ.Kind == KindCatalogArray {
			src := b.derived(t, []outColumn{{name: "unnest", sql: "unnest", typ: *v.typ.Elem}}, t.Alias)
			if t.Alias != nil && t.Alias.Columns == nil {
				src.columns[0].name = src.name
			}
			return "(SELECT unnest(" + v.sql + ") AS \"unnest\") AS " + src.alias, []*source{src}
		}
	}
	// Other functions in FROM are relations of the catalog, such as
	// pg_get_late_binding_view_cols(); a column definition list renames them.
	if len(t.Func.Args) == 0 && !t.Func.Bare {
		names := []string{t.Func.Name}
		if t.Func.Schema.Text != "" {
			names = []string{b.fold(t.Func.Schema), t.Func.Name}
		}
		if rel, err := b.env.Relation("", strings.Join(names[:len(names)-1], ""), names[len(names)-1]+"()"); err == nil {
			columns := make([]outColumn, len(rel.Columns))
			for i, column := range rel.Columns {
				columns[i] = outColumn{name: column.Name, sql: column.Name, typ: column.Type}
			}
			src := b.derived(t, columns, t.Alias)
			return rel.DuckDB + " AS " + src.alias, []*source{src}
		}
	}
	b.undefinedFunction(t.Func, b.bindArgs(t.Func, c))
	return "", nil
}
