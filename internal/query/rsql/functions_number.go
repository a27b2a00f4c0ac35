package rsql

// Functions on numbers.
func init() {
	float := returns(Float8)
	define("abs(number)", argument(0), "abs($1)")
	define("ceil(exact)", wholeDecimal, "ceil($1)")
	define("ceil(float)", float, "ceil($1)")
	define("ceiling(exact)", wholeDecimal, "ceil($1)")
	define("ceiling(float)", float, "ceil($1)")
	define("floor(exact)", wholeDecimal, "floor($1)")
	define("floor(float)", float, "floor($1)")
	define("round(exact)", wholeDecimal, "round($1, 0)")
	define("round(float)", float, "round_even($1, 0)")
	define("round(exact, int)", argument(0), "round($1, CAST($2 AS INTEGER))")
	define("round(float, int)", float, "round($1, CAST($2 AS INTEGER))")
	define("trunc(exact)", wholeDecimal, "trunc($1)")
	define("trunc(float)", float, "trunc($1)")
	define("trunc(exact, int)", argument(0), "trunc($1, CAST($2 AS INTEGER))")
	define("trunc(float, int)", float, "trunc($1, CAST($2 AS INTEGER))")
	define("mod(exact, exact)", func(args []Type) Type {
		if t := commonNumeric(args[0], args[1]); t.integer() {
			return t
		}
		return decimalResult("%", asDecimal(args[0]), asDecimal(args[1]))
	}, "rs_mod($1, $2)")
	define("sign(exact)", returns(Int4), "sign($1)")
	define("sign(float)", float, "sign($1)")
	for _, name := range []string{"sqrt", "cbrt", "exp", "ln", "sin", "cos", "tan", "cot", "asin", "acos", "atan", "degrees", "radians"} {
		define(name+"(number)", float, name+"(CAST($1 AS DOUBLE))")
	}
	define("dexp(number)", float, "exp(CAST($1 AS DOUBLE))")
	define("dlog1(number)", float, "ln(CAST($1 AS DOUBLE))")
	define("dlog10(number)", float, "log10(CAST($1 AS DOUBLE))")
	define("log(number)", float, "log10(CAST($1 AS DOUBLE))")
	define("log(number, number)", float, "(ln(CAST($2 AS DOUBLE)) / ln(CAST($1 AS DOUBLE)))")
	define("atan2(number, number)", float, "atan2(CAST($1 AS DOUBLE), CAST($2 AS DOUBLE))")
	define("power(number, number)", float, "pow(CAST($1 AS DOUBLE), CAST($2 AS DOUBLE))")
	define("pow(number, number)", float, "pow(CAST($1 AS DOUBLE), CAST($2 AS DOUBLE))")
	define("dpow(number, number)", float, "pow(CAST($1 AS DOUBLE), CAST($2 AS DOUBLE))")
	define("pi()", float, "pi()")
	define("volatile random()", float, "random()")
	define("to_number(text, text)", returns(Decimal(38, 10)), "CAST(rs_parse_number($1, $2) AS DECIMAL(38,10))")
}

// wholeDecimal is the type of a number rounded to whole ones.
func wholeDecimal(args []Type) Type {
	if args[0].Kind != KindDecimal {
		return args[0]
	}
	return Decimal(args[0].Precision, 0)
}
