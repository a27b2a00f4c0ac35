package schema

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhatADoubleKeeps(t *testing.T) {
	tests := map[string]struct {
		text string
		kept bool
	}{
		"a small whole number":               {"42", true},
		"a price":                            {"9.99", true},
		"zeros at the end":                   {"1.100", true},
		"2^53":                               {"9007199254740992", true},
		"2^53+1":                             {"9007199254740993", false},
		"2^60, which is a double":            {"1152921504606846976", true},
		"2^60+1":                             {"1152921504606846977", false},
		"a negative one":                     {"-9007199254740993", false},
		"15 digits":                          {"0.123456789012345", true},
		"17 digits as printed by clients":    {"0.10000000000000001", true},
		"18 digits of which a double has 17": {"0.123456789012345678", false},
		"an amount beyond a double":          {"12345678901234.56789", false},
		"an exponent":                        {"1e300", true},
		"a power of ten that no double is, but is read as": {"1e23", true},
		"too large":                       {"1e400", false},
		"too large and negative":          {"-1e400", false},
		"too small":                       {"1e-400", false},
		"the least":                       {"5e-324", true},
		"less than the least, rounded up": {"4e-324", false},
		"zero":                            {"0", true},
		"zero with an exponent":           {"-0.000e5", true},
		"twenty zeros":                    {"100000000000000000000", true},
		"a thousand digits":               {strings.Repeat("7", 300), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var n numbers
			v, kept := n.parse([]byte(tt.text))
			require.Equal(t, tt.kept, kept)
			want, err := strconv.ParseFloat(tt.text, 64)
			if err != nil {
				require.True(t, math.IsInf(v, 0))
				return
			}
			require.Equal(t, math.Float64bits(want), math.Float64bits(v))
		})
	}
}

// TestKeptNumbersReadBack compares with exact arithmetic: the double, rounded to the number's digits, is the number.
func TestKeptNumbersReadBack(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`),
		rapid.StringMatching(`(0|[1-9][0-9]{0,3})\.[0-9]{12,16}`), rapid.StringMatching(`-?[1-9][0-9]{13,19}`))
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "number")
		var n numbers
		v, kept := n.parse([]byte(s))
		want, err := strconv.ParseFloat(s, 64)
		if err != nil {
			require.False(t, kept)
			return
		}
		require.Equal(t, math.Float64bits(want), math.Float64bits(v))
		exact, ok := new(big.Rat).SetString(s)
		require.True(t, ok)
		digits := len(appendSignificant(nil, []byte(s)))
		if digits == 0 {
			require.True(t, kept)
			return
		}
		back, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'e', digits-1, 64))
		require.True(t, ok)
		require.Equal(t, back.Cmp(exact) == 0, kept)
	})
}
