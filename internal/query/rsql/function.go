package rsql

import "strings"

// paramClass is the class of types a parameter takes.
type paramClass uint8

const (
	paramAny paramClass = iota
	paramText
	paramInt
	paramOID
	paramExact // integer or numeric
	paramDecimal
	paramFloat
	paramNumber // any numeric type
	paramDate
	paramTimestamp
	paramTimestampTZ
	paramTime
	paramBool
	paramSuper
	paramJSON // JSON text, or a nested column
	paramInterval
	paramArray
	paramBytes
)

var paramClasses = map[string]paramClass{
	"any": paramAny, "text": paramText, "int": paramInt, "oid": paramOID, "exact": paramExact, "decimal": paramDecimal, "float": paramFloat,
	"number": paramNumber, "date": paramDate, "timestamp": paramTimestamp, "timestamptz": paramTimestampTZ, "time": paramTime,
	"bool": paramBool, "super": paramSuper, "json": paramJSON, "interval": paramInterval, "array": paramArray, "bytes": paramBytes,
}

// function is one overload of the allow-list.
type function struct {
	params   []paramClass
	required int
	variadic bool
	volatile bool // its value isn't the same for the same arguments
	result   func(args []Type) Type
	sql      func(args []value) string
}

// functions is the allow-list of scalar functions by name.
var functions = map[string][]function{}

// define adds an overload. The signature is "name(class, class)"; classes in
// brackets are optional and "..." after the last repeats it. The template is
// the DuckDB expression, with $1 for the first argument and $* for all; in it,
// [[..$2..]] is left out when the argument is absent.
func define(signature string, result func([]Type) Type, template string) {
	name, list, _ := strings.Cut(strings.TrimSuffix(signature, ")"), "(")
	f := function{result: result}
	if rest, ok := strings.CutPrefix(name, "volatile "); ok {
		name, f.volatile = rest, true
	}
	if rest, ok := strings.CutSuffix(list, "..."); ok {
		list, f.variadic = rest, true
	}
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		plain := strings.Trim(word, "[]")
		class, ok := paramClasses[plain]
		if !ok {
			panic("rsql: unknown parameter class in " + signature)
		}
		f.params = append(f.params, class)
		if plain == word {
			f.required++
		}
	}
	f.sql = func(args []value) string { return expand(template, args) }
	functions[name] = append(functions[name], f)
}

// expand fills a template.
func expand(template string, args []value) string {
	var out strings.Builder
	for template != "" {
		i := strings.IndexAny(template, "$[")
		if i < 0 {
			out.WriteString(template)
			break
		}
		out.WriteString(template[:i])
		template = template[i:]
		switch {
		case strings.HasPrefix(template, "[["):
			inner, rest, _ := strings.Cut(template[2:], "]]")
			if n := highestArgument(inner); n <= len(args) {
				out.WriteString(expand(inner, args))
			}
			template = rest
		case strings.HasPrefix(template, "$*"):
			texts := make([]string, len(args))
			for i, arg := range args {
				texts[i] = arg.sql
			}
			out.WriteString(strings.Join(texts, ", "))
			template = template[2:]
		case len(template) > 1 && isDigit(template[1]):
			out.WriteString(args[template[1]-'1'].sql)
			template = template[2:]
		default:
			out.WriteByte(template[0])
			template = template[1:]
		}
	}
	return out.String()
}

func highestArgument(template string) int {
	highest := 0
	for i := range len(template) - 1 {
		if template[i] == '$' && isDigit(template[i+1]) {
			highest = max(highest, int(template[i+1]-'0'))
		}
	}
	return highest
}

// returns is a result of a fixed type.
func returns(t Type) func([]Type) Type { return func([]Type) Type { return t } }

// argument is the type of the nth argument, from 0.
func argument(n int) func([]Type) Type { return func(args []Type) Type { return args[n] } }

// varcharOf is a varchar as long as the nth argument.
func varcharOf(n int) func([]Type) Type {
	return func(args []Type) Type {
		if args[n].text() && args[n].Length > 0 {
			return Varchar(args[n].Length)
		}
		return Varchar(MaxVarcharLength)
	}
}

// datePart is a part of a date or time: the DuckDB name and the function that
// makes an interval of it.
type datePart struct {
	name     string
	interval string
	factor   int
}

var dateParts = map[string]datePart{}

func init() {
	for _, p := range []struct {
		part  datePart
		words string
	}{
		{datePart{"year", "to_years", 1}, "year years y yr yrs"},
		{datePart{"quarter", "to_months", 3}, "quarter quarters qtr qtrs"},
		{datePart{"month", "to_months", 1}, "month months mon mons"},
		{datePart{"week", "to_days", 7}, "week weeks w"},
		{datePart{"day", "to_days", 1}, "day days d"},
		{datePart{"hour", "to_hours", 1}, "hour hours h hr hrs"},
		{datePart{"minute", "to_minutes", 1}, "minute minutes m min mins"},
		{datePart{"second", "to_seconds", 1}, "second seconds s sec secs"},
		{datePart{"millisecond", "to_milliseconds", 1}, "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon"},
		{datePart{"microsecond", "to_microseconds", 1}, "microsecond microseconds us usec usecs microsec microsecs microsecond usecond useconds"},
		{datePart{"decade", "to_years", 10}, "decade decades dec decs"},
		{datePart{"century", "to_years", 100}, "century centuries c cent cents"},
		{datePart{"millennium", "to_years", 1000}, "millennium millennia mil mils"},
		{datePart{"dow", "", 0}, "dow dayofweek dw weekday"},
		{datePart{"doy", "", 0}, "doy dayofyear dy yearday"},
		{datePart{"epoch", "", 0}, "epoch"},
		{datePart{"timezone", "", 0}, "timezone"},
		{datePart{"timezone_hour", "", 0}, "timezone_hour"},
		{datePart{"timezone_minute", "", 0}, "timezone_minute"},
	} {
		for _, word := range strings.Fields(p.words) {
			dateParts[word] = p.part
		}
	}
}

// datePartFirst are the functions whose first argument may be a bare word.
var datePartFirst = wordSet("dateadd date_add datediff date_diff date_part pgdate_part date_trunc timestampadd timestampdiff")

// datePartWord reads a date part argument: a word or a string.
func datePartWord(x Expr) (string, bool) {
	switch x := x.(type) {
	case *ColumnRef:
		if len(x.Names) == 1 && !x.Names[0].Quoted {
			if _, ok := dateParts[x.Names[0].Text]; ok {
				return x.Names[0].Text, true
			}
		}
	case *Literal:
		return x.Text, x.Kind == LiteralString
	}
	return "", false
}

// part reads the date part argument of a call.
func (b *binder) part(x *Func) datePart {
	if word, ok := datePartWord(x.Args[0]); ok {
		if part, ok := dateParts[strings.ToLower(strings.TrimSpace(word))]; ok {
			return part
		}
		b.fail(x.Args[0], StateInvalidParameter, "date part \"%s\" is not recognized", word)
	}
	if ref, ok := x.Args[0].(*ColumnRef); ok {
		b.fail(ref, StateInvalidParameter, "date part \"%s\" is not recognized", b.fold(ref.Names[len(ref.Names)-1]))
	}
	b.fail(x.Args[0], StateInvalidParameter, "the date part of %s must be a word", x.Name)
	return datePart{}
}
