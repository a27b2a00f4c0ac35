package lake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// unzip returns the content of the first gzip member, and checks that nothing follows it.
func unzip(t require.TestingT, text []byte) []byte {
	in := bytes.NewReader(text)
	zip, err := gzip.NewReader(in)
	require.NoError(t, err)
	zip.Multistream(false)
	content, err := io.ReadAll(zip)
	require.NoError(t, err)
	require.Zero(t, in.Len(), "bytes follow the first member")
	return content
}

func get(t require.TestingT, b bucket.Bucket, key string) []byte {
	body, _, err := b.Get(context.Background(), key)
	require.NoError(t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	return text
}

// TestFilesWrittenInTurnAreWholeGzipMembers lets one compressor serve several files.
func TestFilesWrittenInTurnAreWholeGzipMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.IntRange(1, 9).Draw(t, "level")
		zip := zipper{level: level}
		parts := NewParts(context.Background(), nil, events, Window{}, JSONLines, WriterOptions{})
		defer parts.Abort()
		files := make([]*zipped, rapid.IntRange(1, 4).Draw(t, "files"))
		want := make([][]byte, len(files))
		for i := range files {
			var err error
			files[i], err = zip.begin(parts.Begin(Folder{Dir: fmt.Sprint(i, "/")}))
			require.NoError(t, err)
		}
		for range rapid.IntRange(0, 20).Draw(t, "writes") {
			i := rapid.IntRange(0, len(files)-1).Draw(t, "file")
			text := bytes.Repeat([]byte(rapid.StringN(0, 20, 200).Draw(t, "text")), rapid.IntRange(1, 500).Draw(t, "times"))
			require.NoError(t, zip.write(files[i], text))
			want[i] = append(want[i], text...)
		}
		for i, f := range files {
			require.NoError(t, zip.end(f))
			text, err := io.ReadAll(f.spool.reader())
			require.NoError(t, err)
			require.Equal(t, string(want[i]), string(unzip(t, text)))
			if len(files) == 1 && len(want[i]) > 0 {
				var alone bytes.Buffer
				w, err := gzip.NewWriterLevel(&alone, level)
				require.NoError(t, err)
				_, err = w.Write(want[i])
				require.NoError(t, err)
				require.NoError(t, w.Close())
				require.Equal(t, unzip(t, alone.Bytes()), unzip(t, text))
				require.Equal(t, alone.Bytes()[:10], text[:10])
			}
		}
	})
}

// TestFoldersMayBeOpenTogetherAndTakenUpAgain is what hours of a raw pipeline and tables of a schematized one need.
func TestFoldersMayBeOpenTogetherAndTakenUpAgain(t *testing.T) {
	b := openBucket(t)
	window := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		window++
		w := Window{After: window, UpTo: window + 1}
		o := WriterOptions{Open: rapid.IntRange(1, 4).Draw(t, "open"), PartBytes: rapid.SampledFrom([]int64{1, 200, 0}).Draw(t, "part")}
		visits := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 40).Draw(t, "visits")
		ends := rapid.Bool().Draw(t, "ends")
		write := func() []Object {
			wr := NewWriter(context.Background(), b, events, w, o)
			for i, v := range visits {
				f := Folder{Dir: fmt.Sprintf("folder/%d/", v), Day: fmt.Sprint(v), Table: "t"}
				require.NoError(t, wr.Begin(f))
				require.NoError(t, wr.Commit(fmt.Appendf(wr.Buffer(), "row %d of folder %d\n", i, v), uint64(i+1)))
				if ends && i%7 == 6 {
					require.NoError(t, wr.End(f.Dir))
				}
			}
			objects, err := wr.Close()
			require.NoError(t, err)
			return objects
		}
		objects := write()
		require.Equal(t, objects, write(), "a function of the rows and their order")
		got := map[string]string{}
		parts := map[string]int{}
		var total int64
		for _, o := range objects {
			dir := o.Key[:strings.LastIndexByte(o.Key, '/')+1]
			require.Equal(t, dir+partName(events.stem(w), parts[dir], JSONLines), o.Key, "part numbers go on")
			parts[dir]++
			text := unzip(t, get(t, b, o.Key))
			require.EqualValues(t, bytes.Count(text, []byte{'\n'}), o.Rows)
			require.Equal(t, "folder/"+o.Day+"/", dir)
			require.LessOrEqual(t, o.MinPosition, o.MaxPosition)
			total += o.Rows
			got[dir] += string(text)
		}
		require.EqualValues(t, len(visits), total)
		want := map[string]string{}
		for i, v := range visits {
			want[fmt.Sprintf("folder/%d/", v)] += fmt.Sprintf("row %d of folder %d\n", i, v)
		}
		require.Equal(t, want, got)
		if o.Open == 4 && o.PartBytes == 0 && !ends && len(want) <= 4 {
			require.Len(t, objects, len(want), "one object for each folder")
		}
	})
}

