package pipelineapi

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// drawCreation draws a form that create takes, of parameters that do not exclude each other.
func drawCreation(t *rapid.T) url.Values {
	kind := rapid.SampledFrom(Types).Draw(t, "type")
	form := url.Values{"type": {string(kind)}}
	set := func(name string, values ...string) {
		if rule, takes := Named(name).Types[kind]; takes && rapid.Bool().Draw(t, "give "+name) {
			if len(values) == 0 {
				values = rule.Values
			}
			form.Set(name, rapid.SampledFrom(values).Draw(t, name))
		}
	}
	some := func(name string) {
		if rapid.Bool().Draw(t, "give "+name) {
			form[name] = rapid.SliceOfNDistinct(rapid.StringMatching(`[^\x00\x{fffd}]{1,8}`), 1, 4, rapid.ID[string]).Draw(t, name)
		}
	}
	set("data_source")
	events := form.Get("data_source") == "" || form.Get("data_source") == "events"
	set("data_format")
	set("frequency")
	if form.Get("frequency") == "continuous" {
		set("interval", "100ms", "5s", "1h30m0s")
	}
	set("name", "archive", "a-1_b")
	set("s3_prefix", "a", "a/b.c")
	if events {
		set("schema_type")
		set("sync", "true", "false")
		set("milliseconds", "true", "false")
		form.Set("from_date", rapid.SampledFrom([]string{"1970-01-02", "2019-08-10", "2026-02-28"}).Draw(t, "from_date"))
		set("to_date", "2026-02-28", "2027-12-31")
		some(rapid.SampledFrom([]string{"events", "exclude_events"}).Draw(t, "events"))
		some(rapid.SampledFrom([]string{"properties", "exclude_properties"}).Draw(t, "properties"))
		set("where", `properties["<&>"] > 1`, `"é" in event["$time"] or not defined(properties["a"])`)
	}
	if kind == pipeline.TypeJSON {
		set("table", "t", "mp_master_event")
	}
	if rapid.Bool().Draw(t, "AWS") {
		form.Set("s3_bucket", "bucket-1")
		form.Set("s3_region", rapid.SampledFrom(regions[:5]).Draw(t, "s3_region"))
		form.Set("s3_role", s3Role)
		set("s3_encryption")
		if form.Get("s3_encryption") == "kms" {
			set("s3_kms_key_id", kmsKey)
		}
		set("s3_path_style", "true", "false")
		if kind != pipeline.TypeRaw && rapid.Bool().Draw(t, "Glue") {
			form.Set("use_glue", "true")
			form.Set("glue_database", "mixpanel")
			form.Set("glue_role", glueRole)
			set("glue_table_prefix", "p_")
			set("glue_region", "eu-west-1")
			set("glue_catalog_id", "123456789012")
			if rapid.Bool().Draw(t, "Redshift") {
				form.Set(rapid.SampledFrom([]string{"redshift_workgroup", "redshift_cluster"}).Draw(t, "warehouse"), "analytics")
				form.Set("redshift_database", "dev")
				form.Set("redshift_role", redshiftRole)
				set("redshift_schema", "mixpanel")
				some("redshift_grant_usage")
			}
		}
	} else {
		set("use_glue", "true")
	}
	return form
}

// texts writes a member of a shown pipeline as a parameter's values.
func texts(value any) (all []string) {
	list, ok := value.([]any)
	if !ok {
		return []string{fmt.Sprint(value)}
	}
	for _, v := range list {
		all = append(all, v.(string))
	}
	return all
}

// TestWhatCreateTookShowGivesBack draws creations of all types: every parameter that was given is shown with the value that was given.
func TestWhatCreateTookShowGivesBack(t *testing.T) {
	h := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		form := drawCreation(rt)
		answer := h.must("create", form)
		name := answer["pipeline_names"].([]any)[0].(string)
		shown := h.must("show", url.Values{"name": {name}})
		for parameter, values := range form {
			var want any = values[0]
			switch Named(parameter).Kind {
			case Bool:
				want = values[0] == "true"
			case List:
				var all []any
				for _, v := range values {
					all = append(all, v)
				}
				want = all
			}
			got, ok := shown[parameter]
			if !ok && want == false {
				continue
			}
			require.Equal(rt, want, got, parameter)
		}
		// What is shown makes the same pipeline again.
		h.must("cancel", url.Values{"name": {name}})
		h.must("delete", url.Values{"name": {name}})
		again := url.Values{}
		for parameter, value := range shown {
			if p := Named(parameter); p != nil {
				if _, takes := p.Types[pipeline.Type(form.Get("type"))]; takes {
					again[parameter] = texts(value)
				}
			}
		}
		name = h.must("create", again)["pipeline_names"].([]any)[0].(string)
		repeated := h.must("show", url.Values{"name": {name}})
		for _, changing := range []string{"id", "created"} {
			delete(shown, changing)
			delete(repeated, changing)
		}
		require.Equal(rt, shown, repeated)
		h.must("cancel", url.Values{"name": {name}})
		h.must("delete", url.Values{"name": {name}})
	})
}

func TestTheDispatcherIsLiveOnceWhatHadArrivedBeforeIsExported(t *testing.T) {
	for _, c := range []struct {
		name                        string
		published, target, backfill int
		to, want                    string
	}{
		{"nothing was done yet", 0, 0, 0, "", "backfill"},
		{"what had arrived before is being exported", 3, 9, 9, "", "backfill"},
		{"more has arrived meanwhile", 3, 12, 9, "", "backfill"},
		{"all is exported", 9, 9, 9, "", "live"},
		{"a later run is under way", 9, 12, 9, "", "live"},
		{"days that have an end", 9, 9, 9, "2026-08-01", "backfill"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			h.create("type", "json", "to_date", c.to)
			_, err := h.db.Exec(t.Context(), `UPDATE pipeline SET published = ?, target = ?, backfill = ?`, c.published, c.target, c.backfill)
			require.NoError(t, err)
			jobs := h.must("jobs", nil)[itoa(shopID)].([]any)
			require.Equal(t, c.want, jobs[0].(map[string]any)["Dispatcher"])
		})
	}
}
