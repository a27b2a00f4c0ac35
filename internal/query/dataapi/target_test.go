package dataapi_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	sdk "github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftserverless"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/sts"
)

func TestARequestSaysHowItConnects(t *testing.T) {
	h := newHouse(t)
	h.secrets["arn:secret"] = `{"username":"admin","password":"secret","engine":"redshift"}`
	h.secrets["wrong"] = `{"username":"admin","password":"no"}`
	h.secrets["empty"] = `{"username":"admin"}`
	group, err := redshiftserverless.NewFromConfig(h.config("AKIAann", "secret", "")).GetWorkgroup(t.Context(), &redshiftserverless.GetWorkgroupInput{WorkgroupName: aws.String("default")})
	require.NoError(t, err)
	for _, test := range []struct {
		name string
		in   sdk.ExecuteStatementInput
		user string
		code string
		text string
	}{
		{"a workgroup's name", sdk.ExecuteStatementInput{WorkgroupName: aws.String("default")}, "IAM:ann", "", ""},
		{"a workgroup's ARN", sdk.ExecuteStatementInput{WorkgroupName: group.Workgroup.WorkgroupArn}, "IAM:ann", "", ""},
		{"a cluster as an IAM identity", sdk.ExecuteStatementInput{ClusterIdentifier: aws.String("default")}, "IAM:ann", "", ""},
		{"a cluster as a database user", sdk.ExecuteStatementInput{ClusterIdentifier: aws.String("default"), DbUser: aws.String("admin")}, "admin", "", ""},
		{"a secret", sdk.ExecuteStatementInput{WorkgroupName: aws.String("default"), SecretArn: aws.String("arn:secret")}, "admin", "", ""},
		{"neither", sdk.ExecuteStatementInput{}, "", "ValidationException", "Either ClusterIdentifier or WorkgroupName needs to be specified."},
		{"both", sdk.ExecuteStatementInput{WorkgroupName: aws.String("default"), ClusterIdentifier: aws.String("default")}, "", "ValidationException", "Only one"},
		{"a database user with a workgroup", sdk.ExecuteStatementInput{WorkgroupName: aws.String("default"), DbUser: aws.String("admin")}, "", "ValidationException", "IAM:ann"},
		{"another workgroup", sdk.ExecuteStatementInput{WorkgroupName: aws.String("other")}, "", "ValidationException", "Redshift endpoint doesn't exist in this region."},
		{"a wrong name", sdk.ExecuteStatementInput{WorkgroupName: aws.String("De_fault")}, "", "ValidationException", "regular expression"},
		{"a secret with a wrong password", sdk.ExecuteStatementInput{WorkgroupName: aws.String("default"), SecretArn: aws.String("wrong")}, "", "ValidationException", "password authentication failed"},
		{"a secret without a password", sdk.ExecuteStatementInput{WorkgroupName: aws.String("default"), SecretArn: aws.String("empty")}, "", "ValidationException", "username and password in secret cannot be empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.in.Sql, test.in.Database = aws.String("SELECT 1"), aws.String("dev")
			out, err := h.as("ann").ExecuteStatement(t.Context(), &test.in)
			if test.code != "" {
				requireCode(t, err, test.code, test.text)
				return
			}
			require.NoError(t, err)
			h.end(h.as("ann"), *out.Id)
			log := h.warehouse.logged()
			require.Contains(t, log[len(log)-1], test.user+"@dev ")
		})
	}
	for text, sql := range map[string]string{"empty": " ", "larger than 100kB": strings.Repeat("x", 100<<10+1)} {
		_, err := h.as("ann").ExecuteStatement(t.Context(), statement(sql))
		requireCode(t, err, "ValidationException", text)
	}
	noDatabase := statement("SELECT 1")
	noDatabase.Database = nil
	_, err = h.as("ann").ExecuteStatement(t.Context(), noDatabase)
	requireCode(t, err, "ValidationException", "Database")
}

func TestARoleIsADatabaseUserWithoutItsPathAndSession(t *testing.T) {
	h := newHouse(t)
	one, two := sdk.NewFromConfig(h.assumed("service/exporter", "one")), sdk.NewFromConfig(h.assumed("service/exporter", "two"))
	out, err := one.ExecuteStatement(t.Context(), statement("SELECT 1"))
	require.NoError(t, err)
	require.Equal(t, "IAMR:exporter", *out.DbUser)
	h.end(one, *out.Id)
	h.describe(two, *out.Id) // statements belong to the role
	_, err = h.as("ann").DescribeStatement(t.Context(), &sdk.DescribeStatementInput{Id: out.Id})
	requireCode(t, err, "ResourceNotFoundException", "Query does not exist")

	one, two = sdk.NewFromConfig(h.assumed("tied", "one")), sdk.NewFromConfig(h.assumed("tied", "two"))
	id := h.send(one, statement("SELECT 1"))
	h.end(one, id)
	_, err = two.DescribeStatement(t.Context(), &sdk.DescribeStatementInput{Id: &id})
	requireCode(t, err, "AccessDeniedException", "redshift-data:DescribeStatement")
}

