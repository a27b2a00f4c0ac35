package policy_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/policy"
)

func identity(t require.TestingT, statements string) *policy.Document {
	d, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":` + statements + `}`))
	require.NoError(t, err, statements)
	return d
}

func TestAnExplicitDenyWinsAndSilenceDenies(t *testing.T) {
	const allow, deny = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, `{"Sid":"no","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}`
	put, del := &policy.Request{Action: "s3:PutObject", Resource: "arn:aws:s3:::b/k"}, &policy.Request{Action: "s3:DeleteObject", Resource: "arn:aws:s3:::b/k"}
	for _, statements := range []string{"[" + allow + "," + deny + "]", "[" + deny + "," + allow + "]"} {
		d := identity(t, statements)
		require.Equal(t, policy.Decision{Allowed: true}, policy.Evaluate(put, d))
		require.Equal(t, policy.Decision{Denied: true, Sid: "no"}, policy.Evaluate(del, d))
	}
	require.Equal(t, policy.Decision{Denied: true, Sid: "no"}, policy.Evaluate(del, identity(t, allow), identity(t, deny)), "the deny of another document")
	require.Equal(t, policy.Decision{}, policy.Evaluate(put, identity(t, deny)))
	require.Equal(t, policy.Decision{}, policy.Evaluate(put))
}

