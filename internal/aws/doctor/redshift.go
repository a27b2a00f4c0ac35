package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"

	"github.com/refract-io/refract/internal/aws/denial"
	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/warehouse"
)

// redshift is the warehouse as the examination uses it: statements, and the Data API's calls where each is looked at by itself.
type redshift struct {
	*examination
	api    *redshiftdata.Client
	client *warehouse.Client
}

func (e *examination) warehouse(ctx context.Context) (*redshift, error) {
	r := e.settings.Redshift
	cfg, err := e.Config(ctx, r.Role, r.Region)
	if err != nil {
		return nil, err
	}
	api := redshiftdata.NewFromConfig(cfg)
	return &redshift{e, api, warehouse.New(api, warehouse.Target{
		Workgroup: r.Workgroup, Cluster: r.Cluster, Database: r.Database, DBUser: r.DBUser, SecretARN: r.SecretARN,
	})}, nil
}

func (e *examination) redshift(ctx context.Context) {
	w, err := e.warehouse(ctx)
	if err != nil {
		e.fail("redshift", "credentials", 0, err)
		return
	}
	if !w.connect(ctx) {
		return
	}
	w.user(ctx)
	if w.schema(ctx) {
		w.reading(ctx)
		w.readers(ctx)
	}
}

// connect runs the first statement call by call, since each needs an action of its own.
func (w *redshift) connect(ctx context.Context) bool {
	var id *string
	err := w.perform(ctx, grant.UseRedshift, "redshift-data:ExecuteStatement", func(ctx context.Context) (err error) {
		id, err = w.client.Send(ctx, "SELECT 1")
		return err
	})
	if err != nil {
		for _, action := range []string{"redshift-data:DescribeStatement", "redshift-data:GetStatementResult", "database user", "external schema"} {
			w.skip("redshift", action, "no statement could be run")
		}
		return false
	}
	for _, action := range w.credentialActions() {
		w.add(Check{Area: "redshift", Name: action, Status: Passed})
	}
	described := w.perform(ctx, grant.UseRedshift, "redshift-data:DescribeStatement", func(ctx context.Context) error {
		_, err := w.api.DescribeStatement(ctx, &redshiftdata.DescribeStatementInput{Id: id})
		return err
	})
	if described == nil {
		took, err := w.wait(ctx, id)
		if err != nil {
			w.statement("the first statement", took, err)
			return false
		}
	}
	// Without a look at the statement it may not have ended; the answer then is one about its state.
	got := w.perform(ctx, grant.UseRedshift, "redshift-data:GetStatementResult", func(ctx context.Context) error {
		_, err := w.api.GetStatementResult(ctx, &redshiftdata.GetStatementResultInput{Id: id})
		return err
	}, "ResourceNotFoundException", "ValidationException")
	if described != nil || got != nil {
		w.skip("redshift", "database user", "no result can be read")
		w.skip("redshift", "external schema", "no result can be read")
		return false
	}
	return true
}

// credentialActions are those that the Data API needs for the connection; it does them in the caller's name.
func (w *redshift) credentialActions() []string {
	switch r := w.settings.Redshift; {
	case r.SecretARN != "":
		return []string{"secretsmanager:GetSecretValue"}
	case r.Workgroup != "":
		return []string{"redshift-serverless:GetCredentials"}
	case r.DBUser != "":
		return []string{"redshift:GetClusterCredentials"}
	}
	return []string{"redshift:GetClusterCredentialsWithIAM"}
}

// patience is how many times a call's time a statement has: a warehouse that sleeps must wake up first.
const patience = 6

// patiently gives fn the time of a statement.
func (w *redshift) patiently(ctx context.Context, fn func(context.Context) error) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience*w.Timeout)
	defer cancel()
	began := time.Now()
	err = fn(ctx)
	return time.Since(began), err
}

