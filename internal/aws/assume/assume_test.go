package assume_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	vendor, customer = "485438090326", "123456789012"
	token            = "0123456789abcdef0123456789abcdef"
	role             = "arn:aws:iam::" + customer + ":role/export"
	unwilling        = "arn:aws:iam::" + customer + ":role/unwilling"
)

var keys = aws.Credentials{AccessKeyID: "AKIAEXPORTER", SecretAccessKey: "the secret of the exporter"}

// house is an STS endpoint behind a proxy, and roles over them.
type house struct {
	*testing.T
	proxy *awstest.Proxy
	roles *assume.Roles
}

func newHouse(t *testing.T, load func(context.Context) (aws.Config, error), script ...awstest.Fault) *house {
	exporter := sts.User{
		Name: "exporter", AccessKeys: []sts.AccessKey{{ID: keys.AccessKeyID, Secret: keys.SecretAccessKey}},
		Policies: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
	}
	trust := func(principal, condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole","Condition":` + condition + `}}`
	}
	authority, err := sts.New([]sts.Account{
		{ID: vendor, Users: []sts.User{exporter}},
		{ID: customer, Roles: []sts.Role{
			{Name: "export", Trust: trust("arn:aws:iam::"+vendor+":user/exporter", `{"StringEquals":{"sts:ExternalId":"`+token+`"}}`)},
			{Name: "unwilling", Trust: trust("arn:aws:iam::"+customer+":root", `{}`)},
		}},
	}, nil)
	require.NoError(t, err)
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority}))
	t.Cleanup(server.Close)
	h := &house{T: t, proxy: awstest.NewProxy(t, server.URL, keys, script...)}
	if load == nil {
		load = func(context.Context) (aws.Config, error) {
			return aws.Config{Region: awstest.Region, Credentials: aws.NewCredentialsCache(
				credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""))}, nil
		}
	}
	h.roles = assume.New(assume.Options{Endpoint: h.proxy.URL, Load: load})
	return h
}

// caller asks who a client of the role is.
func (h *house) caller(r assume.Role) (string, error) {
	cfg, err := h.roles.Config(h.Context(), r)
	require.NoError(h, err)
	out, err := sdk.NewFromConfig(cfg).GetCallerIdentity(h.Context(), &sdk.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Arn), nil
}

func TestARoleIsAssumedWithTheExternalIDAndOneSessionServesAllClients(t *testing.T) {
	h := newHouse(t, nil)
	r := assume.Role{ARN: role, ExternalID: token, Region: "eu-central-1", Session: assume.SessionName(7, "daily")}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			arn, err := h.caller(r)
			if err != nil || arn != "arn:aws:sts::"+customer+":assumed-role/export/refract-7-daily" {
				t.Errorf("%s, %v", arn, err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, h.proxy.Requests("AssumeRole"))

	other := r
	other.Region = "us-west-2"
	_, err := h.caller(other)
	require.NoError(t, err)
	require.Equal(t, 2, h.proxy.Requests("AssumeRole"), "each region has its session")
}

func TestWithoutARoleTheProcessesOwnCredentialsAreUsed(t *testing.T) {
	h := newHouse(t, nil)
	arn, err := h.caller(assume.Role{})
	require.NoError(t, err)
	require.Equal(t, "arn:aws:iam::"+vendor+":user/exporter", arn)
	require.Zero(t, h.proxy.Requests("AssumeRole"))
}

func TestRefusalsAreExplained(t *testing.T) {
	for name, c := range map[string]struct {
		role assume.Role
		hint string
	}{
		"a wrong external id":      {assume.Role{ARN: role, ExternalID: "another"}, "ask for no sts:ExternalId but the project's token"},
		"a trust without us":       {assume.Role{ARN: unwilling, ExternalID: token}, "let arn:aws:iam::" + vendor + ":user/exporter assume it"},
		"a role that is not there": {assume.Role{ARN: role + "-gone", ExternalID: token}, "the role must exist"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			c.role.Session = "refract-1-x"
			_, err := h.caller(c.role)
			require.Equal(t, fault.Setup, fault.ClassOf(err), err)
			explained, ok := errors.AsType[*fault.Error](err)
			require.True(t, ok)
			require.Equal(t, "assuming role", explained.Op)
			require.Equal(t, c.role.ARN, explained.Object)
			require.Contains(t, explained.Hint, c.hint)
			require.NotContains(t, err.Error(), token, "the token stays out of messages")
			require.NotContains(t, err.Error(), keys.SecretAccessKey)
		})
	}
}

