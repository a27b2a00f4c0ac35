package doctor_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/grant"
)

// The warehouse's answers become findings; one on which Refract relies, and that differs, a warning.
func TestQuestionsAreAnsweredByTheWarehouse(t *testing.T) {
	for name, test := range map[string]struct {
		sql, rows, line string
		status          doctor.Status
		want            string
	}{
		"a column by its name":                    {"SELECT a FROM", "A", "Parquet columns by name or by position", doctor.Found, "by name (A)"},
		"a column by its place":                   {"SELECT a FROM", "B", "Parquet columns by name or by position", doctor.Found, "by position (B)"},
		"a column that is NULL":                   {"SELECT later", "NULL", "a column that a Parquet file lacks", doctor.Found, "it is NULL"},
		"a column that is an error":               {"SELECT later", "!Spectrum Scan Error", "a column that a Parquet file lacks", doctor.Warned, "Refract relies on another answer (NULL): it is an error: Spectrum Scan Error"},
		"a timestamp that is right":               {"SELECT t::varchar", "2023-11-14 22:13:20.123", "INT64 TIMESTAMP_MICROS", doctor.Found, "it reads 2023-11-14 22:13:20.123"},
		"a timestamp of another time":             {"SELECT t::varchar", "161065-01-01 00:00:00", "INT64 TIMESTAMP_MICROS", doctor.Warned, "161065"},
		"milliseconds of another time":            {"SELECT t::varchar", "161065-01-01 00:00:00", "INT64 TIMESTAMP_MILLIS", doctor.Found, "reads 161065"},
		"an int32 that does not fit":              {"SELECT n FROM", "!incompatible Parquet schema", "INT32 under bigint", doctor.Found, "it is an error: incompatible Parquet schema"},
		"a string that is cut":                    {"octet_length", "16384", "a JSON string of 20,000 bytes", doctor.Found, "its length is 16384"},
		"properties that are changed":             {"SELECT properties", `{"url":1}`, "properties in JSON, an escaped string", doctor.Warned, `{"url":1}`},
		"a log that is not there":                 {"svl_s3log", `!relation "svl_s3log" does not exist`, "svl_s3log", doctor.Found, "it is an error"},
		"a schema on nothing that succeeds":       {"no statement has this", "1", "CREATE EXTERNAL SCHEMA on a Glue database that is not there", doctor.Found, "it succeeds"},
		"a schema on nothing that is refused":     {"CREATE EXTERNAL SCHEMA", "!database not found", "CREATE EXTERNAL SCHEMA on a Glue database that is not there", doctor.Found, "database not found"},
		"pages of version 2 that are refused":     {"SELECT a FROM", "!invalid version number", "Parquet pages of version 2", doctor.Found, "it is an error: invalid version number"},
		"a key in upper case that is read":        {"SELECT a FROM", "x", "the JSON SerDe's property case.insensitive", doctor.Found, "false is ignored"},
		"a key in upper case that is NULL":        {"SELECT a FROM", "NULL", "the JSON SerDe's property case.insensitive", doctor.Found, "false is honoured"},
		"a JSON text that is NULL":                {"SELECT n FROM", "NULL", "a JSON text under bigint", doctor.Found, `"twelve" reads NULL`},
		"objects that Redshift may not read":      {"SELECT a FROM", "!S3ServiceException:Access Denied,Status 403", "zstd pages in Parquet", doctor.Unclear, "it can't be told"},
		"a log that the user may not read":        {"svl_s3log", "!permission denied for relation svl_s3log", "svl_s3log", doctor.Unclear, "it can't be told"},
		"a scan that S3 throttles":                {"SELECT a FROM", "!Spectrum Scan Error: Access throttled", "a Parquet table without parameters", doctor.Unclear, "throttled"},
		"a timestamp whose catalog is not read":   {"SELECT t::varchar", "!User: x is not authorized to perform: glue:GetTable on resource: *", "INT64 TIMESTAMP_MICROS", doctor.Unclear, "glue:GetTable"},
		"a schema on nothing that Glue denies":    {"CREATE EXTERNAL SCHEMA", "!User: x is not authorized to perform: glue:GetDatabase on resource: *", "CREATE EXTERNAL SCHEMA in a batch", doctor.Unclear, "glue:GetDatabase"},
		"a schema that may not be in transaction": {"CREATE EXTERNAL SCHEMA", "!cannot run inside a transaction block", "CREATE EXTERNAL SCHEMA in a batch", doctor.Found, "inside a transaction block"},
	} {
		t.Run(name, func(t *testing.T) {
			f, d := newFake(t)
			d.Deep = true
			f.sql[test.sql] = []string{test.rows}
			r := d.Run(t.Context(), settings())
			c := line(t, r, "questions", test.line)
			require.Equal(t, test.status, c.Status, lines(r))
			require.Contains(t, c.Detail+c.Cause, test.want)
			require.Empty(t, f.leftovers(), lines(r))
			require.Zero(t, r.Count(doctor.Failed), "a finding is no failure")
		})
	}
}

