package glueapi

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

const maxPattern = 2048 // FilterString

// namePattern compiles the Expression of GetTables and returns what it matches. It is a regular expression for the whole name, in any
// case of letters. A star that has nothing to repeat, or follows a letter, digit or underscore, stands for any text: clients send
// Hive's patterns, "mp_*" and "*event*", where Glue's reference says regular expression.
func namePattern(pattern string) (func(name string) bool, error) {
	if pattern == "" {
		return func(string) bool { return true }, nil
	}
	if utf8.RuneCountInString(pattern) > maxPattern {
		return nil, invalid("1 validation error detected: Value at 'expression' failed to satisfy constraint: Member must have length less than or equal to 2048")
	}
	var b strings.Builder
	b.WriteString(`(?is)^(?:`)
	previous := '|'
	for _, r := range pattern {
		if r == '*' && !strings.ContainsRune(`.])}\`, previous) {
			b.WriteByte('.')
		}
		b.WriteRune(r)
		previous = r
	}
	b.WriteString(`)$`)
	compiled, err := regexp.Compile(b.String())
	if err != nil {
		return nil, invalid("The table name pattern " + pattern + " is not a valid regular expression.")
	}
	return compiled.MatchString, nil
}
