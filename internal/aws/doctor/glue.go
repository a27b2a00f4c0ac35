package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/grant"
)

// tables is the catalog as the examination uses it.
type tables struct {
	*examination
	api               *glue.Client
	catalog, database *string
	table             string
}

func (e *examination) tables(ctx context.Context) (*tables, error) {
	g := e.settings.Glue
	cfg, err := e.Config(ctx, g.Role, g.Region)
	if err != nil {
		return nil, err
	}
	t := &tables{examination: e, api: glue.NewFromConfig(cfg), database: &g.Database, table: grant.ProbeTable + e.probe}
	if g.CatalogID != "" {
		t.catalog = &g.CatalogID
	}
	return t, nil
}

// absent is Glue's answer for what isn't there. It comes after the permission was looked at, unless Lake Formation governs the table:
// that answers AccessDenied to whoever may not create it, so that nobody learns what there is.
const absent = "EntityNotFoundException"

func (e *examination) glue(ctx context.Context) {
	t, err := e.tables(ctx)
	if err != nil {
		e.fail("glue", "credentials", 0, err)
		return
	}
	perform := func(action string, fn func(context.Context) error) error {
		return t.perform(ctx, grant.UseGlue, action, fn, absent)
	}
	found := t.perform(ctx, grant.UseGlue, "glue:GetDatabase", func(ctx context.Context) error {
		_, err := t.api.GetDatabase(ctx, &glue.GetDatabaseInput{CatalogId: t.catalog, Name: t.database})
		return err
	})
	if isAbsent(found) {
		return // the line says that there is no such database; nothing can be tried in it
	}
	t.soften("glue:GetDatabase", "doctor can't tell whether the database is there; exporting does not need it")
	if perform("glue:DeleteTable", t.remove) != nil {
		t.soften("glue:DeleteTable", "doctor makes no table of its own, and tries what it can without; exporting does not need it")
		t.own(ctx, true)
		return
	}
	t.onProbe(ctx, perform)
	t.own(ctx, false)
}

// Without these the pipeline's tables have no partitions, or partitions are updated another way.
const (
	unpartitioned = "tables have no partitions, and every query reads everything"
	oneByOne      = "partitions whose objects move are updated one by one, by glue:UpdatePartition if that is allowed"
)

// onProbe tries the actions on a table of doctor's own.
func (t *tables) onProbe(ctx context.Context, perform func(string, func(context.Context) error) error) {
	t.undo = append(t.undo, t.discard)
	// The outcomes are in the lines; each call is made whatever the one before it answered.
	_ = t.perform(ctx, grant.UseGlue, "glue:CreateTable", func(ctx context.Context) error { return t.whole(ctx, t.create) })
	var version *string
	_ = perform("glue:GetTable", func(ctx context.Context) error {
		out, err := t.api.GetTable(ctx, &glue.GetTableInput{CatalogId: t.catalog, DatabaseName: t.database, Name: &t.table})
		if err == nil {
			version = out.Table.VersionId
		}
		return err
	})
	_ = perform("glue:UpdateTable", func(ctx context.Context) error {
		_, err := t.api.UpdateTable(ctx, &glue.UpdateTableInput{
			CatalogId: t.catalog, DatabaseName: t.database, TableInput: t.input("added"), VersionId: version, SkipArchive: aws.Bool(true),
		})
		return err
	})
	t.partitions(perform)
}

func isAbsent(err error) bool {
	code, _, _ := answerOf(err)
	return code == absent
}

