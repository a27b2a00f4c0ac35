package rsql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// fuzzSeeds are the statements of the table tests and some broken ones.
var fuzzSeeds = func() []string {
	seeds := []string{
		"", ";", "select", "select 'a", "select $", "select /*", `select "`, "((((", "select 1::", "select a.b.c.d.e.f", "select case",
		"select * from a join b join c on true on true", "select \x00", "select 1e1e1", "select 'a'\n'b'", "select * from (((select 1)))",
	}
	for _, test := range canonical {
		seeds = append(seeds, test.sql)
	}
	return seeds
}()

// FuzzParse checks that no text panics, that errors have a state and a place,
// and that what parses also prints to text with the same AST.
func FuzzParse(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		parsed, err := Parse(sql)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Len(t, e.SQLState, 5)
			require.Positive(t, e.Position)
			return
		}
		for _, s := range parsed {
			text := Print(s)
			again, err := Parse(text)
			var e *Error
			if err != nil {
				// Parentheses that printing adds may exceed the depth limit.
				require.ErrorAs(t, err, &e)
				require.Equal(t, StateStatementTooComplex, e.SQLState, text)
				return
			}
			require.Len(t, again, 1, text)
			if diff := cmp.Diff(s, again[0], sameAST); diff != "" {
				t.Fatalf("%s\n%s", text, diff)
			}
			if q, ok := s.(*Query); ok {
				_, err := Bind(q, testEnv{}, nil)
				if err != nil {
					require.ErrorAs(t, err, &e)
				}
			}
		}
	})
}
