package lake

import (
	"context"
	"slices"

	"github.com/refract-io/refract/internal/platform/bucket"
)

const (
	// chunkBytes is how many bytes of rows go to the compressor at once, or PartBytes if that is less. Parts end at the end of a chunk.
	chunkBytes = 256 << 10
	// bufferedBytes bounds the rows of all open folders that wait for the compressor.
	bufferedBytes = 32 << 20
)

// Writer turns rows into the objects of one run: JSON lines. It keeps a number of folders open, each of whose rows fill objects one
// after the other; one compressor serves them all. Compression runs beside the caller, uploads beside both. What becomes of the rows
// depends on the order in which they come, and on nothing else.
//
// A Writer serves one goroutine. It must end with Close or Abort. After an error every further call fails with it.
type Writer struct {
	parts   *Parts
	options WriterOptions
	started bool
	work    chan *chunk
	free    chan []byte

	open     []*chunk // one for each open folder, the one used last at the end
	buffered int
}

// Rows describes some rows of a folder.
type Rows struct {
	Count int64
	// MinPosition and MaxPosition bound their log positions.
	MinPosition, MaxPosition uint64
	// Values has for each column the number of values that are not null; nil if nobody counts them.
	Values []int64
}

// chunk is some whole rows of a folder.
type chunk struct {
	folder Folder
	text   []byte
	rows   Rows
	// end closes the folder's last part after the chunk.
	end bool
}

// NewWriter begins the objects of the run that layout and window name. It keeps ctx until Close or Abort. A writer that is given no
// rows makes no objects and costs nothing.
func NewWriter(ctx context.Context, b bucket.Bucket, l Layout, w Window, o WriterOptions) *Writer {
	parts := NewParts(ctx, b, l, w, JSONLines, o)
	return &Writer{parts: parts, options: parts.options, work: make(chan *chunk, 2), free: make(chan []byte, 4)}
}

// Begin says where the rows that follow belong. When more folders are open than may be, the one that was not used for longest ends.
func (w *Writer) Begin(f Folder) error {
	if n := len(w.open); n > 0 && w.open[n-1].folder.Dir == f.Dir {
		return nil
	}
	i := slices.IndexFunc(w.open, func(c *chunk) bool { return c.folder.Dir == f.Dir })
	if i >= 0 {
		c := w.open[i]
		copy(w.open[i:], w.open[i+1:])
		w.open[len(w.open)-1] = c
		return nil
	}
	if len(w.open) == w.options.Open {
		if err := w.send(0, true); err != nil {
			return err
		}
	}
	w.open = append(w.open, &chunk{folder: f})
	return nil
}

// End ends the folder that has the prefix dir, if it is open.
func (w *Writer) End(dir string) error {
	i := slices.IndexFunc(w.open, func(c *chunk) bool { return c.folder.Dir == dir })
	if i < 0 {
		return nil
	}
	return w.send(i, true)
}

// Buffer returns the buffer to append rows of the folder to, with their line breaks.
func (w *Writer) Buffer() []byte {
	c := w.open[len(w.open)-1]
	if c.text == nil && w.options.Open == 1 {
		select {
		case c.text = <-w.free:
		default:
			c.text = make([]byte, 0, chunkBytes+chunkBytes/4)
		}
	}
	return c.text
}

// Commit takes the buffer with one row appended, and the row's log position.
func (w *Writer) Commit(buffer []byte, position uint64) error {
	return w.CommitRows(buffer, &Rows{Count: 1, MinPosition: position, MaxPosition: position})
}

// CommitRows takes the buffer with the rows appended.
func (w *Writer) CommitRows(buffer []byte, rows *Rows) error {
	last := len(w.open) - 1
	c := w.open[last]
	w.buffered += len(buffer) - len(c.text)
	c.text = buffer
	c.rows.add(rows)
	if len(c.text) >= min(chunkBytes, int(w.options.PartBytes)) {
		return w.send(last, false)
	}
	if w.buffered > bufferedBytes {
		most := 0
		for i, c := range w.open {
			if len(c.text) > len(w.open[most].text) {
				most = i
			}
		}
		return w.send(most, false)
	}
	return nil
}

// add adds further rows to those that are described.
func (r *Rows) add(more *Rows) {
	if more.Count == 0 {
		return
	}
	if r.Count == 0 || more.MinPosition < r.MinPosition {
		r.MinPosition = more.MinPosition
	}
	r.MaxPosition = max(r.MaxPosition, more.MaxPosition)
	r.Count += more.Count
	r.Values = AddValues(r.Values, more.Values)
}

// AddValues adds counts by column, which may be of more columns than there were.
func AddValues(to, more []int64) []int64 {
	if n := len(more) - len(to); n > 0 {
		to = append(to, make([]int64, n)...)
	}
	for i, n := range more {
		to[i] += n
	}
	return to
}

// send hands the chunk of an open folder over to the compressor.
func (w *Writer) send(i int, end bool) error {
	c := w.open[i]
	w.buffered -= len(c.text)
	c.end = end
	if end {
		w.open = slices.Delete(w.open, i, i+1)
	} else {
		w.open[i] = &chunk{folder: c.folder}
	}
	if !w.started {
		w.started = true
		w.parts.Go(w.compress)
	}
	select {
	case w.work <- c:
		return nil
	case <-w.parts.Done():
		return w.parts.Err()
	}
}

// Close writes what is left and returns the objects folder by folder, all of them stored.
func (w *Writer) Close() ([]Object, error) {
	var err error
	for err == nil && len(w.open) > 0 {
		err = w.send(0, true)
	}
	close(w.work)
	if err != nil {
		w.parts.Abort()
		return nil, err
	}
	return w.parts.Close()
}

// Abort ends the writer and waits for its uploads. Objects that were stored stay.
func (w *Writer) Abort() { w.parts.Abort() }

// compress is the goroutine that fills parts.
func (w *Writer) compress() error {
	zip := zipper{level: w.options.Level}
	open := map[string]*zipped{}
	end := func(dir string) error {
		f := open[dir]
		delete(open, dir)
		if err := zip.end(f); err != nil {
			return err
		}
		return w.parts.End(f.Part)
	}
	for {
		var c *chunk
		var more bool
		select {
		case c, more = <-w.work:
		case <-w.parts.Done():
			return w.parts.ctx.Err()
		}
		if !more {
			return nil
		}
		dir := c.folder.Dir
		if c.rows.Count > 0 {
			if open[dir] == nil {
				if most := w.parts.Crowded(); most != nil {
					if err := end(most.Folder()); err != nil {
						return err
					}
				}
				f, err := zip.begin(w.parts.Begin(c.folder))
				if err != nil {
					return err
				}
				open[dir] = f
			}
			f := open[dir]
			if err := zip.write(f, c.text); err != nil {
				return err
			}
			f.Add(&c.rows)
			select {
			case w.free <- c.text[:0]:
			default:
			}
		}
		if f := open[dir]; f != nil && (c.end || f.Full()) {
			if err := end(dir); err != nil {
				return err
			}
		}
	}
}