func TestOpenPartsShareABoundOfMemory(t *testing.T) {
	b := openBucket(t)
	parts := NewParts(context.Background(), b, events, Window{}, Columnar, WriterOptions{TempDir: t.TempDir()})
	noise := make([]byte, spoolMemory-1)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	var open []*Part
	for i := range 2 * openMemory / spoolMemory {
		part := parts.Begin(Folder{Dir: fmt.Sprint(i, "/")})
		_, err := part.Write(noise)
		require.NoError(t, err)
		open = append(open, part)
		memory := 0
		for _, p := range open {
			memory += p.spool.mem.Len()
		}
		require.LessOrEqual(t, memory, openMemory)
		require.Equal(t, memory, parts.memory)
	}
	for i, part := range open {
		_, err := part.Write([]byte{byte(i)})
		require.NoError(t, err)
		require.NoError(t, parts.End(part))
	}
	require.Zero(t, parts.memory)
	objects, err := parts.Close()
	require.NoError(t, err)
	for i, o := range objects {
		require.True(t, bytes.Equal(append(noise[:len(noise):len(noise)], byte(i)), get(t, b, o.Key)))
	}
}

func TestTheLargestOfTooManyPartsIsToEnd(t *testing.T) {
	parts := NewParts(context.Background(), openBucket(t), events, Window{}, Columnar, WriterOptions{})
	defer parts.Abort()
	for i := range maxOpenParts {
		require.Nil(t, parts.Crowded())
		part := parts.Begin(Folder{Dir: fmt.Sprint(i, "/")})
		_, err := part.Write(make([]byte, 1+i*7%maxOpenParts))
		require.NoError(t, err)
	}
	most := parts.Crowded()
	require.EqualValues(t, maxOpenParts, most.Size())
	require.NoError(t, parts.End(most))
	require.Nil(t, parts.Crowded())
}

func TestRowsOfOpenFoldersShareABoundOfMemory(t *testing.T) {
	b := openBucket(t)
	const folders = 400
	wr := NewWriter(context.Background(), b, events, Window{}, WriterOptions{Open: folders, TempDir: t.TempDir(), Level: 1})
	row := append(bytes.Repeat([]byte("x"), 199<<10), '\n')
	for i := range folders {
		require.NoError(t, wr.Begin(Folder{Dir: fmt.Sprint(i, "/")}))
		require.NoError(t, wr.Commit(append(wr.Buffer(), row...), uint64(i)))
		held := 0
		for _, c := range wr.open {
			held += len(c.text)
		}
		require.Equal(t, held, wr.buffered)
		require.LessOrEqual(t, held, bufferedBytes)
	}
	objects, err := wr.Close()
	require.NoError(t, err)
	require.Len(t, objects, folders)
	require.Zero(t, wr.buffered)
}

func TestAWriterWithoutRowsMakesNothing(t *testing.T) {
	b := openBucket(t)
	wr := NewWriter(context.Background(), b, events, Window{}, WriterOptions{})
	require.NoError(t, wr.Begin(Folder{Dir: "a/"}))
	objects, err := wr.Close()
	require.NoError(t, err)
	require.Empty(t, objects)
	for o := range b.List(context.Background(), "") {
		t.Fatal(o.Key)
	}
}
