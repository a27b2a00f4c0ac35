package awsglue_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/aws/sigv4"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/catalog/catalogtest"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

const (
	account = "123456789012"
	region  = awstest.Region
)

var credentials = aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}

type keys struct{}

func (keys) Key(_ context.Context, id string) (sigv4.Key, error) {
	if id != credentials.AccessKeyID {
		return sigv4.Key{}, sigv4.ErrUnknownKey
	}
	return sigv4.Key{Secret: credentials.SecretAccessKey}, nil
}

type everything struct{}

func (everything) Authorize(context.Context, string, []string) error { return nil }

// serve serves h behind the verification of signatures.
func serve(t *testing.T, h http.Handler) aws.Config {
	verifier := &sigv4.Verifier{Keys: keys{}, Region: region, Services: []string{"glue"}, MaxBody: awsjson.MaxBody}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := verifier.Verify(r); err != nil {
			var refused *sigv4.Error
			if !errors.As(err, &refused) {
				t.Errorf("verifying a signature: %v", err)
				return
			}
			awsjson.WriteError(w, &awsjson.Error{Code: refused.JSONCode(), Message: refused.Message})
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return configOf(server.URL, credentials)
}

func configOf(url string, c aws.Credentials) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &url, HTTPClient: assume.HTTPClient(nil),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
	}
}

func embedded(t *testing.T) *catalog.Embedded {
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return catalog.Open(db)
}

func api(t *testing.T) http.Handler {
	return glueapi.New(embedded(t), everything{}, glueapi.Config{Partition: "aws", Account: account, Region: region, Log: slog.New(slog.DiscardHandler)})
}

func TestTheSDKAndTheGlueAPIAreACatalog(t *testing.T) {
	catalogtest.Run(t, awsglue.New(serve(t, api(t)), ""))
}

func TestACatalogOfAnotherAccountIsNotFound(t *testing.T) {
	config := serve(t, api(t))
	_, err := awsglue.New(config, account).GetDatabases(t.Context())
	require.NoError(t, err)
	_, err = awsglue.New(config, "999999999999").GetDatabases(t.Context())
	require.ErrorIs(t, err, catalog.ErrNotFound)
}

func TestListsSpanPagesAndAreInOrder(t *testing.T) {
	c := awsglue.New(serve(t, api(t)), "")
	ctx := t.Context()
	require.NoError(t, c.CreateDatabase(ctx, catalog.Database{Name: "db"}))
	for i := range 120 {
		require.NoError(t, c.CreateTable(ctx, "db", catalog.TableInput{Name: string(rune('a'+i%26)) + strings.Repeat("x", i)}))
	}
	tables, err := c.GetTables(ctx, "db")
	require.NoError(t, err)
	require.Len(t, tables, 120)
	for i := 1; i < len(tables); i++ {
		require.Less(t, tables[i-1].Name, tables[i].Name)
	}
	for range 105 {
		require.NoError(t, c.UpdateTable(ctx, "db", catalog.TableInput{Name: "a"}, "", false))
	}
	versions, err := c.GetTableVersions(ctx, "db", "a")
	require.NoError(t, err)
	require.Len(t, versions, 106)
	require.Equal(t, "105", versions[0].VersionID)
	require.Equal(t, "0", versions[105].VersionID)
}

// answering serves one answer for each operation.
func answering(t *testing.T, answers map[string]func(body string) (int, string)) *awsglue.Client {
	return awsglue.New(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSGlue.")]
		if !ok {
			t.Errorf("unexpected call of %s", r.Header.Get("X-Amz-Target"))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading a request: %v", err)
			return
		}
		status, text := answer(string(body))
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Errorf("answering: %v", err)
		}
	})), "")
}

