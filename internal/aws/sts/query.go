package sts

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/sigv4"
)

// The query protocol: a POST of a form, or a GET, with the members Action and Version; answers are XML.

const (
	version   = "2011-06-15"
	namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	// MaxBody is the greatest size of a request's form in bytes.
	MaxBody = 1 << 16
)

// Error is the answer to a request that fails.
type Error struct {
	Code, Message string
	Status        int
}

// Error returns "Code: Message".
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ServeHTTP answers a request of the caller that its context names (WithCaller).
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	result, err := a.answer(r)
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok {
			slog.ErrorContext(r.Context(), "request failed", "operation", "sts", "error", err)
		}
		WriteError(w, err)
		return
	}
	write(w, http.StatusOK, result)
}

func (a *Authority) answer(r *http.Request) (any, error) {
	c, err := CallerFrom(r.Context())
	if err != nil {
		return nil, err
	}
	form, err := parameters(r)
	if err != nil {
		return nil, err
	}
	if v := form.Get("Version"); v != version && v != "" {
		return nil, &Error{"NoSuchVersion", fmt.Sprintf("The requested version ( %s ) of service AWS Security Token Service does not exist", v), 400}
	}
	metadata := responseMetadata{uuid.NewString()}
	switch action := form.Get("Action"); action {
	case "":
		return nil, &Error{"MissingAction", "The request has no Action.", 400}
	case "GetCallerIdentity":
		return &identityResponse{Namespace: namespace, Arn: c.ARN, UserID: c.UserID, Account: c.Account, Metadata: metadata}, nil
	case "AssumeRole":
		in, err := parseAssumption(form)
		if err != nil {
			return nil, err
		}
		s, err := a.assumeRole(c, in)
		if err != nil {
			return nil, err
		}
		return &assumeResponse{
			Namespace: namespace, AccessKeyID: s.accessKeyID, SecretAccessKey: s.key.Secret, SessionToken: s.key.Token,
			Expiration: s.key.Expires.Format("2006-01-02T15:04:05Z"), AssumedRoleID: s.caller.UserID, Arn: s.caller.ARN, Metadata: metadata,
		}, nil
	default:
		return nil, &Error{"InvalidAction", fmt.Sprintf("Could not find operation %s for version %s", action, version), 400}
	}
}

// parameters reads the query and the form. A parameter that stands there twice is refused: one of them would be looked at and the
// other one meant.
func parameters(r *http.Request) (url.Values, error) {
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &Error{"MalformedQueryString", err.Error(), 400}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxBody))
	if err != nil {
		return nil, &Error{"MalformedInput", "The request's body could not be read: " + err.Error(), 400}
	}
	posted, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &Error{"MalformedInput", "The request's body is not a form: " + err.Error(), 400}
	}
	for name, values := range posted {
		form[name] = append(form[name], values...)
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, &Error{"InvalidQueryParameter", "The parameter " + name + " is given more than once.", 400}
		}
	}
	return form, nil
}

func signatureParameter(name string) bool { return strings.HasPrefix(name, "X-Amz-") }

type responseMetadata struct {
	RequestID string `xml:"RequestId"`
}

type identityResponse struct {
	XMLName   xml.Name         `xml:"GetCallerIdentityResponse"`
	Namespace string           `xml:"xmlns,attr"`
	Arn       string           `xml:"GetCallerIdentityResult>Arn"`
	UserID    string           `xml:"GetCallerIdentityResult>UserId"`
	Account   string           `xml:"GetCallerIdentityResult>Account"`
	Metadata  responseMetadata `xml:"ResponseMetadata"`
}

type assumeResponse struct {
	XMLName         xml.Name         `xml:"AssumeRoleResponse"`
	Namespace       string           `xml:"xmlns,attr"`
	AccessKeyID     string           `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	SecretAccessKey string           `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
	SessionToken    string           `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Expiration      string           `xml:"AssumeRoleResult>Credentials>Expiration"`
	AssumedRoleID   string           `xml:"AssumeRoleResult>AssumedRoleUser>AssumedRoleId"`
	Arn             string           `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	Metadata        responseMetadata `xml:"ResponseMetadata"`
}

type errorResponse struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// WriteError answers a request with an *Error or a *sigv4.Error; anything else is a failure of the service, whose text stays here.
func WriteError(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*Error](err)
	if signature, is := errors.AsType[*sigv4.Error](err); is {
		e, ok = &Error{string(signature.Code), signature.Message, signature.Status()}, true
	}
	side := "Sender"
	if !ok {
		e, side = &Error{"InternalFailure", "The request processing has failed because of an unknown error.", http.StatusInternalServerError}, "Receiver"
	}
	write(w, e.Status, &errorResponse{Namespace: namespace, Type: side, Code: e.Code, Message: e.Message, RequestID: uuid.NewString()})
}

// write sends an answer. Nobody is left to tell when the client has gone.
func write(w http.ResponseWriter, status int, answer any) {
	body, err := xml.MarshalIndent(answer, "", "  ")
	if err != nil {
		// The answers hold texts only.
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
