package warehouse_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/dataapi"
	"github.com/refract-io/refract/internal/query/engine"
	"github.com/refract-io/refract/internal/query/engine/iam"
	"github.com/refract-io/refract/internal/warehouse"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	glueDB  = "mp_1"
	roleARN = "arn:aws:iam::" + account + ":role/"
	// trusting is the trust policy of the page, for a user of this account.
	trusting = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:user/exporter"},"Action":"sts:AssumeRole"},
		{"Effect":"Allow","Principal":{"Service":"redshift.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// warehouses is a lake with one table, an engine over it, and the Data API before that.
type warehouses struct {
	*testing.T
	engine *engine.Engine
	url    string
}

func open(t *testing.T) *warehouses {
	t.Helper()
	dir := t.TempDir()
	db, err := meta.Open(t.Context(), filepath.Join(dir, "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	published, err := os.ReadFile("../aws/policy/testdata/redshift.json")
	require.NoError(t, err)
	policy := strings.ReplaceAll(string(published), "mixpanel-lake", "lake")
	role := func(name, trust, policy string) sts.Role {
		return sts.Role{Name: name, Trust: trust, Policies: []string{policy}}
	}
	authority, err := sts.New([]sts.Account{{
		ID: account, Users: []sts.User{{Name: "exporter", AccessKeys: []sts.AccessKey{{ID: "AKIAEXPORTER", Secret: "secret"}}, Policies: []string{everything}}},
		Roles: []sts.Role{
			role("exporter", trusting, policy), role("other", trusting, policy), role("glueless", trusting, strings.ReplaceAll(policy, `"glue:GetTable"`, `"glue:GetNothing"`)),
			role("blind", trusting, strings.ReplaceAll(policy, `"glue:GetTables"`, `"glue:GetNothing"`)),
			role("objectless", trusting, strings.ReplaceAll(policy, "s3:GetObject", "s3:GetNothing")),
			role("unassociated", strings.ReplaceAll(trusting, "redshift.amazonaws.com", "ec2.amazonaws.com"), policy),
		},
	}}, nil)
	require.NoError(t, err)

	lake, err := bucket.OpenLocal("lake", filepath.Join(dir, "lake"))
	require.NoError(t, err)
	glue := catalog.Open(db)
	for _, name := range []string{glueDB, "mp_2"} {
		require.NoError(t, glue.CreateDatabase(t.Context(), catalog.Database{Name: name}))
	}
	fill(t, lake, glue)

	e, err := engine.Open(t.Context(), engine.Options{
		Dir: filepath.Join(dir, "engine"), Threads: 2, MemoryLimit: 1 << 30, Catalog: glue, Meta: db, Folders: []string{filepath.Join(dir, "lake")},
		Buckets: func(string) (bucket.Bucket, error) { return lake, nil }, Log: slog.New(slog.DiscardHandler),
		Roles: &iam.Roles{Authority: authority, Partition: "aws", Account: account, Region: region, Cluster: "default"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	api, err := dataapi.Open(t.Context(), dataapi.Config{
		Warehouse: e.DataAPI(), Auth: authority, Meta: db, Dir: filepath.Join(dir, "statements"), Partition: "aws", Account: account, Region: region, Name: "default",
		Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- api.Run(ctx) }()
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, Services: map[string]http.Handler{"redshift-data": api.Handler()}}))
	t.Cleanup(func() {
		server.Close()
		cancel()
		require.NoError(t, <-done)
	})
	return &warehouses{t, e, server.URL}
}

// fill makes the table mp_master_event with one partition of one row.
func fill(t *testing.T, lake *bucket.Local, glue *catalog.Embedded) {
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	_, err := w.Write([]byte(`{"event_name":"Seen","distinct_id":"ann","properties":"{\"$city\":\"San Francisco\"}"}` + "\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = lake.Put(t.Context(), "events/2024/05/01/a.json.gz", bytes.NewReader(body.Bytes()), int64(body.Len()), bucket.PutOptions{})
	require.NoError(t, err)
	table := catalog.TableInput{
		Name: "mp_master_event", TableType: "EXTERNAL_TABLE", PartitionKeys: []catalog.Column{{Name: "mp_date", Type: "string"}},
		StorageDescriptor: catalog.StorageDescriptor{
			Location: "s3://lake/events/", SerdeInfo: catalog.SerDeInfo{SerializationLibrary: "org.openx.data.jsonserde.JsonSerDe"},
			Columns: []catalog.Column{{Name: "event_name", Type: "string"}, {Name: "distinct_id", Type: "string"}, {Name: "properties", Type: "string"}},
		},
	}
	require.NoError(t, glue.CreateTable(t.Context(), glueDB, table))
	d := table.StorageDescriptor
	d.Location = "s3://lake/events/2024/05/01/"
	require.NoError(t, glue.BatchCreatePartition(t.Context(), glueDB, table.Name, []catalog.PartitionInput{{Values: []string{"2024-05-01"}, StorageDescriptor: d}}))
}

// as is the client of a role.
func (w *warehouses) as(role string) *warehouse.Client { return w.through(w.url, role) }

// through is the client of a role whose requests to the Data API go to an address.
func (w *warehouses) through(address, role string) *warehouse.Client {
	return warehouse.New(w.api(address, role), warehouse.Target{Workgroup: "default", Database: "dev"})
}

func (w *warehouses) api(address, role string) *redshiftdata.Client {
	config := func(id, secret, token string) aws.Config {
		return aws.Config{Region: region, BaseEndpoint: &w.url, HTTPClient: assume.HTTPClient(nil), Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
		})}
	}
	out, err := awssts.NewFromConfig(config("AKIAEXPORTER", "secret", "")).AssumeRole(w.Context(), &awssts.AssumeRoleInput{RoleArn: aws.String(roleARN + role), RoleSessionName: aws.String("p1")})
	require.NoError(w, err)
	c := config(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	c.BaseEndpoint = &address
	c.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff, o.RateLimiter = 5*time.Millisecond, ratelimit.None })
	}
	return redshiftdata.NewFromConfig(c)
}

// admin runs a statement as the warehouse's administrator and returns its rows, values joined by "|".
func (w *warehouses) admin(sql string) []string {
	w.Helper()
	c, err := w.engine.DataAPI().Connect(w.Context(), "admin", "dev")
	require.NoError(w, err)
	defer func() { require.NoError(w, c.Close()) }()
	rows, err := c.Execute(w.Context(), sql, nil)
	require.NoError(w, err)
	var out []string
	for {
		batch, err := rows.Next(w.Context())
		require.NoError(w, err)
		if batch == nil {
			require.NoError(w, rows.Close())
			return out
		}
		for r := range batch.Len() {
			var row []string
			for c := range rows.Columns() {
				row = append(row, string(batch.AppendText(nil, c, r)))
			}
			out = append(out, strings.Join(row, "|"))
		}
	}
}

// TestAttached is the conformance test of what "attached" means, for the embedded warehouse and for the Data API.
func TestAttached(t *testing.T) {
	for name, way := range map[string]func(w *warehouses) func(schema, database string) error{
		"embedded": func(w *warehouses) func(schema, database string) error {
			return func(schema, database string) error {
				return w.engine.AttachSchema(w.Context(), "dev", schema, database)
			}
		},
		"Data API": func(w *warehouses) func(schema, database string) error {
			require.NoError(w, w.engine.EnsureUser(w.Context(), "IAMR:exporter"))
			w.admin(`GRANT CREATE ON DATABASE "dev" TO "IAMR:exporter"`)
			client := w.as("exporter")
			return func(schema, database string) error {
				_, err := client.Attach(w.Context(), warehouse.Schema{Name: schema, Database: database, Region: region, Role: roleARN + "exporter", Table: "mp_master_event"})
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			attach := way(w)
			require.NoError(t, attach("mp_json_export", glueDB))
			require.NoError(t, attach("mp_json_export", glueDB), "it is idempotent")
			require.Equal(t, []string{"mp_json_export|" + glueDB}, w.admin("SELECT schemaname, databasename FROM svv_external_schemas"))
			require.Equal(t, []string{"mp_master_event"}, w.admin("SELECT tablename FROM svv_external_tables WHERE schemaname = 'mp_json_export'"))
			require.Equal(t, []string{"ann"}, w.admin(`SELECT distinct_id FROM "dev"."mp_json_export"."mp_master_event" WHERE json_extract_path_text(properties, '$city') = 'San Francisco'`))
			require.Error(t, attach("mp_json_export", "mp_2"), "a schema is not moved to another database")
			require.Equal(t, []string{"mp_json_export|" + glueDB}, w.admin("SELECT schemaname, databasename FROM svv_external_schemas"))
		})
	}
}

// TestTheFirstAttachmentNeedsTheAdministrator is the way of Mixpanel's page, steps 3 to 5, with what is wrong on it.
func TestTheFirstAttachmentNeedsTheAdministrator(t *testing.T) {
	w := open(t)
	schema := warehouse.Schema{Name: "mp_json_export", Database: glueDB, Region: region, Role: roleARN + "exporter", GrantUsage: []string{"IAM:ann"}, Table: "mp_master_event"}
	attach := func(role string) (*warehouse.Attachment, error) {
		return w.as(role).Attach(t.Context(), schema)
	}
	require.Empty(t, w.admin("SELECT usename FROM pg_user WHERE usename LIKE 'IAMR:%'"))
	_, err := attach("exporter")
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, `GRANT CREATE ON DATABASE "dev" TO "IAMR:exporter"`)
	require.Equal(t, []string{"IAMR:exporter"}, w.admin("SELECT usename FROM pg_user WHERE usename LIKE 'IAMR:%'"), "the first connection made the user")
	w.admin(`GRANT CREATE ON DATABASE "dev" TO "IAMR:exporter"`)

	_, err = attach("exporter")
	require.ErrorContains(t, err, `user "IAM:ann" does not exist`)
	require.NoError(t, w.engine.EnsureUser(t.Context(), "IAM:ann"))
	got, err := attach("exporter")
	require.NoError(t, err)
	require.Equal(t, &warehouse.Attachment{User: "IAMR:exporter", Tables: 1, Table: "mp_master_event", Rows: 1}, got)
	require.Equal(t, []string{"t"}, w.admin("SELECT has_schema_privilege('IAM:ann', 'mp_json_export', 'USAGE')"))

	schema.Role = roleARN + "other"
	_, err = attach("exporter")
	require.ErrorContains(t, err, `DROP SCHEMA "mp_json_export"`)

	schema.GrantUsage = nil
	for role, hint := range map[string]string{
		"glueless": "allow the action on the catalog", "blind": "", "objectless": "allow s3:GetObject", "unassociated": "associate " + roleARN + "unassociated with the namespace",
	} {
		require.NoError(t, w.engine.EnsureUser(t.Context(), "IAMR:"+role))
		w.admin(`GRANT CREATE ON DATABASE "dev" TO "IAMR:` + role + `"`)
		schema.Name, schema.Role = role, roleARN+role
		got, err := attach(role)
		if hint == "" {
			require.NoError(t, err, "a table that is not listed can be read")
			require.Equal(t, &warehouse.Attachment{User: "IAMR:" + role, Created: true, Table: "mp_master_event", Rows: 1}, got)
			continue
		}
		require.Equal(t, fault.Setup, fault.ClassOf(err), err)
		require.ErrorContains(t, err, hint)
	}
	schema.Name, schema.Role, schema.Table = "empty", roleARN+"blind", ""
	_, err = attach("blind")
	require.ErrorContains(t, err, "allow glue:GetTables")
}

// cutting is the Data API with errors that are cut, as Redshift's are where objects could not be read.
type cutting struct{ *redshiftdata.Client }

func (c cutting) DescribeStatement(ctx context.Context, in *redshiftdata.DescribeStatementInput, o ...func(*redshiftdata.Options)) (*redshiftdata.DescribeStatementOutput, error) {
	out, err := c.Client.DescribeStatement(ctx, in, o...)
	if err == nil && out.Error != nil {
		before, _, _ := strings.Cut(*out.Error, "context:")
		out.Error = &before
	}
	return out, err
}

func TestTheWholeErrorIsInTheLogOfTheSession(t *testing.T) {
	w := open(t)
	require.NoError(t, w.engine.EnsureUser(t.Context(), "IAMR:objectless"))
	w.admin(`GRANT CREATE ON DATABASE "dev" TO "IAMR:objectless"`)
	client := warehouse.New(cutting{w.api(w.url, "objectless")}, warehouse.Target{Workgroup: "default", Database: "dev"})
	_, err := client.Attach(t.Context(), warehouse.Schema{Name: "s", Database: glueDB, Role: roleARN + "objectless", Table: "mp_master_event"})
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::lake/events/2024/05/01/a.json.gz")
	require.ErrorContains(t, err, "allow s3:GetObject")
}

// TestAttachingBearsFaults lets the requests of many attachments fail before and after they took effect.
func TestAttachingBearsFaults(t *testing.T) {
	w := open(t)
	require.NoError(t, w.engine.EnsureUser(t.Context(), "IAMR:exporter"))
	w.admin(`GRANT CREATE ON DATABASE "dev" TO "IAMR:exporter"`)
	proxy := awstest.NewProxy(t, w.url, aws.Credentials{})
	proxy.Random(7, 0.3, awstest.Unavailable, awstest.SlowDown, awstest.InternalError, awstest.InternalErrorAfter, awstest.Reset, awstest.ResetAfter, awstest.CutShort)
	client := w.through(proxy.URL, "exporter")
	for i := range 20 {
		schema := warehouse.Schema{Name: fmt.Sprintf("s%d", i/2), Database: glueDB, Role: roleARN + "exporter", Table: "mp_master_event"}
		for {
			got, err := client.Attach(t.Context(), schema)
			if err == nil {
				require.Equal(t, "mp_master_event", got.Table)
				require.EqualValues(t, 1, got.Rows)
				break
			}
			require.Equal(t, fault.Transient, fault.ClassOf(err), err)
		}
	}
	require.Positive(t, proxy.Injected(""))
	require.Equal(t, []string{"10"}, w.admin("SELECT count(*) FROM svv_external_schemas"))
}

// TestTheListsShowTheWarehouse asks for databases, schemas, tables and columns as clients do.
func TestTheListsShowTheWarehouse(t *testing.T) {
	w := open(t)
	require.NoError(t, w.engine.AttachSchema(t.Context(), "dev", "mp_json_export", glueDB))
	api := redshiftdata.NewFromConfig(aws.Config{Region: region, BaseEndpoint: &w.url, HTTPClient: assume.HTTPClient(nil), Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAEXPORTER", SecretAccessKey: "secret"}, nil
	})})
	group, database := aws.String("default"), aws.String("dev")
	databases, err := api.ListDatabases(t.Context(), &redshiftdata.ListDatabasesInput{WorkgroupName: group, Database: database})
	require.NoError(t, err)
	require.Equal(t, []string{"dev"}, databases.Databases)
	schemas, err := api.ListSchemas(t.Context(), &redshiftdata.ListSchemasInput{WorkgroupName: group, Database: database, SchemaPattern: aws.String("mp%")})
	require.NoError(t, err)
	require.Equal(t, []string{"mp_json_export"}, schemas.Schemas)
	tables := func(size int32, next *string) *redshiftdata.ListTablesOutput {
		out, err := api.ListTables(t.Context(), &redshiftdata.ListTablesInput{WorkgroupName: group, Database: database, SchemaPattern: aws.String("pg_catalog"), MaxResults: size, NextToken: next})
		require.NoError(t, err)
		return out
	}
	all := tables(0, nil)
	require.Nil(t, all.NextToken)
	var paged []string
	for next := (*string)(nil); ; {
		page := tables(7, next)
		for _, m := range page.Tables {
			paged = append(paged, *m.Name)
		}
		if next = page.NextToken; next == nil {
			break
		}
	}
	require.Len(t, paged, len(all.Tables))

	w.admin(`GRANT USAGE ON SCHEMA mp_json_export TO "IAM:exporter"`)
	table, err := api.DescribeTable(t.Context(), &redshiftdata.DescribeTableInput{WorkgroupName: group, Database: database, Schema: aws.String("mp_json_export"), Table: aws.String("MP_master_event")})
	require.NoError(t, err)
	require.Len(t, table.ColumnList, 4)
	require.Equal(t, "event_name", *table.ColumnList[0].Name)
	require.Equal(t, "mp_date", *table.ColumnList[3].Name)
}
