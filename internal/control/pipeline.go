package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// NewPipeline is the body of a pipeline's creation. Empty fields get the service's defaults.
type NewPipeline struct {
	Project      int64  `json:"project_id"`
	Name         string `json:"name,omitempty"`
	Source       string `json:"data_source"`
	Frequency    string `json:"frequency,omitempty"`
	Interval     string `json:"interval,omitempty"`
	From         string `json:"from_date,omitempty"`
	To           string `json:"to_date,omitempty"`
	Bucket       string `json:"s3_bucket"`
	Prefix       string `json:"s3_prefix,omitempty"`
	Database     string `json:"glue_database"`
	Table        string `json:"table,omitempty"`
	Milliseconds bool   `json:"milliseconds,omitempty"`
}

// Pipeline is a pipeline as the API shows it.
type Pipeline struct {
	NewPipeline
	ID          string    `json:"id"`
	Format      string    `json:"data_format"`
	State       string    `json:"state"`
	Created     time.Time `json:"created"`
	Published   uint64    `json:"published_position"`
	Target      uint64    `json:"target_position"`
	Next        time.Time `json:"next_run"`
	Attached    bool      `json:"attached"`
	AttachError string    `json:"attach_error,omitempty"`
}

// Run is one run of a pipeline as the API shows it.
type Run struct {
	Number   int64      `json:"number"`
	State    string     `json:"state"`
	After    uint64     `json:"after_position"`
	UpTo     uint64     `json:"upto_position"`
	Attempts int        `json:"attempts"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Rows     int64      `json:"rows"`
	Bytes    int64      `json:"bytes"`
	Objects  int        `json:"objects"`
	Days     int        `json:"days"`
	// LastError is that of the last attempt that failed; it stays when a later one succeeds.
	LastError *RunError `json:"last_error,omitempty"`
}

// RunError says why a run's last attempt failed.
type RunError struct {
	Class   string `json:"class"`
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

const pipelinesPath = "/api/refract/pipelines"

// CreatePipeline makes a pipeline.
func (c *Client) CreatePipeline(ctx context.Context, in NewPipeline) (p Pipeline, err error) {
	err = c.Do(ctx, http.MethodPost, pipelinesPath, in, &p)
	return p, err
}

// Pipelines returns a project's pipelines, oldest first.
func (c *Client) Pipelines(ctx context.Context, project int64) ([]Pipeline, error) {
	var all struct {
		Pipelines []Pipeline `json:"pipelines"`
	}
	err := c.Do(ctx, http.MethodGet, pipelinesPath+"?project_id="+strconv.FormatInt(project, 10), nil, &all)
	return all.Pipelines, err
}

// FindPipeline returns the project's pipeline with the name or id.
func (c *Client) FindPipeline(ctx context.Context, project int64, nameOrID string) (Pipeline, error) {
	all, err := c.Pipelines(ctx, project)
	if err != nil {
		return Pipeline{}, err
	}
	for _, p := range all {
		if p.Name == nameOrID || p.ID == nameOrID {
			return p, nil
		}
	}
	return Pipeline{}, &Failure{Message: fmt.Sprintf("the project has no pipeline %q", nameOrID), Class: "setup", Hint: "see `refract pipeline list`"}
}

// ChangePipeline calls run, pause, resume or cancel and returns the pipeline afterwards.
func (c *Client) ChangePipeline(ctx context.Context, id, verb string) (p Pipeline, err error) {
	err = c.Do(ctx, http.MethodPost, pipelinesPath+"/"+url.PathEscape(id)+"/"+verb, nil, &p)
	return p, err
}

// Runs returns a pipeline's last runs, newest first.
func (c *Client) Runs(ctx context.Context, id string, limit int) ([]Run, error) {
	var all struct {
		Runs []Run `json:"runs"`
	}
	err := c.Do(ctx, http.MethodGet, pipelinesPath+"/"+url.PathEscape(id)+"/runs?limit="+strconv.Itoa(limit), nil, &all)
	return all.Runs, err
}
