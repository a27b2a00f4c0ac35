package rsql

// Environment answers Bind's questions about the catalog and the session. The
// engine's session implements it; calls come from one goroutine at a time.
type Environment interface {
	// Relation finds a table or view. Empty database and schema mean the
	// current database and the search path. When there is none it gives an
	// *Error with SQLSTATE 42P01, 3F000 or 3D000; Bind adds the position.
	Relation(database, schema, name string) (*Relation, error)
	// Setting is the value of a session parameter, such as
	// enable_case_sensitive_identifier or json_serialization_enable; empty
	// when it isn't set.
	Setting(name string) string
}

// Relation is a table or view a query can name. The relations of pg_catalog,
// information_schema and the svv family are ordinary relations as well.
type Relation struct {
	Database string
	Schema   string
	Name     string
	Columns  []Column
	// External marks a table of an external schema: every occurrence in a
	// query becomes a Scan.
	External bool
	// DuckDB is the table expression of other relations, such as a quoted
	// name. Its columns must have the names of Columns and their DuckDB types.
	DuckDB string
}

// Column is a column of a Relation.
type Column struct {
	Name         string
	Type         Type
	PartitionKey bool
}

// settingOn reports whether a boolean session parameter is on.
func settingOn(env Environment, name string) bool {
	switch env.Setting(name) {
	case "on", "true", "t", "1", "yes", "y":
		return true
	}
	return false
}
