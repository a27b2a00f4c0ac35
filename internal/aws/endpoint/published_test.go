package endpoint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/kms"
	"github.com/refract-io/refract/internal/aws/s3api"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
	"github.com/refract-io/refract/internal/platform/meta"
)

const (
	vendor     = "485438090326"
	token      = "0123456789abcdef0123456789abcdef"
	lakeBucket = "mixpanel-lake"
	lakeKey    = "1234abcd-12ab-34cd-56ef-1234567890ab"
)

// cloud is a customer's account whose roles an exporter assumes with its own clients, over a socket.
type cloud struct {
	catalog *catalog.Embedded
	lake    *bucket.Local
	roles   *assume.Roles
	admin   aws.Config
}

// newCloud makes an account with roles that trust the exporter under the token, each with its policies.
func newCloud(t *testing.T, policies map[string][]string) *cloud {
	t.Helper()
	dir := t.TempDir()
	db, err := meta.Open(t.Context(), filepath.Join(dir, "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	trust, err := os.ReadFile("../policy/testdata/trust-external-id.json")
	require.NoError(t, err)
	customer := sts.Account{ID: account, Users: []sts.User{{Name: "admin", AccessKeys: []sts.AccessKey{{ID: "AKIAADMIN00000000000", Secret: "admin-secret"}}, Policies: []string{allowAll}}}}
	for name, documents := range policies {
		customer.Roles = append(customer.Roles, sts.Role{Name: name, Trust: string(trust), Policies: documents})
	}
	authority, err := sts.New([]sts.Account{customer, {ID: vendor, Users: []sts.User{{
		Name: "mixpanel-export", AccessKeys: []sts.AccessKey{{ID: "AKIAEXPORTER00000000", Secret: "exporter-secret"}},
		Policies: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`},
	}}}}, nil)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	c := &cloud{catalog: catalog.Open(db)}
	c.lake, err = bucket.OpenLocal(lakeBucket, filepath.Join(dir, "lake"))
	require.NoError(t, err)
	keys, err := kms.New(kms.Config{Account: account, Region: region, Keys: []kms.Key{{Alias: "lake", ID: lakeKey}}, Path: filepath.Join(dir, "keys.json"), Auth: authority, Log: log})
	require.NoError(t, err)
	objects, err := s3api.New(s3api.Config{
		Authority: authority, Account: account, Region: region, Lake: c.lake, LakeName: lakeBucket, Folder: filepath.Join(dir, "buckets"), Keys: keys, Log: log,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- objects.Run(ctx) }()
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, S3: objects, Log: log, Services: map[string]http.Handler{
		"glue": glueapi.New(c.catalog, authority, glueapi.Config{Partition: "aws", Account: account, Region: region, Log: log}), "kms": keys,
	}}))
	t.Cleanup(func() {
		server.Close()
		cancel()
		require.NoError(t, <-ended)
	})
	as := func(id, secret string) aws.Config {
		return aws.Config{Region: region, BaseEndpoint: &server.URL, HTTPClient: assume.HTTPClient(nil), RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
			})}
	}
	c.admin = as("AKIAADMIN00000000000", "admin-secret")
	c.roles = assume.New(assume.Options{Endpoint: server.URL, Load: func(context.Context) (aws.Config, error) { return as("AKIAEXPORTER00000000", "exporter-secret"), nil }})
	return c
}

// as returns the configuration of clients that assume a role with an external id.
func (c *cloud) as(t *testing.T, role, externalID string) aws.Config {
	t.Helper()
	cfg, err := c.roles.Config(t.Context(), assume.Role{ARN: "arn:aws:iam::" + account + ":role/" + role, ExternalID: externalID, Region: region, Session: "refract-1-shop"})
	require.NoError(t, err)
	return cfg
}

func bucketOf(cfg aws.Config, encryption s3bucket.Encryption) *s3bucket.Bucket {
	o := s3bucket.Options{Bucket: lakeBucket, PathStyle: true, Encryption: encryption, Retry: bucket.RetryPolicy{Attempts: 1}}
	if encryption == s3bucket.SSEKMS {
		o.KMSKey = "arn:aws:kms:" + region + ":" + account + ":key/" + lakeKey
	}
	return s3bucket.New(cfg, o)
}

// step is a call that needs permissions. name tells its own objects from other runs' ones; admin may prepare for it.
type step struct {
	needs []string
	call  func(ctx context.Context, c *cloud, admin, role aws.Config, name string) error
}

func putObject(ctx context.Context, b *s3bucket.Bucket, key string) error {
	_, err := b.Put(ctx, key, strings.NewReader("{}\n"), 3, bucket.PutOptions{})
	return err
}

func getObject(ctx context.Context, b *s3bucket.Bucket, key string) error {
	r, _, err := b.Get(ctx, key)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

func s3Steps() []step {
	return []step{
		{[]string{"s3:PutObject"}, func(ctx context.Context, _ *cloud, _, role aws.Config, name string) error {
			return putObject(ctx, bucketOf(role, s3bucket.SSES3), name)
		}},
		{[]string{"s3:GetObject"}, func(ctx context.Context, _ *cloud, admin, role aws.Config, name string) error {
			return errors.Join(putObject(ctx, bucketOf(admin, s3bucket.SSES3), name), getObject(ctx, bucketOf(role, s3bucket.SSES3), name))
		}},
		{[]string{"s3:ListBucket"}, func(ctx context.Context, _ *cloud, _, role aws.Config, name string) error {
			for _, err := range bucketOf(role, s3bucket.SSES3).List(ctx, name+"/") {
				return err
			}
			return nil
		}},
		{[]string{"s3:DeleteObject"}, func(ctx context.Context, _ *cloud, admin, role aws.Config, name string) error {
			return errors.Join(putObject(ctx, bucketOf(admin, s3bucket.SSES3), name), bucketOf(role, s3bucket.SSES3).Delete(ctx, name))
		}},
	}
}

func kmsSteps() []step {
	id := aws.String(lakeKey)
	sealed := func(ctx context.Context, admin aws.Config) ([]byte, error) {
		out, err := awskms.NewFromConfig(admin).Encrypt(ctx, &awskms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
		if err != nil {
			return nil, err
		}
		return out.CiphertextBlob, nil
	}
	return []step{
		{[]string{"kms:GenerateDataKey"}, func(ctx context.Context, _ *cloud, _, role aws.Config, name string) error {
			return putObject(ctx, bucketOf(role, s3bucket.SSEKMS), name)
		}},
		{[]string{"kms:Decrypt"}, func(ctx context.Context, _ *cloud, admin, role aws.Config, name string) error {
			return errors.Join(putObject(ctx, bucketOf(admin, s3bucket.SSEKMS), name), getObject(ctx, bucketOf(role, s3bucket.SSEKMS), name))
		}},
		{[]string{"kms:Encrypt"}, func(ctx context.Context, _ *cloud, _, role aws.Config, _ string) error {
			_, err := sealed(ctx, role)
			return err
		}},
		{[]string{"kms:DescribeKey"}, func(ctx context.Context, _ *cloud, _, role aws.Config, _ string) error {
			_, err := awskms.NewFromConfig(role).DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: id})
			return err
		}},
		{[]string{"kms:GenerateDataKeyWithoutPlaintext"}, func(ctx context.Context, _ *cloud, _, role aws.Config, _ string) error {
			_, err := awskms.NewFromConfig(role).GenerateDataKeyWithoutPlaintext(ctx, &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: id, KeySpec: kmstypes.DataKeySpecAes256})
			return err
		}},
		{[]string{"kms:ReEncryptFrom", "kms:ReEncryptTo"}, func(ctx context.Context, _ *cloud, admin, role aws.Config, _ string) error {
			blob, err := sealed(ctx, admin)
			if err != nil {
				return err
			}
			_, err = awskms.NewFromConfig(role).ReEncrypt(ctx, &awskms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: id})
			return err
		}},
	}
}

func glueSteps() []step {
	database := aws.String("mixpanel")
	storage := &gluetypes.StorageDescriptor{Location: aws.String("s3://" + lakeBucket + "/1/"), Columns: []gluetypes.Column{{Name: aws.String("a"), Type: aws.String("string")}}}
	input := func(name string) *gluetypes.TableInput {
		return &gluetypes.TableInput{Name: &name, StorageDescriptor: storage, PartitionKeys: []gluetypes.Column{{Name: aws.String("mp_date"), Type: aws.String("string")}}}
	}
	day := []string{"2026-05-01"}
	partition := &gluetypes.PartitionInput{Values: day, StorageDescriptor: storage}
	prepare := func(ctx context.Context, admin aws.Config, name string) error {
		_, err := glue.NewFromConfig(admin).CreateTable(ctx, &glue.CreateTableInput{DatabaseName: database, TableInput: input(name)})
		return err
	}
	prepareDay := func(ctx context.Context, admin aws.Config, name string) error {
		if err := prepare(ctx, admin, name); err != nil {
			return err
		}
		_, err := glue.NewFromConfig(admin).CreatePartition(ctx, &glue.CreatePartitionInput{DatabaseName: database, TableName: &name, PartitionInput: partition})
		return err
	}
	call := func(action string, before func(context.Context, aws.Config, string) error, do func(ctx context.Context, c *glue.Client, name string) error) step {
		return step{[]string{action}, func(ctx context.Context, _ *cloud, admin, role aws.Config, name string) error {
			if before != nil {
				if err := before(ctx, admin, name); err != nil {
					return err
				}
			}
			return do(ctx, glue.NewFromConfig(role), name)
		}}
	}
	return []step{
		call("glue:GetDatabase", nil, func(ctx context.Context, c *glue.Client, _ string) error {
			_, err := c.GetDatabase(ctx, &glue.GetDatabaseInput{Name: database})
			return err
		}),
		call("glue:GetDatabases", nil, func(ctx context.Context, c *glue.Client, _ string) error {
			_, err := c.GetDatabases(ctx, &glue.GetDatabasesInput{})
			return err
		}),
		call("glue:CreateTable", nil, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: database, TableInput: input(name)})
			return err
		}),
		call("glue:GetTable", prepare, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.GetTable(ctx, &glue.GetTableInput{DatabaseName: database, Name: &name})
			return err
		}),
		call("glue:GetTables", nil, func(ctx context.Context, c *glue.Client, _ string) error {
			_, err := c.GetTables(ctx, &glue.GetTablesInput{DatabaseName: database})
			return err
		}),
		call("glue:GetTableVersions", prepare, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.GetTableVersions(ctx, &glue.GetTableVersionsInput{DatabaseName: database, TableName: &name})
			return err
		}),
		call("glue:UpdateTable", prepare, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.UpdateTable(ctx, &glue.UpdateTableInput{DatabaseName: database, TableInput: input(name)})
			return err
		}),
		call("glue:DeleteTable", prepare, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.DeleteTable(ctx, &glue.DeleteTableInput{DatabaseName: database, Name: &name})
			return err
		}),
		call("glue:CreatePartition", prepare, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.CreatePartition(ctx, &glue.CreatePartitionInput{DatabaseName: database, TableName: &name, PartitionInput: partition})
			return err
		}),
		call("glue:BatchCreatePartition", prepare, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.BatchCreatePartition(ctx, &glue.BatchCreatePartitionInput{DatabaseName: database, TableName: &name, PartitionInputList: []gluetypes.PartitionInput{*partition}})
			return err
		}),
		call("glue:GetPartition", prepareDay, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.GetPartition(ctx, &glue.GetPartitionInput{DatabaseName: database, TableName: &name, PartitionValues: day})
			return err
		}),
		call("glue:GetPartitions", prepareDay, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.GetPartitions(ctx, &glue.GetPartitionsInput{DatabaseName: database, TableName: &name})
			return err
		}),
		call("glue:BatchGetPartition", prepareDay, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.BatchGetPartition(ctx, &glue.BatchGetPartitionInput{DatabaseName: database, TableName: &name, PartitionsToGet: []gluetypes.PartitionValueList{{Values: day}}})
			return err
		}),
		call("glue:UpdatePartition", prepareDay, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.UpdatePartition(ctx, &glue.UpdatePartitionInput{DatabaseName: database, TableName: &name, PartitionValueList: day, PartitionInput: partition})
			return err
		}),
		call("glue:DeletePartition", prepareDay, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.DeletePartition(ctx, &glue.DeletePartitionInput{DatabaseName: database, TableName: &name, PartitionValues: day})
			return err
		}),
		call("glue:BatchDeletePartition", prepareDay, func(ctx context.Context, c *glue.Client, name string) error {
			_, err := c.BatchDeletePartition(ctx, &glue.BatchDeletePartitionInput{DatabaseName: database, TableName: &name, PartitionsToDelete: []gluetypes.PartitionValueList{{Values: day}}})
			return err
		}),
	}
}

// TestThePublishedPoliciesAreWhatTheExporterNeeds gives roles the policies of Mixpanel's guides, whole and with each action missing in
// turn. A call passes if and only if the role has what it needs.
func TestThePublishedPoliciesAreWhatTheExporterNeeds(t *testing.T) {
	documents := map[string][]step{
		"s3": s3Steps(), "kms": kmsSteps(), "glue-json": glueSteps(), "glue-schematized": glueSteps(), "glue-schematized-partitioned": glueSteps(),
		"redshift": slices.Concat(s3Steps(), glueSteps()),
	}
	s3Policy := read(t, "s3")
	policies := map[string][]string{}
	actions := map[string][]string{}
	for name := range documents {
		text := read(t, name)
		actions[name] = actionsOf(t, text)
		for _, removed := range append([]string{"nothing"}, actions[name]...) {
			role := roleOf(name, removed)
			policies[role] = []string{remove(t, text, removed)}
			if name == "kms" {
				policies[role] = append(policies[role], s3Policy) // keys are used by way of objects
			}
		}
	}
	c := newCloud(t, policies)
	require.NoError(t, c.catalog.CreateDatabase(t.Context(), catalog.Database{Name: "mixpanel"}))
	for name, steps := range documents {
		for _, removed := range append([]string{"nothing"}, actions[name]...) {
			t.Run(name+" without "+removed, func(t *testing.T) {
				role := c.as(t, roleOf(name, removed), token)
				denied := false
				for i, s := range steps {
					object := strings.ReplaceAll(strings.ToLower(roleOf(name, removed)), "-", "_") + "_" + string(rune('a'+i))
					err := s.call(t.Context(), c, c.admin, role, object)
					has := !slices.ContainsFunc(s.needs, func(a string) bool { return a == removed || !slices.Contains(actions[name], a) })
					if has {
						require.NoError(t, err, "%v", s.needs)
						continue
					}
					require.Error(t, err, "%v", s.needs)
					require.Contains(t, err.Error(), "AccessDenied", "%v", s.needs)
					denied = denied || slices.Contains(s.needs, removed)
				}
				served := removed != "nothing" && !strings.HasPrefix(removed, "redshift")
				require.Equal(t, served, denied, "every action of the document is needed by a call")
			})
		}
	}
}

func TestOnlyTheRightExternalIdAssumesARole(t *testing.T) {
	c := newCloud(t, map[string][]string{"writer": {read(t, "s3")}})
	require.NoError(t, putObject(t.Context(), bucketOf(c.as(t, "writer", token), s3bucket.BucketDefault), "k"))
	err := putObject(t.Context(), bucketOf(c.as(t, "writer", "wrong"), s3bucket.BucketDefault), "k")
	require.ErrorContains(t, err, "AccessDenied")
	err = putObject(t.Context(), bucketOf(c.as(t, "nobody", token), s3bucket.BucketDefault), "k")
	require.ErrorContains(t, err, "AccessDenied")
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../policy/testdata", name+".json"))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "key/1234abcd", "key/"+lakeKey)
}

func roleOf(document, removed string) string {
	return document + "-" + strings.ReplaceAll(removed, ":", "-")
}

// edit calls change with the actions of each statement.
func edit(t *testing.T, text string, change func([]any) []any) string {
	t.Helper()
	var d map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &d))
	for _, s := range d["Statement"].([]any) {
		s := s.(map[string]any)
		s["Action"] = change(s["Action"].([]any))
	}
	var out bytes.Buffer
	require.NoError(t, json.NewEncoder(&out).Encode(d))
	return out.String()
}

func remove(t *testing.T, text, action string) string {
	return edit(t, text, func(all []any) []any { return slices.DeleteFunc(all, func(a any) bool { return a == action }) })
}

func actionsOf(t *testing.T, text string) (out []string) {
	edit(t, text, func(all []any) []any {
		for _, a := range all {
			out = append(out, a.(string))
		}
		return all
	})
	return out
}
