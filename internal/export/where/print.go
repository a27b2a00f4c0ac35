package where

import (
	"strconv"

	"github.com/refract-io/refract/internal/event"
)

// appendNode appends the node's text with no more parentheses than it needs.
func appendNode(dst []byte, n *node) []byte {
	switch {
	case n.op == opLiteral:
		return appendLiteral(dst, &n.value)
	case n.op <= opEvent:
		dst = append(append(dst, spelling[n.op]...), '[')
		return append(event.AppendString(dst, n.name), ']')
	case n.op == opNegate:
		return appendOperand(append(dst, '-'), n.left, levelPrimary)
	case n.op == opNot:
		return appendOperand(append(dst, "not "...), n.left, levelNot)
	case n.op.binary():
		level := n.op.level()
		dst = append(appendOperand(dst, n.left, level), ' ')
		dst = append(append(dst, spelling[n.op]...), ' ')
		return appendOperand(dst, n.right, level+1)
	default:
		dst = append(append(dst, spelling[n.op]...), '(')
		return append(appendNode(dst, n.left), ')')
	}
}

// appendOperand puts the node in parentheses if it binds more loosely than the level.
func appendOperand(dst []byte, n *node, level int) []byte {
	if n.op.level() >= level {
		return appendNode(dst, n)
	}
	return append(appendNode(append(dst, '('), n), ')')
}

func appendLiteral(dst []byte, v *value) []byte {
	switch v.kind {
	case kindBoolean:
		return strconv.AppendBool(dst, v.boolean)
	case kindNumber:
		return v.number.append(dst)
	case kindList:
		dst = append(dst, '[')
		for i := range v.elements {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendLiteral(dst, &v.elements[i])
		}
		return append(dst, ']')
	default:
		return event.AppendString(dst, v.text)
	}
}
