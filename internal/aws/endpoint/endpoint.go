// Package endpoint is one address for several AWS-compatible services.
//
// Every request must carry a signature of version 4 that holds. The signature names a service, and that service answers, for the caller
// whom the key belongs to. Refusals have the form of the protocol that the request speaks: S3's XML, JSON where the request has an
// X-Amz-Target, else the XML of the query protocol.
package endpoint

import (
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/aws/s3api"
	"github.com/refract-io/refract/internal/aws/sigv4"
	"github.com/refract-io/refract/internal/aws/sts"
)

// Config is what an endpoint serves.
type Config struct {
	// Authority knows the callers. It is the service "sts" itself.
	Authority *sts.Authority
	// Region is the only one that requests may be signed for; "" takes any.
	Region string
	// Services answer by the name that signatures have for them: "glue". They find the caller in the context (sts.WithCaller).
	Services map[string]http.Handler
	// S3 answers requests that are signed for "s3", and those that nobody signed and that are no other protocol's. It verifies signatures
	// itself, since bodies may be signed in chunks and are not kept in memory. Nil serves no S3.
	S3 http.Handler
	// Throttle is the share of requests, from 0 to 1, that are refused as too many, so that clients can be seen to bear it.
	Throttle float64
	Log      *slog.Logger
}

type server struct {
	Config
	verifier *sigv4.Verifier
	names    []string
}

// New returns the endpoint. It is safe for concurrent use.
func New(c Config) http.Handler {
	services := map[string]http.Handler{"sts": c.Authority}
	maps.Copy(services, c.Services)
	c.Services = services
	s := &server{
		Config: c, names: slices.Collect(maps.Keys(services)),
		verifier: &sigv4.Verifier{Keys: c.Authority, Region: c.Region, MaxBody: awsjson.MaxBody},
	}
	if c.S3 != nil {
		s.names = append(s.names, "s3")
	}
	slices.Sort(s.names)
	return s
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := protocolOf(r)
	if s.Throttle > 0 && rand.Float64() < s.Throttle {
		p.throttle(w, r)
		return
	}
	if p == protocolS3 && s.S3 != nil {
		s.S3.ServeHTTP(w, r)
		return
	}
	signature, err := s.verifier.Verify(r)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	caller, err := s.Authority.Caller(signature.AccessKeyID)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	service := s.Services[signature.Service]
	if service == nil {
		p.write(w, r, http.StatusBadRequest, "UnknownOperationException",
			"The service "+signature.Service+" is not served here; these are: "+strings.Join(s.names, ", ")+".")
		return
	}
	service.ServeHTTP(w, r.WithContext(sts.WithCaller(r.Context(), caller)))
}

// refuse answers a request whose signature does not hold.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, p protocol, err error) {
	refused, ok := errors.AsType[*sigv4.Error](err)
	switch {
	case !ok:
		if r.Context().Err() == nil {
			s.Log.ErrorContext(r.Context(), "request failed", "operation", "verifying a signature", "error", err)
		}
		p.write(w, r, http.StatusInternalServerError, "InternalFailure", "The request processing has failed because of an unknown error.")
	case p == protocolJSON:
		p.write(w, r, http.StatusBadRequest, refused.JSONCode(), refused.Message)
	default:
		p.write(w, r, refused.Status(), string(refused.Code), refused.Message)
	}
}

// protocol is how a request is answered.
type protocol string

const (
	protocolS3    protocol = "S3"
	protocolJSON  protocol = "JSON"
	protocolQuery protocol = "query"
)

// protocolOf tells the protocol before anything is verified: what a client is told must be in words that it understands.
func protocolOf(r *http.Request) protocol {
	service, signed := sigv4.ClaimedService(r)
	form := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || r.URL.Query().Has("Action")
	switch {
	case service == "s3":
		return protocolS3
	case r.Header.Get("X-Amz-Target") != "":
		return protocolJSON
	case !signed && !form:
		return protocolS3
	}
	return protocolQuery
}

func (p protocol) throttle(w http.ResponseWriter, r *http.Request) {
	switch p {
	case protocolS3:
		p.write(w, r, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case protocolJSON:
		p.write(w, r, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	default:
		p.write(w, r, http.StatusBadRequest, "Throttling", "Rate exceeded")
	}
}

func (p protocol) write(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	switch p {
	case protocolS3:
		s3api.WriteError(w, r, status, code, message)
	case protocolJSON:
		awsjson.WriteError(w, &awsjson.Error{Code: code, Message: message, Status: status})
	default:
		sts.WriteError(w, &sts.Error{Code: code, Message: message, Status: status})
	}
}
