package event

// Operator is one of the verbs of profile and group updates.
type Operator string

// The operators of /engage. /groups has all of them but $append.
const (
	OpSet     Operator = "$set"      // overwrite properties
	OpSetOnce Operator = "$set_once" // write properties that are absent
	OpAdd     Operator = "$add"      // add to numbers, absent counting as 0
	OpUnion   Operator = "$union"    // add to lists what is not in them
	OpAppend  Operator = "$append"   // push onto lists
	OpRemove  Operator = "$remove"   // take out of lists
	OpUnset   Operator = "$unset"    // remove properties
	OpDelete  Operator = "$delete"   // remove the profile
)

// operatorOf returns the operator that the member is, or "".
func operatorOf(f *Field, src []byte) Operator {
	if f.Flags&KeyEscaped != 0 || f.KeyEnd == f.Key || src[f.Key] != '$' {
		return ""
	}
	switch op := Operator(f.RawKey(src)); op {
	case OpSet, OpSetOnce, OpAdd, OpUnion, OpAppend, OpRemove, OpUnset, OpDelete:
		return op
	}
	return ""
}
