package sample

import "strconv"

// writer appends JSON text. Its texts come from the tables below and need no escapes.
type writer struct{ b []byte }

func (w *writer) raw(s string) *writer {
	w.b = append(w.b, s...)
	return w
}

func (w *writer) key(k string) *writer {
	w.b = append(append(append(w.b, ',', '"'), k...), '"', ':')
	return w
}

func (w *writer) text(s string) *writer {
	w.b = append(append(append(w.b, '"'), s...), '"')
	return w
}

func (w *writer) number(n int64) *writer {
	w.b = strconv.AppendInt(w.b, n, 10)
	return w
}

// decimal writes n scaled down by 10^places, with all its places: 403.30 stays 403.30.
func (w *writer) decimal(n, places int) *writer {
	scale := 1
	for range places {
		scale *= 10
	}
	w.b = append(strconv.AppendInt(w.b, int64(n/scale), 10), '.')
	for scale /= 10; scale > 0; scale /= 10 {
		w.b = append(w.b, byte('0'+n/scale%10))
	}
	return w
}

func (w *writer) bool(v bool) *writer {
	w.b = strconv.AppendBool(w.b, v)
	return w
}

const digits = "0123456789abcdef"

func (w *writer) hex(v uint64) *writer { return w.hex32(uint32(v >> 32)).hex32(uint32(v)) }

func (w *writer) hex32(v uint32) *writer {
	for shift := 28; shift >= 0; shift -= 4 {
		w.b = append(w.b, digits[v>>shift&15])
	}
	return w
}
