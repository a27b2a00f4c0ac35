package pipelineapi

import "github.com/refract-io/refract/internal/export/pipeline"

const (
	jsonType = pipeline.TypeJSON
	aws      = pipeline.TypeAWS
	raw      = pipeline.TypeRaw
)

// on makes the same rule for several types.
func on(r Rule, types ...pipeline.Type) map[pipeline.Type]Rule {
	m := map[pipeline.Type]Rule{}
	for _, t := range types {
		m[t] = r
	}
	return m
}

// everywhere makes the same rule for all types.
func everywhere(r Rule) map[pipeline.Type]Rule { return on(r, Types...) }

// regions are those that Mixpanel exports to. A schematized pipeline's lack me-south-1.
var regions = []string{
	"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1",
	"ap-southeast-2", "ap-south-1", "ca-central-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-north-1", "eu-west-1",
	"eu-west-2", "eu-west-3", "sa-east-1", "me-south-1",
}

// elsewhere is when a destination must be complete.
const elsewhere = "unless it is the lake"

// Parameters are those of create, and with that of edit, in the order of the documentation.
var Parameters = []*Parameter{
	{
		Name: "type", Kind: Text, Example: "aws", Types: everywhere(Rule{Values: []string{"json", "aws", "s3-raw"}, Extra: []string{"json"}, Required: true}),
		Doc:   "the kind of pipeline: `json` writes few columns and the properties as JSON text, `aws` a column per property (schematized), `s3-raw` lines as the raw export API does",
		field: func(s *pipeline.Spec) value { return textOf(&s.Type) },
	},
	{
		Name: "name", Kind: Text, Example: "events-to-finance", Types: everywhere(Rule{Default: "made of the other parameters"}),
		Ours: Types, Doc: "the pipeline's name, unique among the project's",
		field: func(s *pipeline.Spec) value { return textOf(&s.Name) },
	},
	{
		Name: "trial", Kind: Bool, Example: "true", Types: on(Rule{Default: "false"}, aws, raw),
		Doc:   "export 30 days, beginning the day before; see Trials",
		field: func(s *pipeline.Spec) value { return truthOf(&s.Trial) },
	},
	{
		Name: "data_source", flag: "source", Kind: Text, Example: "events",
		Types: map[pipeline.Type]Rule{
			jsonType: {Values: []string{"events", "people", "identities"}, Default: "events"},
			aws:      {Values: []string{"events", "people"}, Default: "events"},
			raw:      {Values: []string{"events"}, Default: "events"},
		},
		Doc:   "what is exported; a schematized pipeline of people comes with one of identity mappings",
		field: func(s *pipeline.Spec) value { return textOf(&s.Source) },
	},
	{
		Name: "data_format", flag: "format", Kind: Text, Example: "parquet",
		Types: map[pipeline.Type]Rule{
			jsonType: {Values: []string{"json"}, Default: "json"},
			aws:      {Values: []string{"json", "parquet"}, Default: "json"},
			raw:      {Values: []string{"json"}, Default: "json"},
		},
		Doc:   "the format of the files",
		field: func(s *pipeline.Spec) value { return textOf(&s.Format) },
	},
	{
		Name: "schema_type", flag: "schema", Kind: Text, Example: "monoschema", Types: on(Rule{Values: []string{"monoschema", "multischema"}, Default: "monoschema"}, aws),
		Doc:   "one table for all events, or one for each event name; events only",
		field: func(s *pipeline.Spec) value { return textOf(&s.SchemaType) },
	},
	{
		Name: "sync", Kind: Bool, Example: "true", Types: on(Rule{Default: "false"}, aws),
		Doc:   "replace whole days when late events come, so that each day is one set of files; without it a run adds files to the days",
		field: func(s *pipeline.Spec) value { return truthOf(&s.Sync) },
	},
	{
		Name: "from_date", flag: "from", Kind: Date, Example: "2026-01-01",
		Types: map[pipeline.Type]Rule{jsonType: {Default: "everything"}, aws: {Required: true}, raw: {Required: true}},
		Doc:   "the first event day to export, of any age: a day of UTC for `json`, of the project's time zone for the others. With `aws`, `1970-01-01` is everything. Not required for trials; people need none and take no notice of it",
		field: func(s *pipeline.Spec) value { return dateOf(&s.From) },
	},
	{
		Name: "to_date", flag: "to", Kind: Date, Example: "2026-01-31", Types: everywhere(Rule{Default: "no end"}),
		Doc:   "the last event day to export; events only",
		field: func(s *pipeline.Spec) value { return dateOf(&s.To) },
	},
	{
		Name: "frequency", Kind: Text, Example: "hourly",
		Types: map[pipeline.Type]Rule{
			jsonType: {Values: []string{"daily", "hourly", "continuous"}, Default: "daily"},
			aws:      {Values: []string{"daily", "hourly", "continuous"}, Extra: []string{"continuous"}, Default: "daily"},
			raw:      {Values: []string{"daily", "hourly"}, Default: "daily"},
		},
		Doc:   "when runs start: at 00:30 of the project's time zone, half past each hour, or as soon as something new is stored",
		field: func(s *pipeline.Spec) value { return textOf(&s.Frequency) },
	},
	{
		Name: "interval", Kind: Duration, Example: "10s", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "1s for events, 1m for people, identities and sync"}, jsonType, aws),
		Doc:   "the shortest time between two runs of a continuous pipeline",
		field: func(s *pipeline.Spec) value { return durationOf(&s.Interval) },
	},
	{
		Name: "events", Kind: List, Example: "Signed up", Edit: Types, Types: everywhere(Rule{Default: "all"}),
		Doc:   "the names of the events to export; repeat it for each",
		field: func(s *pipeline.Spec) value { return namesOf(&s.Selection.Events) },
	},
	{
		Name: "exclude_events", Kind: List, Example: "Heartbeat", Edit: Types, Ours: []pipeline.Type{aws, raw}, Types: everywhere(Rule{Default: "none"}),
		Doc:   "the names of the events to leave out, instead of `events`",
		field: func(s *pipeline.Spec) value { return namesOf(&s.Selection.ExcludeEvents) },
	},
	{
		Name: "where", Kind: Text, Example: `properties["plan"] == "pro"`, Edit: Types, Types: everywhere(Rule{Default: "all"}),
		Doc:   "a selector expression that events must match; events only",
		field: func(s *pipeline.Spec) value { return textOf(&s.Selection.Where) },
	},
	{
		Name: "properties", Kind: List, Example: "plan", Edit: Types, Ours: []pipeline.Type{aws, raw}, Types: everywhere(Rule{Default: "all"}),
		Doc:   "the names of the event properties to export; time and ids always are",
		field: func(s *pipeline.Spec) value { return namesOf(&s.Selection.Properties) },
	},
	{
		Name: "exclude_properties", Kind: List, Example: "$email", Edit: Types, Ours: []pipeline.Type{aws, raw}, Types: everywhere(Rule{Default: "none"}),
		Doc:   "the names of the event properties to leave out, instead of `properties`",
		field: func(s *pipeline.Spec) value { return namesOf(&s.Selection.ExcludeProperties) },
	},
	{
		Name: "milliseconds", Kind: Bool, Example: "true", Types: on(Rule{Default: "false"}, jsonType),
		Doc:   "add the column `time_ms` to events",
		field: func(s *pipeline.Spec) value { return truthOf(&s.Milliseconds) },
	},
	{
		Name: "table", Kind: Text, Example: "archived_events", Types: on(Rule{Default: "Mixpanel's name"}, jsonType),
		Doc:   "the name of the table and of its folder",
		field: func(s *pipeline.Spec) value { return textOf(&s.Table) },
	},
	{
		Name: "s3_bucket", Kind: Text, Example: "example-s3-export", Types: everywhere(Rule{Needed: elsewhere}),
		Doc:   "the bucket",
		field: func(s *pipeline.Spec) value { return textOf(&s.S3.Bucket) },
	},
	{
		Name: "s3_region", Kind: Text, Example: "us-west-2",
		Types: map[pipeline.Type]Rule{
			jsonType: {Needed: elsewhere},
			aws:      {Values: regions[:len(regions)-1], Needed: elsewhere},
			raw:      {Values: regions, Needed: elsewhere},
		},
		Doc:   "the bucket's region",
		field: func(s *pipeline.Spec) value { return textOf(&s.S3.Region) },
	},
	{
		Name: "s3_role", Kind: Text, Example: "arn:aws:iam::123456789012:role/example-s3-role",
		Types: map[pipeline.Type]Rule{jsonType: {Default: "the credentials of the service's surroundings"}, aws: {Needed: elsewhere}, raw: {Needed: elsewhere}},
		Doc:   "the ARN of the role to assume for writing; the project's token is sent as external id",
		field: func(s *pipeline.Spec) value { return textOf(&s.S3.Role) },
	},
	{
		Name: "s3_prefix", Kind: Text, Example: "mixpanel/export", Types: everywhere(Rule{Default: "none"}),
		Doc:   "put before the project's folder",
		field: func(s *pipeline.Spec) value { return textOf(&s.S3.Prefix) },
	},
	{
		Name: "s3_encryption", Kind: Text, Example: "kms", Types: everywhere(Rule{Values: []string{"none", "aes", "kms"}, Default: "none"}),
		Doc:   "how S3 encrypts the objects: as the bucket says, with S3's keys, or with a key of KMS",
		field: func(s *pipeline.Spec) value { return textOf(&s.S3.Encryption) },
	},
	{
		Name: "s3_kms_key_id", Kind: Text, Example: "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", Types: everywhere(Rule{Default: "the account's `aws/s3` key"}),
		Doc:   "the ARN of the key, with `s3_encryption=kms`",
		field: func(s *pipeline.Spec) value { return textOf(&s.S3.KMSKey) },
	},
	{
		Name: "s3_endpoint", Kind: Text, Example: "https://minio.example.com:9000", Ours: Types, Types: everywhere(Rule{Default: "AWS"}),
		Doc:   "the URL of an S3-compatible service; region and role are then as that service wants them",
		field: func(s *pipeline.Spec) value { return textOf(&s.S3.Endpoint) },
	},
	{
		Name: "s3_path_style", Kind: Bool, Example: "true", Ours: Types, Types: everywhere(Rule{Default: "false"}),
		Doc:   "name the bucket in the path of a request, not in its host",
		field: func(s *pipeline.Spec) value { return truthOf(&s.S3.PathStyle) },
	},
	{
		Name: "use_glue", Kind: Bool, Example: "true", Types: on(Rule{Default: "true for the embedded catalog, otherwise false"}, jsonType, aws),
		Doc:   "keep tables and partitions in the AWS Glue Data Catalog",
		field: func(s *pipeline.Spec) value { return truthOf(&s.Glue.Use) },
	},
	{
		Name: "glue_database", Kind: Text, Example: "mixpanel", Edit: []pipeline.Type{aws}, Types: on(Rule{Default: "`mp_<project_id>` in the embedded catalog", Needed: "with `use_glue` in AWS"}, jsonType, aws),
		Doc:   "the catalog's database",
		field: func(s *pipeline.Spec) value { return textOf(&s.Glue.Database) },
	},
	{
		Name: "glue_role", Kind: Text, Example: "arn:aws:iam::123456789012:role/example-glue-role", Edit: []pipeline.Type{aws}, Types: map[pipeline.Type]Rule{jsonType: {Default: "the credentials of the service's surroundings"}, aws: {Needed: "with `use_glue` in AWS"}},
		Doc:   "the ARN of the role to assume for the catalog",
		field: func(s *pipeline.Spec) value { return textOf(&s.Glue.Role) },
	},
	{
		Name: "glue_table_prefix", Kind: Text, Example: "prod_", Edit: []pipeline.Type{aws}, Types: on(Rule{Default: "none"}, jsonType, aws),
		Doc:   "put before the names of tables in the catalog",
		field: func(s *pipeline.Spec) value { return textOf(&s.Glue.TablePrefix) },
	},
	{
		Name: "glue_region", Kind: Text, Example: "us-west-2", Ours: Types, Types: on(Rule{Default: "`s3_region`"}, jsonType, aws),
		Doc:   "the catalog's region",
		field: func(s *pipeline.Spec) value { return textOf(&s.Glue.Region) },
	},
	{
		Name: "glue_catalog_id", Kind: Text, Example: "123456789012", Ours: Types, Types: on(Rule{Default: "the role's account"}, jsonType, aws),
		Doc:   "the account of the catalog",
		field: func(s *pipeline.Spec) value { return textOf(&s.Glue.CatalogID) },
	},
	{
		Name: "redshift_workgroup", Kind: Text, Example: "analytics", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "no warehouse"}, jsonType, aws),
		Doc:   "the name or ARN of the Redshift Serverless workgroup that gets the catalog's database as an external schema",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.Workgroup) },
	},
	{
		Name: "redshift_cluster", Kind: Text, Example: "analytics-1", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "no warehouse"}, jsonType, aws),
		Doc:   "the identifier of a provisioned cluster, instead of a workgroup",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.Cluster) },
	},
	{
		Name: "redshift_database", Kind: Text, Example: "dev", Ours: []pipeline.Type{aws}, Types: on(Rule{Needed: "with a warehouse"}, jsonType, aws),
		Doc:   "the warehouse's database",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.Database) },
	},
	{
		Name: "redshift_region", Kind: Text, Example: "us-west-2", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "the catalog's"}, jsonType, aws),
		Doc:   "the warehouse's region",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.Region) },
	},
	{
		Name: "redshift_role", Kind: Text, Example: "arn:aws:iam::123456789012:role/example-redshift-role", Ours: []pipeline.Type{aws}, Types: on(Rule{Needed: "with a warehouse"}, jsonType, aws),
		Doc:   "the ARN of the role to assume for the warehouse, which also reads catalog and bucket for it",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.Role) },
	},
	{
		Name: "redshift_schema", Kind: Text, Example: "mixpanel", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "`mp_json_export`"}, jsonType, aws),
		Doc:   "the name of the external schema",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.Schema) },
	},
	{
		Name: "redshift_grant_usage", Kind: List, Example: "IAM:analyst", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "nobody"}, jsonType, aws),
		Doc:   "a database user who may use the schema; repeat it for each",
		field: func(s *pipeline.Spec) value { return namesOf(&s.Redshift.GrantUsage) },
	},
	{
		Name: "redshift_db_user", Kind: Text, Example: "exporter", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "the user of the role"}, jsonType, aws),
		Doc:   "the database user of a provisioned cluster",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.DBUser) },
	},
	{
		Name: "redshift_secret_arn", Kind: Text, Example: "arn:aws:secretsmanager:us-west-2:123456789012:secret:redshift-AbCdEf", Ours: []pipeline.Type{aws}, Types: on(Rule{Default: "temporary credentials of the role"}, jsonType, aws),
		Doc:   "the secret with the warehouse's user name and password",
		field: func(s *pipeline.Spec) value { return textOf(&s.Redshift.SecretARN) },
	},
}
