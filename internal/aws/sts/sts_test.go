package sts_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/aws/sigv4"
	"github.com/refract-io/refract/internal/aws/sts"
)

const (
	vendor, customer = "485438090326", "123456789012"
	token            = "0123456789abcdef0123456789abcdef"
	everything       = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	nothing          = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	glueReader       = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"glue:Get*","Resource":"*"}}`
)

func trust(principal, condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole","Condition":` + condition + `}]}`
}

func user(name string, policies ...string) sts.User {
	return sts.User{Name: name, AccessKeys: []sts.AccessKey{{ID: "AKIA" + name, Secret: "secret of " + name}}, Policies: policies}
}

func accounts() []sts.Account {
	const mixpanel = "arn:aws:iam::" + vendor + ":user/mixpanelexport"
	return []sts.Account{
		{ID: vendor, Users: []sts.User{user("mixpanelexport", everything), user("other", everything), user("powerless")}},
		{
			ID: customer, Users: []sts.User{user("admin", everything), user("bob"), user("locked", nothing)},
			Roles: []sts.Role{
				{Name: "open", Trust: trust(mixpanel, `{}`), Policies: []string{glueReader}, MaxSessionDuration: 2 * time.Hour},
				{Name: "safe", Trust: trust(mixpanel, `{"StringEquals":{"sts:ExternalId":"`+token+`"}}`), Policies: []string{glueReader}},
				{Name: "whole", Trust: trust(vendor, `{}`)},
				{Name: "foreign", Trust: trust("arn:aws:iam::"+vendor+":user/powerless", `{}`)},
				{Name: "local", Trust: trust("arn:aws:iam::"+customer+":user/bob", `{}`)},
				{Name: "locals", Trust: trust("arn:aws:iam::"+customer+":root", `{}`), Policies: []string{everything}, MaxSessionDuration: 12 * time.Hour},
				{Name: "lockedlocal", Trust: trust("arn:aws:iam::"+customer+":user/locked", `{}`)},
				{Name: "path/next", Trust: trust("arn:aws:iam::"+customer+":role/locals", `{}`), Policies: []string{everything}, MaxSessionDuration: 12 * time.Hour},
			},
		},
	}
}

// endpoint is an STS endpoint with a clock.
type endpoint struct {
	*testing.T
	authority *sts.Authority
	url       string
	clock     atomic.Int64 // how far ahead of now
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{T: t}
	now := func() time.Time { return time.Now().Add(time.Duration(e.clock.Load())) }
	var err error
	e.authority, err = sts.New(accounts(), now)
	require.NoError(t, err)
	verifier := &sigv4.Verifier{Keys: e.authority, Services: []string{"sts"}, MaxBody: sts.MaxBody, Now: now}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signature, err := verifier.Verify(r)
		if err != nil {
			sts.WriteError(w, err)
			return
		}
		caller, err := e.authority.Caller(signature.AccessKeyID)
		if err != nil {
			sts.WriteError(w, err)
			return
		}
		e.authority.ServeHTTP(w, r.WithContext(sts.WithCaller(r.Context(), caller)))
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *endpoint) client(c aws.Credentials) *sdk.Client {
	return sdk.New(sdk.Options{Region: "eu-central-1", BaseEndpoint: &e.url, Retryer: aws.NopRetryer{}, Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) { return c, nil })})
}

func key(name string) aws.Credentials {
	return aws.Credentials{AccessKeyID: "AKIA" + name, SecretAccessKey: "secret of " + name}
}

func roleARN(name string) string { return "arn:aws:iam::" + customer + ":role/" + name }

func request(role string) *sdk.AssumeRoleInput {
	return &sdk.AssumeRoleInput{RoleArn: aws.String(roleARN(role)), RoleSessionName: aws.String("refract-1")}
}

func (e *endpoint) assume(c aws.Credentials, in *sdk.AssumeRoleInput) (aws.Credentials, *sdk.AssumeRoleOutput) {
	e.Helper()
	out, err := e.client(c).AssumeRole(e.Context(), in)
	require.NoError(e, err)
	return aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken,
	}, out
}

func (e *endpoint) code(err error) string {
	e.Helper()
	var refused smithy.APIError
	require.ErrorAs(e, err, &refused)
	return refused.ErrorCode()
}

