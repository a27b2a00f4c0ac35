package doctor_test

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/grant"
)

func TestAnAccountThatIsInOrderHasNoRedLine(t *testing.T) {
	f, d := newFake(t)
	r := d.Run(t.Context(), settings())
	for _, s := range []doctor.Status{doctor.Failed, doctor.Warned, doctor.Unclear, doctor.Skipped} {
		require.Zero(t, r.Count(s), "%s in\n%s", s, lines(r))
	}
	require.Empty(t, f.leftovers())
	// Every action of the narrowed policies of the exporter has a line of its own.
	for _, role := range settings().Roles(grant.Narrowed) {
		for _, p := range role.Policies {
			if p.Name == "refract-spectrum" {
				continue // what Redshift does is seen by its statements
			}
			for _, s := range p.Document.Statement {
				for _, action := range s.Action {
					if action == onlyDeep {
						continue
					}
					require.Equal(t, doctor.Passed, line(t, r, string(role.Uses[0]), action).Status)
				}
			}
		}
	}
	require.Equal(t, "events-daily", r.Pipeline)
}

// onlyDeep is an action that nothing but a question needs.
const onlyDeep = "redshift-data:BatchExecuteStatement"

func denied(action string) refusal {
	return refusal{403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/refract-s3/s is not authorized to perform: " + action +
		" on resource: arn:x because no identity-based policy allows the " + action + " action"}
}

