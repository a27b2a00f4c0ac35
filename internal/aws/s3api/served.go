package s3api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// parameters holds what a query may name, by the method and by what the path names: those that make another operation of a request, and
// those of the operations that are served. S3's newer operations are the older ones with a name in the query, such as RenameObject, which is
// PutObject with renameObject: the front takes those that it doesn't know for the older ones, and would replace the object.
var parameters = map[string][]string{
	"GET service": {"prefix", "continuation-token", "max-buckets"},

	"PUT bucket":    nil,
	"HEAD bucket":   nil,
	"DELETE bucket": nil,
	"POST bucket":   {"delete"},
	"GET bucket": {
		"location", "ownershipControls", "versioning", "policy", "policyStatus", "cors", "object-lock", "acl", "uploads",
		"list-type", "prefix", "delimiter", "encoding-type", "max-keys", "marker", "continuation-token", "start-after", "fetch-owner",
		"max-uploads", "key-marker", "upload-id-marker",
	},

	"PUT object":    {"uploadId", "partNumber"},
	"POST object":   {"uploads", "uploadId"},
	"DELETE object": {"uploadId", "versionId"},
	"HEAD object":   readParameters,
	"GET object":    append([]string{"attributes", "uploadId", "max-parts", "part-number-marker"}, readParameters...),
}

var readParameters = []string{
	"partNumber", "versionId", "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
	"response-content-type", "response-expires",
}

// signing are the parameters of a presigned URL, in lower case, without those of checksums. What SDKs move from a header into the query beside
// them is read from a header alone.
var signing = []string{
	"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature", "x-amz-security-token",
	"x-amz-content-sha256", "x-amz-sdk-checksum-algorithm", "x-amz-user-agent", "x-amz-request-payer",
	"awsaccesskeyid", "signature", "expires", // of version 2, which the front refuses in words of its own
}

// refusedHeaders are headers that ask for what is not served, and that the front would drop.
var refusedHeaders = []struct {
	name   string // its beginning
	answer s3err.APIError
}{
	{"X-Amz-Grant-", s3err.APIError{Code: "AccessControlListNotSupported", Description: "The bucket does not allow ACLs", HTTPStatusCode: http.StatusBadRequest}},
	{"X-Amz-Object-Lock-", s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)},
	{"X-Amz-Website-Redirect-Location", unserved("Redirecting to another object")},
	{"X-Amz-Write-Offset-Bytes", unserved("Appending to an object")},
	{"X-Amz-Bucket-Namespace", unserved("A namespace of buckets")},
	{"X-Amz-Object-Annotation-", unserved("Annotating an object")},
	{"X-Amz-Server-Side-Encryption-Customer-", unserved("Encryption with keys of the customer (SSE-C)")},
	{"X-Amz-Copy-Source-Server-Side-Encryption-Customer-", unserved("Encryption with keys of the customer (SSE-C)")},
	{"X-Amz-Server-Side-Encryption-Context", unserved("An encryption context of the request's own")},
}

func unserved(what string) s3err.APIError {
	return s3err.APIError{Code: "NotImplemented", Description: what + " is not implemented by this endpoint.", HTTPStatusCode: http.StatusNotImplemented}
}

// checkServed refuses a request for what is not served, before anything is done.
func checkServed(r *http.Request) *s3err.APIError {
	// What can't be read here may be read by the front.
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refused := s3err.GetAPIError(s3err.ErrInvalidURI)
		return &refused
	}
	method, level := r.Method, levelOf(r)
	names, known := parameters[method+" "+level]
	selected := method != http.MethodPost
	for name := range query {
		lower := strings.ToLower(name)
		switch {
		case slices.Contains(names, name):
			selected = true
		case name == "x-id", slices.Contains(signing, lower), strings.HasPrefix(lower, "x-amz-checksum-"):
		default:
			refused := unserved(fmt.Sprintf("The parameter %q of %s for %s", name, method, map[string]string{"service": "the service", "bucket": "a bucket", "object": "an object"}[level]))
			return &refused
		}
	}
	if known && !selected {
		refused := unserved("Posting an object by a form")
		return &refused
	}
	if _, key := split(r); key != "" && !utils.IsObjectNameValid(key) { // it leads out of the bucket; the front calls that 400
		return &s3err.APIError{Code: "InvalidArgument", Description: "This bucket is a folder, which has no place for the key.", HTTPStatusCode: http.StatusBadRequest}
	}
	for header, values := range r.Header {
		for _, refused := range refusedHeaders {
			if strings.HasPrefix(header, refused.name) && strings.Join(values, "") != "" {
				return &refused.answer
			}
		}
	}
	if ownership := r.Header.Get("X-Amz-Object-Ownership"); ownership != "" && ownership != "BucketOwnerEnforced" {
		refused := unserved("The object ownership " + ownership)
		return &refused
	}
	return nil
}

// levelOf tells what a path names: the service, a bucket or an object.
func levelOf(r *http.Request) string {
	name, key := split(r)
	switch {
	case key != "":
		return "object"
	case name != "":
		return "bucket"
	}
	return "service"
}

// split returns the names of the bucket and of the object in a path.
func split(r *http.Request) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return bucket, key
}
