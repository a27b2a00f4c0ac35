package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// exported starts a service that has exported an event, and returns the key of the object.
func exported(t *testing.T, args ...string) (s *harness.Service, key string) {
	t.Helper()
	s = harness.Start(t, append([]string{"--seal-after", "20ms", "--pipeline-interval", "100ms"}, args...)...)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	sender := harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Seen", harness.Object{"distinct_id": "ann"}))
	s.AwaitPublished(p.ID)
	lake := filepath.Join(s.Dir, "lake")
	require.NoError(t, filepath.WalkDir(lake, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".json.gz") && strings.Contains(path, "mp_master_event") {
			key, _ = filepath.Rel(lake, path)
		}
		return err
	}))
	require.NotEmpty(t, key)
	return s, key
}

func hostOf(t *testing.T, address string) string {
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

// must returns what a command prints, without its last line feed.
func (c *awsCLI) must(args ...string) string {
	c.Helper()
	out, failure, err := c.run(args...)
	require.NoError(c, err, "%v: %s", args, failure)
	return strings.TrimSpace(string(out))
}

func (c *awsCLI) refused(args ...string) string {
	c.Helper()
	_, failure, err := c.run(args...)
	require.Error(c, err, "%v", args)
	return failure
}

// TestTheLakeByAWSCLI reads what pipelines wrote and writes beside it, as a data engineer would at the command line.
func TestTheLakeByAWSCLI(t *testing.T) {
	t.Parallel()
	s, key := exported(t)
	c := newAWSCLI(t, s, hostOf(t, s.AWSURL()))
	dir := t.TempDir()
	require.Contains(t, c.must("s3", "ls", "s3://lake", "--recursive"), key)
	require.NotContains(t, c.must("s3", "ls", "s3://lake"), ".staging")
	c.must("s3", "cp", "s3://lake/"+key, filepath.Join(dir, "object"))
	plain, err := os.ReadFile(filepath.Join(s.Dir, "lake", filepath.FromSlash(key)))
	require.NoError(t, err)
	read, err := os.ReadFile(filepath.Join(dir, "object"))
	require.NoError(t, err)
	require.Equal(t, plain, read)

	// A presigned URL needs no credentials.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.must("s3", "presign", "s3://lake/"+key), nil)
	require.NoError(t, err)
	shared, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	read, err = io.ReadAll(shared.Body)
	require.NoError(t, errors.Join(err, shared.Body.Close()))
	require.Equal(t, plain, read)

	// 20 MB travel in parts.
	big := make([]byte, 20_000_000)
	_, err = rand.Read(big)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tree", "a"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tree", "a", "big"), big, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tree", "ä ö+%.txt"), []byte("small"), 0o644))
	c.must("s3", "mb", "s3://more")
	c.must("s3", "sync", filepath.Join(dir, "tree"), "s3://more/tree", "--quiet")
	require.Empty(t, c.must("s3", "sync", filepath.Join(dir, "tree"), "s3://more/tree"), "a second one finds nothing to do")
	c.must("s3", "sync", "s3://more/tree", filepath.Join(dir, "back"), "--quiet")
	back, err := os.ReadFile(filepath.Join(dir, "back", "a", "big"))
	require.NoError(t, err)
	require.Equal(t, big, back)
	require.FileExists(t, filepath.Join(dir, "back", "ä ö+%.txt"))
	c.must("s3", "cp", "s3://more/tree/a/big", "s3://more/copy", "--quiet")
	require.Equal(t, "20000000", c.must("s3api", "head-object", "--bucket", "more", "--key", "copy", "--query", "ContentLength"))
	require.Contains(t, c.refused("s3", "rb", "s3://more"), "BucketNotEmpty")
	c.must("s3", "rm", "s3://more", "--recursive", "--quiet")
	c.must("s3", "rb", "s3://more")
	require.Contains(t, c.refused("s3", "ls", "s3://more"), "NoSuchBucket")
	require.Contains(t, c.refused("s3api", "put-bucket-versioning", "--bucket", "lake", "--versioning-configuration", "Status=Enabled"), "NotImplemented")

	require.Contains(t, c.must("secretsmanager", "get-secret-value", "--secret-id", "refract/sql-admin", "--query", "SecretString"), s.Secret("sql-password"))
	require.Contains(t, c.must("kms", "list-aliases", "--query", "Aliases[].AliasName"), "alias/aws/s3")
	require.NotContains(t, s.Logs(), "level=ERROR")
	s.RequireExact("shop")
}

