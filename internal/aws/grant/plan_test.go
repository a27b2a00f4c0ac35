package grant_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/grant"
)

// another is a second pipeline of the project, changed, with the first one's roles.
func another(change ...func(*grant.Settings)) *grant.Settings {
	return settings(append([]func(*grant.Settings){func(s *grant.Settings) { s.Pipeline = "people-daily" }}, change...)...)
}

// Roles that pipelines have in common allow what either pipeline's own documents allow, and nothing else, whatever the pipelines are.
func TestTogetherPipelinesMayDoWhatEitherMayAndNoMore(t *testing.T) {
	changes := maps.Clone(variants)
	maps.Copy(changes, map[string]func(*grant.Settings){
		"another prefix":    func(s *grant.Settings) { s.S3.Prefix = "elsewhere" },
		"another bucket":    func(s *grant.Settings) { s.S3.Bucket = "other" },
		"other tables":      func(s *grant.Settings) { s.Glue.Tables = []string{"mp_people_data", "mp_identity_mappings_data"} },
		"another database":  func(s *grant.Settings) { s.Glue.Database = "other" },
		"another key":       func(s *grant.Settings) { s.S3.KMSKey = "arn:aws:kms:eu-central-1:123456789012:key/9999" },
		"another warehouse": func(s *grant.Settings) { s.Redshift.Database = "prod" },
	})
	names := slices.Sorted(maps.Keys(changes))
	rapid.Check(t, func(t *rapid.T) {
		pick := func(label string) *grant.Settings {
			return settings(changes[rapid.SampledFrom(names).Draw(t, label)], func(s *grant.Settings) {
				// The roles are the same in all, so that they are one.
				s.S3.Role = role("s3")
				if s.Glue != nil {
					s.Glue.Role = role("glue")
				}
				if s.Redshift != nil {
					s.Redshift.Role = role("redshift")
				}
			})
		}
		plan := grant.Plan{pick("one"), pick("two"), pick("three")}
		roles := plan.Roles(grant.Narrowed)
		together := permissionsOf(t, roles)
		var alone []permissions
		for _, s := range plan {
			alone = append(alone, permissionsOf(t, s.Roles(grant.Narrowed)))
		}
		requireSame := func(o operation) {
			want := slices.ContainsFunc(alone, func(p permissions) bool { return p.allow(o) })
			require.Equal(t, want, together.allow(o), "%s: %s on %s with %v", o.use, o.action, o.resource, o.context)
		}
		for _, r := range roles {
			for _, p := range r.Policies {
				sids := map[string]bool{}
				for _, s := range p.Document.Statement {
					require.False(t, sids[s.Sid], "the Sid %s is there twice", s.Sid)
					sids[s.Sid] = true
				}
			}
		}
		for _, s := range plan {
			for _, o := range operations(s) {
				requireSame(o)
			}
		}
		s := rapid.SampledFrom(plan).Draw(t, "whose")
		// What one may do on what another may do it on: neither action, resource nor condition leaks into the others' statements.
		var actions, resources []string
		contexts := []map[string][]string{nil}
		for _, s := range plan {
			for _, o := range operations(s) {
				actions, contexts = append(actions, string(o.use)+" "+o.action), append(contexts, o.context)
			}
			for _, r := range s.Roles(grant.Narrowed) {
				for _, p := range r.Policies {
					for _, st := range p.Document.Statement {
						for _, resource := range st.Resource {
							resources = append(resources, strings.ReplaceAll(resource, "*", "x"))
						}
						for _, keys := range st.Condition {
							for key, values := range keys {
								contexts = append(contexts, map[string][]string{strings.ToLower(key): {strings.ReplaceAll(values[0], "*", "x")}})
							}
						}
					}
				}
			}
		}
		for range 50 {
			use, action, _ := strings.Cut(rapid.SampledFrom(actions).Draw(t, "action"), " ")
			o := operation{grant.Use(use), action, rapid.SampledFrom(resources).Draw(t, "resource"), maps.Clone(rapid.SampledFrom(contexts).Draw(t, "context"))}
			if o.context == nil {
				o.context = map[string][]string{}
			}
			maps.Copy(o.context, rapid.SampledFrom(contexts).Draw(t, "more"))
			requireSame(o)
		}
		requireSame(outside(t, s, rapid.SampledFrom(operations(s)).Draw(t, "operation")))
	})
}