func (w *redshift) wait(ctx context.Context, id *string) (took time.Duration, err error) {
	return w.patiently(ctx, func(ctx context.Context) error {
		_, err := w.client.Wait(ctx, id)
		return err
	})
}

// query runs a statement and returns its rows as texts; NULL is "NULL".
func (w *redshift) query(ctx context.Context, sql string) (rows [][]string, took time.Duration, err error) {
	took, err = w.patiently(ctx, func(ctx context.Context) (err error) {
		rows, err = w.client.Query(ctx, sql)
		return err
	})
	return rows, took, err
}

// single is the one value of a query's result.
func (w *redshift) single(ctx context.Context, name, sql string) (string, time.Duration, bool) {
	rows, took, err := w.query(ctx, sql)
	if err == nil && (len(rows) != 1 || len(rows[0]) != 1) {
		err = fmt.Errorf("%s answered %d rows", sql, len(rows))
	}
	if err != nil {
		w.statement(name, took, err)
		return "", took, false
	}
	return rows[0][0], took, true
}

// user looks at whom the connection is, and whether that user may create the external schema.
func (w *redshift) user(ctx context.Context) {
	const name, right = "database user", "CREATE on the database"
	who, took, ok := w.single(ctx, name, "SELECT current_user::varchar")
	if !ok {
		w.skip("redshift", right, "the user is not known")
		return
	}
	w.add(Check{Area: "redshift", Name: name, Status: Passed, Detail: who, Milliseconds: took.Milliseconds()})
	may, took, ok := w.single(ctx, right, fmt.Sprintf("SELECT has_database_privilege(%s, %s, 'CREATE')", warehouse.Literal(who), warehouse.Literal(w.settings.Redshift.Database)))
	if !ok {
		return
	}
	c := Check{Area: "redshift", Name: right, Status: Passed, Detail: who + " has it", Milliseconds: took.Milliseconds()}
	if !holds(may) {
		c.Status, c.Detail, c.Cause = Failed, "", fmt.Sprintf("the user %s may not create schemas in the database %s", who, w.settings.Redshift.Database)
		c.Remedy = "as an administrator of the database run: " + warehouse.GrantCreate(w.settings.Redshift.Database, who) + ";"
	}
	w.add(c)
}

// schema compares the external schema with the settings: CREATE EXTERNAL SCHEMA IF NOT EXISTS does not mend one that points elsewhere.
func (w *redshift) schema(ctx context.Context) bool {
	r, name := w.settings.Redshift, "external schema"
	rows, took, err := w.query(ctx, "SELECT databasename, esoptions FROM svv_external_schemas WHERE schemaname = "+warehouse.Literal(r.Schema))
	if err != nil {
		w.statement(name, took, err)
		return false
	}
	c := Check{Area: "redshift", Name: name, Status: Passed, Detail: r.Schema, Milliseconds: took.Milliseconds()}
	switch {
	case len(rows) == 0:
		c.Status, c.Detail = Skipped, fmt.Sprintf("%s is not there yet: the pipeline's first run creates it", r.Schema)
	case w.settings.Glue != nil && !strings.EqualFold(rows[0][0], w.settings.Glue.Database):
		c.Status, c.Detail = Failed, ""
		c.Cause = fmt.Sprintf("the schema %s shows the Glue database %s, not %s", r.Schema, rows[0][0], w.settings.Glue.Database)
		c.Remedy = fmt.Sprintf("give the pipeline another schema, or run DROP SCHEMA %s; (without DROP EXTERNAL DATABASE, which deletes the Glue database)", warehouse.Identifier(r.Schema))
	case r.Role != "" && !strings.Contains(rows[0][1], r.Role):
		c.Status, c.Detail = Warned, ""
		c.Cause = fmt.Sprintf("the schema %s reads with another role: %s", r.Schema, rows[0][1])
		c.Remedy = fmt.Sprintf("if that is not meant, run DROP SCHEMA %s; and let the pipeline create it again", warehouse.Identifier(r.Schema))
	}
	w.add(c)
	return c.Status == Passed || c.Status == Warned
}

