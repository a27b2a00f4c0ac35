package grant_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	token    = "0123456789abcdef0123456789abcdef"
	exporter = "arn:aws:iam::485438090326:user/exporter"
	keyARN   = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab"
)

// settings returns the settings of a pipeline with everything, changed.
func settings(change ...func(*grant.Settings)) *grant.Settings {
	s := &grant.Settings{
		Project: 7, Pipeline: "events-daily", ExternalID: token, Exporter: exporter,
		S3:   grant.S3{Bucket: "lake", Prefix: "mixpanel", Region: "eu-central-1", Role: role("s3"), Encryption: "kms", KMSKey: keyARN},
		Glue: &grant.Glue{Database: "mixpanel", Region: "eu-central-1", Role: role("glue"), Tables: []string{"mp_master_event"}},
		Redshift: &grant.Redshift{
			Workgroup: "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/0f1e-2d3c", Database: "dev", Region: "eu-central-1",
			Role: role("redshift"), Schema: "mp_json_export",
		},
	}
	for _, f := range change {
		f(s)
	}
	return s
}

func role(name string) string { return "arn:aws:iam::123456789012:role/export/refract-" + name }

// variants are settings that differ in what documents they need.
var variants = map[string]func(*grant.Settings){
	"a workgroup and a key of one's own":      func(*grant.Settings) {},
	"no encryption, no warehouse":             func(s *grant.Settings) { s.S3.Encryption, s.S3.KMSKey, s.Redshift = "", "", nil },
	"the account's default key":               func(s *grant.Settings) { s.S3.KMSKey = "" },
	"a key given by its id":                   func(s *grant.Settings) { s.S3.KMSKey = "1234abcd-12ab" },
	"a key given by its alias":                func(s *grant.Settings) { s.S3.KMSKey = "alias/lake" },
	"no prefix":                               func(s *grant.Settings) { s.S3.Prefix = "" },
	"no project":                              func(s *grant.Settings) { s.Project = 0 },
	"objects only":                            func(s *grant.Settings) { s.Glue, s.Redshift = nil, nil },
	"a table for each event":                  func(s *grant.Settings) { s.Glue.Tables = []string{"app_*"} },
	"a table for each event without a prefix": func(s *grant.Settings) { s.Glue.Tables = []string{"*"} },
	"tables without partitions":               func(s *grant.Settings) { s.Glue.Unpartitioned = true },
	"no doctor":                               func(s *grant.Settings) { s.WithoutDoctor = true },
	"a workgroup given by its name":           func(s *grant.Settings) { s.Redshift.Workgroup = "wg" },
	"a cluster":                               func(s *grant.Settings) { s.Redshift.Workgroup, s.Redshift.Cluster = "", "dwh" },
	"a cluster and its user": func(s *grant.Settings) {
		s.Redshift.Workgroup, s.Redshift.Cluster, s.Redshift.DBUser = "", "dwh", "loader"
	},
	"a secret": func(s *grant.Settings) {
		s.Redshift.SecretARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dwh-AbCdEf"
	},
	"Lake Formation": func(s *grant.Settings) { s.LakeFormation = true },
	"one role":       func(s *grant.Settings) { s.Glue.Role, s.Redshift.Role = s.S3.Role, s.S3.Role },
	"no role yet": func(s *grant.Settings) {
		s.S3.Role, s.Glue.Role, s.Redshift.Role, s.Account = "", "", "", "123456789012"
	},
}

// each runs a test for all variants.
func each(t *testing.T, test func(t *testing.T, s *grant.Settings)) {
	for _, name := range slices.Sorted(maps.Keys(variants)) {
		t.Run(name, func(t *testing.T) {
			s := settings(variants[name])
			require.NoError(t, s.Check())
			require.NoError(t, s.CheckAccounts())
			test(t, s)
		})
	}
}

// permissions are the documents of roles by use, as the evaluator reads them.
type permissions map[grant.Use][]*policy.Document

