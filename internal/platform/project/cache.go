package project

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// refreshAfter is how old an answer may get.
	refreshAfter = 10 * time.Second
	// staleFor is how old it may get while the database cannot be asked. Records are taken in meanwhile.
	staleFor = time.Hour
	// maxUnknown bounds the answers about what does not exist, which anyone can ask for.
	maxUnknown = 10_000
	// loadTimeout bounds one question to the database.
	loadTimeout = 10 * time.Second
)

// cache remembers what the database said about keys, also that there is nothing. However many ask for a key at a time, the
// database is asked once. It is safe for concurrent use.
type cache[K comparable, V any] struct {
	now func() time.Time

	mu      sync.RWMutex
	entries map[K]entry[V]
	unknown int // entries without a value
	// changes counts calls of forget: an answer that was under way during one may be out of date.
	changes uint64
	flights singleflight.Group
}

type entry[V any] struct {
	value *V // nil: known not to exist
	at    time.Time
}

func newCache[K comparable, V any](now func() time.Time) *cache[K, V] {
	return &cache[K, V]{now: now, entries: map[K]entry[V]{}}
}

// fresh returns the answer to key if there is a recent one. It does not allocate.
func (c *cache[K, V]) fresh(key K) (value *V, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[key]
	return e.value, ok && c.now().Sub(e.at) <= refreshAfter
}

// load asks for key, whose answer was not fresh, and returns ErrNotFound for nothing. ask returns ErrNotFound likewise.
func (c *cache[K, V]) load(ctx context.Context, key K, ask func(context.Context) (*V, error)) (*V, error) {
	result := c.flights.DoChan(fmt.Sprint(key), func() (any, error) {
		if value, known := c.fresh(key); known {
			return value, nil // another flight landed just before this one
		}
		// The answer is for all who wait, so it must not depend on the first one's patience.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		c.mu.RLock()
		before, changes := c.entries[key], c.changes
		c.mu.RUnlock()
		at := c.now()
		value, err := ask(ctx)
		if err != nil && !errors.Is(err, ErrNotFound) {
			if before.value != nil && at.Sub(before.at) <= staleFor {
				return before.value, nil
			}
			return nil, err
		}
		c.mu.Lock()
		if changes == c.changes {
			c.put(key, entry[V]{value, at})
		}
		c.mu.Unlock()
		return value, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		value, _ := r.Val.(*V)
		if r.Err == nil && value == nil {
			return nil, ErrNotFound
		}
		return value, r.Err
	}
}

// put keeps e. mu is held.
func (c *cache[K, V]) put(key K, e entry[V]) {
	if e.value == nil && c.unknown >= maxUnknown {
		for k, old := range c.entries {
			if old.value == nil {
				delete(c.entries, k)
			}
		}
		c.unknown = 0
	}
	if old, ok := c.entries[key]; ok && old.value == nil {
		c.unknown--
	}
	if e.value == nil {
		c.unknown++
	}
	c.entries[key] = e
}

// forget drops the answer to key, whose truth has changed.
func (c *cache[K, V]) forget(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok && e.value == nil {
		c.unknown--
	}
	delete(c.entries, key)
	c.changes++
	c.flights.Forget(fmt.Sprint(key))
}
