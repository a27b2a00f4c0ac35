package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/refract-io/refract/internal/aws/grant"
)

// objects is the bucket as the examination uses it.
type objects struct {
	*examination
	api    *s3.Client
	bucket *string
	// folder takes the probe's objects; readers skip names that begin with an underscore.
	folder string
}

const probeText = "written by refract aws doctor, which removes it\n"

func (e *examination) objects(ctx context.Context) (*objects, error) {
	s := &e.settings.S3
	cfg, err := e.Config(ctx, s.Role, s.Region)
	if err != nil {
		return nil, err
	}
	api := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if s.Endpoint != "" {
			o.BaseEndpoint = &s.Endpoint
		}
		if s.Endpoint != "" || cfg.BaseEndpoint != nil {
			// Other servers refuse the checksums that the SDK sends by default.
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
		o.UsePathStyle = s.PathStyle || cfg.BaseEndpoint != nil
	})
	return &objects{examination: e, api: api, bucket: &s.Bucket, folder: e.settings.Root() + "_refract-doctor/" + e.probe + "/"}, nil
}

func (e *examination) s3(ctx context.Context) {
	o, err := e.objects(ctx)
	if err != nil {
		e.fail("s3", "credentials", 0, err)
		return
	}
	if !o.regions(ctx) {
		return
	}
	key := o.folder + "object"
	wrote := false
	// Removing what isn't there succeeds, if it is allowed.
	if o.perform(ctx, grant.UseS3, "s3:DeleteObject", func(ctx context.Context) error { return o.remove(ctx, key) }) == nil {
		o.undo = append(o.undo, func(ctx context.Context) error { return o.removeAll(ctx) })
		wrote = o.perform(ctx, grant.UseS3, "s3:PutObject", func(ctx context.Context) error {
			return o.whole(ctx, func(ctx context.Context) error { return o.put(ctx, key, nil) })
		}) == nil
	} else {
		o.skip("s3", "s3:PutObject", "nothing is written that could not be removed")
	}
	_ = o.perform(ctx, grant.UseS3, "s3:GetObject", func(ctx context.Context) error { return o.get(ctx, key) }, "NoSuchKey")
	_ = o.perform(ctx, grant.UseS3, "s3:ListBucket", func(ctx context.Context) error { return o.list(ctx, key, wrote) })
	o.absent(ctx)
	if wrote {
		o.encryption(ctx, key)
		o.conditional(ctx, key)
	} else {
		for _, name := range []string{"encryption", "conditional writes"} {
			o.skip("s3", name, "no object could be written")
		}
	}
	o.multipart(ctx, wrote)
}

// regions compares the bucket's region with the pipeline's and the warehouse's. AWS tells it to whoever asks, in a header that comes
// with a denial too.
func (o *objects) regions(ctx context.Context) bool {
	var region string
	took, err := o.call(ctx, func(ctx context.Context) error {
		out, err := o.api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: o.bucket})
		if err == nil {
			region = aws.ToString(out.BucketRegion)
		}
		if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
			region = response.Response.Header.Get("X-Amz-Bucket-Region")
			if status := response.HTTPStatusCode(); status == http.StatusForbidden || status == http.StatusMovedPermanently || status == http.StatusBadRequest {
				err = nil
			}
		}
		return err
	})
	s := o.settings
	c := Check{Area: "s3", Name: "the bucket's region", Status: Passed, Detail: region, Milliseconds: took.Milliseconds()}
	missing, answered := errors.AsType[*awshttp.ResponseError](err)
	switch {
	case answered && missing.HTTPStatusCode() == http.StatusNotFound:
		c.Status, c.Cause, c.Remedy = Failed, fmt.Sprintf("there is no bucket %s", s.S3.Bucket), "create it, or give the pipeline the right name"
	case err != nil:
		c.take(diagnose(err))
	case region == "":
		c.Status, c.Detail = Skipped, "the server doesn't tell it"
	case region != s.S3.Region:
		c.Status, c.Cause = Failed, fmt.Sprintf("the bucket %s is in %s, and the pipeline says %s", s.S3.Bucket, region, s.S3.Region)
		c.Remedy = "give the pipeline the bucket's region"
	}
	o.add(c)
	if c.Status == Failed || c.Status == Unclear {
		return false
	}
	if s.Redshift != nil {
		near := Check{Area: "s3", Name: "the warehouse's region", Status: Passed, Detail: s.Redshift.Region}
		if at := region; at != "" && at != s.Redshift.Region {
			near.Status, near.Remedy = Failed, "use a bucket in the warehouse's region"
			near.Cause = fmt.Sprintf("the bucket is in %s and the warehouse in %s: Redshift Spectrum reads only buckets of its own region", at, s.Redshift.Region)
		}
		o.add(near)
	}
	return true
}