// What the Data API or Glue denies, throttles or leaves unanswered is no answer to a question; what it refuses for another reason is one.
func TestARightThatIsMissingIsNoAnswer(t *testing.T) {
	const batch, size = "CREATE EXTERNAL SCHEMA in a batch", "a Glue table of 5,000 columns"
	for name, test := range map[string]struct {
		operation string
		answer    refusal
		line      string
		status    doctor.Status
		want      string
	}{
		"a batch that is denied": {"BatchExecuteStatement", refusal{400, "AccessDeniedException", "User: x is not authorized to perform: redshift-data:BatchExecuteStatement on resource: arn:x"},
			batch, doctor.Unclear, "may not do redshift-data:BatchExecuteStatement"},
		"a batch that is throttled": {"BatchExecuteStatement", refusal{400, "ThrottlingException", "Rate exceeded"}, batch, doctor.Unclear, "AWS throttles"},
		"a batch that is refused":   {"BatchExecuteStatement", refusal{400, "ValidationException", "No such statement in a batch."}, batch, doctor.Found, "No such statement"},
		"a wide table that is refused": {"CreateTable with 5000 columns", refusal{400, "InvalidInputException", "Number of columns exceeds the limit."},
			size, doctor.Found, "it is refused: InvalidInputException: Number of columns"},
		"a wide table that is throttled": {"CreateTable with 5000 columns", refusal{400, "ThrottlingException", "Rate exceeded"}, size, doctor.Unclear, "AWS throttles"},
	} {
		t.Run(name, func(t *testing.T) {
			f, d := newFake(t)
			d.Deep, f.refuse[test.operation] = true, test.answer
			r := d.Run(t.Context(), settings())
			c := line(t, r, "questions", test.line)
			require.Equal(t, test.status, c.Status, lines(r))
			require.Contains(t, c.Detail+c.Cause, test.want)
			require.Equal(t, test.status == doctor.Unclear, slices.Contains(r.Open, test.line), r.Open)
			if strings.Contains(test.answer.message, "not authorized") {
				require.Equal(t, grant.Texts{onlyDeep}, c.Missing.Action)
			}
			require.Empty(t, f.leftovers(), lines(r))
		})
	}
}

func TestQuestionsThatNobodyAskedAreOpen(t *testing.T) {
	_, d := newFake(t)
	r := d.Run(t.Context(), settings())
	for _, name := range []string{"a Glue table of 1 MB", "INT64 TIMESTAMP_MILLIS", "DELTA_BYTE_ARRAY in Parquet", "CREATE EXTERNAL SCHEMA in a batch", "DbUser with a workgroup"} {
		require.Contains(t, r.Open, name)
	}
	all := len(r.Open)
	cluster := d.Run(t.Context(), settings(func(s *grant.Settings) { s.Redshift.Workgroup, s.Redshift.Cluster = "", "dwh" }))
	require.NotContains(t, cluster.Open, "DbUser with a workgroup")
	require.Len(t, d.Run(t.Context(), settings(func(s *grant.Settings) { s.Redshift = nil })).Open, 2)
	require.Empty(t, d.Run(t.Context(), settings(func(s *grant.Settings) { s.Glue, s.Redshift = nil, nil })).Open)
	d.Deep = true
	r = d.Run(t.Context(), settings())
	require.Empty(t, r.Open, lines(r))
	require.Equal(t, all, r.Count(doctor.Found)+r.Count(doctor.Warned))
}

