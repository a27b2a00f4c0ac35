package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// encoded gives a value computed by DuckDB in both formats.
func encoded(t require.TestingT, c *duck.Conn, f format, typ rsql.Type, expr string) (text string, bin []byte) {
	r, err := c.Query(context.Background(), "SELECT "+expr, false)
	require.NoError(t, err)
	defer r.Close()
	chunk, err := r.Next()
	require.NoError(t, err)
	v := &vectors{chunk, []rsql.Type{typ}, f}
	require.False(t, v.Null(0, 0), expr)
	return string(v.AppendText(nil, 0, 0)), v.AppendBinary(nil, 0, 0)
}

func TestValuesHavePostgreSQLsTextAndBinaryForm(t *testing.T) {
	c := newScanner(t).conn
	utc := format{zone: time.UTC}
	text := rsql.Varchar(20)
	tests := []struct {
		typ  rsql.Type
		expr string
		want string
		bin  string // hex, or empty for the text itself
	}{
		{rsql.Bool, "true", "t", "01"},
		{rsql.Bool, "false", "f", "00"},
		{rsql.Int2, "-2::SMALLINT", "-2", "fffe"},
		{rsql.Int4, "2147483647", "2147483647", "7fffffff"},
		{rsql.Int8, "(-9223372036854775807 - 1)::BIGINT", "-9223372036854775808", "8000000000000000"},
		{rsql.Int8, "42::HUGEINT", "42", "000000000000002a"},
		{rsql.Float4, "0.1::FLOAT", "0.1", "3dcccccd"},
		{rsql.Float8, "0.1::DOUBLE", "0.1", "3fb999999999999a"},
		{rsql.Float8, "1e20::DOUBLE", "1e+20", "4415af1d78b58c40"},
		{rsql.Float8, "100000::DOUBLE", "100000", "40f86a0000000000"},
		{rsql.Float8, "(1.0::DOUBLE/3)", "0.333333333333333", "3fd5555555555555"},
		{rsql.Float8, "'nan'::DOUBLE", "NaN", "7ff8000000000000"},
		{rsql.Float8, "'-inf'::DOUBLE", "-Infinity", "fff0000000000000"},
		{rsql.Decimal(5, 2), "-1.05::DECIMAL(5,2)", "-1.05", "0002000040000002000101f4"},
		{rsql.Decimal(38, 10), "'1234567890123456789012345678.0000000001'::DECIMAL(38,10)", "1234567890123456789012345678.0000000001", ""},
		{rsql.Decimal(9, 3), "0::DECIMAL(9,3)", "0.000", "0000000000000003"},
		{rsql.Decimal(18, 0), "10000::DECIMAL(18,0)", "10000", "00010001000000000001"},
		{text, "'Zürich'", "Zürich", ""},
		{text, "'a text of more than twelve bytes'", "a text of more than twelve bytes", ""},
		{rsql.Date, "DATE '2024-02-29'", "2024-02-29", "00002279"},
		{rsql.Date, "DATE '0044-03-15 (BC)'", "0044-03-15 BC", ""},
		{rsql.Timestamp, "TIMESTAMP '2024-05-01 12:34:56.5'", "2024-05-01 12:34:56.5", "0002ba627b975d20"},
		{rsql.Timestamp, "TIMESTAMP '1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999", ""},
		{rsql.TimestampTZ, "TIMESTAMPTZ '2024-05-01 12:34:56+02'", "2024-05-01 10:34:56+00", ""},
		{rsql.Time, "TIME '01:02:03.000004'", "01:02:03.000004", "00000000dde878c4"},
		{rsql.TimeTZ, "TIMETZ '01:02:03+05:30'", "01:02:03+05:30", ""},
		{rsql.IntervalDS, "INTERVAL '1 day 02:03:04'", "1 day 02:03:04", ""},
		{rsql.IntervalYM, "INTERVAL '14 months'", "1 year 2 mons", "0000000e"},
		{rsql.Type{Kind: rsql.KindVarbyte}, `'\xAB\x01'::BLOB`, "ab01", "ab01"},
		{rsql.CatalogArray(text), `['a', 'b c', NULL, '"']`, `{a,"b c",NULL,"\""}`, ""},
		{rsql.CatalogArray(rsql.Int2), "[1, 2]::SMALLINT[]", "{1,2}", "0000000100000001000000150000000200000001000000020001000000020002"},
		{rsql.Super, `'{"a":1}'`, `{"a":1}`, ""},
	}
	for _, test := range tests {
		t.Run(test.expr, func(t *testing.T) {
			got, bin := encoded(t, c, utc, test.typ, test.expr)
			require.Equal(t, test.want, got)
			if test.bin != "" {
				require.Equal(t, test.bin, hex.EncodeToString(bin))
			}
		})
	}
	oslo, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	got, _ := encoded(t, c, format{zone: oslo}, rsql.TimestampTZ, "TIMESTAMPTZ '2024-05-01 00:00:00+00'")
	require.Equal(t, "2024-05-01 05:30:00+05:30", got)
	got, _ = encoded(t, c, format{zone: time.UTC, extraDigits: 3}, rsql.Float8, "0.1::DOUBLE")
	require.Equal(t, "0.10000000000000001", got)
}

