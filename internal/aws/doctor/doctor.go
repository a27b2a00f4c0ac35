// Package doctor checks a pipeline's settings against the AWS account that they name, step by step, and says of every step that fails
// what is wrong, which statement is missing from which role's policy, and what to do.
//
// It does what the exporter does, with the exporter's credentials and roles, on things of its own: objects below
// "<folder>/_refract-doctor/", a Glue table "refract_doctor_<random>" without objects. It first makes sure that it may remove what it is
// going to make; if it may not, it makes nothing. What it made is removed whatever happens, also when it is interrupted.
package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/grant"
)

// Status is how a step ended.
type Status string

// The ends of a step.
const (
	Passed Status = "passed"
	// Failed is something that keeps the pipeline from working.
	Failed Status = "failed"
	// Warned is something that works and should not stay so, or that the pipeline can do without.
	Warned Status = "warning"
	// Unclear is a step whose answer says nothing: the network failed, or AWS throttled.
	Unclear Status = "unclear"
	// Skipped is a step that needs another one, or does not concern the pipeline.
	Skipped Status = "skipped"
	// Found is what a question that AWS's documents leave open has for an answer here.
	Found Status = "found"
)

// Check is one step and how it ended.
type Check struct {
	// Area is credentials, roles, s3, glue, redshift, questions or cleanup.
	Area string `json:"area"`
	// Name is the IAM action that the step is about, or what it looks at.
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Detail is what was seen.
	Detail string `json:"detail,omitempty"`
	// Cause says in one sentence why a step did not pass.
	Cause string `json:"cause,omitempty"`
	// Missing is the statement that is missing, and Role the ARN of the role to whose policy it belongs, or to whose trust policy if it
	// names a principal.
	Missing *grant.Statement `json:"missing_statement,omitempty"`
	Role    string           `json:"role,omitempty"`
	// Remedy says what to do.
	Remedy string `json:"remedy,omitempty"`
	// Milliseconds is how long the step took.
	Milliseconds int64 `json:"milliseconds"`
}

// Report is what doctor found, in the order in which it looked.
type Report struct {
	Pipeline string  `json:"pipeline,omitempty"`
	Checks   []Check `json:"checks"`
	// Open names the questions that AWS's documents leave open and that nobody has settled on this account: all, unless they were asked.
	Open []string `json:"open_questions,omitempty"`
}

// Count returns how many steps ended so.
func (r *Report) Count(s Status) int {
	n := 0
	for i := range r.Checks {
		if r.Checks[i].Status == s {
			n++
		}
	}
	return n
}

// Doctor looks at pipelines. Its fields must not change while it does.
type Doctor struct {
	// Config returns the configuration of clients that act as the role in the region: with the role's credentials as the exporter gets
	// them, or with its own if role is empty.
	Config func(ctx context.Context, role, region string) (aws.Config, error)
	// Session is the name of the sessions of roles that are tried, from 2 to 64 characters of \w+=,.@-.
	Session string
	// Deep also asks the questions that AWS's documents leave open, by small objects and tables that the warehouse reads.
	Deep bool
	// Timeout bounds a call; 0 is 20 seconds. A statement of the warehouse, which may have to wake up, has six times as long.
	Timeout time.Duration
}

// New returns a doctor that assumes the settings' roles as the exporter does: with the same external ID and the pipeline's session name.
func New(roles *assume.Roles, s *grant.Settings, deep bool) *Doctor {
	externalID, session := s.ExternalID, assume.SessionName(s.Project, cmp.Or(s.Pipeline, "doctor"))
	return &Doctor{Session: session, Deep: deep, Config: func(ctx context.Context, role, region string) (aws.Config, error) {
		return roles.Config(ctx, assume.Role{ARN: role, ExternalID: externalID, Region: region, Session: session})
	}}
}

// cleanupTimeout bounds the removal of what was made.
const cleanupTimeout = time.Minute

// examination is one run of a doctor.
type examination struct {
	*Doctor
	settings *grant.Settings
	checks   []Check
	// undo removes what was made, the last first.
	undo []func(context.Context) error
	// probe is part of the names of what is made.
	probe string
}

// Run examines the pipeline with these settings, which must have been checked. It ends early when ctx does; the steps that are left are
// then missing from the report, and what it made is removed all the same.
func (d *Doctor) Run(ctx context.Context, s *grant.Settings) *Report {
	own := *s
	copied := *d
	if copied.Timeout <= 0 {
		copied.Timeout = 20 * time.Second
	}
	if copied.Session == "" {
		copied.Session = "refract-doctor"
	}
	e := &examination{Doctor: &copied, settings: &own, probe: strings.ToLower(rand.Text()[:12])}
	defer func() { e.cleanUp(ctx) }() // a panic too leaves nothing behind
	e.examine(ctx)
	e.cleanUp(ctx)
	return &Report{Pipeline: s.Pipeline, Checks: e.checks, Open: e.unsettled()}
}

func (e *examination) examine(ctx context.Context) {
	if !e.credentials(ctx) {
		return
	}
	usable := e.roles(ctx)
	for _, part := range []struct {
		use     grant.Use
		used    bool
		role    string
		examine func(context.Context)
	}{
		{grant.UseS3, true, e.settings.S3.Role, e.s3},
		{grant.UseGlue, e.settings.Glue != nil, e.role(grant.UseGlue), e.glue},
		{grant.UseRedshift, e.settings.Redshift != nil, e.role(grant.UseRedshift), e.redshift},
	} {
		switch {
		case !part.used || ctx.Err() != nil:
		case !usable[part.role]:
			e.skip(string(part.use), "everything", "the role can't be assumed")
		default:
			part.examine(ctx)
		}
	}
	if e.Deep && ctx.Err() == nil {
		e.ask(ctx, usable)
	}
}

// role returns the ARN of the role of the use, or "".
func (e *examination) role(use grant.Use) string {
	switch {
	case use == grant.UseS3:
		return e.settings.S3.Role
	case use == grant.UseGlue && e.settings.Glue != nil:
		return e.settings.Glue.Role
	case use == grant.UseRedshift && e.settings.Redshift != nil:
		return e.settings.Redshift.Role
	}
	return ""
}

// cleanUp removes what was made, on its own time, and tells what could not be removed. It can be called again.
func (e *examination) cleanUp(ctx context.Context) {
	e.cleanUpTo(ctx, 0)
}

// cleanUpTo removes what was made after there were so many things to remove.
func (e *examination) cleanUpTo(ctx context.Context, mark int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	for len(e.undo) > mark {
		last := e.undo[len(e.undo)-1]
		e.undo = e.undo[:len(e.undo)-1]
		if err := last(ctx); err != nil {
			e.checks = append(e.checks, Check{Area: "cleanup", Name: "removing what was made", Status: Warned, Cause: err.Error(), Remedy: "remove it by hand"})
		}
	}
}
