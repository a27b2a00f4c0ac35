package engine

import (
	"sync"
	"time"
)

// maxHistory bounds the queries that the system views show.
const maxHistory = 10_000

// QueryRecord is a query in the engine's history, as sys_query_history shows it.
type QueryRecord struct {
	ID          int64
	Transaction int64
	ProcessID   uint32
	User        *User
	Database    string
	Label       string
	Type        string // SELECT, DDL, UTILITY, ...
	Text        string
	Start, End  time.Time
	// Status is running, success, failed or canceled.
	Status string
	Error  string
	// Log is the whole text of a failed scan, as svl_s3log has it.
	Log   string
	Rows  int64
	Scans []ScanRecord
}

// ScanRecord is what a query read of an external table.
type ScanRecord struct {
	Schema, Table, Format   string
	Partitioned             bool
	Partitions, Total       int
	Files                   int
	FileBytes, LargestBytes int64
	ScannedRows             int64
	ScannedBytes            int64
}

// history holds the last maxHistory queries. It is safe for concurrent use; records it gives out are copies.
type history struct {
	mu    sync.Mutex
	last  int64
	queue []*QueryRecord // oldest first
}

// begin enters a query and gives it its id.
func (h *history) begin(r QueryRecord) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	r.ID = h.last
	if len(h.queue) == maxHistory {
		h.queue = append(h.queue[:0], h.queue[1:]...)
	}
	h.queue = append(h.queue, &r)
	return r.ID
}

// update changes the record of a query that is still remembered.
func (h *history) update(id int64, change func(*QueryRecord)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := len(h.queue) - 1 - int(h.last-id); i >= 0 && i < len(h.queue) {
		change(h.queue[i])
	}
}

// all returns the remembered queries that keep selects, oldest first.
func (h *history) all(keep func(*QueryRecord) bool) []QueryRecord {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []QueryRecord
	for _, r := range h.queue {
		if keep(r) {
			out = append(out, *r)
		}
	}
	return out
}

// The states of a query in its history.
const (
	statusNameRunning  = "running"
	statusNameSuccess  = "success"
	statusNameFailed   = "failed"
	statusNameCanceled = "canceled"
)
