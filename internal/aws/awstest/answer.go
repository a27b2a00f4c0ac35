package awstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// refuse answers with the effect's error in the form of the request's protocol.
func (q *request) refuse(w http.ResponseWriter, effect Effect) {
	status, s3Code, code := http.StatusInternalServerError, "InternalError", "InternalServiceException"
	switch effect {
	case Unavailable:
		status, s3Code, code = http.StatusServiceUnavailable, "ServiceUnavailable", "ServiceUnavailable"
	case SlowDown:
		status, s3Code, code = http.StatusServiceUnavailable, "SlowDown", "ThrottlingException"
		if !q.s3 {
			status = http.StatusBadRequest
		}
	case Conflict:
		status, s3Code, code = http.StatusConflict, "ConditionalRequestConflict", "ConcurrentModificationException"
	case ExpiredToken:
		status, s3Code, code = http.StatusBadRequest, "ExpiredToken", "ExpiredTokenException"
	case ClockSkew:
		status, s3Code, code = http.StatusForbidden, "RequestTimeTooSkewed", "InvalidSignatureException"
	}
	const message = "a fault of the test"
	w.Header().Set("X-Amz-Request-Id", "FAULT")
	switch {
	case q.s3:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		// HEAD has no body, whatever is written.
		_, _ = io.WriteString(w, xml.Header+"<Error><Code>"+s3Code+"</Code><Message>"+message+"</Message></Error>") // the client may be gone
	case q.query:
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Code>"+code+"</Code><Message>"+message+"</Message></Error></ErrorResponse>") // likewise
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"__type":"`+code+`","message":"`+message+`"}`) // likewise
	}
}

// batches names the member of each of Glue's batch requests that holds the items.
var batches = map[string]string{
	"BatchCreatePartition": "PartitionInputList", "BatchUpdatePartition": "Entries", "BatchDeletePartition": "PartitionsToDelete",
}

// partial forwards the first half of a batch and answers with the other half as failed.
func (p *Proxy) partial(w http.ResponseWriter, r *http.Request, q *request) {
	switch {
	case q.s3 && q.operation == "DeleteObjects":
		p.partialDelete(w, r, q)
	case batches[q.operation] != "":
		p.partialBatch(w, r, q)
	default:
		p.forward.ServeHTTP(w, r)
	}
}

func (p *Proxy) partialBatch(w http.ResponseWriter, r *http.Request, q *request) {
	member := batches[q.operation]
	var whole map[string]json.RawMessage
	var items []json.RawMessage
	if json.Unmarshal(q.body, &whole) != nil || json.Unmarshal(whole[member], &items) != nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	kept := len(items) / 2
	answer := map[string]json.RawMessage{}
	if kept > 0 {
		whole[member], _ = json.Marshal(items[:kept])
		body, _ := json.Marshal(whole) // raw JSON as it was read
		recorder := httptest.NewRecorder()
		p.forward.ServeHTTP(recorder, p.signed(r, body, "glue"))
		if recorder.Code != http.StatusOK || json.Unmarshal(recorder.Body.Bytes(), &answer) != nil {
			replay(w, recorder)
			return
		}
	}
	var failed []json.RawMessage
	_ = json.Unmarshal(answer["Errors"], &failed) // absent without errors
	for _, item := range items[kept:] {
		var values struct{ Values, PartitionValueList json.RawMessage }
		_ = json.Unmarshal(item, &values) // it was read as JSON
		one := values.Values
		if one == nil {
			one = values.PartitionValueList
		}
		failed = append(failed, json.RawMessage(
			`{"`+valuesOf(q.operation)+`":`+string(one)+`,"ErrorDetail":{"ErrorCode":"InternalServiceException","ErrorMessage":"a fault of the test"}}`))
	}
	answer["Errors"], _ = json.Marshal(failed)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

// valuesOf names the member that holds the values of a partition that failed.
func valuesOf(operation string) string {
	if operation == "BatchUpdatePartition" {
		return "PartitionValueList"
	}
	return "PartitionValues"
}

type deletion struct {
	XMLName xml.Name               `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Delete"`
	Objects []struct{ Key string } `xml:"Object"`
	Quiet   bool
}

func (p *Proxy) partialDelete(w http.ResponseWriter, r *http.Request, q *request) {
	var d deletion
	if xml.Unmarshal(q.body, &d) != nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	rest := d.Objects[len(d.Objects)/2:]
	d.Objects = d.Objects[:len(d.Objects)/2]
	if len(d.Objects) > 0 {
		body, _ := xml.Marshal(d) // as it was read
		recorder := httptest.NewRecorder()
		p.forward.ServeHTTP(recorder, p.signed(r, body, "s3"))
		if recorder.Code != http.StatusOK {
			replay(w, recorder)
			return
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	answer := bytes.NewBufferString(xml.Header + `<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for _, o := range rest {
		answer.WriteString("<Error><Key>")
		_ = xml.EscapeText(answer, []byte(o.Key)) // a buffer takes all
		answer.WriteString("</Key><Code>InternalError</Code><Message>a fault of the test</Message></Error>")
	}
	answer.WriteString("</DeleteResult>")
	_, _ = w.Write(answer.Bytes()) // the client may be gone
}

// signed returns the request with another body, signed anew.
func (p *Proxy) signed(r *http.Request, body []byte, service string) *http.Request {
	c := r.Clone(r.Context())
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "Content-Md5", "X-Amz-Checksum-Crc32", "X-Amz-Sdk-Checksum-Algorithm"} {
		c.Header.Del(name)
	}
	digest := sha256.Sum256(body)
	sum := hex.EncodeToString(digest[:])
	c.Body, c.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	c.Header.Set("Content-Length", strconv.Itoa(len(body)))
	c.URL.Host = r.Host
	if service == "s3" {
		c.Header.Set("X-Amz-Content-Sha256", sum)
		c.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(digest[:]))
	}
	err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).
		SignHTTP(r.Context(), p.credentials, c, sum, service, Region, time.Now())
	if err != nil {
		panic(err) // the credentials are there and the request is one that was signed before
	}
	return c
}

func replay(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client may be gone
}
