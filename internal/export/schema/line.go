package schema

import (
	"math"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/parquet"
)

// AppendRow appends a row of the table as a JSON object and a line break: the same columns and values as a Parquet file of the row has,
// nulls left out. Keys are the names of columns. Times are ISO 8601 in UTC with three digits of fraction, the one form that Athena and
// Redshift Spectrum both read as a timestamp; numbers have as many digits as it takes to read the same double.
func (t *Table) AppendRow(dst []byte, values []parquet.Value) []byte {
	dst = append(dst, '{')
	for i := range values {
		v := &values[i]
		c := &t.columns[v.Column]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), c.Name...), '"', ':')
		switch c.Type.Parquet() {
		case parquet.Double:
			dst = appendDouble(dst, v.Double())
		case parquet.Boolean:
			dst = strconv.AppendBool(dst, v.Boolean())
		case parquet.Timestamp:
			dst = time.UnixMicro(v.Int64()).UTC().AppendFormat(dst, `"2006-01-02T15:04:05.000Z"`)
		default:
			dst = event.AppendString(dst, v.Bytes)
		}
	}
	return append(dst, "}\n"...)
}

// appendDouble appends the shortest text that reads back as v, as JavaScript writes numbers.
func appendDouble(dst []byte, v float64) []byte {
	form := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, v, form, -1, 64)
}