func permissionsOf(t require.TestingT, roles []grant.Role) permissions {
	out := permissions{}
	for _, r := range roles {
		for _, p := range r.Policies {
			d, err := policy.ParseIdentity([]byte(p.Text))
			require.NoError(t, err, p.Text)
			for _, use := range r.Uses {
				out[use] = append(out[use], d)
			}
		}
	}
	return out
}

func (p permissions) allow(o operation) bool {
	return policy.Evaluate(&policy.Request{Action: o.action, Resource: o.resource, Context: o.context}, p[o.use]...).Allowed
}

func TestTheNarrowedPoliciesAreEnough(t *testing.T) {
	each(t, func(t *testing.T, s *grant.Settings) {
		may := permissionsOf(t, s.Roles(grant.Narrowed))
		for _, o := range operations(s) {
			require.True(t, may.allow(o), "%s: %s on %s", o.use, o.action, o.resource)
		}
	})
}

func TestTheDocumentedPoliciesAreEnoughButForWhatTheGuidesLeftOut(t *testing.T) {
	each(t, func(t *testing.T, s *grant.Settings) {
		may := permissionsOf(t, s.Roles(grant.Documented))
		missing := map[string]bool{}
		for _, o := range operations(s) {
			if !may.allow(o) {
				missing[o.action] = true
			}
		}
		left := []string{
			"glue:BatchUpdatePartition", "kms:Decrypt", "lakeformation:GetDataAccess", "s3:AbortMultipartUpload",
			"s3:ListBucketMultipartUploads", "secretsmanager:GetSecretValue",
		}
		for action := range missing {
			require.Contains(t, left, action)
		}
		require.True(t, missing["s3:AbortMultipartUpload"])
		// A key given by its alias has no ARN to put in the guide's document.
		require.False(t, missing["kms:GenerateDataKey"])
	})
}

// without calls visit with the roles as they are when one item of one statement is taken out, for every item that pick finds.
func without(s *grant.Settings, pick func(*grant.Statement) *grant.Texts, visit func(item string, rest []grant.Role)) {
	for r, role := range s.Roles(grant.Narrowed) {
		for p, policy := range role.Policies {
			for st, statement := range policy.Document.Statement {
				for k, item := range *pick(&statement) {
					rest := s.Roles(grant.Narrowed)
					d := &rest[r].Policies[p].Document
					list := pick(&d.Statement[st])
					*list = slices.Delete(slices.Clone(*list), k, k+1)
					if len(*list) == 0 {
						d.Statement = slices.Delete(d.Statement, st, st+1)
					}
					rest[r].Policies[p].Text = d.Text()
					if len(d.Statement) == 0 {
						rest[r].Policies = slices.Delete(rest[r].Policies, p, p+1)
					}
					visit(item, rest)
				}
			}
		}
	}
}

func TestNoActionAndNoResourceOfTheNarrowedPoliciesIsTooMany(t *testing.T) {
	each(t, func(t *testing.T, s *grant.Settings) {
		list := operations(s)
		for what, pick := range map[string]func(*grant.Statement) *grant.Texts{
			"action":   func(st *grant.Statement) *grant.Texts { return &st.Action },
			"resource": func(st *grant.Statement) *grant.Texts { return &st.Resource },
		} {
			without(s, pick, func(item string, rest []grant.Role) {
				may := permissionsOf(t, rest)
				denied := slices.IndexFunc(list, func(o operation) bool { return !may.allow(o) })
				if denied < 0 && len(s.Roles(grant.Narrowed)) == 1 {
					return // the warehouse reads what the exporter may read already
				}
				require.GreaterOrEqual(t, denied, 0, "%s %s can be taken out and nothing is denied", what, item)
			})
		}
	})
}

