package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/grant"
)

// refusal is an answer that a service gives in the place of success.
type refusal struct {
	status        int
	code, message string
}

// fakeAWS answers every call that doctor makes as AWS does when all is well, but for what a test scripts. It stands in for answers that
// no server here gives: Lake Formation's, throttling, other regions, Redshift's errors.
type fakeAWS struct {
	// refuse holds answers by operation: "PutObject", "CreateTable", "AssumeRole".
	refuse map[string]refusal
	// openRole accepts every external ID.
	openRole bool
	// own are the pipeline's tables that are there.
	own map[string]bool
	// region is the bucket's.
	region string
	// sql holds a statement's rows, or its error behind "!", by a part of its text.
	sql map[string][]string

	mu    sync.Mutex
	calls []string
	left  map[string]bool // what is there: objects, uploads, tables, schemas
	// bodies are the objects that were ever put.
	bodies map[string][]byte
}

func newFake(t *testing.T) (*fakeAWS, *doctor.Doctor) {
	f := &fakeAWS{refuse: map[string]refusal{}, sql: map[string][]string{}, region: region, own: map[string]bool{"mp_master_event": true}, left: map[string]bool{}, bodies: map[string][]byte{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, &doctor.Doctor{
		Timeout: 5 * time.Second,
		Config: func(_ context.Context, _, region string) (aws.Config, error) {
			return aws.Config{Region: region, BaseEndpoint: &server.URL, HTTPClient: assume.HTTPClient(nil), Retryer: func() aws.Retryer { return aws.NopRetryer{} }, Credentials: aws.CredentialsProviderFunc(
				func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: "AKIA00000000000000FA", SecretAccessKey: "secret"}, nil
				})}, nil
		},
	}
}

func (f *fakeAWS) called(operation string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.calls, operation)
}

func (f *fakeAWS) leftovers() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for name := range f.left {
		all = append(all, name)
	}
	return all
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	target := r.Header.Get("X-Amz-Target")
	switch {
	case target != "":
		_, operation, _ := strings.Cut(target, ".")
		f.json(w, operation, body)
	case strings.Contains(r.Header.Get("Content-Type"), "form-urlencoded"):
		f.query(w, string(body))
	default:
		f.s3(w, r, body)
	}
}