// TestThePublishedPolicyIsEnoughAndNothingInItIsTooMuch takes the actions of "AWS Redshift Spectrum", step 1, away one by one.
func TestThePublishedPolicyIsEnoughAndNothingInItIsTooMuch(t *testing.T) {
	text, err := os.ReadFile("../../aws/policy/testdata/redshift.json")
	require.NoError(t, err)
	actions := map[string]func(h *house, c aws.Config) error{
		"redshift-data:ExecuteStatement": func(h *house, c aws.Config) error {
			_, err := sdk.NewFromConfig(c).ExecuteStatement(t.Context(), statement("SELECT 1"))
			return err
		},
		"redshift-serverless:GetCredentials": func(h *house, c aws.Config) error {
			_, err := sdk.NewFromConfig(c).ExecuteStatement(t.Context(), statement("SELECT 1"))
			return err
		},
		"redshift-data:BatchExecuteStatement": func(h *house, c aws.Config) error {
			_, err := sdk.NewFromConfig(c).BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{
				Sqls: []string{"SELECT 1"}, Database: aws.String("dev"), WorkgroupName: aws.String("default"),
			})
			return err
		},
		"redshift-data:DescribeStatement": func(h *house, c aws.Config) error {
			id := h.send(sdk.NewFromConfig(c), statement("SELECT 1"))
			_, err := sdk.NewFromConfig(c).DescribeStatement(t.Context(), &sdk.DescribeStatementInput{Id: &id})
			return err
		},
		"redshift-data:GetStatementResult": func(h *house, c aws.Config) error {
			id := h.send(sdk.NewFromConfig(c), statement("SELECT 1"))
			h.end(sdk.NewFromConfig(c), id)
			_, err := sdk.NewFromConfig(c).GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &id})
			return err
		},
		"redshift-serverless:GetWorkgroup": func(h *house, c aws.Config) error {
			_, err := redshiftserverless.NewFromConfig(c).GetWorkgroup(t.Context(), &redshiftserverless.GetWorkgroupInput{WorkgroupName: aws.String("default")})
			return err
		},
		"redshift:GetClusterCredentialsWithIAM": func(h *house, c aws.Config) error {
			_, err := sdk.NewFromConfig(c).ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{
				Sql: aws.String("SELECT 1"), Database: aws.String("dev"), ClusterIdentifier: aws.String("default"),
			})
			return err
		},
		"redshift:GetClusterCredentials": func(h *house, c aws.Config) error {
			_, err := sdk.NewFromConfig(c).ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{
				Sql: aws.String("SELECT 1"), Database: aws.String("dev"), ClusterIdentifier: aws.String("default"), DbUser: aws.String("admin"),
			})
			return err
		},
	}
	var roles []sts.Role
	name := func(action string) string { return strings.ReplaceAll(action, ":", "-") }
	for action := range actions {
		require.Contains(t, string(text), action)
		roles = append(roles, sts.Role{Name: name(action), Trust: trusted, Policies: []string{strings.Replace(string(text), `"`+action+`"`, `"redshift-data:Nothing"`, 1)}})
	}
	h := newHouse(t, roles...)
	for action, call := range actions {
		t.Run(action, func(t *testing.T) {
			require.NoError(t, call(h, h.assumed("service/exporter", "whole")))
			err := call(h, h.assumed(name(action), "less"))
			requireCode(t, err, "AccessDeniedException", "is not authorized to perform: "+action+" on resource: arn:aws:redshift")
		})
	}
}

func TestTheWorkgroupIsFoundByItsNameOnly(t *testing.T) {
	h := newHouse(t)
	api := redshiftserverless.NewFromConfig(h.config("AKIAann", "secret", ""))
	got, err := api.ListWorkgroups(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, got.Workgroups, 1)
	require.EqualValues(t, 5439, *got.Workgroups[0].Endpoint.Port)
	require.Equal(t, "AVAILABLE", string(got.Workgroups[0].Status))
	require.Regexp(t, `^arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/[0-9a-f-]{36}$`, *got.Workgroups[0].WorkgroupArn)
	_, err = api.GetWorkgroup(t.Context(), &redshiftserverless.GetWorkgroupInput{WorkgroupName: got.Workgroups[0].WorkgroupArn})
	requireCode(t, err, "ValidationException", "")
	_, err = api.GetWorkgroup(t.Context(), &redshiftserverless.GetWorkgroupInput{WorkgroupName: aws.String("other")})
	requireCode(t, err, "ResourceNotFoundException", "Serverless workgroup other not found")
	space, err := api.GetNamespace(t.Context(), &redshiftserverless.GetNamespaceInput{NamespaceName: aws.String("default")})
	require.NoError(t, err)
	require.Equal(t, "default", *space.Namespace.NamespaceName)
}