// TestRolesByAWSCLI goes the way of Mixpanel's exporter: the vendor's user assumes the customer's roles, and may do what they may.
func TestRolesByAWSCLI(t *testing.T) {
	t.Parallel()
	example := filepath.Join(harness.Root(), "internal", "aws", "identity", "testdata", "identities.yaml")
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	dir := t.TempDir()
	policies := strings.ReplaceAll(string(text), "policies/lake.json", filepath.Join(dir, "lake.json"))
	policies = strings.ReplaceAll(policies, "analyst.secret", filepath.Join(filepath.Dir(example), "analyst.secret"))
	policy, err := os.ReadFile(filepath.Join(filepath.Dir(example), "policies", "lake.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lake.json"), []byte(strings.ReplaceAll(string(policy), "mixpanel-lake", "lake")), 0o600))
	identities := filepath.Join(dir, "identities.yaml")
	require.NoError(t, os.WriteFile(identities, []byte(policies), 0o600))
	s, key := exported(t, "--aws-identities", identities)
	c := newAWSCLI(t, s, hostOf(t, s.AWSURL()))
	as := func(name, text string) *awsCLI {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("[default]\n"+text), 0o600))
		return &awsCLI{t, c.address, path, c.config}
	}
	vendor := as("vendor", "aws_access_key_id = AKIAMIXPANELEXPORT00\naws_secret_access_key = export-secret\n")
	assume := func(role, externalID string) []string {
		return []string{"sts", "assume-role", "--role-arn", "arn:aws:iam::000000000000:role/" + role, "--role-session-name", "try", "--external-id", externalID,
			"--query", "Credentials.[AccessKeyId,SecretAccessKey,SessionToken]", "--output", "text"}
	}
	require.Contains(t, vendor.refused(assume("mixpanel-s3", "wrong")...), "AccessDenied")
	require.Contains(t, vendor.refused("s3", "ls", "s3://lake"), "AccessDenied", "the user alone may do nothing")
	session := strings.Fields(vendor.must(assume("mixpanel-s3", "PROJECT-TOKEN")...))
	require.Len(t, session, 3)
	writer := as("writer", fmt.Sprintf("aws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n", session[0], session[1], session[2]))
	require.Contains(t, writer.must("sts", "get-caller-identity", "--query", "Arn"), "assumed-role/mixpanel-s3/try")
	require.Contains(t, writer.must("s3", "ls", "s3://lake", "--recursive"), key)
	require.Contains(t, writer.refused("glue", "get-databases"), "AccessDenied")
	require.Contains(t, writer.refused("secretsmanager", "get-secret-value", "--secret-id", "refract/sql-admin"), "AccessDenied")
	put := []string{"s3api", "put-object", "--bucket", "lake", "--key", "by-kms", "--body", example, "--server-side-encryption", "aws:kms", "--query", "SSEKMSKeyId"}
	require.Contains(t, writer.must(append(put, "--ssekms-key-id", "alias/lake")...), "key/1234abcd-12ab-34cd-56ef-1234567890ab")
	require.Contains(t, writer.refused(append(put, "--ssekms-key-id", "alias/retired")...), "AccessDenied", "a key that no policy names")
	require.Contains(t, c.refused(append(put, "--ssekms-key-id", "alias/retired")...), "KMS.DisabledException")
	analyst := as("analyst", "aws_access_key_id = AKIAANALYST000000000\naws_secret_access_key = analyst-secret\n")
	require.Contains(t, analyst.must("s3", "ls", "s3://lake", "--recursive"), key)
	require.Contains(t, analyst.refused("s3", "rm", "s3://lake/"+key), "AccessDenied")
	require.FileExists(t, filepath.Join(s.Dir, "lake", filepath.FromSlash(key)))
	for _, secret := range []string{"export-secret", "analyst-secret", session[1], session[2], s.Secret("sql-password"), "PROJECT-TOKEN"} {
		require.NotContains(t, s.Logs(), secret)
	}
}

