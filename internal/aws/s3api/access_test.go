package s3api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/sts"
)

const (
	keyPrefix = "arn:aws:kms:" + region + ":" + account + ":key/"
	inLake    = `"arn:aws:s3:::lake/*"`
)

// skewed signs with a clock that is wrong.
type skewed struct {
	v4.HTTPSigner
	by time.Duration
}

func (s skewed) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, opts ...func(*v4.SignerOptions)) error {
	return s.HTTPSigner.SignHTTP(ctx, c, r, hash, service, region, at.Add(s.by), opts...)
}

func TestRequestsThatNobodyKnownSignedAreRefused(t *testing.T) {
	h := newHouse(t)
	for name, test := range map[string]struct {
		credentials aws.Credentials
		change      func(*s3.Options)
		want        string
	}{
		"an unknown key":       {aws.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}, nil, "InvalidAccessKeyId"},
		"a wrong secret":       {aws.Credentials{AccessKeyID: "AKIAadmin", SecretAccessKey: "x"}, nil, "SignatureDoesNotMatch"},
		"a token nobody gave":  {aws.Credentials{AccessKeyID: "AKIAadmin", SecretAccessKey: "s-admin", SessionToken: "x"}, nil, "InvalidToken"},
		"a clock that is late": {key("admin"), func(o *s3.Options) { o.HTTPSignerV4 = skewed{v4.NewSigner(), -time.Hour} }, "RequestTimeTooSkewed"},
		"another region":       {key("admin"), func(o *s3.Options) { o.Region = "us-west-2" }, "AuthorizationHeaderMalformed"},
		"nobody":               {aws.Credentials{}, func(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} }, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*s3.Options) {}
			}
			_, err := h.get(h.client(test.credentials, change), "k")
			require.Equal(t, test.want, code(t, err))
		})
	}
}

func TestASessionsRequestsAreItsRoles(t *testing.T) {
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::485438090326:user/export"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"token"}}}]}`
	h := newHouse(t,
		sts.Account{ID: account, Users: []sts.User{admin}, Roles: []sts.Role{{Name: "writer", Trust: trust, Policies: []string{allow(`"s3:PutObject"`, inLake)}}}},
		sts.Account{ID: vendor, Users: []sts.User{user("export", allow(`"*"`, `"*"`))}},
	)
	ctx := t.Context()
	require.Equal(t, "AccessDenied", code(t, h.put(h.client(key("export")), "k", "x")), "another account's user, whatever its policies say")
	out, err := awssts.New(awssts.Options{Region: region, BaseEndpoint: &h.url, Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) { return key("export"), nil })}).AssumeRole(ctx, &awssts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/writer"), RoleSessionName: aws.String("run"), ExternalId: aws.String("token"),
	})
	require.NoError(t, err)
	session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	require.NoError(t, h.put(h.client(session), "k", "x"))
	_, err = h.get(h.client(session), "k")
	require.Equal(t, "AccessDenied", code(t, err))
	require.ErrorContains(t, err, "User: arn:aws:sts::"+account+":assumed-role/writer/run is not authorized to perform: s3:GetObject on resource")
	without := session
	without.SessionToken = ""
	require.Equal(t, "InvalidToken", code(t, h.put(h.client(without), "k", "x")))
}

