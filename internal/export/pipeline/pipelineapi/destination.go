package pipelineapi

import (
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// own reports whether the destination is the installation's own lake.
func (s *server) own(spec *pipeline.Spec) bool {
	d := &spec.S3
	return d.Region == "" && d.Role == "" && d.Endpoint == "" && (d.Bucket == "" || d.Bucket == s.Lake)
}

// embedded reports whether nothing says where another catalog than the embedded one is. The lake has that one.
func (s *server) embedded(spec *pipeline.Spec) bool {
	return s.own(spec) || spec.S3.Region == "" && spec.Glue.Region == "" && spec.Glue.Role == ""
}

// settleDestination completes a destination that is the installation's own, and checks that any other is complete. Both create and edit must end
// with a destination that it takes. What remains the store checks.
func (s *server) settleDestination(spec *pipeline.Spec) error {
	d := &spec.S3
	if s.own(spec) {
		d.Bucket = s.Lake
		if bucket.LocalReserves(strings.Trim(d.Prefix, "/")) {
			return bad("s3_prefix", "%q is where the installation's own lake keeps what is being written: choose another", d.Prefix)
		}
		if err := refuseForLake(spec); err != nil {
			return err
		}
		return s.settleCatalog(spec)
	}
	for _, part := range []struct {
		name, value string
		required    bool
	}{
		// Where the way is known without them, region and role may be left out.
		{"s3_bucket", d.Bucket, true}, {"s3_region", d.Region, !s.known(spec)}, {"s3_role", d.Role, !s.known(spec)},
	} {
		if part.value == "" && part.required && Named(part.name).Types[spec.Type].Needed != "" {
			return bad(part.name, "is missing: give s3_bucket, s3_region and s3_role, or none of them for the installation's own lake")
		}
	}
	return s.settleCatalog(spec)
}

// known reports whether the way to the bucket is known without region and role.
func (s *server) known(spec *pipeline.Spec) bool { return spec.S3.Endpoint != "" || s.Preset }

// refuseForLake refuses what the lake does not have. A parameter without effect would be taken for one that has it.
func refuseForLake(spec *pipeline.Spec) error {
	for _, part := range []struct {
		name  string
		given bool
	}{
		{"s3_encryption", spec.S3.Encryption != "" && spec.S3.Encryption != pipeline.NoEncryption},
		{"s3_kms_key_id", spec.S3.KMSKey != ""},
		{"s3_path_style", spec.S3.PathStyle},
		{"glue_role", spec.Glue.Role != ""},
		{"glue_region", spec.Glue.Region != ""},
		{"glue_catalog_id", spec.Glue.CatalogID != ""},
		{"redshift_workgroup", spec.Redshift.Workgroup != ""},
		{"redshift_cluster", spec.Redshift.Cluster != ""},
	} {
		if part.given {
			return bad(part.name, "has no effect on the installation's own lake: name another destination with s3_bucket, s3_region and s3_role, or leave it out")
		}
	}
	return nil
}

// settleCatalog names the database of the embedded catalog, and checks that one of AWS is named whole.
func (s *server) settleCatalog(spec *pipeline.Spec) error {
	c := &spec.Glue
	switch {
	case spec.Type == pipeline.TypeRaw:
		return nil
	case s.embedded(spec):
		if spec.Redshift.Named() {
			return bad("glue_region", "is missing: Redshift finds tables in the AWS Glue Data Catalog only, not in the embedded one")
		}
		if c.Use && c.Database == "" {
			c.Database = fmt.Sprintf("mp_%d", spec.Project)
		}
		return nil
	case !c.Use:
		return nil
	case c.Database == "":
		return bad("glue_database", "is missing: name a database of the AWS Glue Data Catalog")
	case c.Region == "" && spec.S3.Region == "" && !s.Preset:
		return bad("glue_region", "is missing: name the region of the AWS Glue Data Catalog, or leave glue_role out for the embedded one")
	case c.Role == "" && spec.Type == pipeline.TypeAWS && !s.known(spec):
		return bad("glue_role", "is missing: the ARN of the role to assume for AWS Glue")
	case spec.Redshift.Named() && spec.Redshift.Role == "":
		return bad("redshift_role", "is missing: the ARN of the role to assume for Redshift")
	}
	return nil
}
