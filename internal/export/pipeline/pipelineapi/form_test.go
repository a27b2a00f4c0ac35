package pipelineapi

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParametersComeInQueryOrBodyOfEitherMethod(t *testing.T) {
	h := open(t)
	name := h.create("type", "json")[0]
	for _, c := range []struct{ method, query, body, kind string }{
		{"GET", "?name=" + name, "", ""},
		{"GET", "", "name=" + name, "application/x-www-form-urlencoded"},
		{"POST", "?name=" + name, "", ""},
		{"POST", "", "name=" + name, "application/x-www-form-urlencoded"},
		{"POST", "", "name=" + name + "\r\n", "application/x-www-form-urlencoded; charset=utf-8"},
		{"POST", "", "name=" + name, "text/plain"},
		{"POST", "?project_id=2195193", "name=" + name, ""},
	} {
		r := httptest.NewRequest(c.method, Root+"status"+c.query, strings.NewReader(c.body))
		r.Header.Set("Authorization", basic(h.secret, ""))
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		status, body := h.do(r)
		require.Equal(t, http.StatusOK, status, "%+v: %s", c, body)
	}
}

func TestRequestsThatAreNoForms(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		method, path, body, kind string
		status                   int
		says                     string
	}{
		"JSON":                              {"POST", "create", `{"type":"json"}`, "application/json", 400, "the body is application/json: send the parameters as application/x-www-form-urlencoded"},
		"a multipart form":                  {"POST", "create", "--x", "multipart/form-data; boundary=x", 400, "the body is multipart/form-data"},
		"a broken escape":                   {"POST", "create", "type=%zz", "", 400, "not form-encoded"},
		"a semicolon":                       {"POST", "create", "type=json;name=x", "", 400, "not form-encoded"},
		"bytes that are no text":            {"POST", "create", "type=json&events=%ff", "", 400, `the parameter "events" holds a byte that is no text: send UTF-8`},
		"a NUL":                             {"POST", "create", "type=json&events=a%00b", "", 400, "no text"},
		"a form that is too large":          {"POST", "create", "type=" + strings.Repeat("x", maxBody), "", 413, "larger than 1048576 bytes"},
		"a change by GET":                   {"GET", "cancel?name=x", "", "", 405, "cancel is not called with GET: use POST"},
		"a DELETE":                          {"DELETE", "jobs", "", "", 405, "jobs is not called with DELETE: use POST or GET"},
		"a call that does not exist":        {"POST", "fly", "", "", 404, `there is no call "fly"`},
		"a parameter in query and body":     {"POST", "pause?name=a", "name=b", "", 400, "name: is given 2 times: give it once"},
		"a parameter that the call has not": {"POST", "pause?name=a&events=b", "", "", 400, "events: there is no such parameter of pause: it takes project_id, name"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, Root+c.path, strings.NewReader(c.body))
			r.Header.Set("Authorization", basic(h.secret, ""))
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			status, body := h.do(r)
			require.Equal(t, c.status, status, body)
			require.Contains(t, strings.ReplaceAll(body, `\"`, `"`), c.says)
		})
	}
}

// FuzzForm decodes queries and bodies. What is taken is text, and says the same when it is encoded again.
func FuzzForm(f *testing.F) {
	f.Add("", "type=s3-raw&from_date=2019-08-10&events=a&events=b")
	f.Add("project_id=1", "events[]=Signed+up&where=properties%5B%22a%22%5D+%3D%3D+1\r\n")
	f.Add("a=%zz", ";&=&==")
	f.Add("%5b%5d=x&[]=y", "a[][]=\x00")
	f.Fuzz(func(t *testing.T, query, body string) {
		got, err := parseForm(query, body)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		for name, values := range got {
			require.NotContains(t, name+strings.Join(values, ""), "\x00")
		}
		// A name that ends with [][] loses one pair each time.
		for name := range got {
			if strings.HasSuffix(name, "[]") {
				return
			}
		}
		again, err := parseForm("", url.Values(got).Encode())
		require.NoError(t, err)
		require.Equal(t, got, again)
		_, err = http.NewRequest(http.MethodGet, "http://x/?"+url.Values(got).Encode(), nil)
		require.NoError(t, err)
	})
}

func TestASlashAtTheEndOfACallIsTaken(t *testing.T) {
	h := open(t)
	h.create("type", "json")
	_, want := h.post("jobs", nil)
	status, got := h.post("jobs/", nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, want, got)
	status, got = h.post("jobs/more", nil)
	require.Equal(t, http.StatusNotFound, status, got)
}
