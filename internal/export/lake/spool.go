package lake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/refract-io/refract/internal/platform/fault"
)

// spoolMemory is how much of an object is kept in memory before it goes to a file. Most objects of a continuous pipeline are
// smaller and never touch the disk here.
const spoolMemory = 4 << 20

// spool collects one object's bytes and their hash until its size is known and it can be stored.
type spool struct {
	dir  string
	mem  bytes.Buffer
	file *os.File
	sum  hash.Hash
	size int64
}

func newSpool(dir string) *spool { return &spool{dir: dir, sum: sha256.New()} }

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	s.sum.Write(p)
	s.size += int64(len(p))
	if s.file == nil && s.mem.Len()+len(p) <= spoolMemory {
		return s.mem.Write(p)
	}
	if s.file == nil {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(p)
	if err != nil {
		return n, spoolFault("writing a temporary file", s.file.Name(), err)
	}
	return n, nil
}

// toFile moves what is in memory to a file, where all that follows goes too.
func (s *spool) toFile() error {
	f, err := os.CreateTemp(s.dir, "refract-part-*")
	if err != nil {
		return spoolFault("creating a temporary file", s.dir, err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil { // the open file stays usable and vanishes with the process
		return spoolFault("unlinking a temporary file", f.Name(), err)
	}
	if _, err := f.Write(s.mem.Bytes()); err != nil {
		return spoolFault("writing a temporary file", f.Name(), err)
	}
	s.mem = bytes.Buffer{}
	return nil
}

// reader returns the bytes from their start.
func (s *spool) reader() interface {
	io.ReadSeeker
	io.ReaderAt
} {
	if s.file == nil {
		return bytes.NewReader(s.mem.Bytes())
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

func (s *spool) hexSum() string { return hex.EncodeToString(s.sum.Sum(nil)) }

// Close releases the spool.
func (s *spool) Close() error {
	s.mem = bytes.Buffer{}
	if s.file == nil {
		return nil
	}
	if err := s.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return spoolFault("closing a temporary file", s.file.Name(), err)
	}
	return nil
}

func spoolFault(op, object string, err error) error {
	return fault.New(fault.Transient, op, object, err, "give the folder for temporary files more room")
}
