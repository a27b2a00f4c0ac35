// Package lake writes tables into a bucket and makes them known in a catalog.
//
// # Objects
//
// Objects lie below the folders that Mixpanel's pipelines use. JSON pipelines and raw ones write JSON lines, gzip-compressed;
// schematized ones that or Parquet:
//
//	[prefix/]<project_id>/mp_master_event/YYYY/MM/DD/<pipeline>-<after>-<up_to>-<part>.json.gz
//	[prefix/]<project_id>/<table>/YYYY/MM/DD/<pipeline>-<after>-<up_to>-<part>.parquet
//	[prefix/]<project_id>/<table>/YYYY/MM/DD/<up_to>-<pipeline>/<pipeline>-<after>-<up_to>-<part>.parquet
//	[prefix/]<project_id>/mp_people_data/<up_to>-<pipeline>/<pipeline>-<after>-<up_to>-<part>.json.gz
//	[prefix/]<project_id>/YYYY/MM/DD/HH/<pipeline>-<after>-<up_to>-<part>.json.gz
//	[prefix/]<project_id>/YYYY/MM/DD/full_day/<pipeline>-<after>-<up_to>-<part>.json.gz
//
// The day is the event's: in UTC for JSON pipelines, in the project's time zone for the others. Names are functions of the pipeline
// and the log range (after, up_to] of the run, so that a run that is repeated writes the same names, and content is a function of the
// range too. No object is ever empty, but for a raw window's marker "complete".
//
// What is replaced whole, a snapshot or a day with sync, has a folder of its own for each version, beside the one it replaces and never
// in it, since readers take whatever lies below the location that the catalog names.
//
// Everything that is not data lies under a name that begins with an underscore, which every reader skips, or outside of all tables:
//
//	[prefix/]<project_id>/_manifest/<pipeline>/<after>-<up_to>.json
//	[prefix/]<project_id>/_oversize/<table>/[YYYY/MM/DD/]<pipeline>-<after>-<up_to>-<part>.json.gz
//	[prefix/]<project_id>/schema/events.json
//
// # Publication
//
// Objects, then the manifest that names them, then the catalog: table and columns, then partitions. Each step can be repeated.
package lake

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/event"
)

// Layout says where the objects of a pipeline lie in its bucket.
type Layout struct {
	// Prefix has no slash at its ends; it may be empty.
	Prefix  string
	Project int64
	// Table is empty for the whole of a pipeline that has several tables or none. A copy with another table addresses that one.
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

// TableDir returns the table's folder, with a slash at its end. Without a table it is the project's.
func (l Layout) TableDir() string {
	if l.Table == "" {
		return l.root()
	}
	return l.root() + l.Table + "/"
}

// DayDir returns the folder of an event day, with a slash at its end.
func (l Layout) DayDir(d event.Day) string { return l.TableDir() + d.Path() + "/" }

// VersionDir returns the folder of a snapshot, with a slash at its end.
func (l Layout) VersionDir(w Window) string { return l.TableDir() + l.version(w) }

// DayVersionDir returns the folder of one version of an event day, with a slash at its end.
func (l Layout) DayVersionDir(d event.Day, w Window) string { return l.DayDir(d) + l.version(w) }

func (l Layout) version(w Window) string { return fmt.Sprintf("%012d-%s/", w.UpTo, l.Pipeline) }

// newer reports whether a location is that of a later version than another one: of the same pipeline, in the same place.
func newer(location, than string) bool {
	dir, upTo, pipeline := splitVersion(location)
	thanDir, thanUpTo, thanPipeline := splitVersion(than)
	return pipeline != "" && dir == thanDir && pipeline == thanPipeline && upTo > thanUpTo
}

// splitVersion takes the location of a version apart; pipeline is empty for any other.
func splitVersion(location string) (dir string, upTo uint64, pipeline string) {
	location = strings.TrimSuffix(location, "/")
	slash := strings.LastIndexByte(location, '/') + 1
	number, pipeline, _ := strings.Cut(location[slash:], "-")
	upTo, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return "", 0, ""
	}
	return location[:slash], upTo, pipeline
}

// RawDir returns the folder of a raw pipeline's hour or day, with a slash at its end. The time is in the project's time zone (Mixpanel,
// "Raw Export Pipeline").
func (l Layout) RawDir(t time.Time, hourly bool) string {
	if hourly {
		return l.root() + t.Format("2006/01/02/15/")
	}
	return l.root() + t.Format("2006/01/02/") + "full_day/"
}

// CompleteKey returns the key of the empty object that says that the folder of a raw pipeline's hour or day is complete.
func CompleteKey(dir string) string { return dir + "complete" }

// SchemaKey returns the key of the file that tells which property became which column; source is events, people or identities
// (Mixpanel, "Schematized Export Pipeline").
func (l Layout) SchemaKey(source string) string { return l.root() + "schema/" + source + ".json" }

// ManifestDir returns the folder of the pipeline's manifests, with a slash at its end.
func (l Layout) ManifestDir() string { return l.root() + "_manifest/" + l.Pipeline + "/" }

// ManifestKey returns the key of a run's manifest.
func (l Layout) ManifestKey(w Window) string {
	return fmt.Sprintf("%s%012d-%012d.json", l.ManifestDir(), w.After, w.UpTo)
}

// OversizeDir returns the folder of rows that were too large for the table, whole, with a slash at its end.
func (l Layout) OversizeDir() string { return l.root() + "_oversize/" + l.Table + "/" }

// OversizeDayDir returns the folder in it of an event day of a schematized table, with a slash at its end.
func (l Layout) OversizeDayDir(d event.Day) string { return l.OversizeDir() + d.Path() + "/" }

// stem is what the names of a run's objects begin with, in whatever folder they lie.
func (l Layout) stem(w Window) string {
	return fmt.Sprintf("%s-%012d-%012d-", l.Pipeline, w.After, w.UpTo)
}

func partName(stem string, part int, k Kind) string {
	return fmt.Sprintf("%s%04d%s", stem, part, k.suffix)
}

// Owns reports whether a key below the table, or below the project if there is no table, is one of the pipeline's data objects.
func (l Layout) Owns(key string) bool {
	below, ok := strings.CutPrefix(key, l.TableDir())
	return ok && !strings.HasPrefix(below, "_") && strings.HasPrefix(below[strings.LastIndexByte(below, '/')+1:], l.Pipeline+"-")
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
