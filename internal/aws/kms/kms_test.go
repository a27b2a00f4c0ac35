package kms_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/kms"
	"github.com/refract-io/refract/internal/aws/sts"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	lakeID  = "1234abcd-12ab-34cd-56ef-1234567890ab"
	lakeARN = "arn:aws:kms:" + region + ":" + account + ":key/" + lakeID
)

var declared = []kms.Key{{Alias: "lake", ID: lakeID, Description: "the lake's"}, {Alias: "other"}, {Alias: "off", Disabled: true}}

func document(statement string) string {
	return `{"Version":"2012-10-17","Statement":[` + statement + `]}`
}

type served struct {
	*kms.Service
	authority *sts.Authority
}

// serve returns a maker of clients. path is the file of the keys.
func serve(t *testing.T, path string, users ...sts.User) (served, func(name string) *sdk.Client) {
	t.Helper()
	users = append(users, sts.User{Name: "admin", Policies: []string{document(`{"Effect":"Allow","Action":"*","Resource":"*"}`)}})
	for i := range users {
		users[i].AccessKeys = []sts.AccessKey{{ID: "AKIA" + users[i].Name, Secret: "s-" + users[i].Name}}
	}
	authority, err := sts.New([]sts.Account{{ID: account, Users: users}}, nil)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	service, err := kms.New(kms.Config{Account: account, Region: region, Keys: declared, Path: path, Auth: authority, Log: log})
	require.NoError(t, err)
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, Services: map[string]http.Handler{"kms": service}, Log: log}))
	t.Cleanup(server.Close)
	return served{service, authority}, func(name string) *sdk.Client {
		return sdk.New(sdk.Options{Region: region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIA" + name, SecretAccessKey: "s-" + name}, nil
			})})
	}
}

func code(t require.TestingT, err error) string {
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	return api.ErrorCode()
}

func TestWhatAKeyEncryptsItDecryptsUnderTheSameContextOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	_, client := serve(t, path)
	// The key outlives the process.
	_, later := serve(t, path)
	c, d := client("admin"), later("admin")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 1, 4096).Draw(rt, "plaintext")
		under := rapid.MapOfN(rapid.StringN(1, 8, 16), rapid.StringN(0, 8, 16), 0, 3).Draw(rt, "context")
		sealed, err := c.Encrypt(t.Context(), &sdk.EncryptInput{KeyId: aws.String("alias/lake"), Plaintext: plain, EncryptionContext: under})
		require.NoError(rt, err)
		require.Equal(rt, lakeARN, *sealed.KeyId)
		open, err := d.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: under})
		require.NoError(rt, err)
		require.Equal(rt, plain, open.Plaintext)
		other := map[string]string{}
		for k, v := range under {
			other[k] = v
		}
		other["more"] += "x"
		_, err = d.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: other})
		require.Equal(rt, "InvalidCiphertextException", code(rt, err))
		at := rapid.IntRange(0, len(sealed.CiphertextBlob)-1).Draw(rt, "damaged byte")
		sealed.CiphertextBlob[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		_, err = d.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: under})
		require.Equal(rt, "InvalidCiphertextException", code(rt, err))
	})
}

// "a"="bc" and "ab"="c" must not be one context.
func TestContextsThatReadAlikeDiffer(t *testing.T) {
	_, client := serve(t, filepath.Join(t.TempDir(), "keys.json"))
	c := client("admin")
	sealed, err := c.Encrypt(t.Context(), &sdk.EncryptInput{KeyId: aws.String(lakeID), Plaintext: []byte("x"), EncryptionContext: map[string]string{"a": "bc"}})
	require.NoError(t, err)
	_, err = c.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: map[string]string{"ab": "c"}})
	require.Equal(t, "InvalidCiphertextException", code(t, err))
}

