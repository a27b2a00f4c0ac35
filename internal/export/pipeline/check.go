package pipeline

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/export/selection"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// The limits of a continuous pipeline's interval.
const (
	minInterval     = 100 * time.Millisecond
	maxInterval     = 24 * time.Hour
	eventInterval   = time.Second
	rewriteInterval = time.Minute
)

// trialDays is how long a trial goes (Mixpanel, pipelines API, parameter trial).
const trialDays = 30

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)
	bucketPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$`)
	tablePattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,126}$`)
	tablePrefix   = regexp.MustCompile(`^([a-z0-9][a-z0-9_]{0,63})?$`)
	prefixPattern = regexp.MustCompile(`^[A-Za-z0-9!_.*'()=/-]*$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	rolePattern   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$`)
	yearPattern   = regexp.MustCompile(`^[0-9]{4}$`)
)

// refusal says what is wrong with a field, by the name that the APIs have for it.
func refusal(field, format string, args ...any) error {
	return fault.New(fault.Setup, "creating a pipeline", field, fmt.Errorf(format, args...), "")
}

// complete fills the defaults in and checks the fields one by one. Errors are setup faults that name the field.
func (s *Spec) complete() error {
	s.fill()
	for _, check := range []func() error{s.checkKind, s.checkTime, s.checkS3, s.checkGlue, s.checkRedshift, s.checkSelection} {
		if err := check(); err != nil {
			return err
		}
	}
	if s.Name != "" && !namePattern.MatchString(s.Name) {
		return refusal("name", "%q: use 1 to 100 lower-case letters, digits, hyphens and underscores", s.Name)
	}
	return nil
}

func (s *Spec) fill() {
	if s.Type == "" {
		s.Type = TypeJSON
	}
	if s.Format == "" {
		s.Format = JSON
	}
	if s.SchemaType == "" && s.Type == TypeAWS && s.Source == Events {
		s.SchemaType = Monoschema
	}
	if s.Frequency == "" {
		s.Frequency = Daily
	}
	if s.Source.Snapshot() {
		s.Sync = false
	}
	if s.Table == "" && s.Type == TypeJSON {
		s.Table = s.Source.Table()
	}
	if s.Frequency == Continuous && s.Interval == 0 {
		s.Interval = eventInterval
		if s.Source.Snapshot() || s.Sync {
			s.Interval = rewriteInterval
		}
	}
	s.S3.Prefix = strings.Trim(s.S3.Prefix, "/")
	if s.S3.Encryption == "" {
		s.S3.Encryption = NoEncryption
	}
	if s.Glue.Use && s.Glue.Region == "" {
		s.Glue.Region = s.S3.Region
	}
	if s.Redshift.Named() {
		if s.Redshift.Region == "" {
			s.Redshift.Region = s.Glue.Region
		}
		if s.Redshift.Schema == "" {
			s.Redshift.Schema = "mp_json_export"
		}
	}
}

// checkKind checks what kinds of pipelines there are.
func (s *Spec) checkKind() error {
	switch {
	case s.Type != TypeJSON && s.Type != TypeAWS && s.Type != TypeRaw:
		return refusal("type", "%q is not supported: use json, aws or s3-raw", s.Type)
	case s.Source != Events && s.Source != People && s.Source != Identities:
		return refusal("data_source", "%q is unknown: use events, people or identities", s.Source)
	case s.Type == TypeRaw && s.Source != Events:
		return refusal("data_source", "raw pipelines export events only")
	case s.Format != JSON && s.Format != Parquet:
		return refusal("data_format", "%q is unknown: use json or parquet", s.Format)
	case s.Format == Parquet && s.Type != TypeAWS:
		return refusal("data_format", "only pipelines of the type aws write parquet")
	case s.SchemaType != "" && (s.Type != TypeAWS || s.Source != Events):
		return refusal("schema_type", "only events of pipelines of the type aws have one")
	case s.SchemaType != "" && s.SchemaType != Monoschema && s.SchemaType != Multischema:
		return refusal("schema_type", "%q is unknown: use monoschema or multischema", s.SchemaType)
	case s.Sync && s.Type != TypeAWS:
		return refusal("sync", "only pipelines of the type aws replace days; the others add late events whenever they arrive")
	case s.Milliseconds && (s.Source != Events || s.Type != TypeJSON):
		return refusal("milliseconds", "only events of pipelines of the type json have the column")
	case s.Table != "" && s.Type != TypeJSON:
		return refusal("table", "only pipelines of the type json choose their table")
	case s.Table != "" && !tablePattern.MatchString(s.Table):
		return refusal("table", "%q: use 1 to 127 lower-case letters, digits and underscores", s.Table)
	case s.Trial && (s.Sync || s.SchemaType == Multischema || s.Frequency != Daily):
		return refusal("trial", "a trial is daily, monoschema and without sync")
	case s.Trial && !s.Selection.All():
		return refusal("trial", "a trial exports all events: leave the selection out")
	}
	return nil
}

