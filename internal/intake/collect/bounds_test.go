package collect

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

func TestAProjectThatSendsTooMuchIsToldWhenToComeBack(t *testing.T) {
	f := start(t, func(c *Config) { c.Rates = Rates{RecordsPerSecond: 100, Burst: time.Second} })
	auth := basicAuth(testToken, "")
	batch := func(n int) string { return strings.Repeat(good("i-1")+"\n", n) }
	require.Equal(t, imported(1500), f.post(strict, batch(1500), auth).body)
	got := f.post(strict, batch(600), auth)
	require.Equal(t, status(429, "Project exceeded rate limits. Please retry the request with exponential backoff."), got.body)
	require.Equal(t, 429, got.code)
	require.Equal(t, "1", got.header.Get("Retry-After"), "500 are left")
	require.Equal(t, 429, f.post("/track", batch(600)).code, "the bound is the project's, not the endpoint's")
	require.Equal(t, "1", f.post("/track", strings.ReplaceAll(batch(600), testToken, originalToken)).body, "other projects are not touched")
	require.Equal(t, imported(500), f.post(strict, batch(500), auth).body, "what was refused cost nothing")

	got = f.post(strict, "[", auth)
	require.Equal(t, 429, got.code, "an exhausted project is refused before its body is read")
	f.advance(10 * time.Second)
	require.Equal(t, imported(999), f.post(strict, batch(999), auth).body)
	got = f.post(strict, batch(1000), auth)
	require.Equal(t, "10", got.header.Get("Retry-After"))
	require.Len(t, f.log.records(t), 1500+600+500+999)
}

func TestTheRateOfBytesCountsBadRecordsToo(t *testing.T) {
	f := start(t, func(c *Config) { c.Rates = Rates{BytesPerSecond: 1 << 20, Burst: time.Second} })
	bad := `[{"event":"` + strings.Repeat("x", 6<<20) + `","properties":{"token":"` + testToken + `"}}]`
	require.Equal(t, "0", f.post("/track", bad).body)
	got := f.post("/track", bad)
	require.Equal(t, 429, got.code)
	require.Equal(t, "3", got.header.Get("Retry-After"))
	require.Len(t, f.kept(), 1)
}

func TestMixpanelsRatesLetAFullRequestPass(t *testing.T) {
	r := newRates(MixpanelRates)
	require.NoError(t, r.take(1, testNow, event.MaxRequestRecords, event.MaxRequestBytes))
	require.Error(t, r.take(1, testNow, 30_000*60, 1), "a minute's worth less what was sent")
	require.NoError(t, r.take(1, testNow.Add(time.Minute), 30_000*60, 1))
}

func TestMemoryIsBoundedAndGivenBack(t *testing.T) {
	f := start(t, func(c *Config) { c.MaxMemory = 4 * int64(bufferSizes[1]) })
	require.Equal(t, 200, f.post("/track", good("i-1")).code)
	got := f.post("/track", good("i-1")+strings.Repeat(" ", 3*bufferSizes[1]))
	require.Equal(t, 503, got.code)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	require.Zero(t, f.memory.used.Load())
	require.Equal(t, 200, f.post("/track", good("i-1")).code)
}

func TestABombIsStoppedAtTheLimit(t *testing.T) {
	bomb := []byte(gzipped(t, strings.Repeat(" ", 64<<20)))
	c := &Collector{memory: memory{limit: 1 << 40}}
	b := buffer{memory: &c.memory}
	r, err := http.NewRequest(http.MethodPost, "/track", bytes.NewReader(bomb))
	require.NoError(t, err)
	r.Header.Set("Content-Encoding", "gzip")
	body := &countingReader{r: bytes.NewReader(bomb)}
	r.Body, r.ContentLength = io.NopCloser(body), -1
	_, err = b.read(r)
	require.ErrorIs(t, err, errTooLarge)
	require.LessOrEqual(t, c.memory.used.Load(), int64(2*(event.MaxRequestBytes+1)))
	b.free()
	require.Zero(t, c.memory.used.Load())
}

