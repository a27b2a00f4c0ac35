package doctor_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/platform/meta"
)

// cloud is a customer's account with its services, over a socket, and an exporter in another account.
type cloud struct {
	catalog *catalog.Embedded
	roles   *assume.Roles
}

const exporterMay = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`

// newCloud makes an account with these roles.
func newCloud(t *testing.T, roles []grant.Role) *cloud {
	t.Helper()
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	customer := sts.Account{ID: account}
	for _, r := range roles {
		role := sts.Role{Name: r.Name, Trust: r.Trust.Text}
		for _, p := range r.Policies {
			role.Policies = append(role.Policies, p.Text)
		}
		customer.Roles = append(customer.Roles, role)
	}
	authority, err := sts.New([]sts.Account{customer, {ID: "485438090326", Users: []sts.User{{
		Name: "exporter", AccessKeys: []sts.AccessKey{{ID: "AKIAEXPORTER00000000", Secret: "exporter-secret"}}, Policies: []string{exporterMay},
	}}}}, nil)
	require.NoError(t, err)
	c := &cloud{catalog: catalog.Open(db)}
	require.NoError(t, c.catalog.CreateDatabase(t.Context(), catalog.Database{Name: "mixpanel"}))
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, Services: map[string]http.Handler{
		"glue": glueapi.New(c.catalog, authority, glueapi.Config{Partition: "aws", Account: account, Region: region, Log: slog.New(slog.DiscardHandler)}),
	}}))
	t.Cleanup(server.Close)
	c.roles = assume.New(assume.Options{Endpoint: server.URL, Load: func(context.Context) (aws.Config, error) {
		return aws.Config{Region: region, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXPORTER00000000", SecretAccessKey: "exporter-secret"}, nil
		})}, nil
	}})
	return c
}

func (c *cloud) examine(t *testing.T, s *grant.Settings) *doctor.Report {
	d := doctor.New(c.roles, s, false)
	d.Poll = 5 * time.Millisecond
	return d.Run(t.Context(), s)
}

// narrow are the settings of the test account, with the exporter known.
func narrow(change ...func(*grant.Settings)) *grant.Settings {
	return settings(append([]func(*grant.Settings){func(s *grant.Settings) { s.Exporter = exporter }}, change...)...)
}

// red are the names of the lines of an area that neither passed nor were skipped.
func red(r *doctor.Report, area string) []string {
	var names []string
	for _, c := range r.Checks {
		if c.Area == area && c.Status != doctor.Passed && c.Status != doctor.Skipped {
			names = append(names, c.Name)
		}
	}
	return names
}

// withoutAction takes an action out of the roles' policies.
func withoutAction(roles []grant.Role, use grant.Use, action string) []grant.Role {
	for i := range roles {
		if !slices.Contains(roles[i].Uses, use) {
			continue
		}
		for k := range roles[i].Policies {
			p := &roles[i].Policies[k]
			p.Document.Statement = slices.Clone(p.Document.Statement)
			for n := range p.Document.Statement {
				s := &p.Document.Statement[n]
				s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return a == action })
			}
			p.Document.Statement = slices.DeleteFunc(p.Document.Statement, func(s grant.Statement) bool { return len(s.Action) == 0 })
			p.Text = p.Document.Text()
		}
		roles[i].Policies = slices.DeleteFunc(roles[i].Policies, func(p grant.Policy) bool { return len(p.Document.Statement) == 0 })
	}
	return roles
}

func actionsOf(roles []grant.Role, use grant.Use, policy string) []string {
	var all []string
	for _, r := range roles {
		for _, p := range r.Policies {
			if slices.Contains(r.Uses, use) && p.Name == policy {
				for _, s := range p.Document.Statement {
					all = append(all, s.Action...)
				}
			}
		}
	}
	return all
}

// Over a socket, against policies that are evaluated: an action that is taken out of a role's policies turns its own line red and no
// other, and what the line prints puts it right.
func TestEachMissingActionOfGlueTurnsItsLineRed(t *testing.T) {
	s := narrow()
	whole := newCloud(t, s.Roles(grant.Narrowed)).examine(t, s)
	require.Empty(t, red(whole, "glue"), lines(whole))
	require.Empty(t, red(whole, "roles"), lines(whole))
	for _, action := range actionsOf(s.Roles(grant.Narrowed), grant.UseGlue, "refract-glue") {
		t.Run(action, func(t *testing.T) {
			c := newCloud(t, withoutAction(s.Roles(grant.Narrowed), grant.UseGlue, action))
			r := c.examine(t, s)
			require.Equal(t, []string{action}, red(r, "glue"), lines(r))
			missing := line(t, r, "glue", action)
			require.Equal(t, role("glue"), missing.Role)
			require.Equal(t, grant.Texts{action}, missing.Missing.Action)
			left, err := c.catalog.GetTables(t.Context(), "mixpanel")
			require.NoError(t, err)
			require.Empty(t, left)

			// The statement that the line prints is all that is missing.
			roles := withoutAction(s.Roles(grant.Narrowed), grant.UseGlue, action)
			for i := range roles {
				if roles[i].ARN == missing.Role {
					d := grant.Document{Version: "2012-10-17", Statement: []grant.Statement{*missing.Missing}}
					roles[i].Policies = append(roles[i].Policies, grant.Policy{Name: "mended", Text: d.Text(), Document: d})
				}
			}
			mended := newCloud(t, roles).examine(t, s)
			require.Empty(t, red(mended, "glue"), lines(mended))
		})
	}
}

func TestTheDocumentedGluePolicyLacksOnlyTheBatchUpdate(t *testing.T) {
	s := narrow()
	r := newCloud(t, s.Roles(grant.Documented)).examine(t, s)
	require.Equal(t, []string{"glue:BatchUpdatePartition"}, red(r, "glue"), lines(r))
	// The guide's trust policy for Glue and Redshift has no condition.
	require.Equal(t, []string{
		"a wrong external ID for refract-glue", "no external ID for refract-glue", "a wrong external ID for refract-redshift", "no external ID for refract-redshift",
	}, red(r, "roles"), lines(r))
}

func TestATrustPolicyThatNamesAnotherExporterIsToldWithOneThatNamesThisOne(t *testing.T) {
	s := narrow(func(s *grant.Settings) { s.Exporter = "arn:aws:iam::485438090326:user/another" })
	c := newCloud(t, s.Roles(grant.Narrowed))
	s.Exporter = ""
	r := c.examine(t, s)
	assumed := line(t, r, "roles", "assume refract-s3")
	require.Equal(t, doctor.Failed, assumed.Status)
	require.Equal(t, grant.Texts{exporter}, assumed.Missing.Principal.AWS)
	require.Contains(t, assumed.Cause, exporter+" may not assume the role")
}
