package rsql

import (
	"slices"
	"strconv"
	"strings"
)

// PositionalParameters replaces the named parameters of a script, ":name" as the Redshift Data API has them, by $1, $2 and so on, and returns the
// names in that order, each once. A colon is a parameter's only outside strings, quoted names and comments, and directly before a name
// of letters, digits and underscores; "::" is a cast. Positions of later errors count in the script that is returned.
func PositionalParameters(sql string) (script string, names []string, err error) {
	tokens, err := lex(sql, false)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	end := 0
	for i := 0; i+1 < len(tokens); i++ {
		colon, name := tokens[i], tokens[i+1]
		if !colon.op(":") || colon.end != name.start || name.kind != tokIdent && name.kind != tokNumber || name.quoted {
			continue
		}
		// As written: the lexer folds words. A number takes its letters with it, as in :1a.
		stop := name.start
		for stop < len(sql) && (isDigit(sql[stop]) || isIdentStart(sql[stop]) && sql[stop] < 0x80) {
			stop++
		}
		text := sql[name.start:stop]
		at := slices.Index(names, text)
		if at < 0 {
			at = len(names)
			names = append(names, text)
		}
		b.WriteString(sql[end:colon.start])
		b.WriteString("$" + strconv.Itoa(at+1))
		end = stop
	}
	b.WriteString(sql[end:])
	return b.String(), names, nil
}