func TestActionsAndResourcesMatchByWildcards(t *testing.T) {
	const table = "arn:aws:glue:eu-central-1:123456789012:table/db/mp_event"
	cases := []struct {
		name      string
		statement string // without Effect
		action    string
		resource  string
		want      bool
	}{
		{"an action in any case", `"Action":"GLUE:gettable","Resource":"*"`, "glue:GetTable", table, true},
		{"a star in an action", `"Action":"glue:Get*","Resource":"*"`, "glue:GetTables", table, true},
		{"a star is not another service", `"Action":"glue:*","Resource":"*"`, "s3:GetObject", table, false},
		{"a question mark is one character", `"Action":"glue:GetTable?","Resource":"*"`, "glue:GetTable", table, false},
		{"a question mark matches one", `"Action":"glue:GetTable?","Resource":"*"`, "glue:GetTables", table, true},
		{"every action", `"Action":"*","Resource":"*"`, "x:Y", table, true},
		{"not these actions", `"NotAction":["glue:Delete*"],"Resource":"*"`, "glue:GetTable", table, true},
		{"not this action", `"NotAction":["glue:Delete*"],"Resource":"*"`, "glue:DeleteTable", table, false},
		{"a resource in its own case", `"Action":"glue:*","Resource":"arn:aws:glue:eu-central-1:123456789012:table/db/MP_EVENT"`, "glue:GetTable", table, false},
		{"a star in a resource", `"Action":"glue:*","Resource":"arn:aws:glue:*:*:table/db/mp_*"`, "glue:GetTable", table, true},
		{"a star reaches over slashes", `"Action":"glue:*","Resource":"arn:aws:glue:*:*:table/*"`, "glue:GetTable", table, true},
		{"a star does not reach over a component", `"Action":"glue:*","Resource":"arn:aws:glue:*:table/db/mp_event"`, "glue:GetTable", table, false},
		{"missing components are anything", `"Action":"glue:*","Resource":"arn:aws:glue:*"`, "glue:GetTable", table, true},
		{"missing components of another service", `"Action":"*","Resource":"arn:aws:s3:*"`, "glue:GetTable", table, false},
		{"one of many resources", `"Action":"glue:*","Resource":["arn:aws:glue:::x","arn:aws:glue:*:*:table/db/*"]`, "glue:GetTable", table, true},
		{"not this resource", `"Action":"glue:*","NotResource":"arn:aws:glue:*:*:table/db/mp_*"`, "glue:GetTable", table, false},
		{"any but this resource", `"Action":"glue:*","NotResource":"arn:aws:glue:*:*:table/db/x"`, "glue:GetTable", table, true},
		{"colons in the last component", `"Action":"*","Resource":"arn:aws:redshift:*:*:dbuser:c/*"`, "x:Y", "arn:aws:redshift:r:1:dbuser:c/u", true},
		{"a bucket is not its objects", `"Action":"s3:*","Resource":"arn:aws:s3:::b"`, "s3:GetObject", "arn:aws:s3:::b/k", false},
		{"many stars end quickly", `"Action":"*","Resource":"arn:aws:s3:::*a*a*a*a*a*a*a*a*a*a*b"`, "x:Y", "arn:aws:s3:::aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"a variable in a resource", `"Action":"*","Resource":"arn:aws:s3:::b/${aws:userid}/*"`, "x:Y", "arn:aws:s3:::b/A*D:s/k", true},
		{"a star from a variable is a star", `"Action":"*","Resource":"arn:aws:s3:::b/${aws:userid}/*"`, "x:Y", "arn:aws:s3:::b/AxD:s/k", false},
		{"a variable without a value", `"Action":"*","Resource":"arn:aws:s3:::b/${aws:nothing}*"`, "x:Y", "arn:aws:s3:::b/", false},
		{"a variable with a default", `"Action":"*","Resource":"arn:aws:s3:::b/${aws:nothing, 'd'}/*"`, "x:Y", "arn:aws:s3:::b/d/k", true},
		{"a star that is meant", `"Action":"*","Resource":"arn:aws:s3:::b/${*}"`, "x:Y", "arn:aws:s3:::b/k", false},
		{"an exception with a variable without a value", `"Action":"*","NotResource":"arn:aws:s3:::${aws:nothing}"`, "x:Y", table, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			d := identity(t, `{"Effect":"Allow",`+test.statement+`}`)
			r := &policy.Request{Action: test.action, Resource: test.resource, Context: map[string][]string{"aws:userid": {"A*D:s"}}}
			require.Equal(t, test.want, policy.Evaluate(r, d).Allowed)
		})
	}
}

func TestVariablesCameWithTheirVersion(t *testing.T) {
	r := &policy.Request{Action: "x:Y", Resource: "arn:aws:s3:::u", Context: map[string][]string{"aws:userid": {"u"}}}
	for version, want := range map[string]bool{"2012-10-17": true, "2008-10-17": false} {
		d, err := policy.ParseIdentity(fmt.Appendf(nil, `{"Version":%q,"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:userid}"}}`, version))
		require.NoError(t, err)
		require.Equal(t, want, policy.Evaluate(r, d).Allowed)
	}
}

func TestConditions(t *testing.T) {
	context := map[string][]string{
		"sts:externalid": {"token"}, "aws:userid": {"AIDA1"}, "aws:securetransport": {"true"}, "s3:prefix": {"lake/events"},
		"aws:sourcearn": {"arn:aws:sns:eu-central-1:123456789012:topic:x"}, "aws:tagkeys": {"a", "b"}, "owner": {"AIDA1"},
	}
	for condition, want := range map[string]bool{
		`{}`: true,
		`{"StringEquals":{"sts:ExternalId":"token"}}`:                            true,
		`{"StringEquals":{"STS:externalID":["x","token"]}}`:                      true,
		`{"StringEquals":{"sts:ExternalId":"Token"}}`:                            false,
		`{"StringEquals":{"sts:ExternalId":"t*"}}`:                               false,
		`{"StringEquals":{"missing":"x"}}`:                                       false,
		`{"StringEqualsIfExists":{"missing":"x"}}`:                               true,
		`{"StringEqualsIfExists":{"sts:ExternalId":"x"}}`:                        false,
		`{"StringEqualsIgnoreCase":{"sts:ExternalId":"TOKEN"}}`:                  true,
		`{"StringNotEquals":{"sts:ExternalId":"x"}}`:                             true,
		`{"StringNotEquals":{"sts:ExternalId":["x","token"]}}`:                   false,
		`{"StringNotEquals":{"missing":"x"}}`:                                    true,
		`{"StringLike":{"s3:prefix":["lake/*","other/*"]}}`:                      true,
		`{"StringLike":{"s3:prefix":"lake"}}`:                                    false,
		`{"StringNotLike":{"s3:prefix":"lake/*"}}`:                               false,
		`{"StringEquals":{"owner":"${aws:userid}"}}`:                             true,
		`{"StringEquals":{"sts:ExternalId":"${aws:userid}"}}`:                    false,
		`{"StringEquals":{"owner":"${aws:nothing}"}}`:                            false,
		`{"Bool":{"aws:SecureTransport":true}}`:                                  true,
		`{"Bool":{"aws:SecureTransport":"False"}}`:                               false,
		`{"Bool":{"missing":"false"}}`:                                           false,
		`{"Null":{"missing":"true","sts:ExternalId":"false"}}`:                   true,
		`{"Null":{"sts:ExternalId":"true"}}`:                                     false,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:123456789012:topic:*"}}`:     true,
		`{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:*:123456789012:*"}}`:         true,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:topic:x"}}`:                  false,
		`{"ArnNotLike":{"aws:SourceArn":"arn:aws:sns:*:1:*"}}`:                   true,
		`{"ForAnyValue:StringEquals":{"aws:TagKeys":["b","c"]}}`:                 true,
		`{"ForAnyValue:StringEquals":{"aws:TagKeys":["c"]}}`:                     false,
		`{"ForAnyValue:StringEquals":{"missing":["c"]}}`:                         false,
		`{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}}`:            true,
		`{"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}`:                    false,
		`{"ForAllValues:StringLike":{"missing":["a"]}}`:                          true,
		`{"StringEquals":{"sts:ExternalId":"token","owner":"AIDA1"}}`:            true,
		`{"StringEquals":{"sts:ExternalId":"token"},"StringLike":{"owner":"x"}}`: false,
	} {
		d := identity(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+condition+`}`)
		require.Equal(t, want, policy.Evaluate(&policy.Request{Action: "x:Y", Resource: "*", Context: context}, d).Allowed, condition)
	}
}

func TestTrustPoliciesNamePrincipals(t *testing.T) {
	const user, account = "arn:aws:iam::485438090326:user/mixpanel-export", "485438090326"
	caller := policy.Principal{ARNs: []string{user}, Account: account}
	session := policy.Principal{ARNs: []string{"arn:aws:sts::485438090326:assumed-role/r/s", "arn:aws:iam::485438090326:role/r"}, Account: account}
	yes, delegated, no := policy.Decision{Allowed: true}, policy.Decision{Allowed: true, Delegated: true}, policy.Decision{}
	for _, test := range []struct {
		principal string
		who       policy.Principal
		want      policy.Decision
	}{
		{`{"AWS":"` + user + `"}`, caller, yes},
		{`{"AWS":"` + user + `"}`, session, no},
		{`{"AWS":"arn:aws:iam::485438090326:role/r"}`, session, yes},
		{`{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::485438090326:root"]}`, caller, delegated},
		{`{"AWS":"485438090326"}`, session, delegated},
		{`{"AWS":["485438090326","` + user + `"]}`, caller, yes},
		{`{"AWS":"111111111111"}`, caller, no},
		{`"*"`, caller, yes},
		{`{"AWS":"*"}`, session, yes},
		{`{"Service":"redshift.amazonaws.com"}`, caller, no},
		{`{"Service":"redshift.amazonaws.com"}`, policy.Principal{Service: "redshift.amazonaws.com"}, yes},
		{`{"Service":["glue.amazonaws.com"]}`, policy.Principal{Service: "redshift.amazonaws.com"}, no},
		{`{"AWS":"` + user + `","Service":"redshift.amazonaws.com"}`, caller, yes},
		{`{"Federated":"cognito-identity.amazonaws.com"}`, caller, no},
		{`{"AWS":"111111111111"}`, policy.Principal{Service: "redshift.amazonaws.com"}, no},
	} {
		d, err := policy.ParseTrust([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + test.principal + `,"Action":"sts:AssumeRole","Condition":{}}]}`))
		require.NoError(t, err)
		require.Equal(t, test.want, policy.Evaluate(&policy.Request{Action: "sts:AssumeRole", Principal: test.who}, d), "%s %v", test.principal, test.who)
	}
}

func TestAStatementThatNamesTheCallerCountsMoreThanOneThatNamesItsAccount(t *testing.T) {
	const user = "arn:aws:iam::485438090326:user/mixpanel-export"
	statement := func(name string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"` + name + `"},"Action":"sts:AssumeRole"}`
	}
	r := &policy.Request{Action: "sts:AssumeRole", Principal: policy.Principal{ARNs: []string{user}, Account: "485438090326"}}
	for _, statements := range []string{statement("485438090326") + "," + statement(user), statement(user) + "," + statement("485438090326")} {
		d, err := policy.ParseTrust([]byte(`{"Statement":[` + statements + `]}`))
		require.NoError(t, err)
		require.Equal(t, policy.Decision{Allowed: true}, policy.Evaluate(r, d))
	}
}

func TestWrongDocumentsAreRefusedWithTheirReason(t *testing.T) {
	for statement, reason := range map[string]string{
		`{"Action":"s3:*","Resource":"*"}`:                                                                             "effect",
		`{"Effect":"allow","Action":"s3:*","Resource":"*"}`:                                                            "effect",
		`{"Effect":"Allow","Resource":"*"}`:                                                                            "Action or NotAction",
		`{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}`:                                         "Action or NotAction",
		`{"Effect":"Allow","Action":"s3:*"}`:                                                                           "Resource or NotResource",
		`{"Effect":"Allow","Action":"GetObject","Resource":"*"}`:                                                       "GetObject",
		`{"Effect":"Allow","Action":"s*:Get","Resource":"*"}`:                                                          "s*:Get",
		`{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}`:                                                       "bucket",
		`{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}`:                                            "Principal",
		`{"Effect":"Allow","Action":"s3:*","Resource":"*","Resources":"*"}`:                                            "Resources",
		`{"Effect":"Allow","Action":[7,{}],"Resource":"*"}`:                                                            "text",
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2024-01-01"}}}`: "DateLessThan",
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}`:       "IpAddress",
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"x":"maybe"}}}`:                            "maybe",
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForEach:StringLike":{"x":"y"}}}`:                  "ForEach",
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"x":[]}}}`:                           "no value",
		`[]`: "no statement",
		`7`:  "statements",
	} {
		_, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":` + statement + `}`))
		require.ErrorContains(t, err, reason, statement)
	}
	for statement, reason := range map[string]string{
		`{"Effect":"Allow","Action":"sts:AssumeRole"}`:                                                                          "Principal",
		`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}`:                                           "Resource",
		`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"me"}`:                                                         "me",
		`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"mixpanel-export"}}`:                                    "mixpanel-export",
		`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::1:user/*"}}`:                              "wildcard",
		`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{}}`:                                                           "no principal",
		`{"Effect":"Allow","Action":"sts:AssumeRole","NotPrincipal":{"AWS":"*"},"Principal":"*"}`:                               "NotPrincipal",
		`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Condition":{"StringEquals":{"S3:X-Amz-Grant-Read":"x"}}}`: "S3:X-Amz-Grant-Read",
	} {
		_, err := policy.ParseTrust([]byte(`{"Version":"2012-10-17","Statement":` + statement + `}`))
		require.ErrorContains(t, err, reason, statement)
	}
	for _, text := range []string{``, `{}`, `{"Version":"2013-01-01","Statement":[]}`, `{"Statement":{}} x`, `[]`} {
		_, err := policy.ParseIdentity([]byte(text))
		require.Error(t, err, text)
	}
}

// A condition on a key that no request here has would hold, or not, whatever a request says.
func TestConditionsOnKeysThatNobodyGivesAreRefused(t *testing.T) {
	parse := func(key string) error {
		_, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Null":{"` + key + `":"true"}}}}`))
		return err
	}
	for _, key := range []string{
		"s3:x-amz-server-side-encryption", "s3:X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "s3:if-none-match", "s3:x-amz-acl", "s3:prefix", "s3:VersionId",
		"kms:ViaService", "kms:EncryptionContext:aws:s3:arn", "kms:EncryptionContextKeys", "aws:SourceVpce", "redshift-data:statement-owner-iam-userid",
	} {
		require.NoError(t, parse(key))
	}
	for _, key := range []string{
		"s3:ExistingObjectTag/a", "s3:object-lock-mode", "s3:x-amz-server-side-encryption-customer-algorithm", "s3:TlsVersion", "s3:signatureversion", "S3:authType", "s3:",
		"kms:GrantIsForAWSResource", "KMS:KeySpec", "kms:EncryptionContext:", "kms:EncryptionContext",
	} {
		require.ErrorContains(t, parse(key), key)
	}
}

func TestRefusalsHaveAWSsWords(t *testing.T) {
	e := &policy.DeniedError{Caller: "arn:aws:iam::123456789012:user/x", Action: "glue:GetTable", Resource: "arn:aws:glue:r:123456789012:catalog", Kind: "identity-based"}
	require.EqualError(t, e, "User: arn:aws:iam::123456789012:user/x is not authorized to perform: glue:GetTable on resource: "+
		"arn:aws:glue:r:123456789012:catalog because no identity-based policy allows the glue:GetTable action")
	e.Explicit = true
	require.EqualError(t, e, "User: arn:aws:iam::123456789012:user/x is not authorized to perform: glue:GetTable on resource: "+
		"arn:aws:glue:r:123456789012:catalog with an explicit deny in an identity-based policy")
	e.Kind = "session"
	require.ErrorContains(t, e, "in a session policy")
}

// A statement more that allows never takes a permission away, and one that denies never gives one.
func TestStatementsOnlyAddToWhatTheyAreFor(t *testing.T) {
	statement := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf(`"Action":[%q],"Resource":[%q]`, "s:"+rapid.StringMatching(`[ab*?]{1,3}`).Draw(t, "action"),
			"arn:aws:s:::"+rapid.StringMatching(`[ab*?]{0,3}`).Draw(t, "resource"))
	})
	rapid.Check(t, func(t *rapid.T) {
		r := &policy.Request{Action: "s:" + rapid.StringMatching(`[ab]{1,2}`).Draw(t, "action"), Resource: "arn:aws:s:::" + rapid.StringMatching(`[ab]{0,2}`).Draw(t, "resource")}
		base := identity(t, `[{"Effect":"Allow",`+statement.Draw(t, "one")+`},{"Effect":"Deny",`+statement.Draw(t, "two")+`}]`)
		before := policy.Evaluate(r, base)
		more := statement.Draw(t, "more")
		allowed := policy.Evaluate(r, base, identity(t, `{"Effect":"Allow",`+more+`}`))
		denied := policy.Evaluate(r, base, identity(t, `{"Effect":"Deny",`+more+`}`))
		require.False(t, before.Allowed && !allowed.Allowed)
		require.False(t, !before.Allowed && denied.Allowed)
		require.Equal(t, before.Denied, allowed.Denied)
		require.False(t, denied.Allowed && denied.Denied)
		if allowed.Allowed && !before.Allowed {
			require.True(t, denied.Denied, "what the statement allows, the same statement as a deny denies")
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:userid}*"}]}`), "s3:GetObject", "arn:aws:s3:::b")
	f.Add([]byte(`{"Statement":{"Effect":"Deny","NotAction":"*","NotResource":"*","Condition":{"ForAnyValue:StringLike":{"a":"${b,'c'}"}}}}`), "a:b", "")
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Principal":{"AWS":["*"],"Service":"x"}}}`), "", "*")
	f.Fuzz(func(t *testing.T, text []byte, action, resource string) {
		r := &policy.Request{Action: action, Resource: resource, Context: map[string][]string{"aws:userid": {"u"}, "a": {"x", resource}}}
		for _, parse := range []func([]byte) (*policy.Document, error){policy.ParseIdentity, policy.ParseTrust} {
			if d, err := parse(text); err == nil {
				got := policy.Evaluate(r, d)
				require.False(t, got.Allowed && got.Denied)
			}
		}
	})
}
