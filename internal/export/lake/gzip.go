package lake

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/klauspost/compress/flate"
)

// zipper writes gzip files with one compressor, whatever the number of files that are open. The compressor, which takes a megabyte,
// goes over from one file to the other at the end of a block; each file is one gzip member, since not all readers go on after the
// first one. A file that is written without interruption has the bytes that a compressor of its own would make.
type zipper struct {
	level int
	flate *flate.Writer
	owner *zipped
}

// zipped is a gzip file that is being written.
type zipped struct {
	*Part
	crc, size uint32
}

func (z *zipper) begin(p *Part) (*zipped, error) {
	// No name, the zero time, an unknown operating system: the header that compress/gzip writes by default.
	header := [10]byte{0: 0x1f, 1: 0x8b, 2: 8, 9: 255}
	binary.LittleEndian.PutUint32(header[4:], uint32(time.Time{}.Unix()))
	switch z.level {
	case flate.BestCompression:
		header[8] = 2
	case flate.BestSpeed:
		header[8] = 4
	}
	if _, err := p.Write(header[:]); err != nil {
		return nil, err
	}
	return &zipped{Part: p}, nil
}

func (z *zipper) write(f *zipped, text []byte) (err error) {
	if z.flate == nil {
		if z.flate, err = flate.NewWriter(io.Discard, z.level); err != nil {
			return fmt.Errorf("preparing gzip: %w", err)
		}
	}
	if z.owner != f {
		if z.owner != nil {
			if err := z.flate.Flush(); err != nil {
				return fmt.Errorf("compressing %s: %w", z.owner.Key, err)
			}
		}
		z.flate.Reset(f)
		z.owner = f
	}
	f.crc = crc32.Update(f.crc, crc32.IEEETable, text)
	f.size += uint32(len(text))
	if _, err := z.flate.Write(text); err != nil {
		return fmt.Errorf("compressing %s: %w", f.Key, err)
	}
	return nil
}

// end completes the file.
func (z *zipper) end(f *zipped) (err error) {
	if z.owner == f {
		err = z.flate.Close()
		z.owner = nil
	} else {
		_, err = f.Write([]byte{3, 0}) // a last block without content
	}
	if err == nil {
		tail := binary.LittleEndian.AppendUint32(nil, f.crc)
		_, err = f.Write(binary.LittleEndian.AppendUint32(tail, f.size))
	}
	if err != nil {
		return fmt.Errorf("compressing %s: %w", f.Key, err)
	}
	return nil
}
