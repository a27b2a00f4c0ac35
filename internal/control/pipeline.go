package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/export/pipeline/pipelineapi"
)

// Pipeline is a pipeline as the pipelines API shows it, as far as a client looks at it.
type Pipeline struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Project    int64    `json:"project_id"`
	Type       string   `json:"type"`
	Source     string   `json:"data_source"`
	Format     string   `json:"data_format"`
	SchemaType string   `json:"schema_type"`
	Frequency  string   `json:"frequency"`
	Interval   string   `json:"interval"`
	From       string   `json:"from_date"`
	To         string   `json:"to_date"`
	Sync       bool     `json:"sync"`
	Trial      bool     `json:"trial"`
	Events     []string `json:"events"`
	// ExcludeEvents, Properties, ExcludeProperties and Where narrow the pipeline down; empty ones do not.
	ExcludeEvents     []string  `json:"exclude_events"`
	Properties        []string  `json:"properties"`
	ExcludeProperties []string  `json:"exclude_properties"`
	Where             string    `json:"where"`
	Bucket            string    `json:"s3_bucket"`
	Prefix            string    `json:"s3_prefix"`
	Region            string    `json:"s3_region"`
	UseGlue           bool      `json:"use_glue"`
	Database          string    `json:"glue_database"`
	GlueRegion        string    `json:"glue_region"`
	GlueRole          string    `json:"glue_role"`
	TablePrefix       string    `json:"glue_table_prefix"`
	Workgroup         string    `json:"redshift_workgroup"`
	Cluster           string    `json:"redshift_cluster"`
	Table             string    `json:"table"`
	State             string    `json:"state"`
	Created           time.Time `json:"created"`
	Published         uint64    `json:"published_position"`
	Target            uint64    `json:"target_position"`
	Next              time.Time `json:"next_run"`
	Attached          bool      `json:"attached"`
	AttachError       string    `json:"attach_error"`
	// Attachment is what the warehouse saw when it was attached; nil without one.
	Attachment *pipeline.Attachment `json:"attachment"`
	Warning    string               `json:"warning"`

	whole json.RawMessage
}

// UnmarshalJSON keeps the whole text beside the fields, so that MarshalJSON gives back what the API said.
func (p *Pipeline) UnmarshalJSON(text []byte) error {
	type fields Pipeline
	if err := json.Unmarshal(text, (*fields)(p)); err != nil {
		return err
	}
	p.whole = append(json.RawMessage(nil), text...)
	return nil
}

// MarshalJSON writes what the API said.
func (p Pipeline) MarshalJSON() ([]byte, error) { return p.whole, nil }

// Run is one run of a pipeline as the API shows it.
type Run struct {
	Number   int64      `json:"number"`
	State    string     `json:"state"`
	After    uint64     `json:"after_position"`
	UpTo     uint64     `json:"upto_position"`
	Attempts int        `json:"attempts"`
	Created  time.Time  `json:"created"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Rows     int64      `json:"rows"`
	Bytes    int64      `json:"bytes"`
	Objects  int        `json:"objects"`
	Days     int        `json:"days"`
	// Long counts the rows with a value that readers may cut, Reduced those that were written without something and are kept whole.
	Long    int64 `json:"long_properties,omitempty"`
	Reduced int64 `json:"reduced_properties,omitempty"`
	// LastError is that of the last attempt that failed; it stays when a later one succeeds.
	LastError *RunError `json:"last_error,omitempty"`
}

// RunError says why a run's last attempt failed.
type RunError struct {
	Class     string `json:"class"`
	Operation string `json:"operation,omitempty"`
	Object    string `json:"object,omitempty"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
}

// Nessie calls the pipelines API: a call such as status, with its parameters. Calls that change something are posted as a form.
func (c *Client) Nessie(ctx context.Context, call string, project int64, parameters url.Values, out any) error {
	form := url.Values{"project_id": {strconv.FormatInt(project, 10)}}
	for name, values := range parameters {
		form[name] = values
	}
	if pipelineapi.Changes(call) {
		return c.Do(ctx, http.MethodPost, pipelineapi.Root+call, form, out)
	}
	return c.Do(ctx, http.MethodGet, pipelineapi.Root+call+"?"+form.Encode(), nil, out)
}

// CreatePipeline makes a pipeline of the parameters of create, and returns its name with those that were made along with it.
func (c *Client) CreatePipeline(ctx context.Context, project int64, parameters url.Values) ([]string, error) {
	var made struct {
		Names []string `json:"pipeline_names"`
	}
	err := c.Nessie(ctx, "create", project, parameters, &made)
	return made.Names, err
}

// Pipelines returns a project's pipelines, oldest first.
func (c *Client) Pipelines(ctx context.Context, project int64) ([]Pipeline, error) {
	var all struct {
		Pipelines []Pipeline `json:"pipelines"`
	}
	err := c.Nessie(ctx, "list", project, nil, &all)
	return all.Pipelines, err
}

// Pipeline returns the project's pipeline with the name or id.
func (c *Client) Pipeline(ctx context.Context, project int64, name string) (p Pipeline, err error) {
	err = c.Nessie(ctx, "show", project, url.Values{"name": {name}}, &p)
	return p, err
}

// ChangePipeline calls run, pause, resume, cancel or delete.
func (c *Client) ChangePipeline(ctx context.Context, project int64, name, call string) error {
	return c.Nessie(ctx, call, project, url.Values{"name": {name}}, nil)
}

// Runs returns a pipeline's last runs, newest first.
func (c *Client) Runs(ctx context.Context, project int64, name string, limit int) ([]Run, error) {
	var all struct {
		Runs []Run `json:"runs"`
	}
	err := c.Nessie(ctx, "runs", project, url.Values{"name": {name}, "limit": {strconv.Itoa(limit)}}, &all)
	return all.Runs, err
}
