package s3api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/kms"
	"github.com/refract-io/refract/internal/aws/s3api"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/platform/bucket"
)

const (
	account = "123456789012"
	vendor  = "485438090326"
	region  = "eu-central-1"
	lake    = "lake"
)

// house is an endpoint with S3 and KMS over an empty lake. Users are made of their names: the access key AKIA<name>, the secret s-<name>.
type house struct {
	t         testing.TB
	lake      *bucket.Local
	authority *sts.Authority
	url       string
}

func allow(actions string, resources string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":[` + resources + `]}]}`
}

func user(name string, policies ...string) sts.User {
	return sts.User{Name: name, AccessKeys: []sts.AccessKey{{ID: "AKIA" + name, Secret: "s-" + name}}, Policies: policies}
}

var admin = user("admin", allow(`"*"`, `"*"`))

func newHouse(t testing.TB, accounts ...sts.Account) *house { return newHouseAt(t, nil, accounts...) }

// newHouseAt is newHouse with the authority's clock.
func newHouseAt(t testing.TB, now func() time.Time, accounts ...sts.Account) *house {
	t.Helper()
	if len(accounts) == 0 {
		accounts = []sts.Account{{ID: account, Users: []sts.User{admin}}}
	}
	authority, err := sts.New(accounts, now)
	require.NoError(t, err)
	dir := t.TempDir()
	local, err := bucket.OpenLocal(lake, filepath.Join(dir, "lake"))
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(testLog{t}, nil))
	keys, err := kms.New(kms.Config{
		Account: account, Region: region, Keys: []kms.Key{{Alias: "lake"}, {Alias: "off", Disabled: true}}, Path: filepath.Join(dir, "keys.json"), Auth: authority, Log: log,
	})
	require.NoError(t, err)
	gateway, err := s3api.New(s3api.Config{
		Authority: authority, Account: account, Region: region, Lake: local, LakeName: lake, Folder: filepath.Join(dir, "buckets"), Keys: keys, Log: log,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- gateway.Run(ctx) }()
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, S3: gateway, Log: log}))
	t.Cleanup(func() {
		server.Close()
		cancel()
		require.NoError(t, <-ended)
	})
	return &house{t, local, authority, server.URL}
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(string(bytes.TrimSpace(p)))
	return len(p), nil
}

func key(name string) aws.Credentials {
	return aws.Credentials{AccessKeyID: "AKIA" + name, SecretAccessKey: "s-" + name}
}

func (h *house) client(c aws.Credentials, change ...func(*s3.Options)) *s3.Client {
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: &h.url, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
	}, change...)
}

func (h *house) put(c *s3.Client, key, body string) error {
	_, err := c.PutObject(h.t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: &key, Body: bytes.NewReader([]byte(body))})
	return err
}

func (h *house) get(c *s3.Client, key string) (string, error) {
	out, err := c.GetObject(h.t.Context(), &s3.GetObjectInput{Bucket: aws.String(lake), Key: &key})
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(out.Body)
	return string(body), errors.Join(err, out.Body.Close())
}

func (h *house) keys(c *s3.Client, in *s3.ListObjectsV2Input) (keys, prefixes []string) {
	h.t.Helper()
	in.Bucket = aws.String(lake)
	pages := s3.NewListObjectsV2Paginator(c, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(h.t.Context())
		require.NoError(h.t, err)
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range page.CommonPrefixes {
			prefixes = append(prefixes, *p.Prefix)
		}
	}
	return keys, prefixes
}

func code(t testing.TB, err error) string {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	return api.ErrorCode()
}
