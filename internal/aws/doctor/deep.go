package doctor

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
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
	// bare is a table without parameters of its own and of its SerDe.
	bare bool
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

// unsettled are the names of the questions that concern the pipeline and have no answer in the checks.
func (e *examination) unsettled() []string {
	var names []string
	if e.settings.Glue != nil {
		for _, q := range glueQuestions {
			names = append(names, q.name)
		}
	}
	if e.settings.Glue != nil && e.settings.Redshift != nil {
		for _, q := range spectrumQuestions {
			names = append(names, q.name)
		}
		for _, q := range protocolQuestions {
			if q.concerns(e.settings.Redshift) {
				names = append(names, q.name)
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(e.checks, func(c Check) bool {
			return c.Area == questions && c.Name == name && (c.Status == Found || c.Status == Warned)
		})
	})
}

// questions is the area of what is asked.
const questions = "questions"

// ask asks what the documents leave open: Glue itself, the warehouse by small files, and the Data API.
func (e *examination) ask(ctx context.Context, usable map[string]bool) {
	if e.settings.Glue == nil {
		e.skip(questions, "everything", "a Glue database is needed")
		return
	}
	if !e.needed(usable, "everything", "glue:CreateTable", "glue:DeleteTable") {
		return
	}
	t, err := e.tables(ctx)
	if err != nil {
		e.fail(questions, "credentials", 0, err)
		return
	}
	t.sizes(ctx)
	const spectrum = "Redshift Spectrum"
	if e.settings.Redshift == nil {
		e.skip(questions, spectrum, "a warehouse is needed")
		return
	}
	if !e.needed(usable, spectrum, "s3:PutObject", "s3:DeleteObject", "redshift-data:GetStatementResult") {
		return
	}
	a, err := e.asking(ctx)
	if err != nil {
		e.fail(questions, "credentials", 0, err)
		return
	}
	if !a.ownSchema(ctx) {
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

// needed reports whether the actions are allowed, and skips what they are needed for if not.
func (e *examination) needed(usable map[string]bool, name string, actions ...string) bool {
	for _, action := range actions {
		use := map[string]grant.Use{"s3": grant.UseS3, "glue": grant.UseGlue, "redshift-data": grant.UseRedshift}[action[:strings.IndexByte(action, ':')]]
		if !usable[e.role(use)] || !e.ok(string(use), action) {
			e.skip(questions, name, action+" is needed first")
			return false
		}
	}
	return true
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
	return &asking{o, t, w, e.settings.Redshift.Schema}, nil
}

// ownSchema makes an external schema for the questions where the pipeline's is not there, and reports whether there is one.
func (a *asking) ownSchema(ctx context.Context) bool {
	w := a.warehouse
	if w.ok("redshift", "external schema") {
		return true
	}
	a.schema = grant.ProbeTable + w.probe
	w.undo = append(w.undo, func(ctx context.Context) error { return w.drop(ctx, a.schema) })
	_, took, err := w.query(ctx, w.create(a.schema, w.settings.Glue.Database))
	if err == nil {
		return true
	}
	c := Check{Area: questions, Name: "external schema", Milliseconds: took.Milliseconds()}
	if !w.unanswered(&c, "redshift-data:ExecuteStatement", err) {
		c.Status, c.Cause = Unclear, "one of doctor's own could not be made: "+plain(err)
	}
	w.add(c)
	return false
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
	c := Check{Area: questions, Name: q.name, Status: Found}
	if err != nil {
		c.take(diagnose(err))
		c.Status = Unclear // it could not be asked
	} else {
		rows, _, err := a.warehouse.query(ctx, fmt.Sprintf(q.query, warehouse.Identifier(a.schema)+"."+warehouse.Identifier(name)))
		if !a.warehouse.unanswered(&c, "redshift-data:ExecuteStatement", err) {
			q.take(&c, rows, err)
		}
	}
	c.Milliseconds = time.Since(began).Milliseconds()
	e.checks = append(e.checks, c)
	e.cleanUpTo(ctx, mark)
}

// take makes the warehouse's answer the check's end.
func (q *question) take(c *Check, rows [][]string, err error) {
	found, fine := q.answer(rows, err)
	if fine {
		c.Detail = found
		return
	}
	c.Status, c.Cause = Warned, "Refract relies on another answer ("+q.relied+"): "+found
	c.Remedy = "tell Refract's maintainers what you see here"
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
	e.undo = append(e.undo, t.discard)
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
	if q.bare {
		sd.SerdeInfo.Parameters = nil
		return &types.TableInput{Name: &name, TableType: aws.String("EXTERNAL_TABLE"), StorageDescriptor: sd}
	}
	return &types.TableInput{
		Name: &name, TableType: aws.String("EXTERNAL_TABLE"), Description: aws.String("made by refract aws doctor, which removes it"),
		Parameters: map[string]string{"EXTERNAL": "TRUE", "classification": format, "typeOfData": "file"}, StorageDescriptor: sd,
	}
}
