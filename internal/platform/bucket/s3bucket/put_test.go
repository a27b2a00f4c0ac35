package s3bucket_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// storing are the requests that make an object appear.
var storing = map[string]string{"whole": "PutObject", "in parts": "CompleteMultipartUpload"}

func TestAConditionalPutKnowsItsOwnObjectAfterALostAnswer(t *testing.T) {
	for size, content := range sizes {
		t.Run(size, func(t *testing.T) {
			u := newUpright(t, awstest.Fault{Operation: storing[size], Effect: awstest.ResetAfter, Times: 2})
			b := u.proxied(s3bucket.Options{PartBytes: 5 << 20})
			o, err := b.Put(t.Context(), "k", strings.NewReader(content), int64(len(content)), bucket.PutOptions{IfAbsent: true})
			require.NoError(t, err)
			require.EqualValues(t, len(content), o.Size)
			require.Equal(t, 2, u.proxy.Injected(""))
			require.Equal(t, content, u.content("k"))
			head, err := u.direct().Head(t.Context(), "k")
			require.NoError(t, err)
			require.Equal(t, head.ETag, o.ETag)
			requireNoUploads(t, u.gateway, []string{"lake"})
		})
	}
}

func TestAConditionalPutDoesNotTakeAnothersObjectForItsOwn(t *testing.T) {
	for size, content := range sizes {
		t.Run(size, func(t *testing.T) {
			u := newUpright(t, awstest.Fault{Operation: storing[size], Effect: awstest.Reset})
			require.NoError(t, put(t, u.direct(), "k", content, bucket.PutOptions{}))
			err := put(t, u.proxied(s3bucket.Options{PartBytes: 5 << 20}), "k", content, bucket.PutOptions{IfAbsent: true})
			require.ErrorIs(t, err, bucket.ErrExists, "equal content of another's is still another's")
			require.Equal(t, fault.Bug, fault.ClassOf(err), "an answer has no class")
			requireNoUploads(t, u.gateway, []string{"lake"})
		})
	}
}

func TestAConflictRepeatsThePutAndRemakesTheUpload(t *testing.T) {
	for size, content := range sizes {
		t.Run(size, func(t *testing.T) {
			u := newUpright(t, awstest.Fault{Operation: storing[size], Effect: awstest.Conflict, Times: 2})
			require.NoError(t, put(t, u.proxied(s3bucket.Options{PartBytes: 5 << 20}), "k", content, bucket.PutOptions{IfAbsent: true}))
			require.Equal(t, content, u.content("k"))
			require.Equal(t, 3, u.proxy.Requests(storing[size]))
			if size == "in parts" {
				require.Equal(t, 3, u.proxy.Requests("CreateMultipartUpload"))
				require.Equal(t, 9, u.proxy.Requests("UploadPart"), "all parts go again")
			}
			requireNoUploads(t, u.gateway, []string{"lake"})
		})
	}
}

func TestAnUploadThatCannotBeCompletedIsAborted(t *testing.T) {
	for name, script := range map[string][]awstest.Fault{
		"the answer to its creation is lost": {{Operation: "CreateMultipartUpload", Effect: awstest.ResetAfter, Times: 3}},
		"a part fails for good":              {{Operation: "UploadPart", Effect: awstest.InternalError, Skip: 1, Times: -1}},
		"its completion fails for good":      {{Operation: "CompleteMultipartUpload", Effect: awstest.InternalError, Times: -1}},
		"its abortion fails at first": {
			{Operation: "UploadPart", Effect: awstest.InternalError, Times: -1}, {Operation: "AbortMultipartUpload", Effect: awstest.Reset, Times: 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpright(t, script...)
			b := u.proxied(s3bucket.Options{PartBytes: 5 << 20, Retry: bucket.RetryPolicy{Attempts: 5, Base: 1, Max: 1}})
			err := put(t, b, "k", sizes["in parts"], bucket.PutOptions{})
			if script[0].Times > 0 {
				require.NoError(t, err)
			} else {
				require.Equal(t, fault.Transient, fault.ClassOf(err), err)
			}
			require.Positive(t, u.proxy.Injected(""))
			requireNoUploads(t, u.gateway, []string{"lake"})
		})
	}
}

