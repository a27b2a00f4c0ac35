package doctor_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/aws/kms"
	"github.com/refract-io/refract/internal/aws/s3api"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/dataapi"
)

// cloud is a customer's account with its services, over a socket, and an exporter in another account.
type cloud struct {
	catalog *catalog.Embedded
	lake    *bucket.Local
	roles   *assume.Roles
}

const exporterMay = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`

// newCloud makes an account with these roles.
func newCloud(t *testing.T, roles []grant.Role) *cloud {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
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
	c.lake, err = bucket.OpenLocal("lake", t.TempDir())
	require.NoError(t, err)
	keys, err := kms.New(kms.Config{
		Account: account, Region: region, Keys: []kms.Key{{Alias: "lake", ID: keyARN[strings.LastIndexByte(keyARN, '/')+1:]}}, Path: filepath.Join(t.TempDir(), "keys"), Auth: authority, Log: quiet,
	})
	require.NoError(t, err)
	objects, err := s3api.New(s3api.Config{Authority: authority, Account: account, Region: region, Lake: c.lake, LakeName: "lake", Folder: t.TempDir(), Keys: keys, Log: quiet})
	require.NoError(t, err)
	statements, err := dataapi.Open(t.Context(), dataapi.Config{
		Warehouse: warehouse{}, Auth: authority, Meta: db, Dir: t.TempDir(), Partition: "aws", Account: account, Region: region, Name: "refract", Log: quiet,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running errgroup.Group
	running.Go(func() error { return objects.Run(ctx) })
	running.Go(func() error { return statements.Run(ctx) })
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, S3: objects, Log: quiet, Services: map[string]http.Handler{
		"glue":          glueapi.New(c.catalog, authority, glueapi.Config{Partition: "aws", Account: account, Region: region, Log: quiet}),
		"kms":           keys,
		"redshift-data": statements.Handler(),
	}}))
	t.Cleanup(func() {
		server.Close()
		cancel()
		require.NoError(t, running.Wait())
		require.NoError(t, db.Close())
	})
	c.roles = assume.New(assume.Options{Endpoint: server.URL, Load: func(context.Context) (aws.Config, error) {
		return aws.Config{Region: region, HTTPClient: assume.HTTPClient(nil), RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXPORTER00000000", SecretAccessKey: "exporter-secret"}, nil
		})}, nil
	}})
	return c
}

// warehouse answers the statements of the Data API as one in which all is in order.
type warehouse struct{}

func (warehouse) Parameters(string) ([]string, error)      { return nil, nil }
func (warehouse) ControlsTransaction(string) bool          { return false }
func (warehouse) EnsureUser(context.Context, string) error { return nil }
func (warehouse) SetLogin(context.Context, string, string, string, time.Time) error {
	return nil
}
func (warehouse) Authenticate(context.Context, string, string) error { return nil }
func (warehouse) Connect(context.Context, string, string) (dataapi.Connection, error) {
	return warehouse{}, nil
}
func (warehouse) PID() int64   { return 1 }
func (warehouse) Close() error { return nil }
func (warehouse) Execute(_ context.Context, sql string, _ map[string]string) (dataapi.Rows, error) {
	r := &result{}
	for _, row := range inOrder(sql) {
		r.rows = append(r.rows, strings.Split(row, "|"))
	}
	return r, nil
}

// result is rows of texts.
type result struct {
	rows [][]string
	read bool
}

func (r *result) Columns() []dataapi.Column {
	columns := make([]dataapi.Column, len(r.rows[0]))
	for i := range columns {
		columns[i] = dataapi.Column{Name: fmt.Sprint("c", i), Type: "varchar"}
	}
	return columns
}
func (r *result) QueryID() int64 { return 1 }
func (r *result) Close() error   { return nil }
func (r *result) Next(context.Context) (dataapi.Batch, error) {
	if r.read {
		return nil, nil
	}
	r.read = true
	return r, nil
}
func (r *result) Len() int           { return len(r.rows) }
func (r *result) Null(_, _ int) bool { return false }
func (r *result) AppendText(dst []byte, column, row int) []byte {
	return append(dst, r.rows[row][column]...)
}

func (c *cloud) examine(t *testing.T, s *grant.Settings) *doctor.Report {
	d := doctor.New(c.roles, s, false)
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
// other, and what the line prints puts it right. Nothing is left in the account.
func TestEachMissingActionTurnsItsLineRed(t *testing.T) {
	s := narrow()
	areas := []string{"credentials", "roles", "s3", "glue", "redshift", "cleanup"}
	whole := newCloud(t, s.Roles(grant.Narrowed)).examine(t, s)
	for _, area := range areas {
		require.Empty(t, red(whole, area), lines(whole))
	}
	for use, policies := range map[grant.Use][]string{
		grant.UseS3: {"refract-s3", "refract-kms"}, grant.UseGlue: {"refract-glue"}, grant.UseRedshift: {"refract-redshift-data"},
	} {
		for _, name := range policies {
			for _, action := range actionsOf(s.Roles(grant.Narrowed), use, name) {
				if action == onlyDeep {
					continue
				}
				t.Run(action, func(t *testing.T) {
					roles := withoutAction(s.Roles(grant.Narrowed), use, action)
					c := newCloud(t, roles)
					r := c.examine(t, s)
					for _, area := range areas {
						if area == string(use) {
							want := []string{action}
							if action == "glue:DeleteTable" {
								want = append(want, "glue:CreateTable") // the pipeline has no table yet that could tell it
							}
							if action == "s3:ListBucket" {
								want = append(want, "an absent object") // who may not list is not told either what is not there
								require.Equal(t, grant.Texts{action}, line(t, r, "s3", "an absent object").Missing.Action)
							}
							require.Equal(t, want, red(r, area), lines(r))
						} else {
							require.Empty(t, red(r, area), lines(r))
						}
					}
					missing := line(t, r, string(use), action)
					require.Equal(t, role(string(use)), missing.Role)
					require.Equal(t, grant.Texts{action}, missing.Missing.Action)
					c.requireEmpty(t)

					d := grant.Document{Version: "2012-10-17", Statement: []grant.Statement{*missing.Missing}}
					for i := range roles {
						if roles[i].ARN == missing.Role {
							roles[i].Policies = append(roles[i].Policies, grant.Policy{Name: "mended", Text: d.Text(), Document: d})
						}
					}
					mended := newCloud(t, roles).examine(t, s)
					require.Empty(t, red(mended, string(use)), lines(mended))
				})
			}
		}
	}
}

// As above without the right to remove a table: the pipeline's own table, there or not, tells what is missing.
func TestEachMissingActionIsToldWithoutATableOfDoctorsOwn(t *testing.T) {
	s := narrow(func(s *grant.Settings) { s.WithoutDoctor = true })
	base := []string{"glue:GetDatabase", "glue:DeleteTable"}
	for _, there := range []bool{true, false} {
		for _, action := range append(actionsOf(s.Roles(grant.Narrowed), grant.UseGlue, "refract-glue"), "") {
			t.Run(fmt.Sprint(action, " ", there), func(t *testing.T) {
				c := newCloud(t, withoutAction(s.Roles(grant.Narrowed), grant.UseGlue, action))
				if there {
					require.NoError(t, c.catalog.CreateTable(t.Context(), "mixpanel", catalog.TableInput{Name: "mp_master_event", PartitionKeys: []catalog.Column{{Name: "mp_date", Type: "string"}}}))
				}
				before, err := c.catalog.GetTables(t.Context(), "mixpanel")
				require.NoError(t, err)
				r := c.examine(t, s)
				want := slices.Clone(base)
				if action != "" {
					want = append(want, action)
				}
				if (!there || action == "glue:GetTable") && action != "glue:CreateTable" {
					want = append(want, "glue:CreateTable")
				}
				require.ElementsMatch(t, want, red(r, "glue"), lines(r))
				if action != "" && (there || action != "glue:CreateTable") {
					require.Equal(t, grant.Texts{action}, line(t, r, "glue", action).Missing.Action)
				}
				after, err := c.catalog.GetTables(t.Context(), "mixpanel")
				require.NoError(t, err)
				require.Equal(t, before, after, "nothing is changed")
			})
		}
	}
}

// requireEmpty makes sure that nothing was left in the account.
func (c *cloud) requireEmpty(t *testing.T) {
	left, err := c.catalog.GetTables(t.Context(), "mixpanel")
	require.NoError(t, err)
	require.Empty(t, left)
	for object, err := range c.lake.List(t.Context(), "") {
		require.NoError(t, err)
		require.Fail(t, "an object is left", object.Key)
	}
}

func TestWithTheDocumentedPoliciesAllIsGreenButForWhatTheGuidesLeftOut(t *testing.T) {
	s := narrow()
	c := newCloud(t, s.Roles(grant.Documented))
	r := c.examine(t, s)
	require.Zero(t, r.Count(doctor.Failed), lines(r))
	require.Equal(t, []string{"s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads"}, red(r, "s3"), lines(r))
	require.Equal(t, []string{"glue:BatchUpdatePartition"}, red(r, "glue"), lines(r))
	require.Empty(t, red(r, "redshift"), lines(r))
	// The guide's trust policy for Glue and Redshift has no condition.
	require.Equal(t, []string{
		"a wrong external ID for refract-glue", "no external ID for refract-glue", "a wrong external ID for refract-redshift", "no external ID for refract-redshift",
	}, red(r, "roles"), lines(r))
	c.requireEmpty(t)
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

func TestARegionThatTheEndpointIsNotInIsToldAsThat(t *testing.T) {
	s := narrow()
	c := newCloud(t, s.Roles(grant.Narrowed))
	s.S3.Region = "us-west-2"
	r := c.examine(t, s)
	require.Contains(t, line(t, r, "credentials", "whose they are").Cause, "another region than the pipeline says")
	s.S3.Region, s.Glue.Region = region, "us-west-2"
	r = c.examine(t, s)
	require.Contains(t, line(t, r, "glue", "glue:GetDatabase").Cause+line(t, r, "glue", "glue:GetDatabase").Remedy, "aws.region")
}
