package glueapi

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

const maxBatchDeleteTable = 100

type tableRequest struct {
	CatalogID       string `json:"CatalogId"`
	DatabaseName    string
	Name            string
	AttributesToGet []string
	TransactionID   unkept `json:"TransactionId"`
	QueryAsOfTime   unkept
}

func (s *server) beginTable(ctx context.Context, operation string, in *tableRequest) error {
	if err := s.begin(ctx, operation, in.CatalogID, s.tableARN(in.DatabaseName, in.Name), member{"databaseName", in.DatabaseName},
		member{"name", in.Name}); err != nil {
		return err
	}
	return refuseUnkept("TransactionId", in.TransactionID, "QueryAsOfTime", in.QueryAsOfTime)
}

type tableAnswer struct{ Table tableShape }

func (s *server) getTable(ctx context.Context, in *tableRequest) (*tableAnswer, error) {
	if err := s.beginTable(ctx, "GetTable", in); err != nil {
		return nil, err
	}
	if err := attributesOf(in.AttributesToGet, "DEFAULT"); err != nil { // the other one is Iceberg's metadata
		return nil, err
	}
	t, err := s.catalog.GetTable(ctx, in.DatabaseName, in.Name)
	if err != nil {
		return nil, err
	}
	return &tableAnswer{s.table(t)}, nil
}

type tablesRequest struct {
	CatalogID         string `json:"CatalogId"`
	DatabaseName      string
	Expression        string
	NextToken         string
	MaxResults        *int
	AttributesToGet   []string
	ResourceShareType string
	TransactionID     unkept `json:"TransactionId"`
	QueryAsOfTime     unkept
}

type tablesAnswer struct {
	TableList []any
	NextToken string `json:",omitempty"`
}

func (s *server) getTables(ctx context.Context, in *tablesRequest) (*tablesAnswer, error) {
	if err := s.begin(ctx, "GetTables", in.CatalogID, s.tableARN(in.DatabaseName, "*"), member{"databaseName", in.DatabaseName}); err != nil {
		return nil, err
	}
	if err := refuseUnkept("TransactionId", in.TransactionID, "QueryAsOfTime", in.QueryAsOfTime); err != nil {
		return nil, err
	}
	if err := attributesOf(in.AttributesToGet, "NAME", "TABLE_TYPE"); err != nil {
		return nil, err
	}
	if err := oneOf("resourceShareType", in.ResourceShareType, "ALL", "FEDERATED"); err != nil {
		return nil, err
	}
	matches, err := namePattern(in.Expression)
	if err != nil {
		return nil, err
	}
	if in.ResourceShareType == "FEDERATED" { // tables of other catalogs: there are none
		matches = func(string) bool { return false }
	}
	request := []any{"GetTables", strings.ToLower(in.DatabaseName), in.Expression}
	size, last, err := pageOf(in.NextToken, in.MaxResults, maxCatalogPage, request...)
	if err != nil {
		return nil, err
	}
	if err := nameable("nextToken", last); err != nil {
		return nil, err
	}
	selected, more, err := s.catalog.ScanTables(ctx, in.DatabaseName, matches, last, size)
	if err != nil {
		return nil, err
	}
	out := &tablesAnswer{TableList: []any{}}
	if more {
		out.NextToken = nextToken([]string{selected[len(selected)-1].Name}, request...)
	}
	for _, t := range selected {
		if len(in.AttributesToGet) > 0 {
			out.TableList = append(out.TableList, attributes(t, in.AttributesToGet))
			continue
		}
		out.TableList = append(out.TableList, s.table(t))
	}
	return out, nil
}

// attributesOf checks AttributesToGet, which "doesn't accept an empty list" and must include the first of those allowed. Without it
// nothing is left out.
func attributesOf(wanted []string, allowed ...string) error {
	for _, attribute := range wanted {
		if err := oneOf("attributesToGet", attribute, allowed...); err != nil {
			return err
		}
	}
	if wanted != nil && !slices.Contains(wanted, allowed[0]) {
		return invalid("AttributesToGet must include " + allowed[0] + ".")
	}
	return nil
}

