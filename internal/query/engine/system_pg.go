package engine

import (
	"context"

	"github.com/refract-io/refract/internal/query/rsql"
)

// The relations of pg_catalog, with the columns of PostgreSQL 8.0 that Redshift has and those that the catalog queries of psql 15
// name.
func init() {
	none := func(context.Context, *Session) ([][]any, error) { return nil, nil }
	system(catalogSchema, "pg_namespace", "oid oid, nspname name, nspowner int4, nspacl text[]", pgNamespace)
	system(catalogSchema, "pg_class", `oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner int4, relam oid, relfilenode oid,
		reltablespace oid, relpages int4, reltuples float4, reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence char(1), relkind char(1),
		relnatts int2, relchecks int2, reltriggers int2, relhasoids bool, relhaspkey bool, relhasrules bool, relhastriggers bool, relhassubclass bool,
		relrowsecurity bool, relforcerowsecurity bool, relreplident char(1), relispartition bool, relacl text[], reloptions text[]`, pgClass)
	system(catalogSchema, "pg_attribute", `attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2, attndims int4, attcacheoff int4,
		atttypmod int4, attbyval bool, attstorage char(1), attalign char(1), attnotnull bool, atthasdef bool, attisdropped bool, attislocal bool,
		attinhcount int4, attencodingtype int2, attisdistkey bool, attispreloaded bool, attsortkeyord int4, attcollation oid, attidentity char(1),
		attgenerated char(1), attacl text[]`, pgAttribute)
	system(catalogSchema, "pg_type", `oid oid, typname name, typnamespace oid, typowner int4, typlen int2, typbyval bool, typtype char(1), typcategory char(1),
		typisdefined bool, typdelim char(1), typrelid oid, typelem oid, typarray oid, typnotnull bool, typbasetype oid, typtypmod int4, typndims int4, typcollation oid,
		typdefault text`, pgType)
	system(catalogSchema, "pg_database", `oid oid, datname name, datdba int4, encoding int4, datcollate name, datctype name, datistemplate bool, datallowconn bool,
		datlastsysoid oid, datconnlimit int4, dattablespace oid, datacl text[]`, pgDatabase)
	system(catalogSchema, "pg_user", `usename name, usesysid int4, usecreatedb bool, usesuper bool, usecatupd bool, passwd text, valuntil timestamp, useconfig text[]`, pgUser)
	system(catalogSchema, "pg_roles", `oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool, rolconnlimit int4,
		rolvaliduntil timestamp, rolreplication bool, rolbypassrls bool`, pgRoles)
	system(catalogSchema, "pg_tables", "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, hastriggers bool", pgTables)
	system(catalogSchema, "pg_views", "schemaname name, viewname name, viewowner name, definition text", pgViews)
	system(catalogSchema, "pg_table_def", `schemaname name, tablename name, column name, type text, encoding text, distkey bool, sortkey int4, notnull bool`, none)
	system(catalogSchema, "pg_settings", "name text, setting text", pgSettings)
	// The relations below have no rows: their objects don't exist here, but clients join them.
	system(catalogSchema, "pg_index", `indexrelid oid, indrelid oid, indkey int2[], indisunique bool, indisprimary bool, indisclustered bool, indisvalid bool,
		indisreplident bool, indpred text, indexprs text, indnatts int2`, none)
	system(catalogSchema, "pg_constraint", `oid oid, conname name, connamespace oid, contype char(1), condeferrable bool, condeferred bool, convalidated bool, conrelid oid,
		contypid oid, conindid oid, conparentid oid, confrelid oid, conkey int2[], confkey int2[], consrc text`, none)
	system(catalogSchema, "pg_attrdef", "oid oid, adrelid oid, adnum int2, adbin text, adsrc text", none)
	system(catalogSchema, "pg_inherits", "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool", none)
	system(catalogSchema, "pg_description", "objoid oid, classoid oid, objsubid int4, description text", none)
	system(catalogSchema, "pg_group", "groname name, grosysid int4, grolist int4[]", none)
	system(catalogSchema, "pg_auth_members", "roleid oid, member oid, grantor oid, admin_option bool", none)
	system(catalogSchema, "pg_proc", `oid oid, proname name, pronamespace oid, proowner int4, prolang oid, proisagg bool, prokind char(1), prosecdef bool, proretset bool, proiswindow bool, provolatile char(1),
		pronargs int2, prorettype oid, proargtypes text, prosrc text, proacl text[]`, none)
	system(catalogSchema, "pg_extension", "oid oid, extname name, extversion text, extnamespace oid, extowner int4", none)
	system(catalogSchema, "pg_language", "oid oid, lanname name", none)
	system(catalogSchema, "pg_am", "oid oid, amname name", none)
	system(catalogSchema, "pg_tablespace", "oid oid, spcname name, spcowner int4, spcacl text[], spcoptions text[]", pgTablespace)
	system(catalogSchema, "pg_trigger", "oid oid, tgrelid oid, tgname name, tgisinternal bool, tgenabled char(1)", none)
	system(catalogSchema, "pg_rewrite", "oid oid, rulename name, ev_class oid, ev_type char(1)", none)
	system(catalogSchema, "pg_depend", "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char(1)", none)
	system(catalogSchema, "pg_policy", "oid oid, polname name, polrelid oid, polcmd char(1), polpermissive bool, polroles oid[], polqual text, polwithcheck text", none)
	system(catalogSchema, "pg_collation", "oid oid, collname name, collnamespace oid", none)
	system(catalogSchema, "pg_statistic_ext", "oid oid, stxrelid oid, stxname name, stxnamespace oid", none)
	system(catalogSchema, "pg_publication", "oid oid, pubname name, puballtables bool", none)
	system(catalogSchema, "pg_publication_rel", "oid oid, prpubid oid, prrelid oid", none)
}

