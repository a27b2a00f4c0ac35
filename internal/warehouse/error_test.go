package warehouse

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/fault"
)

// script is an API that answers statements by what they begin with: rows, or an error of the warehouse or of the API.
type script struct {
	rows   map[string][][]string
	failed map[string]string
	api    error
	status types.StatusString
	sent   []string
}

func (s *script) ExecuteStatement(_ context.Context, in *redshiftdata.ExecuteStatementInput, _ ...func(*redshiftdata.Options)) (*redshiftdata.ExecuteStatementOutput, error) {
	s.sent = append(s.sent, *in.Sql)
	out := &redshiftdata.ExecuteStatementOutput{Id: in.Sql, SessionId: in.SessionId}
	if in.SessionKeepAliveSeconds != nil {
		out.SessionId = in.Sql
	}
	if strings.Contains(*in.Sql, "pg_last_query_id") && (in.SessionId == nil || !strings.HasPrefix(*in.SessionId, smoke)) {
		return nil, errors.New("the last query is another session's")
	}
	return out, s.api
}

func (s *script) DescribeStatement(_ context.Context, in *redshiftdata.DescribeStatementInput, _ ...func(*redshiftdata.Options)) (*redshiftdata.DescribeStatementOutput, error) {
	for prefix, text := range s.failed {
		if strings.HasPrefix(*in.Id, prefix) {
			return &redshiftdata.DescribeStatementOutput{Id: in.Id, Status: types.StatusStringFailed, Error: &text}, nil
		}
	}
	return &redshiftdata.DescribeStatementOutput{Id: in.Id, Status: s.status, ResultRows: 1, HasResultSet: aws.Bool(true)}, nil
}

func (s *script) GetStatementResult(_ context.Context, in *redshiftdata.GetStatementResultInput, _ ...func(*redshiftdata.Options)) (*redshiftdata.GetStatementResultOutput, error) {
	out := &redshiftdata.GetStatementResultOutput{}
	for prefix, rows := range s.rows {
		if strings.HasPrefix(*in.Id, prefix) {
			for _, row := range rows {
				var record []types.Field
				for _, v := range row {
					record = append(record, &types.FieldMemberStringValue{Value: v})
				}
				out.Records = append(out.Records, record)
			}
		}
	}
	return out, nil
}

var schema = Schema{Name: "mp_json_export", Database: "mp_1", Region: "eu-central-1", Role: "arn:aws:iam::123456789012:role/exporter", Table: "mp_master_event"}

const (
	lookup = "SELECT databasename"
	create = "CREATE EXTERNAL SCHEMA"
	listed = "SELECT tablename"
	smoke  = "SELECT 1 FROM"
)

// attached is a script in which everything is there.
func attached() *script {
	return &script{status: types.StatusStringFinished, failed: map[string]string{}, rows: map[string][][]string{
		lookup:                {{"mp_1", `{"IAM_ROLE":"` + schema.Role + `"}`, "IAMR:exporter"}},
		listed:                {{"mp_master_event"}, {"mp_people_data"}},
		"SELECT current_user": {{"IAMR:exporter"}},
	}}
}

func client(api API) *Client { return New(api, Target{Workgroup: "default", Database: "dev"}) }

func TestASchemaThatIsThereIsOnlyProved(t *testing.T) {
	api := attached()
	got, err := client(api).Attach(t.Context(), schema)
	require.NoError(t, err)
	require.Equal(t, &Attachment{User: "IAMR:exporter", Tables: 2, Table: "mp_master_event", Rows: 1}, got)
	require.Len(t, api.sent, 3)
	for _, sql := range api.sent {
		require.True(t, strings.HasPrefix(sql, "SELECT "), sql)
	}
}

