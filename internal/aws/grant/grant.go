// Package grant makes the IAM documents that let an exporter write a pipeline's data into an AWS account: the policies of the roles for
// S3, KMS, Glue and Redshift, and the trust policies that say who may assume them.
//
// There are two forms. The narrowed one allows what the exporter does and nothing else: the pipeline's own folder of the bucket, its
// key, its database and tables, its workgroup. The documented one is what Mixpanel's guides tell users to paste, byte by byte, with the
// placeholders filled in.
//
// The same documents come as Terraform and as a CloudFormation template.
package grant

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Settings are a pipeline's settings that concern AWS. JSON names are Mixpanel's parameters where it has one.
type Settings struct {
	// Project is the number that names the pipeline's folder in the bucket. 0 is not known: then the prefix alone is the boundary.
	Project int64 `json:"project_id,omitempty"`
	// Pipeline names the pipeline in what is printed. It may be empty.
	Pipeline string `json:"pipeline,omitempty"`
	// SharedWith names other pipelines of the project that have a role of this one, or of the name that a role to be created would have.
	SharedWith []string `json:"shared_with,omitempty"`
	// Schematized is true for pipelines of type aws: their guide has Glue documents of its own.
	Schematized bool `json:"schematized,omitempty"`
	// ExternalID is sent with every AssumeRole: the project's token.
	ExternalID string `json:"external_id"`
	// Exporter is the ARN of the user or role whose credentials the exporting process has. Empty is not known: documents then say
	// <EXPORTER_ARN>, and code has it as a variable.
	Exporter string `json:"exporter,omitempty"`
	// Account is the 12-digit account of whatever no ARN here names one for.
	Account string `json:"account,omitempty"`

	S3       S3        `json:"s3"`
	Glue     *Glue     `json:"glue,omitempty"`
	Redshift *Redshift `json:"redshift,omitempty"`

	// LakeFormation is true if Lake Formation governs the catalog: readers then need lakeformation:GetDataAccess.
	LakeFormation bool `json:"lake_formation,omitempty"`
	// WithoutDoctor leaves out the statements that only `refract aws doctor` needs: reading the database, removing its probe tables, a batch
	// of statements.
	WithoutDoctor bool `json:"without_doctor,omitempty"`
}

// S3 is where the objects go.
type S3 struct {
	Bucket string `json:"s3_bucket"`
	// Prefix has no slash at its ends; it may be empty.
	Prefix string `json:"s3_prefix,omitempty"`
	Region string `json:"s3_region"`
	// Role is the ARN of the role to assume. Empty is one yet to be created.
	Role string `json:"s3_role,omitempty"`
	// Encryption is none (or empty), aes or kms.
	Encryption string `json:"s3_encryption,omitempty"`
	// KMSKey is the ARN, id or alias of the key for kms. Empty is the account's default key aws/s3, which needs no policy.
	KMSKey string `json:"s3_kms_key_id,omitempty"`
	// Endpoint is the address of another server than AWS. It changes no document; doctor needs it.
	Endpoint  string `json:"s3_endpoint,omitempty"`
	PathStyle bool   `json:"s3_path_style,omitempty"`
}

// Glue is the catalog.
type Glue struct {
	Database string `json:"glue_database"`
	Region   string `json:"glue_region"`
	Role     string `json:"glue_role,omitempty"`
	// CatalogID is the account of the catalog if it is not the role's own.
	CatalogID string `json:"glue_catalog_id,omitempty"`
	// Tables are the names of the pipeline's tables; one may end in * where names come from the data.
	Tables []string `json:"tables"`
	// Unpartitioned leaves the partition actions out: tables then have no partitions, as Mixpanel documents.
	Unpartitioned bool `json:"unpartitioned,omitempty"`
}

// Redshift is the warehouse.
type Redshift struct {
	// Workgroup is a Serverless workgroup's ARN, or its name; ARNs hold an id that is not the name, so a name narrows nothing.
	Workgroup string `json:"redshift_workgroup,omitempty"`
	// Cluster is a provisioned cluster's identifier, in the place of a workgroup.
	Cluster string `json:"redshift_cluster,omitempty"`
	// DBUser is the database user of a cluster; empty is the role's own, IAMR:<role>.
	DBUser string `json:"redshift_db_user,omitempty"`
	// SecretARN names credentials in Secrets Manager, in the place of temporary ones.
	SecretARN string `json:"redshift_secret_arn,omitempty"`
	Database  string `json:"redshift_database"`
	Region    string `json:"redshift_region"`
	Role      string `json:"redshift_role,omitempty"`
	// Schema is the external schema.
	Schema string `json:"redshift_schema,omitempty"`
	// Readers are database users that shall read it.
	Readers []string `json:"redshift_grant_usage,omitempty"`
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,3}(-[a-z]+)+-[0-9]$`)
	roleARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
	identity   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[\w+=,.@/-]+)$`)
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	// Wildcards would widen what the name is to narrow.
	plainName = regexp.MustCompile(`^[^*?$"\\\x00-\x1f]+$`)
)

