package doctor_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
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
		"a column by its name":               {"SELECT a FROM", "A", "Parquet columns by name or by position", doctor.Found, "by name (A)"},
		"a column by its place":              {"SELECT a FROM", "B", "Parquet columns by name or by position", doctor.Found, "by position (B)"},
		"a column that is NULL":              {"SELECT later", "NULL", "a column that a Parquet file lacks", doctor.Found, "it is NULL"},
		"a column that is an error":          {"SELECT later", "!Spectrum Scan Error", "a column that a Parquet file lacks", doctor.Warned, "Refract relies on another answer (NULL): it is an error: Spectrum Scan Error"},
		"a timestamp that is right":          {"SELECT t::varchar", "2023-11-14 22:13:20.123", "INT64 TIMESTAMP_MICROS", doctor.Found, "it reads 2023-11-14 22:13:20.123"},
		"a timestamp of another time":        {"SELECT t::varchar", "161065-01-01 00:00:00", "INT64 TIMESTAMP_MICROS", doctor.Warned, "161065"},
		"milliseconds of another time":       {"SELECT t::varchar", "161065-01-01 00:00:00", "INT64 TIMESTAMP_MILLIS", doctor.Found, "reads 161065"},
		"an int32 that does not fit":         {"SELECT n FROM", "!incompatible Parquet schema", "INT32 under bigint", doctor.Found, "it is an error: incompatible Parquet schema"},
		"a string that is cut":               {"octet_length", "16384", "a JSON string of 20,000 bytes", doctor.Found, "its length is 16384"},
		"properties that are changed":        {"SELECT properties", `{"url":1}`, "properties in JSON, an escaped string", doctor.Warned, `{"url":1}`},
		"a log that is not there":            {"svl_s3log", `!relation "svl_s3log" does not exist`, "svl_s3log", doctor.Found, "it is an error"},
		"a schema on nothing that succeeds":  {"no statement has this", "1", "CREATE EXTERNAL SCHEMA on a Glue database that is not there", doctor.Found, "it succeeds"},
		"a schema on nothing that is denied": {"CREATE EXTERNAL SCHEMA", "!database not found", "CREATE EXTERNAL SCHEMA on a Glue database that is not there", doctor.Found, "database not found"},
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
	require.Equal(t, doctor.Skipped, line(t, r, "questions", "everything").Status)
}

// The files are what the questions say they are: a reader that is not Spectrum sees so.
func TestTheQuestionsFilesAreWhatTheyClaim(t *testing.T) {
	f, d := newFake(t)
	d.Deep = true
	d.Run(t.Context(), settings())
	f.mu.Lock()
	defer f.mu.Unlock()
	var parquets, lines int
	for key, content := range f.bodies {
		switch {
		case strings.HasSuffix(key, ".parquet"):
			parquets++
			file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
			require.NoError(t, err, key)
			require.EqualValues(t, 1, file.NumRows())
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
	require.Equal(t, 7, parquets)
	require.Equal(t, 6, lines)
}