// encrypt sets what the pipeline's puts have.
func (o *objects) encrypt() (types.ServerSideEncryption, *string) {
	switch s := &o.settings.S3; s.Encryption {
	case "aes":
		return types.ServerSideEncryptionAes256, nil
	case "kms":
		if s.KMSKey != "" {
			return types.ServerSideEncryptionAwsKms, &s.KMSKey
		}
		return types.ServerSideEncryptionAwsKms, nil
	}
	return "", nil
}

func (o *objects) put(ctx context.Context, key string, ifNoneMatch *string) error {
	algorithm, kmsKey := o.encrypt()
	_, err := o.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: o.bucket, Key: &key, Body: strings.NewReader(probeText), ServerSideEncryption: algorithm, SSEKMSKeyId: kmsKey, IfNoneMatch: ifNoneMatch,
	})
	return err
}

func (o *objects) get(ctx context.Context, key string) error {
	out, err := o.api.GetObject(ctx, &s3.GetObjectInput{Bucket: o.bucket, Key: &key})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	got, err := io.ReadAll(io.LimitReader(out.Body, 1<<10))
	if err == nil && !bytes.Equal(got, []byte(probeText)) {
		err = fmt.Errorf("the object reads %q, which is not what was written", got)
	}
	return err
}

func (o *objects) remove(ctx context.Context, key string) error {
	_, err := o.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: o.bucket, Key: &key})
	return err
}

// removeAll removes everything that may have been written, by name: listing may not be allowed.
func (o *objects) removeAll(ctx context.Context) error {
	var errs []error
	for _, name := range []string{"object", "parts"} {
		if err := o.remove(ctx, o.folder+name); err != nil {
			errs = append(errs, fmt.Errorf("s3://%s/%s%s is left: %w", *o.bucket, o.folder, name, err))
		}
	}
	return errors.Join(errs...)
}

func (o *objects) list(ctx context.Context, key string, wrote bool) error {
	out, err := o.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: o.bucket, Prefix: &o.folder})
	if err == nil && wrote && (len(out.Contents) != 1 || aws.ToString(out.Contents[0].Key) != key) {
		err = fmt.Errorf("the listing of %s does not hold the object that was just written", o.folder)
	}
	return err
}

// absent makes sure that an object that isn't there is told as that. Amazon S3 says so only to those who may list the bucket, with the key
// as s3:prefix (HeadObject, "Permissions"), and denies it to others; a run that is repeated looks for a manifest that may not be there.
func (o *objects) absent(ctx context.Context) {
	const name, action = "an absent object", "s3:ListBucket"
	if !o.readable() {
		o.skip("s3", name, "objects can't be read")
		return
	}
	took, err := o.call(ctx, func(ctx context.Context) error { return o.get(ctx, o.folder+"absent") })
	c := Check{Area: "s3", Name: name, Status: Passed, Detail: "is told as absent", Milliseconds: took.Milliseconds()}
	switch code, _, status := answerOf(err); {
	case code == "NoSuchKey" || status == http.StatusNotFound:
	case err == nil:
		c.Status, c.Detail, c.Cause = Warned, "", "an object that nobody wrote is there"
	default:
		o.judge(&c, grant.UseS3, action, err)
		c.Name = name
		if c.Status == Failed {
			c.Cause += "; a run that is repeated can't tell then whether its manifest is there, and fails"
		}
	}
	o.add(c)
}

