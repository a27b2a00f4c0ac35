// Package verify reconciles a project: what was accepted, what is stored, what was exported, what lies in the objects and what SQL
// counts must be the same numbers, day by day.
//
// Each stage is counted from what it wrote itself, not from its predecessor's bookkeeping: blocks announce their records, segments are
// read, manifests are added up, objects are unpacked and their lines counted, and tables are counted by SQL; of a catalog that the SQL here does not
// read, the folders are compared. A report is of one moment:
// the position up to which each pipeline has published; what arrives meanwhile is not part of it.
package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Report is the outcome of one reconciliation.
type Report struct {
	Project int64 `json:"project"`
	// Intake holds one line for each kind of record and one for the quarantine.
	Intake []Line `json:"intake"`
	// Pipelines holds a section for each pipeline that has published something.
	Pipelines []Section `json:"pipelines"`
}

// Section is one pipeline's part of a report.
type Section struct {
	Pipeline string `json:"pipeline"`
	// Position is the log position up to which the pipeline has published.
	Position uint64 `json:"position"`
	Lines    []Line `json:"lines"`
}

// Line compares counts of the same records at different stages.
type Line struct {
	// What names the records: a day, or a kind.
	What string `json:"what"`
	// Table is set where the values of one of its columns are counted, not its rows.
	Table  string  `json:"table,omitempty"`
	Counts []Count `json:"counts"`
	// Exact says whether all counts are the same.
	Exact bool `json:"exact"`
}

// Count is how many records one stage has.
type Count struct {
	Stage string `json:"stage"`
	N     int64  `json:"n"`
}

// line compares the counts.
func line(what string, counts ...Count) Line {
	l := Line{What: what, Counts: counts, Exact: true}
	for _, c := range counts {
		l.Exact = l.Exact && c.N == counts[0].N
	}
	return l
}

func (s *Section) exact() bool {
	return !slices.ContainsFunc(s.Lines, func(l Line) bool { return !l.Exact })
}

// Exact reports whether every line of the report is.
func (r *Report) Exact() bool {
	return len(r.Differences()) == 0
}

// Differences returns a sentence for each line that is not exact, naming the pipeline and the day.
func (r *Report) Differences() []string {
	var all []string
	for _, l := range r.Intake {
		if !l.Exact {
			all = append(all, fmt.Sprintf("intake, %s: %s", l.What, l.describe()))
		}
	}
	for _, s := range r.Pipelines {
		for _, l := range s.Lines {
			if !l.Exact {
				all = append(all, fmt.Sprintf("pipeline %s, %s: %s", s.Pipeline, l.What, l.describe()))
			}
		}
	}
	return all
}

func (l *Line) describe() string {
	parts := make([]string, len(l.Counts))
	for i, c := range l.Counts {
		parts[i] = strconv.FormatInt(c.N, 10) + " " + c.Stage
	}
	return strings.Join(parts, ", ")
}
