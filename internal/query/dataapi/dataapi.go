// Package dataapi is the Amazon Redshift Data API over a SQL engine of this process: statements that are sent, watched and whose results
// are fetched by signed HTTP requests, without a connection.
//
// The protocol is AWS JSON 1.1 with the target RedshiftData. Operations, shapes, limits and exceptions are those of the Data API Reference as of
// aws-sdk-go-v2/service/redshiftdata v1.40.1 (WaitTimeSeconds and ExecutionMode: client-redshift-data 3.1169) and of "Using the Amazon Redshift
// Data API" in the Redshift Management Guide:
//
//	SUBMITTED → PICKED → STARTED → FINISHED | FAILED | ABORTED
//
// What went wrong in the warehouse is in a statement's Error, never an exception of the API. A statement belongs to the role or user that sent it;
// nobody else learns that it exists. Statements and their results are kept for 24 hours: the records in the metadata database, the
// rows in a folder of this process. Those that are under way when the process ends have failed, and say so after the next start.
//
// It also answers as much of Redshift Serverless (Serverless) and of Redshift's own API (Cluster) as clients need that connect by
// themselves: where the warehouse is, and temporary passwords for its port.
package dataapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// Limits of the Data API (Management Guide, "Considerations when calling the Amazon Redshift Data API").
const (
	MaxStatement = 100 << 10 // bytes of one statement
	MaxBatch     = 40        // statements of a batch
	MaxRow       = 64 << 10  // bytes of one row of a result
	MaxResult    = 500 << 20 // bytes of a result
	MaxStored    = 5 << 30   // bytes of all results that are kept: ten of the largest. AWS has no such bound, but a machine's disk has
	MaxActive    = 500       // statements that have not ended, and open sessions
	Retention    = 24 * time.Hour
	tokenLife    = 8 * time.Hour // of a ClientToken
)

// Authorizer decides what the caller of a request, whom the context names, may do. It must be safe for concurrent use.
type Authorizer interface {
	// AuthorizeWith returns nil if the caller may do action to every one of the resources (ARNs), or a *policy.DeniedError. keys are
	// the values of the request's own condition keys by lower-case name.
	AuthorizeWith(ctx context.Context, action string, resources []string, keys map[string][]string) error
}

// Secrets reads secrets of Secrets Manager.
type Secrets interface {
	// Value returns the text of the secret of the name or ARN for the caller whom the context names. Errors that are *awsjson.Error or
	// *policy.DeniedError answer the request.
	Value(ctx context.Context, id string) (string, error)
}

// Config says what is served.
type Config struct {
	Warehouse Warehouse
	Auth      Authorizer
	// Secrets may be nil; then SecretArn is refused.
	Secrets Secrets
	Meta    *meta.DB
	// Dir takes the rows of results. One process uses it at a time.
	Dir string
	// Partition is "aws", "aws-cn" or "aws-us-gov"; Account has 12 digits; Region is like "eu-central-1".
	Partition, Account, Region string
	// Name is what the warehouse is called in every way it can be named: workgroup, namespace and cluster.
	Name string
	// Address is where the warehouse's port is, host:port, as GetWorkgroup and DescribeClusters tell it.
	Address string
	// Workers bounds the statements that run at a time; the others wait. 0 is 8.
	Workers int
	// MaxStored bounds the bytes of the results that are kept. 0 is MaxStored.
	MaxStored int64
	Log       *slog.Logger
}

// Service is the Data API. It is safe for concurrent use.
type Service struct {
	Config
	instance string
	slots    chan struct{}
	room     *room
	// base is the context of everything that runs for callers who have gone; stop ends it.
	base    context.Context
	stop    context.CancelCauseFunc
	running sync.WaitGroup

	mu       sync.Mutex
	live     map[string]*live // statements that have not ended, by id
	sessions map[string]*session
	logins   map[string]login // temporary passwords by name
}

var (
	errShutdown = errors.New("the service was shut down while the statement was under way")
	errCanceled = errors.New("the statement was canceled")
)

// Open opens the Data API over the statements that earlier processes left in the folder. Run must be called, and ends it.
func Open(ctx context.Context, c Config) (*Service, error) {
	if c.Workers == 0 {
		c.Workers = 8
	}
	if c.MaxStored == 0 {
		c.MaxStored = MaxStored
	}
	s := &Service{Config: c, slots: make(chan struct{}, c.Workers), live: map[string]*live{}, sessions: map[string]*session{}, logins: map[string]login{}}
	s.base, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fault.New(fault.Setup, "creating the folder of statement results", c.Dir, err, "choose a folder that can be written")
	}
	var err error
	if s.instance, err = instance(filepath.Join(c.Dir, "instance")); err != nil {
		return nil, err
	}
	if s.room, err = openRoom(c.Dir, c.MaxStored); err != nil {
		return nil, err
	}
	return s, s.recover(ctx)
}

// instance names the folder: a statement is served by the process that holds its rows, also where several share the metadata.
func instance(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fault.New(fault.Setup, "reading", path, err, "")
	}
	name := uuid.NewString()
	if err := os.WriteFile(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fault.New(fault.Setup, "writing", path, err, "")
	}
	return name, nil
}

// Run forgets what is older than a day and closes sessions that nobody uses, until ctx is done. Then it cancels what runs and waits for its end.
func (s *Service) Run(ctx context.Context) error {
	idle, old := time.NewTicker(time.Second), time.NewTicker(10*time.Minute)
	defer idle.Stop()
	defer old.Stop()
	for {
		select {
		case <-ctx.Done():
			// Under the lock that a new statement begins under, so that none begins once the wait has.
			s.mu.Lock()
			s.stop(errShutdown)
			s.mu.Unlock()
			s.running.Wait()
			return s.closeSessions(func(*session) bool { return true })
		case <-idle.C:
			now := time.Now()
			if err := s.closeSessions(func(o *session) bool { return now.After(o.expires) }); err != nil {
				s.Log.Warn("a session of the Data API did not end well", "error", err)
			}
		case <-old.C:
			if err := s.expire(ctx, time.Now().Add(-Retention)); err != nil && ctx.Err() == nil {
				s.Log.Warn("statements older than a day could not be forgotten", "error", err)
			}
		}
	}
}

// Handler answers requests that are signed for "redshift-data".
func (s *Service) Handler() http.Handler {
	return &awsjson.Service{
		Target: "RedshiftData", Internal: "InternalServerException", Log: s.Log,
		Operations: map[string]awsjson.Operation{
			"ExecuteStatement":      awsjson.Handle(s.executeStatement),
			"BatchExecuteStatement": awsjson.Handle(s.batchExecuteStatement),
			"DescribeStatement":     awsjson.Handle(s.describeStatement),
			"GetStatementResult":    awsjson.Handle(s.getStatementResult),
			"GetStatementResultV2":  awsjson.Handle(s.getStatementResultV2),
			"CancelStatement":       awsjson.Handle(s.cancelStatement),
			"ListStatements":        awsjson.Handle(s.listStatements),
			"ListDatabases":         awsjson.Handle(s.listDatabases),
			"ListSchemas":           awsjson.Handle(s.listSchemas),
			"ListTables":            awsjson.Handle(s.listTables),
			"DescribeTable":         awsjson.Handle(s.describeTable),
		},
	}
}

func validation(format string, args ...any) error {
	return &awsjson.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

func notFound(id, format string, args ...any) error {
	return &awsjson.Error{Code: "ResourceNotFoundException", Message: fmt.Sprintf(format, args...), Members: map[string]string{"ResourceId": id}}
}
