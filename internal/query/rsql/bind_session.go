package rsql

import "strings"

// Privileges is implemented by an Environment that knows its users' rights.
type Privileges interface {
	// HasPrivilege answers has_database_privilege and its like. The kind is
	// database, schema or table; an empty user means the current one.
	HasPrivilege(kind, user, object, privilege string) (bool, error)
}

// sessionFunctions are the functions whose value is fixed when the statement
// starts: the Environment gives it as a setting of the name on the right.
var sessionFunctions = map[string]struct {
	setting string
	typ     Type
}{
	"current_user":       {"current_user", Varchar(128)},
	"session_user":       {"session_user", Varchar(128)},
	"user":               {"current_user", Varchar(128)},
	"current_user_id":    {"current_user_id", Int4},
	"current_database":   {"current_database", Varchar(128)},
	"current_schema":     {"current_schema", Varchar(128)},
	"version":            {"version", Varchar(MaxVarcharLength)},
	"pg_backend_pid":     {"pg_backend_pid", Int4},
	"pg_last_query_id":   {"pg_last_query_id", Int8},
	"last_user_query_id": {"pg_last_query_id", Int8},
	"current_setting":    {"", Varchar(MaxVarcharLength)},
	"current_schemas":    {"current_schema", CatalogArray(NameType)},
}

func (b *binder) bindSession(x *Func, c *context) value {
	f := sessionFunctions[x.Name]
	args := b.bindArgs(x, c)
	name := f.setting
	switch x.Name {
	case "current_setting":
		if len(args) < 1 || len(args) > 2 || args[0].literal == nil {
			b.undefinedFunction(x, args)
		}
		name = strings.ToLower(args[0].literal.Text)
		if b.env.Setting(name) == "" && len(args) == 1 && !strings.Contains(name, ".") {
			b.fail(x.Args[0], StateUndefinedObject, "unrecognized configuration parameter \"%s\"", name)
		}
	case "current_schemas":
		b.arity(x, args, 1, 1)
		schemas := []string{"'pg_catalog'", quoteString(b.env.Setting(name))}
		return value{sql: "CAST([" + strings.Join(schemas, ", ") + "] AS VARCHAR[])", typ: f.typ, constant: true}
	default:
		b.arity(x, args, 0, 0)
	}
	text := b.env.Setting(name)
	if text == "" {
		return value{sql: "CAST(NULL AS " + f.typ.DuckDB() + ")", typ: f.typ, constant: true}
	}
	return value{sql: "CAST(" + quoteString(text) + " AS " + f.typ.DuckDB() + ")", typ: f.typ, constant: true}
}

// bindPrivilege asks the environment for a right named by constants.
func (b *binder) bindPrivilege(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 2, 3)
	texts := make([]string, len(args))
	for i, arg := range args {
		lit, ok := x.Args[i].(*Literal)
		switch {
		case ok && (lit.Kind == LiteralString || lit.Kind == LiteralNumber):
			texts[i] = lit.Text
		case strings.HasPrefix(arg.sql, "CAST('") && strings.HasSuffix(arg.sql, "' AS VARCHAR)"):
			texts[i] = strings.ReplaceAll(arg.sql[len("CAST('"):len(arg.sql)-len("' AS VARCHAR)")], "''", "'")
		default:
			b.fail(x.Args[i], StateFeatureNotSupported, "%s is only supported with constant arguments", strings.ToUpper(x.Name))
		}
	}
	if len(texts) == 2 {
		texts = append([]string{""}, texts...)
	}
	p, ok := b.env.(Privileges)
	if !ok {
		b.fail(x, StateFeatureNotSupported, "%s is not supported", strings.ToUpper(x.Name))
	}
	kind := strings.TrimSuffix(strings.TrimPrefix(x.Name, "has_"), "_privilege")
	has, err := p.HasPrivilege(kind, texts[0], texts[1], texts[2])
	if err != nil {
		e := *asError(err)
		if e.Position == 0 {
			e.Position = x.Position()
		}
		panic(&e)
	}
	if has {
		return value{sql: "true", typ: Bool, constant: true}
	}
	return value{sql: "false", typ: Bool, constant: true}
}

// catalogTable is the DuckDB expression of a relation of pg_catalog.
func (b *binder) catalogTable(at Node, name string) string {
	return b.lookup(at, []string{"pg_catalog", name}).DuckDB
}

func (b *binder) oidArgument(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	if len(args) != 1 || !args[0].typ.integer() && !args[0].typ.oidLike() {
		b.undefinedFunction(x, args)
	}
	return args[0]
}

func (b *binder) bindUserByID(x *Func, c *context) value {
	v := b.oidArgument(x, c)
	alias := b.alias()
	sql := "(SELECT any_value(" + alias + ".usename) FROM " + b.catalogTable(x, "pg_user") + " AS " + alias + " WHERE " + alias + ".usesysid = " + v.sql + ")"
	return with("coalesce("+sql+", 'unknown (OID=' || CAST("+v.sql+" AS VARCHAR) || ')')", NameType, v).variable()
}

// bindTableVisible reports whether a relation is found without its schema.
func (b *binder) bindTableVisible(x *Func, c *context) value {
	v := b.oidArgument(x, c)
	class, namespace := b.alias(), b.alias()
	return with("EXISTS (SELECT 1 FROM "+b.catalogTable(x, "pg_class")+" AS "+class+" JOIN "+b.catalogTable(x, "pg_namespace")+" AS "+namespace+
		" ON "+namespace+".oid = "+class+".relnamespace WHERE "+class+".oid = "+v.sql+" AND "+namespace+".nspname IN ('pg_catalog', "+
		quoteString(b.env.Setting("current_schema"))+"))", Bool, v).variable()
}

// regclass finds the object id of a relation by its name.
func (b *binder) regclass(at Node, sql string) string {
	alias := b.alias()
	return "(SELECT coalesce(min(" + alias + ".oid), TRY_CAST(" + sql + " AS BIGINT), " + raise(StateUndefinedTable, "relation does not exist") + ") FROM " +
		b.catalogTable(at, "pg_class") + " AS " + alias + " WHERE " + alias + ".relname = list_last(string_split(" + sql + ", '.')))"
}

// regclassText gives the name of a relation by its object id.
func (b *binder) regclassText(at Node, sql string) string {
	alias := b.alias()
	return "coalesce((SELECT any_value(" + alias + ".relname) FROM " + b.catalogTable(at, "pg_class") + " AS " + alias + " WHERE " + alias + ".oid = " + sql +
		"), CAST(" + sql + " AS VARCHAR))"
}

// regtype finds the object id of a type by its name in pg_type.
func (b *binder) regtype(at Node, sql string) string {
	alias := b.alias()
	return "(SELECT coalesce(min(" + alias + ".oid), TRY_CAST(" + sql + " AS BIGINT), " + raise(StateUndefinedObject, "type does not exist") + ") FROM " +
		b.catalogTable(at, "pg_type") + " AS " + alias + " WHERE " + alias + ".typname = list_last(string_split(" + sql + ", '.')))"
}

// regtypeText gives the name of a type by its object id.
func regtypeText(sql string) string {
	return "CASE WHEN " + sql + " = 0 THEN '-' ELSE rs_format_type(CAST(" + sql + " AS BIGINT), -1) END"
}