// encryption looks at how the object was encrypted indeed.
func (o *objects) encryption(ctx context.Context, key string) {
	var out *s3.HeadObjectOutput
	took, err := o.call(ctx, func(ctx context.Context) (err error) {
		out, err = o.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: o.bucket, Key: &key})
		return err
	})
	c := Check{Area: "s3", Name: "encryption", Status: Passed, Milliseconds: took.Milliseconds()}
	if err != nil {
		if !o.readable() {
			o.skip("s3", "encryption", "the object can't be read")
			return
		}
		o.judge(&c, grant.UseS3, "s3:GetObject", err)
		c.Name = "encryption"
		o.add(c)
		return
	}
	want, kmsKey := o.encrypt()
	c.Detail = string(out.ServerSideEncryption)
	if key := aws.ToString(out.SSEKMSKeyId); key != "" {
		c.Detail += " with " + key
	}
	switch {
	case want != "" && out.ServerSideEncryption != want:
		c.Status, c.Cause = Failed, fmt.Sprintf("the pipeline asks for %s, and the object has %q", want, out.ServerSideEncryption)
		c.Remedy = "check what the server supports and the bucket's default encryption"
	case kmsKey != nil && o.elsewhere(aws.ToString(out.SSEKMSKeyId)) != "":
		// S3 looks an alias or id up in the account of whoever writes.
		c.Status, c.Cause = Failed, fmt.Sprintf("%s is a key of the account %s, and not of %s: an alias or id is looked up in the account of whoever writes",
			aws.ToString(out.SSEKMSKeyId), o.elsewhere(aws.ToString(out.SSEKMSKeyId)), o.settings.KeyAccount())
		c.Remedy = "give the pipeline the key's ARN, or a role of the key's account"
	case kmsKey != nil && strings.Contains(*kmsKey, ":key/") && aws.ToString(out.SSEKMSKeyId) != *kmsKey:
		c.Status, c.Cause = Failed, fmt.Sprintf("the pipeline asks for the key %s, and the object has %s", *kmsKey, aws.ToString(out.SSEKMSKeyId))
	}
	o.add(c)
}

// elsewhere returns the account of a key that is in another than it should be, else "".
func (o *objects) elsewhere(key string) string {
	parts, want := strings.SplitN(key, ":", 6), o.settings.KeyAccount()
	if len(parts) < 6 || want == "" || parts[4] == want {
		return ""
	}
	return parts[4]
}

// readable reports whether nothing was in the way of reading the object.
func (o *objects) readable() bool {
	return o.ok("s3", "s3:GetObject") && !slices.ContainsFunc(o.checks, func(c Check) bool { return c.Name == "kms:Decrypt" && c.Status != Passed })
}

// conditional makes sure that a put of a key that exists is refused when it asks for that: two runs must not overwrite each other.
func (o *objects) conditional(ctx context.Context, key string) {
	took, err := o.call(ctx, func(ctx context.Context) error {
		return o.whole(ctx, func(ctx context.Context) error { return o.put(ctx, key, aws.String("*")) })
	})
	c := Check{Area: "s3", Name: "conditional writes", Status: Passed, Detail: "an object that exists is not replaced", Milliseconds: took.Milliseconds()}
	code, _, status := answerOf(err)
	switch {
	case status == http.StatusPreconditionFailed:
	case err == nil:
		c.Status, c.Detail, c.Cause = Warned, "", "the server ignores If-None-Match"
		c.Remedy = "let no two processes export the same pipeline into it"
	case status == http.StatusNotImplemented || code == "NotImplemented":
		c.Status, c.Detail, c.Cause = Warned, "", "the server has no conditional writes"
		c.Remedy = "let no two processes export the same pipeline into it"
	default:
		c.take(diagnose(err))
	}
	o.add(c)
}