// outside changes an operation so that it touches something that is not the pipeline's.
func outside(t *rapid.T, s *grant.Settings, o operation) operation {
	swap := func(old string, news ...string) {
		o.resource = strings.Replace(o.resource, old, rapid.SampledFrom(news).Draw(t, "other"), 1)
	}
	o.context = maps.Clone(o.context)
	service, _, _ := strings.Cut(o.action, ":")
	root := s.Root()
	switch {
	case o.action == "s3:ListBucket" && rapid.Bool().Draw(t, "prefix"):
		o.context["s3:prefix"] = []string{rapid.SampledFrom([]string{"", "/", strings.TrimSuffix(root, "/"), "x" + root, "other/", strings.TrimSuffix(root, "/") + "0/"}).Draw(t, "listed")}
	case strings.HasPrefix(o.action, "s3:ListBucket"):
		swap("lake", "lakes", "lak", "other", "lake/"+root)
	case service == "s3" && rapid.Bool().Draw(t, "bucket"):
		swap("lake", "lakes", "lak", "other")
	case service == "s3":
		swap(root, "", "x"+root, strings.TrimSuffix(root, "/")+"0/", "other/")
	case service == "kms":
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			o.context["kms:viaservice"] = []string{"rds.eu-central-1.amazonaws.com"}
		case 1:
			o.context["kms:encryptioncontext:aws:s3:arn"] = []string{rapid.SampledFrom([]string{"arn:aws:s3:::lake/other/k", "arn:aws:s3:::lakes", "arn:aws:s3:::lake/"}).Draw(t, "context")}
		case 2:
			delete(o.context, "kms:encryptioncontext:aws:s3:arn")
		default:
			o.resource = strings.Replace(o.resource, "1234abcd", "9999ffff", 1)
			o.context["kms:resourcealiases"] = []string{"alias/other"}
		}
	case service == "glue":
		others := []string{
			"arn:aws:glue:eu-central-1:123456789012:database/other", "arn:aws:glue:eu-central-1:123456789012:table/other/mp_master_event",
			"arn:aws:glue:eu-central-1:999999999999:table/mixpanel/mp_master_event", "arn:aws:glue:us-east-1:123456789012:table/mixpanel/mp_master_event",
			"arn:aws:glue:eu-central-1:123456789012:userDefinedFunction/mixpanel/f",
		}
		if o.use == grant.UseGlue && s.Glue.Tables[0] != "*" && len(s.Roles(grant.Narrowed)) > 1 {
			others = append(others, "arn:aws:glue:eu-central-1:123456789012:table/mixpanel/somebody_elses")
		}
		o.resource = rapid.SampledFrom(others).Draw(t, "resource")
	case o.resource == "*":
		o.context["redshift-data:statement-owner-iam-userid"] = []string{"AROA1:somebody-else"}
	case service == "lakeformation":
		o.action = "lakeformation:GrantPermissions"
	case service == "secretsmanager":
		swap("dwh-AbCdEf", "dwh-AbCdEg", "other-AbCdEf")
	default:
		swap("123456789012", "999999999999")
	}
	return o
}

func TestNothingOutsideThePipelineIsAllowed(t *testing.T) {
	each(t, func(t *testing.T, s *grant.Settings) {
		list, may := operations(s), permissionsOf(t, s.Roles(grant.Narrowed))
		rapid.Check(t, func(t *rapid.T) {
			o := outside(t, s, rapid.SampledFrom(list).Draw(t, "operation"))
			require.False(t, may.allow(o), "%s: %s on %s with %v", o.use, o.action, o.resource, o.context)
		})
		for _, action := range []string{
			"s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutObjectAcl", "s3:GetObjectVersion", "s3:ListAllMyBuckets", "kms:Encrypt", "kms:CreateGrant", "kms:DescribeKey",
			"glue:DeleteDatabase", "glue:CreateDatabase", "glue:DeletePartition", "glue:SearchTables", "glue:PutResourcePolicy", "redshift-data:BatchExecuteStatement", "redshift-data:CancelStatement",
			"redshift:GetClusterCredentials", "redshift-serverless:UpdateNamespace", "iam:PassRole", "sts:AssumeRole", "lakeformation:GrantPermissions",
		} {
			for _, o := range list {
				if action == "redshift:GetClusterCredentials" && s.Redshift != nil && s.Redshift.DBUser != "" {
					continue
				}
				if action == "redshift-data:BatchExecuteStatement" && !s.WithoutDoctor {
					continue
				}
				o.action = action
				require.False(t, may.allow(o), "%s: %s on %s", o.use, action, o.resource)
			}
		}
	})
}

