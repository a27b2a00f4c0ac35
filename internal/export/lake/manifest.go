package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// ManifestFormat is the version of the manifest's own form.
const ManifestFormat = 1

// The forms of rows that a manifest counts.
const (
	// RowFormat is that of JSON pipelines, SchematizedJSON and SchematizedParquet those of schematized ones, Raw that of raw ones.
	RowFormat          = "json/1"
	SchematizedJSON    = "aws-json/1"
	SchematizedParquet = "aws-parquet/1"
	RawFormat          = "raw/1"
)

// Object is a data object as a manifest names it.
type Object struct {
	Key string `json:"key"`
	// Table is the table's name where a pipeline has several.
	Table string `json:"table,omitempty"`
	// Day is the event day of all its rows, as 2026-05-01; empty in a snapshot.
	Day string `json:"day,omitempty"`
	// Rows is at least 1.
	Rows int64 `json:"rows"`
	// Bytes and SHA256 (hexadecimal) are of the object as stored.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// MinPosition and MaxPosition bound the log positions of the rows; absent in a snapshot.
	MinPosition uint64 `json:"min_position,omitempty"`
	MaxPosition uint64 `json:"max_position,omitempty"`
	// Values has for each column of a schematized table, in order, the number of values that are not null. Columns that the table
	// got later are missing at the end.
	Values []int64 `json:"values,omitempty"`
}

// Totals sums up what a run wrote.
type Totals struct {
	Rows    int64 `json:"rows"`
	Bytes   int64 `json:"bytes"`
	Objects int   `json:"objects"`
	Days    int   `json:"days"`
	// Long counts rows whose properties exceed 16 KiB, which Redshift Spectrum may cut (Redshift quotas: string values in JSON
	// files). They are written whole.
	Long int64 `json:"long_properties,omitempty"`
	// Reduced counts rows whose properties exceed a varchar's 65,535 bytes. They are written without their largest properties,
	// and whole in the oversize objects.
	Reduced int64 `json:"reduced_properties,omitempty"`
}

// TableDay is an event day of a table. Table is empty where a pipeline has one table only.
type TableDay struct {
	Table string `json:"table,omitempty"`
	Day   string `json:"day"`
}

// Manifest names exactly the objects of one run. It carries no time, so that a repeated run writes the same manifest.
type Manifest struct {
	Format    int    `json:"format"`
	RowFormat string `json:"row_format"`
	Pipeline  string `json:"pipeline"`
	Name      string `json:"name"`
	Project   int64  `json:"project_id"`
	Source    string `json:"data_source"`
	Table     string `json:"table"`
	Window    Window `json:"window"`
	// Revision is that of the pipeline's definition that the objects were written under; 0 before there were revisions.
	Revision int64 `json:"revision,omitempty"`
	// FirstDay and LastDay narrow the event days; empty for no bound.
	FirstDay string `json:"from_date,omitempty"`
	LastDay  string `json:"to_date,omitempty"`
	// Location is a snapshot's folder, as the catalog has it.
	Location string   `json:"location,omitempty"`
	Totals   Totals   `json:"totals"`
	Data     []Object `json:"data"`
	// Emptied are the days of tables that the run replaced and left without rows.
	Emptied []TableDay `json:"emptied,omitempty"`
	// Oversize objects hold the rows that Totals.Reduced counts, whole, in the order of the data.
	Oversize []Object `json:"oversize,omitempty"`
}

// Sum sets the totals from the data objects. Long and Reduced stay as they are.
func (m *Manifest) Sum() {
	m.Totals.Rows, m.Totals.Bytes, m.Totals.Objects, m.Totals.Days = 0, 0, len(m.Data), 0
	days := map[string]struct{}{}
	for _, o := range m.Data {
		m.Totals.Rows += o.Rows
		m.Totals.Bytes += o.Bytes
		if o.Day != "" {
			days[o.Day] = struct{}{}
		}
	}
	m.Totals.Days = len(days)
}

// Days returns the event days that the manifest's objects belong to, ascending.
func (m *Manifest) Days() ([]event.Day, error) {
	var days []event.Day
	last := ""
	for _, o := range m.Data {
		if o.Day == last && len(days) > 0 {
			continue
		}
		d, err := event.ParseDay(o.Day)
		if err != nil {
			return nil, fmt.Errorf("reading the manifest of pipeline %s: %w", m.Pipeline, err)
		}
		days, last = append(days, d), o.Day
	}
	slices.Sort(days)
	return slices.Compact(days), nil
}

// WriteManifest stores the manifest under its key. Before another one that is there is replaced, replace is asked, which forbids it with
// an error; nil allows it.
func WriteManifest(ctx context.Context, b bucket.Bucket, l Layout, m *Manifest, replace func(context.Context) error) error {
	if m.Data == nil {
		m.Data = []Object{} // an empty list in JSON, not null
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("encoding the manifest of pipeline %s: %w", m.Pipeline, err)
	}
	key := l.ManifestKey(m.Window)
	sum := sha256.Sum256(text.Bytes())
	o := &Object{Key: key, Bytes: int64(text.Len()), SHA256: hex.EncodeToString(sum[:])}
	err := putUnlessThere(ctx, b, o, func() io.ReadSeeker { return bytes.NewReader(text.Bytes()) }, "application/json", replace)
	if err != nil {
		return fmt.Errorf("writing manifest %s: %w", b.Location(key), err)
	}
	return nil
}

// ReadManifest reads the manifest of a run. It returns bucket.ErrNotFound when there is none.
func ReadManifest(ctx context.Context, b bucket.Bucket, l Layout, w Window) (*Manifest, error) {
	return readManifest(ctx, b, l.ManifestKey(w))
}

func readManifest(ctx context.Context, b bucket.Bucket, key string) (*Manifest, error) {
	body, _, err := b.Get(ctx, key)
	if err != nil {
		if errors.Is(err, bucket.ErrNotFound) {
			return nil, err
		}
		return nil, fmt.Errorf("opening manifest %s: %w", b.Location(key), err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, fault.New(fault.Transient, "reading manifest", b.Location(key), err, "")
	}
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fault.New(fault.Setup, "reading manifest", b.Location(key), err, "it was changed by someone else: restore or delete it")
	}
	if m.Format != ManifestFormat {
		return nil, fault.New(fault.Setup, "reading manifest", b.Location(key), fmt.Errorf("format %d is unknown", m.Format), "a newer version wrote it: use that one")
	}
	return m, nil
}

// Manifests calls fn with the manifests of a pipeline in the order of their windows.
func Manifests(ctx context.Context, b bucket.Bucket, l Layout, fn func(*Manifest) error) error {
	for o, err := range b.List(ctx, l.ManifestDir()) {
		if err != nil {
			return fmt.Errorf("listing manifests in %s: %w", b.Location(l.ManifestDir()), err)
		}
		if !strings.HasSuffix(o.Key, ".json") {
			continue
		}
		m, err := readManifest(ctx, b, o.Key)
		if errors.Is(err, bucket.ErrNotFound) {
			continue // removed since the listing, with the snapshot it described
		}
		if err != nil {
			return err
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}
