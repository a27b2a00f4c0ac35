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
//	SELECT … FROM svl_s3log …                   if not, in the same session: the whole text, which the failure has cut
//
// A serverless workgroup that sleeps is woken by any of them and bills a minute at least, system views included. So whoever attaches does
// it once, and again only when something has changed.
package warehouse

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strconv"
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
	// Log is what svl_s3log has of it: Message is cut where the reading of objects failed. Empty if there is nothing, or it could not be read.
	Log string
}

// Error returns the warehouse's text on one line.
func (e *StatementError) Error() string {
	text := strings.Join(strings.Fields(e.Message), " ")
	if text == "" {
		text = "the statement failed without a message"
	}
	if log := strings.Join(strings.Fields(e.Log), " "); log != "" && !strings.Contains(text, log) {
		text += "; in full: " + log
	}
	if e.Aborted {
		text = "the statement was aborted: " + text
	}
	return text
}

// statementName is what the statements are listed as.
const statementName = "refract"

func (c *Client) statement(sql string) *redshiftdata.ExecuteStatementInput {
	return &redshiftdata.ExecuteStatementInput{
		Sql: &sql, Database: &c.target.Database, StatementName: aws.String(statementName),
		WorkgroupName: text(c.target.Workgroup), ClusterIdentifier: text(c.target.Cluster), DbUser: text(c.target.DBUser), SecretArn: text(c.target.SecretARN),
	}
}

// Send sends a statement and returns its id in the Data API. Its parameters, a name and a value each, are values, never parts of the statement.
func (c *Client) Send(ctx context.Context, sql string, parameters ...string) (id *string, err error) {
	in := c.statement(sql)
	for i := 0; i+1 < len(parameters); i += 2 {
		in.Parameters = append(in.Parameters, types.SqlParameter{Name: &parameters[i], Value: &parameters[i+1]})
	}
	sent, err := c.api.ExecuteStatement(ctx, in)
	if err != nil {
		return nil, err
	}
	return sent.Id, nil
}

// logKept is for how many seconds the session of a statement is kept that svl_s3log may be asked about: the view knows the queries of its own session.
const logKept = 30

// runLogged is run for a query of external tables. If it fails, the failure has its Log.
func (c *Client) runLogged(ctx context.Context, sql string) (*redshiftdata.DescribeStatementOutput, error) {
	in := c.statement(sql)
	in.SessionKeepAliveSeconds = aws.Int32(logKept)
	sent, err := c.api.ExecuteStatement(ctx, in)
	if err != nil {
		return nil, err
	}
	done, err := c.Wait(ctx, sent.Id)
	if failed, ok := errors.AsType[*StatementError](err); ok && !failed.Aborted && sent.SessionId != nil {
		failed.Log = c.scanLog(ctx, sent.SessionId)
	}
	return done, err
}

// scanLog reads what svl_s3log has of a session's last query. The view is not said to be there on every warehouse, nor may everybody read it, and
// the failure is known without it: what goes wrong here is no failure of its own.
func (c *Client) scanLog(ctx context.Context, session *string) string {
	sent, err := c.api.ExecuteStatement(ctx, &redshiftdata.ExecuteStatementInput{
		SessionId: session, StatementName: aws.String(statementName), Sql: aws.String("SELECT trim(message) FROM svl_s3log WHERE query = pg_last_query_id() ORDER BY eventtime, step"),
	})
	if err != nil {
		return ""
	}
	rows, err := c.rows(ctx, sent.Id)
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, row := range rows {
		text.WriteString(row[0])
		if len(row[0]) < logColumn {
			text.WriteByte('\n') // else it goes on in the next row
		}
	}
	return strings.TrimSpace(text.String())
}

// logColumn is the length of svl_s3log's message.
const logColumn = 512

// Wait waits until a statement has ended. One that failed is a *StatementError.
func (c *Client) Wait(ctx context.Context, id *string) (*redshiftdata.DescribeStatementOutput, error) {
	return c.Until(ctx, id, func(s types.StatusString) bool { return s == types.StatusStringFinished })
}

// Until is Wait for a status before the end: it looks, ever more rarely, until reached is true of it or the statement has failed.
func (c *Client) Until(ctx context.Context, id *string, reached func(types.StatusString) bool) (*redshiftdata.DescribeStatementOutput, error) {
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		got, err := c.api.DescribeStatement(ctx, &redshiftdata.DescribeStatementInput{Id: id})
		if err != nil {
			return nil, err
		}
		switch {
		case reached(got.Status):
			return got, nil
		case got.Status == types.StatusStringFailed, got.Status == types.StatusStringAborted:
			return nil, &StatementError{ID: aws.ToString(id), Message: aws.ToString(got.Error), Aborted: got.Status == types.StatusStringAborted}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

// run runs a statement and waits for its end.
func (c *Client) run(ctx context.Context, sql string, parameters ...string) (*redshiftdata.DescribeStatementOutput, error) {
	id, err := c.Send(ctx, sql, parameters...)
	if err != nil {
		return nil, err
	}
	return c.Wait(ctx, id)
}

// Query runs a statement and returns its rows as texts; NULL is "NULL". A statement without a result has none.
func (c *Client) Query(ctx context.Context, sql string, parameters ...string) ([][]string, error) {
	id, err := c.Send(ctx, sql, parameters...)
	if err != nil {
		return nil, err
	}
	return c.rows(ctx, id)
}

// rows waits for a statement's end and returns its rows as Query does.
func (c *Client) rows(ctx context.Context, id *string) ([][]string, error) {
	done, err := c.Wait(ctx, id)
	if err != nil || !aws.ToBool(done.HasResultSet) {
		return nil, err
	}
	var out [][]string
	pages := redshiftdata.NewGetStatementResultPaginator(c.api, &redshiftdata.GetStatementResultInput{Id: id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, record := range page.Records {
			row := make([]string, len(record))
			for i, field := range record {
				row[i] = cell(field)
			}
			out = append(out, row)
		}
	}
	return out, nil
}

func cell(f types.Field) string {
	switch f := f.(type) {
	case *types.FieldMemberStringValue:
		return f.Value
	case *types.FieldMemberLongValue:
		return strconv.FormatInt(f.Value, 10)
	case *types.FieldMemberDoubleValue:
		return strconv.FormatFloat(f.Value, 'g', -1, 64)
	case *types.FieldMemberBooleanValue:
		return strconv.FormatBool(f.Value)
	case *types.FieldMemberBlobValue:
		return hex.EncodeToString(f.Value)
	}
	return "NULL"
}

// text is a member of a request that is left out when it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