// checkTime checks frequency and dates. Those of a trial are set by the time it begins.
func (s *Spec) checkTime() error {
	switch {
	case s.Frequency != Daily && s.Frequency != Hourly && s.Frequency != Continuous:
		return refusal("frequency", "%q is unknown: use daily, hourly or continuous", s.Frequency)
	case s.Frequency == Continuous && s.Type == TypeRaw:
		return refusal("frequency", "raw pipelines are daily or hourly, as their folders are")
	case s.Frequency != Continuous && s.Interval != 0:
		return refusal("interval", "only continuous pipelines have one")
	case s.Frequency == Continuous && (s.Interval < minInterval || s.Interval > maxInterval):
		return refusal("interval", "%s is not between %s and %s", s.Interval, minInterval, maxInterval)
	case s.Source.Snapshot() && (s.From != 0 || s.To != 0):
		return refusal("from_date", "%s are exported whole: leave from_date and to_date out", s.Source)
	case s.From < 0 || s.To < 0:
		return refusal("from_date", "days before 1970-01-01 hold no events")
	case s.To != 0 && s.To < s.From:
		return refusal("to_date", "%s lies before from_date %s", s.To, s.From)
	}
	return nil
}

func (s *Spec) checkS3() error {
	d := &s.S3
	switch {
	case d.Bucket == "":
		return refusal("s3_bucket", "is missing")
	case !bucketPattern.MatchString(d.Bucket):
		return refusal("s3_bucket", "%q: use letters, digits, dots and hyphens", d.Bucket)
	case d.Prefix != "" && (bucket.CheckKey(d.Prefix) != nil || !prefixPattern.MatchString(d.Prefix) || len(d.Prefix) > 512):
		return refusal("s3_prefix", "%q: use at most 512 letters, digits and !-_.*'()= between single slashes", d.Prefix)
	case d.Region != "" && !regionPattern.MatchString(d.Region):
		return refusal("s3_region", "%q is no region of AWS", d.Region)
	case d.Role != "" && !rolePattern.MatchString(d.Role):
		return refusal("s3_role", "%q: use the role's ARN, arn:aws:iam::<account>:role/<name>", d.Role)
	case d.Role != "" && d.Region == "":
		return refusal("s3_region", "is missing")
	case d.Encryption != NoEncryption && d.Encryption != EncryptionAES && d.Encryption != EncryptionKMS:
		return refusal("s3_encryption", "%q is unknown: use none, aes or kms", d.Encryption)
	case d.KMSKey != "" && d.Encryption != EncryptionKMS:
		return refusal("s3_kms_key_id", "only the encryption kms has a key")
	case d.Endpoint != "" && !isURL(d.Endpoint):
		return refusal("s3_endpoint", "%q: use an address such as https://minio.example.com:9000", d.Endpoint)
	}
	return nil
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (s *Spec) checkGlue() error {
	d := &s.Glue
	switch {
	case d.Use && s.Type == TypeRaw:
		return refusal("use_glue", "raw pipelines have no tables")
	case !d.Use && (d.Database != "" || d.Role != "" || d.TablePrefix != "" || d.CatalogID != ""):
		return refusal("use_glue", "is false: leave the other fields of Glue out, or set it")
	case !d.Use:
		return nil
	case !tablePattern.MatchString(d.Database):
		return refusal("glue_database", "%q: use 1 to 127 lower-case letters, digits and underscores", d.Database)
	case d.Region != "" && !regionPattern.MatchString(d.Region):
		return refusal("glue_region", "%q is no region of AWS", d.Region)
	case d.Role != "" && !rolePattern.MatchString(d.Role):
		return refusal("glue_role", "%q: use the role's ARN, arn:aws:iam::<account>:role/<name>", d.Role)
	case !tablePrefix.MatchString(d.TablePrefix):
		return refusal("glue_table_prefix", "%q: use at most 64 lower-case letters, digits and underscores", d.TablePrefix)
	}
	return nil
}

func (s *Spec) checkRedshift() error {
	d := &s.Redshift
	switch {
	case !d.Named() && (d.Database != "" || d.Role != "" || d.DBUser != "" || d.SecretARN != ""):
		return refusal("redshift_workgroup", "is missing")
	case !d.Named():
		return nil
	case d.Workgroup != "" && d.Cluster != "":
		return refusal("redshift_cluster", "name a workgroup or a cluster, not both")
	case !s.Glue.Use:
		return refusal("use_glue", "Redshift finds the tables in Glue: set it")
	case d.Database == "":
		return refusal("redshift_database", "is missing")
	case d.Region != "" && !regionPattern.MatchString(d.Region):
		return refusal("redshift_region", "%q is no region of AWS", d.Region)
	case d.Role != "" && !rolePattern.MatchString(d.Role):
		return refusal("redshift_role", "%q: use the role's ARN, arn:aws:iam::<account>:role/<name>", d.Role)
	}
	return nil
}

func (s *Spec) checkSelection() error {
	if s.Selection.All() {
		return nil
	}
	if s.Source != Events {
		return refusal("events", "only events can be selected")
	}
	_, err := selection.Compile(&s.Selection)
	if wrong, ok := errors.AsType[*selection.FieldError](err); ok {
		return refusal(wrong.Field, "%w", wrong.Err)
	}
	return err
}
