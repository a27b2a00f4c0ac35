package awstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// GatewayVersion is the release of github.com/versity/versitygw that tests talk to. `make deps` installs it.
const GatewayVersion = "v1.8.0"

// Region is the one of gateways and configurations of this package.
const Region = "us-east-1"

// Gateway is a running versitygw that serves a folder of the test.
type Gateway struct {
	// URL is its address.
	URL string
	// Key and Secret are its only user's.
	Key, Secret string
	// Dir holds a folder for each bucket.
	Dir string
}

// StartGateway starts a gateway without buckets, which ends with the test. The program is built once into bin/, through the Go module
// proxy, if it is not there.
func StartGateway(tb testing.TB) *Gateway {
	tb.Helper()
	path, err := gatewayBinary()
	if err != nil {
		tb.Fatal(err)
	}
	// Another process may take a free port before the gateway does; the next try has another one.
	for try := 1; ; try++ {
		g := &Gateway{Key: "AKIAGATEWAY", Secret: "the-secret-key-of-the-gateway", Dir: tb.TempDir()}
		if g.start(tb, path) {
			return g
		}
		if try == 5 {
			tb.Fatal("versitygw does not start")
		}
	}
}

func (g *Gateway) start(tb testing.TB, path string) bool {
	tb.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		tb.Fatal(err)
	}
	g.URL = "http://" + address
	log, err := os.Create(filepath.Join(tb.TempDir(), "versitygw.log"))
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(path, "--port", address, "--region", Region, "--quiet", "--keep-alive", "posix", g.Dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+g.Key, "ROOT_SECRET_KEY="+g.Secret)
	cmd.Stdout, cmd.Stderr = log, log
	tie(cmd)
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // only its end counts
		close(exited)
	}()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-exited
		if text, err := os.ReadFile(log.Name()); tb.Failed() && err == nil {
			tb.Logf("versitygw's log:\n%s", text)
		}
	})
	for {
		select {
		case <-exited:
			return false
		case <-time.After(20 * time.Millisecond):
		}
		if resp, err := http.Get(g.URL); err == nil {
			_ = resp.Body.Close() // nothing was read of it
			return true
		}
	}
}

// Config returns a configuration with the gateway's credentials, and its address as the only endpoint.
func (g *Gateway) Config() aws.Config {
	return aws.Config{Region: Region, BaseEndpoint: &g.URL, Credentials: credentials.NewStaticCredentialsProvider(g.Key, g.Secret, "")}
}

// Client returns a plain client of the gateway.
func (g *Gateway) Client() *s3.Client {
	return s3.NewFromConfig(g.Config(), func(o *s3.Options) { o.UsePathStyle = true })
}

// CreateBucket makes a bucket.
func (g *Gateway) CreateBucket(tb testing.TB, name string) {
	tb.Helper()
	if _, err := g.Client().CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		tb.Fatal(err)
	}
}

// Uploads returns the keys of the bucket's incomplete multipart uploads.
func (g *Gateway) Uploads(tb testing.TB, name string) []string {
	tb.Helper()
	var keys []string
	pages := s3.NewListMultipartUploadsPaginator(g.Client(), &s3.ListMultipartUploadsInput{Bucket: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.WithoutCancel(tb.Context()))
		if err != nil {
			tb.Fatal(err)
		}
		for _, u := range page.Uploads {
			keys = append(keys, aws.ToString(u.Key))
		}
	}
	return keys
}

// gatewayBinary returns the path of the program. Tests of several packages may build it at the same time: each does so aside, and the
// last to finish replaces the others' by the same.
var gatewayBinary = sync.OnceValues(func() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	bin := filepath.Join(filepath.Dir(file), "..", "..", "..", "bin")
	path := filepath.Join(bin, "versitygw-"+GatewayVersion)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	aside, err := os.MkdirTemp(bin, "install-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(aside)
	install := exec.Command("go", "install", "github.com/versity/versitygw/cmd/versitygw@"+GatewayVersion)
	install.Dir, install.Env = aside, append(os.Environ(), "GOBIN="+aside, "GOFLAGS=")
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("installing versitygw: %w\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(aside, "versitygw"), path); err != nil {
		return "", err
	}
	return path, nil
})
