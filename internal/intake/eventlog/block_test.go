package eventlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/golden"
)

// samples are the records of the golden file.
func samples() []event.Record {
	return []event.Record{
		{Kind: event.KindEvent, Time: 1_700_000_000_123, Received: 1_700_000_000_456, Name: []byte("Purchase"), DistinctID: []byte("user-1"),
			DeviceID: []byte("device-1"), UserID: []byte("user-1"), InsertID: []byte("5d958f87-542d"), Properties: []byte(`{"price":1.10,"city":"Zürich"}`)},
		{Kind: event.KindProfile, Time: 1_700_000_001_000, Received: 1_700_000_001_000, Name: []byte("$set"), DistinctID: []byte("user-1"),
			Properties: []byte(`{"$set":{"plan":"pro"}}`)},
		{Kind: event.KindGroup, Time: -1, Received: math.MaxInt64, Name: []byte("$delete"), DistinctID: []byte("acme\x00inc"), GroupKey: []byte("company")},
		{Kind: event.KindEvent, Properties: []byte(`{}`)},
	}
}

func encodeAll(t require.TestingT, records []event.Record) *Block {
	var e Encoder
	for i := range records {
		require.NoError(t, e.Append(&records[i]))
	}
	data, err := e.Finish(nil)
	require.NoError(t, err)
	return &Block{Count: e.Count(), Data: data}
}

func decodeAll(b *Block) ([]event.Record, error) {
	var records []event.Record
	err := Decode(b, func(i int, r *event.Record) error {
		if i != len(records) {
			return errors.New("indexes are not 0, 1, 2, ...")
		}
		records = append(records, r.Clone())
		return nil
	})
	return records, err
}

// equal compares records; absent and empty fields are the same.
func equal(a, b []event.Record) string { return cmp.Diff(a, b, cmpopts.EquateEmpty()) }

func TestGoldenBlock(t *testing.T) {
	const name = "testdata/block-v1.bin"
	want := samples()
	golden.Update(t, name, func() []byte { return encodeAll(t, want).Data })
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	got, err := decodeAll(&Block{Count: len(want), Data: data})
	require.NoError(t, err)
	require.Empty(t, equal(want, got))
	// How well zstd compresses may change; all else may not.
	require.Equal(t, data[:headerSize], encodeAll(t, want).Data[:headerSize])
}

func genRecord(t *rapid.T) event.Record {
	field := rapid.SliceOfN(rapid.Byte(), 0, 300)
	return event.Record{
		Kind: event.Kind(rapid.IntRange(1, 255).Draw(t, "kind")),
		Time: rapid.Int64().Draw(t, "time"), Received: rapid.Int64().Draw(t, "received"),
		Name: field.Draw(t, "name"), DistinctID: field.Draw(t, "distinct"), DeviceID: field.Draw(t, "device"), UserID: field.Draw(t, "user"),
		InsertID: field.Draw(t, "insert"), GroupKey: field.Draw(t, "group"), Properties: field.Draw(t, "properties"),
	}
}

func TestRecordsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(genRecord), 0, 20).Draw(t, "records")
		got, err := decodeAll(encodeAll(t, want))
		require.NoError(t, err)
		require.Empty(t, equal(want, got))
	})
}

func TestJoinedRecordsAreOneBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var joined []byte
		var want []event.Record
		for range rapid.IntRange(0, 5).Draw(t, "requests") {
			var e Encoder
			for range rapid.IntRange(0, 5).Draw(t, "records") {
				r := genRecord(t)
				require.NoError(t, e.Append(&r))
				want = append(want, r)
			}
			joined = append(joined, e.Bytes()...)
		}
		data, err := AppendBlock(nil, joined, len(want))
		require.NoError(t, err)
		require.Equal(t, encodeAll(t, want).Data, data)
	})
}

func TestAnyDamagedByteIsFound(t *testing.T) {
	b := encodeAll(t, samples())
	for i := range b.Data {
		for _, flip := range []byte{1, 0x80, 0xff} {
			damaged := *b
			damaged.Data = bytes.Clone(b.Data)
			damaged.Data[i] ^= flip
			called := false
			err := Decode(&damaged, func(int, *event.Record) error { called = true; return nil })
			if err == nil {
				// The frame header has bits that don't matter to the content; then nothing is lost.
				got, err := decodeAll(&damaged)
				require.NoError(t, err)
				require.Empty(t, equal(samples(), got), "byte %d", i)
				continue
			}
			require.ErrorIs(t, err, ErrCorrupt)
			require.Equal(t, fault.Poison, fault.ClassOf(err))
			require.False(t, called, "records of a damaged block were handed out (byte %d)", i)
		}
	}
	for n := range b.Data {
		_, err := decodeAll(&Block{Count: b.Count, Data: b.Data[:n]})
		require.ErrorIs(t, err, ErrCorrupt)
	}
}

