package event

import "bytes"

// Batch walks a request body record by record. The body is one object, an
// array of objects, or objects one after the other with or without line
// breaks between them (NDJSON); the first byte decides. A byte order mark
// before it is skipped.
//
//	for b.Reset(body, "properties"); b.Next(); {
//		if err := b.Err(); err != nil { ... b.Index(), b.Raw() ... continue }
//		... b.Scanner() ...
//	}
//
// An array element that is valid JSON but no object is that element's error.
// An element that is not JSON makes the rest of the array unreadable: it is
// reported as one last record whose Raw is the rest of the body. Between
// objects that follow each other a bad record ends with the line on which the
// error is, or before an earlier line that begins with '{'.
type Batch struct {
	scanner    Scanner
	body       []byte
	state      batchState
	pos        int
	start, end int
	index      int
	err        error
}

type batchState uint8

const (
	batchObjects  batchState = iota // objects follow each other
	batchElements                   // inside an array, at an element
	batchTrailing                   // at text after the array
	batchDone
)

// errNotObject is the error of a record that is JSON, but no object.
var errNotObject = &Invalid{Message: "record is invalid: must be an object"}

// Reset begins a body. Within names the member of each object whose members
// are scanned too, as in Scanner.
func (b *Batch) Reset(body []byte, within string) {
	b.scanner.Within = within
	b.scanner.src = body
	b.body = body
	b.index, b.start, b.end, b.err = -1, 0, 0, nil
	b.state = batchObjects
	b.pos = 0
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		b.pos = len("\ufeff")
	}
	b.pos = b.scanner.space(b.pos)
	switch {
	case b.pos == len(body):
		b.state = batchDone
	case body[b.pos] == '[':
		b.state = batchElements
		b.pos = b.scanner.space(b.pos + 1)
		if b.pos < len(body) && body[b.pos] == ']' {
			b.closeArray(b.pos + 1)
		}
	}
}

// Next moves to the next record, good or bad, and reports whether there is
// one.
func (b *Batch) Next() bool {
	switch b.state {
	case batchObjects:
		b.nextObject()
	case batchElements:
		b.nextElement()
	case batchTrailing:
		b.unreadable(&SyntaxError{Offset: b.pos, Message: "unexpected text after the array"})
	default:
		return false
	}
	b.index++
	return true
}

// Index returns the current record's position in the body, counting from 0.
func (b *Batch) Index() int { return b.index }

// Raw returns the current record's text; that of a bad record is what was
// skipped because of it.
func (b *Batch) Raw() []byte { return b.body[b.start:b.end] }

// Err returns nil, or why the current record cannot be read: a *SyntaxError
// with offsets in the body, or an *Invalid when the record is no object.
func (b *Batch) Err() error { return b.err }

// Scanner returns the tables of the current record, whose offsets refer to
// the whole body. They hold until the next call of Next.
func (b *Batch) Scanner() *Scanner { return &b.scanner }

// closeArray ends the array whose ']' is just before at.
func (b *Batch) closeArray(at int) {
	b.state = batchTrailing
	b.pos = b.scanner.space(at)
	if b.pos == len(b.body) {
		b.state = batchDone
	}
}

// unreadable makes the rest of the body the current record.
func (b *Batch) unreadable(err *SyntaxError) {
	err.Rest = true
	b.start, b.end, b.err = b.pos, len(b.body), err
	b.state = batchDone
}

func (b *Batch) nextElement() {
	s, start := &b.scanner, b.pos
	end, object, failed := b.scan(start)
	if failed != nil {
		b.unreadable(failed)
		return
	}
	i := s.space(end)
	switch {
	case i < len(b.body) && b.body[i] == ',':
		b.pos = s.space(i + 1)
	case i < len(b.body) && b.body[i] == ']':
		b.closeArray(i + 1)
	default:
		s.fail(i, "expected ',' or ']' after an array element")
		b.unreadable(s.syntaxError())
		return
	}
	b.take(start, end, object)
}

// take makes the value the current record.
func (b *Batch) take(start, end int, object bool) {
	b.start, b.end, b.err = start, end, nil
	if !object {
		b.err = errNotObject
	}
}

// scan reads the value at start and returns the offset after it and whether
// it is an object.
func (b *Batch) scan(start int) (end int, object bool, failed *SyntaxError) {
	if start < len(b.body) && b.body[start] == '{' {
		end, failed = b.scanner.scanObject(b.body, start)
		return end, true, failed
	}
	f, failed := b.scanner.scanValue(b.body, start)
	return int(f.ValEnd), false, failed
}

func (b *Batch) nextObject() {
	start := b.pos
	end, object, failed := b.scan(start)
	if failed != nil {
		b.start, b.end, b.err = start, b.resync(start, failed.Offset), failed
	} else {
		b.take(start, end, object)
	}
	b.pos = b.scanner.space(b.end)
	if b.pos == len(b.body) {
		b.state = batchDone
	}
}

// resync returns where the bad record at start ends, given the offset of the
// error in it: with the line of the error, unless a line before that begins
// with '{' and so looks like the next record. A line that was cut off in the
// middle does not take the next one with it that way.
func (b *Batch) resync(start, at int) int {
	for i := start; ; {
		n := bytes.IndexByte(b.body[i:], '\n')
		if n < 0 {
			return len(b.body)
		}
		i += n + 1
		if i > at || i < len(b.body) && b.body[i] == '{' {
			return i
		}
	}
}
