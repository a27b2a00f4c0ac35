package rsql

// Pos is a position in the script: 1-based, in characters.
type Pos int

// Position gives the position as a plain number, for Error.Position.
func (p Pos) Position() int { return int(p) }

// Node is any part of the AST.
type Node interface {
	Position() int
}

// Name is an identifier. The text of an unquoted name is already lower-cased;
// that of a quoted one is as written, and Bind folds it to lower case unless
// enable_case_sensitive_identifier is on.
type Name struct {
	Text   string
	Quoted bool
}

// ObjectName is a possibly qualified name of one to three parts:
// database, schema, object.
type ObjectName struct {
	Pos
	Parts []Name
}

// Last is the unqualified name.
func (n ObjectName) Last() Name { return n.Parts[len(n.Parts)-1] }

// Statement is one statement of a script.
type Statement interface {
	Node
	// SourceText is the statement as written, without the semicolon.
	SourceText() string
	statement()
}

// Source is where a statement stands in the script. Every statement embeds it.
type Source struct {
	Pos
	Text string
}

// SourceText implements Statement.
func (s *Source) SourceText() string { return s.Text }

func (s *Source) statement() {}

func (s *Source) setSource(pos Pos, text string) { s.Pos, s.Text = pos, text }
