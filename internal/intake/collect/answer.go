package collect

import (
	"net/http"
	"strconv"

	"github.com/refract-io/refract/internal/event"
)

const (
	plainText  = "text/plain; charset=utf-8"
	jsonText   = "application/json"
	javascript = "text/javascript; charset=utf-8"
)

// pixel is a transparent GIF of 1x1.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\x00\x00\x00" +
	"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"

// answer is a response. Its members are written in alphabetical order, as Mixpanel's are.
type answer struct {
	code        int
	contentType string
	body        []byte
	// retryAfter is in seconds; 0 for no header.
	retryAfter int
}

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
		h.Set("X-Content-Type-Options", "nosniff")
	}
	h.Set("Cache-Control", "no-store")
	if a.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	if a.code != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.code)
	// A client that is gone cannot be told anything.
	_, _ = w.Write(a.body)
}

// coded is an answer of the form {"code":401,"error":"...","status":"Unauthorized"}.
func coded(code int, message string) answer {
	b := event.AppendIntMember([]byte{'{'}, "code", int64(code))
	b = event.AppendStringMember(b, "error", message)
	b = event.AppendStringMember(b, "status", http.StatusText(code))
	return answer{code: code, contentType: jsonText, body: append(b, '}')}
}

// unavailable makes every client send the request again.
func unavailable(message string) answer {
	a := coded(http.StatusServiceUnavailable, message)
	a.retryAfter = 2
	return a
}

// refusal is an error that refuses the request as a whole.
type refusal struct {
	code    int
	message string
	// retryAfter is in seconds; 0 for no header.
	retryAfter int
	// plain makes /track, /engage, /groups and lax /import answer as for bad data: 0, or with verbose the message.
	plain bool
}

// Error implements error.
func (r *refusal) Error() string { return r.message }

func (r *refusal) answer(in *intake) answer {
	if r.plain && !in.strict() {
		a := in.result(0, r.message)
		a.code = r.code
		return a
	}
	if r.plain {
		return strictAnswer(in, 0, r.message, nil)
	}
	a := coded(r.code, r.message)
	a.retryAfter = r.retryAfter
	return a
}

// badData refuses a request without a readable record. Outside strict mode that is no HTTP error.
func badData(message string) *refusal {
	return &refusal{code: http.StatusOK, message: message, plain: true}
}

// result answers with 1 or 0 in the form that the parameters ask for. The error is the message for verbose, or empty.
func (in *intake) result(status int64, message string) answer {
	p := &in.params
	a := answer{code: http.StatusOK, contentType: plainText, body: strconv.AppendInt(nil, status, 10)}
	if p.verbose != verboseOff {
		b := event.AppendKey([]byte{'{'}, "error")
		if message == "" {
			b = append(b, "null"...)
		} else {
			b = event.AppendString(b, message)
		}
		if p.verbose == verboseMore {
			b = event.AppendIntMember(b, "num_good_events", int64(in.taken))
		}
		b = event.AppendIntMember(b, "status", status)
		a.body, a.contentType = append(b, '}'), jsonText
	}
	switch {
	case p.image:
		a.body, a.contentType = []byte(pixel), "image/gif"
	case p.callback != "":
		a.body = append(append([]byte(p.callback+"("), a.body...), ");"...)
		a.contentType = javascript
	}
	return a
}

// failedRecord is what a strict answer says about a record.
type failedRecord struct {
	index    int
	insertID []byte
	field    string
	message  string
}

// strictAnswer is that of /import?strict=1: 200 when every record was taken, else 400 with the reasons.
func strictAnswer(in *intake, taken int, message string, failed []failedRecord) answer {
	if message == "" && len(failed) == 0 {
		b := event.AppendIntMember([]byte{'{'}, "code", http.StatusOK)
		b = event.AppendIntMember(b, "num_records_imported", int64(taken))
		b = event.AppendStringMember(b, "status", "OK")
		return answer{code: http.StatusOK, contentType: jsonText, body: append(b, '}')}
	}
	if message == "" {
		message = "some data points in the request failed validation"
	}
	b := event.AppendIntMember([]byte{'{'}, "code", http.StatusBadRequest)
	b = event.AppendStringMember(b, "error", message)
	b = append(event.AppendKey(b, "failed_records"), '[')
	for i := range failed {
		if i > 0 {
			b = append(b, ',')
		}
		b = failed[i].append(b, in.refusedWhole)
	}
	b = append(b, ']')
	b = event.AppendIntMember(b, "num_records_imported", int64(taken))
	b = event.AppendStringMember(b, "status", http.StatusText(http.StatusBadRequest))
	return answer{code: http.StatusBadRequest, contentType: jsonText, body: append(b, '}')}
}

// append writes the record's failure, as a bare message where Mixpanel does.
func (f *failedRecord) append(b []byte, bare bool) []byte {
	if bare {
		return event.AppendString(b, f.message)
	}
	b = event.AppendIntMember(append(b, '{'), "index", int64(f.index))
	b = event.AppendStringMember(b, "insert_id", f.insertID)
	b = event.AppendStringMember(b, "field", f.field)
	b = event.AppendStringMember(b, "message", f.message)
	return append(b, '}')
}
