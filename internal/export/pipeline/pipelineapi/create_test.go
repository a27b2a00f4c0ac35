package pipelineapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	s3Role       = "arn:aws:iam::123456789012:role/example-s3-role"
	glueRole     = "arn:aws:iam::123456789012:role/example-glue-role"
	redshiftRole = "arn:aws:iam::123456789012:role/example-redshift-role"
	kmsKey       = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// with returns a form with parameters replaced, added, or removed where the value is "-".
func with(form url.Values, list ...string) url.Values {
	all := url.Values{}
	for name, values := range form {
		all[name] = values
	}
	for i := 0; i < len(list); i += 2 {
		if list[i+1] == "-" {
			all.Del(list[i])
			continue
		}
		all.Set(list[i], list[i+1])
	}
	return all
}

var (
	// rawForm is the example of Mixpanel's page on raw pipelines to AWS, awsForm one of all that schematized ones must have.
	rawForm = pairs("type", "s3-raw", "from_date", "2019-08-10", "s3_bucket", "example-s3-export", "s3_region", "us-west-2", "s3_prefix", "test",
		"s3_role", s3Role, "s3_encryption", "aes")
	awsForm = pairs("type", "aws", "from_date", "2026-02-01", "sync", "true", "schema_type", "monoschema", "s3_bucket", "example-s3-export",
		"s3_region", "us-west-2", "s3_role", s3Role)
	glueForm     = with(awsForm, "use_glue", "true", "glue_database", "mixpanel", "glue_role", glueRole)
	redshiftForm = with(glueForm, "redshift_workgroup", "analytics", "redshift_database", "dev", "redshift_role", redshiftRole)
	jsonForm     = pairs("type", "json")
)

