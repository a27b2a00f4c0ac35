package where

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/event"
)

// eval returns the node's value for what v shows.
func (v *View) eval(n *node) (value, error) {
	switch n.op {
	case opLiteral:
		return n.value, nil
	case opProperty, opUser, opEvent:
		return v.lookup(n)
	case opAnd, opOr:
		return v.logic(n)
	}
	left, err := v.eval(n.left)
	if err != nil {
		return value{}, err
	}
	if n.right == nil {
		return v.apply(n.op, &left), nil
	}
	right, err := v.eval(n.right)
	if err != nil {
		return value{}, err
	}
	return v.combine(n.op, &left, &right)
}

// condition returns what a value of n means where a boolean is needed.
func condition(n *node, x value) (bool, error) {
	switch x.kind {
	case kindBoolean:
		return x.boolean, nil
	case kindUndefined:
		return false, nil
	default:
		return false, fail(n.pos, "expected a boolean instead of %s", kindNames[x.kind])
	}
}

func (v *View) logic(n *node) (value, error) {
	for _, side := range [...]*node{n.left, n.right} {
		x, err := v.eval(side)
		if err != nil {
			return value{}, err
		}
		b, err := condition(side, x)
		if err != nil {
			return value{}, err
		}
		if b == (n.op == opOr) {
			return booleanValue(b), nil
		}
	}
	return booleanValue(n.op == opAnd), nil
}

// apply is the operations of one operand.
func (v *View) apply(o op, x *value) value {
	switch o {
	case opNot:
		switch x.kind {
		case kindBoolean:
			return booleanValue(!x.boolean)
		case kindUndefined:
			return booleanValue(true)
		}
	case opNegate:
		if x.kind == kindNumber {
			return numberValue(x.number.negate())
		}
	case opFloor, opRound, opCeil:
		if x.kind == kindNumber {
			if n, ok := wholeNumber(o, x.number); ok {
				return numberValue(n)
			}
		}
	case opDefined:
		return booleanValue(x.kind != kindUndefined && x.kind != kindNull)
	case opDatetime:
		if ms, ok := x.moment(); ok {
			return timeValue(ms)
		}
	case opBoolean:
		return toBoolean(x)
	case opNumber:
		return toNumber(x)
	case opString:
		return v.toText(x)
	}
	return value{}
}

func toBoolean(x *value) value {
	switch x.kind {
	case kindBoolean:
		return *x
	case kindNumber:
		return booleanValue(!x.number.zero())
	case kindText:
		if string(x.text) == "true" || string(x.text) == "false" {
			return booleanValue(len(x.text) == len("true"))
		}
	}
	return value{}
}

func toNumber(x *value) value {
	switch x.kind {
	case kindNumber:
		return *x
	case kindBoolean:
		if x.boolean {
			return numberValue(number{coefficient: 1})
		}
		return numberValue(number{})
	case kindText:
		if n, ok := parseNumber(x.text); ok {
			return numberValue(n)
		}
	case kindTime:
		return numberValue(number{coefficient: x.time, exponent: -3})
	}
	return value{}
}

func (v *View) toText(x *value) value {
	start := len(v.scratch)
	switch x.kind {
	case kindText, kindNull:
		return *x
	case kindNumber:
		v.scratch = x.number.append(v.scratch)
	case kindBoolean:
		v.scratch = strconv.AppendBool(v.scratch, x.boolean)
	case kindTime:
		v.scratch = time.UnixMilli(x.time).UTC().AppendFormat(v.scratch, "2006-01-02T15:04:05.999")
	default:
		return value{}
	}
	return textValue(v.scratch[start:len(v.scratch):len(v.scratch)])
}

// combine is the operations of two operands, but and and or.
func (v *View) combine(o op, x, y *value) (value, error) {
	switch o {
	case opEqual, opUnequal:
		equal, err := v.equal(x, y)
		return booleanValue(equal == (o == opEqual)), err
	case opIn:
		return v.in(x, y)
	case opGreater, opGreaterEqual, opLess, opLessEqual:
		return order(o, x, y), nil
	}
	if o == opAdd && x.kind == kindText && y.kind == kindText {
		start := len(v.scratch)
		v.scratch = append(append(v.scratch, x.text...), y.text...)
		return textValue(v.scratch[start:len(v.scratch):len(v.scratch)]), nil
	}
	if x.kind == kindNumber && y.kind == kindNumber {
		if n, ok := calculate(o, x.number, y.number); ok {
			return numberValue(n), nil
		}
	}
	return value{}, nil
}

// order is the comparisons but == and !=.
func order(o op, x, y *value) value {
	var c int
	if x.kind == kindNumber && y.kind == kindNumber {
		c = compare(x.number, y.number)
	} else if x.kind == kindTime || y.kind == kindTime {
		a, first := x.moment()
		b, second := y.moment()
		if !first || !second {
			return value{}
		}
		c = cmp.Compare(a, b)
	} else {
		return value{}
	}
	switch o {
	case opGreater:
		return booleanValue(c > 0)
	case opGreaterEqual:
		return booleanValue(c >= 0)
	case opLess:
		return booleanValue(c < 0)
	default:
		return booleanValue(c <= 0)
	}
}

func (v *View) equal(x, y *value) (bool, error) {
	if x.kind != y.kind {
		if x.kind != kindTime && y.kind != kindTime {
			return false, nil
		}
		a, first := x.moment()
		b, second := y.moment()
		return first && second && a == b, nil
	}
	switch x.kind {
	case kindBoolean:
		return x.boolean == y.boolean, nil
	case kindNumber:
		return compare(x.number, y.number) == 0, nil
	case kindText, kindObject:
		// Objects are equal when they are written alike: the documents know no objects.
		return bytes.Equal(x.text, y.text), nil
	case kindTime:
		return x.time == y.time, nil
	case kindList:
		return v.equalLists(x, y)
	default:
		return true, nil
	}
}

func (v *View) equalLists(x, y *value) (bool, error) {
	a, err := v.list(x)
	if err != nil {
		return false, err
	}
	b, err := v.list(y)
	if err != nil || len(a) != len(b) {
		return false, err
	}
	for i := range a {
		if equal, err := v.equal(&a[i], &b[i]); !equal || err != nil {
			return false, err
		}
	}
	return true, nil
}

// list returns a list's elements in memory of their own.
func (v *View) list(x *value) ([]value, error) {
	if x.text == nil {
		return x.elements, nil
	}
	var s event.Scanner
	if _, err := s.Array(x.text, 0); err != nil {
		return nil, fmt.Errorf("reading a list: %w", err)
	}
	elements := make([]value, len(s.Members))
	for i := range s.Members {
		elements[i] = v.fieldValue(&s.Members[i], x.text)
	}
	return elements, nil
}

// in looks for x in y.
func (v *View) in(x, y *value) (value, error) {
	if x.kind == kindText && y.kind == kindText {
		return booleanValue(bytes.Contains(y.text, x.text)), nil
	}
	if y.kind != kindList {
		return value{}, nil
	}
	for i := range y.elements {
		if equal, err := v.equal(x, &y.elements[i]); equal || err != nil {
			return booleanValue(equal), err
		}
	}
	if y.text == nil {
		return booleanValue(false), nil
	}
	if _, err := v.elements.Array(y.text, 0); err != nil {
		return value{}, fmt.Errorf("reading a list: %w", err)
	}
	for i := range v.elements.Members {
		element := v.fieldValue(&v.elements.Members[i], y.text)
		if equal, err := v.equal(x, &element); equal || err != nil {
			return booleanValue(equal), err
		}
	}
	return booleanValue(false), nil
}
