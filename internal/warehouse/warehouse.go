// Package warehouse makes Amazon Redshift see a database of the Glue Data Catalog, through the Redshift Data API.
//
// What it does is what Mixpanel's page "AWS Redshift Spectrum" describes: the exporter, connected as its role, creates an external schema over
// the Glue database, which Redshift reads as that same role. Every step is one statement of its own, since external objects are not part of
// transactions, and waits for the statement's end:
//
//	SELECT … FROM svv_external_schemas          is there a schema, and over what? who am I?
//	CREATE EXTERNAL SCHEMA IF NOT EXISTS …      only if there is none
//	GRANT USAGE ON SCHEMA … TO …                for each user that is to read
//	SELECT … FROM svv_external_tables           can the role read Glue?
//	SELECT 1 FROM "schema"."table" LIMIT 1      can it read the objects?
//
// A serverless workgroup that sleeps is woken by any of them and bills a minute at least, system views included. So whoever attaches does
// it once, and again only when something has changed.
package warehouse

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Target is a database of a warehouse, and how to connect to it.
type Target struct {
	// Workgroup is the name or the ARN of a serverless workgroup, Cluster the identifier of a cluster: one of them.
	Workgroup, Cluster string
	Database           string
	// DBUser is a database user of a cluster. Empty is the user of the caller's IAM identity, the only one of a workgroup.
	DBUser string
	// SecretARN names a secret with a user and a password, instead of the above.
	SecretARN string
}

// name is the target in messages.
func (t *Target) name() string { return t.Workgroup + t.Cluster + "/" + t.Database }

// check refuses what the Data API would refuse, or take another meaning from.
func (t *Target) check() error {
	const op = "connecting to Redshift"
	switch {
	case (t.Workgroup == "") == (t.Cluster == ""):
		return fault.New(fault.Setup, op, t.name(), errors.New("it needs a workgroup or a cluster, and not both"), "name one of them")
	case t.Database == "":
		return fault.New(fault.Setup, op, t.name(), errors.New("it needs a database"), "name the database that the external schema is to be in")
	case t.Workgroup != "" && t.DBUser != "":
		return fault.New(fault.Setup, op, t.name(), errors.New("a workgroup has no database user to name"), "leave the database user out: it is the one of the role")
	case t.SecretARN != "" && t.DBUser != "":
		return fault.New(fault.Setup, op, t.name(), errors.New("a secret brings its own database user"), "leave the database user out")
	}
	return nil
}

// API is what is used of the Data API. *redshiftdata.Client is one.
type API interface {
	ExecuteStatement(context.Context, *redshiftdata.ExecuteStatementInput, ...func(*redshiftdata.Options)) (*redshiftdata.ExecuteStatementOutput, error)
	DescribeStatement(context.Context, *redshiftdata.DescribeStatementInput, ...func(*redshiftdata.Options)) (*redshiftdata.DescribeStatementOutput, error)
	GetStatementResult(context.Context, *redshiftdata.GetStatementResultInput, ...func(*redshiftdata.Options)) (*redshiftdata.GetStatementResultOutput, error)
}

// Client runs statements in a warehouse. It is safe for concurrent use.
type Client struct {
	api    API
	target Target
}

// New returns the client of a target. Calls that fail in passing are retried as the API's own configuration says; a statement is sent once
// however often its request is repeated, since the SDK gives each a token.
func New(api API, target Target) *Client { return &Client{api, target} }

// Pauses between two looks at a statement.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// StatementError is what the warehouse says of a statement that failed.
type StatementError struct {
	// ID is the statement's in the Data API.
	ID string
	// Message is DescribeStatement's Error.
	Message string
	// Aborted is true if somebody stopped it.
	Aborted bool
}

// Error returns the warehouse's text on one line.
func (e *StatementError) Error() string {
	text := strings.Join(strings.Fields(e.Message), " ")
	if text == "" {
		text = "the statement failed without a message"
	}
	if e.Aborted {
		text = "the statement was aborted: " + text
	}
	return text
}

// run runs a statement and waits for its end. Its parameters are values, never parts of the statement.
func (c *Client) run(ctx context.Context, sql string, parameters ...string) (*redshiftdata.DescribeStatementOutput, error) {
	in := &redshiftdata.ExecuteStatementInput{
		Sql: &sql, Database: &c.target.Database, StatementName: aws.String("refract"),
		WorkgroupName: text(c.target.Workgroup), ClusterIdentifier: text(c.target.Cluster), DbUser: text(c.target.DBUser), SecretArn: text(c.target.SecretARN),
	}
	for i := 0; i+1 < len(parameters); i += 2 {
		in.Parameters = append(in.Parameters, types.SqlParameter{Name: &parameters[i], Value: &parameters[i+1]})
	}
	sent, err := c.api.ExecuteStatement(ctx, in)
	if err != nil {
		return nil, err
	}
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		got, err := c.api.DescribeStatement(ctx, &redshiftdata.DescribeStatementInput{Id: sent.Id})
		if err != nil {
			return nil, err
		}
		switch got.Status {
		case types.StatusStringFinished:
			return got, nil
		case types.StatusStringFailed, types.StatusStringAborted:
			return nil, &StatementError{aws.ToString(sent.Id), aws.ToString(got.Error), got.Status == types.StatusStringAborted}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

// query runs a statement and returns its rows as texts, NULL as "".
func (c *Client) query(ctx context.Context, sql string, parameters ...string) ([][]string, error) {
	done, err := c.run(ctx, sql, parameters...)
	if err != nil {
		return nil, err
	}
	var out [][]string
	pages := redshiftdata.NewGetStatementResultPaginator(c.api, &redshiftdata.GetStatementResultInput{Id: done.Id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, record := range page.Records {
			row := make([]string, len(record))
			for i, field := range record {
				if s, ok := field.(*types.FieldMemberStringValue); ok {
					row[i] = s.Value
				}
			}
			out = append(out, row)
		}
	}
	return out, nil
}

// text is a member of a request that is left out when it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