func TestDataKeysComeSealed(t *testing.T) {
	_, client := serve(t, filepath.Join(t.TempDir(), "keys.json"))
	c := client("admin")
	ctx := t.Context()
	for _, in := range []*sdk.GenerateDataKeyInput{{KeySpec: types.DataKeySpecAes256}, {KeySpec: types.DataKeySpecAes128}, {NumberOfBytes: aws.Int32(1024)}} {
		in.KeyId = aws.String(lakeARN)
		made, err := c.GenerateDataKey(ctx, in)
		require.NoError(t, err)
		open, err := c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob, KeyId: aws.String("alias/lake")})
		require.NoError(t, err)
		require.Equal(t, made.Plaintext, open.Plaintext)
	}
	hidden, err := c.GenerateDataKeyWithoutPlaintext(ctx, &sdk.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String(lakeARN), KeySpec: types.DataKeySpecAes256})
	require.NoError(t, err)
	moved, err := c.ReEncrypt(ctx, &sdk.ReEncryptInput{CiphertextBlob: hidden.CiphertextBlob, DestinationKeyId: aws.String("alias/other")})
	require.NoError(t, err)
	require.Equal(t, lakeARN, *moved.SourceKeyId)
	one, err := c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: hidden.CiphertextBlob})
	require.NoError(t, err)
	two, err := c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: moved.CiphertextBlob})
	require.NoError(t, err)
	require.Equal(t, one.Plaintext, two.Plaintext)
	require.Len(t, one.Plaintext, 32)
	_, err = c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: moved.CiphertextBlob, KeyId: aws.String("alias/lake")})
	require.Equal(t, "IncorrectKeyException", code(t, err))
}

func TestRefusalsHaveKMSsNames(t *testing.T) {
	_, client := serve(t, filepath.Join(t.TempDir(), "keys.json"))
	c := client("admin")
	ctx := t.Context()
	for name, test := range map[string]struct{ key, code string }{
		"no such key":              {"11111111-1111-1111-1111-111111111111", "NotFoundException"},
		"no such alias":            {"alias/nothing", "NotFoundException"},
		"another region's key":     {"arn:aws:kms:us-west-2:" + account + ":key/" + lakeID, "NotFoundException"},
		"another account's key":    {"arn:aws:kms:" + region + ":999999999999:key/" + lakeID, "NotFoundException"},
		"an ARN of something else": {"arn:aws:s3:::lake", "InvalidArnException"},
		"a disabled key":           {"alias/off", "DisabledException"},
		"AWS's own key":            {"alias/aws/s3", "AccessDeniedException"},
	} {
		_, err := c.Encrypt(ctx, &sdk.EncryptInput{KeyId: &test.key, Plaintext: []byte("x")})
		require.Equal(t, test.code, code(t, err), name)
	}
	_, err := c.Encrypt(ctx, &sdk.EncryptInput{KeyId: aws.String(lakeID), Plaintext: make([]byte, 4097)})
	require.Equal(t, "ValidationException", code(t, err))
	_, err = c.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: aws.String(lakeID)})
	require.Equal(t, "ValidationException", code(t, err))
	_, err = c.CreateKey(ctx, &sdk.CreateKeyInput{})
	require.Equal(t, "UnknownOperationException", code(t, err))
}

