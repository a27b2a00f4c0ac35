package lake

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// hasContent reports whether the bucket's object under o.Key is o byte by byte.
func hasContent(ctx context.Context, b bucket.Bucket, o *Object) (bool, error) {
	head, err := b.Head(ctx, o.Key)
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describing %s: %w", b.Location(o.Key), err)
	}
	if head.Size != o.Bytes {
		return false, nil
	}
	body, _, err := b.Get(ctx, o.Key)
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening %s: %w", b.Location(o.Key), err)
	}
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		return false, fault.New(fault.Transient, "comparing", b.Location(o.Key), err, "")
	}
	return hex.EncodeToString(sum.Sum(nil)) == o.SHA256, nil
}

// Counts is what an object holds.
type Counts struct {
	Rows int64
	// Values has for each column that was asked for the number of values that are not null.
	Values []int64
	// Members is the number of members of the objects in the column of JSON objects that was asked for.
	Members int64
}

// Count reads the whole of an object and counts its rows and, if columns is not nil, the values of these columns, which are those of
// its table in order: a Parquet file may lack some at the end. Of the column objects, if it is one of them, the members of the JSON
// objects are counted too. Text after the last line break of JSON lines is an error, as are keys that are no columns and anything but
// whole gzip members or pages.
func Count(ctx context.Context, b bucket.Bucket, key string, columns []string, objects string) (*Counts, error) {
	body, o, err := b.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", b.Location(key), err)
	}
	defer body.Close()
	if strings.HasSuffix(key, Columnar.suffix) {
		return countParquet(b.Location(key), body, o.Size, columns, objects)
	}
	zip, err := gzip.NewReader(body)
	if err != nil {
		return nil, fault.New(fault.Setup, "reading", b.Location(key), err, "it is no object of a pipeline: move it elsewhere")
	}
	defer zip.Close()
	return countLines(ctx, b.Location(key), zip, columns, objects)
}

// countParquet reads a Parquet file, which is read from its end.
func countParquet(location string, body io.Reader, size int64, columns []string, objects string) (_ *Counts, err error) {
	whole := newSpool(os.TempDir())
	defer func() { err = errors.Join(err, whole.Close()) }()
	if n, err := io.Copy(whole, body); err != nil || n != size {
		return nil, fault.New(fault.Transient, "reading", location, errors.Join(err, fmt.Errorf("%d of %d bytes", n, size)), "")
	}
	damaged := func(err error) error {
		return fault.New(fault.Setup, "reading", location, err, "the object is damaged: export it again")
	}
	counts := &Counts{}
	members := memberCounter{n: &counts.Members}
	c, err := parquet.Count(whole.reader(), size, objects, members.add)
	if err != nil {
		return nil, damaged(err)
	}
	counts.Rows = c.Rows
	if columns != nil {
		if len(c.Columns) > len(columns) || !slices.Equal(c.Columns, columns[:len(c.Columns)]) {
			return nil, damaged(fmt.Errorf("its columns are %q, which are not the first of the table's", c.Columns))
		}
		counts.Values = append(c.Values, make([]int64, len(columns)-len(c.Columns))...)
	}
	return counts, nil
}

// memberCounter counts the members of JSON objects.
type memberCounter struct {
	n       *int64
	scanner event.Scanner
}

func (c *memberCounter) add(object []byte) error {
	if _, err := c.scanner.Object(object, 0); err != nil {
		return err
	}
	*c.n += int64(len(c.scanner.Members))
	return nil
}

// countLines reads JSON lines. Without columns only line breaks are looked for.
func countLines(ctx context.Context, location string, in io.Reader, columns []string, objects string) (*Counts, error) {
	damaged := func(err error, hint string) error { return fault.New(fault.Setup, "reading", location, err, hint) }
	counts := &Counts{}
	var index map[string]int
	if columns != nil {
		counts.Values = make([]int64, len(columns))
		index = make(map[string]int, len(columns))
		for i, name := range columns {
			index[name] = i
		}
	}
	var scanner event.Scanner
	members := memberCounter{n: &counts.Members}
	var text []byte
	lines := bufio.NewReaderSize(in, 256<<10)
	var long []byte // the beginning of a line that is longer than the buffer
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, line...)
			continue
		case errors.Is(err, io.EOF) && len(line)+len(long) == 0:
			return counts, nil
		case errors.Is(err, io.EOF):
			return nil, damaged(io.ErrUnexpectedEOF, "the last line is cut: export it again")
		case err != nil:
			return nil, damaged(err, "the object is damaged: export it again")
		}
		if len(long) > 0 {
			long = append(long, line...)
			line, long = long, long[:0]
		}
		counts.Rows++
		if columns == nil {
			continue
		}
		if _, err := scanner.Object(line[:len(line)-1], 0); err != nil {
			return nil, damaged(fmt.Errorf("line %d: %w", counts.Rows, err), "the object is damaged: export it again")
		}
		for i := range scanner.Members {
			f := &scanner.Members[i]
			column, ok := index[string(f.RawKey(line))]
			if !ok {
				return nil, damaged(fmt.Errorf("line %d: %q is no column of the table", counts.Rows, f.RawKey(line)), "the object is damaged: export it again")
			}
			if f.Kind == event.Null {
				continue
			}
			counts.Values[column]++
			if columns[column] == objects {
				text = f.AppendText(text[:0], line)
				if err := members.add(text); err != nil {
					return nil, damaged(fmt.Errorf("line %d, %s: %w", counts.Rows, objects, err), "the object is damaged: export it again")
				}
			}
		}
	}
}
