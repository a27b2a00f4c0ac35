// Package expression compiles and evaluates the partition expressions of AWS Glue's GetPartitions.
//
// An expression is a SQL condition on partition keys (AWS Glue Web API Reference, "GetPartitions", Expression):
//
//	condition  = term { ("AND" | "OR") term }           AND binds tighter than OR
//	term       = "NOT" term | "(" condition ")" | test
//	test       = key ("=" | "<>" | "!=" | "<" | "<=" | ">" | ">=") literal
//	           | key ["NOT"] "IN" "(" literal { "," literal } ")"
//	           | key ["NOT"] "BETWEEN" literal "AND" literal
//	           | key ["NOT"] "LIKE" literal
//	           | key "IS" ["NOT"] "NULL"
//	literal    = number | 'text, with '' for a quote'
//
// Keys, literals and the words AND and OR may stand in parentheses of their own, as Glue accepts them:
// "(k) = ((2)) (OR) (((k))) = (2)". Words and keys are not case-sensitive. A key may be quoted with " or `.
//
// A literal is cast to the type of its key, whether it is written as text or as a number, and so is the partition's value. Types
// are string (char, varchar), date, timestamp, the integers tinyint, smallint, int, bigint and long, and decimal.
//
// The value __HIVE_DEFAULT_PARTITION__ is how Hive writes NULL. It "IS NULL" for every type. Compared with a literal it is
// unknown, as in SQL, except for a string key, where it is also the text that it is: engines ask for it with =.
package expression

import (
	"fmt"
	"unicode/utf8"
)

// MaxLength is the greatest length of an expression in characters (PredicateString in the Glue API).
const MaxLength = 2048

// NullValue is the partition value that stands for NULL, as Hive writes it.
const NullValue = "__HIVE_DEFAULT_PARTITION__"

// Key is a partition key: its name and its Hive type.
type Key struct{ Name, Type string }

// Error is an expression that cannot be used, in Glue's words. Glue answers it with an InvalidInputException.
type Error struct{ Message string }

// Error returns Glue's message.
func (e *Error) Error() string { return e.Message }

// ValueError is a partition whose value is not of its key's type. Glue answers it with an InvalidStateException.
type ValueError struct{ Message string }

// Error returns Glue's message.
func (e *ValueError) Error() string { return e.Message }

// Expression is a compiled expression. It is immutable and safe for concurrent use.
type Expression struct {
	root *node // nil: everything matches
	keys int
}

// Compile parses text and casts its literals to the types of keys, which are in the order of the partitions' values. The empty
// text selects everything. Errors are of type *Error.
func Compile(text string, keys []Key) (*Expression, error) {
	if text == "" {
		return &Expression{keys: len(keys)}, nil
	}
	if n := utf8.RuneCountInString(text); n > MaxLength {
		return nil, &Error{fmt.Sprintf("1 validation error detected: Value of %d characters at 'expression' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", n, MaxLength)}
	}
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	if err := root.bind(keys); err != nil {
		return nil, err
	}
	return &Expression{root: root, keys: len(keys)}, nil
}

// Matches reports whether the expression selects the partition with these values, one for each key. A value that is not of its
// key's type is a *ValueError, unless the rest of the expression decides without it.
func (e *Expression) Matches(values []string) (bool, error) {
	if len(values) != e.keys {
		return false, &ValueError{fmt.Sprintf("The partition has %d values for %d keys.", len(values), e.keys)}
	}
	if e.root == nil {
		return true, nil
	}
	t, err := e.root.eval(values)
	return t == yes, err
}
