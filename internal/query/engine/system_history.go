package engine

import (
	"context"
	"strings"
	"unicode/utf8"
)

// The views of the query history. Users other than superusers see their own queries.
func init() {
	system(catalogSchema, "sys_query_history", `user_id int4, query_id int8, query_label char(320), transaction_id int8, session_id int4, database_name char(128),
		query_type char(32), status char(10), result_cache_hit bool, start_time timestamp, end_time timestamp, elapsed_time int8, queue_time int8, execution_time int8,
		error_message char(512), returned_rows int8, returned_bytes int8, query_text char(4000), redshift_version char(256), usage_limit char(150),
		compute_type varchar(32), compile_time int8, planning_time int8, lock_wait_time int8, service_class_id int4, service_class_name char(64)`, sysQueryHistory)
	system(catalogSchema, "stl_query", `userid int4, query int4, label char(320), xid int8, pid int4, database char(32), querytxt char(4000), starttime timestamp,
		endtime timestamp, aborted int4, insert_pristine int4, concurrency_scaling_status int4`, stlQuery)
	system(catalogSchema, "stv_inflight", `userid int4, slice int4, query int4, label char(320), xid int8, pid int4, starttime timestamp, text char(100), suspended int4,
		insert_pristine int4, concurrency_scaling_status int4`, stvInflight)
	system(catalogSchema, "stv_recents", "userid int4, status char(20), starttime timestamp, duration int4, user_name char(50), db_name char(50), query char(600), pid int4", stvRecents)
	system(catalogSchema, "svl_s3query_summary", `userid int4, query int4, xid int8, pid int4, segment int4, step int4, starttime timestamp, endtime timestamp, elapsed int8,
		aborted int4, external_table_name char(136), file_format char(16), is_partitioned char(1), is_rrscan char(1), is_nested char(1), s3_scanned_rows int8,
		s3_scanned_bytes int8, s3query_returned_rows int8, s3query_returned_bytes int8, files int4, files_max int4, files_avg int4, splits int4, splits_max int4,
		splits_avg int4, total_split_size int8, max_split_size int8, total_retries int4, max_retries int4, max_request_duration int4, avg_request_duration float8,
		max_request_parallelism int4, avg_request_parallelism float8`, svlS3QuerySummary)
	system(catalogSchema, "sys_external_query_detail", `user_id int4, query_id int8, transaction_id int8, child_query_sequence int4, segment_id int4, source_type char(32),
		start_time timestamp, end_time timestamp, duration int8, total_partitions int8, qualified_partitions int8, scanned_files int8, returned_rows int8, returned_bytes int8,
		file_format text, file_location text, external_query_text text, warning_message char(4000), table_name char(136), is_recursive char(1), is_nested char(1)`, sysExternalQueryDetail)
	system(catalogSchema, "svl_s3log", "pid int4, query int4, segment int4, step int4, node int4, slice int4, eventtime timestamp, message char(512)", svlS3Log)
}

// visible gives the history that the session's user may see.
func (s *Session) visible() []QueryRecord {
	return s.engine.history.all(func(r *QueryRecord) bool { return s.user.Superuser || r.User.ID == s.user.ID })
}

func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	return strings.ToValidUTF8(text[:bytes], "")
}

// elapsed is the time a query took, in microseconds; of a running one, nothing yet.
func (r *QueryRecord) elapsed() int64 {
	if r.End.IsZero() {
		return 0
	}
	return r.End.Sub(r.Start).Microseconds()
}

func (r *QueryRecord) aborted() int {
	if r.Status == statusNameFailed || r.Status == statusNameCanceled {
		return 1
	}
	return 0
}

func sysQueryHistory(_ context.Context, s *Session) ([][]any, error) {
	var out [][]any
	for _, r := range s.visible() {
		out = append(out, []any{
			r.User.sysID(), r.ID, r.Label, r.Transaction, int64(r.ProcessID), r.Database, r.Type, r.Status, false, r.Start, r.End, r.elapsed(), 0, r.elapsed(),
			cut(r.Error, 512), r.Rows, nil, cut(r.Text, 4000), version[strings.Index(version, "Redshift"):], nil, "primary", 0, 0, 0, 100, "default",
		})
	}
	return out, nil
}

func stlQuery(_ context.Context, s *Session) ([][]any, error) {
	var out [][]any
	for _, r := range s.visible() {
		if r.Status != statusNameRunning {
			out = append(out, []any{
				r.User.sysID(), r.ID, r.Label, r.Transaction, int64(r.ProcessID), r.Database, cut(r.Text, 4000), r.Start, r.End, r.aborted(), 0, 0,
			})
		}
	}
	return out, nil
}

func stvInflight(_ context.Context, s *Session) ([][]any, error) {
	var out [][]any
	for _, r := range s.visible() {
		if r.Status == statusNameRunning {
			out = append(out, []any{r.User.sysID(), 0, r.ID, r.Label, r.Transaction, int64(r.ProcessID), r.Start, cut(r.Text, 100), 0, 0, 0})
		}
	}
	return out, nil
}

func stvRecents(_ context.Context, s *Session) ([][]any, error) {
	var out [][]any
	for _, r := range s.visible() {
		status := "Done"
		if r.Status == statusNameRunning {
			status = "Running"
		}
		out = append(out, []any{r.User.sysID(), status, r.Start, r.elapsed(), r.User.Name, r.Database, cut(r.Text, 600), int64(r.ProcessID)})
	}
	return out, nil
}

func svlS3QuerySummary(_ context.Context, s *Session) ([][]any, error) {
	var out [][]any
	for _, r := range s.visible() {
		for i, scan := range r.Scans {
			partitioned := "f"
			if scan.Partitioned {
				partitioned = "t"
			}
			out = append(out, []any{
				r.User.sysID(), r.ID, r.Transaction, int64(r.ProcessID), i, 0, r.Start, r.End, r.elapsed(), r.aborted(),
				"S3 Scan " + scan.Schema + "_" + scan.Table, scan.Format, partitioned, "f", "f", scan.ScannedRows, scan.ScannedBytes, scan.ScannedRows, scan.ScannedBytes,
				scan.Files, scan.Files, scan.Files, scan.Files, scan.Files, scan.Files, scan.FileBytes, scan.LargestBytes, 0, 0, 0, 0.0, 1, 1.0,
			})
		}
	}
	return out, nil
}

func sysExternalQueryDetail(_ context.Context, s *Session) ([][]any, error) {
	var out [][]any
	for _, r := range s.visible() {
		for i, scan := range r.Scans {
			out = append(out, []any{
				r.User.sysID(), r.ID, r.Transaction, 1, i, "S3", r.Start, r.End, r.elapsed(), scan.Total, scan.Partitions, scan.Files, scan.ScannedRows, scan.ScannedBytes,
				scan.Format, nil, nil, nil, scan.Schema + "." + scan.Table, "t", "f",
			})
		}
	}
	return out, nil
}

// svlS3Log has the whole text of what failed, in rows of the length of its column: step numbers them.
func svlS3Log(_ context.Context, s *Session) ([][]any, error) {
	const length = 512
	var out [][]any
	for _, r := range s.visible() {
		text := r.Log
		if text == "" && len(r.Scans) > 0 {
			text = r.Error
		}
		for step := 0; text != ""; step++ {
			message := text[:min(len(text), length)]
			for len(message) < len(text) && !utf8.RuneStart(text[len(message)]) {
				message = message[:len(message)-1]
			}
			out = append(out, []any{int64(r.ProcessID), r.ID, 0, step, 0, 0, r.End, message})
			text = text[len(message):]
		}
	}
	return out, nil
}
