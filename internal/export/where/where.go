// Package where reads and evaluates Mixpanel's segmentation expressions, the language of the parameter where (Mixpanel, "Segmentation
// Expressions").
//
//	expression = properties["name"] | user["name"] | event["name"]
//	           | expression binary expression | unary expression | function "(" expression ")" | "(" expression ")"
//	           | true | false | number | "text" | 'text' | "[" literals "]"
//	binary     = or | and | == != > >= < <= in | + - | * / %          from loose to tight, all associating to the left
//	unary      = not | -                                              not binds tighter than and, looser than ==
//	function   = floor | round | ceil | boolean | number | string | defined | datetime
//
// # Values
//
// A value is a text, number, boolean, list, object, time, null or undefined. A property that is not there is undefined. So is whatever
// an operation yields for operands that it does not know; it is never an error, except that
//
//	and, or     take booleans and undefined, which counts as false; other types are an error. The right side is not looked at when the
//	            left one decides. The whole expression is judged in the same way. Where a constant is the error, the expression is refused.
//
// The rest of the rules:
//
//	==  !=      always a boolean; values of different types differ, equal types compare by value, two undefined ones are equal
//	> >= < <=   two numbers or two times, else undefined
//	in          text in text: substring; anything in a list: whether an element equals it; else undefined
//	+           adds numbers, joins texts
//	- * / %     numbers; by zero undefined; the remainder has the sign of the dividend
//	not         boolean; not undefined is true
//	number()    of a text: the decimal number it spells; true 1, false 0; of a time: seconds since 1970
//	string()    numbers in plain decimals, true, false, times as 2006-01-02T15:04:05; null stays null
//	boolean()   "true", "false"; a number is true unless it is 0
//	defined()   whether there is a value; null is none
//	datetime()  a time from a date, a date and time (UTC, or with an offset) or seconds or milliseconds since 1970
//
// event["$time"] and properties["$time"] are times, properties["time"] is the number of seconds since 1970, as in Mixpanel's exports.
// Where a time meets a number or a text in a comparison, the other side is read as datetime() would read it.
//
// # Numbers
//
// Comparisons are exact, however many digits two numbers have. + - * % floor round ceil are exact, and / is when the quotient is a whole
// number, as long as operands and results have at most 18 digits; beyond that they are those of IEEE 754 doubles. What is not finite is
// undefined.
package where

import (
	"fmt"
	"slices"
)

// Limits of an expression.
const (
	// MaxText is how long an expression may be, in bytes.
	MaxText = 64 << 10
	// maxDepth is how deep operations may be nested.
	maxDepth = 256
)

// Expr is a compiled expression. It is immutable and safe for concurrent use.
type Expr struct {
	root *node
}

// Error says what is wrong with an expression, and where.
type Error struct {
	// Offset is the position in the expression's text, in bytes from 0.
	Offset int
	// Message says what was found, or expected instead.
	Message string
}

// Error returns the message with its position, counted from 1.
func (e *Error) Error() string { return fmt.Sprintf("%s at position %d", e.Message, e.Offset+1) }

// Compile reads an expression. Its errors are *Error.
func Compile(text string) (*Expr, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	if _, _, err := new(View).constant(root, true); err != nil {
		return nil, err
	}
	return &Expr{root}, nil
}

// Match reports whether the expression is true of what v shows. An error is an *Error about a type that and, or or the whole expression
// cannot take, or tells that v's properties are not JSON. Simple comparisons do not allocate.
func (e *Expr) Match(v *View) (bool, error) {
	v.scratch = v.scratch[:0]
	result, err := v.eval(e.root)
	if err != nil {
		return false, err
	}
	return condition(e.root, result)
}

// String returns the expression in one spelling: compiling it gives the same expression.
func (e *Expr) String() string { return string(appendNode(nil, e.root)) }

// UserProperties returns the names that the expression looks up with user[...], each once, sorted.
func (e *Expr) UserProperties() []string {
	var names []string
	e.root.walk(func(n *node) {
		if n.op == opUser {
			names = append(names, n.name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}