func TestWhatCreateTakes(t *testing.T) {
	type shown map[string]any
	for _, c := range []struct {
		name string
		form url.Values
		want shown // members of the pipeline as shown; nil ones are absent
	}{
		{"the documents' raw example", rawForm, shown{
			"type": "s3-raw", "data_source": "events", "data_format": "json", "frequency": "daily", "from_date": "2019-08-10", "to_date": nil,
			"s3_bucket": "example-s3-export", "s3_prefix": "test", "s3_region": "us-west-2", "s3_role": s3Role, "s3_encryption": "aes", "use_glue": false,
			"name": "events-daily-s3-raw", "state": "active",
		}},
		{"a schematized pipeline with the defaults", with(awsForm, "sync", "-", "schema_type", "-"), shown{
			"schema_type": "monoschema", "sync": nil, "data_format": "json", "s3_encryption": "none", "use_glue": false, "name": "events-daily-aws-monoschema",
		}},
		{"sync", awsForm, shown{"sync": true}},
		{"multischema", with(awsForm, "schema_type", "multischema"), shown{"schema_type": "multischema", "name": "events-daily-aws-multischema"}},
		{"parquet", with(awsForm, "data_format", "parquet"), shown{"data_format": "parquet"}},
		{"an hourly pipeline", with(awsForm, "frequency", "hourly"), shown{"frequency": "hourly", "name": "events-hourly-aws-monoschema"}},
		{"a range of dates", with(awsForm, "to_date", "2026-02-28"), shown{"from_date": "2026-02-01", "to_date": "2026-02-28"}},
		{"an empty end", with(awsForm, "to_date", ""), shown{"to_date": nil}},
		{"everything", with(awsForm, "from_date", "1970-01-01"), shown{"from_date": nil}},
		{"one event", with(awsForm, "events", "Signed up"), shown{"events": []any{"Signed up"}}},
		{"an event named twice", url.Values{"type": {"json"}, "events": {"a", "b,c", "a"}}, shown{"events": []any{"a", "b,c"}}},
		{"events as some clients mark lists", url.Values{"type": {"json"}, "events[]": {"a", "b"}}, shown{"events": []any{"a", "b"}}},
		{"no events in particular", with(awsForm, "events", ""), shown{"events": nil}},
		{"an expression", with(awsForm, "where", `properties["plan"] == "pro"`), shown{"where": `properties["plan"] == "pro"`}},
		{"a KMS key", with(awsForm, "s3_encryption", "kms", "s3_kms_key_id", kmsKey), shown{"s3_encryption": "kms", "s3_kms_key_id": kmsKey}},
		{"the account's KMS key", with(awsForm, "s3_encryption", "kms"), shown{"s3_encryption": "kms", "s3_kms_key_id": nil}},
		{"raw events of all days", with(rawForm, "from_date", "1970-01-01"), shown{"from_date": nil}},
		{"a prefix that only a local bucket keeps for itself", with(awsForm, "s3_prefix", ".staging"), shown{"s3_prefix": ".staging"}},
		{"slashes around a prefix", with(awsForm, "s3_prefix", "/a/b/"), shown{"s3_prefix": "a/b"}},
		{"me-south-1 for raw pipelines", with(rawForm, "s3_region", "me-south-1"), shown{"s3_region": "me-south-1"}},
		{"Glue", with(glueForm, "glue_table_prefix", "prod_"), shown{
			"use_glue": true, "glue_database": "mixpanel", "glue_role": glueRole, "glue_table_prefix": "prod_", "glue_region": "us-west-2",
		}},
		{"a boolean as Python writes it", with(glueForm, "use_glue", "True"), shown{"use_glue": true}},
		{"Glue in another account", with(glueForm, "glue_catalog_id", "210987654321", "glue_region", "us-east-1"), shown{
			"glue_catalog_id": "210987654321", "glue_region": "us-east-1",
		}},
		{"Redshift", with(redshiftForm, "redshift_grant_usage", "IAM:analyst"), shown{
			"redshift_workgroup": "analytics", "redshift_database": "dev", "redshift_role": redshiftRole, "redshift_region": "us-west-2",
			"redshift_schema": "mp_json_export", "redshift_grant_usage": []any{"IAM:analyst"},
		}},
		{"a cluster", with(redshiftForm, "redshift_workgroup", "-", "redshift_cluster", "c-1", "redshift_db_user", "exporter", "redshift_schema", "mixpanel"), shown{
			"redshift_cluster": "c-1", "redshift_db_user": "exporter", "redshift_schema": "mixpanel",
		}},
		{"JSON pipelines with the defaults", jsonForm, shown{
			"type": "json", "data_source": "events", "data_format": "json", "frequency": "daily", "from_date": nil, "s3_bucket": "lake", "s3_prefix": "",
			"use_glue": true, "glue_database": "mp_2195193", "table": "mp_master_event", "name": "events-daily-json-1", "s3_region": nil,
		}},
		{"JSON pipelines of people", with(jsonForm, "data_source", "people"), shown{"table": "mp_people_data"}},
		{"JSON pipelines of identity mappings", with(jsonForm, "data_source", "identities"), shown{"table": "mp_identity_mappings_data"}},
		{"a continuous pipeline", with(jsonForm, "frequency", "continuous", "interval", "1m30s"), shown{"frequency": "continuous", "interval": "1m30s"}},
		{"a continuous schematized pipeline", with(awsForm, "frequency", "continuous"), shown{"interval": "1m0s"}},
		{"filters", url.Values{
			"type": {"json"}, "exclude_events": {"Heartbeat"}, "properties": {"plan", "$city"}, "milliseconds": {"true"}, "table": {"t"}, "s3_prefix": {"p"},
		}, shown{"exclude_events": []any{"Heartbeat"}, "properties": []any{"plan", "$city"}, "milliseconds": true, "table": "t", "s3_prefix": "p"}},
		{"properties to leave out", with(jsonForm, "exclude_properties", "$email"), shown{"exclude_properties": []any{"$email"}}},
		{"a JSON pipeline to a bucket of AWS", with(jsonForm, "s3_bucket", "b", "s3_region", "eu-central-2"), shown{"s3_region": "eu-central-2", "use_glue": false}},
		{"an S3-compatible service", with(jsonForm, "s3_bucket", "b", "s3_endpoint", "https://minio.example.com:9000", "s3_path_style", "true"), shown{
			"s3_endpoint": "https://minio.example.com:9000", "s3_path_style": true, "s3_role": nil, "use_glue": true, "glue_database": "mp_2195193",
		}},
		{"a schematized pipeline to an S3-compatible service", pairs("type", "aws", "from_date", "2026-01-01", "s3_bucket", "b", "s3_endpoint", "http://127.0.0.1:9000"), shown{
			"s3_bucket": "b", "use_glue": true, "glue_database": "mp_2195193",
		}},
		{"another name", with(awsForm, "name", "archive"), shown{"name": "archive"}},
		{"the lake by its name", with(jsonForm, "s3_bucket", "lake"), shown{"use_glue": true}},
		{"the lake without the catalog", with(jsonForm, "use_glue", "false"), shown{"use_glue": false, "glue_database": nil}},
		{"a schematized pipeline to the lake", pairs("type", "aws", "from_date", "2026-01-01"), shown{
			"s3_bucket": "lake", "use_glue": true, "glue_database": "mp_2195193",
		}},
		{"a raw pipeline to the lake", pairs("type", "s3-raw", "from_date", "2026-01-01"), shown{"s3_bucket": "lake", "use_glue": false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			names := h.must("create", c.form)["pipeline_names"].([]any)
			require.Len(t, names, 1)
			got := h.must("show", url.Values{"name": {names[0].(string)}})
			for member, want := range c.want {
				require.Equal(t, want, got[member], member)
			}
		})
	}
}

