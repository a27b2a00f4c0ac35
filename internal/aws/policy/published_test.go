package policy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/policy"
)

// The documents in testdata are those that Mixpanel's guides tell users to create ("AWS Redshift Spectrum", "Schematized AWS
// Pipeline", "AWS S3"), with a bucket, a key and a token in the place of their placeholders. testdata holds what each is for: the
// actions that Mixpanel needs.
func TestEveryActionOfThePublishedPoliciesIsNeeded(t *testing.T) {
	const bucket, key = "arn:aws:s3:::mixpanel-lake", "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
	base := []string{"glue:GetDatabase", "glue:CreateTable", "glue:GetTables", "glue:GetTableVersions", "glue:UpdateTable", "glue:DeleteTable", "glue:GetTable"}
	partitions := []string{"glue:GetPartition", "glue:CreatePartition", "glue:DeletePartition", "glue:UpdatePartition", "glue:BatchCreatePartition",
		"glue:GetPartitions", "glue:BatchDeletePartition", "glue:BatchGetPartition"}
	cases := map[string]struct {
		actions   []string
		resources func(action string) []string
	}{
		"s3":                           {[]string{"s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject"}, s3Resources(bucket)},
		"kms":                          {[]string{"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptTo", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey", "kms:ReEncryptFrom"}, always(key)},
		"glue-schematized":             {base, always(glueTable...)},
		"glue-schematized-partitioned": {slices.Concat(base, partitions), always(glueTable...)},
		"glue-json":                    {slices.Concat(base, partitions), always(glueTable...)},
		"redshift": {
			[]string{"redshift-data:GetStatementResult", "redshift-data:DescribeStatement", "redshift-data:BatchExecuteStatement", "redshift-data:ExecuteStatement",
				"redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup", "redshift:GetClusterCredentialsWithIAM", "redshift:GetClusterCredentials",
				"glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions", "s3:GetObject", "s3:ListBucket"},
			s3Resources(bucket),
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			require.NoError(t, err)
			whole, err := policy.ParseIdentity(text)
			require.NoError(t, err)
			allows := func(d *policy.Document, action string) bool {
				return !slices.ContainsFunc(test.resources(action), func(resource string) bool {
					return !policy.Evaluate(&policy.Request{Action: action, Resource: resource}, d).Allowed
				})
			}
			for _, action := range test.actions {
				require.True(t, allows(whole, action), action)
				rest, err := policy.ParseIdentity(without(t, text, action))
				require.NoError(t, err)
				require.False(t, allows(rest, action), "%s was removed", action)
				for _, other := range test.actions {
					require.True(t, other == action || allows(rest, other), "%s was not removed", other)
				}
			}
			require.Len(t, published(t, text), len(test.actions), "every action of the document is among those tested")
			require.False(t, allows(whole, "iam:CreateUser"))
			require.False(t, policy.Evaluate(&policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::elsewhere/k"}, whole).Allowed)
		})
	}
}

func TestThePublishedTrustPoliciesTrustMixpanelOnly(t *testing.T) {
	mixpanel := policy.Principal{ARNs: []string{"arn:aws:iam::485438090326:user/mixpanel-export"}, Account: "485438090326"}
	colleague := policy.Principal{ARNs: []string{"arn:aws:iam::485438090326:user/other"}, Account: "485438090326"}
	admin := policy.Principal{ARNs: []string{"arn:aws:iam::123456789012:user/admin"}, Account: "123456789012"}
	redshift := policy.Principal{Service: "redshift.amazonaws.com"}
	token := map[string][]string{"sts:externalid": {"0123456789abcdef0123456789abcdef"}}
	for _, test := range []struct {
		document   string
		who        policy.Principal
		externalID map[string][]string
		want       policy.Decision
	}{
		{"trust", mixpanel, nil, policy.Decision{Allowed: true}},
		{"trust", mixpanel, token, policy.Decision{Allowed: true}},
		{"trust", colleague, nil, policy.Decision{}},
		{"trust", admin, nil, policy.Decision{}},
		{"trust-external-id", mixpanel, token, policy.Decision{Allowed: true}},
		{"trust-external-id", mixpanel, nil, policy.Decision{}},
		{"trust-external-id", mixpanel, map[string][]string{"sts:externalid": {"another"}}, policy.Decision{}},
		{"trust-external-id", colleague, token, policy.Decision{}},
		{"trust-redshift", mixpanel, nil, policy.Decision{Allowed: true}},
		{"trust-redshift", redshift, nil, policy.Decision{Allowed: true}},
		{"trust-redshift", admin, nil, policy.Decision{}},
		{"trust-redshift-account", admin, nil, policy.Decision{Allowed: true, Delegated: true}},
		{"trust-redshift-account", mixpanel, nil, policy.Decision{Allowed: true}},
		{"trust-redshift-account", redshift, nil, policy.Decision{Allowed: true}},
		{"trust-redshift-account", colleague, nil, policy.Decision{}},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", test.document+".json"))
		require.NoError(t, err)
		d, err := policy.ParseTrust(text)
		require.NoError(t, err)
		require.Equal(t, test.want, policy.Evaluate(&policy.Request{Action: "sts:AssumeRole", Principal: test.who, Context: test.externalID}, d),
			"%s %v %v", test.document, test.who, test.externalID)
	}
}

var glueTable = []string{
	"arn:aws:glue:eu-central-1:123456789012:catalog", "arn:aws:glue:eu-central-1:123456789012:database/mixpanel",
	"arn:aws:glue:eu-central-1:123456789012:table/mixpanel/mp_master_event",
}

func always(resources ...string) func(string) []string {
	return func(string) []string { return resources }
}

func s3Resources(bucket string) func(string) []string {
	return func(action string) []string {
		switch action {
		case "s3:ListBucket":
			return []string{bucket}
		case "s3:PutObject", "s3:GetObject", "s3:DeleteObject":
			return []string{bucket + "/a/b.json.gz"}
		}
		return glueTable
	}
}

// edit calls change with each statement of a document and returns the document.
func edit(t *testing.T, text []byte, change func(statement map[string]any)) []byte {
	var d map[string]any
	require.NoError(t, json.Unmarshal(text, &d))
	for _, s := range d["Statement"].([]any) {
		change(s.(map[string]any))
	}
	var out bytes.Buffer
	require.NoError(t, json.NewEncoder(&out).Encode(d))
	return out.Bytes()
}

func without(t *testing.T, text []byte, action string) []byte {
	return edit(t, text, func(s map[string]any) {
		s["Action"] = slices.DeleteFunc(s["Action"].([]any), func(a any) bool { return a == action })
	})
}

func published(t *testing.T, text []byte) []any {
	var all []any
	edit(t, text, func(s map[string]any) { all = append(all, s["Action"].([]any)...) })
	return all
}
