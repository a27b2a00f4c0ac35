package rsql

// ResultColumn is a column of a query's result.
type ResultColumn struct {
	Name string
	Type Type
}

// Bound is a query resolved against a catalog.
type Bound struct {
	Columns []ResultColumn
	// Params are the types of $1, $2, ...: as given to Bind, or inferred from
	// where they stand.
	Params []Type
	// Scans are the occurrences of external tables, in the order of the text.
	Scans  []*Scan
	pieces []piece
}

// piece is a part of the emitted SQL: text, or a scan in place of text.
type piece struct {
	text string
	scan *Scan
}
