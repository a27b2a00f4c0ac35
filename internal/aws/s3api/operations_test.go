package s3api_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

// served are the operations that the endpoint has.
var served = []string{
	"AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateBucket", "CreateMultipartUpload", "DeleteBucket", "DeleteObject", "DeleteObjects",
	"GetBucketAcl", "GetBucketCors", "GetBucketLocation", "GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketPolicyStatus", "GetBucketVersioning",
	"GetObject", "GetObjectAttributes", "GetObjectLockConfiguration", "HeadBucket", "HeadObject", "ListBuckets", "ListMultipartUploads", "ListObjects",
	"ListObjectsV2", "ListParts", "PutObject", "UploadPart", "UploadPartCopy",
}

// operations returns the methods of the SDK's client that are operations of S3.
func operations() map[string]reflect.Method {
	out := map[string]reflect.Method{}
	client := reflect.TypeFor[*s3.Client]()
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() == 4 && m.Type.In(2).Kind() == reflect.Pointer && strings.HasSuffix(m.Type.In(2).Elem().Name(), "Input") {
			out[m.Name] = m
		}
	}
	return out
}

// fill gives a value, and what it holds, something that is not nothing.
func fill(v reflect.Value, name string, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1_800_000_000, 0)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(map[string]string{"Key": "k", "CopySource": "lake/k", "RenameSource": "k", "UploadId": "11111111-1111-1111-1111-111111111111"}[name])
		if v.String() == "" {
			v.SetString("x")
		}
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, depth)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name, depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.ValueOf("x"))
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && depth > 0 {
				fill(v.Field(i), f.Name, depth-1)
			}
		}
	case reflect.Interface:
		for _, one := range []any{strings.NewReader("x"), &types.ObjectEncryptionMemberSSEKMS{Value: types.SSEKMSEncryption{KMSKeyArn: aws.String("x")}}} {
			if reflect.TypeOf(one).Implements(v.Type()) {
				v.Set(reflect.ValueOf(one))
			}
		}
	}
}

// call calls an operation with what the SDK says that it needs, the members that are named, and the bucket, if it has one.
func call(ctx context.Context, c *s3.Client, m reflect.Method, bucket string, members ...string) error {
	in := reflect.New(m.Type.In(2).Elem())
	for range 3 {
		for _, member := range members {
			if f := in.Elem().FieldByName(member); f.IsValid() {
				fill(f, member, 6)
			}
		}
		if f := in.Elem().FieldByName("Bucket"); f.IsValid() {
			f.Set(reflect.ValueOf(&bucket))
		}
		err, _ := m.Func.Call([]reflect.Value{reflect.ValueOf(c), reflect.ValueOf(ctx), in})[1].Interface().(error)
		var missing smithy.InvalidParamsError
		if !errors.As(err, &missing) {
			return err
		}
		for _, one := range missing.Errs() {
			field, _ := errors.AsType[smithy.InvalidParamError](one)
			_, path, _ := strings.Cut(field.Field(), ".")
			members = append(members, path[:strings.IndexAny(path+".", ".[")])
		}
	}
	return errors.New("the SDK finds " + m.Name + " incomplete")
}

// anyHost calls the endpoint whatever host a request is for.
func anyHost(url string) func(*s3.Options) {
	return func(o *s3.Options) {
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(url, "http://"))
		}}}
	}
}

// tree returns the files of a folder with their contents.
func tree(t testing.TB, dir string) map[string]string {
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var text []byte
			text, err = os.ReadFile(path)
			out[path] = string(text)
		} else if err == nil {
			out[path+"/"] = ""
		}
		return err
	}))
	return out
}

func TestEveryOperationThatTheSDKKnowsIsServedOrRefused(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"), anyHost(h.url))
	ctx := t.Context()
	for _, name := range []string{"probe", "empty"} {
		_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}})
		require.NoError(t, err)
	}
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("probe"), Key: aws.String("k"), Body: strings.NewReader("content")})
	require.NoError(t, err)
	dir := filepath.Dir(filepath.Dir(h.lake.StagingPath()))
	before := tree(t, dir)
	all := operations()
	require.Greater(t, len(all), 100)
	for _, name := range served {
		require.Contains(t, all, name)
		delete(all, name)
	}
	for _, name := range []string{"ListDirectoryBuckets", "WriteGetObjectResponse"} {
		require.Error(t, call(ctx, c, all[name], "probe"), "the SDK signs it for another service")
		delete(all, name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, bucket := range []string{"probe", "empty", "new"} {
			require.Equal(t, "NotImplemented", code(t, call(ctx, c, all[name], bucket)), name)
			require.Equal(t, before, tree(t, dir), "%s of %s has changed what is there", name, bucket)
		}
	}
}

// taken are the headers and the parameters that are read, and those that nothing depends on here: who pays, a device for deleting versions, leave to
// go past a lock, the state of what is in an archive.
var taken = []string{
	"content-md5", "content-type", "content-length", "expect", "range", "x-amz-mp-object-size",
	"cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-amz-meta-x", "x-amz-metadata-directive", "x-amz-tagging-directive",
	"if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
	"x-amz-if-match-initiated-time", "x-amz-if-match-last-modified-time", "x-amz-if-match-size",
	"x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match", "x-amz-copy-source-if-modified-since", "x-amz-copy-source-if-unmodified-since", "x-amz-copy-source-range",
	"x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner", "x-amz-server-side-encryption", "x-amz-server-side-encryption-bucket-key-enabled",
	"x-amz-request-payer", "x-amz-mfa", "x-amz-bypass-governance-retention", "x-amz-optional-object-attributes",
	"versionId", "partNumber", "prefix", "delimiter", "encoding-type", "marker", "max-keys", "start-after", "fetch-owner", "continuation-token", "max-buckets",
	"key-marker", "upload-id-marker", "max-uploads", "max-parts", "part-number-marker", "x-amz-max-parts", "x-amz-part-number-marker",
}

// wire returns the names of the headers and the parameters of an operation's request.
func wire(ctx context.Context, c *s3.Client, m reflect.Method, members ...string) []string {
	var out []string
	_ = call(ctx, s3.New(c.Options(), func(o *s3.Options) {
		o.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
			out = slices.Collect(maps.Keys(r.URL.Query()))
			for name := range r.Header {
				out = append(out, strings.ToLower(name))
			}
			return nil, errors.New("nobody answers")
		})
	}), m, "probe", members...)
	return out
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestEveryMemberThatTheSDKSendsBesideTheBodyIsTakenOrRefused(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("probe"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}})
	require.NoError(t, err)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("probe"), Key: aws.String("k"), Body: strings.NewReader("content")})
	require.NoError(t, err)
	all := operations()
	for _, name := range served {
		m := all[name]
		bare := wire(ctx, c, m)
		for i := range m.Type.In(2).Elem().NumField() {
			member := m.Type.In(2).Elem().Field(i)
			if !member.IsExported() {
				continue
			}
			added := slices.DeleteFunc(wire(ctx, c, m, member.Name), func(name string) bool {
				return slices.Contains(bare, name) || slices.Contains(taken, name) || strings.HasPrefix(name, "x-amz-checksum-") || strings.HasPrefix(name, "response-")
			})
			if len(added) > 0 {
				refusal := code(t, call(ctx, c, m, "probe", member.Name))
				require.Contains(t, []string{"NotImplemented", "AccessControlListNotSupported", "InvalidRequest", "InvalidArgument"}, refusal, "%s with %v", name, added)
			}
		}
	}
}