func TestAnUploadThatSomebodyAbortedIsMadeAnew(t *testing.T) {
	u := newUpright(t)
	b := u.proxied(s3bucket.Options{PartBytes: 5 << 20, Parts: 1})
	body := &meddling{Reader: strings.NewReader(sizes["in parts"]), meddle: func() {
		n, err := u.direct().AbortUploads(t.Context(), "", 0, func(string) bool { return true })
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}}
	_, err := b.Put(t.Context(), "k", body, int64(body.Len()), bucket.PutOptions{})
	require.NoError(t, err)
	require.Equal(t, 2, u.proxy.Requests("CreateMultipartUpload"))
	require.Equal(t, sizes["in parts"], u.content("k"))
}

// meddling is a body without io.ReaderAt that does something once, when its second half is read.
type meddling struct {
	*strings.Reader
	meddle func()
	done   atomic.Bool
}

func (m *meddling) ReadAt() {}

func (m *meddling) Read(p []byte) (int, error) {
	if int64(m.Len()) <= m.Size()/2 && m.done.CompareAndSwap(false, true) {
		m.meddle()
	}
	return m.Reader.Read(p)
}

func TestABodyThatFailsInAPartEndsThePutAtOnce(t *testing.T) {
	u := newUpright(t)
	b := u.proxied(s3bucket.Options{PartBytes: 5 << 20})
	body := &broken{strings.NewReader(sizes["in parts"])}
	_, err := b.Put(t.Context(), "k", body, body.Size(), bucket.PutOptions{})
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.LessOrEqual(t, u.proxy.Requests("UploadPart"), 2)
	require.Zero(t, u.proxy.Requests("CompleteMultipartUpload"))
	requireNoUploads(t, u.gateway, []string{"lake"})
}

// broken is a body whose third part cannot be read.
type broken struct{ *strings.Reader }

func (b *broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 10<<20 {
		return 0, io.ErrNoProgress
	}
	return b.Reader.ReadAt(p, off)
}

// TestACompletionWhoseAnswerWasLost follows what servers say to its repetition: S3 may say that the key is taken or that there is no such
// upload, and versitygw that it succeeds.
func TestACompletionWhoseAnswerWasLost(t *testing.T) {
	const uploadGone = "NoSuchUpload"
	for name, c := range map[string]struct {
		status         int
		code           string
		own, ifAbsent  bool
		exists         bool
		uploads, looks int
	}{
		"the key is taken, by itself":                     {412, "PreconditionFailed", true, true, false, 1, 1},
		"the key is taken, by another":                    {412, "PreconditionFailed", false, true, true, 1, 1},
		"the upload is gone, into the object":             {404, uploadGone, true, false, false, 1, 1},
		"the upload is gone, and the object is another's": {404, uploadGone, false, false, false, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			mark, completions, uploads, looks := "", 0, 0, 0
			w := &wire{}
			w.answer = func(r *http.Request) (int, map[string]string, string, error) {
				switch {
				case r.URL.Query().Has("uploads"):
					uploads++
					mark = r.Header.Get("X-Amz-Meta-Refract-Put")
				case r.Method == http.MethodPost:
					switch completions++; completions {
					case 1:
						return 500, nil, xmlError("InternalError", "m"), nil
					case 2:
						return c.status, nil, xmlError(c.code, "m"), nil
					}
				case r.Method == http.MethodHead:
					looks++
					if !c.own {
						mark = "another's"
					}
					return 200, map[string]string{"X-Amz-Meta-Refract-Put": mark, "ETag": `"own"`}, "", nil
				case r.Method == http.MethodDelete:
					return 204, nil, "", nil
				}
				return storage(r)
			}
			content := sizes["in parts"]
			o, err := w.bucket(s3bucket.Options{PartBytes: 5 << 20}).Put(t.Context(), "k", strings.NewReader(content), int64(len(content)), bucket.PutOptions{IfAbsent: c.ifAbsent})
			if c.exists {
				require.ErrorIs(t, err, bucket.ErrExists)
			} else {
				require.NoError(t, err)
			}
			if c.own {
				require.Equal(t, `"own"`, o.ETag)
			}
			require.Equal(t, c.uploads, uploads)
			require.Equal(t, c.looks, looks)
		})
	}
}
