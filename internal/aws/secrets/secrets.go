// Package secrets serves the reading calls of AWS Secrets Manager, by AWS JSON 1.1 with the target secretsmanager: GetSecretValue,
// DescribeSecret and ListSecrets. Secrets come from the configuration and have one version, AWSCURRENT; they are changed there, and take
// effect at the next start.
package secrets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// Authorizer decides what the caller of a request, whom the context names, may do. It must be safe for concurrent use.
type Authorizer interface {
	// AuthorizeWith returns nil if the caller may do action to every one of the resources, or a *policy.DeniedError. keys are the
	// condition keys of the request, by lower-case name.
	AuthorizeWith(ctx context.Context, action string, resources []string, keys map[string][]string) error
}

// Secret declares a secret.
type Secret struct {
	// Name has 1 to 512 characters: letters, digits and /_+=.@-
	Name, Description string
	// Value is its text; credentials of a database are a JSON object with username and password.
	Value string
}

// Config says what secrets there are.
type Config struct {
	// Account has 12 digits; Region is like "eu-central-1".
	Account, Region string
	Secrets         []Secret
	Auth            Authorizer
	Log             *slog.Logger
}

const (
	current   = "AWSCURRENT"
	maxSecret = 65536
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)

type secret struct {
	Secret
	arn, version string
}

// Service holds the secrets. It is immutable and safe for concurrent use.
type Service struct {
	config  Config
	created time.Time
	secrets []secret // in the order of their names
	http    *awsjson.Service
}

// New checks the secrets and returns their service.
func New(c Config) (*Service, error) {
	s := &Service{config: c, created: time.Now().UTC()}
	for _, declared := range c.Secrets {
		if !namePattern.MatchString(declared.Name) {
			return nil, fmt.Errorf("reading secret %q: its name is not 1 to 512 letters, digits and /_+=.@-", declared.Name)
		}
		if n := len(declared.Value); n < 1 || n > maxSecret {
			return nil, fmt.Errorf("reading secret %s: its value has %d bytes, not 1 to %d", declared.Name, n, maxSecret)
		}
		if slices.ContainsFunc(s.secrets, func(other secret) bool { return other.Name == declared.Name }) {
			return nil, fmt.Errorf("reading secret %s: there are two of this name", declared.Name)
		}
		// AWS puts six random characters behind the name; here the name tells them, so that an ARN outlives a restart.
		sum := sha256.Sum256([]byte(c.Account + "/" + declared.Name))
		s.secrets = append(s.secrets, secret{
			declared, "arn:aws:secretsmanager:" + c.Region + ":" + c.Account + ":secret:" + declared.Name + "-" + hex.EncodeToString(sum[:3]),
			uuid.NewString(), // whoever may not read the value is told the version, and could try values against one made of it
		})
	}
	slices.SortFunc(s.secrets, func(a, b secret) int { return cmp.Compare(a.Name, b.Name) })
	s.http = &awsjson.Service{
		Target: "secretsmanager", Internal: "InternalServiceError", Log: c.Log,
		Operations: map[string]awsjson.Operation{
			"GetSecretValue": awsjson.Handle(s.getSecretValue),
			"DescribeSecret": awsjson.Handle(s.describeSecret),
			"ListSecrets":    awsjson.Handle(s.listSecrets),
		},
	}
	return s, nil
}

// ServeHTTP answers a request of the caller that its context names.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.ServeHTTP(w, r) }

// Value returns a secret's text for the caller whom the context names, as other services read it by reference. id is a name or an ARN,
// whole or without its last characters. A refusal is an *awsjson.Error.
func (s *Service) Value(ctx context.Context, id string) (string, error) {
	found, err := s.find(ctx, "secretsmanager:GetSecretValue", id)
	if err != nil {
		return "", awsjson.Refusal(err)
	}
	return found.Value, nil
}

var suffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// find returns a secret that the caller may do action to. Whoever may not learns the same of secrets that are there and that are not.
func (s *Service) find(ctx context.Context, action, id string) (*secret, error) {
	if n := len(id); n < 1 || n > 2048 {
		return nil, invalid("Invalid length for parameter SecretId: it has 1 to 2048 characters.")
	}
	prefix := "arn:aws:secretsmanager:" + s.config.Region + ":" + s.config.Account + ":secret:"
	i := slices.IndexFunc(s.secrets, func(one secret) bool {
		return id == one.Name || id == one.arn || id == suffix.ReplaceAllString(one.arn, "")
	})
	resource := id
	switch {
	case i >= 0:
		resource = s.secrets[i].arn
	case !strings.HasPrefix(id, "arn:"):
		resource = prefix + id
	}
	keys := map[string][]string{"secretsmanager:secretid": {id}}
	if err := s.config.Auth.AuthorizeWith(ctx, action, []string{resource}, keys); err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, &awsjson.Error{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret."}
	}
	return &s.secrets[i], nil
}

type getIn struct {
	SecretID     string `json:"SecretId"`
	VersionID    string `json:"VersionId"`
	VersionStage string
}

type getOut struct {
	ARN           string
	Name          string
	VersionID     string `json:"VersionId"`
	SecretString  string
	VersionStages []string
	CreatedDate   awsjson.Time
}

func (s *Service) getSecretValue(ctx context.Context, in *getIn) (*getOut, error) {
	one, err := s.find(ctx, "secretsmanager:GetSecretValue", in.SecretID)
	if err != nil {
		return nil, err
	}
	if in.VersionStage != "" && in.VersionStage != current {
		return nil, noVersion("staging label: " + in.VersionStage)
	}
	if in.VersionID != "" && in.VersionID != one.version {
		return nil, noVersion("VersionId: " + in.VersionID)
	}
	return &getOut{one.arn, one.Name, one.version, one.Value, []string{current}, awsjson.Time{Time: s.created}}, nil
}

func noVersion(what string) error {
	return &awsjson.Error{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret value for " + what}
}

type describeIn struct {
	SecretID string `json:"SecretId"`
}

type describeOut struct {
	ARN                string
	Name               string
	Description        string `json:",omitempty"`
	CreatedDate        awsjson.Time
	VersionIDsToStages map[string][]string `json:"VersionIdsToStages,omitempty"`
	SecretVersions     map[string][]string `json:"SecretVersionsToStages,omitempty"`
}

func (s *Service) describeSecret(ctx context.Context, in *describeIn) (*describeOut, error) {
	one, err := s.find(ctx, "secretsmanager:DescribeSecret", in.SecretID)
	if err != nil {
		return nil, err
	}
	return &describeOut{ARN: one.arn, Name: one.Name, Description: one.Description, CreatedDate: awsjson.Time{Time: s.created},
		VersionIDsToStages: map[string][]string{one.version: {current}}}, nil
}

type listIn struct {
	MaxResults *int
	NextToken  string
	Filters    []any
}

type listOut struct {
	SecretList []*describeOut
	NextToken  string `json:",omitempty"`
}

func (s *Service) listSecrets(ctx context.Context, in *listIn) (*listOut, error) {
	// The permission names no resource ("*"): it is that of this account, which other accounts' callers have no right to.
	account := "arn:aws:secretsmanager:" + s.config.Region + ":" + s.config.Account + ":*"
	if err := s.config.Auth.AuthorizeWith(ctx, "secretsmanager:ListSecrets", []string{account}, nil); err != nil {
		return nil, err
	}
	if len(in.Filters) > 0 {
		return nil, invalid("Filters are not supported by this endpoint.")
	}
	limit, from := 100, 0
	if in.MaxResults != nil {
		if limit = *in.MaxResults; limit < 1 || limit > 100 {
			return nil, invalid("MaxResults must be between 1 and 100.")
		}
	}
	if in.NextToken != "" {
		var err error
		if from, err = strconv.Atoi(in.NextToken); err != nil || from < 0 || from > len(s.secrets) {
			return nil, &awsjson.Error{Code: "InvalidNextTokenException", Message: "The token is not valid."}
		}
	}
	to := min(from+limit, len(s.secrets))
	out := &listOut{SecretList: []*describeOut{}}
	if to < len(s.secrets) {
		out.NextToken = strconv.Itoa(to)
	}
	for _, one := range s.secrets[from:to] {
		out.SecretList = append(out.SecretList, &describeOut{ARN: one.arn, Name: one.Name, Description: one.Description, CreatedDate: awsjson.Time{Time: s.created},
			SecretVersions: map[string][]string{one.version: {current}}})
	}
	return out, nil
}

func invalid(message string) error {
	return &awsjson.Error{Code: "InvalidParameterException", Message: message}
}