func TestRolesTrustTheExporterWithItsExternalIDAndRedshiftOnlyWhereItReads(t *testing.T) {
	each(t, func(t *testing.T, s *grant.Settings) {
		for _, r := range s.Roles(grant.Narrowed) {
			trust, err := policy.ParseTrust([]byte(r.Trust.Text))
			require.NoError(t, err)
			may := func(who policy.Principal, id ...string) bool {
				return policy.Evaluate(&policy.Request{Action: "sts:AssumeRole", Principal: who, Context: map[string][]string{"sts:externalid": id}}, trust).Allowed
			}
			us := policy.Principal{ARNs: []string{exporter}, Account: "485438090326"}
			require.True(t, may(us, token))
			require.False(t, may(us))
			require.False(t, may(us, "another"))
			require.False(t, may(policy.Principal{ARNs: []string{"arn:aws:iam::485438090326:user/colleague"}, Account: "485438090326"}, token))
			for _, service := range []string{"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"} {
				// Redshift sends an external ID of its own.
				got := may(policy.Principal{Service: service}, "arn:aws:redshift:eu-central-1:123456789012:dbuser:dwh/admin")
				require.Equal(t, slices.Contains(r.Uses, grant.UseRedshift), got, service)
			}
			require.False(t, may(policy.Principal{Service: "ec2.amazonaws.com"}))
		}
	})
}

func TestTheExporterMayAssumeThePipelinesRolesAndNoOthers(t *testing.T) {
	s := settings()
	d, err := policy.ParseIdentity([]byte(grant.Plan{s}.Assuming(grant.Narrowed).Text))
	require.NoError(t, err)
	may := func(arn string) bool {
		return policy.Evaluate(&policy.Request{Action: "sts:AssumeRole", Resource: arn}, d).Allowed
	}
	for _, name := range []string{"s3", "glue", "redshift"} {
		require.True(t, may(role(name)), name)
	}
	require.False(t, may(role("other")))
}

func TestOneRoleForSeveralUsesIsOneRole(t *testing.T) {
	roles := settings(variants["one role"]).Roles(grant.Narrowed)
	require.Len(t, roles, 1)
	require.Equal(t, []grant.Use{grant.UseS3, grant.UseGlue, grant.UseRedshift}, roles[0].Uses)
	require.Equal(t, "refract-s3", roles[0].Name)
	require.Equal(t, "/export/", roles[0].Path)
	require.Len(t, settings(variants["no role yet"]).Roles(grant.Narrowed), 3, "roles without an ARN are different ones")
}

