package pipeline

import (
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/selection"
	"github.com/refract-io/refract/internal/intake/eventlog"
)

// Type is the generation of pipelines that a pipeline belongs to (Mixpanel, pipelines API, parameter type).
type Type string

const (
	// TypeJSON pipelines write few columns and the properties as JSON text. It is the default.
	TypeJSON Type = "json"
	// TypeAWS pipelines are schematized: they write a column per property and type.
	TypeAWS Type = "aws"
	// TypeRaw pipelines write events as the export API does, in folders of hours or days, without a table.
	TypeRaw Type = "s3-raw"
)

// SchemaType says which tables a schematized pipeline of events has.
type SchemaType string

const (
	// Monoschema is one table for all events. It is the default.
	Monoschema SchemaType = "monoschema"
	// Multischema is one table per event name.
	Multischema SchemaType = "multischema"
)

// Format is how rows are written.
type Format string

const (
	// JSON is one object per line, gzip-compressed. It is the default.
	JSON Format = "json"
	// Parquet is for schematized pipelines.
	Parquet Format = "parquet"
)

// Frequency is when runs start.
type Frequency string

const (
	// Daily starts a run at 00:30 of the project's time zone (Mixpanel, "Data pipelines", export schedule). It is the default.
	Daily Frequency = "daily"
	// Hourly starts a run half an hour after each hour of the project's time zone.
	Hourly Frequency = "hourly"
	// Continuous starts a run as soon as something new is sealed, at most one per Interval.
	Continuous Frequency = "continuous"
)

// State is a pipeline's state.
type State string

const (
	Active State = "active"
	Paused State = "paused"
	// Cancelled is final. What was exported stays where it is.
	Cancelled State = "cancelled"
)

// Spec is what a pipeline is made from. Zero fields get the defaults named beside them.
type Spec struct {
	Project int64 `json:"project"`
	// Name is unique among the project's pipelines that are not cancelled; by default it is made from the other fields.
	Name       string     `json:"name"`
	Type       Type       `json:"type"` // TypeJSON
	Source     Source     `json:"source"`
	Format     Format     `json:"format"`                // JSON
	SchemaType SchemaType `json:"schema_type,omitempty"` // Monoschema for schematized events, else none
	Frequency  Frequency  `json:"frequency"`             // Daily
	// Interval is the shortest time between the starts of two continuous runs: 1 second for events, 1 minute for snapshots and for
	// sync pipelines.
	Interval time.Duration `json:"interval,omitempty"`
	// From and To are the first and the last event day to export, both included: days in UTC for JSON pipelines, in the project's time
	// zone for the others. A zero From exports everything, a zero To has no end. Snapshots take neither. From is the first folder of a raw pipeline
	// that gets its marker, 1970-01-01 if it is zero.
	From event.Day `json:"from,omitempty"`
	To   event.Day `json:"to,omitempty"`
	// Sync makes runs of schematized events replace whole days, so that each day is one set of objects. Without it a run adds objects
	// to the days that events arrived for. It means nothing to snapshots.
	Sync bool `json:"sync,omitempty"`
	// Trial exports 30 days from the day before creation on, daily, and then ends. It sets From and To.
	Trial     bool      `json:"trial,omitempty"`
	Selection Selection `json:"selection"`
	S3        S3        `json:"s3"`
	Glue      Glue      `json:"glue"`
	Redshift  Redshift  `json:"redshift"`
	// Table is the name of a JSON pipeline's table and of its folder: Mixpanel's. Those of schematized pipelines follow from the schema.
	Table string `json:"table,omitempty"`
	// Milliseconds adds the column time_ms to JSON events, the event's time in milliseconds, which Mixpanel's whole seconds lose.
	Milliseconds bool `json:"milliseconds,omitempty"`
}

// Selection narrows down events and their properties.
type Selection = selection.Selection

// S3 is where objects go, and how to get there. Without Region, Role and Endpoint it is the installation's own lake.
type S3 struct {
	Bucket string `json:"bucket"`
	// Prefix may be empty and carries no slash at its ends.
	Prefix string `json:"prefix,omitempty"`
	Region string `json:"region,omitempty"`
	// Role is the ARN of the role to assume.
	Role       string     `json:"role,omitempty"`
	Encryption Encryption `json:"encryption,omitempty"` // NoEncryption
	// KMSKey is the ARN of the key for EncryptionKMS; empty for the account's default key.
	KMSKey string `json:"kms_key,omitempty"`
	// Endpoint is the URL of a service that is not Amazon's, PathStyle makes requests name the bucket in the path.
	Endpoint  string `json:"endpoint,omitempty"`
	PathStyle bool   `json:"path_style,omitempty"`
}

// Encryption is how S3 encrypts objects (Mixpanel, pipelines API, parameter s3_encryption).
type Encryption string

