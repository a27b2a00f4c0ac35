package dataapi

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/policy"
)

// Cluster answers requests that are signed for "redshift": where the cluster is, and temporary passwords. The protocol is AWS Query, a form that is
// answered with XML. Nothing can be created or changed.
func (s *Service) Cluster() http.Handler { return http.HandlerFunc(s.serveCluster) }

const (
	clusterVersion   = "2012-12-01"
	clusterNamespace = "http://redshift.amazonaws.com/doc/2012-12-01/"
	maxForm          = 1 << 16
)

// clusterError is an exception of the API.
type clusterError struct {
	code, message string
	status        int
}

func (e *clusterError) Error() string { return e.code + ": " + e.message }

func (s *Service) serveCluster(w http.ResponseWriter, r *http.Request) {
	status, answer := http.StatusOK, &queryAnswer{RequestID: uuid.NewString()}
	action, result, err := s.answerCluster(r)
	answer.XMLName, answer.Result = xml.Name{Space: clusterNamespace, Local: action + "Response"}, result
	var shown any = answer
	if err != nil {
		refused, ok := errors.AsType[*clusterError](err)
		if denied, is := errors.AsType[*policy.DeniedError](err); is {
			refused, ok = &clusterError{"AccessDenied", denied.Error(), http.StatusForbidden}, true
		}
		if !ok {
			s.Log.ErrorContext(r.Context(), "request failed", "operation", "redshift "+action, "error", err)
			refused = &clusterError{"InternalFailure", "The service failed; its log says why.", http.StatusInternalServerError}
		}
		status, shown = refused.status, &queryRefusal{
			XMLName: xml.Name{Space: clusterNamespace, Local: "ErrorResponse"}, Type: "Sender", Code: refused.code, Message: refused.message, RequestID: answer.RequestID,
		}
	}
	body, err := xml.Marshal(shown)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "answer not encoded", "operation", "redshift "+action, "error", err)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

type queryAnswer struct {
	XMLName   xml.Name
	Result    any
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

type queryRefusal struct {
	XMLName   xml.Name
	Type      string `xml:"Error>Type"`
	Code      string `xml:"Error>Code"`
	Message   string `xml:"Error>Message"`
	RequestID string `xml:"RequestId"`
}

// answerCluster returns the action and its result.
func (s *Service) answerCluster(r *http.Request) (string, any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxForm))
	if err != nil {
		return "", nil, &clusterError{"MalformedInput", "The request's body could not be read: " + err.Error(), http.StatusBadRequest}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", nil, &clusterError{"MalformedInput", "The request's body is not a form: " + err.Error(), http.StatusBadRequest}
	}
	action := form.Get("Action")
	operation := map[string]func(context.Context, url.Values) (any, error){
		"DescribeClusters": s.describeClusters, "GetClusterCredentials": s.getClusterCredentials, "GetClusterCredentialsWithIAM": s.getClusterCredentialsWithIAM,
	}[action]
	if operation == nil {
		return "Invalid", nil, &clusterError{"InvalidAction", fmt.Sprintf("Could not find operation %s for version %s", action, clusterVersion), http.StatusBadRequest}
	}
	result, err := operation(r.Context(), form)
	return action, result, err
}

type clustersResult struct {
	XMLName  xml.Name  `xml:"DescribeClustersResult"`
	Clusters []cluster `xml:"Clusters>Cluster"`
}

type cluster struct {
	ClusterIdentifier         string
	ClusterStatus             string
	ClusterAvailabilityStatus string
	DBName                    string
	Address                   string `xml:"Endpoint>Address"`
	Port                      int    `xml:"Endpoint>Port"`
	NumberOfNodes             int
}

func (s *Service) describeClusters(ctx context.Context, form url.Values) (any, error) {
	if err := s.knownCluster(form.Get("ClusterIdentifier"), true); err != nil {
		return nil, err
	}
	if err := s.Auth.AuthorizeWith(ctx, "redshift:DescribeClusters", []string{s.clusterARN()}, nil); err != nil {
		return nil, err
	}
	at := s.endpoint()
	return &clustersResult{Clusters: []cluster{{s.Name, "available", "Available", "dev", at.Address, at.Port, 1}}}, nil
}

