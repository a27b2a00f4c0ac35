package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"

	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/warehouse"
)

// protocolQuestion is what the documents leave open about the Data API itself. None of it matters to the exporter, which avoids all of it.
type protocolQuestion struct {
	name string
	// action is what asking needs.
	action   string
	ask      func(*redshift, context.Context) (string, error)
	concerns func(*grant.Redshift) bool
}

func always(*grant.Redshift) bool { return true }

var protocolQuestions = []protocolQuestion{
	{"from a statement to its start", "redshift-data:ExecuteStatement", (*redshift).pickedAfter, always},
	{"CREATE EXTERNAL SCHEMA on a Glue database that is not there", "redshift-data:ExecuteStatement", func(w *redshift, ctx context.Context) (string, error) {
		return w.createElsewhere(ctx, func(sql string) error { _, _, err := w.query(ctx, sql); return err })
	}, always},
	{"CREATE EXTERNAL SCHEMA in a batch", "redshift-data:BatchExecuteStatement", func(w *redshift, ctx context.Context) (string, error) {
		return w.createElsewhere(ctx, func(sql string) error { return w.batch(ctx, sql) })
	}, always},
	{"svl_s3log", "redshift-data:ExecuteStatement", func(w *redshift, ctx context.Context) (string, error) {
		rows, _, err := w.query(ctx, "SELECT count(*) FROM svl_s3log")
		got, _ := value(rows, err)
		return "it can be read: " + got + " rows", err
	}, always},
	{"DbUser with a workgroup", "redshift-data:ExecuteStatement", func(w *redshift, ctx context.Context) (string, error) {
		return "it is accepted", w.withUser(ctx)
	}, func(r *grant.Redshift) bool { return r.Workgroup != "" }},
}

// protocol asks these questions.
func (w *redshift) protocol(ctx context.Context) {
	for _, q := range protocolQuestions {
		if ctx.Err() != nil || !q.concerns(w.settings.Redshift) {
			continue
		}
		began := time.Now()
		detail, err := q.ask(w, ctx)
		c := Check{Area: questions, Name: q.name, Status: Found, Detail: detail, Milliseconds: time.Since(began).Milliseconds()}
		if err != nil && !w.unanswered(&c, q.action, err) {
			c.Detail = "it is an error: " + plain(err)
		}
		w.checks = append(w.checks, c)
	}
}

// passing is what a statement's error says of what passes by itself.
var passing = regexp.MustCompile(`(?i)throttl|slow ?down|rate exceeded|retries exceeded|timed? ?out|cancell?ed on user's request|aborted`)

// unanswered reports whether an error of asking is about something else than the question, and then ends the check with it: a right that is
// missing, throttling, no answer in time. Every other error is an answer.
func (w *redshift) unanswered(c *Check, action string, err error) bool {
	if err == nil {
		return false
	}
	end := Check{Area: c.Area, Name: c.Name, Milliseconds: c.Milliseconds}
	failed, ran := errors.AsType[*warehouse.StatementError](err)
	switch d := diagnose(err); {
	case ran && w.denied(&end, failed.Message):
		end.Cause = "it can't be told: " + failed.Error()
	case ran && passing.MatchString(failed.Message):
		end.Cause, end.Remedy = "it can't be told: "+failed.Error(), "try again later"
	case ran || !d.denied && d.status != Unclear:
		return false
	default:
		w.judge(&end, grant.UseRedshift, action, err)
		end.Name, end.Cause = c.Name, "it can't be told: "+end.Cause
	}
	end.Status = Unclear
	*c = end
	return true
}

// pickedAfter measures how long a statement waits until a warehouse that is awake begins it.
func (w *redshift) pickedAfter(ctx context.Context) (string, error) {
	id, err := w.client.Send(ctx, "SELECT 1")
	if err != nil {
		return "", err
	}
	took, err := w.patiently(ctx, func(ctx context.Context) error {
		_, err := w.client.Until(ctx, id, func(s types.StatusString) bool { return s != types.StatusStringSubmitted })
		return err
	})
	return fmt.Sprintf("%d ms, as far as looks from time to time can tell", took.Milliseconds()), err
}

// createElsewhere creates an external schema on a Glue database that nobody has, and drops it.
func (w *redshift) createElsewhere(ctx context.Context, run func(sql string) error) (string, error) {
	schema := grant.ProbeTable + w.probe + "_elsewhere"
	mark := len(w.undo)
	w.undo = append(w.undo, func(ctx context.Context) error { return w.drop(ctx, schema) })
	err := run(w.create(schema, grant.ProbeTable+w.probe+"_absent"))
	w.cleanUpTo(ctx, mark)
	return "it succeeds", err
}

// batch runs one statement as a batch.
func (w *redshift) batch(ctx context.Context, sql string) error {
	r := w.settings.Redshift
	in := &redshiftdata.BatchExecuteStatementInput{Sqls: []string{sql}, Database: &r.Database}
	for field, value := range map[**string]string{&in.WorkgroupName: r.Workgroup, &in.ClusterIdentifier: r.Cluster, &in.DbUser: r.DBUser, &in.SecretArn: r.SecretARN} {
		if value != "" {
			*field = aws.String(value)
		}
	}
	out, err := w.api.BatchExecuteStatement(ctx, in)
	if err != nil {
		return err
	}
	_, err = w.wait(ctx, out.Id)
	return err
}

// withUser runs a statement of a workgroup with a database user, which a workgroup's documents do not know.
func (w *redshift) withUser(ctx context.Context) error {
	r := w.settings.Redshift
	client := warehouse.New(w.api, warehouse.Target{Workgroup: r.Workgroup, Database: r.Database, DBUser: "refract_doctor"})
	_, err := w.patiently(ctx, func(ctx context.Context) error {
		_, err := client.Query(ctx, "SELECT 1")
		return err
	})
	return err
}