// TestS3ByNodeSDK drives the lake with the AWS SDK for JavaScript.
func TestS3ByNodeSDK(t *testing.T) {
	t.Parallel()
	s, key := exported(t)
	got := map[string]any{}
	id, secret := awsKey(t, s)
	runClient(t, &got, "s3.js", s.AWSURL(), "us-east-1", id, secret, "lake", key)
	require.Equal(t, map[string]any{
		"exported": true, "head": []any{true, "application/json", "7", "AES256", true}, "taken": "PreconditionFailed", "stream": "one two", "range": "two",
		"parts": float64(5<<20 + 3), "keys": []any{"js/a b+c.json", "js/copy", "js/many/0", "js/many/1", "js/many/2", "js/many/3", "js/many/4", "js/parts", "js/stream"},
		"folders": []any{"js/many/"}, "deleted": float64(5), "missing": "NoSuchKey", "unsupported": "NotImplemented", "location": "us-east-1",
	}, got)
}

func awsKey(t *testing.T, s *harness.Service) (id, secret string) {
	t.Helper()
	for line := range strings.Lines(s.Secret("aws-credentials")) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = strings.TrimSpace(value)
		}
	}
	return id, secret
}

func TestTheAWSEndpointIsGuarded(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := harness.Start(t, "--aws-tls-cert", cert, "--aws-tls-key", key)
	require.True(t, strings.HasPrefix(s.AWSURL(), "https://127.0.0.1:"), s.AWSURL())
	pool := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(text))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for name, test := range map[string]struct {
		method, path, target, form string
		status                     int
		want                       string
	}{
		"S3":    {"GET", "/lake?list-type=2", "", "", 403, "<Code>AccessDenied</Code>"},
		"Glue":  {"POST", "/", "AWSGlue.GetDatabases", "{}", 400, "MissingAuthenticationTokenException"},
		"STS":   {"POST", "/", "", "Action=GetCallerIdentity&Version=2011-06-15", 403, "<Code>MissingAuthenticationToken</Code>"},
		"a put": {"PUT", "/lake/x", "", "content", 403, "<Code>AccessDenied</Code>"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, s.AWSURL()+test.path, strings.NewReader(test.form))
		require.NoError(t, err)
		if test.target != "" {
			r.Header.Set("X-Amz-Target", test.target)
		}
		if name == "STS" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := client.Do(r)
		require.NoError(t, err, name)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, test.status, resp.StatusCode, "%s: %s", name, body)
		require.Contains(t, string(body), test.want, name)
	}
	require.NoFileExists(t, filepath.Join(s.Dir, "lake", "x"))
	plain, err := http.Get(strings.Replace(s.AWSURL(), "https:", "http:", 1))
	require.NoError(t, err)
	require.NoError(t, plain.Body.Close())
	require.Equal(t, 400, plain.StatusCode, "plain HTTP is refused")
}

// TestATakenPortNamesItsSetting starts a service whose port for AWS tools another program has.
func TestATakenPortNamesItsSetting(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s := harness.New(t)
	r := s.Run("up", "--data-dir", s.Dir, "--http-listen", "127.0.0.1:0", "--sql-listen", "127.0.0.1:0", "--aws-listen", l.Addr().String())
	require.Equal(t, 2, r.Status, r.Stderr)
	require.Contains(t, r.Stderr, "aws.listen")
}

// TestSomeRequestsAreThrottledOnDemand: clients of AWS try again by themselves.
func TestSomeRequestsAreThrottledOnDemand(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--aws-throttle-percent", "100")
	c := newAWSCLI(t, s, hostOf(t, s.AWSURL()))
	require.Contains(t, c.refused("s3", "ls"), "SlowDown")
	require.Contains(t, c.refused("glue", "get-databases"), "ThrottlingException")
	require.Contains(t, c.refused("sts", "get-caller-identity"), "Throttling")
}

// certificate writes a certificate for this machine and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}