func TestWhatTheWarehouseRefusesIsExplained(t *testing.T) {
	for _, test := range []struct {
		name, statement, text string
		class                 fault.Class
		hint                  string
	}{
		{"the missing right to create", create, "ERROR: permission denied for database dev", fault.Setup, `GRANT CREATE ON DATABASE "dev" TO "IAMR:exporter"; that user came into being with this connection`},
		{"a role that is not associated", smoke, "ERROR: User arn:aws:redshift:r:1:dbuser:c/u is not authorized to assume IAM Role arn:aws:iam::1:role/r\n  Detail: code: 8001", fault.Setup, "associate arn:aws:iam::123456789012:role/exporter with the namespace"},
		{"a trust policy without Redshift", create, "ERROR: Not authorized to get credentials of role arn:aws:iam::1:role/r code: 30000", fault.Setup, "redshift.amazonaws.com"},
		{"Glue", listed, "ERROR: RedshiftIamRoleSession is not authorized to perform: glue:GetTables on resource: *", fault.Setup, "the database mp_1 and its tables in the policy of arn:aws:iam::123456789012:role/exporter"},
		{"Lake Formation", smoke, "ERROR: Insufficient Lake Formation permission(s) on mp_master_event", fault.Setup, "in Lake Formation"},
		{"S3", smoke, "ERROR: Spectrum Scan Error\n Detail: S3ServiceException:Access Denied,Status 403,Error AccessDenied", fault.Setup, "s3:GetObject"},
		{"KMS", smoke, "ERROR: Spectrum Scan Error\n Detail: AccessDenied: kms:Decrypt", fault.Setup, "kms:Decrypt"},
		{"an unknown database", lookup, `FATAL: database "dev" does not exist`, fault.Setup, "create the database dev"},
		{"an unknown reader", "GRANT", `ERROR: user "IAM:ann" does not exist`, fault.Setup, "first connection"},
		{"another's schema", "GRANT", "ERROR: permission denied for schema mp_json_export", fault.Setup, "owner"},
		{"a time-out", smoke, "ERROR: Query (7) canceled due to statement timeout", fault.Transient, ""},
		{"anything else", smoke, "ERROR: Assert", fault.Bug, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := attached()
			if test.statement == create {
				delete(api.rows, lookup)
			}
			api.failed[test.statement] = test.text
			s := schema
			s.GrantUsage = []string{"IAM:ann"}
			_, err := client(api).Attach(t.Context(), s)
			require.Equal(t, test.class, fault.ClassOf(err), err)
			require.ErrorContains(t, err, test.hint)
			require.NotContains(t, err.Error(), "\n")
			failed, ok := errors.AsType[*StatementError](err)
			require.True(t, ok)
			require.Equal(t, test.text, failed.Message)
		})
	}
}