// forge makes a block with a right checksum out of any content and any counts.
func forge(content []byte, count, size int) []byte {
	data := []byte(blockMagic + "\x01")
	data = binary.LittleEndian.AppendUint32(data, uint32(count))
	data = binary.LittleEndian.AppendUint32(data, uint32(size))
	data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(content, castagnoli))
	return compressor().EncodeAll(content, data)
}

func TestForgedBlocksAreRefused(t *testing.T) {
	var e Encoder
	for _, r := range samples() {
		require.NoError(t, e.Append(&r))
	}
	good := e.Bytes()
	edit := func(at int, v byte) []byte {
		c := bytes.Clone(good)
		c[at] = v
		return c
	}
	huge := binary.AppendUvarint([]byte{1, 0, 0}, math.MaxUint64)
	cases := map[string]struct {
		data  []byte
		count int
	}{
		"empty":                                  {nil, 0},
		"a later version":                        {append([]byte("RLB\x02"), make([]byte, 12)...), 0},
		"one record too few in the header":       {forge(good, 3, len(good)), 3},
		"one record too many in the header":      {forge(good, 5, len(good)), 5},
		"another count than the log says":        {forge(good, 4, len(good)), 3},
		"more records than bytes allow":          {forge(good, 1<<31, len(good)), 1 << 31},
		"a size above the limit":                 {forge(good, 4, MaxContent+1), 4},
		"a size that is too small":               {forge(good, 4, len(good)-1), 4},
		"a size that is too large":               {forge(good, 4, len(good)+1), 4},
		"a bomb":                                 {forge(make([]byte, MaxContent), 4, 100), 4},
		"no frame":                               {forge(good, 4, len(good))[:headerSize], 4},
		"two frames":                             {append(forge(good, 4, len(good)), compressor().EncodeAll(good, nil)...), 4},
		"kind 0":                                 {forge(edit(0, 0), 4, len(good)), 4},
		"a field beyond the content":             {forge(good[:len(good)-1], 4, len(good)-1), 4},
		"a length that overflows":                {forge(append(huge, make([]byte, 20)...), 1, len(huge)+20), 1},
		"a varint without an end":                {forge(bytes.Repeat([]byte{0xff}, 20), 1, 20), 1},
		"a record that ends after its times":     {forge([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 1, 13), 1},
		"a record that begins the next one only": {forge([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 2, 20), 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := decodeAll(&Block{Count: c.count, Data: c.data})
			require.ErrorIs(t, err, ErrCorrupt)
			require.Equal(t, fault.Poison, fault.ClassOf(err))
		})
	}
}

func TestDecodeReturnsTheErrorOfItsFunction(t *testing.T) {
	stop := errors.New("stop")
	seen := 0
	err := Decode(encodeAll(t, samples()), func(int, *event.Record) error { seen++; return stop })
	require.True(t, err == stop)
	require.Equal(t, 1, seen)
}

func TestEncoderRefusesWhatDoesNotFit(t *testing.T) {
	var e Encoder
	big := event.Record{Kind: event.KindEvent, Properties: make([]byte, MaxContent/2)}
	require.NoError(t, e.Append(&big))
	size := e.Len()
	err := e.Append(&big)
	require.ErrorIs(t, err, ErrTooLarge)
	require.Equal(t, fault.Poison, fault.ClassOf(err))
	require.Equal(t, size, e.Len())
	require.Equal(t, 1, e.Count())
	require.Equal(t, fault.Bug, fault.ClassOf(e.Append(&event.Record{})))
	_, err = AppendBlock(nil, make([]byte, MaxContent+1), 1)
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestReusedCodersDoNotAllocatePerRecord(t *testing.T) {
	records := samples()
	var e Encoder
	var d Decoder
	b := encodeAll(t, records)
	nothing := func(int, *event.Record) error { return nil }
	require.Zero(t, testing.AllocsPerRun(100, func() {
		e.Reset()
		for i := range records {
			if e.Append(&records[i]) != nil {
				t.Fail()
			}
		}
	}))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if d.Decode(b, nothing) != nil {
			t.Fail()
		}
	}), 2.0, "per block, not per record")
}

func FuzzDecode(f *testing.F) {
	good := encodeAll(f, samples())
	f.Add(good.Data, true)
	var e Encoder
	for _, r := range samples() {
		require.NoError(f, e.Append(&r))
	}
	f.Add(e.Bytes(), false)
	f.Add([]byte("RLB\x01"), true)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		b := &Block{Data: data}
		if !whole {
			// Records behind a right checksum, to get past it.
			b.Data = forge(data, min(4, len(data)/minRecordSize), len(data))
		}
		if h, err := parseHeader(b.Data); err == nil {
			b.Count = h.count
		}
		records, err := decodeAll(b)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			return
		}
		again, err := decodeAll(encodeAll(t, records))
		require.NoError(t, err)
		require.Empty(t, equal(records, again))
	})
}
