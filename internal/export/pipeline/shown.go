package pipeline

import (
	"encoding/json"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
)

// specJSON is a spec as the APIs and the command line write it, by Mixpanel's names for what Mixpanel has.
type specJSON struct {
	Name       string     `json:"name"`
	Project    int64      `json:"project_id"`
	Type       Type       `json:"type"`
	Source     Source     `json:"data_source"`
	Format     Format     `json:"data_format"`
	SchemaType SchemaType `json:"schema_type,omitempty"`
	Frequency  Frequency  `json:"frequency"`
	Interval   string     `json:"interval,omitempty"`
	From       string     `json:"from_date,omitempty"`
	To         string     `json:"to_date,omitempty"`
	Sync       bool       `json:"sync,omitempty"`
	Trial      bool       `json:"trial,omitempty"`

	Events            []string `json:"events,omitempty"`
	ExcludeEvents     []string `json:"exclude_events,omitempty"`
	Where             string   `json:"where,omitempty"`
	Properties        []string `json:"properties,omitempty"`
	ExcludeProperties []string `json:"exclude_properties,omitempty"`

	Bucket     string     `json:"s3_bucket"`
	Prefix     string     `json:"s3_prefix"`
	Region     string     `json:"s3_region,omitempty"`
	Role       string     `json:"s3_role,omitempty"`
	Encryption Encryption `json:"s3_encryption,omitempty"`
	KMSKey     string     `json:"s3_kms_key_id,omitempty"`
	Endpoint   string     `json:"s3_endpoint,omitempty"`
	PathStyle  bool       `json:"s3_path_style,omitempty"`

	UseGlue       bool   `json:"use_glue"`
	GlueDatabase  string `json:"glue_database,omitempty"`
	GlueRegion    string `json:"glue_region,omitempty"`
	GlueRole      string `json:"glue_role,omitempty"`
	GluePrefix    string `json:"glue_table_prefix,omitempty"`
	GlueCatalogID string `json:"glue_catalog_id,omitempty"`

	Workgroup        string   `json:"redshift_workgroup,omitempty"`
	Cluster          string   `json:"redshift_cluster,omitempty"`
	DBUser           string   `json:"redshift_db_user,omitempty"`
	SecretARN        string   `json:"redshift_secret_arn,omitempty"`
	RedshiftDatabase string   `json:"redshift_database,omitempty"`
	RedshiftRegion   string   `json:"redshift_region,omitempty"`
	RedshiftRole     string   `json:"redshift_role,omitempty"`
	RedshiftSchema   string   `json:"redshift_schema,omitempty"`
	GrantUsage       []string `json:"redshift_grant_usage,omitempty"`

	Table        string `json:"table,omitempty"`
	Milliseconds bool   `json:"milliseconds,omitempty"`
}

func (s *Spec) toJSON() specJSON {
	c, d, g, r := &s.Selection, &s.S3, &s.Glue, &s.Redshift
	j := specJSON{
		Name: s.Name, Project: s.Project, Type: s.Type, Source: s.Source, Format: s.Format, SchemaType: s.SchemaType, Frequency: s.Frequency,
		From: dayText(s.From), To: dayText(s.To), Sync: s.Sync, Trial: s.Trial,
		Events: c.Events, ExcludeEvents: c.ExcludeEvents, Where: c.Where, Properties: c.Properties, ExcludeProperties: c.ExcludeProperties,
		Bucket: d.Bucket, Prefix: d.Prefix, Region: d.Region, Role: d.Role, Encryption: d.Encryption, KMSKey: d.KMSKey, Endpoint: d.Endpoint,
		PathStyle: d.PathStyle, UseGlue: g.Use, GlueDatabase: g.Database, GlueRegion: g.Region, GlueRole: g.Role, GluePrefix: g.TablePrefix,
		GlueCatalogID: g.CatalogID, Workgroup: r.Workgroup, Cluster: r.Cluster, DBUser: r.DBUser, SecretARN: r.SecretARN,
		RedshiftDatabase: r.Database, RedshiftRegion: r.Region, RedshiftRole: r.Role, RedshiftSchema: r.Schema, GrantUsage: r.GrantUsage,
		Table: s.Table, Milliseconds: s.Milliseconds,
	}
	if s.Interval != 0 {
		j.Interval = s.Interval.String()
	}
	return j
}

// MarshalJSON writes the definition and its progress as the API and the CLI show them.
func (p *Pipeline) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID string `json:"id"`
		specJSON
		State       State             `json:"state"`
		Created     time.Time         `json:"created"`
		Revision    int64             `json:"revision"`
		Leader      string            `json:"companion_of,omitempty"`
		Published   eventlog.Position `json:"published_position"`
		Target      eventlog.Position `json:"target_position"`
		Next        time.Time         `json:"next_run"`
		Attached    bool              `json:"attached"`
		AttachError string            `json:"attach_error,omitempty"`
		Attachment  *Attachment       `json:"attachment,omitempty"`
		Warning     string            `json:"warning,omitempty"`
	}{p.ID, p.toJSON(), p.State, p.Created, p.Revision, p.Leader, p.Published, p.Target, p.Next, p.Attached, p.AttachError, p.Attachment, p.Warning})
}

func dayText(d event.Day) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
