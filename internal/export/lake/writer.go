package lake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// Defaults of WriterOptions.
const (
	// DefaultPartBytes keeps objects within the 64 to 128 MB that Redshift's guide asks for where files cannot be split.
	DefaultPartBytes = 96 << 20
	// DefaultLevel is where gzip's size still falls much and its cost is still low.
	DefaultLevel = 5
	// DefaultUploads bounds the objects of one run that are on their way at the same time.
	DefaultUploads = 4
	// DefaultPutTimeout bounds one upload, so that a store that never answers does not hold a run.
	DefaultPutTimeout = 5 * time.Minute
)

// chunkBytes is how many bytes of rows go to the compressor at once, or PartBytes if that is less. Parts end at the end of a chunk.
const chunkBytes = 256 << 10

// WriterOptions tune a Writer. Zero fields get defaults.
type WriterOptions struct {
	// Level is gzip's, 1 to 9.
	Level int
	// PartBytes is the compressed size at which an object ends.
	PartBytes int64
	// TempDir holds objects that outgrow memory while they are written; the system's by default.
	TempDir    string
	Uploads    int
	PutTimeout time.Duration
}

// Writer turns rows into the objects of one run. Rows come folder by folder; each folder's rows fill objects one after the other,
// so one compressor is open at a time whatever the number of days. Compression runs beside the caller, uploads beside both.
//
// A Writer serves one goroutine. It must end with Close or Abort. After an error every further call fails with it.
type Writer struct {
	bucket  bucket.Bucket
	stem    string
	options WriterOptions

	group *errgroup.Group
	ctx   context.Context
	stop  context.CancelFunc
	work  chan chunk
	free  chan []byte
	slots chan struct{}

	chunk chunk
	// objects belong to the compressor until Close has waited for it.
	objects []*Object
}

// chunk is some whole rows for the open part.
type chunk struct {
	text     []byte
	rows     int64
	min, max uint64
	dir, day string
	// end closes the folder's last part after the chunk.
	end bool
}

// NewWriter begins the objects of the run that layout and window name. It keeps ctx until Close or Abort.
func NewWriter(ctx context.Context, b bucket.Bucket, l Layout, w Window, o WriterOptions) *Writer {
	if o.Level == 0 {
		o.Level = DefaultLevel
	}
	if o.PartBytes == 0 {
		o.PartBytes = DefaultPartBytes
	}
	if o.Uploads == 0 {
		o.Uploads = DefaultUploads
	}
	if o.PutTimeout == 0 {
		o.PutTimeout = DefaultPutTimeout
	}
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	stopped, stop := context.WithCancel(ctx)
	group, gctx := errgroup.WithContext(stopped)
	wr := &Writer{
		bucket: b, stem: l.stem(w), options: o,
		group: group, ctx: gctx, stop: stop,
		work: make(chan chunk, 2), free: make(chan []byte, 4), slots: make(chan struct{}, o.Uploads),
	}
	group.Go(wr.compress)
	return wr
}

// Begin says where the rows that follow belong: a folder with a slash at its end, and the event day or "".
func (w *Writer) Begin(dir, day string) error {
	if w.chunk.dir == dir {
		return nil
	}
	if err := w.endFolder(); err != nil {
		return err
	}
	w.chunk.dir, w.chunk.day = dir, day
	return nil
}

// Buffer returns the buffer to append one row to, with its line break.
func (w *Writer) Buffer() []byte {
	if w.chunk.text == nil {
		select {
		case w.chunk.text = <-w.free:
		default:
			w.chunk.text = make([]byte, 0, chunkBytes+chunkBytes/4)
		}
	}
	return w.chunk.text
}

// Commit takes the buffer with the row appended, and the row's log position.
func (w *Writer) Commit(buffer []byte, position uint64) error {
	c := &w.chunk
	c.text = buffer
	if c.rows == 0 || position < c.min {
		c.min = position
	}
	c.max = max(c.max, position)
	c.rows++
	if len(c.text) < min(chunkBytes, int(w.options.PartBytes)) {
		return nil
	}
	return w.send(false)
}

func (w *Writer) endFolder() error {
	if w.chunk.dir == "" {
		return nil
	}
	return w.send(true)
}

