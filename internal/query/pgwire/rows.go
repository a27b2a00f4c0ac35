package pgwire

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Format codes of the protocol.
const (
	textFormat   = 0
	binaryFormat = 1
)

// cursor walks the rows of a result, batch by batch.
type cursor struct {
	rows  Rows
	batch Batch
	next  int // row of batch
}

// sendRows sends up to limit rows, all for 0. It reports whether the result is at its end.
func (c *conn) sendRows(ctx context.Context, cur *cursor, formats []int16, limit uint32) (bool, error) {
	columns := len(cur.rows.Columns())
	for sent := uint32(0); limit == 0 || sent < limit; {
		if cur.batch == nil || cur.next == cur.batch.Len() {
			batch, err := cur.rows.Next(ctx)
			if err != nil {
				return false, err
			}
			cur.batch, cur.next = batch, 0
			if batch == nil {
				return true, nil
			}
		}
		n := cur.batch.Len() - cur.next
		if limit != 0 {
			n = min(n, int(limit-sent))
		}
		for ; n > 0; n-- {
			c.out = appendDataRow(c.out, cur.batch, cur.next, columns, formats)
			cur.next++
			sent++
			if len(c.out) >= flushSize {
				if err := c.flush(); err != nil {
					return false, err
				}
			}
		}
	}
	return false, nil
}

// appendDataRow appends a DataRow message. formats holds one code for all columns, or one for each.
func appendDataRow(dst []byte, b Batch, row, columns int, formats []int16) []byte {
	start := len(dst)
	dst = append(dst, 'D', 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(columns))
	for col := range columns {
		if b.Null(col, row) {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		if format(formats, col) == binaryFormat {
			dst = b.AppendBinary(dst, col, row)
		} else {
			dst = b.AppendText(dst, col, row)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}

// format is the format code of an item: none given means text, one given holds for all.
func format(codes []int16, i int) int16 {
	switch len(codes) {
	case 0:
		return textFormat
	case 1:
		return codes[0]
	}
	return codes[i]
}

func rowDescription(columns []Column, formats []int16) *pgproto3.RowDescription {
	m := &pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, len(columns))}
	for i, col := range columns {
		m.Fields[i] = pgproto3.FieldDescription{
			Name: []byte(col.Name), DataTypeOID: col.OID, DataTypeSize: col.Size, TypeModifier: col.Modifier,
			Format: format(formats, i),
		}
	}
	return m
}