func TestAnUpdateSendsBackWhatTheModelDoesNotHold(t *testing.T) {
	var sent string
	c := answering(t, map[string]func(string) (int, string){
		"GetTable": func(string) (int, string) {
			return 200, `{"Table":{"Name":"t","DatabaseName":"db","VersionId":"7","CreatedBy":"arn","CreateTime":1.7e9,"LastAccessTime":1600000000,
				"IsRegisteredWithLakeFormation":true,"Description":"old","Parameters":{"old":"x"},
				"StorageDescriptor":{"Location":"s3://old/","SkewedInfo":{"SkewedColumnNames":["plan"]},"AdditionalLocations":["s3://more/"]}}}`
		},
		"UpdateTable": func(body string) (int, string) { sent = body; return 200, `{}` },
	})
	require.NoError(t, c.UpdateTable(t.Context(), "db", catalog.TableInput{
		Name: "t", Parameters: map[string]string{"new": "y"}, StorageDescriptor: catalog.StorageDescriptor{Location: "s3://new/"},
	}, "", true))
	require.JSONEq(t, `{"DatabaseName":"db","SkipArchive":true,"VersionId":"7","TableInput":{"Name":"t",
		"Parameters":{"new":"y"},"PartitionKeys":[],"StorageDescriptor":{"Location":"s3://new/","SkewedInfo":{"SkewedColumnNames":["plan"]},
		"AdditionalLocations":["s3://more/"],"Columns":[],"BucketColumns":[],"SortColumns":[],"SerdeInfo":{}}}}`, sent)
}

func TestErrorsHaveTheirClassAndAreNotRetried(t *testing.T) {
	cases := []struct {
		name, code, message string
		status              int
		class               fault.Class
		is                  error
		hint                string
	}{
		{"throttling passes", "ThrottlingException", "Rate exceeded", 400, fault.Transient, nil, ""},
		{"a failure of the service passes", "InternalServiceException", "x", 500, fault.Transient, nil, ""},
		{"a missing action is the user's", "AccessDeniedException", "User: arn is not authorized to perform: glue:GetTable on resource: arn:aws:glue:r:a:catalog because no identity-based policy allows the glue:GetTable action",
			400, fault.Setup, catalog.ErrAccessDenied, "allow glue:GetTable on arn:aws:glue:r:a:catalog in the role's policy"},
		{"a denied action is the user's", "AccessDeniedException", "User: arn is not authorized to perform: glue:GetTable on resource: arn:aws:glue:r:a:catalog with an explicit deny in a service control policy",
			400, fault.Setup, catalog.ErrAccessDenied, "denies the role glue:GetTable explicitly"},
		{"a grant on a missing table is the user's", "AccessDeniedException", "Insufficient Lake Formation permission(s): Required Create Table on lake", 400, fault.Setup, catalog.ErrAccessDenied, "CREATE_TABLE on the database lake in Lake Formation"},
		{"a grant on the catalog is the user's", "AccessDeniedException", "Insufficient Lake Formation permission(s): Required Create Database on Catalog", 400, fault.Setup, catalog.ErrAccessDenied, "CREATE_DATABASE on the catalog"},
		{"a grant on a table is the user's", "AccessDeniedException", "Insufficient Lake Formation permission(s): Required Alter on t (Database name: x, Table Name: t)", 400, fault.Setup, catalog.ErrAccessDenied, "ALTER on t (Database name: x, Table Name: t) in"},
		{"data access is the user's", "AccessDeniedException", "User: arn is not authorized to perform: lakeformation:GetDataAccess on resource: x because no identity-based policy allows it", 400, fault.Setup, catalog.ErrAccessDenied, "lakeformation:GetDataAccess on *"},
		{"a denial nobody foresaw is the user's", "AccessDeniedException", "no", 400, fault.Setup, catalog.ErrAccessDenied, "policy"},
		{"a timeout passes", "OperationTimeoutException", "x", 400, fault.Transient, nil, ""},
		{"another catalog's moment passes", "FederationSourceRetryableException", "x", 400, fault.Transient, nil, ""},
		{"another catalog's failure is the user's", "FederationSourceException", "x", 400, fault.Setup, nil, "Glue's own"},
		{"an endpoint that is not Glue is the user's", "UnknownOperationException", "x", 400, fault.Setup, nil, "endpoint"},
		{"a missing grant is the user's", "AccessDeniedException", "Insufficient Lake Formation permission(s): Required Describe on t", 400, fault.Setup, catalog.ErrAccessDenied, "Lake Formation"},
		{"a missing location is the user's", "AccessDeniedException", "Insufficient Lake Formation permission(s) on s3://b/p", 400, fault.Setup, catalog.ErrAccessDenied, "data location permission (DATA_LOCATION_ACCESS) on s3://b/p in"},
		{"an encrypted catalog is the user's", "GlueEncryptionException", "x", 400, fault.Setup, nil, "kms:Decrypt"},
		{"a quota is the user's", "ResourceNumberLimitExceededException", "x", 400, fault.Setup, nil, "quota"},
		{"wrong credentials are the user's", "UnrecognizedClientException", "x", 400, fault.Setup, nil, "credentials"},
		{"a session that ended is renewed", "ExpiredTokenException", "x", 400, fault.Transient, nil, ""},
		{"a code nobody foresaw is a bug", "NoSuchException", "x", 400, fault.Bug, nil, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var calls atomic.Int32
			c := answering(t, map[string]func(string) (int, string){"GetTable": func(string) (int, string) {
				calls.Add(1)
				return test.status, `{"__type":"` + test.code + `","Message":"` + test.message + `"}`
			}})
			_, err := c.GetTable(t.Context(), "db", "t")
			require.Equal(t, test.class, fault.ClassOf(err), err)
			require.ErrorContains(t, err, "reading Glue table db.t")
			require.ErrorContains(t, err, test.message)
			require.ErrorContains(t, err, test.hint)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			require.EqualValues(t, 1, calls.Load())
		})
	}
	t.Run("no connection passes", func(t *testing.T) {
		_, err := awsglue.New(configOf("http://127.0.0.1:1", credentials), "").GetTable(t.Context(), "db", "t")
		require.Equal(t, fault.Transient, fault.ClassOf(err), err)
	})
	t.Run("no credentials are the user's", func(t *testing.T) {
		config := configOf("http://127.0.0.1:1", credentials)
		config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("no role") })
		_, err := awsglue.New(config, "").GetTable(t.Context(), "db", "t")
		require.Equal(t, fault.Setup, fault.ClassOf(err), err)
	})
	t.Run("a wrong signature is the user's", func(t *testing.T) {
		config := serve(t, api(t))
		config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: credentials.AccessKeyID, SecretAccessKey: "wrong"}, nil
		})
		_, err := awsglue.New(config, "").GetTable(t.Context(), "db", "t")
		require.Equal(t, fault.Setup, fault.ClassOf(err), err)
		require.ErrorContains(t, err, "InvalidSignatureException")
	})
}

