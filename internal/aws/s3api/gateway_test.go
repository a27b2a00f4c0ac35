package s3api_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/s3api"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/platform/bucket"
)

func TestAGatewayEndsWheneverItIsTold(t *testing.T) {
	authority, err := sts.New(nil, nil)
	require.NoError(t, err)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	local, err := bucket.OpenLocal(lake, filepath.Join(t.TempDir(), "lake"))
	require.NoError(t, err)
	for i := range 20 {
		g, err := s3api.New(s3api.Config{Authority: authority, Account: account, Region: region, Lake: local, LakeName: lake, Folder: filepath.Join(t.TempDir(), "none"), Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		time.Sleep(time.Duration(i) * time.Millisecond / 2)
		cancel()
		require.NoError(t, <-ended)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/lake", nil))
		require.Equal(t, 503, w.Code)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "the sockets' folders go with their gateways")
}

func TestASessionThatHasEndedIsToldSo(t *testing.T) {
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/admin"},"Action":"sts:AssumeRole"}]}`
	// The authority's clock is two hours late, so that its sessions have ended when they begin.
	h := newHouseAt(t, func() time.Time { return time.Now().Add(-2 * time.Hour) },
		sts.Account{ID: account, Users: []sts.User{admin}, Roles: []sts.Role{{Name: "all", Trust: trust, Policies: []string{allow(`"*"`, `"*"`)}}}})
	out, err := awssts.New(awssts.Options{Region: region, BaseEndpoint: &h.url, Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) { return key("admin"), nil })}).AssumeRole(t.Context(), &awssts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/all"), RoleSessionName: aws.String("run"),
	})
	require.NoError(t, err)
	session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	require.Equal(t, "ExpiredToken", code(t, h.put(h.client(session), "k", "x")))
}