func TestWhatCreateRefuses(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		name      string
		form      url.Values
		parameter string
		says      string
	}{
		{"no type", pairs("from_date", "2026-01-01"), "type", "type: is missing: use json, aws or s3-raw"},
		{"an unknown type", with(awsForm, "type", "awz"), "type", `type: "awz" is unknown: use json, aws or s3-raw`},
		{"a type of another cloud", with(awsForm, "type", "bigquery"), "type", `type: "bigquery" is not supported, Refract exports to S3, Glue and Redshift: use json, aws or s3-raw`},
		{"a misspelt filter", with(awsForm, "event", "a"), "event", "event: there is no such parameter of create: did you mean events?"},
		{"a parameter that is nothing like one", with(awsForm, "bq_share_with_group", "a"), "bq_share_with_group", "bq_share_with_group: there is no such parameter of create: it takes project_id, type, "},
		{"a parameter of another type", with(rawForm, "use_glue", "true"), "use_glue", "use_glue: pipelines of the type s3-raw do not take it"},
		{"a schema for raw events", with(rawForm, "schema_type", "monoschema"), "schema_type", "pipelines of the type s3-raw do not take it"},
		{"sync of raw events", with(rawForm, "sync", "true"), "sync", "pipelines of the type s3-raw do not take it"},
		{"a table of a schematized pipeline", with(awsForm, "table", "t"), "table", "pipelines of the type aws do not take it"},
		{"a parameter given twice", url.Values{"type": {"aws", "json"}}, "type", "type: is given 2 times: give it once"},
		{"no from_date", with(awsForm, "from_date", "-"), "from_date", "from_date: is missing: the first day to export, YYYY-MM-DD"},
		{"no from_date of raw events", with(rawForm, "from_date", ""), "from_date", "from_date: is missing"},
		{"a date that is none", with(awsForm, "from_date", "yesterday"), "from_date", `from_date: "yesterday" is no date from 1970-01-01 on: use YYYY-MM-DD`},
		{"a day that does not exist", with(awsForm, "to_date", "2026-02-30"), "to_date", `to_date: "2026-02-30" is no date`},
		{"a date before the epoch", with(awsForm, "from_date", "1969-12-31"), "from_date", "is no date from 1970-01-01 on"},
		{"an end before the beginning", with(awsForm, "to_date", "2026-01-31"), "to_date", "to_date: 2026-01-31 lies before from_date 2026-02-01"},
		{"raw people", with(rawForm, "data_source", "people"), "data_source", `data_source: "people" is not possible with the type s3-raw: use events`},
		{"identities without people", with(awsForm, "data_source", "identities"), "data_source", "with the type aws: use events or people"},
		{"an unknown source", with(jsonForm, "data_source", "planets"), "data_source", "use events, people or identities"},
		{"raw parquet", with(rawForm, "data_format", "parquet"), "data_format", "with the type s3-raw: use json"},
		{"an unknown format", with(awsForm, "data_format", "xml"), "data_format", "use json or parquet"},
		{"an unknown schema", with(awsForm, "schema_type", "star"), "schema_type", "use monoschema or multischema"},
		{"multischema of people", with(awsForm, "data_source", "people", "schema_type", "multischema"), "schema_type", "schema_type: people are always monoschema"},
		{"people up to a date", with(awsForm, "data_source", "people", "to_date", "2026-03-01"), "to_date", "to_date: people are exported whole by every run: leave it out"},
		{"JSON people from a date", with(jsonForm, "data_source", "people", "from_date", "2026-03-01"), "from_date", "from_date: people are exported whole"},
		{"people by an expression", with(awsForm, "data_source", "people", "where", "true"), "where", "where: only events can be selected"},
		{"an unknown frequency", with(awsForm, "frequency", "weekly"), "frequency", "use daily, hourly or continuous"},
		{"continuous raw events", with(rawForm, "frequency", "continuous"), "frequency", "with the type s3-raw: use daily or hourly"},
		{"an interval of a daily pipeline", with(jsonForm, "interval", "1m"), "interval", "interval: only continuous pipelines have one"},
		{"an interval that is none", with(jsonForm, "frequency", "continuous", "interval", "soon"), "interval", `interval: "soon" is no duration: use such as 500ms, 10s or 5m`},
		{"an interval that is too short", with(jsonForm, "frequency", "continuous", "interval", "1ms"), "interval", "interval: 1ms is not between 100ms and 24h"},
		{"a boolean that is none", with(awsForm, "sync", "yes"), "sync", `sync: "yes" is neither true nor false`},
		{"an expression that ends too early", with(awsForm, "where", `properties["plan"] ==`), "where", "at position 22"},
		{"an empty name among events", url.Values{"type": {"json"}, "events": {"a", ""}}, "events", "events: one of the 2 names is empty"},
		{"events to export and to leave out", with(jsonForm, "events", "a", "exclude_events", "b"), "exclude_events", "not both"},
		{"properties to export and to leave out", with(jsonForm, "properties", "a", "exclude_properties", "b"), "exclude_properties", "not both"},
		{"no bucket", with(awsForm, "s3_bucket", "-"), "s3_bucket", "s3_bucket: is missing: give s3_bucket, s3_region and s3_role, or none of them for the installation's own lake"},
		{"no region", with(awsForm, "s3_region", "-"), "s3_region", "s3_region: is missing"},
		{"no role", with(rawForm, "s3_role", "-"), "s3_role", "s3_role: is missing"},
		{"a bucket of AWS alone", pairs("type", "s3-raw", "from_date", "2026-01-01", "s3_bucket", "b"), "s3_region", "s3_region: is missing"},
		{"me-south-1 for schematized pipelines", with(awsForm, "s3_region", "me-south-1"), "s3_region", `s3_region: "me-south-1" is not possible with the type aws: use us-east-1, `},
		{"a region that does not exist", with(rawForm, "s3_region", "us-west-9"), "s3_region", "sa-east-1 or me-south-1"},
		{"a role that is none", with(awsForm, "s3_role", "admin"), "s3_role", "arn:aws:iam::<account>:role/<name>"},
		{"a prefix that climbs", with(awsForm, "s3_prefix", "a/../b"), "s3_prefix", "s3_prefix: "},
		{"a prefix that the lake keeps for itself", with(jsonForm, "s3_prefix", "/.staging/a"), "s3_prefix", `s3_prefix: "/.staging/a" is where the installation's own lake keeps`},
		{"an unknown encryption", with(awsForm, "s3_encryption", "rot13"), "s3_encryption", "use none, aes or kms"},
		{"a key without KMS", with(awsForm, "s3_encryption", "aes", "s3_kms_key_id", kmsKey), "s3_kms_key_id", "s3_kms_key_id: only the encryption kms has a key"},
		{"an endpoint that is no address", with(jsonForm, "s3_bucket", "b", "s3_endpoint", "minio"), "s3_endpoint", "s3_endpoint: "},
		{"Glue without a database", with(glueForm, "glue_database", "-"), "glue_database", "glue_database: is missing"},
		{"Glue without a role", with(glueForm, "glue_role", "-"), "glue_role", "glue_role: is missing"},
		{"a database without Glue", with(awsForm, "glue_database", "mixpanel"), "use_glue", "use_glue: is false"},
		{"a database in capitals", with(glueForm, "glue_database", "Mixpanel"), "glue_database", "lower-case"},
		{"a table prefix with a hyphen", with(glueForm, "glue_table_prefix", "a-"), "glue_table_prefix", "lower-case"},
		{"a warehouse without a role", with(redshiftForm, "redshift_role", "-"), "redshift_role", "redshift_role: is missing"},
		{"a warehouse without a database", with(redshiftForm, "redshift_database", "-"), "redshift_database", "redshift_database: is missing"},
		{"two warehouses", with(redshiftForm, "redshift_cluster", "c"), "redshift_cluster", "not both"},
		{"a warehouse without Glue", with(awsForm, "redshift_workgroup", "w", "redshift_database", "d", "redshift_role", redshiftRole), "use_glue", "use_glue: "},
		{"a schema without a warehouse", with(glueForm, "redshift_schema", "s"), "redshift_schema", "redshift_schema: has no effect without redshift_workgroup or redshift_cluster"},
		{"a database user of a workgroup", with(redshiftForm, "redshift_db_user", "u"), "redshift_db_user", "redshift_db_user: only a cluster has database users to name"},
		{"a database user beside a secret", with(redshiftForm, "redshift_workgroup", "-", "redshift_cluster", "c", "redshift_db_user", "u", "redshift_secret_arn", "arn:x"), "redshift_db_user", "leave one of them out"},
		{"a warehouse over the embedded catalog", with(jsonForm, "s3_bucket", "b", "s3_endpoint", "http://127.0.0.1:9000", "redshift_workgroup", "w"), "glue_region", "glue_region: is missing: Redshift finds tables in the AWS Glue Data Catalog only"},
		{"a line break in a name", with(redshiftForm, "redshift_schema", "a\nb"), "redshift_schema", "holds a control character"},
		{"encryption of the lake", with(jsonForm, "s3_encryption", "aes"), "s3_encryption", "s3_encryption: has no effect on the installation's own lake"},
		{"a role for the embedded catalog", with(jsonForm, "glue_role", glueRole), "glue_role", "has no effect on the installation's own lake"},
		{"a warehouse for the embedded catalog", with(jsonForm, "redshift_workgroup", "w"), "redshift_workgroup", "has no effect on the installation's own lake"},
		{"milliseconds of people", with(jsonForm, "data_source", "people", "milliseconds", "true"), "milliseconds", "milliseconds: "},
		{"a name with a space", with(awsForm, "name", "my pipeline"), "name", "name: "},
		{"events of a trial", with(awsForm, "trial", "true", "events", "a"), "trial", "trial: a trial exports all events"},
		{"multischema of a trial", with(awsForm, "trial", "true", "schema_type", "multischema"), "trial", "trial: "},
		{"another project", with(awsForm, "project_id", "8"), "", "Mismatch between project secret's project ID and URL project ID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text, parameter := h.refused("create", c.form)
			if c.parameter != "" {
				require.Equal(t, http.StatusBadRequest, status)
				require.Equal(t, c.parameter, parameter, text)
			}
			require.Contains(t, text, c.says)
			require.Empty(t, h.must("list", nil)["pipelines"], "nothing was made")
		})
	}
}