func TestTheItemsOfABatchHaveTheirOwnClasses(t *testing.T) {
	c := answering(t, map[string]func(string) (int, string){"BatchCreatePartition": func(string) (int, string) {
		return 200, `{"Errors":[{"PartitionValues":["a"],"ErrorDetail":{"ErrorCode":"AlreadyExistsException","ErrorMessage":"Partition already exists."}},
			{"PartitionValues":["b"],"ErrorDetail":{"ErrorCode":"InternalServiceException"}}]}`
	}})
	err := c.BatchCreatePartition(t.Context(), "db", "t", []catalog.PartitionInput{{Values: []string{"a"}}, {Values: []string{"b"}}})
	var batch *catalog.BatchError
	require.ErrorAs(t, err, &batch)
	require.Equal(t, []string{"a"}, batch.Failed[0].Values)
	require.ErrorIs(t, batch.Failed[0].Err, catalog.ErrAlreadyExists)
	require.Equal(t, fault.Transient, fault.ClassOf(batch.Failed[1].Err))
}

func TestPartitionsInAnyOrderAreSorted(t *testing.T) {
	c := answering(t, map[string]func(string) (int, string){"GetPartitions": func(body string) (int, string) {
		if strings.Contains(body, "NextToken") {
			return 200, `{"Partitions":[{"Values":["a","b"]}]}`
		}
		return 200, `{"Partitions":[{"Values":["b","a"]},{"Values":["a","c"]}],"NextToken":"n"}`
	}})
	ps, err := c.GetPartitions(t.Context(), "db", "t", "")
	require.NoError(t, err)
	var values []string
	for _, p := range ps {
		values = append(values, strings.Join(p.Values, "/"))
	}
	require.Equal(t, []string{"a/b", "a/c", "b/a"}, values)
}

func TestTheSDKKnowsTheExceptions(t *testing.T) {
	sdk := glue.NewFromConfig(serve(t, api(t)))
	ctx := t.Context()
	_, err := sdk.CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String("db")}})
	require.NoError(t, err)
	_, err = sdk.GetDatabase(ctx, &glue.GetDatabaseInput{Name: aws.String("nowhere")})
	var missing *types.EntityNotFoundException
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "Database nowhere not found.", missing.ErrorMessage())
}
