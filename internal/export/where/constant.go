package where

// constant returns the node's value if it is the same for every event. It refuses constants where a boolean is needed, which an expression
// could not be answered with for any; decides says that n stands in such a place. As in evaluating, what a constant on the left has decided is
// not looked at.
func (v *View) constant(n *node, decides bool) (x value, known bool, err error) {
	switch n.op {
	case opLiteral:
		x, known = n.value, true
	case opProperty, opUser, opEvent:
	case opAnd, opOr:
		left, leftKnown, err := v.constant(n.left, true)
		if err != nil || leftKnown && left.boolean == (n.op == opOr) {
			return booleanValue(n.op == opOr), leftKnown, err
		}
		right, rightKnown, err := v.constant(n.right, true)
		return booleanValue(right.boolean), leftKnown && rightKnown, err
	default:
		if x, known, err = v.operation(n); err != nil {
			return value{}, false, err
		}
	}
	if known && decides {
		_, err = condition(n, x)
	}
	return x, known, err
}

// operation is constant for what is neither a value nor logic.
func (v *View) operation(n *node) (value, bool, error) {
	left, known, err := v.constant(n.left, false)
	if err != nil {
		return value{}, false, err
	}
	if n.right == nil {
		if !known {
			return value{}, false, nil
		}
		return v.apply(n.op, &left), true, nil
	}
	right, rightKnown, err := v.constant(n.right, false)
	if err != nil || !known || !rightKnown {
		return value{}, false, err
	}
	x, err := v.combine(n.op, &left, &right)
	return x, true, err
}