// The decoders of pgx, which real clients use, must read the binary form as the value that the text form names.
func TestBinaryAndTextNameTheSameValue(t *testing.T) {
	c := newScanner(t).conn
	types := pgtype.NewMap()
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, 37).Draw(t, "scale")
		digits := rapid.StringMatching(`-?[0-9]{1,37}`).Draw(t, "digits")
		n, _ := new(big.Int).SetString(digits, 10)
		cast := fmt.Sprintf("DECIMAL(38,%d)", scale)
		typ := rsql.Decimal(38, scale)
		literal := decimalText(n, scale)
		text, bin := encoded(t, c, format{zone: time.UTC}, typ, duck.Quote(literal)+"::"+cast)
		var fromText, fromBin pgtype.Numeric
		require.NoError(t, types.Scan(1700, pgtype.TextFormatCode, []byte(text), &fromText))
		require.NoError(t, types.Scan(1700, pgtype.BinaryFormatCode, bin, &fromBin))
		a, err := fromText.Value()
		require.NoError(t, err)
		b, err := fromBin.Value()
		require.NoError(t, err)
		x, _ := new(big.Rat).SetString(a.(string))
		y, _ := new(big.Rat).SetString(b.(string))
		require.Zero(t, x.Cmp(y), "%s: %s and %s", literal, a, b)
		want, _ := new(big.Rat).SetString(literal)
		require.Zero(t, want.Cmp(x))

		back, err := numericText(bin)
		require.NoError(t, err)
		again, _ := new(big.Rat).SetString(back)
		require.Zero(t, again.Cmp(x), "as a parameter %s reads %s", literal, back)

		micros := rapid.Int64Range(-62e15, 250e15).Draw(t, "micros")
		text, bin = encoded(t, c, format{zone: time.UTC}, rsql.Timestamp, fmt.Sprintf("make_timestamp(%d::BIGINT)", micros))
		var at pgtype.Timestamp
		require.NoError(t, types.Scan(1114, pgtype.BinaryFormatCode, bin, &at))
		require.Equal(t, micros, at.Time.UnixMicro())
		fromParam, err := binaryText(rsql.Timestamp, bin)
		require.NoError(t, err)
		require.Equal(t, text, fromParam)
	})
}

func decimalText(n *big.Int, scale int) string {
	return new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
}

func TestBinaryParametersOfTheWrongLengthAreRefused(t *testing.T) {
	for _, typ := range []rsql.Type{rsql.Bool, rsql.Int4, rsql.Int8, rsql.Float8, rsql.Date, rsql.Timestamp, rsql.Decimal(10, 2)} {
		_, err := paramTexts([]rsql.Type{typ}, []pgwire.Value{{Data: []byte{1, 2, 3}, Binary: true}})
		require.ErrorContains(t, err, "incorrect binary data format in bind parameter 1", typ.Name())
	}
	_, err := paramTexts([]rsql.Type{rsql.Varchar(10)}, []pgwire.Value{{Data: []byte("a\x00b")}})
	require.ErrorContains(t, err, "invalid byte sequence")
	_, err = paramTexts(nil, []pgwire.Value{{Data: []byte("a")}})
	require.ErrorContains(t, err, "0 parameters")
}

func FuzzBinaryParameters(f *testing.F) {
	f.Add(1, []byte{0, 1, 0, 0, 0, 0, 0, 2, 0, 7})
	f.Add(7, []byte{0, 2, 0, 0, 0x40, 0, 0, 2, 0, 1, 1, 0xf4})
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		_, err := binaryText(pgTypes[uint(kind)%uint(len(pgTypes))].typ, data)
		_ = err // anything may be refused; nothing may panic
	})
}
