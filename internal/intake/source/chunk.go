package source

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Limits of a chunk. MaxChunkRecords is Mixpanel's limit of events in one import request; MaxChunkBytes leaves room below its limit of
// 10 MB.
const (
	MaxChunkRecords = 2000
	MaxChunkBytes   = 8 << 20
)

// Chunk is a run of records of one file, ready to be sent.
type Chunk struct {
	// File is the path the records came from, "-" for standard input.
	File string
	// First is the number of the first record in the file, counting from 1.
	First int64
	// Records is how many there are.
	Records int
	// Body is the records as NDJSON.
	Body []byte
	// Key is the same whenever the same records of the same file are read with the same mapping.
	Key string
	// Read is how many bytes of the file, as it lies on disk, have been read for this and earlier chunks.
	Read int64
}

// Options say how files are read.
type Options struct {
	// Mapping turns records into events; nil when they are events already.
	Mapping *Mapping
	// CSVText keeps all cells of CSV files as text.
	CSVText bool
	// Whole keeps properties whatever Mixpanel's limits, see Importer. It is part of every chunk's key, since a chunk of which some
	// records were refused holds others without limits.
	Whole bool
	// Job is part of every chunk's key. Another job imports the same file again.
	Job string
}

// Expand returns the files that the paths name: a folder stands for the files below it whose names end in .json, .ndjson, .jsonl, .csv
// or .tsv, plain or with .gz, .zst or .bz2, in order of their names. "-" is standard input.
func Expand(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		if path == "-" {
			files = append(files, path)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("looking for the file to import: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		below, err := filesBelow(path)
		if err != nil {
			return nil, err
		}
		if len(below) == 0 {
			return nil, fmt.Errorf("folder %s holds no .json, .ndjson, .jsonl, .csv or .tsv file", path)
		}
		files = append(files, below...)
	}
	return files, nil
}

func filesBelow(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && hasDataName(path) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing folder %s: %w", dir, err)
	}
	sort.Strings(files)
	return files, nil
}

func bareName(name string) string {
	name = strings.ToLower(name)
	for _, end := range []string{".gz", ".zst", ".bz2"} {
		name = strings.TrimSuffix(name, end)
	}
	return name
}

func hasDataName(name string) bool {
	switch filepath.Ext(bareName(name)) {
	case ".json", ".ndjson", ".jsonl", ".csv", ".tsv":
		return true
	}
	return false
}

func isTSV(name string) bool      { return strings.HasSuffix(bareName(name), ".tsv") }
func hasCSVName(name string) bool { return isTSV(name) || strings.HasSuffix(bareName(name), ".csv") }

// Read cuts a file into chunks and calls fn with each, in order. The chunk is fn's to keep.
func Read(file string, opts Options, fn func(*Chunk) error) error {
	in, identity := os.Stdin, "-"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("opening the file to import: %w", err)
		}
		defer f.Close()
		in = f
		if identity, err = filepath.Abs(file); err != nil {
			return fmt.Errorf("finding the folder of %s: %w", file, err)
		}
	}
	counted := &countingReader{r: in}
	recs, err := openRecords(counted, file, opts.CSVText)
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	salt := opts.Job + "\x00" + identity
	if opts.Whole {
		salt += "\x00whole"
	}
	if opts.Mapping != nil {
		salt += "\x00" + opts.Mapping.String()
	}
	c := &cutter{file: file, salt: salt, counted: counted, first: 1, fn: fn}
	if opts.Mapping != nil {
		c.mapper = &mapper{m: opts.Mapping}
	}
	for n := int64(1); ; n++ {
		record, err := recs.next()
		if errors.Is(err, io.EOF) {
			return c.flush()
		}
		if err != nil {
			// What was read before the damage is good, and a later run goes on from there.
			return errors.Join(fmt.Errorf("reading record %d of %s: %w", n, file, err), c.flush())
		}
		if err := c.add(record); err != nil {
			return err
		}
	}
}

// cutter gathers records into chunks.
type cutter struct {
	file, salt string
	counted    *countingReader
	mapper     *mapper
	first      int64
	count      int
	body       []byte
	fn         func(*Chunk) error
}

func (c *cutter) add(record []byte) error {
	if c.count == MaxChunkRecords || c.count > 0 && len(c.body)+len(record) > MaxChunkBytes {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if c.mapper != nil {
		c.mapper.insertID = c.insertID(c.mapper.insertID[:0])
		c.body = c.mapper.apply(c.body, record)
	} else {
		c.body = append(c.body, record...)
	}
	c.body = append(c.body, '\n')
	c.count++
	return nil
}

// insertID appends a $insert_id made of the next record's place: where the file is, and the number of the record. Strict imports need
// one, and it is the same when the import is run again.
func (c *cutter) insertID(dst []byte) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", c.salt, c.first+int64(c.count)))
	return hex.AppendEncode(dst, sum[:16])
}

func (c *cutter) flush() error {
	if c.count == 0 {
		return nil
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%d\x00", c.salt, c.first)
	h.Write(c.body)
	chunk := &Chunk{File: c.file, First: c.first, Records: c.count, Body: c.body, Key: hex.EncodeToString(h.Sum(nil)[:16]), Read: c.counted.n}
	c.first += int64(c.count)
	c.count, c.body = 0, make([]byte, 0, cap(c.body))
	return c.fn(chunk)
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
