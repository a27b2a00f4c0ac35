package parquet

import "encoding/binary"

const (
	// pageBytes is the size of values at which a page ends, pageRows the number of rows; rows are a multiple of 8, so that a page's
	// definition levels are bytes of the array's bitmap.
	pageBytes = 1 << 20
	pageRows  = 1 << 16
	// packedGroups is how many groups of 8 a bit-packed run has at most, as in the files of other writers.
	packedGroups = 63
)

// cut is a position in an array: so many rows, values, and bytes of data lie before it.
type cut struct{ row, value, pos int }

// divide notes where pages end before the row, which gets a value next. It is done while rows come, since the bytes of texts would have to be
// walked over once more later.
func (a *array) divide(row int) {
	if len(a.data)-a.page.pos >= pageBytes && a.rows <= row&^7 {
		a.end((a.rows + 7) &^ 7)
	}
	for row >= a.page.row+pageRows {
		a.end(a.page.row + pageRows)
	}
}

// end ends a page before the row, which is a multiple of 8, with all values that there are.
func (a *array) end(row int) {
	a.page = cut{row, a.count, len(a.data)}
	a.cuts = append(a.cuts, a.page)
}

// next returns where the page that begins at c ends, which is the n-th one.
func (a *array) next(n int, c cut, rows int) cut {
	if n < len(a.cuts) {
		return a.cuts[n]
	}
	return cut{min(rows, c.row+pageRows), a.count, len(a.data)}
}

// appendLevels appends the definition levels of the rows [from, to): a length of four bytes and runs of the RLE/bit-packing hybrid.
func (a *array) appendLevels(dst []byte, from, to cut) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	n, count := to.row-from.row, to.value-from.value
	switch count {
	case n:
		dst = append(binary.AppendUvarint(dst, uint64(n)<<1), 1)
	case 0:
		dst = append(binary.AppendUvarint(dst, uint64(n)<<1), 0)
	default:
		at, end := from.row>>3, (to.row+7)>>3
		for at < end {
			groups := min(end-at, packedGroups)
			dst = append(dst, byte(groups<<1|1))
			have := min(at+groups, len(a.valid))
			if at < have {
				dst = append(dst, a.valid[at:have]...)
			}
			for range at + groups - max(at, have) {
				dst = append(dst, 0)
			}
			at += groups
		}
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// appendPlain appends the values [from, to) in the PLAIN layout.
func (a *array) appendPlain(dst []byte, from, to cut) []byte {
	values := a.data[from.pos:to.pos]
	if a.kind != Boolean {
		return append(dst, values...)
	}
	return appendPackedBools(dst, values)
}

func appendPackedBools(dst, values []byte) []byte {
	for ; len(values) > 0; values = values[min(8, len(values)):] {
		var b byte
		for i, v := range values[:min(8, len(values))] {
			b |= v << i
		}
		dst = append(dst, b)
	}
	return dst
}

// appendIndexes appends dictionary indexes: a byte with their width and runs of the hybrid.
func appendIndexes(dst []byte, indexes []uint32, width int) []byte {
	dst = append(dst, byte(width))
	if len(indexes) == 0 {
		return dst
	}
	if equal(indexes) {
		dst = binary.AppendUvarint(dst, uint64(len(indexes))<<1)
		dst = append(dst, byte(indexes[0]))
		if width > 8 {
			dst = append(dst, byte(indexes[0]>>8))
		}
		return dst
	}
	for len(indexes) > 0 {
		run := indexes[:min(len(indexes), packedGroups*8)]
		indexes = indexes[len(run):]
		groups := (len(run) + 7) / 8
		dst = append(dst, byte(groups<<1|1))
		end := len(dst) + groups*width
		var acc uint64
		filled := 0
		for _, v := range run {
			acc |= uint64(v) << filled
			if filled += width; filled >= 32 {
				dst = binary.LittleEndian.AppendUint32(dst, uint32(acc))
				acc >>= 32
				filled -= 32
			}
		}
		for len(dst) < end {
			dst = append(dst, byte(acc))
			acc >>= 8
		}
	}
	return dst
}

func equal(indexes []uint32) bool {
	for _, v := range indexes[1:] {
		if v != indexes[0] {
			return false
		}
	}
	return true
}
