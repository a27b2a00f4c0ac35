package logtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
)

// Block returns a block of count event records whose insert ids are "<name>-<index>".
func Block(project int64, name string, count int) eventlog.Block {
	var e eventlog.Encoder
	for i := range count {
		id := fmt.Sprintf("%s-%d", name, i)
		err := e.Append(&event.Record{
			Kind:       event.KindEvent,
			Time:       1_700_000_000_000 + int64(i),
			Received:   1_700_000_000_500,
			Name:       []byte("Page View"),
			DistinctID: []byte("user"),
			InsertID:   []byte(id),
			Properties: fmt.Appendf(nil, `{"page":"/pricing","n":%d}`, i),
		})
		if err != nil {
			panic(fmt.Sprintf("logtest: encoding a small record: %v", err))
		}
	}
	data, err := e.Finish(nil)
	if err != nil {
		panic(fmt.Sprintf("logtest: encoding a small block: %v", err))
	}
	return eventlog.Block{Project: project, Count: count, Data: data}
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

// noise returns a block of one record of that many bytes, which don't compress.
func noise(seed int64, bytes int) eventlog.Block {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	properties := make([]byte, bytes)
	for i := range properties {
		properties[i] = byte(r.Uint32())
	}
	var e eventlog.Encoder
	err := e.Append(&event.Record{Kind: event.KindEvent, Properties: properties})
	if err != nil {
		panic(fmt.Sprintf("logtest: encoding a record: %v", err))
	}
	data, err := e.Finish(nil)
	if err != nil {
		panic(fmt.Sprintf("logtest: encoding a block: %v", err))
	}
	return eventlog.Block{Project: 1, Count: 1, Data: data}
}