func (w *Writer) send(end bool) error {
	c := w.chunk
	c.end = end
	w.chunk = chunk{dir: c.dir, day: c.day}
	select {
	case w.work <- c:
		return nil
	case <-w.ctx.Done():
		return w.wait()
	}
}

// wait returns the error that ended the writer's goroutines.
func (w *Writer) wait() error {
	if err := w.group.Wait(); err != nil {
		return err
	}
	return w.ctx.Err()
}

// Close writes what is left and returns the objects in the order of their rows, all of them stored.
func (w *Writer) Close() ([]Object, error) {
	defer w.stop()
	err := w.endFolder()
	close(w.work)
	if err != nil {
		return nil, err
	}
	if err := w.group.Wait(); err != nil {
		return nil, err
	}
	all := make([]Object, len(w.objects))
	for i, o := range w.objects {
		all[i] = *o
	}
	return all, nil
}

// Abort ends the writer and waits for its uploads. Objects that were stored stay.
func (w *Writer) Abort() {
	w.stop()
	_ = w.group.Wait() // the caller aborts because of an error it has
}

// part is the object being written.
type part struct {
	spool  *spool
	object *Object
}

// compress is the goroutine that fills parts.
func (w *Writer) compress() (err error) {
	var open *part
	var number int
	defer func() {
		if open != nil {
			err = errors.Join(err, open.spool.Close())
		}
	}()
	zip, err := gzip.NewWriterLevel(nil, w.options.Level)
	if err != nil {
		return fmt.Errorf("preparing gzip: %w", err)
	}
	for {
		var c chunk
		var more bool
		select {
		case c, more = <-w.work:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
		if !more {
			return nil
		}
		if c.rows > 0 {
			if open == nil {
				open = &part{newSpool(w.options.TempDir), &Object{Key: c.dir + partName(w.stem, number), Day: c.day, MinPosition: c.min}}
				zip.Reset(open.spool)
				number++
			}
			if _, err := zip.Write(c.text); err != nil {
				return fmt.Errorf("compressing %s: %w", open.object.Key, err)
			}
			open.object.add(&c)
		}
		if c.text != nil {
			select {
			case w.free <- c.text[:0]:
			default:
			}
		}
		if open != nil && (c.end || open.spool.size >= w.options.PartBytes) {
			if err := zip.Close(); err != nil {
				return fmt.Errorf("compressing %s: %w", open.object.Key, err)
			}
			done := open
			open = nil
			if err := w.upload(done); err != nil {
				return err
			}
		}
		if c.end {
			number = 0
		}
	}
}

func (o *Object) add(c *chunk) {
	o.Rows += c.rows
	o.MinPosition = min(o.MinPosition, c.min)
	o.MaxPosition = max(o.MaxPosition, c.max)
}

// upload stores a finished part beside the compressor, as soon as one of the upload slots is free.
func (w *Writer) upload(p *part) error {
	p.object.Bytes, p.object.SHA256 = p.spool.size, p.spool.hexSum()
	w.objects = append(w.objects, p.object)
	select {
	case w.slots <- struct{}{}:
	case <-w.ctx.Done():
		return errors.Join(w.ctx.Err(), p.spool.Close())
	}
	w.group.Go(func() error {
		defer func() { <-w.slots }()
		return errors.Join(w.put(p), p.spool.Close())
	})
	return nil
}

// put stores a part. An object that is there already with the same content, left by an earlier attempt or by an upload whose answer
// was lost, is not touched: replacing it would break queries that are reading it.
func (w *Writer) put(p *part) error {
	ctx, done := context.WithTimeout(w.ctx, w.options.PutTimeout)
	defer done()
	o, key := p.object, p.object.Key
	_, err := w.bucket.Put(ctx, key, p.spool.reader(), o.Bytes, bucket.PutOptions{ContentType: "application/gzip", IfAbsent: true})
	if errors.Is(err, bucket.ErrExists) {
		var same bool
		if same, err = hasContent(ctx, w.bucket, o); same || err != nil {
			return err
		}
		_, err = w.bucket.Put(ctx, key, p.spool.reader(), o.Bytes, bucket.PutOptions{ContentType: "application/gzip"})
	}
	if err != nil {
		return fmt.Errorf("storing %s: %w", w.bucket.Location(key), err)
	}
	return nil
}
