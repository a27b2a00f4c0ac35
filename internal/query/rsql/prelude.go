package rsql

import (
	"fmt"
	"sort"
	"strings"
)

// Prelude gives the CREATE MACRO statements that emitted SQL relies on. They
// must run in every DuckDB instance, after the functions of HostFunctions are
// registered and before the first query.
func Prelude() []string {
	out := make([]string, 0, len(macros)+1)
	for _, m := range macros {
		out = append(out, "CREATE OR REPLACE MACRO "+m)
	}
	return append(out, formatTypeMacro())
}

var divideByZero = raise(StateDivisionByZero, "Divide by zero")

// macros are the helpers of emitted SQL. A macro's arguments are put in place
// as text, so what is costly stands once or is shared by DuckDB's optimizer.
var macros = []string{
	"rs_div(a, b) AS CASE WHEN b = 0 THEN " + divideByZero + " ELSE a // b END",
	"rs_mod(a, b) AS CASE WHEN b = 0 THEN " + divideByZero + " ELSE a % b END",
	"rs_div_float(a, b) AS CASE WHEN b = 0 THEN " + divideByZero + " ELSE a / b END",
	// The text of n / unit, without rounding.
	`rs_decimal(n, unit) AS (CASE WHEN n < 0 THEN '-' ELSE '' END || CAST(abs(n) // unit AS VARCHAR) || '.' || right(CAST(unit + abs(n) % unit AS VARCHAR), -1))`,
	// a and b are unscaled integers, up and down bring the quotient to the
	// result's scale, which is that of unit.
	`rs_div_decimal(a, b, up, down, unit) AS CASE WHEN b = 0 THEN ` + divideByZero + ` ELSE rs_decimal((a * up) // (b * down), unit) END`,
	`rs_avg_decimal(total, n, unit) AS CASE WHEN n > 0 THEN rs_decimal(total // n, unit) END`,

	`rs_truncate(s, n) AS CASE WHEN strlen(s) <= n THEN s WHEN strlen(s) = length(s) THEN left(s, n) ELSE rs_left_bytes(s, CAST(n AS VARCHAR)) END`,
	`rs_float_text(x) AS regexp_replace(CAST(x AS VARCHAR), '\.0$', '')`,
	`rs_integer(s) AS CASE WHEN s IS NULL THEN NULL WHEN regexp_full_match(s, '\s*[-+]?[0-9]{1,19}\s*') THEN CAST(ltrim(trim(s), '+') AS BIGINT) ELSE error('` +
		runtimeMark + StateInvalidText + `: invalid input syntax for integer: "' || s || '"') END`,
	`rs_listagg(s) AS CASE WHEN strlen(s) > 65535 THEN ` + raise("54000", "Result size exceeds LISTAGG limit") + ` ELSE s END`,
	`rs_charindex(needle, s, start) AS CAST(CASE WHEN strpos(substring(s, greatest(start, 1)), needle) = 0 THEN 0
		ELSE strpos(substring(s, greatest(start, 1)), needle) + greatest(start, 1) - 1 END AS INTEGER)`,
	`rs_split_part(s, d, n) AS CASE WHEN n < 1 THEN ` + raise(StateInvalidParameter, "field position must be greater than zero") + ` ELSE split_part(s, d, n) END`,
	`rs_substring(s, start, n := NULL) AS CASE WHEN n IS NULL THEN substring(s, greatest(start, 1)) WHEN start < 1 THEN substring(s, 1, greatest(n + start - 1, 0)) ELSE substring(s, start, greatest(n, 0)) END`,
	`rs_lpad(s, n, fill := ' ') AS CASE WHEN length(s) >= n THEN left(s, greatest(n, 0)) WHEN fill = '' THEN s ELSE lpad(s, CAST(n AS INTEGER), fill) END`,
	`rs_rpad(s, n, fill := ' ') AS CASE WHEN length(s) >= n THEN left(s, greatest(n, 0)) WHEN fill = '' THEN s ELSE rpad(s, CAST(n AS INTEGER), fill) END`,
	`rs_overlay(s, t, start, n := NULL) AS left(s, start - 1) || t || substring(s, start + coalesce(n, length(t)))`,
	`rs_sha2_text(s, n) AS rs_sha2(s, CAST(n AS VARCHAR))`,
	`rs_strtol_number(s, n) AS CAST(rs_strtol(s, CAST(n AS VARCHAR)) AS BIGINT)`,
	`rs_regexp_substr(s, p, start := 1, n := 1, flags := '') AS rs_regexp_find(s, p, CAST(start AS VARCHAR), CAST(n AS VARCHAR), flags)`,
	`rs_regexp_replace(s, p, r := '', start := 1, flags := '') AS rs_regexp_swap(s, p, r, CAST(start AS VARCHAR), flags)`,
	`rs_regexp_count(s, p, start := 1, flags := '') AS CAST(rs_regexp_tally(s, p, CAST(start AS VARCHAR), flags) AS INTEGER)`,
	`rs_regexp_instr(s, p, start := 1, n := 1, option := 0) AS CAST(rs_regexp_locate(s, p, CAST(start AS VARCHAR), CAST(n AS VARCHAR), CAST(option AS VARCHAR)) AS INTEGER)`,
	`rs_units(n, unit) AS CAST(CAST(round(n / unit) AS BIGINT) AS VARCHAR)`,
	`rs_quote_ident(s) AS CASE WHEN regexp_full_match(s, '[a-z_][a-z0-9_$]*') THEN s ELSE '"' || replace(s, '"', '""') || '"' END`,
	// Each unit begins at ten of it, rounded.
	`rs_size_pretty(n) AS CASE WHEN abs(n) < 10240 THEN CAST(n AS VARCHAR) || ' bytes' WHEN abs(n) // 512 < 20479 THEN rs_units(n, 1024) || ' kB'
		WHEN abs(n) // 524288 < 20479 THEN rs_units(n, 1048576) || ' MB' WHEN abs(n) // 536870912 < 20479 THEN rs_units(n, 1073741824) || ' GB' ELSE rs_units(n, 1099511627776) || ' TB' END`,
	`rs_quote_literal(s) AS '''' || replace(s, '''', '''''') || ''''`,

	`rs_add_months(t, n) AS CASE WHEN last_day(t) = CAST(t AS DATE)
		THEN CAST(last_day(t + to_months(CAST(n AS INTEGER))) AS TIMESTAMP) + (t - date_trunc('day', t)) ELSE t + to_months(CAST(n AS INTEGER)) END`,
	`rs_next_day(d, word) AS (SELECT d + CAST(CASE WHEN k IS NULL THEN ` + raise(StateInvalidParameter, "invalid day of the week") + ` ELSE (k - dayofweek(d) + 6) % 7 + 1 END AS INTEGER)
		FROM (SELECT list_position(['su', 'mo', 'tu', 'we', 'th', 'fr', 'sa'], lower(left(word, 2))) - 1 AS k))`,
	`rs_months_between(a, b) AS CASE WHEN day(a) = day(b) OR last_day(a) = CAST(a AS DATE) AND last_day(b) = CAST(b AS DATE)
		THEN CAST((year(a) - year(b)) * 12 + month(a) - month(b) AS DOUBLE)
		ELSE (year(a) - year(b)) * 12 + month(a) - month(b) + (day(a) - day(b) + (epoch(a - date_trunc('day', a)) - epoch(b - date_trunc('day', b))) / 86400.0) / 31.0 END`,

	`rs_json_pointer(k) AS ('/' || replace(replace(k, '~', '~0'), '/', '~1'))`,
	// DuckDB prints a JSON number that is no 64-bit integer anew, and an array
	// or object with it: these go through a function that keeps the text.
	`rs_json_path_text(j, p) AS CASE WHEN json_type(j, p) IN ('DOUBLE', 'ARRAY', 'OBJECT') THEN rs_json_text(j, p) ELSE json_extract_string(j, p) END`,
	`rs_json_path_text_if(j, p, lenient) AS CASE WHEN lenient AND NOT json_valid(j) THEN NULL ELSE rs_json_path_text(j, p) END`,
	`rs_json_get(j, p) AS CASE WHEN json_type(j, p) IN ('DOUBLE', 'ARRAY', 'OBJECT') THEN rs_json_raw(j, p) WHEN json_type(j, p) <> 'NULL' THEN CAST(json_extract(j, p) AS VARCHAR) END`,
	`rs_json_items(j) AS CASE WHEN json_type(j) = 'ARRAY' AND json_array_length(j) > 0 THEN string_split(rs_json_split(j), chr(30)) ELSE CAST([] AS VARCHAR[]) END`,
	`rs_json_keys(j) AS CASE WHEN json_type(j) = 'OBJECT' THEN json_keys(j) ELSE CAST([] AS VARCHAR[]) END`,
	`rs_super_text(j) AS CASE json_type(j) WHEN 'VARCHAR' THEN json_extract_string(j, '$') WHEN 'ARRAY' THEN NULL WHEN 'OBJECT' THEN NULL WHEN 'NULL' THEN NULL ELSE j END`,
	`rs_super_string(s) AS CAST(to_json(CAST(s AS VARCHAR)) AS VARCHAR)`,
	// Two SUPER values are equal when their keys are: numbers by value, strings
	// without trailing blanks.
	`rs_super_key(j) AS CASE WHEN json_type(j) IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN CAST(TRY_CAST(j AS DOUBLE) AS VARCHAR)
		WHEN json_type(j) = 'VARCHAR' THEN '"' || rtrim(json_extract_string(j, '$')) WHEN json_type(j) = 'NULL' THEN NULL ELSE j END`,
	`rs_json_typeof(j) AS CASE json_type(j) WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'ARRAY' THEN 'array' WHEN 'OBJECT' THEN 'object' WHEN 'NULL' THEN 'null'
		ELSE CASE WHEN j IS NOT NULL THEN 'number' END END`,
	`rs_json_parse(s) AS rs_parse_json(s)`,
	`rs_json_element(j, n, lenient := false) AS CASE WHEN lenient AND NOT json_valid(j) THEN NULL
		WHEN json_type(j) = 'ARRAY' AND n >= 0 THEN rs_json_path_text(j, '/' || CAST(n AS VARCHAR)) END`,
	`rs_json_length(j, lenient := false) AS CASE WHEN lenient AND NOT json_valid(j) THEN NULL WHEN json_type(j) = 'ARRAY' THEN CAST(json_array_length(j) AS INTEGER) ELSE ` + raise(StateInvalidParameter, "invalid json array object") + ` END`,
	`rs_split_to_array(s, d := ',') AS CAST(to_json(string_split(s, d)) AS VARCHAR)`,
	`rs_array_concat(a, b) AS '[' || concat_ws(',', nullif(substring(a, 2, length(a) - 2), ''), nullif(substring(b, 2, length(b) - 2), '')) || ']'`,
	`rs_subarray(j, start, n := NULL) AS '[' || array_to_string(list_slice(rs_json_items(j), start + 1, CASE WHEN n IS NULL THEN CAST(json_array_length(j) AS BIGINT) ELSE start + n END), ',') || ']'`,
	`rs_serialize(j) AS CASE WHEN strlen(j) <= 65535 THEN j END`,
}