// reading lets Redshift read: the catalog, then a table's objects.
func (w *redshift) reading(ctx context.Context) {
	r := w.settings.Redshift
	const catalog, objects = "Redshift reads the catalog", "Redshift reads the objects"
	rows, took, err := w.query(ctx, "SELECT tablename FROM svv_external_tables WHERE schemaname = "+warehouse.Literal(r.Schema)+" AND tablename NOT LIKE 'refract_doctor%' ORDER BY 1 LIMIT 1")
	if err != nil {
		w.statement(catalog, took, err)
		w.skip("redshift", objects, "no table is known")
		return
	}
	w.add(Check{Area: "redshift", Name: catalog, Status: Passed, Milliseconds: took.Milliseconds()})
	if len(rows) == 0 {
		w.skip("redshift", objects, "the schema shows no table yet")
		return
	}
	_, took, err = w.query(ctx, "SELECT 1 FROM "+warehouse.Identifier(r.Schema)+"."+warehouse.Identifier(rows[0][0])+" LIMIT 1")
	if err != nil {
		w.statement(objects, took, err)
		return
	}
	w.add(Check{Area: "redshift", Name: objects, Status: Passed, Detail: rows[0][0], Milliseconds: took.Milliseconds()})
}

// What Redshift says when its role, or the user's rights, are not enough.
var (
	notAssumed = regexp.MustCompile(`(?i)is not authorized to assume IAM Role (\S+)|Not authorized to get credentials of role (\S+)`)
	noS3       = regexp.MustCompile(`(?i)S3ServiceException:\s*Access ?Denied|Access Denied.*s3|Spectrum.*Access ?Denied`)
)

// statement appends a check that ends with the error of a statement.
func (w *redshift) statement(name string, took time.Duration, err error) {
	failed, ok := errors.AsType[*warehouse.StatementError](err)
	if !ok {
		w.fail("redshift", name, took, err)
		return
	}
	c := Check{Area: "redshift", Name: name, Status: Failed, Cause: failed.Error(), Milliseconds: took.Milliseconds()}
	if !w.denied(&c, failed.Message) && strings.Contains(failed.Message, "does not exist") {
		c.Remedy = "create it, or give the pipeline the right name"
	}
	w.add(c)
}

// denied reports whether a statement's error is about a right that is missing, and then says in the check what to do.
func (w *redshift) denied(c *Check, message string) bool {
	role, denied := w.settings.Redshift.Role, denial.Read(message)
	switch {
	case notAssumed.MatchString(message):
		c.Role, c.Remedy = role, "associate the role with the namespace or cluster, and let its trust policy name Redshift in a statement of its own"
		for _, r := range w.settings.Roles(grant.Narrowed) {
			if s := r.Trust.Document.Statement; r.ARN == role && len(s) > 1 {
				c.Missing = &s[1]
			}
		}
	case denied.Action != "":
		w.missing(c, denied.Action)
	case denied.LakeFormation:
		c.Role, c.Remedy = role, "grant the role DESCRIBE and SELECT on the database's tables in Lake Formation, and allow it lakeformation:GetDataAccess"
	case strings.Contains(message, "KMS"):
		w.missing(c, "kms:Decrypt")
	case noS3.MatchString(message):
		w.missing(c, "s3:GetObject")
	case strings.Contains(message, "permission denied for"):
		c.Remedy = "grant it to " + warehouse.Identifier(w.settings.User()) + " as an administrator of the database"
	default:
		return false
	}
	return true
}

func (w *redshift) missing(c *Check, action string) {
	c.Role, c.Remedy = w.settings.Redshift.Role, "add the statement to the policy of the role with which Redshift reads"
	if s, ok := w.settings.Missing(grant.UseRedshift, action); ok {
		c.Missing = &s
	}
}