func TestAUserAndARolesSessionAreWhoTheyAre(t *testing.T) {
	e := newEndpoint(t)
	who, err := e.client(key("mixpanelexport")).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "arn:aws:iam::485438090326:user/mixpanelexport", *who.Arn)
	require.Equal(t, vendor, *who.Account)
	require.Regexp(t, `^AIDA[A-Z2-7]{17}$`, *who.UserId)

	c, out := e.assume(key("mixpanelexport"), request("open"))
	require.Equal(t, "arn:aws:sts::123456789012:assumed-role/open/refract-1", *out.AssumedRoleUser.Arn)
	require.WithinDuration(t, time.Now().Add(time.Hour), *out.Credentials.Expiration, 5*time.Second)
	require.Regexp(t, `^ASIA[A-Z2-7]{16}$`, c.AccessKeyID)
	who, err = e.client(c).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, out.AssumedRoleUser.Arn, who.Arn)
	require.Equal(t, out.AssumedRoleUser.AssumedRoleId, who.UserId)
	require.Equal(t, customer, *who.Account)
	require.Regexp(t, `^AROA[A-Z2-7]{17}:refract-1$`, *who.UserId)
}

func TestATrustPolicyDecidesWhoAssumesARole(t *testing.T) {
	e := newEndpoint(t)
	for _, test := range []struct {
		name, user, role, externalID string
		want                         bool
	}{
		{"the user that it names", "mixpanelexport", "open", "", true},
		{"an external id that nobody asks for", "mixpanelexport", "open", "whatever", true},
		{"a colleague of the user that it names", "other", "open", "", false},
		{"somebody of the role's own account, whatever his policies", "admin", "open", "", false},
		{"the right external id", "mixpanelexport", "safe", token, true},
		{"another external id", "mixpanelexport", "safe", "another", false},
		{"no external id", "mixpanelexport", "safe", "", false},
		{"a user of an account that it names, with a policy", "other", "whole", "", true},
		{"a user of an account that it names, without a policy", "powerless", "whole", "", false},
		{"a user of another account that it names, without a policy", "powerless", "foreign", "", false},
		{"a user of the same account that it names, without a policy", "bob", "local", "", true},
		{"a user of the same account that it doesn't name", "admin", "local", "", false},
		{"a user whose policy denies it", "locked", "lockedlocal", "", false},
		{"a user of the same account, with a policy", "admin", "locals", "", true},
		{"a user of the same account, without a policy", "bob", "locals", "", false},
		{"a role that doesn't exist", "mixpanelexport", "nothing", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := request(test.role)
			if test.externalID != "" {
				in.ExternalId = &test.externalID
			}
			_, err := e.client(key(test.user)).AssumeRole(t.Context(), in)
			if test.want {
				require.NoError(t, err)
				return
			}
			require.Equal(t, "AccessDenied", e.code(err))
			require.ErrorContains(t, err, ":user/"+test.user+" is not authorized to perform: sts:AssumeRole on resource: "+roleARN(test.role))
		})
	}
}

func TestDurationsHaveTheirLimits(t *testing.T) {
	e := newEndpoint(t)
	session, _ := e.assume(key("admin"), request("locals"))
	for _, test := range []struct {
		name    string
		who     aws.Credentials
		role    string
		seconds int32
		want    string
	}{
		{"the shortest", key("mixpanelexport"), "open", 900, ""},
		{"too short", key("mixpanelexport"), "open", 899, "ValidationError"},
		{"the role's longest", key("mixpanelexport"), "open", 7200, ""},
		{"longer than the role's", key("mixpanelexport"), "open", 7201, "ValidationError"},
		{"the default longest", key("mixpanelexport"), "whole", 3601, "ValidationError"},
		{"the longest of all", key("admin"), "locals", 43200, ""},
		{"too long", key("admin"), "locals", 43201, "ValidationError"},
		{"an hour by chaining", session, "path/next", 3600, ""},
		{"more than an hour by chaining", session, "path/next", 3601, "ValidationError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := request(test.role)
			in.DurationSeconds = &test.seconds
			_, err := e.client(test.who).AssumeRole(t.Context(), in)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, test.want, e.code(err))
		})
	}
}

