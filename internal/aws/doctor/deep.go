package doctor

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/warehouse"
)

// question is something that AWS's documents do not say of Redshift Spectrum, and a small table that answers it.
type question struct {
	name string
	// relied is what Refract relies on; empty if it avoids the matter.
	relied  string
	columns []types.Column
	file    file
	// serde and table are parameters beside those of the format.
	serde map[string]string
	// query selects from %s.
	query string
	// answer reads the result; fine is false if it is not what Refract relies on.
	answer func(rows [][]string, err error) (found string, fine bool)
}

// file is the one object of a question's table.
type file struct {
	parquet bool
	content func() ([]byte, error)
}

func column(name, kind string) types.Column { return types.Column{Name: &name, Type: &kind} }

// asking is the three services with which questions are asked.
type asking struct {
	objects   *objects
	tables    *tables
	warehouse *redshift
	schema    string
}

// questions lets the warehouse read small files and tells what it makes of them.
func (e *examination) questions(ctx context.Context, usable map[string]bool) {
	const area = "questions"
	if e.settings.Glue == nil || e.settings.Redshift == nil {
		e.skip(area, "everything", "they need a Glue database and a warehouse")
		return
	}
	for _, needed := range [][2]string{
		{"s3", "s3:PutObject"}, {"s3", "s3:DeleteObject"}, {"glue", "glue:CreateTable"}, {"glue", "glue:DeleteTable"}, {"redshift", "redshift-data:GetStatementResult"},
	} {
		if !usable[e.role(grant.Use(needed[0]))] || !e.ok(needed[0], needed[1]) {
			e.skip(area, "everything", needed[1]+" is needed first")
			return
		}
	}
	a, err := e.asking(ctx)
	if err != nil {
		e.fail(area, "external schema", 0, err)
		return
	}
	for i, q := range spectrumQuestions {
		if ctx.Err() != nil {
			return
		}
		a.ask(ctx, i, &q)
	}
	a.warehouse.protocol(ctx)
}

func (e *examination) asking(ctx context.Context) (*asking, error) {
	o, err := e.objects(ctx)
	if err != nil {
		return nil, err
	}
	t, err := e.tables(ctx)
	if err != nil {
		return nil, err
	}
	w, err := e.warehouse(ctx)
	if err != nil {
		return nil, err
	}
	a := &asking{o, t, w, e.settings.Redshift.Schema}
	if !e.ok("redshift", "external schema") {
		a.schema = grant.ProbeTable + e.probe
		e.undo = append(e.undo, func(ctx context.Context) error { return w.drop(ctx, a.schema) })
		if _, _, err := w.query(ctx, w.create(a.schema, e.settings.Glue.Database)); err != nil {
			return nil, fmt.Errorf("creating an external schema of its own: %w", err)
		}
	}
	return a, nil
}

func (w *redshift) create(schema, database string) string {
	from := "default"
	if role := w.settings.Redshift.Role; role != "" {
		from = warehouse.Literal(role)
	}
	return fmt.Sprintf("CREATE EXTERNAL SCHEMA %s FROM DATA CATALOG DATABASE %s REGION %s IAM_ROLE %s", warehouse.Identifier(schema), warehouse.Literal(database), warehouse.Literal(w.settings.Glue.Region), from)
}

func (w *redshift) drop(ctx context.Context, schema string) error {
	if _, _, err := w.query(ctx, "DROP SCHEMA IF EXISTS "+warehouse.Identifier(schema)); err != nil {
		return fmt.Errorf("the external schema %s is left: %w", schema, err)
	}
	return nil
}

// ask makes the question's table, queries it and removes it.
func (a *asking) ask(ctx context.Context, number int, q *question) {
	e := a.objects.examination
	began := time.Now()
	name := fmt.Sprintf("%s%s_%d", grant.ProbeTable, e.probe, number)
	mark := len(e.undo)
	err := a.make(ctx, name, q)
	c := Check{Area: "questions", Name: q.name, Status: Found}
	if err != nil {
		c.take(diagnose(err))
	} else {
		var fine bool
		rows, _, err := a.warehouse.query(ctx, fmt.Sprintf(q.query, warehouse.Identifier(a.schema)+"."+warehouse.Identifier(name)))
		if c.Detail, fine = q.answer(rows, err); !fine {
			c.Status, c.Cause, c.Detail = Warned, "Refract relies on another answer ("+q.relied+"): "+c.Detail, ""
			c.Remedy = "tell Refract's maintainers what you see here"
		}
	}
	c.Milliseconds = time.Since(began).Milliseconds()
	e.checks = append(e.checks, c)
	e.cleanUpTo(ctx, mark)
}

// make writes the object and the table. The folder has no underscore before its name, which would hide it from the warehouse; it is no
// table's but this one's.
func (a *asking) make(ctx context.Context, name string, q *question) error {
	content, err := q.file.content()
	if err != nil {
		return fmt.Errorf("writing the file: %w", err)
	}
	e := a.objects.examination
	folder := e.settings.Root() + "refract-doctor-" + e.probe + "/" + name + "/"
	key := folder + "data.json.gz"
	if q.file.parquet {
		key = folder + "data.parquet"
	}
	e.undo = append(e.undo, func(ctx context.Context) error {
		if err := a.objects.remove(ctx, key); err != nil {
			return fmt.Errorf("s3://%s/%s is left: %w", e.settings.S3.Bucket, key, err)
		}
		return nil
	})
	algorithm, kmsKey := a.objects.encrypt()
	err = e.whole(ctx, func(ctx context.Context) error {
		_, err := a.objects.api.PutObject(ctx, &s3.PutObjectInput{
			Bucket: a.objects.bucket, Key: &key, Body: bytes.NewReader(content), ServerSideEncryption: algorithm, SSEKMSKeyId: kmsKey,
		})
		return err
	})
	if err != nil {
		return err
	}
	t := *a.tables
	t.table = name
	e.undo = append(e.undo, func(ctx context.Context) error {
		if err := t.remove(ctx); err != nil && !isAbsent(err) {
			return fmt.Errorf("the Glue table %s.%s is left: %w", *t.database, t.table, err)
		}
		return nil
	})
	return e.whole(ctx, func(ctx context.Context) error {
		_, err := t.api.CreateTable(ctx, &glue.CreateTableInput{CatalogId: t.catalog, DatabaseName: t.database, TableInput: q.input(name, "s3://"+e.settings.S3.Bucket+"/"+folder)})
		return err
	})
}

// input defines the table as the exporter's tables of the format are.
func (q *question) input(name, location string) *types.TableInput {
	sd := &types.StorageDescriptor{
		Location: &location, Columns: q.columns,
		InputFormat:  aws.String("org.apache.hadoop.mapred.TextInputFormat"),
		OutputFormat: aws.String("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
		SerdeInfo:    &types.SerDeInfo{SerializationLibrary: aws.String("org.openx.data.jsonserde.JsonSerDe"), Parameters: q.serde},
	}
	format := "json"
	if q.file.parquet {
		format = "parquet"
		sd.InputFormat = aws.String("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
		sd.OutputFormat = aws.String("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat")
		sd.SerdeInfo = &types.SerDeInfo{
			SerializationLibrary: aws.String("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"), Parameters: map[string]string{"serialization.format": "1"},
		}
	}
	return &types.TableInput{
		Name: &name, TableType: aws.String("EXTERNAL_TABLE"), Description: aws.String("made by refract aws doctor, which removes it"),
		Parameters: map[string]string{"EXTERNAL": "TRUE", "classification": format, "typeOfData": "file"}, StorageDescriptor: sd,
	}
}
