package rsql

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTokensCarryDecodedTextAndCharacterPositions(t *testing.T) {
	tests := []struct {
		name, sql string
		want      token // the first token, without byte offsets
	}{
		{"an unquoted identifier folds to lower case", "Foo_1$", token{kind: tokIdent, text: "foo_1$", pos: 1}},
		{"a quoted identifier keeps its case", `"A""b"`, token{kind: tokIdent, quoted: true, text: `A"b`, pos: 1}},
		{"quotes double", "'it''s'", token{kind: tokString, text: "it's", pos: 1}},
		{"the backslash escapes in plain strings", `'a\'b\\c\n\x41\101\q'`, token{kind: tokString, text: "a'b\\c\nAAq", pos: 1}},
		{"an E string is the same", `E'a\tb'`, token{kind: tokString, text: "a\tb", pos: 1}},
		{"strings on several lines are one", "'a'\n 'b'", token{kind: tokString, text: "ab", pos: 1}},
		{"strings on one line are two", "'a' 'b'", token{kind: tokString, text: "a", pos: 1}},
		{"a dollar-quoted string is raw", `$x$a'\n$$$x$`, token{kind: tokString, text: `a'\n$$`, pos: 1}},
		{"a parameter", "$12", token{kind: tokParam, text: "12", pos: 1}},
		{"a number with an exponent", "1.5E-3", token{kind: tokNumber, text: "1.5e-3", pos: 1}},
		{"a number without an exponent", "1e", token{kind: tokNumber, text: "1", pos: 1}},
		{"comments are white space", "-- x\n/* a /* b */ c */ y", token{kind: tokIdent, text: "y", pos: 24}},
		{"positions count characters", "/*é*/ x", token{kind: tokIdent, text: "x", pos: 7}},
		{"the longest operator wins", "!~~*x", token{kind: tokOp, text: "!~~*", pos: 1}},
		{"a no-break space separates", "\u00a0x", token{kind: tokIdent, text: "x", pos: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tokens, err := lex(test.sql, false)
			require.NoError(t, err)
			got := tokens[0]
			got.start, got.end = 0, 0
			require.Equal(t, test.want, got)
		})
	}
}

func TestUnterminatedTextIsAnErrorWhereItBegins(t *testing.T) {
	tests := []struct {
		sql, want string
		pos       int
	}{
		{"select 'a", `unterminated quoted string at or near "'a"`, 8},
		{`select "a`, `unterminated quoted identifier at or near ""a"`, 8},
		{"select $$a", `unterminated dollar-quoted string at or near "$$a"`, 8},
		{"select /* a", "unterminated /* comment", 8},
		{`select ""`, `zero-length delimited identifier at or near """"`, 8},
		{"select \xff", `invalid byte sequence for encoding "UTF8"`, 8},
		{"select '\xff'", `invalid byte sequence for encoding "UTF8"`, 8},
		{"select {1}", `syntax error at or near "{"`, 8},
	}
	for _, test := range tests {
		t.Run(test.sql, func(t *testing.T) {
			_, err := Parse(test.sql)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.want, e.Message)
			require.Equal(t, test.pos, e.Position)
		})
	}
}

func FuzzLex(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		tokens, err := lex(sql, false)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Positive(t, e.Position)
			return
		}
		end := 0
		for _, tok := range tokens {
			require.GreaterOrEqual(t, tok.start, end, "tokens don't overlap")
			require.LessOrEqual(t, tok.start, tok.end)
			end = tok.end
		}
		require.Equal(t, tokEOF, tokens[len(tokens)-1].kind)
	})
}

func TestABackslashStandsForItselfInStandardStrings(t *testing.T) {
	const sql = `select 'a\' || E'b\'c' || 'd''e'`
	_, err := Parse(sql)
	require.Error(t, err, "the backslash escapes the quote")
	parsed, err := ParseStandard(sql)
	require.NoError(t, err)
	again, err := Parse(Print(parsed[0]))
	require.NoError(t, err)
	require.Equal(t, Print(parsed[0]), Print(again[0]), "printed text means the same under either rule")
	require.Contains(t, Print(parsed[0]), "'d''e'")
}