func TestWithoutAnExternalSchemaTheQuestionsMakeOneOfTheirOwn(t *testing.T) {
	f, d := newFake(t)
	d.Deep = true
	f.sql["svv_external_schemas"] = nil
	r := d.Run(t.Context(), settings())
	require.Equal(t, doctor.Found, line(t, r, "questions", "INT32 under bigint").Status, lines(r))
	require.Empty(t, f.leftovers())
	f.sql["CREATE EXTERNAL SCHEMA"] = []string{"!permission denied for database dev"}
	r = d.Run(t.Context(), settings())
	require.Contains(t, line(t, r, "questions", "external schema").Cause, "permission denied")
}

func TestQuestionsNeedAWarehouse(t *testing.T) {
	_, d := newFake(t)
	d.Deep = true
	r := d.Run(t.Context(), settings(func(s *grant.Settings) { s.Redshift = nil }))
	require.Equal(t, doctor.Skipped, line(t, r, "questions", "Redshift Spectrum").Status)
	require.Equal(t, doctor.Found, line(t, r, "questions", "a Glue table of 5,000 columns").Status, "Glue can be asked without one")
	r = d.Run(t.Context(), settings(func(s *grant.Settings) { s.Glue, s.Redshift = nil, nil }))
	require.Equal(t, doctor.Skipped, line(t, r, "questions", "everything").Status)
}

// The files are what the questions say they are: a reader that is not Spectrum sees so.
func TestTheQuestionsFilesAreWhatTheyClaim(t *testing.T) {
	f, d := newFake(t)
	d.Deep = true
	d.Run(t.Context(), settings())
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines int
	var formats []string
	for key, content := range f.bodies {
		switch {
		case strings.HasSuffix(key, ".parquet"):
			file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
			require.NoError(t, err, key)
			require.EqualValues(t, 1, file.NumRows())
			column := file.Metadata().RowGroups[0].Columns[0].MetaData
			stats := column.EncodingStats[len(column.EncodingStats)-1]
			formats = append(formats, fmt.Sprint(column.Codec, " ", stats.PageType, " ", stats.Encoding))
		case strings.HasSuffix(key, ".json.gz"):
			lines++
			r, err := gzip.NewReader(bytes.NewReader(content))
			require.NoError(t, err)
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			first, _, _ := strings.Cut(string(text), "\n")
			require.True(t, json.Valid([]byte(first)), first)
		}
	}
	slices.Sort(formats)
	require.Equal(t, []string{
		"SNAPPY DATA_PAGE BYTE_STREAM_SPLIT", "SNAPPY DATA_PAGE DELTA_BINARY_PACKED", "SNAPPY DATA_PAGE DELTA_BYTE_ARRAY", "SNAPPY DATA_PAGE DELTA_LENGTH_BYTE_ARRAY",
		"SNAPPY DATA_PAGE PLAIN", "SNAPPY DATA_PAGE PLAIN", "SNAPPY DATA_PAGE PLAIN", "SNAPPY DATA_PAGE PLAIN", "SNAPPY DATA_PAGE PLAIN", "SNAPPY DATA_PAGE PLAIN", "SNAPPY DATA_PAGE PLAIN",
		"SNAPPY DATA_PAGE_V2 PLAIN", "ZSTD DATA_PAGE PLAIN",
	}, formats)
	require.Equal(t, 11, lines)
}
