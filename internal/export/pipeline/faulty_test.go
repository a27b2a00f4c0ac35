package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// damage is what happens to one call.
type damage string

const (
	refuse damage = "fails before it has an effect"
	lose   damage = "takes effect, but its answer is lost"
	stall  damage = "never answers"
	denied damage = "is denied"
)

var errInjected = errors.New("injected")

// faults damages the at-th call that a bucket and a catalog get together, counting from 1.
type faults struct {
	mu    sync.Mutex
	calls int
	at    int
	how   damage
	hit   bool
	// unpartitioned denies all calls on partitions.
	unpartitioned bool
	// counts, if set, counts the calls that change a catalog.
	counts map[string]int
	// stored, if set, counts how often each object was put with success.
	stored map[string]int
	// before, if set, is called before each call.
	before func()
}

func (f *faults) plan(at int, how damage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.at, f.how, f.hit = 0, at, how, false
}

// changing is call for what changes a catalog.
func (f *faults) changing(ctx context.Context, what string, fn func() error) error {
	if f.counts != nil {
		f.counts[what]++
	}
	return f.call(ctx, fn)
}

// call runs fn, unless it is this call's turn.
func (f *faults) call(ctx context.Context, fn func() error) error {
	if f.before != nil {
		f.before()
	}
	f.mu.Lock()
	f.calls++
	how := damage("")
	if f.calls == f.at {
		how, f.hit = f.how, true
	}
	f.mu.Unlock()
	switch how {
	case refuse:
		return fault.New(fault.Transient, "calling", "", errInjected, "")
	case lose:
		if err := fn(); err != nil {
			return err
		}
		return fault.New(fault.Transient, "calling", "", errInjected, "")
	case stall:
		<-ctx.Done()
		return ctx.Err()
	case denied:
		return fault.New(fault.Setup, "calling", "the destination", errInjected, "grant the right")
	}
	return fn()
}

type faultyBucket struct {
	bucket.Bucket
	*faults
}

func (b faultyBucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts bucket.PutOptions) (o bucket.Object, err error) {
	err = b.call(ctx, func() error { o, err = b.Bucket.Put(ctx, key, body, size, opts); return err })
	if b.stored != nil && err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stored[key]++
	}
	return o, err
}

func (b faultyBucket) Get(ctx context.Context, key string) (r io.ReadCloser, o bucket.Object, err error) {
	err = b.call(ctx, func() error { r, o, err = b.Bucket.Get(ctx, key); return err })
	return r, o, err
}

func (b faultyBucket) Head(ctx context.Context, key string) (o bucket.Object, err error) {
	err = b.call(ctx, func() error { o, err = b.Bucket.Head(ctx, key); return err })
	return o, err
}

func (b faultyBucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		if err := b.call(ctx, func() error { return nil }); err != nil {
			yield(bucket.Object{}, err)
			return
		}
		b.Bucket.List(ctx, prefix)(yield)
	}
}

func (b faultyBucket) Delete(ctx context.Context, keys ...string) error {
	return b.call(ctx, func() error { return b.Bucket.Delete(ctx, keys...) })
}

type faultyCatalog struct {
	catalog.Catalog
	*faults
}

func (c faultyCatalog) GetTable(ctx context.Context, database, name string) (t *catalog.Table, err error) {
	err = c.call(ctx, func() error { t, err = c.Catalog.GetTable(ctx, database, name); return err })
	return t, err
}

func (c faultyCatalog) CreateDatabase(ctx context.Context, d catalog.Database) error {
	return c.changing(ctx, "create database", func() error { return c.Catalog.CreateDatabase(ctx, d) })
}

func (c faultyCatalog) CreateTable(ctx context.Context, database string, t catalog.TableInput) error {
	return c.changing(ctx, "create table", func() error { return c.Catalog.CreateTable(ctx, database, t) })
}

func (c faultyCatalog) UpdateTable(ctx context.Context, database string, t catalog.TableInput, versionID string, skipArchive bool) error {
	return c.changing(ctx, "update table", func() error { return c.Catalog.UpdateTable(ctx, database, t, versionID, skipArchive) })
}

func (c faultyCatalog) GetPartitions(ctx context.Context, database, table, expression string) (ps []*catalog.Partition, err error) {
	if c.unpartitioned {
		return nil, fmt.Errorf("calling GetPartitions: %w", catalog.ErrAccessDenied)
	}
	err = c.call(ctx, func() error { ps, err = c.Catalog.GetPartitions(ctx, database, table, expression); return err })
	return ps, err
}

func (c faultyCatalog) BatchCreatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	if c.unpartitioned {
		return fmt.Errorf("calling BatchCreatePartition: %w", catalog.ErrAccessDenied)
	}
	return c.changing(ctx, "create partitions", func() error { return c.Catalog.BatchCreatePartition(ctx, database, table, ps) })
}

func (c faultyCatalog) BatchUpdatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	return c.changing(ctx, "update partitions", func() error { return c.Catalog.BatchUpdatePartition(ctx, database, table, ps) })
}