// Check says what is wrong with the settings, in a setup error that names the setting. It does not ask for accounts.
func (s *Settings) Check() error {
	wrong := func(setting, value, hint string) error {
		return fault.New(fault.Setup, "reading", setting, fmt.Errorf("%q is not one", value), hint)
	}
	type rule struct {
		setting, value string
		pattern        *regexp.Regexp
		required       bool
		hint           string
	}
	const arnHint = "it is like arn:aws:iam::123456789012:role/refract"
	const regionHint = "it is like eu-central-1"
	rules := []rule{
		{"the bucket", s.S3.Bucket, bucketName, true, "S3 bucket names have 3 to 63 lower-case letters, digits, dots and hyphens"},
		{"the bucket's region", s.S3.Region, regionName, true, regionHint},
		{"the S3 role", s.S3.Role, roleARN, false, arnHint},
		{"the prefix", s.S3.Prefix, plainName, false, "a prefix has no wildcards and no quotes"},
		{"the key", s.S3.KMSKey, plainName, false, "give the key's ARN"},
		{"the external ID", s.ExternalID, externalID, true, "it is the project's token"},
		{"the exporter", s.Exporter, identity, false, "it is the ARN of a user or role, like arn:aws:iam::123456789012:user/exporter"},
		{"the account", s.Account, accountID, false, "an account has 12 digits"},
	}
	if g := s.Glue; g != nil {
		rules = append(rules, rule{"the Glue database", g.Database, plainName, true, ""}, rule{"Glue's region", g.Region, regionName, true, regionHint},
			rule{"the Glue role", g.Role, roleARN, false, arnHint}, rule{"the catalog id", g.CatalogID, accountID, false, "it is an account of 12 digits"})
		for _, table := range g.Tables {
			rules = append(rules, rule{"the Glue table", strings.TrimSuffix(table, "*"), plainName, !strings.HasSuffix(table, "*"), ""})
		}
	}
	if r := s.Redshift; r != nil {
		rules = append(rules, rule{"the Redshift database", r.Database, plainName, true, ""}, rule{"Redshift's region", r.Region, regionName, true, regionHint},
			rule{"the Redshift role", r.Role, roleARN, false, arnHint}, rule{"the workgroup", r.Workgroup, plainName, false, ""},
			rule{"the cluster", r.Cluster, plainName, false, ""}, rule{"the secret", r.SecretARN, plainName, false, ""}, rule{"the database user", r.DBUser, plainName, false, ""})
		if (r.Workgroup == "") == (r.Cluster == "") {
			return fault.New(fault.Setup, "reading", "the warehouse", errors.New("it needs either a workgroup or a cluster"), "")
		}
	}
	for _, r := range rules {
		if (r.value != "" || r.required) && !r.pattern.MatchString(r.value) {
			return wrong(r.setting, r.value, r.hint)
		}
	}
	switch s.S3.Encryption {
	case "", "none", "aes", "kms":
	default:
		return wrong("the encryption", s.S3.Encryption, "it is none, aes or kms")
	}
	return nil
}

// CheckAccounts says what account is not known that a document names. It is a setup error.
func (s *Settings) CheckAccounts() error {
	for service, account := range map[string]string{"the Glue catalog": s.glueAccount(), "the warehouse": s.redshiftAccount(), "the key": s.keyAccount()} {
		if account == "" {
			return fault.New(fault.Setup, "naming", service, errors.New("its account is not known"), "give the role's ARN or the account")
		}
	}
	return nil
}

// Root is what all keys of the pipeline begin with: "prefix/project/".
func (s *Settings) Root() string {
	root := s.S3.Prefix
	if s.Project != 0 {
		root = strings.TrimPrefix(fmt.Sprintf("%s/%d", root, s.Project), "/")
	}
	if root == "" {
		return ""
	}
	return root + "/"
}

// partition is the first component of ARNs behind "arn": AWS's commercial regions, China's and the government's are apart.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// accountOf returns the account that an ARN names, or "".
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		return parts[4]
	}
	return ""
}

// anyRole returns the account of whichever role is known: one customer's roles lie in one account.
func (s *Settings) anyRole() string {
	account := accountOf(s.S3.Role)
	if s.Glue != nil {
		account = cmp.Or(account, accountOf(s.Glue.Role))
	}
	if s.Redshift != nil {
		account = cmp.Or(account, accountOf(s.Redshift.Role), accountOf(s.Redshift.Workgroup))
	}
	return account
}

// The accounts of services are "-" where the service is not used.
func (s *Settings) glueAccount() string {
	if s.Glue == nil {
		return "-"
	}
	return cmp.Or(s.Glue.CatalogID, accountOf(s.Glue.Role), s.Account, s.anyRole())
}

func (s *Settings) redshiftAccount() string {
	if s.Redshift == nil {
		return "-"
	}
	return cmp.Or(accountOf(s.Redshift.Workgroup), accountOf(s.Redshift.Role), s.Account, s.anyRole())
}

func (s *Settings) keyAccount() string {
	if !s.customKey() {
		return "-"
	}
	return cmp.Or(accountOf(s.S3.KMSKey), accountOf(s.S3.Role), s.Account, s.anyRole())
}

// KeyAccount is the account in which the key should be, or "" if nothing tells it or there is none of one's own.
func (s *Settings) KeyAccount() string {
	if account := s.keyAccount(); account != "-" {
		return account
	}
	return ""
}

func (s *Settings) customKey() bool { return s.S3.Encryption == "kms" && s.S3.KMSKey != "" }
