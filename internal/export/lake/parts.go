package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

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

const (
	// maxOpenParts bounds the parts that are open at the same time, each of which may be a temporary file.
	maxOpenParts = 512
	// openMemory bounds the memory of all open parts of a run; the largest go to files.
	openMemory = 64 << 20
)

// WriterOptions tune how the objects of a run are written. Zero fields get defaults.
type WriterOptions struct {
	// Level is gzip's, 1 to 9.
	Level int
	// PartBytes is the compressed size at which an object ends.
	PartBytes int64
	// TempDir holds objects that outgrow memory while they are written; the system's by default.
	TempDir    string
	Uploads    int
	PutTimeout time.Duration
	// Open is how many folders a Writer keeps open at the same time, 1 by default: a folder ends when another one begins.
	Open int
	// Replace is asked before an object that is there with other content is replaced, and forbids it with an error; nil allows it.
	Replace func(context.Context) error
}

func (o WriterOptions) withDefaults() WriterOptions {
	o.Level = cmp.Or(o.Level, DefaultLevel)
	o.PartBytes = cmp.Or(o.PartBytes, DefaultPartBytes)
	o.Uploads = cmp.Or(o.Uploads, DefaultUploads)
	o.PutTimeout = cmp.Or(o.PutTimeout, DefaultPutTimeout)
	o.TempDir = cmp.Or(o.TempDir, os.TempDir())
	o.Open = cmp.Or(o.Open, 1)
	return o
}

// Kind is the kind of file that parts are.
type Kind struct{ suffix, contentType string }

// The kinds of files.
var (
	JSONLines = Kind{".json.gz", "application/gzip"}
	Columnar  = Kind{".parquet", "application/vnd.apache.parquet"}
)

// Folder is where rows lie.
type Folder struct {
	// Dir is the prefix of the keys of the folder's objects, with a slash at its end.
	Dir string
	// Day is the day of all its rows, as 2026-05-01; empty in a snapshot.
	Day string
	// Table is the table's name where a run has several.
	Table string
}

// Parts names, collects and stores the objects of one run. Parts of several folders may be open at the same time, and a folder may be
// taken up again: its part numbers go on. Uploads run beside the caller, in bounded number.
//
// Parts serves one goroutine, which may be one that Go started. It must end with Close or Abort.
type Parts struct {
	bucket  bucket.Bucket
	stem    string
	kind    Kind
	options WriterOptions

	group *errgroup.Group
	ctx   context.Context
	stop  context.CancelFunc
	slots chan struct{}

	folders map[string]*numbering
	open    []*Part // in the order of their beginning
	memory  int     // of the open parts
	ended   []*Part
}

// numbering counts the parts of a folder. Folders are in the order in which they were first used.
type numbering struct{ order, parts int }

// Part is an object that is being written. Its writer fills in the description of its rows.
type Part struct {
	Object
	parts         *Parts
	spool         *spool
	order, number int
}

// NewParts begins the objects of the run that layout and window name. It keeps ctx until Close or Abort.
func NewParts(ctx context.Context, b bucket.Bucket, l Layout, w Window, k Kind, o WriterOptions) *Parts {
	stopped, stop := context.WithCancel(ctx)
	group, gctx := errgroup.WithContext(stopped)
	o = o.withDefaults()
	return &Parts{
		bucket: b, stem: l.stem(w), kind: k, options: o,
		group: group, ctx: gctx, stop: stop, slots: make(chan struct{}, o.Uploads),
		folders: map[string]*numbering{},
	}
}

// Go runs fn beside the caller. Its error ends the parts, as the error of an upload does.
func (p *Parts) Go(fn func() error) { p.group.Go(fn) }

// Done is closed when the parts have ended by an error or by Abort.
func (p *Parts) Done() <-chan struct{} { return p.ctx.Done() }

// Err returns the error that ended the parts, when Done is closed. It waits for what runs beside the caller.
func (p *Parts) Err() error {
	if err := p.group.Wait(); err != nil {
		return err
	}
	return p.ctx.Err()
}

// Crowded returns the part that is to be ended before another one begins, or nil. It is the largest, which is nearest to a good size.
func (p *Parts) Crowded() *Part {
	if len(p.open) < maxOpenParts {
		return nil
	}
	return slices.MaxFunc(p.open, func(a, b *Part) int { return cmp.Compare(a.Size(), b.Size()) })
}

// Begin opens the folder's next part.
func (p *Parts) Begin(f Folder) *Part {
	n := p.folders[f.Dir]
	if n == nil {
		n = &numbering{order: len(p.folders)}
		p.folders[f.Dir] = n
	}
	part := &Part{
		Object: Object{Key: f.Dir + partName(p.stem, n.parts, p.kind), Day: f.Day, Table: f.Table},
		parts:  p, spool: newSpool(p.options.TempDir), order: n.order, number: n.parts,
	}
	n.parts++
	p.open = append(p.open, part)
	return part
}

