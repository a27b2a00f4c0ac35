package pipelineapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/project"
)

func TestWhoMayManagePipelines(t *testing.T) {
	h := open(t)
	registry := project.NewRegistry(h.db)
	secrets := map[string]string{}
	for name, role := range map[string]project.Role{"owner": project.Owner, "admin": project.Admin, "analyst": project.Analyst, "consumer": project.Consumer} {
		secret, err := registry.CreateServiceAccount(context.Background(), name, shopID, role, time.Time{})
		require.NoError(t, err)
		secrets[name] = secret
	}
	secret, err := registry.CreateServiceAccount(context.Background(), "lapsed", shopID, project.Admin, today)
	require.NoError(t, err)
	shop := itoa(shopID)
	for _, c := range []struct {
		who, authorization, project string
		status                      int
		says                        string
	}{
		{"an owner", basic("owner", secrets["owner"]), shop, 200, ""},
		{"an admin", basic("admin", secrets["admin"]), shop, 200, ""},
		{"an admin in plain text", "Basic admin:" + secrets["admin"], shop, 200, ""},
		{"the project's secret", basic(h.secret, ""), "", 200, ""},
		{"the project's secret with its project", basic(h.secret, ""), shop, 200, ""},
		{"the installation's admin token", "Bearer admin-token", shop, 200, ""},
		{"an admin without a project", basic("admin", secrets["admin"]), "", 400, "project_id: is missing: a service account must name its project"},
		{"the admin token without a project", "Bearer admin-token", "", 400, "project_id: is missing"},
		{"the admin token with a project that is not there", "Bearer admin-token", "99", 400, "project_id: there is no project 99"},
		{"a project that is no number", basic(h.secret, ""), "shop", 400, `project_id: "shop" is no project id`},
		{"nobody", "", shop, 401, "credentials are missing"},
		{"a wrong bearer", "Bearer secret", shop, 401, "the bearer token is not the admin token"},
		{"the project's token", basic(h.shop.Token, ""), shop, 401, project.BadSecret},
		{"an unknown secret", basic("0123456789abcdef", ""), "", 401, project.BadSecret},
		{"a secret of another project", basic(h.secret, ""), "7", 401, project.BadProject},
		{"an unknown account", basic("nobody", "x"), shop, 401, project.BadUsername},
		{"an account with a wrong secret", basic("admin", "x"), shop, 401, project.BadCredentials},
		{"an account that has expired", basic("lapsed", secret), shop, 401, "Service account has expired"},
		{"an account of another project", basic("admin", secrets["admin"]), "7", 403, "Service account admin is not a project member of project 7"},
		{"an analyst", basic("analyst", secrets["analyst"]), shop, 403, "Service account analyst has the role analyst: managing pipelines needs owner or admin"},
		{"a consumer", basic("consumer", secrets["consumer"]), shop, 403, "needs owner or admin"},
	} {
		t.Run(c.who, func(t *testing.T) {
			for _, call := range calls() {
				path := Root + call.name
				if c.project != "" {
					path += "?project_id=" + c.project
				}
				r := httptest.NewRequest(http.MethodPost, path, nil)
				r.Header.Set("Authorization", c.authorization)
				w := httptest.NewRecorder()
				h.handler.ServeHTTP(w, r)
				if c.status == http.StatusOK {
					require.NotContains(t, []int{401, 403, 500}, w.Code, "%s: %s", call.name, w.Body)
					continue
				}
				require.Equal(t, c.status, w.Code, "%s: %s", call.name, w.Body)
				var f failure
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &f))
				require.Equal(t, "error", f.Status)
				require.Contains(t, f.Error, c.says)
				require.Equal(t, c.status == http.StatusUnauthorized, w.Header().Get("WWW-Authenticate") != "")
			}
		})
	}
}

func TestPipelinesOfOtherProjectsAreNotThere(t *testing.T) {
	h := open(t)
	names := h.create("type", "json")
	id := h.must("show", pairs("name", names[0]))["id"].(string)
	for _, name := range []string{names[0], id} {
		for _, call := range []string{"show", "status", "pause", "cancel", "edit", "run", "delete"} {
			r := httptest.NewRequest(http.MethodPost, Root+call+"?project_id=7&name="+name, nil)
			r.Header.Set("Authorization", "Bearer admin-token")
			status, body := h.do(r)
			require.Equal(t, http.StatusNotFound, status, "%s: %s", call, body)
		}
	}
}
