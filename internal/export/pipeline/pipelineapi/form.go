package pipelineapi

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/refract-io/refract/internal/platform/nearest"
)

// maxBody bounds a form. A list of all events that a project may have fits.
const maxBody = 1 << 20

// form is the parameters of a request with their values, in the order they were sent.
type form map[string][]string

// readForm reads the parameters of the query and of the body, whatever the method: the documents' examples send -d along with
// calls that they describe as GET.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the form is larger than %d bytes", maxBody)}
	}
	if err != nil {
		return nil, bad("", "the form could not be read: %v", err)
	}
	if len(body) > 0 {
		// As a form, such a body would be one parameter with an odd name. Other types are taken, since clients get them wrong.
		switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
		case "application/json", "multipart/form-data":
			return nil, bad("", "the body is %s: send the parameters as application/x-www-form-urlencoded, as curl's -d does", kind)
		}
	}
	return parseForm(r.URL.RawQuery, string(body))
}

// parseForm joins the parameters of a query and a body.
func parseForm(query, body string) (form, error) {
	f := form{}
	for _, text := range []string{query, strings.TrimRight(body, "\r\n")} {
		values, err := url.ParseQuery(text)
		if err != nil {
			return nil, bad("", "the parameters are not form-encoded: %v", err)
		}
		for name, all := range values {
			for _, v := range append([]string{name}, all...) {
				if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
					return nil, bad("", "the parameter %q holds a byte that is no text: send UTF-8", name)
				}
			}
			// Some clients mark what may be repeated: events[]=a&events[]=b.
			name = strings.TrimSuffix(name, "[]")
			f[name] = append(f[name], all...)
		}
	}
	return f, nil
}

// allow refuses parameters that the call does not know, and those given twice that are no lists. A misspelt filter must not export
// everything.
func (f form) allow(call string, known []*Parameter) error {
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.Name
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		i := slices.Index(names, name)
		if i < 0 {
			if near := nearest.To(name, names); near != "" {
				return bad(name, "there is no such parameter of %s: did you mean %s?", call, near)
			}
			return bad(name, "there is no such parameter of %s: it takes %s", call, strings.Join(names, ", "))
		}
		if n := len(f[name]); n > 1 && known[i].Kind != List {
			return bad(name, "is given %d times: give it once", n)
		}
	}
	return nil
}

// one returns the value of a parameter that is no list, "" if it is absent or empty.
func (f form) one(name string) string {
	if len(f[name]) == 0 {
		return ""
	}
	return f[name][0]
}