// formatTypeMacro writes format_type: the name of the type with an object id
// and a modifier.
func formatTypeMacro() string {
	kinds := make([]int, 0, len(kindInfo))
	for k := range kindInfo {
		kinds = append(kinds, int(k))
	}
	sort.Ints(kinds)
	seen := map[int]bool{}
	var sql strings.Builder
	sql.WriteString("CREATE OR REPLACE MACRO rs_format_type(id, m) AS CASE id WHEN 25 THEN 'text' WHEN 1009 THEN 'text[]'")
	for _, k := range kinds {
		info := kindInfo[Kind(k)]
		if seen[info.oid] {
			continue
		}
		seen[info.oid] = true
		name := quoteString(info.name)
		switch Kind(k) {
		case KindChar, KindVarchar:
			name = "CASE WHEN m > 4 THEN " + quoteString(info.name+"(") + " || CAST(m - 4 AS VARCHAR) || ')' ELSE " + name + " END"
		case KindDecimal:
			name = "CASE WHEN m > 4 THEN 'numeric(' || CAST((m - 4) >> 16 AS VARCHAR) || ',' || CAST((m - 4) & 65535 AS VARCHAR) || ')' ELSE " + name + " END"
		}
		fmt.Fprintf(&sql, " WHEN %d THEN %s", info.oid, name)
	}
	sql.WriteString(" ELSE '???' END")
	return sql.String()
}
