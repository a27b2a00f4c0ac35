package awsjson_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/aws/policy"
)

type input struct{ Name string }

func service(log *bytes.Buffer) *awsjson.Service {
	return &awsjson.Service{
		Target: "AWSTest", Internal: "InternalServiceException", Log: slog.New(slog.NewTextHandler(log, nil)),
		Operations: map[string]awsjson.Operation{
			"Echo": awsjson.Handle(func(_ context.Context, in *input) (*input, error) { return in, nil }),
			"Refuse": awsjson.Handle(func(context.Context, *input) (*input, error) {
				return nil, &awsjson.Error{Code: "EntityNotFoundException", Message: "no <such> \"thing\""}
			}),
			"Miss": awsjson.Handle(func(context.Context, *input) (*input, error) {
				return nil, &awsjson.Error{Code: "ResourceNotFoundException", Message: "gone", Members: map[string]string{"ResourceId": "x"}}
			}),
			"Deny": awsjson.Handle(func(context.Context, *input) (*input, error) {
				return nil, fmt.Errorf("looking: %w", &policy.DeniedError{Caller: "arn:u", Action: "a:B", Resource: "arn:r", Kind: "identity-based"})
			}),
			"Break": awsjson.Handle(func(context.Context, *input) (*input, error) { return nil, errors.New("the disk's secret") }),
		},
	}
}

func TestRequestsAreAnswered(t *testing.T) {
	for _, test := range []struct {
		name, method, target, body string
		status                     int
		answer                     string
	}{
		{"an operation", "POST", "AWSTest.Echo", `{"Name":"x","Else":[1]}`, 200, `{"Name":"x"}`},
		{"an empty body", "POST", "AWSTest.Echo", "", 200, `{"Name":""}`},
		{"a refusal", "POST", "AWSTest.Refuse", "{}", 400, `{"__type":"EntityNotFoundException","Message":"no <such> \"thing\""}`},
		{"a refusal with members of its own", "POST", "AWSTest.Miss", "{}", 400, `{"__type":"ResourceNotFoundException","Message":"gone","ResourceId":"x"}`},
		{"a denial", "POST", "AWSTest.Deny", "{}", 400, `{"__type":"AccessDeniedException","Message":"User: arn:u is not authorized to perform: a:B on resource: arn:r because no identity-based policy allows the a:B action"}`},
		{"a failure keeps its text", "POST", "AWSTest.Break", "{}", 500, `{"__type":"InternalServiceException","Message":"The service failed; its log says why."}`},
		{"another operation", "POST", "AWSTest.Other", "{}", 400, `{"__type":"UnknownOperationException","Message":"The operation \"AWSTest.Other\" is not implemented by this endpoint."}`},
		{"another service", "POST", "Other.Echo", "{}", 400, `{"__type":"UnknownOperationException","Message":"The operation \"Other.Echo\" is not implemented by this endpoint."}`},
		{"another method", "GET", "AWSTest.Echo", "", 400, `{"__type":"UnknownOperationException","Message":"This endpoint answers POST requests with an X-Amz-Target header."}`},
		{"half a body", "POST", "AWSTest.Echo", "{", 400, `{"__type":"SerializationException","Message":"unexpected end of JSON input"}`},
		{"a list", "POST", "AWSTest.Echo", "[]", 400, ""},
		{"a body beyond the limit", "POST", "AWSTest.Echo", strings.Repeat(" ", awsjson.MaxBody+1), 413, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			r := httptest.NewRequestWithContext(t.Context(), test.method, "/", strings.NewReader(test.body))
			r.Header.Set("X-Amz-Target", test.target)
			w := httptest.NewRecorder()
			service(&log).ServeHTTP(w, r)
			require.Equal(t, test.status, w.Code)
			if test.answer != "" {
				require.JSONEq(t, test.answer, w.Body.String())
			}
			require.Equal(t, test.status == http.StatusInternalServerError, strings.Contains(log.String(), "the disk's secret"), "the service's own failures are logged")
			if test.status != 200 {
				require.Contains(t, w.Body.String(), w.Header().Get("X-Amzn-ErrorType"))
			}
		})
	}
}

func TestInstantsAreSecondsWithMilliseconds(t *testing.T) {
	for want, at := range map[string]time.Time{
		"1714521600.000": time.Date(2024, 5, 1, 0, 0, 0, 999, time.UTC),
		"1714521600.007": time.Date(2024, 5, 1, 2, 0, 0, 7e6, time.FixedZone("", 7200)),
		"-0.001":         time.UnixMilli(-1),
		"null":           {},
	} {
		text, err := json.Marshal(awsjson.Time{Time: at})
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}
