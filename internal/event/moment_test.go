package event

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTimesAreReadInSecondsOrMilliseconds(t *testing.T) {
	for text, want := range map[string]int64{
		"1618716477":                    1618716477000,
		"1618716477000":                 1618716477000,
		"1618716477.123":                1618716477123,
		"1618716477.1239999":            1618716477123,
		"1618716477123.9":               1618716477123,
		"1.618716477123e9":              1618716477123,
		"1.618716477123E+12":            1618716477123,
		"16187164771230e-4":             1618716477123,
		"1618716477.0000000000000000":   1618716477000,
		"0.0000000000000000000001":      0,
		"000001618716477":               1618716477000,
		"0":                             0,
		"-5":                            -5000,
		"99999999999":                   99999999999000,
		"99999999999.999":               99999999999999,
		"100000000000":                  100000000000,
		"9223372036854775807":           9223372036854775800,
		"9223372036854775808":           9223372036854775800,
		"10000000000000000000":          math.MaxInt64,
		"1e400":                         math.MaxInt64,
		"1e999999999999999999999999999": math.MaxInt64,
		"1e-999999999999999999":         0,
		"123456789012345678901234567":   math.MaxInt64,
		"0e99999999999":                 0,
	} {
		got, ok := ParseTime([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-", ".5", "1.", "1e", "1e+", "e5", "1 ", " 1", "0x10", "2021-04-18T03:27:57", "1..2", "1.2.3", "1e5e5", "NaN", "+1", "٣"} {
		_, ok := ParseTime([]byte(text))
		require.False(t, ok, text)
	}
}

func TestTimesAreReadExactly(t *testing.T) {
	threshold := new(big.Rat).SetInt64(millisThreshold)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,8})?([eE][+-]?[0-9])?`).Draw(t, "text")
		value, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		size := new(big.Rat).Abs(value)
		if size.Cmp(threshold) < 0 {
			size.Mul(size, big.NewRat(1000, 1))
		}
		want := new(big.Int).Quo(size.Num(), size.Denom())
		got, ok := ParseTime([]byte(text))
		require.True(t, ok)
		if digits := len(size.Num().String()); want.BitLen() < 63 && digits <= 18 {
			if value.Sign() < 0 {
				want.Neg(want)
			}
			require.Equal(t, want.Int64(), got, text)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	f.Add([]byte("1618716477.123e2"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ms, ok := ParseTime(text)
		require.True(t, ok || ms == 0)
	})
}