func TestTogetherPipelinesHaveOneRoleOfEachName(t *testing.T) {
	both := grant.Plan{settings(), another(func(s *grant.Settings) { s.Glue.Tables = []string{"mp_people_data"} })}
	roles := both.Roles(grant.Narrowed)
	require.Len(t, roles, 3)
	require.Equal(t, settings().Roles(grant.Narrowed)[0].Policies, roles[0].Policies, "what both have is there once")
	require.Equal(t, grant.Plan{settings()}.Roles(grant.Documented), grant.Plan{settings(), another()}.Roles(grant.Documented))

	planned := func(s *grant.Settings) { s.S3.Role, s.Account = "", "123456789012" }
	named := func(s *grant.Settings) { s.S3.Role = "arn:aws:iam::123456789012:role/refract-7-s3" }
	roles = grant.Plan{settings(planned), another(named)}.Roles(grant.Narrowed)
	require.Len(t, roles, 3)
	require.Equal(t, "arn:aws:iam::123456789012:role/refract-7-s3", roles[0].ARN, "the role that is there has the name that one to be made would have")

	other := another(func(s *grant.Settings) { s.S3.Bucket = "other" })
	documented := grant.Plan{settings(), other}.Roles(grant.Documented)
	require.Equal(t, []string{"refract-s3", "refract-kms", "refract-s3-2"}, policyNames(documented[0]), "the guides' documents stay as they are")

	shared := another(func(s *grant.Settings) { s.Redshift.Role = s.S3.Role })
	require.Len(t, grant.Plan{settings(), shared}.Roles(grant.Narrowed)[0].Trust.Document.Statement, 2, "Redshift assumes it for one of them")
}

func policyNames(r grant.Role) []string {
	var names []string
	for _, p := range r.Policies {
		names = append(names, p.Name)
	}
	return names
}

func TestCodeOfPipelinesTogetherHoldsTheirDocuments(t *testing.T) {
	plan := grant.Plan{settings(), another(func(s *grant.Settings) {
		s.Glue.Tables, s.S3.Prefix, s.LakeFormation = []string{"mp_people_data"}, "people", true
	})}
	want := map[[2]string]string{}
	for _, r := range plan.Roles(grant.Narrowed) {
		want[[2]string{r.Name, ""}] = r.Trust.Text
		for _, p := range r.Policies {
			want[[2]string{r.Name, p.Name}] = p.Text
		}
	}
	var code, template bytes.Buffer
	require.NoError(t, plan.Terraform(&code, grant.Narrowed))
	requireDocuments(t, want, terraformDocuments(t, code.Bytes()))
	require.NoError(t, plan.CloudFormation(&template, grant.Narrowed))
	requireDocuments(t, want, templateDocuments(t, template.Bytes()))
	for _, location := range []string{"arn:aws:s3:::lake/mixpanel/7", "arn:aws:s3:::lake/people/7"} {
		require.Contains(t, code.String(), `"`+location+`"`)
		require.Contains(t, template.String(), "ResourceArn: "+location)
	}
	for what, change := range map[string]func(*grant.Settings){
		"buckets":        func(s *grant.Settings) { s.S3.Bucket = "other" },
		"Glue databases": func(s *grant.Settings) { s.Glue.Database = "other" },
		"roles for glue": func(s *grant.Settings) { s.Glue.Role = role("other") },
	} {
		require.ErrorContains(t, grant.Plan{settings(), another(change)}.Terraform(&code, grant.Narrowed), "they have different "+what)
		require.ErrorContains(t, grant.Plan{settings(), another(change)}.CloudFormation(&code, grant.Narrowed), "they have different "+what)
	}
}