// Write adds bytes to the part.
func (p *Part) Write(b []byte) (int, error) {
	before := p.spool.mem.Len()
	n, err := p.spool.Write(b)
	p.parts.memory += p.spool.mem.Len() - before
	if err == nil && p.parts.memory > openMemory {
		err = p.parts.relieve()
	}
	return n, err
}

// Folder returns the prefix of the part's key.
func (p *Part) Folder() string { return p.Key[:strings.LastIndexByte(p.Key, '/')+1] }

// Add adds rows to those that the part's object describes.
func (p *Part) Add(rows *Rows) {
	o := &p.Object
	all := Rows{o.Rows, o.MinPosition, o.MaxPosition, o.Values}
	all.add(rows)
	o.Rows, o.MinPosition, o.MaxPosition, o.Values = all.Count, all.MinPosition, all.MaxPosition, all.Values
}

// Size returns how many bytes the part has.
func (p *Part) Size() int64 { return p.spool.size }

// Full reports whether the part has the size at which it ends.
func (p *Part) Full() bool { return p.spool.size >= p.parts.options.PartBytes }

// relieve moves the part that takes most memory to a file.
func (p *Parts) relieve() error {
	most := slices.MaxFunc(p.open, func(a, b *Part) int { return cmp.Compare(a.spool.mem.Len(), b.spool.mem.Len()) })
	p.memory -= most.spool.mem.Len()
	return most.spool.toFile()
}

// End stores a part beside the caller, as soon as one of the upload slots is free.
func (p *Parts) End(part *Part) error {
	p.close(part)
	part.Bytes, part.SHA256 = part.spool.size, part.spool.hexSum()
	p.ended = append(p.ended, part)
	select {
	case p.slots <- struct{}{}:
	case <-p.ctx.Done():
		return errors.Join(p.ctx.Err(), part.spool.Close())
	}
	p.group.Go(func() error {
		defer func() { <-p.slots }()
		err := errors.Join(p.put(part), part.spool.Close())
		part.spool = nil
		return err
	})
	return nil
}

// close takes a part out of the open ones.
func (p *Parts) close(part *Part) {
	i := slices.Index(p.open, part)
	p.open = slices.Delete(p.open, i, i+1)
	p.memory -= part.spool.mem.Len()
}

// put stores a part.
func (p *Parts) put(part *Part) error {
	ctx, done := context.WithTimeout(p.ctx, p.options.PutTimeout)
	defer done()
	body := func() io.ReadSeeker { return part.spool.reader() }
	if err := putUnlessThere(ctx, p.bucket, &part.Object, body, p.kind.contentType, p.options.Replace); err != nil {
		return fmt.Errorf("storing %s: %w", p.bucket.Location(part.Key), err)
	}
	return nil
}

// putUnlessThere stores an object. One that is there already with the same content, left by an earlier attempt or by an upload whose
// answer was lost, is not touched: replacing it would break queries that are reading it. One with other content is replaced if replace,
// unless it is nil, returns no error.
func putUnlessThere(ctx context.Context, b bucket.Bucket, o *Object, body func() io.ReadSeeker, contentType string, replace func(context.Context) error) error {
	_, err := b.Put(ctx, o.Key, body(), o.Bytes, bucket.PutOptions{ContentType: contentType, IfAbsent: true})
	if !errors.Is(err, bucket.ErrExists) {
		return err
	}
	if same, err := hasContent(ctx, b, o); same || err != nil {
		return err
	}
	if replace != nil {
		if err := replace(ctx); err != nil {
			return err
		}
	}
	_, err = b.Put(ctx, o.Key, body(), o.Bytes, bucket.PutOptions{ContentType: contentType})
	return err
}

// Close waits until all parts are stored and returns them folder by folder, in the order in which folders were first used. Parts that
// are still open are not among them.
func (p *Parts) Close() ([]Object, error) {
	defer p.stop()
	err := p.group.Wait()
	if err = errors.Join(err, p.drop()); err != nil {
		return nil, err
	}
	slices.SortFunc(p.ended, func(a, b *Part) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.number, b.number)) })
	var all []Object
	for _, part := range p.ended {
		all = append(all, part.Object)
	}
	return all, nil
}

// Abort ends the parts and waits for what runs beside the caller. Objects that were stored stay.
func (p *Parts) Abort() {
	p.stop()
	_ = p.group.Wait() // the caller aborts because of an error it has
	_ = p.drop()
}

// drop releases the parts that are open.
func (p *Parts) drop() (err error) {
	for _, part := range p.open {
		err = errors.Join(err, part.spool.Close())
	}
	p.open = nil
	return err
}
