package expression

import (
	"slices"
	"strings"
)

// KeyRange is a range of partition values in byte order: From <= value < To, or without an upper end when NoEnd is set.
type KeyRange struct {
	From, To string
	NoEnd    bool
}

// Contains reports whether value lies in the range.
func (r KeyRange) Contains(value string) bool {
	return value >= r.From && (r.NoEnd || value < r.To)
}

func (r KeyRange) empty() bool { return !r.NoEnd && r.From >= r.To }

// LeadingRanges returns where the values of the first key can lie in the partitions that the expression selects: disjoint ranges
// in ascending order. They hold every partition that matches and may hold others, so the reader still asks Matches. A store that
// keeps partitions in byte order of their values reads only these ranges. Whether partitions outside them have values that are
// not of their key's type is then not noticed.
func (e *Expression) LeadingRanges() []KeyRange {
	if e.root == nil {
		return everything()
	}
	return e.root.ranges(false)
}

func everything() []KeyRange { return []KeyRange{{NoEnd: true}} }

// ranges returns those of the condition, or of its opposite. NOT is moved down to the tests, since a range that holds more than
// the matches has no useful complement.
func (n *node) ranges(negated bool) []KeyRange {
	switch n.op {
	case opNot:
		return n.left.ranges(!negated)
	case opAnd, opOr:
		left, right := n.left.ranges(negated), n.right.ranges(negated)
		if (n.op == opAnd) != negated {
			return intersect(left, right)
		}
		return normalize(append(left, right...))
	}
	op := n.op
	if negated {
		op = op.negated()
	}
	if n.index != 0 {
		return everything()
	}
	return n.testRanges(op)
}

func (n *node) testRanges(op operator) []KeyRange {
	switch op {
	case opIsNull:
		return []KeyRange{point(NullValue)}
	case opIsNotNull, opNotLike:
		return everything()
	case opLike:
		prefix, _, _ := strings.Cut(n.pattern[0], "_")
		if len(n.pattern) == 1 && prefix == n.pattern[0] {
			return []KeyRange{point(prefix)}
		}
		return []KeyRange{startingWith(prefix)}
	}
	if n.kind == kindDecimal || n.kind == kindInteger && op != opEqual && op != opIn {
		return everything() // byte order is not the numbers' order
	}
	if n.kind == kindInteger {
		return n.integerPoints()
	}
	first := n.values[0]
	switch op {
	case opEqual, opIn:
		var points []KeyRange
		for _, v := range n.values {
			points = append(points, KeyRange{From: n.lowest(v), To: after(n.highest(v))})
		}
		return normalize(points)
	case opNotEqual, opNotIn:
		if n.kind != kindString {
			return everything()
		}
		return n.between()
	case opLess:
		return normalize([]KeyRange{{To: n.highest(first)}})
	case opLessEqual:
		return []KeyRange{{To: after(n.highest(first))}}
	case opGreater:
		return []KeyRange{{From: after(n.highest(first)), NoEnd: true}}
	case opGreaterEqual:
		return []KeyRange{{From: n.lowest(first), NoEnd: true}}
	case opBetween:
		return normalize([]KeyRange{{From: n.lowest(first), To: after(n.highest(n.values[1]))}})
	default: // opNotBetween
		return normalize([]KeyRange{{To: n.highest(first)}, {From: after(n.highest(n.values[1])), NoEnd: true}})
	}
}

// lowest and highest return the first and last text, in byte order, of the texts that are the value v. Only timestamps have more
// than one: 00:00:00, 00:00:00.0, and so on to nine digits.
func (n *node) lowest(v value) string {
	if n.kind == kindTimestamp {
		return strings.TrimSuffix(strings.TrimRight(v.text, "0"), ".")
	}
	return v.text
}

func (n *node) highest(v value) string { return v.text }

// integerPoints returns the usual text of each integer, and the ranges of all the unusual ones: signed, or with leading zeros.
func (n *node) integerPoints() []KeyRange {
	points := []KeyRange{startingWith("+"), startingWith("-"), startingWith("0")}
	for _, v := range n.values {
		if v.number.sign > 0 {
			points = append(points, point(v.number.digits+strings.Repeat("0", v.number.point-len(v.number.digits))))
		}
	}
	return normalize(points)
}

// between returns the gaps around the test's values.
func (n *node) between() []KeyRange {
	values := make([]string, len(n.values))
	for i, v := range n.values {
		values[i] = v.text
	}
	slices.Sort(values)
	var gaps []KeyRange
	from := ""
	for _, v := range values {
		gaps = append(gaps, KeyRange{From: from, To: v})
		from = after(v)
	}
	return normalize(append(gaps, KeyRange{From: from, NoEnd: true}))
}

// after returns the text that directly follows s in byte order.
func after(s string) string { return s + "\x00" }

func point(s string) KeyRange { return KeyRange{From: s, To: after(s)} }

func startingWith(prefix string) KeyRange {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return KeyRange{From: prefix, NoEnd: true}
	}
	end[len(end)-1]++
	return KeyRange{From: prefix, To: string(end)}
}

// normalize sorts ranges, drops empty ones and joins those that overlap or touch.
func normalize(ranges []KeyRange) []KeyRange {
	ranges = slices.DeleteFunc(ranges, KeyRange.empty)
	slices.SortFunc(ranges, func(a, b KeyRange) int { return strings.Compare(a.From, b.From) })
	var out []KeyRange
	for _, r := range ranges {
		if len(out) == 0 {
			out = append(out, r)
			continue
		}
		last := &out[len(out)-1]
		switch {
		case last.NoEnd:
		case r.From > last.To:
			out = append(out, r)
		case r.NoEnd:
			last.NoEnd, last.To = true, ""
		default:
			last.To = max(last.To, r.To)
		}
	}
	return out
}

// intersect returns what two normalized lists have in common.
func intersect(a, b []KeyRange) []KeyRange {
	var out []KeyRange
	for len(a) > 0 && len(b) > 0 {
		common := KeyRange{From: max(a[0].From, b[0].From), NoEnd: a[0].NoEnd && b[0].NoEnd}
		aEndsFirst := !a[0].NoEnd && (b[0].NoEnd || a[0].To < b[0].To)
		switch {
		case aEndsFirst:
			common.To = a[0].To
		case !b[0].NoEnd:
			common.To = b[0].To
		}
		if !common.empty() {
			out = append(out, common)
		}
		if aEndsFirst {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}