func TestNoRoleWithoutExternalIDAndNoClientWithoutRegion(t *testing.T) {
	h := newHouse(t, nil)
	_, err := h.roles.Config(t.Context(), assume.Role{ARN: role, Session: "refract-1-x"})
	require.ErrorContains(t, err, "without an external id")
	require.Zero(t, h.proxy.Requests(""))

	nowhere := assume.New(assume.Options{Load: func(context.Context) (aws.Config, error) { return aws.Config{}, nil }})
	_, err = nowhere.Config(t.Context(), assume.Role{})
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, "destination.region")
}

func TestAServiceThatIsNotAWSsNeedsNoRegion(t *testing.T) {
	for own, want := range map[string]string{"": assume.DefaultRegion, "eu-west-1": "eu-west-1"} {
		roles := assume.New(assume.Options{Load: func(context.Context) (aws.Config, error) { return aws.Config{Region: own}, nil }})
		cfg, err := roles.Config(t.Context(), assume.Role{Elsewhere: true})
		require.NoError(t, err)
		require.Equal(t, want, cfg.Region)
		cfg, err = roles.Config(t.Context(), assume.Role{Region: "us-west-2", Elsewhere: true})
		require.NoError(t, err)
		require.Equal(t, "us-west-2", cfg.Region)
	}
}

func TestMissingCredentialsAreASetupError(t *testing.T) {
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no credentials in any place")
	})
	h := newHouse(t, func(context.Context) (aws.Config, error) {
		return aws.Config{Region: awstest.Region, Credentials: none}, nil
	})
	for _, r := range []assume.Role{{}, {ARN: role, ExternalID: token, Session: "refract-1-x"}} {
		_, err := h.caller(r)
		require.Equal(t, fault.Setup, fault.ClassOf(err), err)
		require.ErrorContains(t, err, "AWS_ACCESS_KEY_ID")
	}
	require.Zero(t, h.proxy.Requests(""))

	broken := assume.New(assume.Options{Load: func(context.Context) (aws.Config, error) { return aws.Config{}, errors.New("bad profile") }})
	_, err := broken.Config(t.Context(), assume.Role{})
	require.Equal(t, fault.Setup, fault.ClassOf(err))
}

func TestTroubleOnTheWayIsTransient(t *testing.T) {
	for name, effect := range map[string]awstest.Effect{
		"unavailable": awstest.Unavailable, "throttled": awstest.SlowDown, "cut off": awstest.Reset, "an internal error": awstest.InternalError,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, quickly, awstest.Fault{Operation: "AssumeRole", Effect: effect, Times: -1})
			_, err := h.caller(assume.Role{ARN: role, ExternalID: token, Session: "refract-1-x"})
			require.Equal(t, fault.Transient, fault.ClassOf(err), err)
		})
	}
}

// quickly is the process's own configuration with a single try of each request.
func quickly(context.Context) (aws.Config, error) {
	return aws.Config{
		Region: awstest.Region, Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}, nil
}

func TestASessionThatAServiceCallsExpiredIsRenewed(t *testing.T) {
	h := newHouse(t, quickly, awstest.Fault{Operation: "GetCallerIdentity", Effect: awstest.ExpiredToken, Skip: 1})
	r := assume.Role{ARN: role, ExternalID: token, Session: "refract-1-x"}
	_, err := h.caller(r)
	require.NoError(t, err)
	_, err = h.caller(r)
	require.True(t, assume.Expired(err), err)
	_, err = h.caller(r)
	require.NoError(t, err)
	require.Equal(t, 2, h.proxy.Requests("AssumeRole"))
}

func TestSessionNamesAreStableDistinctAndWhatSTSTakes(t *testing.T) {
	require.Equal(t, "refract-2195193-events-daily", assume.SessionName(2195193, "events-daily"))
	valid := regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	rapid.Check(t, func(t *rapid.T) {
		project := rapid.Int64Range(1, 1<<40).Draw(t, "project")
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z _:/-]{0,120}`))
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		name := assume.SessionName(project, a)
		require.Regexp(t, valid, name)
		require.Equal(t, name, assume.SessionName(project, a))
		require.True(t, strings.HasPrefix(name, fmt.Sprintf("refract-%d-", project)))
		require.Equal(t, a == b, name == assume.SessionName(project, b))
	})
}
