package e2e

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
)

// TestPipelinesOverFailingServices exports through the SDK's clients of S3 and Glue while both services fail in all their ways, events
// arrive, and the process restarts. In the end the table holds exactly the rows, each partition is there once, and no object and no upload
// is left over.
func TestPipelinesOverFailingServices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		effects []awstest.Effect
	}{
		{"they are overloaded", []awstest.Effect{awstest.Unavailable, awstest.SlowDown, awstest.InternalError}},
		{"connections break", []awstest.Effect{awstest.Reset, awstest.CutShort}},
		{"answers are lost", []awstest.Effect{awstest.ResetAfter, awstest.InternalErrorAfter}},
		{"sessions end and clocks are wrong", []awstest.Effect{awstest.ExpiredToken, awstest.ClockSkew}},
		{"batches succeed in part", []awstest.Effect{awstest.Partial}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			keys := aws.Credentials{AccessKeyID: "AKIAEXPORTER", SecretAccessKey: "the secret of the exporter"}
			g := awstest.StartGateway(t)
			g.CreateBucket(t, "lake")
			glue := newGlue(t, keys)
			s3Faults := awstest.NewProxy(t, g.URL, aws.Credentials{AccessKeyID: g.Key, SecretAccessKey: g.Secret})
			glueFaults := awstest.NewProxy(t, glue.url, keys)
			rate := 0.1
			if c.effects[0] == awstest.Partial {
				rate = 0.5 // few requests are batches
			}
			s3Faults.Random(*seed, rate, c.effects...)
			glueFaults.Random(*seed+1, rate, c.effects...)
			for _, effect := range c.effects { // chance may spare a run with few calls
				s3Faults.Add(awstest.Fault{Operation: "PutObject", Effect: effect})
				glueFaults.Add(awstest.Fault{Operation: "CreateTable", Effect: effect}, awstest.Fault{Operation: "BatchCreatePartition", Effect: effect})
			}

			p := newPlant(t, t.TempDir())
			p.config.MaxRecords = 300
			p.config.Writer.PartBytes = 2 << 10
			p.remote = s3bucket.New(g.Config(), s3bucket.Options{Bucket: "lake", PathStyle: true})
			p.wrap = func(bucket.Bucket) bucket.Bucket {
				cfg := g.Config()
				cfg.BaseEndpoint = &s3Faults.URL
				return s3bucket.New(cfg, s3bucket.Options{
					Bucket: "lake", PathStyle: true, Retry: bucket.RetryPolicy{Attempts: 3, Base: time.Millisecond, Max: 5 * time.Millisecond},
				})
			}
			p.glue = func(embedded catalog.Catalog) catalog.Catalog { return glue.over(embedded, glueFaults.URL, keys) }
			p.open()
			defer func() { p.close() }()
			rnd := rand.New(rand.NewPCG(*seed, 3))
			n := p.appendEvents(rnd, 0, 1000)
			x := p.create(pipeline.Spec{Source: pipeline.Events})
			for round := range 9 {
				n = p.appendEvents(rnd, n, 60)
				if round%4 == 3 {
					p.restart()
				}
			}
			p.drain()
			require.GreaterOrEqual(t, glueFaults.Injected(), 2*len(c.effects), "Glue has failed")
			require.GreaterOrEqual(t, s3Faults.Injected(), len(c.effects), "S3 has failed")
			p.requireReconciled(x)
			require.Empty(t, g.Uploads(t, "lake"))
		})
	}
}

// glueService is Glue over HTTP, over whatever embedded catalog the plant has open.
type glueService struct {
	url       string
	authority *sts.Authority
	api       atomic.Pointer[http.Handler]
}

func newGlue(t *testing.T, keys aws.Credentials) *glueService {
	authority, err := sts.New([]sts.Account{{ID: "123456789012", Users: []sts.User{{
		Name: "exporter", AccessKeys: []sts.AccessKey{{ID: keys.AccessKeyID, Secret: keys.SecretAccessKey}},
		Policies: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
	}}}}, nil)
	require.NoError(t, err)
	s := &glueService{authority: authority}
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: awstest.Region, Services: map[string]http.Handler{
		"glue": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.api.Load()).ServeHTTP(w, r) }),
	}}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// over returns the catalog as a client at address sees it.
func (s *glueService) over(c catalog.Catalog, address string, keys aws.Credentials) catalog.Catalog {
	api := glueapi.New(c.(*catalog.Embedded), s.authority, glueapi.Config{
		Partition: "aws", Account: "123456789012", Region: awstest.Region, Log: slog.New(slog.DiscardHandler),
	})
	handler := http.Handler(api)
	s.api.Store(&handler)
	return awsglue.New(aws.Config{
		Region: awstest.Region, BaseEndpoint: &address, HTTPClient: assume.HTTPClient(nil), Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	}, "")
}
