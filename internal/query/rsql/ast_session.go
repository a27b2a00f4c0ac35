package rsql

type (
	// Explain is EXPLAIN [VERBOSE] statement.
	Explain struct {
		Source
		Verbose   bool
		Statement Statement
	}
	// Set is SET [SESSION|LOCAL] name TO value. SET TIME ZONE sets timezone,
	// SET SESSION AUTHORIZATION session_authorization. Default marks TO DEFAULT.
	Set struct {
		Source
		Local   bool
		Name    string
		Values  []string
		Default bool
	}
	// SetTransaction is SET TRANSACTION and SET SESSION CHARACTERISTICS AS
	// TRANSACTION.
	SetTransaction struct {
		Source
		Session bool
		Modes   TransactionModes
	}
	// Reset is RESET name; the name is all for RESET ALL.
	Reset struct {
		Source
		Name string
	}
	// Show is SHOW name; the name is all for SHOW ALL.
	Show struct {
		Source
		Name string
	}
	// ShowObjects is the family of SHOW commands that list the catalog. What
	// is one of databases, schemas, tables, columns, views, procedures,
	// functions, grants, column grants, primary keys, foreign keys, exported
	// keys, parameters, table, view, external table, datashares, constraints.
	ShowObjects struct {
		Source
		What string
		// On is the word before Name: database, schema, table, function, ...
		On   string
		Name *ObjectName
		// Pattern is that of LIKE; nil when absent.
		Pattern *string
		Limit   Expr
	}
	// Use is USE database.
	Use struct {
		Source
		Database Name
	}
	// Begin is BEGIN and START TRANSACTION.
	Begin struct {
		Source
		Modes TransactionModes
	}
	// Commit is COMMIT and END.
	Commit struct {
		Source
	}
	// Rollback is ROLLBACK and ABORT.
	Rollback struct {
		Source
	}
	// DeclareCursor is DECLARE name CURSOR FOR query.
	DeclareCursor struct {
		Source
		Name  Name
		Query *Query
	}
	// FetchCursor is FETCH from a cursor. Count is the number of rows, or -1
	// for all.
	FetchCursor struct {
		Source
		Name  Name
		Count int64
	}
	// CloseCursor is CLOSE name.
	CloseCursor struct {
		Source
		Name Name
	}
	// Prepare is PREPARE name [(types)] AS statement.
	Prepare struct {
		Source
		Name      Name
		Types     []Type
		Statement Statement
	}
	// Execute is EXECUTE name [(values)].
	Execute struct {
		Source
		Name Name
		Args []Expr
	}
	// Deallocate is DEALLOCATE name; All stands for DEALLOCATE ALL.
	Deallocate struct {
		Source
		Name Name
		All  bool
	}
	// Discard is DISCARD ALL, PLANS or TEMP.
	Discard struct {
		Source
		What string
	}
	// Cancel is CANCEL process ['message'].
	Cancel struct {
		Source
		Process int64
		Message string
	}
)

// TransactionModes are the options of BEGIN and SET TRANSACTION. Empty fields
// were not written.
type TransactionModes struct {
	Isolation string // serializable, read committed, repeatable read, read uncommitted, snapshot
	Access    string // read only or read write
}
