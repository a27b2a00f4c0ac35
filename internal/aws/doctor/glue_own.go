package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/grant"
)

// A policy may allow the probe table and not the pipeline's own ones, or the reverse (--without-doctor). Of the pipeline's own tables
// doctor asks only what changes nothing, whether they are there or not:
//
//   - GetTable, and GetPartitions of one partition;
//   - column statistics of no column, for which Glue wants glue:UpdateTable (botocore's model of Glue, UpdateColumnStatisticsForTable);
//   - a batch of no partition to create, and a batch that updates a partition which no table has;
//   - CreateTable of a table that is there, by its own definition, which Glue answers with AlreadyExists.
//
// Nothing of the kind tells whether a table that isn't there may be created.

// ownTables are the pipeline's tables, with a name that nobody has in the place of a star.
func (t *tables) ownTables() []string {
	names := slices.Clone(t.settings.Glue.Tables)
	for i, name := range names {
		if rest, ok := strings.CutSuffix(name, "*"); ok {
			names[i] = rest + t.table
		}
	}
	return names
}

// harmless is a call about one of the pipeline's tables that changes nothing. Answers with one of the codes come after the permission
// was looked at.
type harmless struct {
	action, without string
	call            func(ctx context.Context, table *string) error
	codes           []string
}

// own asks for the actions on the pipeline's own tables. Lines of actions that were tried on the probe table already get red where the
// own tables are what is denied; alone says that nothing else tells, so that what can't be told must be told as that.
func (t *tables) own(ctx context.Context, alone bool) {
	there := map[string]*types.Table{}
	known := t.asked(ctx, alone, there, harmless{action: "glue:GetTable", codes: []string{absent}, call: func(ctx context.Context, table *string) error {
		out, err := t.api.GetTable(ctx, &glue.GetTableInput{CatalogId: t.catalog, DatabaseName: t.database, Name: table})
		if err == nil {
			there[*table] = out.Table
		}
		return err
	}})
	t.asked(ctx, alone, there, harmless{action: "glue:UpdateTable", codes: []string{absent}, call: func(ctx context.Context, table *string) error {
		_, err := t.api.UpdateColumnStatisticsForTable(ctx, &glue.UpdateColumnStatisticsForTableInput{
			CatalogId: t.catalog, DatabaseName: t.database, TableName: table, ColumnStatisticsList: []types.ColumnStatistics{},
		})
		return err
	}})
	if alone {
		t.createOwn(ctx, known, there)
	}
	if t.settings.Glue.Unpartitioned {
		if alone {
			t.skip("glue", "partitions", "the pipeline's tables have none")
		}
		return
	}
	t.asked(ctx, alone, there, harmless{action: "glue:BatchCreatePartition", without: unpartitioned, codes: []string{absent}, call: func(ctx context.Context, table *string) error {
		_, err := t.api.BatchCreatePartition(ctx, &glue.BatchCreatePartitionInput{
			CatalogId: t.catalog, DatabaseName: t.database, TableName: table, PartitionInputList: []types.PartitionInput{},
		})
		return err
	}})
	t.asked(ctx, alone, there, harmless{action: "glue:GetPartitions", without: unpartitioned, codes: []string{absent}, call: func(ctx context.Context, table *string) error {
		_, err := t.api.GetPartitions(ctx, &glue.GetPartitionsInput{CatalogId: t.catalog, DatabaseName: t.database, TableName: table, MaxResults: aws.Int32(1)})
		return err
	}})
	t.asked(ctx, alone, there, harmless{action: "glue:BatchUpdatePartition", without: oneByOne, codes: []string{absent}, call: t.updateNone})
}

// updateNone updates a partition that no table has. What Glue says of a batch's item comes after the permission.
func (t *tables) updateNone(ctx context.Context, table *string) error {
	values := []string{t.table}
	out, err := t.api.BatchUpdatePartition(ctx, &glue.BatchUpdatePartitionInput{
		CatalogId: t.catalog, DatabaseName: t.database, TableName: table,
		Entries: []types.BatchUpdatePartitionRequestEntry{{PartitionValueList: values, PartitionInput: &types.PartitionInput{Values: values, StorageDescriptor: t.storage()}}},
	})
	if err == nil && len(out.Errors) > 0 {
		if failed := item(out.Errors[0].ErrorDetail); diagnose(failed).denied {
			return failed
		}
	}
	return err
}

// createOwn creates tables that are there. If known is false nobody knows which are.
func (t *tables) createOwn(ctx context.Context, known bool, there map[string]*types.Table) {
	const action = "glue:CreateTable"
	if !known || len(there) < len(t.ownTables()) {
		t.add(Check{
			Area: "glue", Name: action, Status: Unclear, Cause: "whether it is allowed can't be told: a table would be made that could not be removed",
			Remedy: "allow doctor to remove its own tables (glue:DeleteTable above) and try again; or run the pipeline, which makes its tables, and try again",
		})
		return
	}
	t.asked(ctx, true, there, harmless{action: action, codes: []string{"AlreadyExistsException"}, call: func(ctx context.Context, table *string) error {
		return t.whole(ctx, func(ctx context.Context) error {
			_, err := t.api.CreateTable(ctx, &glue.CreateTableInput{CatalogId: t.catalog, DatabaseName: t.database, TableInput: definition(there[*table])})
			if err == nil {
				err = fmt.Errorf("the table %s.%s was removed by somebody meanwhile and is now there again", *t.database, *table)
			}
			return err
		})
	}})
}

// definition is what a table was defined by.
func definition(t *types.Table) *types.TableInput {
	return &types.TableInput{
		Name: t.Name, Description: t.Description, Owner: t.Owner, Parameters: t.Parameters, PartitionKeys: t.PartitionKeys, Retention: t.Retention,
		StorageDescriptor: t.StorageDescriptor, TableType: t.TableType, ViewExpandedText: t.ViewExpandedText, ViewOriginalText: t.ViewOriginalText,
	}
}

// asked makes the call for each of the pipeline's tables until one is not allowed, and reports whether all are.
func (t *tables) asked(ctx context.Context, alone bool, there map[string]*types.Table, h harmless) bool {
	c := Check{Area: "glue", Name: h.action, Status: Passed}
	for _, name := range t.ownTables() {
		took, err := t.call(ctx, func(ctx context.Context) error { return h.call(ctx, &name) })
		c.Milliseconds += took.Milliseconds()
		if answer, ok := errors.AsType[smithy.APIError](err); err == nil || ok && slices.Contains(h.codes, answer.ErrorCode()) {
			continue
		}
		c.Detail = ""
		t.judge(&c, grant.UseGlue, h.action, err)
		d := diagnose(err)
		switch {
		case d.LakeFormation && there[name] == nil, d.denied && d.Action != "" && d.Action != h.action, !d.denied && c.Status == Failed && d.remedy == "":
			// Lake Formation says so of what is not there, too; the others are answers about the call, not about the pipeline.
			c = Check{Area: "glue", Name: h.action, Status: Unclear, Cause: "whether it is allowed on " + name + " can't be told: " + plain(err), Remedy: "allow doctor to remove its own tables (glue:DeleteTable) and try again"}
		}
		break
	}
	switch {
	case alone:
		t.add(c)
	case c.Status == Failed:
		t.replace(c)
	}
	if h.without != "" {
		t.soften(h.action, h.without)
	}
	return c.Status == Passed
}