const (
	NoEncryption  Encryption = "none"
	EncryptionAES Encryption = "aes"
	EncryptionKMS Encryption = "kms"
)

// Glue is the catalog that knows the tables.
type Glue struct {
	// Use is false for pipelines that only write objects.
	Use      bool   `json:"use,omitempty"`
	Database string `json:"database,omitempty"`
	Region   string `json:"region,omitempty"` // S3's
	Role     string `json:"role,omitempty"`
	// TablePrefix is put before the names of tables in the catalog, not of folders.
	TablePrefix string `json:"table_prefix,omitempty"`
	// CatalogID is the account of the catalog, if it is not the role's own.
	CatalogID string `json:"catalog_id,omitempty"`
}

// Redshift is the warehouse that shall see the catalog's database as an external schema. It is one Workgroup (serverless) or one Cluster.
type Redshift struct {
	Workgroup string `json:"workgroup,omitempty"`
	Cluster   string `json:"cluster,omitempty"`
	DBUser    string `json:"db_user,omitempty"`
	SecretARN string `json:"secret_arn,omitempty"`
	Database  string `json:"database,omitempty"`
	Region    string `json:"region,omitempty"` // Glue's
	Role      string `json:"role,omitempty"`
	Schema    string `json:"schema,omitempty"` // mp_json_export
	// GrantUsage are the database users that may use the schema.
	GrantUsage []string `json:"grant_usage,omitempty"`
}

// Embedded reports whether the catalog is this installation's own, which its SQL reads: the pipeline names neither a region nor a role for
// Glue.
func (g *Glue) Embedded() bool { return g.Use && g.Region == "" && g.Role == "" }

// Named reports whether there is a warehouse at all.
func (r *Redshift) Named() bool { return r.Workgroup != "" || r.Cluster != "" }

// attaches reports whether a warehouse is to know the pipeline's tables: one that it names, or the SQL of this installation.
func (s *Spec) attaches() bool { return s.Redshift.Named() || s.Glue.Embedded() }

// Definition says what a pipeline does.
type Definition struct {
	Spec
	// ID is unique for ever and part of object names.
	ID      string
	State   State
	Created time.Time
	// Revision counts the definition's versions from 1. Edit makes a new one.
	Revision int64
	// Leader is the id of the pipeline that this one was made with, of which it shares every change: a schematized pipeline of people
	// has one of identity mappings beside it. Empty for all others.
	Leader string
}

// layout is that of the pipeline's one table, or of the project's folder for pipelines of several tables or none.
func (s *Spec) layout() lake.Layout {
	return lake.Layout{Prefix: s.S3.Prefix, Project: s.Project, Table: s.table()}
}

// table returns the name of the pipeline's table, "" if it has several or none.
func (s *Spec) table() string {
	switch {
	case s.Type == TypeJSON:
		return s.Table
	case s.Type == TypeAWS && s.SchemaType != Multischema:
		return s.Source.Table()
	}
	return ""
}

// zoned reports whether days and hours are those of the project's time zone. Those of JSON pipelines are in UTC.
func (s *Spec) zoned() bool { return s.Type != TypeJSON }

// selects reports whether the day is in the pipeline's range.
func (s *Spec) selects(d event.Day) bool { return d >= s.From && (s.To == 0 || d <= s.To) }

// Layout returns where the pipeline's objects lie. It has the name of the pipeline's table if that has only one.
func (d *Definition) Layout() lake.Layout {
	l := d.layout()
	l.Pipeline = d.ID
	return l
}

// CatalogTable returns the name that a table has in the catalog.
func (s *Spec) CatalogTable(table string) string { return s.Glue.TablePrefix + table }

// Progress is how far a pipeline has come.
type Progress struct {
	// Published is the log position up to which everything is exported.
	Published eventlog.Position
	// Target is the log position that the present cycle of runs goes up to, Cycle the time at which it was the last one sealed.
	Target eventlog.Position
	Cycle  time.Time
	// Backfill is the target of the first cycle as it began, 0 before that: what had arrived before the pipeline was made.
	Backfill eventlog.Position
	// Marked is the time up to which the folders of a raw pipeline have their markers.
	Marked time.Time
	// Next is when the pipeline is looked at again.
	Next time.Time
	// Attached is true once there is no warehouse left to tell of the catalog database; AttachError is why one does not know it yet.
	Attached    bool
	AttachError string
	// Attachment is what the warehouse saw when it was told; nil before that, and where there is none to tell.
	Attachment *Attachment
	// Warning tells what the user should know although runs succeed; empty for nothing.
	Warning string
}

// Pipeline is a definition with its progress.
type Pipeline struct {
	Definition
	Progress
	attachMS    int64
	attachTries int
	// cataloged is the revision whose catalog the tables were published to last, 0 for none.
	cataloged int64
}