// TestTheWholeTextOfAScanErrorIsRead: the failure's own text is cut before the words that tell what is wrong.
func TestTheWholeTextOfAScanErrorIsRead(t *testing.T) {
	const (
		cut   = "ERROR: Spectrum Scan Error\n  Detail: error: Spectrum Scan Error code: 15007 context: S3Serv"
		whole = "S3ServiceException:Access Denied,Status 403,Error AccessDenied"
		log   = "SELECT trim(message) FROM svl_s3log"
	)
	for name, test := range map[string]struct {
		rows  [][]string
		fails string
		class fault.Class
		text  string
	}{
		"it says what is wrong":         {[][]string{{whole}}, "", fault.Setup, "in full: " + whole + " (allow s3:GetObject"},
		"in several rows":               {[][]string{{"Reading failed."}, {strings.Repeat("x", logColumn-9) + "S3Service"}, {"Exception:Access Denied"}}, "", fault.Setup, "S3ServiceException:Access Denied"},
		"there is nothing":              {nil, "", fault.Bug, "context: S3Serv"},
		"the view is not there":         {nil, `ERROR: relation "svl_s3log" does not exist`, fault.Bug, "context: S3Serv"},
		"the view must not be read":     {nil, "ERROR: permission denied for relation svl_s3log", fault.Bug, "context: S3Serv"},
		"it has no more than the error": {[][]string{{"context: S3Serv"}}, "", fault.Bug, "context: S3Serv"},
	} {
		t.Run(name, func(t *testing.T) {
			api := attached()
			api.failed[smoke], api.rows[log] = cut, test.rows
			if test.fails != "" {
				api.failed[log] = test.fails
			}
			_, err := client(api).Attach(t.Context(), schema)
			require.Equal(t, test.class, fault.ClassOf(err), err)
			require.ErrorContains(t, err, test.text)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestWhatTheDataAPIRefusesIsExplained(t *testing.T) {
	api := func(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }
	for _, test := range []struct {
		err   error
		class fault.Class
		hint  string
	}{
		{api("ValidationException", "Redshift endpoint doesn't exist in this region."), fault.Setup, "workgroup default"},
		{api("ResourceNotFoundException", "Serverless workgroup default not found"), fault.Setup, "workgroup default"},
		{api("ResourceNotFoundException", "Query does not exist."), fault.Transient, ""},
		{api("AccessDeniedException", "User: x is not authorized to perform: redshift-serverless:GetCredentials on resource: y"), fault.Setup, "policy of the role"},
		{api("AccessDeniedException", "User: x is not authorized to perform: redshift-data:DescribeStatement on resource: y"), fault.Setup, "one session name"},
		{api("ActiveStatementsExceededException", ""), fault.Transient, ""},
		{api("ThrottlingException", "Rate exceeded"), fault.Transient, ""},
		{api("ExpiredTokenException", ""), fault.Transient, ""},
		{api("UnrecognizedClientException", ""), fault.Setup, "credentials"},
		{api("Surprise", ""), fault.Bug, ""},
		{errors.New("connection reset"), fault.Transient, ""},
		{fault.New(fault.Setup, "assuming role", "r", errors.New("x"), "let it trust us"), fault.Setup, "let it trust us"},
	} {
		_, err := client(&script{api: test.err}).Attach(t.Context(), schema)
		require.Equal(t, test.class, fault.ClassOf(err), err)
		require.ErrorContains(t, err, test.hint)
	}
}

func TestASchemaThatIsAnotherOneIsReportedWithTheCure(t *testing.T) {
	for text, row := range map[string][]string{
		`over the Glue database "other", not "mp_1"`: {"other", `{"IAM_ROLE":"` + schema.Role + `"}`},
		`with the role "arn:x"`:                      {"mp_1", `{"IAM_ROLE":"arn:x"}`},
		`over a catalog in us-east-1`:                {"mp_1", `{"IAM_ROLE":"` + schema.Role + `","REGION":"us-east-1"}`},
	} {
		api := attached()
		api.rows[lookup] = [][]string{append(row, "IAMR:exporter")}
		_, err := client(api).Attach(t.Context(), schema)
		require.Equal(t, fault.Setup, fault.ClassOf(err))
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, err, `DROP SCHEMA "mp_json_export" (without DROP EXTERNAL DATABASE`)
		require.ErrorContains(t, err, "or name another schema in the pipeline's redshift_schema")
	}
}

func TestAbortedStatementsAndPatienceAreTransient(t *testing.T) {
	api := attached()
	api.status = types.StatusStringAborted
	_, err := client(api).Attach(t.Context(), schema)
	require.Equal(t, fault.Transient, fault.ClassOf(err))
	require.ErrorContains(t, err, "aborted")
	api.status = types.StatusStringStarted
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = client(api).Attach(ctx, schema)
	require.Equal(t, fault.Transient, fault.ClassOf(err))
	require.ErrorContains(t, err, "resuming")
}

func TestATargetIsCheckedBeforeAnythingIsAsked(t *testing.T) {
	for _, target := range []Target{
		{Database: "dev"},
		{Workgroup: "w", Cluster: "c", Database: "dev"},
		{Workgroup: "w"},
		{Workgroup: "w", Database: "dev", DBUser: "u"},
		{Cluster: "c", Database: "dev", DBUser: "u", SecretARN: "s"},
	} {
		api := attached()
		_, err := New(api, target).Attach(t.Context(), schema)
		require.Equal(t, fault.Setup, fault.ClassOf(err))
		require.Empty(t, api.sent)
	}
	api := attached()
	_, err := New(api, Target{Cluster: "c", DBUser: "u", Database: "dev"}).Attach(t.Context(), schema)
	require.NoError(t, err)
	require.Nil(t, text(""))
	require.Equal(t, "c", aws.ToString(text("c")))
}
