package rsql

import "strings"

type tokenKind uint8

const (
	tokEOF    tokenKind = iota
	tokIdent            // identifier or keyword; text is lower-cased unless quoted
	tokString           // text is the decoded value
	tokNumber
	tokParam // text is the number after the dollar sign
	tokOp    // operator or punctuation
)

// token is one lexical unit of the script.
type token struct {
	kind   tokenKind
	quoted bool // for tokIdent: written with double quotes
	text   string
	pos    Pos // 1-based character position
	start  int // byte offsets of the raw text
	end    int
}

// keyword reports whether the token is the given unquoted word.
func (t token) keyword(word string) bool {
	return t.kind == tokIdent && !t.quoted && t.text == word
}

func (t token) op(text string) bool { return t.kind == tokOp && t.text == text }

// reserved holds the words that can't name a column, table or alias without
// quotes: the reserved words of the Redshift database developer guide, less
// the compression and storage words Redshift accepts in practice (such as tag,
// snapshot and delta) and oid, which names a system column.
var reserved = wordSet(`all analyse analyze and any array as asc authorization
	between binary both case cast check collate column constraint create cross
	current_date current_time current_timestamp current_user current_user_id
	default deferrable desc distinct do else end except false for foreign freeze
	from full grant group having ilike in initially inner intersect interval into
	is isnull join leading left like limit localtime localtimestamp minus natural
	not notnull null nulls off offset on only or order outer overlaps parallel
	partition pivot placing primary references right select session_user similar
	some sysdate table then timestamp to top trailing true union unique unnest
	unpivot user using verbose when where with without`)

// unlabelled holds words that are not reserved but can't be an alias without
// AS, since they begin a clause at the places where an alias may stand.
var unlabelled = wordSet("at escape fetch ignore over qualify respect within")

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}