func TestKeysAreListedByPages(t *testing.T) {
	_, client := serve(t, filepath.Join(t.TempDir(), "keys.json"))
	c := client("admin")
	var aliases []string
	pages := sdk.NewListAliasesPaginator(c, &sdk.ListAliasesInput{Limit: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, a := range page.Aliases {
			aliases = append(aliases, *a.AliasName)
		}
	}
	require.Equal(t, []string{"alias/aws/s3", "alias/lake", "alias/off", "alias/other"}, aliases)
	keys, err := c.ListKeys(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, keys.Keys, 4)
	described, err := c.DescribeKey(t.Context(), &sdk.DescribeKeyInput{KeyId: aws.String("alias/off")})
	require.NoError(t, err)
	require.Equal(t, types.KeyStateDisabled, described.KeyMetadata.KeyState)
}

func TestPoliciesSeeTheEncryptionContextAndTheService(t *testing.T) {
	service, client := serve(t, filepath.Join(t.TempDir(), "keys.json"),
		sts.User{Name: "context", Policies: []string{document(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"` + lakeARN + `","Condition":{"StringEquals":{"kms:EncryptionContext:Team":"lake"}}}`)}},
		sts.User{Name: "via", Policies: []string{document(`{"Effect":"Allow","Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"` + lakeARN + `","Condition":{` +
			`"StringEquals":{"kms:ViaService":"s3.` + region + `.amazonaws.com"},"StringLike":{"kms:EncryptionContext:aws:s3:arn":["arn:aws:s3:::lake","arn:aws:s3:::lake/events/*"]}}}`)}},
	)
	ctx := t.Context()
	_, err := client("context").Encrypt(ctx, &sdk.EncryptInput{KeyId: aws.String(lakeID), Plaintext: []byte("x"), EncryptionContext: map[string]string{"Team": "lake"}})
	require.NoError(t, err)
	_, err = client("context").Encrypt(ctx, &sdk.EncryptInput{KeyId: aws.String(lakeID), Plaintext: []byte("x")})
	require.Equal(t, "AccessDeniedException", code(t, err))
	_, err = client("via").GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: aws.String(lakeID), KeySpec: types.DataKeySpecAes256})
	require.Equal(t, "AccessDeniedException", code(t, err), "a key for S3 is not for calls of KMS")

	caller, err := service.authority.Caller("AKIAvia")
	require.NoError(t, err)
	for object, allowed := range map[string]bool{"arn:aws:s3:::lake/events/x": true, "arn:aws:s3:::lake": true, "arn:aws:s3:::lake/other": false} {
		arn, err := service.UseForS3(sts.WithCaller(ctx, caller), "kms:Decrypt", "alias/lake", object)
		if !allowed {
			var refused *awsjson.Error
			require.ErrorAs(t, err, &refused, object)
			require.Equal(t, "AccessDeniedException", refused.Code)
			continue
		}
		require.NoError(t, err, object)
		require.Equal(t, lakeARN, arn)
	}
	_, err = service.UseForS3(sts.WithCaller(ctx, caller), "kms:GenerateDataKey", "", "arn:aws:s3:::lake/other")
	require.NoError(t, err, "the default key needs no permission")
}

// Lists name no resource, and still are lists of one account: a user of another one that the same file declares sees nothing of it.
func TestAnotherAccountsAdministratorLearnsNothing(t *testing.T) {
	authority, err := sts.New([]sts.Account{{ID: "485438090326", Users: []sts.User{{
		Name: "export", Policies: []string{document(`{"Effect":"Allow","Action":"*","Resource":"*"}`)}, AccessKeys: []sts.AccessKey{{ID: "AKIAU", Secret: "s"}},
	}}}}, nil)
	require.NoError(t, err)
	service, err := kms.New(kms.Config{Account: account, Region: region, Keys: declared, Path: filepath.Join(t.TempDir(), "keys"), Auth: authority, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	caller, err := authority.Caller("AKIAU")
	require.NoError(t, err)
	for _, operation := range []string{"ListKeys", "ListAliases", "DescribeKey"} {
		r := httptest.NewRequestWithContext(sts.WithCaller(t.Context(), caller), http.MethodPost, "/", strings.NewReader(`{"KeyId":"alias/lake"}`))
		r.Header.Set("X-Amz-Target", "TrentService."+operation)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		require.Equal(t, http.StatusBadRequest, w.Code, operation)
		require.Contains(t, w.Body.String(), "AccessDeniedException", operation)
	}
}

// Condition keys of the encryption context are told apart without regard to case, so that one of two names would decide by chance.
func TestNamesOfAContextDifferByMoreThanCase(t *testing.T) {
	_, client := serve(t, filepath.Join(t.TempDir(), "keys.json"), sts.User{Name: "tenant", Policies: []string{document(
		`{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:tenant":"a"}}}`)}})
	for range 20 {
		_, err := client("tenant").GenerateDataKey(t.Context(), &sdk.GenerateDataKeyInput{
			KeyId: aws.String("alias/lake"), KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{"tenant": "a", "TENANT": "b"},
		})
		require.Equal(t, "ValidationException", code(t, err))
	}
}