func TestAMissingActionIsToldWithItsStatement(t *testing.T) {
	s := settings()
	for _, o := range operations(s) {
		missing, ok := s.Missing(o.use, o.action)
		require.True(t, ok, "%s %s", o.use, o.action)
		require.Equal(t, grant.Texts{o.action}, missing.Action)
		d, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[` + missing.Text() + `]}`))
		require.NoError(t, err)
		// Probe tables are in a statement of their own for one action only.
		if !strings.Contains(o.resource, "refract_doctor") {
			require.True(t, policy.Evaluate(&policy.Request{Action: o.action, Resource: o.resource, Context: o.context}, d).Allowed, missing.Text())
		}
	}
	_, ok := s.Missing(grant.UseS3, "s3:DeleteBucket")
	require.False(t, ok)
}

func TestThePublishedDocumentsAreThoseOfTheGuides(t *testing.T) {
	s := settings(func(s *grant.Settings) {
		s.Exporter = "arn:aws:iam::485438090326:user/mixpanel-export"
		s.S3.Bucket = "mixpanel-lake"
	})
	s.S3.KMSKey = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
	got := map[string]string{}
	collect := func(s *grant.Settings, suffix string) {
		for _, r := range s.Roles(grant.Documented) {
			got["trust "+string(r.Uses[0])] = r.Trust.Text
			for _, p := range r.Policies {
				got[p.Name+suffix] = p.Text
			}
		}
	}
	collect(s, "")
	s.Schematized = true
	collect(s, " schematized")
	s.Glue.Unpartitioned = true
	collect(s, " unpartitioned")
	for name, file := range map[string]string{
		"refract-s3": "s3", "refract-kms": "kms", "refract-glue": "glue-json", "refract-glue schematized": "glue-schematized-partitioned",
		"refract-glue unpartitioned": "glue-schematized", "refract-redshift": "redshift", "trust s3": "trust-external-id", "trust glue": "trust", "trust redshift": "trust-redshift",
	} {
		require.JSONEq(t, publishedText(t, file), got[name], name)
	}
}

func TestWrongSettingsAreRefusedByName(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*grant.Settings)
		want   string
	}{
		"a bucket with a wildcard":           {func(s *grant.Settings) { s.S3.Bucket = "lake*" }, `the bucket: "lake*"`},
		"a prefix with a wildcard":           {func(s *grant.Settings) { s.S3.Prefix = "a/*" }, `the prefix: "a/*"`},
		"a table with a star in its middle":  {func(s *grant.Settings) { s.Glue.Tables = []string{"a*b"} }, `the Glue table: "a*b"`},
		"a user in the place of a role":      {func(s *grant.Settings) { s.S3.Role = exporter }, "the S3 role"},
		"a session in the exporter's place":  {func(s *grant.Settings) { s.Exporter = "arn:aws:sts::485438090326:assumed-role/r/s" }, "the exporter"},
		"a quote in the external ID":         {func(s *grant.Settings) { s.ExternalID = `a"b` }, "the external ID"},
		"no external ID":                     {func(s *grant.Settings) { s.ExternalID = "" }, "the external ID"},
		"no region":                          {func(s *grant.Settings) { s.S3.Region = "" }, "the bucket's region"},
		"an unknown encryption":              {func(s *grant.Settings) { s.S3.Encryption = "des" }, `the encryption: "des"`},
		"both a workgroup and a cluster":     {func(s *grant.Settings) { s.Redshift.Cluster = "c" }, "either a workgroup or a cluster"},
		"a policy variable in a database":    {func(s *grant.Settings) { s.Glue.Database = "${aws:userid}" }, "the Glue database"},
		"a control character in a warehouse": {func(s *grant.Settings) { s.Redshift.Database = "a\nb" }, "the Redshift database"},
	} {
		err := settings(test.change).Check()
		require.ErrorContains(t, err, test.want, name)
		require.Equal(t, fault.Setup, fault.ClassOf(err), name)
	}
}

func TestAnAccountThatNothingTellsIsAskedFor(t *testing.T) {
	s := settings(variants["no role yet"], func(s *grant.Settings) { s.Account, s.Redshift, s.S3.KMSKey = "", nil, "" })
	require.NoError(t, s.Check())
	require.ErrorContains(t, s.CheckAccounts(), "the Glue catalog: its account is not known")
	require.NoError(t, settings().CheckAccounts(), "roles tell it")
}

func TestChinasPartitionHasItsNames(t *testing.T) {
	s := settings(func(s *grant.Settings) {
		s.S3.Region, s.Glue.Region, s.Redshift = "cn-north-1", "cn-north-1", nil
		s.S3.KMSKey, s.S3.Role, s.Glue.Role = "1234", strings.Replace(s.S3.Role, "arn:aws:", "arn:aws-cn:", 1), ""
	})
	require.NoError(t, s.Check())
	text, err := json.Marshal(s.Roles(grant.Narrowed))
	require.NoError(t, err)
	for _, want := range []string{"arn:aws-cn:s3:::lake/mixpanel/7/*", "s3.cn-north-1.amazonaws.com.cn", "arn:aws-cn:kms:cn-north-1:123456789012:key/1234", "arn:aws-cn:glue:cn-north-1:123456789012:database/mixpanel"} {
		require.Contains(t, string(text), want)
	}
}

func TestTheWarehousesUserIsTheRolesWithoutItsPath(t *testing.T) {
	require.Equal(t, `GRANT CREATE ON DATABASE "dev" TO "IAMR:refract-redshift";`, settings().GrantCreate())
	require.Equal(t, "loader", settings(variants["a cluster and its user"]).User())
	require.Empty(t, settings(variants["a secret"]).User())
}