func TestASessionEnds(t *testing.T) {
	e := newEndpoint(t)
	in := request("open")
	in.DurationSeconds = aws.Int32(900)
	c, _ := e.assume(key("mixpanelexport"), in)
	e.clock.Store(int64(20 * time.Minute))
	verifier := &sigv4.Verifier{Keys: e.authority, MaxBody: 1, Now: func() time.Time { return time.Now().Add(time.Duration(e.clock.Load())) }}
	verify := func(c aws.Credentials) error {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://sts/", nil)
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), c, r, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "sts", "r",
			time.Now().Add(time.Duration(e.clock.Load()))))
		_, err := verifier.Verify(r)
		return err
	}
	var refused *sigv4.Error
	require.ErrorAs(t, verify(c), &refused)
	require.Equal(t, sigv4.ExpiredToken, refused.Code)
	require.NoError(t, verify(key("mixpanelexport")))

	// What has ended long ago is forgotten when the next session begins.
	e.clock.Store(int64(3 * time.Hour))
	caller, err := e.authority.Caller("AKIAmixpanelexport")
	require.NoError(t, err)
	form := url.Values{"Action": {"AssumeRole"}, "RoleArn": {roleARN("open")}, "RoleSessionName": {"next"}}
	w := httptest.NewRecorder()
	e.authority.ServeHTTP(w, httptest.NewRequestWithContext(sts.WithCaller(t.Context(), caller), "POST", "/", strings.NewReader(form.Encode())))
	require.Equal(t, 200, w.Code, w.Body)
	_, err = e.authority.Key(t.Context(), c.AccessKeyID)
	require.ErrorIs(t, err, sigv4.ErrUnknownKey)
	_, err = e.authority.Caller(c.AccessKeyID)
	require.ErrorIs(t, err, sigv4.ErrUnknownKey)
}

func TestSignaturesAreRefusedInTheQueryProtocol(t *testing.T) {
	e := newEndpoint(t)
	wrong := key("admin")
	wrong.SecretAccessKey = "wrong"
	_, err := e.client(wrong).GetCallerIdentity(t.Context(), nil)
	require.Equal(t, "SignatureDoesNotMatch", e.code(err))
	_, err = e.client(key("nobody")).GetCallerIdentity(t.Context(), nil)
	require.Equal(t, "InvalidClientTokenId", e.code(err))
	c, _ := e.assume(key("mixpanelexport"), request("open"))
	c.SessionToken = "another"
	_, err = e.client(c).GetCallerIdentity(t.Context(), nil)
	require.Equal(t, "InvalidClientTokenId", e.code(err))
}

func TestWrongRequestsAreRefused(t *testing.T) {
	e := newEndpoint(t)
	caller, err := e.authority.Caller("AKIAmixpanelexport")
	require.NoError(t, err)
	base := "Action=AssumeRole&Version=2011-06-15&RoleArn=" + url.QueryEscape(roleARN("safe"))
	for form, want := range map[string]string{
		"":                       "MissingAction",
		"Action=GetSessionToken": "InvalidAction",
		"Action=GetCallerIdentity&Version=2010-01-01": "NoSuchVersion",
		"Action=%zz":                  "MalformedInput",
		base:                          "ValidationError",
		base + "&RoleSessionName=x":   "ValidationError",
		base + "&RoleSessionName=a b": "ValidationError",
		base + "&RoleSessionName=" + strings.Repeat("s", 65):             "ValidationError",
		base + "&RoleSessionName=ok&ExternalId=":                         "ValidationError",
		base + "&RoleSessionName=ok&ExternalId=a*b":                      "ValidationError",
		base + "&RoleSessionName=ok&DurationSeconds=x":                   "ValidationError",
		base + "&RoleSessionName=ok&SourceIdentity=me":                   "ValidationError",
		base + "&RoleSessionName=ok&PolicyArns.member.1.arn=x":           "ValidationError",
		base + "&RoleSessionName=ok&Policy={}":                           "MalformedPolicyDocument",
		base + "&RoleSessionName=ok&Policy=" + strings.Repeat("x", 2049): "ValidationError",
		base + "&RoleSessionName=ok&ExternalId=x1&ExternalId=" + token:   "InvalidQueryParameter",
		base + "&RoleSessionName=ok":                                     "AccessDenied",
		"Action=AssumeRole&RoleSessionName=ok&RoleArn=short":             "ValidationError",
	} {
		w := httptest.NewRecorder()
		e.authority.ServeHTTP(w, httptest.NewRequestWithContext(sts.WithCaller(t.Context(), caller), "POST", "/", strings.NewReader(form)))
		require.Contains(t, w.Body.String(), "<Code>"+want+"</Code>", form)
		require.GreaterOrEqual(t, w.Code, 400)
	}
	w := httptest.NewRecorder()
	e.authority.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("Action=GetCallerIdentity")))
	require.Equal(t, 500, w.Code, "a request without a caller is a mistake of the endpoint")
}