func TestAnInstallationWithAWayToBucketsNeedsOnlyTheirNames(t *testing.T) {
	h := open(t)
	_, _, parameter := h.refused("create", with(jsonForm, "s3_bucket", "remote"))
	require.Equal(t, "s3_region", parameter)
	h.serve(Config{Preset: true})
	h.must("create", with(jsonForm, "s3_bucket", "remote"))
	p := h.must("show", pairs("name", "events-daily-json-1"))
	require.Equal(t, "remote", p["s3_bucket"])
	require.Equal(t, "mp_2195193", p["glue_database"])
}

func TestAPipelineOfPeopleComesWithOneOfIdentityMappings(t *testing.T) {
	h := open(t)
	names := h.create("type", "aws", "data_source", "people", "from_date", "2026-01-01", "sync", "true", "schema_type", "monoschema")
	require.Equal(t, []string{"people-daily-aws-monoschema", "identities-daily-aws-monoschema"}, names)
	identities := h.must("show", pairs("name", names[1]))
	require.Equal(t, "identities", identities["data_source"])
	require.Equal(t, h.must("show", pairs("name", names[0]))["id"], identities["companion_of"])
	h.must("pause", pairs("name", names[0]))
	require.Equal(t, "paused", h.must("show", pairs("name", names[1]))["state"], "both change together")
}

