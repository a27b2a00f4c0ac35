package logtest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
)

// Block returns a block of count event records whose insert ids are "<name>-<index>".
func Block(project int64, name string, count int) eventlog.Block {
	records := make([]event.Record, count)
	for i := range records {
		records[i] = event.Record{
			Kind:       event.KindEvent,
			Time:       1_700_000_000_000 + int64(i),
			Received:   1_700_000_000_500,
			Name:       []byte("Page View"),
			DistinctID: []byte("user"),
			InsertID:   fmt.Appendf(nil, "%s-%d", name, i),
			Properties: fmt.Appendf(nil, `{"page":"/pricing","n":%d}`, i),
		}
	}
	return encode(project, records)
}

// InsertIDs returns the insert ids of the block's records.
func InsertIDs(b *eventlog.Block) ([]string, error) {
	var ids []string
	err := eventlog.Decode(b, func(_ int, r *event.Record) error {
		ids = append(ids, string(r.InsertID))
		return nil
	})
	return ids, err
}

// Noise returns a block of project 1 with one record that has the name as its insert id and that many bytes which don't compress.
// The same arguments give the same block.
func Noise(name string, bytes int) eventlog.Block {
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	properties := make([]byte, bytes)
	for i := range properties {
		properties[i] = byte(r.Uint32())
	}
	return encode(1, []event.Record{{Kind: event.KindEvent, InsertID: []byte(name), Properties: properties}})
}

func encode(project int64, records []event.Record) eventlog.Block {
	var e eventlog.Encoder
	for i := range records {
		if err := e.Append(&records[i]); err != nil {
			panic(fmt.Sprintf("logtest: encoding a record: %v", err))
		}
	}
	data, err := e.Finish(nil)
	if err != nil {
		panic(fmt.Sprintf("logtest: encoding a block: %v", err))
	}
	return eventlog.Block{Project: project, Count: len(records), Data: data}
}