func TestCredentialsAreThoseOfTheIdentitysUser(t *testing.T) {
	h := newHouse(t)
	api := redshiftserverless.NewFromConfig(h.assumed("service/exporter", "s1"))
	first, err := api.GetCredentials(t.Context(), &redshiftserverless.GetCredentialsInput{WorkgroupName: aws.String("default")})
	require.NoError(t, err)
	require.Equal(t, "IAMR:exporter", *first.DbUser)
	require.Equal(t, "IAMR:exporter/"+*first.DbPassword, h.warehouse.logins["IAMR:exporter"])
	again, err := api.GetCredentials(t.Context(), &redshiftserverless.GetCredentialsInput{WorkgroupName: aws.String("default"), DurationSeconds: aws.Int32(3600)})
	require.NoError(t, err)
	require.Equal(t, *first.DbPassword, *again.DbPassword, "a second client does not log the first one out")
	require.Greater(t, again.Expiration.Sub(*first.Expiration).Minutes(), 40.0)
	_, err = api.GetCredentials(t.Context(), &redshiftserverless.GetCredentialsInput{WorkgroupName: aws.String("default"), DurationSeconds: aws.Int32(60)})
	requireCode(t, err, "ValidationException", "durationSeconds")
}

// The warehouse tells names apart without regard to case; so must what is asked for.
func TestADenialOfADatabaseUserHoldsHoweverTheNameIsWritten(t *testing.T) {
	careful := sts.Role{Name: "careful", Trust: trusted, Policies: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny",
		"Action":"redshift:GetClusterCredentials*","Resource":["arn:aws:redshift:eu-central-1:123456789012:dbuser:default/admin","arn:aws:redshift:eu-central-1:123456789012:dbname:default/private"]}]}`}}
	h := newHouse(t, careful)
	session := h.assumed("careful", "s1")
	cluster := aws.String("default")
	for _, name := range []string{"admin", "ADMIN", "Admin"} {
		in := statement("SELECT 1")
		in.WorkgroupName, in.ClusterIdentifier, in.DbUser = nil, cluster, &name
		_, err := sdk.NewFromConfig(session).ExecuteStatement(t.Context(), in)
		requireCode(t, err, "AccessDeniedException", "explicit deny")
		_, err = redshift.NewFromConfig(session).GetClusterCredentials(t.Context(), &redshift.GetClusterCredentialsInput{ClusterIdentifier: cluster, DbUser: &name})
		requireCode(t, err, "AccessDenied", "explicit deny")
	}
	for _, name := range []string{"private", "Private"} {
		in := statement("SELECT 1")
		in.WorkgroupName, in.ClusterIdentifier, in.Database = nil, cluster, &name
		_, err := sdk.NewFromConfig(session).ExecuteStatement(t.Context(), in)
		requireCode(t, err, "AccessDeniedException", "explicit deny")
		_, err = redshift.NewFromConfig(session).GetClusterCredentialsWithIAM(t.Context(), &redshift.GetClusterCredentialsWithIAMInput{ClusterIdentifier: cluster, DbName: &name})
		requireCode(t, err, "AccessDenied", "explicit deny")
		_, err = redshift.NewFromConfig(session).GetClusterCredentials(t.Context(), &redshift.GetClusterCredentialsInput{ClusterIdentifier: cluster, DbUser: aws.String("bob"), DbName: &name})
		requireCode(t, err, "AccessDenied", "explicit deny")
	}
}

func TestAWarehouseThatFailsIsNoWrongPassword(t *testing.T) {
	h := newHouse(t)
	h.secrets["arn:secret"] = `{"username":"admin","password":"secret"}`
	h.warehouse.broken = errors.New("the metadata database is away")
	in := statement("SELECT 1")
	in.SecretArn = aws.String("arn:secret")
	_, err := h.as("ann").ExecuteStatement(t.Context(), in, func(o *sdk.Options) { o.RetryMaxAttempts = 1 })
	requireCode(t, err, "InternalServerException", "its log says why")
}
