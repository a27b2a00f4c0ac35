// Package buckettest is the suite that every bucket.Bucket passes, and a bucket that fails on demand.
package buckettest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// Run runs the suite. open returns an empty bucket, which the suite does not clear up. It is called once for each test.
func Run(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	suite := []struct {
		name string
		run  func(*fixture)
	}{
		{"an object comes back as it was put", roundTrip},
		{"a put replaces the whole object", replacing},
		{"IfAbsent keeps what is there", ifAbsent},
		{"a body is read from its start and must have its size", bodies},
		{"a body that fails leaves nothing", failingBody},
		{"a big object comes back as it was put", bigObject},
		{"a missing object is not found", missing},
		{"a bad key is refused", badKeys},
		{"delete removes what is there", deleting},
		{"a cancelled context stops every call before its effect", cancelled},
		{"a listing is in byte order of the keys", listOrder},
		{"a listing holds what begins with its prefix", listPrefixes},
		{"a prefix that no key can have lists nothing", listForeignPrefixes},
		{"a listing can be left and taken up again", listEarlyEnd},
		{"readers see whole objects while writers replace them", atomicReplace},
		{"a reader keeps its version", oneVersion},
		{"one of many IfAbsent puts wins", ifAbsentRace},
		{"puts succeed while their neighbours are deleted", deleteRace},
		{"a listing holds what stays while other objects come and go", listRace},
	}
	for _, test := range suite {
		t.Run(test.name, func(t *testing.T) { test.run(&fixture{t, open(t), t.Context()}) })
	}
}

// fixture is a test's empty bucket.
type fixture struct {
	*testing.T
	bucket.Bucket
	ctx context.Context
}

func (f *fixture) put(key, content string) bucket.Object {
	f.Helper()
	o, err := f.Put(f.ctx, key, strings.NewReader(content), int64(len(content)), bucket.PutOptions{})
	require.NoError(f, err, key)
	return o
}

func (f *fixture) content(key string) string {
	f.Helper()
	body, o, err := f.Get(f.ctx, key)
	require.NoError(f, err, key)
	content, err := io.ReadAll(body)
	require.NoError(f, err, key)
	require.NoError(f, body.Close())
	require.EqualValues(f, len(content), o.Size)
	return string(content)
}

func (f *fixture) list(prefix string) []bucket.Object {
	f.Helper()
	var all []bucket.Object
	for o, err := range f.List(f.ctx, prefix) {
		require.NoError(f, err)
		all = append(all, o)
	}
	return all
}

func (f *fixture) keys(prefix string) []string {
	f.Helper()
	keys := []string{}
	for _, o := range f.list(prefix) {
		keys = append(keys, o.Key)
	}
	return keys
}

// uniform returns n bytes, all of them c, and isUniform tells whether content is such.
func uniform(c byte, n int) *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{c}, n)) }

func isUniform(content []byte) bool {
	return len(content) > 0 && bytes.Count(content, content[:1]) == len(content)
}
