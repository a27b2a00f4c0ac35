package rawexport

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/project"
)

func TestWhoMayRead(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		who, authorization, project string
		code                        int
		message                     string
	}{
		{"a service account with its project", authorization("analyst", h.analyst), "2195193", 200, ""},
		{"a service account alone", authorization("analyst", h.analyst), "", 200, ""},
		{"a service account in plain text", "Basic analyst:" + h.analyst, "2195193", 200, ""},
		{"the project's secret", authorization(h.secret, ""), "", 200, ""},
		{"the project's secret with its project", authorization(h.secret, ""), "2195193", 200, ""},
		{"the project's token", authorization(h.shop.Token, ""), "2195193", 401, project.BadSecret},
		{"nobody", " ", "2195193", 400, noCredentials},
		{"a bearer", "Bearer abc", "2195193", 400, noCredentials},
		{"an unknown account", authorization("nobody", "x"), "2195193", 401, project.BadUsername},
		{"an account with a wrong secret", authorization("analyst", "x"), "2195193", 401, project.BadCredentials},
		{"an account that has expired", authorization("lapsed", h.lapsed), "2195193", 401, "Service account has expired"},
		{"an account of another project", authorization("analyst", h.analyst), "7", 403, "Service account analyst is not a project member of project 7"},
		{"an unknown secret", authorization("0123456789abcdef", ""), "", 401, project.BadSecret},
		{"a secret of another project", authorization(h.secret, ""), "7", 401, project.BadProject},
		{"a project that is no number", authorization(h.secret, ""), "shop", 400, "project_id is invalid: must be a number"},
	} {
		t.Run(c.who, func(t *testing.T) {
			r := exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03", "project_id", c.project)
			r.Header.Set("Authorization", c.authorization)
			w := h.do(r)
			require.Equal(t, c.code, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), c.message)
			r = engageRequest("project_id", c.project)
			r.Header.Set("Authorization", c.authorization)
			w = h.do(r)
			require.Equal(t, c.code, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), c.message)
		})
	}
	require.Equal(t, int64(2195193), h.reader.windows[0].Project)
}

func TestAnExpiredAccountReadUntilThen(t *testing.T) {
	h := open(t)
	h.clock = today.Add(-time.Hour)
	r := exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03")
	r.Header.Set("Authorization", authorization("lapsed", h.lapsed))
	require.Equal(t, http.StatusOK, h.do(r).Code)
}