func pgNamespace(ctx context.Context, s *Session) ([][]any, error) {
	spaces, err := s.namespaces(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.engine.users(ctx)
	ids := userIDs(users)
	var out [][]any
	for _, n := range spaces {
		out = append(out, []any{n.oid, n.name, ids(n.owner), nil})
	}
	return out, err
}

func pgClass(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.engine.users(ctx)
	ids := userIDs(users)
	var out [][]any
	for _, o := range objects {
		out = append(out, []any{
			o.oid, o.name, o.namespace.oid, 0, 0, ids(o.namespace.owner), 0, 0, 0, 0, 0.0, 0, false, false, "p", o.kind,
			len(o.columns), 0, 0, false, false, false, false, false, false, false, "d", false, nil, nil,
		})
	}
	return out, err
}

func pgAttribute(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		for i, c := range o.columns {
			size := c.Type.Size()
			out = append(out, []any{
				o.oid, c.Name, c.Type.OID(), -1, size, i + 1, 0, -1, c.Type.Modifier(), size > 0 && size <= 8, "p", "i", false, false, false, true, 0, 0,
				false, false, 0, 0, "", "", nil,
			})
		}
	}
	return out, err
}

// pgTypes are the types that results can have.
var pgTypes = []struct {
	name     string
	typ      rsql.Type
	category string
	array    int
}{
	{"bool", rsql.Bool, "B", 1000}, {"int2", rsql.Int2, "N", 1005}, {"int4", rsql.Int4, "N", 1007}, {"int8", rsql.Int8, "N", 1016},
	{"float4", rsql.Float4, "N", 1021}, {"float8", rsql.Float8, "N", 1022}, {"numeric", rsql.Decimal(18, 0), "N", 1231},
	{"bpchar", rsql.Char(1), "S", 1014}, {"varchar", rsql.Varchar(256), "S", 1015}, {"date", rsql.Date, "D", 1182}, {"time", rsql.Time, "D", 1183},
	{"timetz", rsql.TimeTZ, "D", 1270}, {"timestamp", rsql.Timestamp, "D", 1115}, {"timestamptz", rsql.TimestampTZ, "D", 1185},
	{"intervaly2m", rsql.IntervalYM, "T", 0}, {"intervald2s", rsql.IntervalDS, "T", 0}, {"super", rsql.Super, "U", 0},
	{"varbyte", rsql.Type{Kind: rsql.KindVarbyte}, "U", 0}, {"name", rsql.NameType, "S", 1003}, {"oid", rsql.Type{Kind: rsql.KindOID}, "N", 1028},
	{"regclass", rsql.Regclass, "N", 2210}, {"regtype", rsql.Regtype, "N", 2211},
}

func pgType(ctx context.Context, s *Session) ([][]any, error) {
	row := func(oid int, name, category string, size int, elem, array int) []any {
		return []any{
			oid, name, catalogSchemaOID, 1, size, size > 0 && size <= 8, "b", category, true, ",", 0, elem, array, false, 0, -1, 0, 0, nil,
		}
	}
	out := [][]any{row(25, "text", "S", -1, 0, 1009), row(1009, "_text", "A", -1, 25, 0), row(705, "unknown", "X", -2, 0, 0), row(2279, "trigger", "P", 4, 0, 0)}
	for _, t := range pgTypes {
		out = append(out, row(t.typ.OID(), t.name, t.category, t.typ.Size(), 0, t.array))
		if t.array != 0 {
			out = append(out, row(t.array, "_"+t.name, "A", -1, t.typ.OID(), 0))
		}
	}
	return out, nil
}

func pgDatabase(ctx context.Context, s *Session) ([][]any, error) {
	databases, err := s.engine.databases(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.engine.users(ctx)
	ids := userIDs(users)
	var out [][]any
	for i, d := range databases {
		out = append(out, []any{firstDatabaseOID + i, d.name, ids(d.owner), 6, "C", "C", false, true, 0, -1, defaultTablespace, nil})
	}
	return out, err
}

// defaultTablespace is PostgreSQL's number of pg_default, which everything is in as far as clients ask.
const defaultTablespace = 1663

func pgTablespace(ctx context.Context, s *Session) ([][]any, error) {
	users, err := s.engine.users(ctx)
	return [][]any{{defaultTablespace, "pg_default", userIDs(users)(s.engine.admin), nil, nil}}, err
}

func pgUser(ctx context.Context, s *Session) ([][]any, error) {
	users, err := s.engine.users(ctx)
	var out [][]any
	for _, u := range users {
		out = append(out, []any{u.Name, u.sysID(), u.Superuser, u.Superuser, false, "********", u.Expires, nil})
	}
	return out, err
}

func pgRoles(ctx context.Context, s *Session) ([][]any, error) {
	users, err := s.engine.users(ctx)
	var out [][]any
	for _, u := range users {
		out = append(out, []any{u.sysID(), u.Name, u.Superuser, true, u.Superuser, u.Superuser, true, -1, u.Expires, false, u.Superuser})
	}
	return out, err
}

func pgTables(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		if o.kind == "r" {
			out = append(out, []any{o.namespace.name, o.name, o.namespace.owner, nil, false, false, false})
		}
	}
	return out, err
}

func pgViews(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		if o.kind == "v" {
			out = append(out, []any{o.namespace.name, o.name, o.namespace.owner, nil})
		}
	}
	return out, err
}

func pgSettings(_ context.Context, s *Session) ([][]any, error) {
	var out [][]any
	for _, name := range sortedParameters {
		v, _ := s.settings.get(name)
		out = append(out, []any{name, v})
	}
	return out, nil
}
