package schema

import (
	_ "embed"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxNameChars is how long the names of tables and columns may be, prefixes and suffixes included.
const MaxNameChars = 128

// reservedText lists the reserved words of the Amazon Redshift Database Developer Guide, "Reserved words"
// (https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html), compared word by word.
//
//go:embed reserved.txt
var reservedText string

var reserved = func() map[string]struct{} {
	words := map[string]struct{}{}
	for _, w := range strings.Fields(reservedText) {
		words[w] = struct{}{}
	}
	return words
}()

// Clean returns the name that a property or an event has in the warehouse, without the suffixes that depend on other names. The
// result is 1 to MaxNameChars of a-z, 0-9 and _, does not begin with a digit and is no reserved word.
func Clean(name string) string {
	rest, dollar := strings.CutPrefix(name, "$")
	b := make([]byte, 0, len(rest)+len("res_mp_"))
	if dollar {
		b = append(b, "mp_"...)
	}
	for i := 0; i < len(rest) && len(b) <= MaxNameChars; {
		c := rest[i]
		switch {
		case c >= 'a' && c <= 'z' || c == '_':
		case c >= '0' && c <= '9':
			if len(b) == 0 {
				b = append(b, '_')
			}
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		default:
			_, size := utf8.DecodeRuneInString(rest[i:])
			i += size - 1
			c = '_'
		}
		b = append(b, c)
		i++
	}
	if len(b) == 0 {
		return "_"
	}
	if _, ok := reserved[string(b)]; ok {
		return "res_" + string(b)
	}
	return string(b[:min(len(b), MaxNameChars)])
}

// names are the names that are taken in one table or database.
type names struct {
	taken map[string]struct{}
	// numbers are the last suffixes given, so that thousands of names that clean to the same are not tried again and again. A name is
	// never given back, so what was taken stays taken.
	numbers map[string]int
}

func newNames(taken ...string) names {
	n := names{map[string]struct{}{}, map[string]int{}}
	for _, name := range taken {
		n.take(name)
	}
	return n
}

// take marks the name and reports whether it was free.
func (n *names) take(name string) bool {
	if _, ok := n.taken[name]; ok {
		return false
	}
	n.taken[name] = struct{}{}
	return true
}

// assign takes the name, with a number if it is taken.
func (n *names) assign(name string) string {
	if n.take(name) {
		return name
	}
	for i := n.numbers[name] + 1; ; i++ {
		if numbered := suffixed(name, "_"+strconv.Itoa(i)); n.take(numbered) {
			n.numbers[name] = i
			return numbered
		}
	}
}

// suffixed cuts name so that it has room for the suffix.
func suffixed(name, suffix string) string {
	return name[:min(len(name), MaxNameChars-len(suffix))] + suffix
}

func (n *names) clone() names { return names{maps.Clone(n.taken), maps.Clone(n.numbers)} }