// attributes returns the name of a table and what else is asked for (TableAttributes).
func attributes(t *catalog.Table, wanted []string) any {
	out := struct {
		Name         string
		DatabaseName string
		TableType    string `json:",omitempty"`
	}{Name: t.Name, DatabaseName: t.DatabaseName}
	for _, attribute := range wanted {
		if attribute == "TABLE_TYPE" {
			out.TableType = t.TableType
		}
	}
	return out
}

type tableChange struct {
	CatalogID                  string `json:"CatalogId"`
	DatabaseName               string
	Name                       string
	TableInput                 tableInput
	SkipArchive                bool
	VersionID                  string `json:"VersionId"`
	TransactionID              unkept `json:"TransactionId"`
	PartitionIndexes           []catalog.PartitionIndex
	OpenTableFormatInput       unkept
	UpdateOpenTableFormatInput unkept
	ViewUpdateAction           unkept
	Force                      unkept
}

func (s *server) beginChange(ctx context.Context, operation string, in *tableChange) (catalog.TableInput, error) {
	name := in.TableInput.Name
	if err := s.begin(ctx, operation, in.CatalogID, s.tableARN(in.DatabaseName, name), member{"databaseName", in.DatabaseName},
		member{"tableInput.name", name}); err != nil {
		return catalog.TableInput{}, err
	}
	if in.Name != "" && !strings.EqualFold(in.Name, name) {
		return catalog.TableInput{}, invalid(fmt.Sprintf("Table %s cannot be renamed to %s.", in.Name, name))
	}
	if err := refuseUnkept("TransactionId", in.TransactionID, "OpenTableFormatInput", in.OpenTableFormatInput,
		"UpdateOpenTableFormatInput", in.UpdateOpenTableFormatInput, "ViewUpdateAction", in.ViewUpdateAction, "Force", in.Force); err != nil {
		return catalog.TableInput{}, err
	}
	return in.TableInput.model()
}

func (s *server) createTable(ctx context.Context, in *tableChange) (none, error) {
	t, err := s.beginChange(ctx, "CreateTable", in)
	if err != nil {
		return none{}, err
	}
	return none{}, s.catalog.CreateIndexedTable(ctx, in.DatabaseName, t, in.PartitionIndexes)
}

func (s *server) updateTable(ctx context.Context, in *tableChange) (none, error) {
	t, err := s.beginChange(ctx, "UpdateTable", in)
	if err != nil {
		return none{}, err
	}
	return none{}, s.catalog.UpdateTable(ctx, in.DatabaseName, t, in.VersionID, in.SkipArchive)
}

func (s *server) deleteTable(ctx context.Context, in *tableRequest) (none, error) {
	if err := s.beginTable(ctx, "DeleteTable", in); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.DeleteTable(ctx, in.DatabaseName, in.Name)
}

type batchDeleteTableRequest struct {
	CatalogID      string `json:"CatalogId"`
	DatabaseName   string
	TablesToDelete []string
	TransactionID  unkept `json:"TransactionId"`
}

type tableError struct {
	TableName   string
	ErrorDetail errorDetail
}

func (s *server) batchDeleteTable(ctx context.Context, in *batchDeleteTableRequest) (*batchAnswer[tableError], error) {
	if err := s.begin(ctx, "BatchDeleteTable", in.CatalogID, s.tableARN(in.DatabaseName, in.TablesToDelete...),
		member{"databaseName", in.DatabaseName}); err != nil {
		return nil, err
	}
	if err := refuseUnkept("TransactionId", in.TransactionID); err != nil {
		return nil, err
	}
	if len(in.TablesToDelete) > maxBatchDeleteTable {
		return nil, invalid(fmt.Sprintf("1 validation error detected: Value at 'tablesToDelete' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", maxBatchDeleteTable))
	}
	for _, name := range in.TablesToDelete {
		if err := nameable("tablesToDelete", name); err != nil {
			return nil, err
		}
	}
	if _, err := s.catalog.GetDatabase(ctx, in.DatabaseName); err != nil {
		return nil, err
	}
	out := &batchAnswer[tableError]{Errors: []tableError{}}
	for _, name := range in.TablesToDelete {
		if err := s.catalog.DeleteTable(ctx, in.DatabaseName, name); err != nil {
			d, err := detail(err)
			if err != nil {
				return nil, err
			}
			out.Errors = append(out.Errors, tableError{name, d})
		}
	}
	return out, nil
}
