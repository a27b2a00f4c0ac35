package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"

	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/warehouse"
)

// protocol asks what the documents leave open about the Data API itself. None of it matters to the exporter, which avoids all of it.
func (w *redshift) protocol(ctx context.Context) {
	found := func(name string, ask func(context.Context) (string, error)) {
		if ctx.Err() != nil {
			return
		}
		began := time.Now()
		detail, err := ask(ctx)
		c := Check{Area: "questions", Name: name, Status: Found, Detail: detail, Milliseconds: time.Since(began).Milliseconds()}
		if err != nil {
			c.Detail = "it is an error: " + plain(err)
		}
		w.checks = append(w.checks, c)
	}
	found("from a statement to its start", w.pickedAfter)
	found("CREATE EXTERNAL SCHEMA on a Glue database that is not there", func(ctx context.Context) (string, error) {
		return w.createElsewhere(ctx, func(sql string) error { _, _, err := w.query(ctx, sql); return err })
	})
	found("CREATE EXTERNAL SCHEMA in a batch", func(ctx context.Context) (string, error) {
		return w.createElsewhere(ctx, func(sql string) error { return w.batch(ctx, sql) })
	})
	found("svl_s3log", func(ctx context.Context) (string, error) {
		rows, _, err := w.query(ctx, "SELECT count(*) FROM svl_s3log")
		got, _ := value(rows, err)
		return "it can be read: " + got + " rows", err
	})
	if w.settings.Redshift.Workgroup != "" {
		found("DbUser with a workgroup", func(ctx context.Context) (string, error) {
			return "it is accepted", w.withUser(ctx)
		})
	}
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
