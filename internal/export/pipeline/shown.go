package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

	// UseGlue is true by default when there is a database.
	UseGlue       *bool  `json:"use_glue,omitempty"`
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
		PathStyle: d.PathStyle, UseGlue: &g.Use, GlueDatabase: g.Database, GlueRegion: g.Region, GlueRole: g.Role, GluePrefix: g.TablePrefix,
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
		Warning     string            `json:"warning,omitempty"`
	}{p.ID, p.toJSON(), p.State, p.Created, p.Revision, p.Leader, p.Published, p.Target, p.Next, p.Attached, p.AttachError, p.Warning})
}

// ParseSpec reads a spec as the API takes it: the names of a shown pipeline, without those the system sets. Unknown names are
// errors, since an option misspelt would silently get its default.
func ParseSpec(text []byte) (Spec, error) {
	var j specJSON
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return Spec{}, err
	}
	s := Spec{
		Project: j.Project, Name: j.Name, Type: j.Type, Source: j.Source, Format: j.Format, SchemaType: j.SchemaType, Frequency: j.Frequency,
		Sync: j.Sync, Trial: j.Trial,
		Selection: Selection{j.Events, j.ExcludeEvents, j.Where, j.Properties, j.ExcludeProperties},
		S3:        S3{j.Bucket, j.Prefix, j.Region, j.Role, j.Encryption, j.KMSKey, j.Endpoint, j.PathStyle},
		Glue:      Glue{j.GlueDatabase != "", j.GlueDatabase, j.GlueRegion, j.GlueRole, j.GluePrefix, j.GlueCatalogID},
		Redshift: Redshift{j.Workgroup, j.Cluster, j.DBUser, j.SecretARN, j.RedshiftDatabase, j.RedshiftRegion, j.RedshiftRole, j.RedshiftSchema,
			j.GrantUsage},
		Table: j.Table, Milliseconds: j.Milliseconds,
	}
	if j.UseGlue != nil {
		s.Glue.Use = *j.UseGlue
	}
	var errs []error
	var err error
	if j.Interval != "" {
		if s.Interval, err = time.ParseDuration(j.Interval); err != nil {
			errs = append(errs, fmt.Errorf("interval: %w", err))
		}
	}
	for _, d := range []struct {
		name, text string
		day        *event.Day
	}{{"from_date", j.From, &s.From}, {"to_date", j.To, &s.To}} {
		if d.text == "" {
			continue
		}
		if *d.day, err = event.ParseDay(d.text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.name, err))
		}
	}
	return s, errors.Join(errs...)
}

func dayText(d event.Day) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
