package bucket_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/fault"
)

var quick = bucket.RetryPolicy{Attempts: 30, Base: time.Microsecond, Max: 10 * time.Microsecond}

func TestRetrying(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket { return bucket.Retrying(openLocal(t), quick) })
}

func TestRetryingOverABucketThatFailsOften(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		faulty := buckettest.NewFaulty(openLocal(t)).Random(7, 0.3, buckettest.ErrorBefore, buckettest.ErrorAfter)
		t.Cleanup(func() { require.Positive(t, faulty.Calls(buckettest.AnyOp)) })
		return bucket.Retrying(faulty, quick)
	})
}

func TestFaultyWithoutFaults(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket { return buckettest.NewFaulty(openLocal(t)) })
}

func TestRetryingPassesTheLocalPathOn(t *testing.T) {
	local, ok := bucket.Retrying(openLocal(t), quick).(bucket.LocalPather)
	require.True(t, ok)
	path, err := local.LocalPath("a")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(path, "/a"))
	_, ok = bucket.Retrying(struct{ bucket.Bucket }{openLocal(t)}, quick).(bucket.LocalPather)
	require.False(t, ok)
}

func TestOnlyTransientErrorsAreRetried(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		calls int
	}{
		"transient": {nil, 3},
		"setup":     {fault.New(fault.Setup, "putting", "k", errors.New("denied"), ""), 1},
		"bug":       {errors.New("odd"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			faulty := buckettest.NewFaulty(openLocal(t), buckettest.Fault{Err: c.err, Times: -1})
			b := bucket.Retrying(faulty, bucket.RetryPolicy{Attempts: 3, Base: 1, Max: 1})
			err := put(t, b, "k", bucket.PutOptions{})
			require.ErrorIs(t, err, buckettest.ErrInjected)
			require.Equal(t, c.calls, faulty.Calls(buckettest.Put))
			if c.err == nil {
				require.ErrorContains(t, err, "giving up after 3 attempts")
				require.Equal(t, fault.Transient, fault.ClassOf(err))
			}
		})
	}
}

func TestWaitsGrowUpToTheirLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		b := bucket.Retrying(stub{head: func() error {
			at = append(at, time.Now())
			return fault.New(fault.Transient, "describing", "k", nil, "")
		}}, bucket.RetryPolicy{Attempts: 7, Base: time.Second, Max: 8 * time.Second})
		_, err := b.Head(t.Context(), "k")
		require.Error(t, err)
		require.Len(t, at, 7)
		for i, longest := range []time.Duration{1, 2, 4, 8, 8, 8} {
			wait := at[i+1].Sub(at[i])
			require.LessOrEqual(t, wait, longest*time.Second)
			require.GreaterOrEqual(t, wait, longest*time.Second/2)
		}
	})
}

func TestAnEndedContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		transient := fault.New(fault.Transient, "describing", "k", nil, "")
		b := bucket.Retrying(stub{head: func() error { return transient }}, bucket.RetryPolicy{Base: time.Hour, Max: time.Hour})
		began := time.Now()
		_, err := b.Head(ctx, "k")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, transient)
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestAStallingBucketHeedsTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := bucket.Retrying(buckettest.NewFaulty(openLocal(t), buckettest.Fault{Effect: buckettest.Stall}), quick)
	go cancel()
	_, err := b.Head(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
}

func TestAnIfAbsentPutWhoseAnswerWasLostKnowsItsOwnObject(t *testing.T) {
	lost := buckettest.Fault{Op: buckettest.Put, Effect: buckettest.ErrorAfter}
	inner := openLocal(t)
	b := bucket.Retrying(buckettest.NewFaulty(inner, lost), quick)
	require.NoError(t, put(t, b, "k", bucket.PutOptions{IfAbsent: true}))

	// Another's object of the same size is not taken for one's own.
	failed := buckettest.Fault{Op: buckettest.Put, Effect: buckettest.ErrorBefore}
	for content, want := range map[string]error{"y": bucket.ErrExists, "x": nil, "longer": bucket.ErrExists} {
		_, err := inner.Put(t.Context(), "k", strings.NewReader(content), int64(len(content)), bucket.PutOptions{})
		require.NoError(t, err)
		b := bucket.Retrying(buckettest.NewFaulty(inner, failed), quick)
		require.ErrorIs(t, put(t, b, "k", bucket.PutOptions{IfAbsent: true}), want, content)
	}
}

func TestAListingGoesOnBehindAnError(t *testing.T) {
	inner := openLocal(t)
	for _, key := range []string{"a", "b", "c", "d"} {
		require.NoError(t, put(t, inner, key, bucket.PutOptions{}))
	}
	// Three attempts for each object would do, but not three for the whole.
	faulty := buckettest.NewFaulty(inner,
		buckettest.Fault{Op: buckettest.List, Times: 2}, buckettest.Fault{Op: buckettest.List, Effect: buckettest.ErrorAfter},
		buckettest.Fault{Op: buckettest.List, Times: 2})
	var keys []string
	for o, err := range bucket.Retrying(faulty, bucket.RetryPolicy{Attempts: 3, Base: 1, Max: 1}).List(t.Context(), "") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	require.Equal(t, []string{"a", "b", "c", "d"}, keys)

	faulty = buckettest.NewFaulty(inner, buckettest.Fault{Op: buckettest.List, Effect: buckettest.ErrorAfter, Times: -1})
	keys = nil
	var last error
	for o, err := range bucket.Retrying(faulty, bucket.RetryPolicy{Attempts: 3, Base: 1, Max: 1}).List(t.Context(), "") {
		if last = err; err == nil {
			keys = append(keys, o.Key)
		}
	}
	require.ErrorIs(t, last, buckettest.ErrInjected)
	require.Equal(t, []string{"a"}, keys)
}

func TestABrokenReaderSaysSo(t *testing.T) {
	inner := openLocal(t)
	_, err := inner.Put(t.Context(), "k", strings.NewReader("content"), 7, bucket.PutOptions{})
	require.NoError(t, err)
	body, o, err := buckettest.NewFaulty(inner, buckettest.Fault{Op: buckettest.Get, Effect: buckettest.ErrorAfter}).Get(t.Context(), "k")
	require.NoError(t, err)
	require.EqualValues(t, 7, o.Size)
	content, err := io.ReadAll(body)
	require.ErrorIs(t, err, buckettest.ErrInjected)
	require.Equal(t, "con", string(content))
	require.NoError(t, body.Close())
}

func TestAScriptSkipsAndCounts(t *testing.T) {
	faulty := buckettest.NewFaulty(openLocal(t), buckettest.Fault{Op: buckettest.Put, Prefix: "a/", Skip: 1, Times: 2})
	var failed []bool
	for _, key := range []string{"b", "a/1", "a/2", "c", "a/3", "a/4"} {
		failed = append(failed, put(t, faulty, key, bucket.PutOptions{}) != nil)
	}
	require.Equal(t, []bool{false, false, true, false, true, false}, failed)
	require.Equal(t, 2, faulty.Injected())
	require.Equal(t, 6, faulty.Calls(buckettest.Put))
}

// stub is a bucket with a Head only.
type stub struct {
	bucket.Bucket
	head func() error
}

func (s stub) Head(context.Context, string) (bucket.Object, error) { return bucket.Object{}, s.head() }
func (s stub) Location(key string) string                          { return key }