// Each of AWS's answers turns one line red or yellow, with what is wrong and what to do.
func TestAnswersOfAWSAreExplained(t *testing.T) {
	type want struct {
		area, name    string
		status        doctor.Status
		cause, remedy string
		missing       string // an action of the missing statement
	}
	glueDenied := func(message string) refusal { return refusal{400, "AccessDeniedException", message} }
	for name, test := range map[string]struct {
		operation string
		answer    refusal
		change    func(*grant.Settings)
		script    func(*fakeAWS)
		want      want
	}{
		"a put that IAM denies": {operation: "PutObject", answer: denied("s3:PutObject"),
			want: want{"s3", "s3:PutObject", doctor.Failed, "the role refract-s3 may not do s3:PutObject", "add the statement", "s3:PutObject"}},
		"a put that S3 denies without a word": {operation: "PutObject", answer: refusal{403, "AccessDenied", "Access Denied"},
			want: want{"s3", "s3:PutObject", doctor.Failed, "may not do s3:PutObject", "add the statement", "s3:PutObject"}},
		"a put for which the key is denied": {operation: "PutObject", answer: denied("kms:GenerateDataKey"),
			want: want{"s3", "kms:GenerateDataKey", doctor.Failed, "may not do kms:GenerateDataKey", "the key's own policy", "kms:GenerateDataKey"}},
		"a get for which the key is denied": {operation: "GetObject", answer: denied("kms:Decrypt"),
			want: want{"s3", "kms:Decrypt", doctor.Failed, "may not do kms:Decrypt", "the key's own policy", "kms:Decrypt"}},
		"a listing that is denied": {operation: "ListObjectsV2", answer: denied("s3:ListBucket"),
			want: want{"s3", "s3:ListBucket", doctor.Failed, "may not do s3:ListBucket", "add the statement", "s3:ListBucket"}},
		"a get of an absent object without the right to list": {operation: "GetObject that is absent", answer: denied("s3:ListBucket"),
			want: want{"s3", "an absent object", doctor.Failed, "a run that is repeated can't tell", "add the statement", "s3:ListBucket"}},
		"a get of an absent object that is denied without a word": {operation: "GetObject that is absent", answer: refusal{403, "AccessDenied", "Access Denied"},
			want: want{"s3", "an absent object", doctor.Failed, "may not do s3:ListBucket", "add the statement", "s3:ListBucket"}},
		"a get of an absent object that is throttled": {operation: "GetObject that is absent", answer: refusal{503, "SlowDown", "Please reduce your request rate."},
			want: want{"s3", "an absent object", doctor.Unclear, "AWS throttles", "later", ""}},
		"a bucket policy that denies": {operation: "PutObject", answer: refusal{403, "AccessDenied", "User: x is not authorized to perform: s3:PutObject on resource: \"arn:x\" with an explicit deny in a resource-based policy"},
			want: want{"s3", "s3:PutObject", doctor.Failed, "", "find it in the resource-based policy", ""}},
		"a service control policy that denies": {operation: "CreateTable", answer: glueDenied("User: x is not authorized to perform: glue:CreateTable on resource: arn:x with an explicit deny in a service control policy"),
			want: want{"glue", "glue:CreateTable", doctor.Failed, "", "find it in the service control policy", ""}},
		"a permissions boundary that does not allow": {operation: "CreateTable", answer: glueDenied("User: x is not authorized to perform: glue:CreateTable on resource: arn:x because no permissions boundary allows the glue:CreateTable action"),
			want: want{"glue", "glue:CreateTable", doctor.Failed, "", "the permissions boundary policy must allow it too", "glue:CreateTable"}},
		"a key that is disabled": {operation: "PutObject", answer: refusal{400, "KMS.DisabledException", "arn:aws:kms:x is disabled."},
			want: want{"s3", "s3:PutObject", doctor.Failed, "the key is disabled", "enable it", ""}},
		"throttling": {operation: "PutObject", answer: refusal{503, "SlowDown", "Please reduce your request rate."},
			want: want{"s3", "s3:PutObject", doctor.Unclear, "AWS throttles", "later", ""}},
		"Glue's throttling": {operation: "GetTable", answer: refusal{400, "ThrottlingException", "Rate exceeded"},
			want: want{"glue", "glue:GetTable", doctor.Unclear, "Rate exceeded", "later", ""}},
		"a clock that is wrong": {operation: "PutObject", answer: refusal{403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."},
			want: want{"s3", "s3:PutObject", doctor.Failed, "this machine's clock is wrong", "set it", ""}},
		"a bucket that is not there": {operation: "HeadBucket", answer: refusal{404, "NotFound", ""},
			want: want{"s3", "the bucket's region", doctor.Failed, "there is no bucket lake", "create it", ""}},
		"a bucket in another region": {operation: "HeadBucket", answer: refusal{301, "PermanentRedirect", ""}, script: func(f *fakeAWS) { f.region = "us-west-2" },
			want: want{"s3", "the bucket's region", doctor.Failed, "is in us-west-2, and the pipeline says eu-central-1", "give the pipeline the bucket's region", ""}},
		"a warehouse in another region": {change: func(s *grant.Settings) { s.Redshift.Region = "us-east-1" },
			want: want{"s3", "the warehouse's region", doctor.Failed, "Spectrum reads only buckets of its own region", "", ""}},
		"an encryption that the server did not do": {change: func(s *grant.Settings) { s.S3.Encryption, s.S3.KMSKey = "aes", "" },
			want: want{"s3", "encryption", doctor.Failed, `the pipeline asks for AES256, and the object has "aws:kms"`, "", ""}},
		"another key": {change: func(s *grant.Settings) { s.S3.KMSKey = strings.Replace(keyARN, "1234abcd", "9999ffff", 1) },
			want: want{"s3", "encryption", doctor.Failed, "the object has " + keyARN, "", ""}},
		"an alias of another account": {change: func(s *grant.Settings) {
			s.S3.KMSKey = "arn:aws:kms:eu-central-1:999999999999:alias/lake"
		}, want: want{"s3", "encryption", doctor.Failed, "is a key of the account 123456789012, and not of 999999999999", "give the pipeline the key's ARN", ""}},
		"an alias that is looked up in the role's account": {change: func(s *grant.Settings) { s.S3.KMSKey = "alias/lake" },
			want: want{"s3", "encryption", doctor.Passed, "", "", ""}},
		"an alias that is looked up in the exporter's account": {change: func(s *grant.Settings) {
			s.S3.KMSKey, s.S3.Role, s.Account = "alias/lake", "", "999999999999"
		}, want: want{"s3", "encryption", doctor.Failed, "the account of whoever writes", "or a role of the key's account", ""}},
		"a reader": {change: func(s *grant.Settings) { s.Redshift.Readers = []string{"IAM:ann"} }, script: func(f *fakeAWS) { f.sql["has_schema_privilege"] = []string{"true"} },
			want: want{"redshift", "reader IAM:ann", doctor.Passed, "", "", ""}},
		"a reader without USAGE": {change: func(s *grant.Settings) { s.Redshift.Readers = []string{"IAM:ann"} }, script: func(f *fakeAWS) { f.sql["has_schema_privilege"] = []string{"f"} },
			want: want{"redshift", "reader IAM:ann", doctor.Warned, "may not use the schema", `GRANT USAGE ON SCHEMA "mp_json_export" TO "IAM:ann";`, ""}},
		"a reader without TEMP": {change: func(s *grant.Settings) { s.Redshift.Readers = []string{"IAM:ann"} }, script: func(f *fakeAWS) { f.sql["'TEMP'"] = []string{"f"} },
			want: want{"redshift", "reader IAM:ann", doctor.Warned, "may make no temporary tables", `GRANT TEMP ON DATABASE "dev" TO "IAM:ann";`, ""}},
		"a reader that is not there": {change: func(s *grant.Settings) { s.Redshift.Readers = []string{"ann"} }, script: func(f *fakeAWS) { f.sql["has_schema_privilege"] = []string{`!user "ann" does not exist`} },
			want: want{"redshift", "reader ann", doctor.Failed, "does not exist", "create it", ""}},
		"a server without conditional writes": {operation: "PutObject if absent", answer: refusal{501, "NotImplemented", "A header you provided implies functionality that is not implemented."},
			want: want{"s3", "conditional writes", doctor.Warned, "no conditional writes", "no two processes", ""}},
		"uploads that can't be given up": {operation: "AbortMultipartUpload", answer: denied("s3:AbortMultipartUpload"),
			want: want{"s3", "s3:AbortMultipartUpload", doctor.Warned, "only whoever began an upload", "add the statement", "s3:AbortMultipartUpload"}},
		"Lake Formation without CREATE_TABLE": {operation: "CreateTable", answer: glueDenied("Insufficient Lake Formation permission(s): Required Create Table on mixpanel"),
			want: want{"glue", "glue:CreateTable", doctor.Failed, "Lake Formation, which decides besides IAM", "grant the role CREATE_TABLE on the database mixpanel in Lake Formation", ""}},
		"Lake Formation without the data location": {operation: "CreateTable", answer: glueDenied("Insufficient Lake Formation permission(s) on s3://lake/mixpanel/7/mp_master_event"),
			want: want{"glue", "glue:CreateTable", doctor.Failed, "Lake Formation", "DATA_LOCATION_ACCESS", ""}},
		"Lake Formation without ALTER": {operation: "UpdateTable", answer: glueDenied("Insufficient Lake Formation permission(s): Required Alter on mp_master_event"),
			want: want{"glue", "glue:UpdateTable", doctor.Failed, "Lake Formation", "grant the role ALTER on mp_master_event", ""}},
		"Lake Formation without DESCRIBE": {operation: "GetDatabase", answer: glueDenied("Insufficient Lake Formation permission(s): Required Describe on mixpanel"),
			want: want{"glue", "glue:GetDatabase", doctor.Warned, "Lake Formation", "grant the role DESCRIBE on mixpanel", ""}},
		"a database that is not there": {operation: "GetDatabase", answer: refusal{400, "EntityNotFoundException", "Database mixpanel not found."},
			want: want{"glue", "glue:GetDatabase", doctor.Failed, "it does not exist", "create it", ""}},
		"a database that is not there and that nobody may look at": {operation: "GetDatabase", answer: glueDenied("no"), script: func(f *fakeAWS) {
			f.refuse["CreateTable"] = refusal{400, "EntityNotFoundException", "Database mixpanel not found."}
		}, want: want{"glue", "glue:CreateTable", doctor.Failed, "it does not exist", "create it", ""}},
		"a catalog whose key is denied": {operation: "GetTable", answer: refusal{400, "GlueEncryptionException", "no access to the key"},
			want: want{"glue", "glue:GetTable", doctor.Failed, "the catalog is encrypted", "kms:Decrypt, kms:Encrypt and kms:GenerateDataKey on the catalog's key", ""}},
		"partitions that are denied": {operation: "BatchCreatePartition", answer: glueDenied("User: x is not authorized to perform: glue:BatchCreatePartition on resource: arn:x because no identity-based policy allows the glue:BatchCreatePartition action"),
			want: want{"glue", "glue:BatchCreatePartition", doctor.Warned, "tables have no partitions", "add the statement", "glue:BatchCreatePartition"}},
		"a role that nobody may assume": {operation: "AssumeRole", answer: refusal{403, "AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y"},
			want: want{"roles", "assume refract-s3", doctor.Failed, exporter + " may not assume the role", "the role's trust policy", "sts:AssumeRole"}},
		"a region that is not enabled": {operation: "AssumeRole", answer: refusal{403, "RegionDisabledException", "STS is not activated in this region"},
			want: want{"roles", "assume refract-s3", doctor.Failed, "the region is not enabled", "enable it", ""}},
		"an S3 role without the condition": {script: func(f *fakeAWS) { f.openRole = true },
			want: want{"roles", "a wrong external ID for refract-s3", doctor.Failed, "confused deputy", "the role's trust policy", "sts:AssumeRole"}},
		"an S3 role that nobody needs an external ID for": {script: func(f *fakeAWS) { f.openRole = true },
			want: want{"roles", "no external ID for refract-s3", doctor.Failed, "confused deputy", "the role's trust policy", "sts:AssumeRole"}},
		"a role for S3 and more without the condition": {script: func(f *fakeAWS) { f.openRole = true }, change: func(s *grant.Settings) { s.Glue.Role = s.S3.Role },
			want: want{"roles", "a wrong external ID for refract-s3", doctor.Failed, "confused deputy", "the role's trust policy", "sts:AssumeRole"}},
		"a role of the guides without the condition": {script: func(f *fakeAWS) { f.openRole = true },
			want: want{"roles", "a wrong external ID for refract-glue", doctor.Warned, "confused deputy", "the role's trust policy", "sts:AssumeRole"}},
		"a refusal that is none": {script: func(f *fakeAWS) {
			f.refuse["AssumeRole with a wrong external ID"] = refusal{503, "ServiceUnavailable", "try again"}
		}, want: want{"roles", "a wrong external ID for refract-s3", doctor.Unclear, "whether it is refused can't be told", "", ""}},
		"an access key that nobody knows": {operation: "GetCallerIdentity", answer: refusal{403, "InvalidClientTokenId", "The security token included in the request is invalid."},
			want: want{"credentials", "whose they are", doctor.Failed, "AWS doesn't know the access key", "check", ""}},
		"a signature for another region": {operation: "GetTable", answer: refusal{403, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'eu-central-1'."},
			want: want{"glue", "glue:GetTable", doctor.Failed, "another region than the pipeline says", "aws.region", ""}},
		"a secret that is wrong": {operation: "GetCallerIdentity", answer: refusal{403, "SignatureDoesNotMatch", "The request signature we calculated does not match."},
			want: want{"credentials", "whose they are", doctor.Failed, "the secret access key is wrong", "the clock", ""}},
		"credentials that have expired": {operation: "GetCallerIdentity", answer: refusal{403, "ExpiredToken", "The security token included in the request is expired"},
			want: want{"credentials", "whose they are", doctor.Failed, "have expired", "renew", ""}},
		"a workgroup whose credentials are denied": {operation: "ExecuteStatement", answer: refusal{400, "AccessDeniedException", "User: x is not authorized to perform: redshift-serverless:GetCredentials on resource: arn:x"},
			want: want{"redshift", "redshift-serverless:GetCredentials", doctor.Failed, "may not do redshift-serverless:GetCredentials", "add the statement", "redshift-serverless:GetCredentials"}},
		"a user without CREATE": {script: func(f *fakeAWS) { f.sql["has_database_privilege"] = []string{"false"} },
			want: want{"redshift", "CREATE on the database", doctor.Failed, "the user IAMR:refract-redshift may not create schemas in the database dev", `GRANT CREATE ON DATABASE "dev" TO "IAMR:refract-redshift";`, ""}},
		"an external schema of another database": {script: func(f *fakeAWS) { f.sql["svv_external_schemas"] = []string{"other|{}"} },
			want: want{"redshift", "external schema", doctor.Failed, "shows the Glue database other, not mixpanel", `DROP SCHEMA "mp_json_export"`, ""}},
		"an external schema with another role": {script: func(f *fakeAWS) {
			f.sql["svv_external_schemas"] = []string{`mixpanel|{"IAM_ROLE":"arn:aws:iam::123456789012:role/old"}`}
		},
			want: want{"redshift", "external schema", doctor.Warned, "role/old", "DROP SCHEMA", ""}},
		"an external schema that is not there yet": {script: func(f *fakeAWS) { f.sql["svv_external_schemas"] = nil },
			want: want{"redshift", "external schema", doctor.Skipped, "", "", ""}},
		"a role that Redshift may not assume": {script: func(f *fakeAWS) {
			f.sql["svv_external_tables"] = []string{"!ERROR: User arn:aws:redshift:r:1:dbuser:c/u is not authorized to assume IAM Role " + role("redshift")}
		}, want: want{"redshift", "Redshift reads the catalog", doctor.Failed, "not authorized to assume IAM Role", "associate the role with the namespace", "sts:AssumeRole"}},
		"a catalog that Redshift may not read": {script: func(f *fakeAWS) {
			f.sql["svv_external_tables"] = []string{"!User: arn:x/RedshiftIamRoleSession is not authorized to perform: glue:GetTables on resource: *"}
		}, want: want{"redshift", "Redshift reads the catalog", doctor.Failed, "glue:GetTables", "with which Redshift reads", "glue:GetTables"}},
		"objects that Redshift may not read": {script: func(f *fakeAWS) {
			f.sql[`"mp_json_export"."mp_master_event"`] = []string{"!S3ServiceException:Access Denied,Status 403,Error AccessDenied"}
		}, want: want{"redshift", "Redshift reads the objects", doctor.Failed, "Access Denied", "with which Redshift reads", "s3:GetObject"}},
		"a key with which Redshift may not decrypt": {script: func(f *fakeAWS) {
			f.sql[`"mp_json_export"."mp_master_event"`] = []string{"!The ciphertext refers to a customer master key that does not exist (Service: KMS)"}
		}, want: want{"redshift", "Redshift reads the objects", doctor.Failed, "KMS", "with which Redshift reads", "kms:Decrypt"}},
		"tables that Lake Formation denies to Redshift": {script: func(f *fakeAWS) {
			f.sql[`"mp_json_export"."mp_master_event"`] = []string{"!Insufficient Lake Formation permission(s): Required Select on mp_master_event"}
		}, want: want{"redshift", "Redshift reads the objects", doctor.Failed, "Lake Formation", "lakeformation:GetDataAccess", ""}},
		"a database that the warehouse does not have": {script: func(f *fakeAWS) { f.sql["SELECT 1"] = []string{`!FATAL: database "dev" does not exist`} },
			want: want{"redshift", "the first statement", doctor.Failed, `database "dev" does not exist`, "give the pipeline the right name", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			f, d := newFake(t)
			if test.operation != "" {
				f.refuse[test.operation] = test.answer
			}
			if test.script != nil {
				test.script(f)
			}
			s := settings()
			if test.change != nil {
				test.change(s)
			}
			r := d.Run(t.Context(), s)
			c := line(t, r, test.want.area, test.want.name)
			require.Equal(t, test.want.status, c.Status, lines(r))
			require.Contains(t, c.Cause, test.want.cause)
			require.Contains(t, c.Remedy, test.want.remedy)
			if test.want.missing == "" {
				require.Nil(t, c.Missing)
			} else {
				require.Equal(t, grant.Texts{test.want.missing}, c.Missing.Action)
			}
			require.Empty(t, f.leftovers(), lines(r))
		})
	}
}

func TestARoleThatCannotBeAssumedIsUsedForNothing(t *testing.T) {
	f, d := newFake(t)
	f.refuse["AssumeRole"] = refusal{403, "AccessDenied", "no"}
	r := d.Run(t.Context(), settings())
	require.False(t, f.called("PutObject"))
	require.False(t, f.called("CreateTable"))
	require.False(t, f.called("ExecuteStatement"))
	require.Equal(t, doctor.Skipped, line(t, r, "s3", "everything").Status)
}

func TestNothingIsMadeThatCouldNotBeRemoved(t *testing.T) {
	f, d := newFake(t)
	f.refuse["DeleteObject"], f.refuse["DeleteTable"] = denied("s3:DeleteObject"), refusal{400, "AccessDeniedException", "no"}
	r := d.Run(t.Context(), settings())
	require.False(t, f.called("PutObject"))
	require.False(t, f.called("CreateMultipartUpload"))
	require.Empty(t, f.leftovers())
	require.Equal(t, doctor.Failed, line(t, r, "s3", "s3:DeleteObject").Status)
	require.Equal(t, doctor.Warned, line(t, r, "glue", "glue:DeleteTable").Status, "exporting does not need it")
}

// A role that may not remove doctor's table can be told by the pipeline's own ones, of which nothing changes: whatever else it may not
// do is told all the same, and what can't be told is not passed over.
func TestWithoutATableOfItsOwnDoctorTellsEveryActionAllTheSame(t *testing.T) {
	actions := []string{"CreateTable", "GetTable", "UpdateTable", "BatchCreatePartition", "GetPartitions", "BatchUpdatePartition"}
	calls := map[string]string{"UpdateTable": "UpdateColumnStatisticsForTable"}
	for missing := range 1 << len(actions) {
		for _, there := range []bool{true, false} {
			f, d := newFake(t)
			f.own["mp_master_event"] = there
			f.refuse["DeleteTable"] = refusal{400, "AccessDeniedException", "no"}
			want := map[string]doctor.Status{}
			for i, action := range actions {
				if want["glue:"+action] = doctor.Passed; missing>>i&1 == 0 {
					continue
				}
				text := "User: x is not authorized to perform: glue:" + action + " on resource: arn:x because no identity-based policy allows the glue:" + action + " action"
				f.refuse[cmp.Or(calls[action], action)] = refusal{400, "AccessDeniedException", text}
				if want["glue:"+action] = doctor.Failed; strings.Contains(action, "Partition") {
					want["glue:"+action] = doctor.Warned
				}
			}
			if !there || want["glue:GetTable"] == doctor.Failed {
				want["glue:CreateTable"] = doctor.Unclear
			}
			r := d.Run(t.Context(), settings())
			for action, status := range want {
				c := line(t, r, "glue", action)
				require.Equal(t, status, c.Status, "%s with the table there %v:\n%s", action, there, lines(r))
				if status == doctor.Failed || status == doctor.Warned {
					require.Equal(t, grant.Texts{action}, c.Missing.Action)
				}
			}
			require.Zero(t, r.Count(doctor.Skipped), lines(r))
			require.Empty(t, f.leftovers())
		}
	}
}

// The policies name the probe table, and another table than the pipeline has: only its own tables tell.
func TestAPolicyThatNamesOtherTablesIsTold(t *testing.T) {
	f, d := newFake(t)
	f.refuse["UpdateColumnStatisticsForTable"] = refusal{400, "AccessDeniedException", "User: x is not authorized to perform: glue:UpdateTable on resource: arn:x"}
	r := d.Run(t.Context(), settings())
	require.Equal(t, doctor.Failed, line(t, r, "glue", "glue:UpdateTable").Status, lines(r))
	require.Equal(t, 1, r.Count(doctor.Failed))
	f.refuse["UpdateColumnStatisticsForTable"] = refusal{400, "InvalidInputException", "No statistics."}
	r = d.Run(t.Context(), settings())
	require.Equal(t, doctor.Passed, line(t, r, "glue", "glue:UpdateTable").Status, "the probe table tells it")
	f.own["mp_master_event"] = false
	f.refuse["UpdateColumnStatisticsForTable"] = refusal{400, "AccessDeniedException", "Insufficient Lake Formation permission(s): Required Alter on mp_master_event"}
	r = d.Run(t.Context(), settings())
	require.Equal(t, doctor.Passed, line(t, r, "glue", "glue:UpdateTable").Status, "Lake Formation says so of a table that is not there")
}

func TestAnAccountThatDoesNotAnswerIsUnclear(t *testing.T) {
	_, d := newFake(t)
	config := d.Config
	d.Config = func(ctx context.Context, role, region string) (c aws.Config, err error) {
		c, err = config(ctx, role, region)
		nowhere := "http://127.0.0.1:1"
		c.BaseEndpoint = &nowhere
		return c, err
	}
	r := d.Run(t.Context(), settings())
	require.Len(t, r.Checks, 1)
	require.Equal(t, doctor.Unclear, r.Checks[0].Status)
	require.Contains(t, r.Checks[0].Remedy, "check the network")
}

// Whatever AWS refuses, in whatever combination, and whenever the examination is interrupted, nothing is left behind.
func TestNothingIsLeftBehind(t *testing.T) {
	operations := []string{
		"PutObject", "PutObject if absent", "GetObject", "HeadObject", "ListObjectsV2", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ListMultipartUploads",
		"CreateTable", "GetTable", "UpdateTable", "BatchCreatePartition", "GetPartitions", "BatchUpdatePartition", "ExecuteStatement", "DescribeStatement", "GetStatementResult",
	}
	rapid.Check(t, func(rt *rapid.T) {
		f, d := newFake(t)
		if d.Deep = rapid.Bool().Draw(rt, "deep"); d.Deep && rapid.Bool().Draw(rt, "without a schema") {
			f.sql["svv_external_schemas"] = nil
		}
		for _, operation := range rapid.SliceOfDistinct(rapid.SampledFrom(operations), rapid.ID).Draw(rt, "refused") {
			f.refuse[operation] = rapid.SampledFrom([]refusal{
				denied("x:Y"), {http.StatusForbidden, "AccessDenied", ""}, {http.StatusServiceUnavailable, "SlowDown", ""}, {http.StatusInternalServerError, "InternalError", ""}, {http.StatusBadRequest, "Odd", "odd"},
			}).Draw(rt, operation)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if after := rapid.IntRange(0, 150).Draw(rt, "calls before it is interrupted"); after < 120 {
			go func() {
				for range 2000 {
					f.mu.Lock()
					enough := len(f.calls) >= after
					f.mu.Unlock()
					if enough {
						break
					}
					time.Sleep(50 * time.Microsecond)
				}
				cancel()
			}()
		}
		r := d.Run(ctx, settings())
		require.Empty(rt, f.leftovers(), lines(r))
	})
}

func TestEveryLineThatIsNotGreenSaysWhy(t *testing.T) {
	for _, operation := range slices.Sorted(maps.Keys(map[string]bool{"PutObject": true, "CreateTable": true, "ExecuteStatement": true, "AssumeRole": true})) {
		f, d := newFake(t)
		f.refuse[operation] = refusal{400, "Odd", "something odd"}
		for _, c := range d.Run(t.Context(), settings()).Checks {
			switch c.Status {
			case doctor.Failed, doctor.Warned, doctor.Unclear:
				require.NotEmpty(t, c.Cause, c.Name)
			case doctor.Skipped:
				require.NotEmpty(t, c.Detail, c.Name)
			}
		}
	}
}

func TestASessionsRoleIsTheExporter(t *testing.T) {
	require.Equal(t, "arn:aws:iam::123456789012:role/r", doctor.Exporter("arn:aws:sts::123456789012:assumed-role/r/s"))
	require.Equal(t, exporter, doctor.Exporter(exporter))
	require.Equal(t, "arn:aws:sts::123456789012:federated-user/u", doctor.Exporter("arn:aws:sts::123456789012:federated-user/u"))
}