func TestTrials(t *testing.T) {
	t.Run("a schematized one exports events and people", func(t *testing.T) {
		h := open(t)
		names := h.create("type", "aws", "trial", "true", "sync", "true", "schema_type", "monoschema", "frequency", "hourly", "from_date", "2019-01-01",
			"to_date", "2019-02-01", "data_source", "people")
		require.Equal(t, []string{"trial-events-daily-aws-monoschema", "trial-people-daily-aws-monoschema", "trial-identities-daily-aws-monoschema"}, names)
		p := h.must("show", pairs("name", names[0]))
		require.Equal(t, "2026-08-02", p["from_date"], "the day before, in the project's time zone")
		require.Equal(t, "2026-08-31", p["to_date"], "30 days")
		require.Equal(t, "daily", p["frequency"])
		require.Nil(t, p["sync"])
		require.Equal(t, true, p["trial"])
	})
	t.Run("a raw one exports events only", func(t *testing.T) {
		h := open(t)
		require.Equal(t, []string{"trial-events-daily-s3-raw"}, h.create("type", "s3-raw", "trial", "true"))
	})
	t.Run("none is made unless all are", func(t *testing.T) {
		h := open(t)
		h.create("type", "aws", "data_source", "people", "from_date", "2026-01-01")
		_, text, _ := h.refused("create", pairs("type", "aws", "trial", "true"))
		require.Contains(t, text, "the same")
		require.Len(t, h.must("list", nil)["pipelines"], 2)
	})
}

