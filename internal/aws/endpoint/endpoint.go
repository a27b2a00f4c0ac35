// Package endpoint is one address for several AWS-compatible services.
//
// Every request must carry a signature of version 4 that holds. The signature names a service, and that service answers, for the caller
// whom the key belongs to. Refusals have the form of the protocol that the request speaks: JSON where it has an X-Amz-Target, else the
// XML of the query protocol.
package endpoint

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/aws/awsjson"
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
}

// New returns the endpoint. It is safe for concurrent use.
func New(c Config) http.Handler {
	names := []string{"sts"}
	for name := range c.Services {
		names = append(names, name)
	}
	slices.Sort(names)
	verifier := &sigv4.Verifier{Keys: c.Authority, Region: c.Region, MaxBody: awsjson.MaxBody}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signature, err := verifier.Verify(r)
		if err != nil {
			refuse(w, r, err)
			return
		}
		caller, err := c.Authority.Caller(signature.AccessKeyID)
		if err != nil {
			refuse(w, r, err)
			return
		}
		service := c.Services[signature.Service]
		if signature.Service == "sts" {
			service = c.Authority
		}
		if service == nil {
			awsjson.WriteError(w, &awsjson.Error{
				Code:    "UnknownOperationException",
				Message: "The service " + signature.Service + " is not served here; these are: " + strings.Join(names, ", ") + ".",
			})
			return
		}
		service.ServeHTTP(w, r.WithContext(sts.WithCaller(r.Context(), caller)))
	})
}

// refuse answers a request whose signature does not hold.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if refused, ok := errors.AsType[*sigv4.Error](err); ok && r.Header.Get("X-Amz-Target") != "" {
		awsjson.WriteError(w, &awsjson.Error{Code: refused.JSONCode(), Message: refused.Message})
		return
	}
	sts.WriteError(w, err)
}
