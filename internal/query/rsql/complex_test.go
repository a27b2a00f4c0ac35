package rsql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCopyingOperationsNestedDeeplyFailInTime nests what stands several times
// in the emitted SQL: without a bound the text would grow exponentially.
func TestCopyingOperationsNestedDeeplyFailInTime(t *testing.T) {
	const depth = 100
	for name, sql := range map[string]string{
		"between":  "select " + strings.Repeat("(", depth) + "null" + strings.Repeat(" between null and null)", depth),
		"nullif":   "select " + strings.Repeat("nullif(", depth) + "1" + strings.Repeat(", 2)", depth),
		"division": "select " + strings.Repeat("(1/", depth) + "a" + strings.Repeat(")", depth) + " from t",
		"decode":   "select " + strings.Repeat("decode(", depth) + "1" + strings.Repeat(", 1, 1, 2, 2)", depth),
		"json":     "select " + strings.Repeat("json_extract_path_text(", depth) + "b" + strings.Repeat(", 'k')", depth) + " from t",
		"case":     "select " + strings.Repeat("case ", depth) + "1" + strings.Repeat(" when 1 then 1 when 2 then 2 end", depth),
		"casts":    "select b" + strings.Repeat("::varchar(2)::int", depth) + " from t",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bind(t, sql, testEnv{})
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, StateStatementTooComplex, e.SQLState)
		})
	}
	_, err := bind(t, "select 1 from t where "+strings.Repeat("a = 1 or ", 3000)+"a = 2", testEnv{})
	require.NoError(t, err, "a long list of conditions is no problem")
}
