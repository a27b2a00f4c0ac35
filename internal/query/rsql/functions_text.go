package rsql

// Functions on text. The names on the left are Redshift's, from the string
// functions of its developer guide.
func init() {
	text := returns(Varchar(MaxVarcharLength))
	int4 := returns(Int4)
	for _, name := range []string{"len", "length", "char_length", "character_length", "textlen"} {
		define(name+"(text)", int4, "CAST(length($1) AS INTEGER)")
	}
	define("octet_length(text)", int4, "CAST(strlen($1) AS INTEGER)")
	define("bit_length(text)", int4, "CAST(strlen($1) * 8 AS INTEGER)")
	define("lower(text)", varcharOf(0), "lower($1)")
	define("upper(text)", varcharOf(0), "upper($1)")
	define("initcap(text)", varcharOf(0), "rs_initcap($1)")
	define("btrim(text, [text])", varcharOf(0), "trim($1[[, $2]])")
	define("ltrim(text, [text])", varcharOf(0), "ltrim($1[[, $2]])")
	define("rtrim(text, [text])", varcharOf(0), "rtrim($1[[, $2]])")
	define("substring(text, int, [int])", varcharOf(0), "rs_substring($1, $2[[, n := $3]])")
	define("substr(text, int, [int])", varcharOf(0), "rs_substring($1, $2[[, n := $3]])")
	define("left(text, int)", varcharOf(0), "left($1, $2)")
	define("right(text, int)", varcharOf(0), "right($1, $2)")
	define("lpad(text, int, [text])", text, "rs_lpad($1, $2[[, fill := $3]])")
	define("rpad(text, int, [text])", text, "rs_rpad($1, $2[[, fill := $3]])")
	define("replace(text, text, text)", text, "replace($1, $2, $3)")
	define("translate(text, text, text)", varcharOf(0), "translate($1, $2, $3)")
	define("repeat(text, int)", text, "repeat($1, $2)")
	define("replicate(text, int)", text, "repeat($1, $2)")
	define("reverse(text)", varcharOf(0), "reverse($1)")
	define("split_part(text, text, int)", varcharOf(0), "rs_split_part($1, $2, $3)")
	define("strpos(text, text)", int4, "CAST(strpos($1, $2) AS INTEGER)")
	define("position(text, text)", int4, "CAST(strpos($1, $2) AS INTEGER)")
	define("charindex(text, text)", int4, "CAST(strpos($2, $1) AS INTEGER)")
	define("charindex(text, text, int)", int4, "rs_charindex($1, $2, $3)")
	define("ascii(text)", int4, "CASE WHEN $1 = '' THEN 0 ELSE ascii($1) END")
	define("chr(int)", returns(Varchar(4)), "chr(CAST($1 AS INTEGER))")
	define("concat(text, text)", text, "($1 || $2)")
	define("overlay(text, text, int, [int])", text, "rs_overlay($1, $2, $3[[, n := $4]])")
	define("quote_ident(text)", text, "rs_quote_ident($1)")
	define("quote_literal(text)", text, "rs_quote_literal($1)")
	define("strtol(text, int)", returns(Int8), "rs_strtol_number($1, $2)")
	define("to_hex(int)", text, "lower(to_hex($1))")
	define("md5(text)", returns(Varchar(32)), "md5($1)")
	define("sha(text)", returns(Varchar(40)), "sha1($1)")
	define("sha1(text)", returns(Varchar(40)), "sha1($1)")
	define("func_sha1(text)", returns(Varchar(40)), "sha1($1)")
	define("sha2(text, int)", returns(Varchar(128)), "rs_sha2_text($1, $2)")

	define("regexp_substr(text, text, [int], [int], [text])", varcharOf(0), "rs_regexp_substr($1, $2[[, start := $3]][[, n := $4]][[, flags := $5]])")
	define("regexp_replace(text, text, [text], [int], [text])", text, "rs_regexp_replace($1, $2[[, r := $3]][[, start := $4]][[, flags := $5]])")
	define("regexp_count(text, text, [int], [text])", int4, "rs_regexp_count($1, $2[[, start := $3]][[, flags := $4]])")
	define("regexp_instr(text, text, [int], [int], [int])", int4, "rs_regexp_instr($1, $2[[, start := $3]][[, n := $4]][[, option := $5]])")

}
