package rsql

// Functions on the system catalog, as far as they need no lookup: those that do
// are in bind_session.go.
func init() {
	name, text, bool1, int4 := returns(Varchar(128)), returns(Varchar(MaxVarcharLength)), returns(Bool), returns(Int4)
	define("volatile pg_last_copy_id()", returns(Int8), "CAST(-1 AS BIGINT)")
	define("volatile pg_last_copy_count()", returns(Int8), "CAST(0 AS BIGINT)")
	define("volatile current_aws_account()", name, "CAST(NULL AS VARCHAR)")
	define("volatile current_namespace()", name, "CAST(NULL AS VARCHAR)")
	define("volatile inet_server_addr()", text, "CAST(NULL AS VARCHAR)")
	define("volatile inet_server_port()", int4, "CAST(NULL AS INTEGER)")
	define("volatile txid_current()", returns(Int8), "CAST(txid_current() AS BIGINT)")

	define("pg_type_is_visible(oid)", bool1, "true")
	define("pg_function_is_visible(oid)", bool1, "true")
	define("format_type(oid, int)", text, "rs_format_type(CAST($1 AS BIGINT), CAST($2 AS BIGINT))")
	define("pg_get_expr(text, oid, [bool])", text, "$1")
	define("pg_get_viewdef(oid, [bool])", text, "CAST(NULL AS VARCHAR)")
	define("pg_get_indexdef(oid, [int], [bool])", text, "CAST(NULL AS VARCHAR)")
	define("pg_get_constraintdef(oid, [bool])", text, "CAST(NULL AS VARCHAR)")
	define("pg_get_function_result(oid)", text, "CAST(NULL AS VARCHAR)")
	define("pg_get_function_arguments(oid)", text, "CAST(NULL AS VARCHAR)")
	define("obj_description(oid, [text])", text, "CAST(NULL AS VARCHAR)")
	define("col_description(oid, int)", text, "CAST(NULL AS VARCHAR)")
	define("shobj_description(oid, text)", text, "CAST(NULL AS VARCHAR)")
	define("pg_encoding_to_char(int)", name, "CASE WHEN $1 = 6 THEN 'UTF8' ELSE '' END")
	define("pg_tablespace_location(oid)", text, "''")
	// How much lies in a bucket for a table is not in its catalog, and the views of the system have no size at all.
	for _, f := range []string{"pg_table_size", "pg_relation_size", "pg_total_relation_size", "pg_indexes_size", "pg_tablespace_size", "pg_database_size"} {
		define(f+"(any)", returns(Int8), "CAST(NULL AS BIGINT)")
	}
	define("pg_size_pretty(int)", text, "rs_size_pretty(CAST($1 AS BIGINT))")
	define("array_to_string(array, text)", text, "array_to_string($1, $2)")
	define("array_upper(array, int)", int4, "CAST(len($1) AS INTEGER)")
	define("array_lower(array, int)", int4, "CASE WHEN len($1) > 0 THEN 1 END")

}
