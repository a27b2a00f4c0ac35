package rsql

type (
	// Insert is INSERT INTO. Exactly one of Query and DefaultValues is set.
	Insert struct {
		Source
		Table         ObjectName
		Columns       []Name
		Query         *Query
		DefaultValues bool
	}
	// Update is UPDATE.
	Update struct {
		Source
		Table ObjectName
		Alias *Name
		Set   []Assignment
		From  []TableExpr
		Where Expr
	}
	// Delete is DELETE.
	Delete struct {
		Source
		Table ObjectName
		Alias *Name
		Using []TableExpr
		Where Expr
	}
)

// Assignment is one column = value of UPDATE SET.
type Assignment struct {
	Column Name
	Value  Expr
}
