// Package lake writes tables into a bucket and makes them known in a catalog.
//
// # Objects
//
// Rows are JSON lines, gzip-compressed, below the folder that Mixpanel's JSON pipelines use:
//
//	[prefix/]<project_id>/mp_master_event/YYYY/MM/DD/<pipeline>-<after>-<up_to>-<part>.json.gz
//	[prefix/]<project_id>/mp_people_data/<up_to>-<pipeline>/<pipeline>-<after>-<up_to>-<part>.json.gz
//
// The day is the event's, in UTC. Names are functions of the pipeline and the log range (after, up_to] of the run, so that a run
// that is repeated writes the same names, and content is a function of the range too. No object is ever empty.
//
// A snapshot is replaced whole. Each version has a folder of its own beside the one it replaces, since readers take whatever lies
// below a table's location.
//
// Everything that is not data lies under a name that begins with an underscore, which every reader skips:
//
//	[prefix/]<project_id>/_manifest/<pipeline>/<after>-<up_to>.json
//	[prefix/]<project_id>/_oversize/<table>/<pipeline>-<after>-<up_to>-<part>.json.gz
//
// # Publication
//
// Objects, then the manifest that names them, then the catalog: table and columns, then partitions. Each step can be repeated.
package lake

import (
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/event"
)

// Layout says where the objects of a pipeline lie in its bucket.
type Layout struct {
	// Prefix has no slash at its ends; it may be empty.
	Prefix   string
	Project  int64
	Table    string
	Pipeline string
}

// Window is the log range (After, UpTo] of a run.
type Window struct {
	After uint64 `json:"after"`
	UpTo  uint64 `json:"up_to"`
}

func (l Layout) root() string {
	if l.Prefix == "" {
		return fmt.Sprintf("%d/", l.Project)
	}
	return fmt.Sprintf("%s/%d/", l.Prefix, l.Project)
}

// TableDir returns the table's folder, with a slash at its end.
func (l Layout) TableDir() string { return l.root() + l.Table + "/" }

// DayDir returns the folder of an event day, with a slash at its end.
func (l Layout) DayDir(d event.Day) string { return l.TableDir() + d.Path() + "/" }

// VersionDir returns the folder of a snapshot, with a slash at its end.
func (l Layout) VersionDir(w Window) string {
	return fmt.Sprintf("%s%012d-%s/", l.TableDir(), w.UpTo, l.Pipeline)
}

// ManifestDir returns the folder of the pipeline's manifests, with a slash at its end.
func (l Layout) ManifestDir() string { return l.root() + "_manifest/" + l.Pipeline + "/" }

// ManifestKey returns the key of a run's manifest.
func (l Layout) ManifestKey(w Window) string {
	return fmt.Sprintf("%s%012d-%012d.json", l.ManifestDir(), w.After, w.UpTo)
}

// OversizeDir returns the folder of rows that were too large for the table, whole, with a slash at its end.
func (l Layout) OversizeDir() string { return l.root() + "_oversize/" + l.Table + "/" }

// stem is what the names of a run's objects begin with, in whatever folder they lie.
func (l Layout) stem(w Window) string {
	return fmt.Sprintf("%s-%012d-%012d-", l.Pipeline, w.After, w.UpTo)
}

func partName(stem string, part int) string { return fmt.Sprintf("%s%04d.json.gz", stem, part) }

// Owns reports whether a key below the table is one of the pipeline's objects.
func (l Layout) Owns(key string) bool {
	return strings.HasPrefix(key, l.TableDir()) && strings.HasPrefix(key[strings.LastIndexByte(key, '/')+1:], l.Pipeline+"-")
}

// Window returns the log range in the name of one of the pipeline's objects.
func (l Layout) Window(key string) (w Window, ok bool) {
	name, ok := strings.CutPrefix(key[strings.LastIndexByte(key, '/')+1:], l.Pipeline+"-")
	if !ok {
		return Window{}, false
	}
	_, err := fmt.Sscanf(name, "%d-%d-", &w.After, &w.UpTo)
	return w, err == nil
}
