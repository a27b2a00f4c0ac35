package rsql

import "strings"

// bindColumn resolves a dotted name: a column, a qualified column, or either
// of these followed by a path into a nested value.
func (b *binder) bindColumn(ref *ColumnRef, c *context) value {
	names := b.folded(ref.Names)
	for s := c.scope; s != nil; s = s.parent {
		if v, used, ok := b.findColumn(ref, names, s); ok {
			if s != c.scope {
				s.correlated = append(s.correlated, v.free...)
				v.free = nil
			}
			return b.navigate(ref, v, ref.Names[used:], names[used:])
		}
		if v, ok := s.lateral[names[0]]; ok && len(names) == 1 && s == c.scope {
			return v
		}
	}
	b.undefinedColumn(ref, names, c.scope)
	return value{}
}

// undefinedColumn raises the error for a name that isn't found.
func (b *binder) undefinedColumn(ref *ColumnRef, names []string, s *scope) {
	last := names[len(names)-1]
	if len(names) == 1 {
		// A nested column that may not be selected as a whole is hidden.
		b.fail(ref, StateUndefinedColumn, "column \"%s\" does not exist%s", last, b.inRelation(s))
	}
	for ; s != nil; s = s.parent {
		for _, src := range s.sources {
			if src.matches(names[:len(names)-1]) {
				b.fail(ref, StateUndefinedColumn, "column \"%s\" does not exist in %s", last, src.name)
			}
		}
	}
	b.fail(ref, StateUndefinedTable, "relation \"%s\" does not exist", strings.Join(names[:len(names)-1], "."))
}

// inRelation names the relations of a scope as Redshift's error does.
func (b *binder) inRelation(s *scope) string {
	if s == nil || len(s.sources) == 0 {
		return ""
	}
	names := make([]string, len(s.sources))
	for i, src := range s.sources {
		names[i] = src.name
		if names[i] == "" {
			names[i] = "unnamed_subquery"
		}
	}
	return " in " + strings.Join(names, ", ")
}

// findColumn looks a name up in one scope. It gives how many parts it took.
func (b *binder) findColumn(ref *ColumnRef, names []string, s *scope) (value, int, bool) {
	// A qualified reference wins: t.a is column a of t, even if some relation
	// has a nested column t.
	for used := min(len(names), 4); used >= 2; used-- {
		src := b.findSource(ref, names[:used-1], s)
		if src == nil {
			continue
		}
		if v, ok := b.sourceColumn(ref, src, names[used-1], ref.Names[used-1], true); ok {
			return v, used, true
		}
	}
	var found value
	matches := 0
	for _, src := range s.sources {
		if v, ok := b.sourceColumn(ref, src, names[0], ref.Names[0], false); ok {
			found = v
			matches++
		}
	}
	if matches > 1 {
		b.fail(ref, StateAmbiguousColumn, "column reference \"%s\" is ambiguous", names[0])
	}
	return found, 1, matches == 1
}

func (b *binder) findSource(at Node, names []string, s *scope) *source {
	var found *source
	for _, src := range s.sources {
		if !src.matches(names) {
			continue
		}
		if found != nil {
			b.fail(at, StateAmbiguousColumn, "table reference \"%s\" is ambiguous", strings.Join(names, "."))
		}
		found = src
	}
	return found
}

// matches reports whether the source may be named so.
func (src *source) matches(names []string) bool {
	own := []string{src.database, src.schema, src.name}
	if len(names) > len(own) || src.name == "" {
		return false
	}
	own = own[len(own)-len(names):]
	for i := range names {
		if names[i] != own[i] {
			return false
		}
	}
	return true
}

// sourceColumn looks up a column of one source.
func (b *binder) sourceColumn(ref *ColumnRef, src *source, name string, written Name, qualified bool) (value, bool) {
	if src.merged[name] && !qualified {
		return value{}, false
	}
	if written.Quoted && src.scan != nil && (name == pathColumn || name == sizeColumn) && b.env.Setting("spectrum_enable_pseudo_columns") != "off" {
		typ := Varchar(MaxVarcharLength)
		if name == sizeColumn {
			typ = Int8
		}
		return b.use(ref, src, sourceColumn{name: name, sql: src.alias + "." + quoteIdent(name), typ: typ}), true
	}
	var found *sourceColumn
	for i := range src.columns {
		if src.columns[i].name != name {
			continue
		}
		if found != nil {
			b.fail(ref, StateAmbiguousColumn, "column reference \"%s\" is ambiguous", name)
		}
		found = &src.columns[i]
	}
	if found == nil {
		return value{}, false
	}
	return b.use(ref, src, *found), true
}

// use gives a column's value and notes that its scan needs it.
func (b *binder) use(at Node, src *source, c sourceColumn) value {
	if src.scan != nil {
		src.scan.use(c.name)
	}
	name := c.name
	if src.name != "" {
		name = src.name + "." + name
	}
	free := freeColumn{sql: c.sql, name: name, pos: Pos(at.Position())}
	return value{sql: c.sql, typ: c.typ, free: []freeColumn{free}}
}

// navigate follows the rest of a dotted name into a SUPER or nested value.
func (b *binder) navigate(at Node, v value, path []Name, folded []string) value {
	if len(path) == 0 {
		return v
	}
	if !v.typ.isSuper() {
		b.fail(at, StateUndefinedColumn, "column \"%s\" does not exist in %s", folded[0], "a value of type "+v.typ.Name())
	}
	for i := range path {
		v = b.attribute(at, v, path[i])
	}
	return v
}

// attribute is a step into an object. Names of SUPER attributes fold to lower
// case as identifiers do, unless enable_case_sensitive_super_attribute is on.
func (b *binder) attribute(at Node, v value, name Name) value {
	key := b.fold(name)
	if name.Quoted && settingOn(b.env, "enable_case_sensitive_super_attribute") {
		key = name.Text
	}
	result := Super
	switch v.typ.Kind {
	case KindStruct:
		found := false
		for _, f := range v.typ.Fields {
			if strings.EqualFold(f.Name, key) {
				key, result, found = f.Name, f.Type, true
				break
			}
		}
		if !found {
			b.fail(at, StateUndefinedColumn, "column \"%s\" does not exist", key)
		}
	case KindMap:
		result = *v.typ.Elem
	case KindSuper:
	default:
		b.fail(at, StateDatatypeMismatch, "cannot navigate into a value of type %s", v.typ.Name())
	}
	return b.step(v, pointerKey(key), result)
}

// pointerKey writes a key as a step of a JSON pointer (RFC 6901).
func pointerKey(key string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// step takes a part of a JSON value. Steps in a row become one pointer.
func (b *binder) step(v value, pointer string, typ Type) value {
	base := v.sql
	if v.jsonBase != "" {
		base, pointer = v.jsonBase, v.jsonPointer+pointer
	}
	out := with("rs_json_get("+base+", "+quoteString(pointer)+")", typ, v).copied(v, v)
	out.jsonBase, out.jsonPointer = base, pointer
	if !typ.isSuper() {
		out.sql = superTo(out.sql, typ)
		out.jsonBase = ""
	}
	return out
}