type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestASlowClientHoldsLittleMemoryAndIsCutOff(t *testing.T) {
	f := startWith(t, ServerConfig{HeaderTimeout: 150 * time.Millisecond, ReadTimeout: 300 * time.Millisecond})
	dial := func(text string) net.Conn {
		conn, err := net.Dial("tcp", f.address)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = conn.Write([]byte(text))
		require.NoError(t, err)
		return conn
	}
	headers := dial("POST /track HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	body := dial("POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n[{")
	got := f.read(body, "POST")
	require.Equal(t, 408, got.code)
	require.Zero(t, f.memory.used.Load())
	require.NoError(t, headers.SetReadDeadline(time.Now().Add(20*time.Second)))
	_, err := io.Copy(io.Discard, headers)
	require.NoError(t, err, "the connection is closed")
	require.Equal(t, "1", f.post("/track", good("i-1")).body, "others are served")
}

func TestABufferIsAtMostEightTimesWhatArrived(t *testing.T) {
	for i := 1; i < len(bufferSizes); i++ {
		require.LessOrEqual(t, bufferSizes[i], 8*bufferSizes[i-1]+1)
	}
}

func TestATextMadeToBeScannedAgainAndAgainIsGivenUp(t *testing.T) {
	f := start(t)
	// The error is at the end, and each line looks like a record that could begin there.
	hostile := strings.Repeat("{\"a\":[\n", 60) + strings.Repeat("1,", 1<<20)
	require.Equal(t, verboseError("data, too broken to be read"), f.post("/track?verbose=1", hostile).body)
	// Lines that are only cut off do not come near that.
	cutOff := strings.Repeat(good("i-1")[:90]+"\n"+good("i-1")+"\n", 900)
	require.Equal(t, "1", f.post("/track", cutOff).body)
	require.Len(t, f.log.records(t), 900)
	require.Len(t, f.kept(), 900)
}

func TestConnectionsOverTheLimitWait(t *testing.T) {
	f := startWith(t, ServerConfig{MaxConnections: 1})
	first, err := net.Dial("tcp", f.address)
	require.NoError(t, err)
	request := "POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(len(good("i-1"))) + "\r\n\r\n" + good("i-1")
	_, err = first.Write([]byte(request))
	require.NoError(t, err)
	require.Equal(t, "1", f.read(first, "POST").body)

	second, err := net.Dial("tcp", f.address)
	require.NoError(t, err)
	defer second.Close()
	_, err = second.Write([]byte(request))
	require.NoError(t, err)
	require.NoError(t, second.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = second.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it is not served while the first one is open")
	require.NoError(t, first.Close())
	require.Equal(t, "1", f.read(second, "POST").body)
}

func TestRequestsUnderWayAreFinishedAtTheEnd(t *testing.T) {
	f := newFixture(t)
	f.log.hold = make(chan struct{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, f.Collector, ServerConfig{}) }()
	f.address = listener.Addr().String()
	answered := make(chan response, 1)
	go func() { answered <- f.post("/track", good("i-1")) }()
	require.Eventually(t, func() bool { return f.memory.used.Load() > 0 }, 10*time.Second, time.Millisecond)
	stop()
	f.log.hold <- struct{}{}
	require.Equal(t, "1", (<-answered).body)
	require.NoError(t, <-served)
}

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certFile, keyFile
}

func TestTLSNeedsAtLeast12(t *testing.T) {
	certFile, keyFile := certificate(t)
	f := startWith(t, ServerConfig{CertFile: certFile, KeyFile: keyFile})
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", f.address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
		if !ok {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		_, err = conn.Write([]byte("GET /track HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		require.NoError(t, conn.Close())
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
	}}
	resp, err := client.Post("https://"+f.address+"/track", "application/json", strings.NewReader(good("i-1")))
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", resp.Proto)
	require.NoError(t, resp.Body.Close())
	require.Len(t, f.log.records(t), 1)
	client.CloseIdleConnections()
}

func TestACertificateThatCannotBeReadIsTheUsersToMend(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	err = Serve(context.Background(), listener, http.NotFoundHandler(), ServerConfig{CertFile: "nowhere.pem", Logger: slog.New(slog.DiscardHandler)})
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	_, err = listener.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}
