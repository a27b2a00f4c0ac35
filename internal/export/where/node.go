package where

// op is what a node does.
type op uint8

const (
	opLiteral op = iota
	opProperty
	opUser
	opEvent
	opOr
	opAnd
	opNot
	opEqual
	opUnequal
	opGreater
	opGreaterEqual
	opLess
	opLessEqual
	opIn
	opAdd
	opSubtract
	opMultiply
	opDivide
	opRemainder
	opNegate
	opFloor
	opRound
	opCeil
	opBoolean
	opNumber
	opString
	opDefined
	opDatetime
)

// spelling is how operators, functions and sources are written.
var spelling = [...]string{
	opProperty: "properties", opUser: "user", opEvent: "event",
	opOr: "or", opAnd: "and", opNot: "not",
	opEqual: "==", opUnequal: "!=", opGreater: ">", opGreaterEqual: ">=", opLess: "<", opLessEqual: "<=", opIn: "in",
	opAdd: "+", opSubtract: "-", opMultiply: "*", opDivide: "/", opRemainder: "%", opNegate: "-",
	opFloor: "floor", opRound: "round", opCeil: "ceil",
	opBoolean: "boolean", opNumber: "number", opString: "string", opDefined: "defined", opDatetime: "datetime",
}

// Levels of binding, from loose to tight.
const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelCompare
	levelAdd
	levelMultiply
	levelPrimary
)

func (o op) level() int {
	switch {
	case o == opOr:
		return levelOr
	case o == opAnd:
		return levelAnd
	case o == opNot:
		return levelNot
	case o >= opEqual && o <= opIn:
		return levelCompare
	case o == opAdd || o == opSubtract:
		return levelAdd
	case o >= opMultiply && o <= opRemainder:
		return levelMultiply
	default:
		return levelPrimary
	}
}

func (o op) binary() bool { return o >= opOr && o <= opRemainder && o != opNot }

// field is a property that is not kept among the properties of an event.
type field uint8

const (
	fieldNone field = iota
	fieldTime
	fieldSeconds
	fieldName
	fieldDistinctID
	fieldDeviceID
	fieldUserID
	fieldInsertID
)

// fields are the properties that ingestion lifts out of events, and the name, which only event[...] knows.
var fields = map[string]field{
	"$time": fieldTime, "time": fieldSeconds, "distinct_id": fieldDistinctID, "$distinct_id": fieldDistinctID,
	"$device_id": fieldDeviceID, "$user_id": fieldUserID, "$insert_id": fieldInsertID,
}

// node is an operation with its operands: left only, or left and right.
type node struct {
	op          op
	pos         int
	left, right *node
	name        string // of a property
	field       field  // what the name is for events
	value       value  // of a literal
}

// walk calls fn with the node and all below it.
func (n *node) walk(fn func(*node)) {
	for ; n != nil; n = n.left {
		fn(n)
		if n.right != nil {
			n.right.walk(fn)
		}
	}
}