func TestPoliciesDecideByActionResourceAndPrefix(t *testing.T) {
	list := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::lake","Condition":{"StringLike":{"s3:prefix":["events/*"]}}}]}`
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::lake/keep/*"}]}`
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{
		admin, user("lister", list), user("keeper", deny), user("folder", allow(`"s3:PutObject","s3:GetObject","s3:DeleteObject"`, `"arn:aws:s3:::lake/events/*"`)),
		user("reader", allow(`"s3:GetObject"`, inLake)), user("copier", allow(`"s3:PutObject"`, inLake)),
	}})
	ctx := t.Context()
	for _, k := range []string{"events/a", "keep/a", "other"} {
		require.NoError(t, h.put(h.client(key("admin")), k, "x"))
	}
	lister := h.client(key("lister"))
	for prefix, allowed := range map[string]bool{"events/": true, "events/2026": true, "events": false, "": false, "other": false} {
		_, err := lister.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(lake), Prefix: &prefix})
		if allowed {
			require.NoError(t, err, prefix)
		} else {
			require.Equal(t, "AccessDenied", code(t, err), prefix)
		}
	}
	_, err := lister.ListBuckets(ctx, nil)
	require.Equal(t, "AccessDenied", code(t, err))
	_, err = lister.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String(lake)})
	require.Equal(t, "AccessDenied", code(t, err))
	_, err = lister.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(lake)})
	require.Equal(t, "AccessDenied", code(t, err))

	folder := h.client(key("folder"))
	require.NoError(t, h.put(folder, "events/b", "x"))
	require.Equal(t, "AccessDenied", code(t, h.put(folder, "other", "x")))
	require.Equal(t, "AccessDenied", code(t, h.put(folder, "events-2/b", "x")))

	out, err := h.client(key("keeper")).DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String(lake), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("keep/a")}, {Key: aws.String("other")}}}})
	require.NoError(t, err)
	require.Len(t, out.Deleted, 1)
	require.Len(t, out.Errors, 1)
	require.Equal(t, "AccessDenied", *out.Errors[0].Code)
	require.Equal(t, "keep/a", *out.Errors[0].Key)

	_, err = h.client(key("copier")).CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(lake), Key: aws.String("copy"), CopySource: aws.String("lake/keep/a")})
	require.Equal(t, "AccessDenied", code(t, err), "a copy reads its source")
	_, err = h.client(key("reader")).CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(lake), Key: aws.String("copy"), CopySource: aws.String("lake/keep/a")})
	require.Equal(t, "AccessDenied", code(t, err))
}

// "If you have the s3:ListBucket permission on the bucket, Amazon S3 returns 404; if you don't, 403" (GetObject, HeadObject, GetObjectAttributes).
func TestWhoMayNotListDoesNotLearnWhatIsAbsent(t *testing.T) {
	read := `{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectAttributes","s3:PutObject"],"Resource":"arn:aws:s3:::lake/*"}`
	policy := func(list string) string { return `{"Version":"2012-10-17","Statement":[` + read + list + `]}` }
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{
		user("blind", policy("")),
		user("all", policy(`,{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::lake"}`)),
		user("some", policy(`,{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::lake","Condition":{"StringLike":{"s3:prefix":"mine/*"}}}`)),
		user("hidden", policy(`,{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"},{"Effect":"Deny","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":"mine/*"}}}`)),
	}})
	ctx := t.Context()
	for _, test := range []struct {
		user, key string
		status    int
	}{
		{"blind", "mine/x", 403}, {"all", "mine/x", 404}, {"some", "mine/x", 404}, {"some", "other/x", 403}, {"hidden", "mine/x", 403}, {"hidden", "x", 404},
		{"blind", ".staging/x", 403}, {"all", "a//b", 404},
	} {
		c := h.client(key(test.user))
		_, get := h.get(c, test.key)
		_, head := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(lake), Key: &test.key})
		_, describe := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: aws.String(lake), Key: &test.key, ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesEtag}})
		_, replace := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(lake), Key: aws.String("copy"), CopySource: aws.String("lake/" + test.key)})
		for name, err := range map[string]error{"get": get, "head": head, "describe": describe, "copy": replace} {
			var answer *awshttp.ResponseError
			require.ErrorAs(t, err, &answer)
			require.Equal(t, test.status, answer.HTTPStatusCode(), "%s by %s of %s: %v", name, test.user, test.key, err)
		}
	}
	_, err := h.get(h.client(key("blind")), "x")
	require.ErrorContains(t, err, "is not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::lake")
}

// The two statements that guides to S3 give for bucket policies (UsingKMSEncryption, UsingServerSideEncryption), and the one that
// lets nobody replace an object (conditional-writes-enforce).
func TestPoliciesDecideByWhatAPutAsksFor(t *testing.T) {
	statement := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
			`{"Effect":"Deny","Action":"s3:PutObject","Resource":"arn:aws:s3:::lake/*","Condition":` + condition + `}]}`
	}
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{
		admin,
		user("encrypted", statement(`{"Null":{"s3:x-amz-server-side-encryption":"true"}}`)),
		user("kms", statement(`{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}`)),
		user("key", statement(`{"Null":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"false"},"StringNotEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"alias/lake"}}`)),
		user("thiskey", statement(`{"StringNotEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"alias/lake"}}`)),
		user("once", statement(`{"Null":{"s3:if-none-match":"true"}}`)),
		user("owned", statement(`{"StringNotEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}`)),
	}})
	ctx := t.Context()
	require.NoError(t, h.put(h.client(key("admin")), "source", "x"))
	var n int
	for _, test := range []struct {
		name      string
		algorithm types.ServerSideEncryption
		key       *string
		once      *string
		acl       types.ObjectCannedACL
		allowed   []string
	}{
		{name: "nothing", allowed: []string{"key"}},
		{name: "SSE-S3", algorithm: types.ServerSideEncryptionAes256, allowed: []string{"encrypted", "key"}},
		{name: "SSE-KMS", algorithm: types.ServerSideEncryptionAwsKms, allowed: []string{"encrypted", "kms", "key"}},
		{name: "SSE-KMS by the key", algorithm: types.ServerSideEncryptionAwsKms, key: aws.String("alias/lake"), allowed: []string{"encrypted", "kms", "key", "thiskey"}},
		{name: "SSE-KMS by another key", algorithm: types.ServerSideEncryptionAwsKms, key: aws.String("alias/aws/s3"), allowed: []string{"encrypted", "kms"}},
		{name: "a new object", once: aws.String("*"), allowed: []string{"key", "once"}},
		{name: "an object of the bucket's owner", acl: types.ObjectCannedACLBucketOwnerFullControl, allowed: []string{"key", "owned"}},
	} {
		for _, name := range []string{"encrypted", "kms", "key", "thiskey", "once", "owned"} {
			c := h.client(key(name))
			n++
			k := aws.String(fmt.Sprint("k", n))
			_, put := c.PutObject(ctx, &s3.PutObjectInput{
				Bucket: aws.String(lake), Key: k, Body: strings.NewReader("x"), ServerSideEncryption: test.algorithm, SSEKMSKeyId: test.key, IfNoneMatch: test.once, ACL: test.acl,
			})
			attempts := map[string]error{"put": put}
			if test.once == nil { // a copy and the beginning of an upload have no such condition
				_, attempts["copy"] = c.CopyObject(ctx, &s3.CopyObjectInput{
					Bucket: aws.String(lake), Key: aws.String(*k + "-copy"), CopySource: aws.String("lake/source"), ServerSideEncryption: test.algorithm, SSEKMSKeyId: test.key, ACL: test.acl,
				})
				_, attempts["upload"] = c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
					Bucket: aws.String(lake), Key: k, ServerSideEncryption: test.algorithm, SSEKMSKeyId: test.key, ACL: test.acl,
				})
			}
			for attempt, err := range attempts {
				if slices.Contains(test.allowed, name) {
					require.NoError(t, err, "%s of %s by %s", attempt, test.name, name)
					continue
				}
				require.Equal(t, "AccessDenied", code(t, err), "%s of %s by %s", attempt, test.name, name)
				require.ErrorContains(t, err, "s3:PutObject on resource: arn:aws:s3:::lake/"+*k)
			}
		}
	}
}

// Who goes on with an upload is asked for the right to put its object too, with the encryption that its beginning asked for.
func TestAnUploadsPartsAreAskedForAsItsBeginning(t *testing.T) {
	encrypted := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"s3:PutObject","Resource":"*","Condition":{"Null":{"s3:x-amz-server-side-encryption":"true"}}}]}`
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{admin, user("encrypted", encrypted), user("reader", allow(`"s3:Get*","s3:List*","s3:AbortMultipartUpload"`, `"*"`))}})
	ctx := t.Context()
	require.NoError(t, h.put(h.client(key("admin")), "source", "x"))
	for algorithm, allowed := range map[types.ServerSideEncryption]bool{"": false, types.ServerSideEncryptionAes256: true} {
		k := aws.String("k" + string(algorithm))
		created, err := h.client(key("admin")).CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: k, ServerSideEncryption: algorithm})
		require.NoError(t, err)
		goOn := func(name string) (errs []error) {
			c := h.client(key(name))
			part, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String(lake), Key: k, UploadId: created.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
			_, copied := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: aws.String(lake), Key: k, UploadId: created.UploadId, PartNumber: aws.Int32(2), CopySource: aws.String("lake/source")})
			etag := aws.String(`"9dd4e461268c8034f5c8564e155c67a6"`)
			if err == nil {
				etag = part.ETag
			}
			in := &s3.CompleteMultipartUploadInput{Bucket: aws.String(lake), Key: k, UploadId: created.UploadId,
				MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: etag}}}}
			_, completed := c.CompleteMultipartUpload(ctx, in)
			_, again := c.CompleteMultipartUpload(ctx, in)
			return []error{err, copied, completed, again}
		}
		for _, err := range goOn("reader") {
			require.Equal(t, "AccessDenied", code(t, err))
		}
		for _, err := range goOn("encrypted") {
			if allowed {
				require.NoError(t, err)
			} else {
				require.Equal(t, "AccessDenied", code(t, err))
			}
		}
		for _, err := range goOn("reader") {
			require.Equal(t, "AccessDenied", code(t, err), "also when it has ended")
		}
	}
}

func TestSSEKMSNeedsRightsOnTheKey(t *testing.T) {
	s3All := allow(`"s3:*"`, `"*"`)
	kms := func(actions string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":"` + keyPrefix + `*","Condition":{` +
			`"StringEquals":{"kms:ViaService":"s3.` + region + `.amazonaws.com"},"StringLike":{"kms:EncryptionContext:aws:s3:arn":["arn:aws:s3:::lake","arn:aws:s3:::lake/events/*"]}}}]}`
	}
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{
		admin, user("none", s3All), user("both", s3All, kms(`"kms:GenerateDataKey","kms:Decrypt"`)), user("write", s3All, kms(`"kms:GenerateDataKey"`)),
	}})
	ctx := t.Context()
	put := func(name, k string, change ...func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
		in := &s3.PutObjectInput{Bucket: aws.String(lake), Key: &k, Body: strings.NewReader("x"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: aws.String("alias/lake")}
		for _, c := range change {
			c(in)
		}
		return h.client(key(name)).PutObject(ctx, in)
	}
	out, err := put("both", "events/a")
	require.NoError(t, err)
	require.Equal(t, types.ServerSideEncryptionAwsKms, out.ServerSideEncryption)
	require.True(t, strings.HasPrefix(*out.SSEKMSKeyId, keyPrefix), "the key's ARN answers its alias")
	head, err := h.client(key("both")).HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(lake), Key: aws.String("events/a")})
	require.NoError(t, err)
	require.Equal(t, out.SSEKMSKeyId, head.SSEKMSKeyId)
	_, err = h.get(h.client(key("both")), "events/a")
	require.NoError(t, err)
	_, err = h.get(h.client(key("write")), "events/a")
	require.Equal(t, "AccessDenied", code(t, err))
	require.ErrorContains(t, err, "kms:Decrypt")
	_, err = put("none", "events/a")
	require.Equal(t, "AccessDenied", code(t, err))
	require.ErrorContains(t, err, "kms:GenerateDataKey")
	_, err = put("both", "other/a")
	require.Equal(t, "AccessDenied", code(t, err), "the encryption context is the object's ARN")
	_, err = put("both", "other/a", func(in *s3.PutObjectInput) { in.BucketKeyEnabled = aws.Bool(true) })
	require.NoError(t, err, "with a bucket key it is the bucket's")
	_, err = put("none", "events/b", func(in *s3.PutObjectInput) { in.SSEKMSKeyId = nil })
	require.NoError(t, err, "the default key is everybody's")
	_, err = put("admin", "events/b", func(in *s3.PutObjectInput) { in.SSEKMSKeyId = aws.String("alias/off") })
	require.Equal(t, "KMS.DisabledException", code(t, err))
	_, err = put("admin", "events/b", func(in *s3.PutObjectInput) { in.SSEKMSKeyId = aws.String("alias/nothing") })
	require.Equal(t, "KMS.NotFoundException", code(t, err))

	// An upload of parts needs both: "kms:Decrypt" too (Multipart upload API and permissions).
	created, err := h.client(key("write")).CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: aws.String(lake), Key: aws.String("events/parts"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: aws.String("alias/lake"),
	})
	require.NoError(t, err)
	part := &s3.UploadPartInput{Bucket: aws.String(lake), Key: aws.String("events/parts"), UploadId: created.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")}
	_, err = h.client(key("write")).UploadPart(ctx, part)
	require.Equal(t, "AccessDenied", code(t, err))
	part.Body = strings.NewReader("x")
	uploaded, err := h.client(key("both")).UploadPart(ctx, part)
	require.NoError(t, err)
	_, err = h.client(key("both")).CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("events/parts"), UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: uploaded.ETag}}}})
	require.NoError(t, err)
	_, err = put("admin", "c", func(in *s3.PutObjectInput) {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAes256, nil
	})
	require.NoError(t, err)
	_, err = put("admin", "c", func(in *s3.PutObjectInput) {
		in.SSECustomerAlgorithm, in.SSECustomerKey = aws.String("AES256"), aws.String(strings.Repeat("x", 32))
		in.ServerSideEncryption, in.SSEKMSKeyId = "", nil
	})
	require.Error(t, err)
}

// What a client sends behind a request that is refused must not become a request of its own, whose answer another client gets.
func TestARefusedRequestsBodyIsNoRequest(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.put(h.client(key("admin")), "k", "mine"))
	smuggled := "GET /lake/k HTTP/1.1\r\nHost: s3\r\n\r\n"
	for range 50 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, h.url+"/lake/x", strings.NewReader(strings.Repeat(smuggled, 2000)))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
		got, err := h.get(h.client(key("admin")), "k")
		require.NoError(t, err)
		require.Equal(t, "mine", got)
	}
}

func TestWhoeverSendsTooMuchLearnsWhyItIsRefused(t *testing.T) {
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{user("nothing")}})
	for range 20 {
		require.Equal(t, "AccessDenied", code(t, h.put(h.client(key("nothing")), "k", strings.Repeat("x", 8<<20))))
	}
}