// knownCluster refuses other clusters than the one there is.
func (s *Service) knownCluster(name string, optional bool) error {
	if name == s.Name || name == "" && optional {
		return nil
	}
	return &clusterError{"ClusterNotFound", "Cluster " + name + " not found.", http.StatusNotFound}
}

type clusterCredentials struct {
	XMLName                        xml.Name
	DbUser, DbPassword, Expiration string
	NextRefreshTime                string `xml:",omitempty"`
}

// getClusterCredentials gives a password for an existing database user, or with AutoCreate for a new one. The name to log in with has a prefix.
func (s *Service) getClusterCredentials(ctx context.Context, form url.Values) (any, error) {
	user, database := form.Get("DbUser"), form.Get("DbName")
	if err := s.knownCluster(form.Get("ClusterIdentifier"), false); err != nil {
		return nil, err
	}
	life, err := credentialLife(form)
	switch {
	case err != nil:
		return nil, err
	case user == "":
		return nil, invalidParameter("DbUser is missing.")
	case form.Has("DbGroups.DbGroup.1") || form.Has("DbGroups.member.1"):
		return nil, invalidParameter("DbGroups: this warehouse has no groups.")
	}
	resources := []string{s.userARN(user)}
	if database != "" {
		resources = append(resources, s.databaseARN(database))
	}
	if err := s.Auth.AuthorizeWith(ctx, "redshift:GetClusterCredentials", resources, nil); err != nil {
		return nil, err
	}
	name := "IAM:" + user
	if form.Get("AutoCreate") == "true" {
		if err := s.Auth.AuthorizeWith(ctx, "redshift:CreateClusterUser", resources[:1], nil); err != nil {
			return nil, err
		}
		name = "IAMA:" + user
		if err := s.Warehouse.EnsureUser(ctx, user); err != nil {
			return nil, err
		}
	}
	return s.credentials(ctx, "GetClusterCredentials", name, user, life)
}

// getClusterCredentialsWithIAM gives a password for the user of the caller's identity.
func (s *Service) getClusterCredentialsWithIAM(ctx context.Context, form url.Values) (any, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.knownCluster(form.Get("ClusterIdentifier"), false); err != nil {
		return nil, err
	}
	life, err := credentialLife(form)
	if err != nil {
		return nil, err
	}
	database := form.Get("DbName")
	if database == "" {
		database = "*"
	}
	if err := s.Auth.AuthorizeWith(ctx, "redshift:GetClusterCredentialsWithIAM", []string{s.databaseARN(database)}, nil); err != nil {
		return nil, err
	}
	if err := s.Warehouse.EnsureUser(ctx, who.user); err != nil {
		return nil, err
	}
	return s.credentials(ctx, "GetClusterCredentialsWithIAM", who.user, who.user, life)
}

func (s *Service) credentials(ctx context.Context, action, name, user string, life time.Duration) (any, error) {
	l, err := s.login(ctx, name, user, life)
	if err != nil {
		return nil, err
	}
	out := &clusterCredentials{
		XMLName: xml.Name{Local: action + "Result"}, DbUser: name, DbPassword: l.password, Expiration: l.expires.UTC().Format(time.RFC3339),
	}
	if strings.HasSuffix(action, "WithIAM") {
		out.NextRefreshTime = l.refresh.UTC().Format(time.RFC3339)
	}
	return out, nil
}

// credentialLife is DurationSeconds: 900, the default, to 3,600.
func credentialLife(form url.Values) (time.Duration, error) {
	text := form.Get("DurationSeconds")
	if text == "" {
		return 900 * time.Second, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 900 || seconds > 3600 {
		return 0, invalidParameter("DurationSeconds must be from 900 to 3600.")
	}
	return time.Duration(seconds) * time.Second, nil
}

func invalidParameter(message string) error {
	return &clusterError{"InvalidParameterValue", message, http.StatusBadRequest}
}