// partitions tries the actions that turn partitioning on. A pipeline can do without them.
func (t *tables) partitions(perform func(string, func(context.Context) error) error) {
	if t.settings.Glue.Unpartitioned {
		t.skip("glue", "partitions", "the pipeline's tables have none")
		return
	}
	try := func(action, without string, fn func(context.Context) error) {
		_ = perform(action, fn) // the line says it
		t.soften(action, without)
	}
	values := []string{"2026-01-01"}
	partition := &types.PartitionInput{Values: values, StorageDescriptor: t.storage()}
	try("glue:BatchCreatePartition", unpartitioned, func(ctx context.Context) error {
		out, err := t.api.BatchCreatePartition(ctx, &glue.BatchCreatePartitionInput{
			CatalogId: t.catalog, DatabaseName: t.database, TableName: &t.table, PartitionInputList: []types.PartitionInput{*partition},
		})
		if err == nil && len(out.Errors) > 0 {
			err = item(out.Errors[0].ErrorDetail)
		}
		return err
	})
	try("glue:GetPartitions", unpartitioned, func(ctx context.Context) error {
		_, err := t.api.GetPartitions(ctx, &glue.GetPartitionsInput{
			CatalogId: t.catalog, DatabaseName: t.database, TableName: &t.table, Expression: aws.String("mp_date IN ('2026-01-01')"),
		})
		return err
	})
	try("glue:BatchUpdatePartition", oneByOne, func(ctx context.Context) error {
		out, err := t.api.BatchUpdatePartition(ctx, &glue.BatchUpdatePartitionInput{
			CatalogId: t.catalog, DatabaseName: t.database, TableName: &t.table,
			Entries: []types.BatchUpdatePartitionRequestEntry{{PartitionValueList: values, PartitionInput: partition}},
		})
		if err == nil && len(out.Errors) > 0 {
			err = item(out.Errors[0].ErrorDetail)
		}
		return err
	})
}

// item is the error of a batch's item, which Glue answers with a call that succeeds.
func item(d *types.ErrorDetail) error {
	if d == nil {
		return errors.New("the batch's item failed without a reason")
	}
	return &smithy.GenericAPIError{Code: aws.ToString(d.ErrorCode), Message: aws.ToString(d.ErrorMessage)}
}

func (t *tables) create(ctx context.Context) error {
	_, err := t.api.CreateTable(ctx, &glue.CreateTableInput{CatalogId: t.catalog, DatabaseName: t.database, TableInput: t.input()})
	return err
}

func (t *tables) remove(ctx context.Context) error {
	_, err := t.api.DeleteTable(ctx, &glue.DeleteTableInput{CatalogId: t.catalog, DatabaseName: t.database, Name: &t.table})
	return err
}

// discard removes the table if it is there.
func (t *tables) discard(ctx context.Context) error {
	if err := t.remove(ctx); err != nil && !isAbsent(err) {
		return fmt.Errorf("the Glue table %s.%s is left: %w", *t.database, t.table, err)
	}
	return nil
}

// input defines the probe table as the pipeline's tables are, over a folder without objects.
func (t *tables) input(more ...string) *types.TableInput {
	return &types.TableInput{
		Name: &t.table, TableType: aws.String("EXTERNAL_TABLE"), Description: aws.String("made by refract aws doctor, which removes it"),
		Parameters:        map[string]string{"EXTERNAL": "TRUE", "classification": "json"},
		PartitionKeys:     []types.Column{{Name: aws.String("mp_date"), Type: aws.String("string")}},
		StorageDescriptor: t.storage(more...),
	}
}

func (t *tables) storage(more ...string) *types.StorageDescriptor {
	location := "s3://" + t.settings.S3.Bucket + "/" + t.settings.Root() + "_refract-doctor/" + t.probe + "/table/"
	sd := &types.StorageDescriptor{
		Location:     &location,
		Columns:      []types.Column{{Name: aws.String("probe"), Type: aws.String("string")}},
		InputFormat:  aws.String("org.apache.hadoop.mapred.TextInputFormat"),
		OutputFormat: aws.String("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
		SerdeInfo:    &types.SerDeInfo{SerializationLibrary: aws.String("org.openx.data.jsonserde.JsonSerDe")},
	}
	for _, name := range more {
		sd.Columns = append(sd.Columns, types.Column{Name: aws.String(name), Type: aws.String("string")})
	}
	return sd
}