func TestASessionMayDoWhatItsRoleAndItsPolicyAllow(t *testing.T) {
	e := newEndpoint(t)
	const table = "arn:aws:glue:eu-central-1:123456789012:table/db/t"
	may := func(c aws.Credentials, action, resource string) error {
		caller, err := e.authority.Caller(c.AccessKeyID)
		require.NoError(t, err)
		return e.authority.Authorize(sts.WithCaller(t.Context(), caller), action, []string{"arn:aws:glue:eu-central-1:123456789012:catalog", resource})
	}
	refused := func(err error) string {
		var denied *policy.DeniedError
		require.ErrorAs(t, err, &denied)
		return denied.Error()
	}
	whole, _ := e.assume(key("mixpanelexport"), request("open"))
	require.NoError(t, may(whole, "glue:GetTable", table))
	require.Equal(t, "User: arn:aws:sts::123456789012:assumed-role/open/refract-1 is not authorized to perform: glue:DeleteTable on resource: "+
		"arn:aws:glue:eu-central-1:123456789012:catalog because no identity-based policy allows the glue:DeleteTable action", refused(may(whole, "glue:DeleteTable", table)))

	in := request("open")
	in.Policy = aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["glue:GetTable","glue:DeleteTable"],"Resource":"*"}}`)
	part, _ := e.assume(key("mixpanelexport"), in)
	require.NoError(t, may(part, "glue:GetTable", table))
	require.Contains(t, refused(may(part, "glue:GetTables", table)), "no session policy allows")
	require.Contains(t, refused(may(part, "glue:DeleteTable", table)), "no identity-based policy allows")

	require.NoError(t, may(key("admin"), "glue:DeleteTable", table))
	require.Contains(t, refused(may(key("locked"), "glue:GetTable", table)), "explicit deny")
	require.Contains(t, refused(may(key("mixpanelexport"), "glue:GetTable", table)), "no resource-based policy", "another account's catalog")
	require.Error(t, e.authority.Authorize(t.Context(), "glue:GetTable", []string{table}), "nobody may do nothing")
}

func TestWrongAccountsAreRefusedWithTheirReason(t *testing.T) {
	account := func(change func(*sts.Account)) []sts.Account {
		a := sts.Account{
			ID: customer, Users: []sts.User{user("x", everything)}, Roles: []sts.Role{{Name: "r", Trust: trust(vendor, "{}")}},
		}
		change(&a)
		return []sts.Account{a}
	}
	for reason, accounts := range map[string][]sts.Account{
		"12 digits": account(func(a *sts.Account) { a.ID = "1" }),
		"user a b":  account(func(a *sts.Account) { a.Users[0].Name = "a b" }),
		"a secret":  account(func(a *sts.Account) { a.Users[0].AccessKeys[0].Secret = "" }),
		"another user's": account(func(a *sts.Account) {
			a.Users = append(a.Users, sts.User{Name: "y", AccessKeys: a.Users[0].AccessKeys})
		}),
		"policy document":    account(func(a *sts.Account) { a.Users[0].Policies = []string{"{"} }),
		"needs a Principal":  account(func(a *sts.Account) { a.Roles[0].Trust = `{"Statement":{"Effect":"Allow","Action":"*"}}` }),
		"from an hour to 12": account(func(a *sts.Account) { a.Roles[0].MaxSessionDuration = time.Minute }),
		"two of this name":   account(func(a *sts.Account) { a.Roles = append(a.Roles, a.Roles[0]) }),
		"has no Principal":   account(func(a *sts.Account) { a.Roles[0].Policies = []string{trust(vendor, "{}")} }),
	} {
		_, err := sts.New(accounts, nil)
		require.ErrorContains(t, err, reason)
	}
	_, err := sts.New(account(func(*sts.Account) {}), nil)
	require.NoError(t, err)
}

func TestConditionsOnTheRequestsOwnKeysAreEvaluated(t *testing.T) {
	list := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::lake",` +
		`"Condition":{"StringLike":{"s3:prefix":["events/*"]},"StringEquals":{"aws:username":"lister"}}}]}`
	authority, err := sts.New([]sts.Account{{ID: customer, Users: []sts.User{{Name: "lister", AccessKeys: []sts.AccessKey{{ID: "AKIALISTER", Secret: "s"}}, Policies: []string{list}}}}}, nil)
	require.NoError(t, err)
	caller, err := authority.Caller("AKIALISTER")
	require.NoError(t, err)
	may := func(keys map[string][]string) error {
		return authority.AuthorizeWith(sts.WithCaller(t.Context(), caller), "s3:ListBucket", []string{"arn:aws:s3:::lake"}, keys)
	}
	require.NoError(t, may(map[string][]string{"s3:prefix": {"events/2026/"}}))
	require.NoError(t, may(map[string][]string{"s3:prefix": {"events/"}, "aws:username": {"another"}}), "who asks is not the request's to say")
	require.Error(t, may(map[string][]string{"s3:prefix": {"events"}}))
	require.Error(t, may(nil))
}
