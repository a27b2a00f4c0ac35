package pipelineapi

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The destinations that pipelines are made for in these tests: the lake, AWS, another server with the embedded catalog, and the same with Glue.
var (
	schematized = pairs("type", "aws", "from_date", "2026-01-01")
	splitForm   = with(schematized, "s3_bucket", "b", "s3_endpoint", "http://127.0.0.1:9000", "use_glue", "true", "glue_database", "mixpanel",
		"glue_region", "us-west-2", "glue_role", glueRole)
)

func TestEditKeepsToTheRulesOfCreate(t *testing.T) {
	for _, c := range []struct {
		name            string
		pipeline, edit  url.Values
		parameter, says string // "" where it is taken
		want            map[string]any
	}{
		{"a role for the catalog of the lake", schematized, pairs("glue_role", glueRole), "glue_role", "has no effect on the installation's own lake", nil},
		{"no role for the catalog of the lake", schematized, pairs("glue_role", ""), "", "", map[string]any{"glue_role": nil}},
		{"another database of the lake", schematized, pairs("glue_database", "shop"), "", "", map[string]any{"glue_database": "shop"}},
		{"the default database of the lake", with(schematized, "glue_database", "shop"), pairs("glue_database", ""), "", "", map[string]any{"glue_database": "mp_2195193"}},
		{"another prefix in the lake", schematized, pairs("glue_table_prefix", "p_"), "", "", map[string]any{"glue_table_prefix": "p_"}},
		{"a role for the embedded catalog of another server", with(schematized, "s3_bucket", "b", "s3_endpoint", "http://127.0.0.1:9000"), pairs("glue_role", glueRole), "glue_region", "glue_region: is missing: name the region", nil},
		{"the default database of another server", with(schematized, "s3_bucket", "b", "s3_endpoint", "http://127.0.0.1:9000", "glue_database", "d"), pairs("glue_database", ""), "", "", map[string]any{"glue_database": "mp_2195193"}},
		{"another role of Glue", glueForm, pairs("glue_role", s3Role), "", "", map[string]any{"glue_role": s3Role}},
		{"no role of Glue", glueForm, pairs("glue_role", ""), "glue_role", "glue_role: is missing", nil},
		{"no role of Glue where the way is known", splitForm, pairs("glue_role", ""), "", "", map[string]any{"glue_role": nil, "glue_region": "us-west-2"}},
		{"a role that is none", glueForm, pairs("glue_role", "admin"), "glue_role", "arn:aws:iam::<account>:role/<name>", nil},
		{"no database of Glue", glueForm, pairs("glue_database", ""), "glue_database", "glue_database: is missing", nil},
		{"a database in capitals", glueForm, pairs("glue_database", "Mixpanel"), "glue_database", "lower-case", nil},
		{"a role without Glue", awsForm, pairs("glue_role", glueRole), "use_glue", "use_glue: is false", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			name := h.create(flat(c.pipeline)...)[0]
			before := h.must("show", pairs("name", name))
			edit := with(c.edit, "name", name)
			if c.parameter != "" {
				status, text, parameter := h.refused("edit", edit)
				require.Equal(t, http.StatusBadRequest, status)
				require.Equal(t, c.parameter, parameter, text)
				require.Contains(t, text, c.says)
				require.Equal(t, before, h.must("show", pairs("name", name)), "nothing changed")
				return
			}
			h.must("edit", edit)
			after := h.must("show", pairs("name", name))
			for field, want := range c.want {
				require.Equal(t, want, after[field], field)
			}
		})
	}
}

// flat returns a form as names and values that follow each other.
func flat(form url.Values) []string {
	var list []string
	for name, values := range form {
		for _, v := range values {
			list = append(list, name, v)
		}
	}
	return list
}

// TestWhatAnEditMakesCreateWouldTake edits the catalog of a pipeline in random ways. Whether the edit is taken must not depend on whether the
// pipeline exists already.
func TestWhatAnEditMakesCreateWouldTake(t *testing.T) {
	forms := []url.Values{
		schematized, glueForm, awsForm, splitForm, with(schematized, "s3_bucket", "b", "s3_endpoint", "http://127.0.0.1:9000", "use_glue", "true", "glue_database", "d"),
	}
	h := open(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		form := with(rapid.SampledFrom(forms).Draw(t, "pipeline"), "s3_prefix", fmt.Sprint("p", n), "glue_table_prefix", fmt.Sprintf("t%d_", n))
		if form.Get("use_glue") == "" && form.Get("s3_region") != "" {
			form.Del("glue_table_prefix")
		}
		edit := url.Values{}
		for _, p := range []struct {
			name   string
			values []string
		}{
			{"glue_role", []string{"", glueRole, s3Role, "none"}}, {"glue_database", []string{"", "mixpanel", "shop", "Shop"}},
			{"glue_table_prefix", []string{fmt.Sprintf("x%d_", n), "X"}},
		} {
			if rapid.Bool().Draw(t, p.name) {
				edit.Set(p.name, rapid.SampledFrom(p.values).Draw(t, p.name+" value"))
			}
		}
		if len(edit) == 0 {
			return
		}
		status, body := h.post("create", with(form, "name", fmt.Sprint("edited-", n)))
		require.Equal(t, http.StatusOK, status, body)
		edited, text := h.post("edit", with(edit, "name", fmt.Sprint("edited-", n)))
		h.must("cancel", pairs("name", fmt.Sprint("edited-", n)))

		made := with(form, "name", fmt.Sprint("made-", n))
		for parameter, values := range edit {
			made[parameter] = values
		}
		created, other := h.post("create", made)
		require.Equal(t, created, edited, "create: %s, edit: %s", other, text)
		if created != http.StatusOK {
			require.Equal(t, other, text)
			return
		}
		h.must("cancel", pairs("name", fmt.Sprint("made-", n)))
	})
}
