package glueapi

import (
	"context"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

const maxBatchDeleteTable = 100

type tableRequest struct {
	CatalogID     string `json:"CatalogId"`
	DatabaseName  string
	Name          string
	TransactionID unkept `json:"TransactionId"`
	QueryAsOfTime unkept
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
	t, err := s.catalog.GetTable(ctx, in.DatabaseName, in.Name)
	if err != nil {
		return nil, err
	}
	return &tableAnswer{s.table(t)}, nil
}

type tablesRequest struct {
	CatalogID       string `json:"CatalogId"`
	DatabaseName    string
	Expression      string
	NextToken       string
	MaxResults      *int
	AttributesToGet []string
	TransactionID   unkept `json:"TransactionId"`
	QueryAsOfTime   unkept
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
	matches, err := namePattern(in.Expression)
	if err != nil {
		return nil, err
	}
	all, err := s.catalog.GetTables(ctx, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	var selected []*catalog.Table
	for _, t := range all {
		if matches(t.Name) {
			selected = append(selected, t)
		}
	}
	selected, next, err := page(selected, func(t *catalog.Table) string { return t.Name }, strings.Compare, in.NextToken, in.MaxResults,
		maxCatalogPage, "GetTables", strings.ToLower(in.DatabaseName), in.Expression)
	if err != nil {
		return nil, err
	}
	out := &tablesAnswer{TableList: []any{}, NextToken: next}
	for _, t := range selected {
		if len(in.AttributesToGet) > 0 {
			out.TableList = append(out.TableList, attributes(t, in.AttributesToGet))
			continue
		}
		out.TableList = append(out.TableList, s.table(t))
	}
	return out, nil
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
	PartitionIndexes           unkept
	OpenTableFormatInput       unkept
	UpdateOpenTableFormatInput unkept
	ViewUpdateAction           unkept
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
	if err := refuseUnkept("TransactionId", in.TransactionID, "PartitionIndexes", in.PartitionIndexes, "OpenTableFormatInput", in.OpenTableFormatInput,
		"UpdateOpenTableFormatInput", in.UpdateOpenTableFormatInput, "ViewUpdateAction", in.ViewUpdateAction); err != nil {
		return catalog.TableInput{}, err
	}
	return in.TableInput.model()
}

func (s *server) createTable(ctx context.Context, in *tableChange) (none, error) {
	t, err := s.beginChange(ctx, "CreateTable", in)
	if err != nil {
		return none{}, err
	}
	return none{}, s.catalog.CreateTable(ctx, in.DatabaseName, t)
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

type batchDeleteTableAnswer struct{ Errors []tableError }

func (s *server) batchDeleteTable(ctx context.Context, in *batchDeleteTableRequest) (*batchDeleteTableAnswer, error) {
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
	if _, err := s.catalog.GetDatabase(ctx, in.DatabaseName); err != nil {
		return nil, err
	}
	out := &batchDeleteTableAnswer{Errors: []tableError{}}
	for _, name := range in.TablesToDelete {
		if err := s.catalog.DeleteTable(ctx, in.DatabaseName, name); err != nil {
			d, refused := detail(err)
			if !refused {
				return nil, err
			}
			out.Errors = append(out.Errors, tableError{name, d})
		}
	}
	return out, nil
}