func TestACreationThatIsRepeatedMakesNoSecondPipeline(t *testing.T) {
	h := open(t)
	h.must("create", awsForm)
	status, text, _ := h.refused("create", awsForm)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, text, "pipeline events-daily-aws-monoschema writes tables of events to the same folder")
}

func TestPipelinesAreDueOnlyOnceWhatHasArrivedCanBeExported(t *testing.T) {
	h := open(t)
	var waits int
	h.serve(Config{Arrived: func(context.Context) error {
		waits++
		all, err := h.store.List(t.Context(), shopID)
		require.NoError(t, err)
		require.Len(t, all, min(waits-1, 1), "nothing is made before")
		return nil
	}})
	name := h.must("create", jsonForm)["pipeline_names"].([]any)[0].(string)
	require.Equal(t, 1, waits)
	h.must("run", pairs("name", name))
	require.Equal(t, 2, waits)
	h.must("jobs", pairs())
	require.Equal(t, 2, waits, "calls that make nothing due do not wait")

	h.serve(Config{Arrived: func(context.Context) error {
		return fault.New(fault.Transient, "asking the log", "", errors.New("no"), "")
	}})
	status, body := h.post("create", with(jsonForm, "table", "other"))
	require.Equal(t, http.StatusServiceUnavailable, status, body)
	all, err := h.store.List(t.Context(), shopID)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

// TestOtherDestinationsAreNotSupported sends what Mixpanel's reference requires for each of them (Mixpanel, pipelines API, create).
func TestOtherDestinationsAreNotSupported(t *testing.T) {
	schematized := func(list ...string) url.Values {
		return pairs(append(list, "sync", "true", "schema_type", "monoschema")...)
	}
	requests := map[string]url.Values{
		"gcs-raw":    pairs("gcs_bucket", "b", "gcs_region", "US"),
		"gcs-schema": schematized("gcs_bucket", "b", "gcs_region", "US", "gcs_prefix", "p"),
		"azure-raw": pairs("storage_account", "a", "container_name", "c", "client_id", "i", "client_secret", "s", "tenant_id", "t",
			"prefix", "p"),
		"azure-blob": schematized("storage_account", "a", "container_name", "c", "client_id", "i", "client_secret", "s", "tenant_id", "t"),
		"bigquery":   schematized("bq_region", "US", "gcp_project", "g", "bq_dataset_name", "d"),
		"snowflake": schematized("snowflake_account_name", "a", "snowflake_warehouse", "w", "snowflake_storage_integration", "i",
			"snowflake_user", "u", "snowflake_password", "p", "snowflake_role", "r", "snowflake_database", "d", "snowflake_schema", "s", "snowflake_prefix", "x"),
		"databricks": schematized("databricks_server_hostname", "h"),
	}
	require.Len(t, requests, len(others))
	for kind, form := range requests {
		t.Run(kind, func(t *testing.T) {
			h := open(t)
			status, text, parameter := h.refused("create", with(form, "type", kind, "from_date", "2026-01-01"))
			require.Equal(t, http.StatusBadRequest, status)
			require.Equal(t, "type", parameter, text)
			require.Equal(t, `type: "`+kind+`" is not supported, Refract exports to S3, Glue and Redshift: use json, aws or s3-raw`, text)
		})
	}
}
