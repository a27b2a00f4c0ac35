package denial_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/denial"
)

// The texts are those of the IAM user guide, "Access denied error messages", and of Lake Formation's troubleshooting pages.
func TestADenialIsReadAsAWSWritesIt(t *testing.T) {
	for message, want := range map[string]denial.Denial{
		"":              {},
		"Access Denied": {},
		"User: arn:aws:iam::1:user/u is not authorized to perform: glue:GetTable on resource: arn:aws:glue:r:1:catalog": {
			Action: "glue:GetTable", Resource: "arn:aws:glue:r:1:catalog",
		},
		"User: u is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:PutObject action": {
			Action: "s3:PutObject", Resource: "arn:aws:s3:::b/k",
		},
		"User: u is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:r:1:key/k because no resource-based policy allows the kms:Decrypt action": {
			Action: "kms:Decrypt", Resource: "arn:aws:kms:r:1:key/k", Elsewhere: "resource-based policy",
		},
		"User: u is not authorized to perform: s3:GetObject because no VPC endpoint policy allows it": {Action: "s3:GetObject", Elsewhere: "VPC endpoint policy"},
		"User: u is not authorized to perform: glue:GetTable on resource: arn:aws:glue:r:1:catalog with an explicit deny in a service control policy": {
			Action: "glue:GetTable", Resource: "arn:aws:glue:r:1:catalog", Explicit: "service control policy",
		},
		"User: u is not authorized to perform: sts:AssumeRole, on resource: arn:x, with an explicit deny in an identity-based policy: p": {
			Action: "sts:AssumeRole", Resource: "arn:x", Explicit: "identity-based policy",
		},
		"User: u is not authorized to perform: sts:AssumeRole with an explicit deny": {Action: "sts:AssumeRole", Explicit: "policy"},
		"RedshiftIamRoleSession is not authorized to perform: lakeformation:GetDataAccess on resource: *": {
			Action: "lakeformation:GetDataAccess", Resource: "*",
		},
		"Insufficient Lake Formation permission(s) on s3://lake/a": {
			LakeFormation: true, Cure: "grant the role a data location permission (DATA_LOCATION_ACCESS) on s3://lake/a in Lake Formation; IAMAllowedPrincipals never has it",
		},
		"Insufficient Lake Formation permission(s): Required Create Table on lake": {
			LakeFormation: true, Cure: "grant the role CREATE_TABLE on the database lake in Lake Formation, ALTER, DESCRIBE and INSERT on tables in it that it did not create, " +
				"and a data location permission on the bucket's folder",
		},
		"Insufficient Lake Formation permission(s): Required Create Database on Catalog": {
			LakeFormation: true, Cure: "create the database yourself, or grant the role CREATE_DATABASE on the catalog in Lake Formation",
		},
		"Insufficient Lake Formation permission(s): Required Create Tag on t.": {
			LakeFormation: true, Cure: "grant the role CREATE_TAG on t in Lake Formation; if it does not exist, Lake Formation says so to nobody who may not create it",
		},
		"Lake Formation says no": {LakeFormation: true, Cure: "grant the role that permission in Lake Formation; IAM alone is not enough"},
	} {
		require.Equal(t, want, denial.Read(message), message)
	}
}

func TestASignatureForAnotherRegionIsNoWrongSecret(t *testing.T) {
	require.True(t, denial.OtherRegion("Credential should be scoped to a valid region, not 'us-east-1'."))
	require.True(t, denial.OtherRegion("Credential should be scoped to a valid region. "))
	require.False(t, denial.OtherRegion("Credential should be scoped to correct service: 'glue'."))
	require.False(t, denial.OtherRegion("The request signature we calculated does not match the signature you provided."))
}

func TestARefusedSignatureIsExplained(t *testing.T) {
	require.Contains(t, denial.SignatureHint("Credential should be scoped to a valid region, not 'us-east-1'. "), "region")
	require.Contains(t, denial.SignatureHint("The request signature we calculated does not match the signature you provided."), "credentials and the clock")
}