func (f *fakeAWS) json(w http.ResponseWriter, operation string, body []byte) {
	f.calls = append(f.calls, operation)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if no, ok := f.refuse[operation]; ok {
		w.WriteHeader(no.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": no.code, "message": no.message})
		return
	}
	var in struct {
		Sql, Id, Name, TableName string
		Sqls                     []string
		TableInput               struct {
			Name              string
			StorageDescriptor struct{ Columns []any }
		}
	}
	_ = json.Unmarshal(body, &in)
	answer := map[string]any{}
	no := func(code, message string) {
		w.WriteHeader(400)
		answer = map[string]any{"__type": code, "message": message}
	}
	table := in.Name + in.TableName + in.TableInput.Name
	if strings.HasSuffix(operation, "Table") && operation != "CreateTable" || strings.Contains(operation, "Partition") {
		if !f.left["table "+table] && !f.own[table] {
			no("EntityNotFoundException", "Table not found.")
			operation = "answered"
		}
	}
	switch operation {
	case "CreateTable":
		if wide, ok := f.refuse[fmt.Sprint("CreateTable with ", len(in.TableInput.StorageDescriptor.Columns), " columns")]; ok {
			no(wide.code, wide.message)
			break
		}
		if f.own[table] {
			no("AlreadyExistsException", "Table already exists.")
			break
		}
		f.left["table "+table] = true
	case "UpdateTable", "DeleteTable":
		if f.own[table] {
			f.left["the pipeline's own table, changed"] = true
		}
		if operation == "DeleteTable" {
			delete(f.left, "table "+table)
		}
	case "GetTable":
		answer["Table"] = map[string]any{"Name": in.Name, "VersionId": "0"}
	case "GetDatabase":
		answer["Database"] = map[string]any{"Name": in.Name}
	case "ExecuteStatement":
		answer["Id"] = in.Sql
		f.define(in.Sql)
	case "BatchExecuteStatement":
		answer["Id"] = in.Sqls[0]
		f.define(in.Sqls[0])
	case "DescribeStatement":
		answer["Status"], answer["HasResultSet"] = "FINISHED", !defines(in.Id)
		if rows := f.rows(in.Id); len(rows) == 1 && strings.HasPrefix(rows[0], "!") {
			answer["Status"], answer["Error"] = "FAILED", rows[0][1:]
		}
	case "GetStatementResult":
		if defines(in.Id) {
			w.WriteHeader(400)
			answer = map[string]any{"__type": "ResourceNotFoundException", "message": "Query does not have result."}
			break
		}
		records := [][]map[string]string{}
		for _, row := range f.rows(in.Id) {
			record := []map[string]string{}
			for _, cell := range strings.Split(row, "|") {
				record = append(record, map[string]string{"stringValue": cell})
			}
			records = append(records, record)
		}
		answer["Records"] = records
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// defines reports whether the statement has no rows.
func defines(sql string) bool {
	return strings.HasPrefix(sql, "CREATE ") || strings.HasPrefix(sql, "DROP ")
}

// define keeps account of external schemas.
func (f *fakeAWS) define(sql string) {
	if rows := f.rows(sql); len(rows) == 1 && strings.HasPrefix(rows[0], "!") {
		return
	}
	if rest, ok := strings.CutPrefix(sql, "CREATE EXTERNAL SCHEMA "); ok {
		f.left["schema "+strings.Fields(rest)[0]] = true
	}
	if rest, ok := strings.CutPrefix(sql, "DROP SCHEMA IF EXISTS "); ok {
		delete(f.left, "schema "+rest)
	}
}

func (f *fakeAWS) rows(sql string) []string {
	for part, rows := range f.sql {
		if strings.Contains(sql, part) {
			return rows
		}
	}
	return inOrder(sql)
}

// inOrder is what a warehouse answers when all is well: rows, with | between the cells.
func inOrder(sql string) []string {
	switch {
	case strings.Contains(sql, "current_user"):
		return []string{"IAMR:refract-redshift"}
	case strings.Contains(sql, "has_database_privilege"):
		return []string{"true"}
	case strings.Contains(sql, "svv_external_schemas"):
		return []string{`mixpanel|{"IAM_ROLE":"` + role("redshift") + `"}`}
	case strings.Contains(sql, "svv_external_tables"):
		return []string{"mp_master_event"}
	}
	return []string{"1"}
}

func (f *fakeAWS) query(w http.ResponseWriter, form string) {
	operation := "GetCallerIdentity"
	if strings.Contains(form, "Action=AssumeRole") {
		operation = "AssumeRole"
	}
	f.calls = append(f.calls, operation)
	no, refused := f.refuse[operation]
	if operation == "AssumeRole" && !refused && !f.openRole && !strings.Contains(form, "ExternalId="+token) {
		no, refused = refusal{403, "AccessDenied", "User: " + exporter + " is not authorized to perform: sts:AssumeRole on resource: " + role("s3")}, true
		if other, ok := f.refuse["AssumeRole with a wrong external ID"]; ok {
			no = other
		}
	}
	if refused {
		w.WriteHeader(no.status)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, no.code, no.message)
		return
	}
	if operation == "AssumeRole" {
		fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2027-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
		return
	}
	fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn><Account>485438090326</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, exporter)
}

func s3Operation(r *http.Request) string {
	q, object := r.URL.Query(), strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch {
	case q.Has("uploads") && r.Method == http.MethodPost:
		return "CreateMultipartUpload"
	case q.Has("uploads"):
		return "ListMultipartUploads"
	case q.Has("uploadId") && r.Method == http.MethodPut:
		return "UploadPart"
	case q.Has("uploadId") && r.Method == http.MethodPost:
		return "CompleteMultipartUpload"
	case q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodHead && !object:
		return "HeadBucket"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/absent"):
		return "GetObject that is absent"
	case r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "":
		return "PutObject if absent"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	case object:
		return "GetObject"
	}
	return "ListObjectsV2"
}

func (f *fakeAWS) s3(w http.ResponseWriter, r *http.Request, body []byte) {
	operation := s3Operation(r)
	f.calls = append(f.calls, operation)
	key := strings.TrimPrefix(r.URL.Path, "/lake/")
	fail := func(no refusal) {
		w.WriteHeader(no.status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, `<Error><Code>%s</Code><Message>%s</Message></Error>`, no.code, no.message)
		}
	}
	if operation == "HeadBucket" {
		w.Header().Set("X-Amz-Bucket-Region", f.region)
	}
	if no, ok := f.refuse[operation]; ok {
		fail(no)
		return
	}
	switch operation {
	case "PutObject":
		f.left["object "+key], f.bodies[key] = true, body
	case "PutObject if absent":
		fail(refusal{412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"})
	case "DeleteObject":
		delete(f.left, "object "+key)
		w.WriteHeader(204)
	case "GetObject", "GetObject that is absent":
		if !f.left["object "+key] {
			fail(refusal{404, "NoSuchKey", "The specified key does not exist."})
			return
		}
		fmt.Fprint(w, "written by refract aws doctor, which removes it\n")
	case "HeadObject":
		w.Header().Set("X-Amz-Server-Side-Encryption", "aws:kms")
		w.Header().Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", keyARN)
	case "ListObjectsV2":
		prefix := r.URL.Query().Get("prefix")
		fmt.Fprint(w, `<ListBucketResult>`)
		for name := range f.left {
			if key, ok := strings.CutPrefix(name, "object "); ok && strings.HasPrefix(key, prefix) {
				fmt.Fprintf(w, `<Contents><Key>%s</Key></Contents>`, key)
			}
		}
		fmt.Fprint(w, `</ListBucketResult>`)
	case "CreateMultipartUpload":
		f.left["upload "+key] = true
		fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
	case "UploadPart":
		w.Header().Set("ETag", `"e"`)
	case "CompleteMultipartUpload":
		delete(f.left, "upload "+key)
		f.left["object "+key] = true
		fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>`)
	case "AbortMultipartUpload":
		if !f.left["upload "+key] {
			fail(refusal{404, "NoSuchUpload", "The specified multipart upload does not exist."})
			return
		}
		delete(f.left, "upload "+key)
		w.WriteHeader(204)
	case "ListMultipartUploads":
		fmt.Fprint(w, `<ListMultipartUploadsResult></ListMultipartUploadsResult>`)
	}
}

// line returns the check of the name.
func line(t *testing.T, r *doctor.Report, area, name string) doctor.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Area == area && c.Name == name {
			return c
		}
	}
	t.Fatalf("the report has no line %s %s:\n%s", area, name, lines(r))
	return doctor.Check{}
}

func lines(r *doctor.Report) string {
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s%s\t%s\n", c.Status, c.Area, c.Name, c.Detail, c.Cause, c.Remedy)
	}
	return b.String()
}

const (
	region   = "eu-central-1"
	account  = "123456789012"
	token    = "0123456789abcdef0123456789abcdef"
	exporter = "arn:aws:iam::485438090326:user/exporter"
	keyARN   = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// workgroupARN is that of the workgroup "refract" of the Data API here.
var workgroupARN = "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/" +
	uuid.NewSHA1(uuid.NameSpaceURL, []byte("arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/refract")).String()

func role(name string) string { return "arn:aws:iam::" + account + ":role/refract-" + name }

func settings(change ...func(*grant.Settings)) *grant.Settings {
	s := &grant.Settings{
		Project: 7, Pipeline: "events-daily", ExternalID: token,
		S3:   grant.S3{Bucket: "lake", Prefix: "mixpanel", Region: region, Role: role("s3"), Encryption: "kms", KMSKey: keyARN},
		Glue: &grant.Glue{Database: "mixpanel", Region: region, Role: role("glue"), Tables: []string{"mp_master_event"}},
		Redshift: &grant.Redshift{
			Workgroup: workgroupARN, Database: "dev", Region: region, Role: role("redshift"), Schema: "mp_json_export",
		},
	}
	for _, f := range change {
		f(s)
	}
	return s
}
