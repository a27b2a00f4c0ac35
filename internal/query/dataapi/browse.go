package dataapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// ListDatabases and its kin are queries of the system views under the caller's database user, who sees what he may see. They answer at once.

// browseTimeout is how long they may take before they answer QueryTimeoutException.
const browseTimeout = 30 * time.Second

type browseInput struct {
	connectTo
	ConnectedDatabase, SchemaPattern, TablePattern string
	Schema, Table                                  string
	MaxResults                                     *int
	NextToken                                      string
}

type databasesOutput struct {
	Databases []string
	NextToken string `json:",omitempty"`
}

type schemasOutput struct {
	Schemas   []string
	NextToken string `json:",omitempty"`
}

type tablesOutput struct {
	Tables    []table
	NextToken string `json:",omitempty"`
}

type table struct {
	Name   string `json:"name"`
	Schema string `json:"schema"`
	Type   string `json:"type"`
}

type tableOutput struct {
	TableName  string `json:",omitempty"`
	ColumnList []columnMetadata
	NextToken  string `json:",omitempty"`
}

func (s *Service) listDatabases(ctx context.Context, in *browseInput) (*databasesOutput, error) {
	rows, next, err := s.browse(ctx, "ListDatabases", in, `SELECT database_name FROM svv_redshift_databases`, nil, "1")
	if err != nil {
		return nil, err
	}
	out := &databasesOutput{[]string{}, next}
	for _, row := range rows {
		out.Databases = append(out.Databases, row[0])
	}
	return out, nil
}

func (s *Service) listSchemas(ctx context.Context, in *browseInput) (*schemasOutput, error) {
	rows, next, err := s.browse(ctx, "ListSchemas", in, `SELECT schema_name FROM svv_all_schemas`, conditions{{"schema_name LIKE", in.SchemaPattern}}, "1")
	if err != nil {
		return nil, err
	}
	out := &schemasOutput{[]string{}, next}
	for _, row := range rows {
		out.Schemas = append(out.Schemas, row[0])
	}
	return out, nil
}

func (s *Service) listTables(ctx context.Context, in *browseInput) (*tablesOutput, error) {
	rows, next, err := s.browse(ctx, "ListTables", in, `SELECT schema_name, table_name, table_type FROM svv_all_tables`,
		conditions{{"schema_name LIKE", in.SchemaPattern}, {"table_name LIKE", in.TablePattern}}, "1, 2")
	if err != nil {
		return nil, err
	}
	out := &tablesOutput{[]table{}, next}
	for _, row := range rows {
		out.Tables = append(out.Tables, table{row[1], row[0], row[2]})
	}
	return out, nil
}

// describeTable describes the columns of all tables that the request leaves open.
func (s *Service) describeTable(ctx context.Context, in *browseInput) (*tableOutput, error) {
	rows, next, err := s.browse(ctx, "DescribeTable", in, `SELECT schema_name, table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
		FROM svv_all_columns`, conditions{{"schema_name =", strings.ToLower(in.Schema)}, {"table_name =", strings.ToLower(in.Table)}}, "1, 2, ordinal_position")
	if err != nil {
		return nil, err
	}
	out := &tableOutput{TableName: in.Table, ColumnList: []columnMetadata{}, NextToken: next}
	for _, row := range rows {
		length, precision, scale := number(row[4]), number(row[5]), number(row[6])
		out.ColumnList = append(out.ColumnList, columnMetadata{
			Name: row[2], Label: row[2], TypeName: row[3], SchemaName: row[0], TableName: row[1], Length: length, Precision: max(precision, length), Scale: scale, Nullable: 1,
			IsSigned: precision > 0, IsCaseSensitive: length > 0,
		})
	}
	return out, nil
}

// number reads a number of the system views, in which none is 0.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// conditions hold a comparison and what is compared with; "" leaves it open.
type conditions [][2]string

// browse runs a query of texts under conditions, in an order, and cuts its rows to the request's page.
func (s *Service) browse(ctx context.Context, action string, in *browseInput, sql string, where conditions, order string) ([][]string, string, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, "", err
	}
	size, err := pageLength(in.MaxResults, 1000)
	if err != nil {
		return nil, "", err
	}
	of := action + " " + strings.Join([]string{who.owner, in.Database, in.SchemaPattern, in.TablePattern, in.Schema, in.Table}, "/")
	offset, err := parseOffset(in.NextToken, of)
	if err != nil {
		return nil, "", err
	}
	// What to list is Database, what to connect to ConnectedDatabase if it is given; one sees no other database's tables here.
	if in.ConnectedDatabase != "" && in.Database != "" && !strings.EqualFold(in.ConnectedDatabase, in.Database) && action != "ListDatabases" {
		return nil, "", validation("Database %s can't be listed over a connection to %s: leave ConnectedDatabase out.", in.Database, in.ConnectedDatabase)
	}
	t, err := s.connect(ctx, action, who, in.connectTo)
	if err != nil {
		return nil, "", err
	}
	parameters, join := map[string]string{}, " WHERE "
	for i, c := range where {
		if c[1] != "" {
			name := fmt.Sprintf("p%d", i)
			sql += join + c[0] + " :" + name
			parameters[name], join = c[1], " AND "
		}
	}
	rows, err := s.texts(ctx, t, sql+" ORDER BY "+order, parameters)
	if err != nil {
		return nil, "", err
	}
	rows = rows[min(int(offset), len(rows)):]
	if len(rows) <= size {
		return rows, "", nil
	}
	return rows[:size], pageToken(of, strconv.FormatInt(offset+int64(size), 10)), nil
}

// texts runs a query and returns its values; NULL is an empty text.
func (s *Service) texts(ctx context.Context, t target, sql string, parameters map[string]string) (out [][]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, browseTimeout)
	defer cancel()
	defer func() {
		if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil && err != nil {
			err = &awsjson.Error{Code: "QueryTimeoutException", Message: fmt.Sprintf("The query took longer than %s.", browseTimeout)}
		} else if e, ok := errors.AsType[*SQLError](err); ok {
			err = &awsjson.Error{Code: "DatabaseConnectionException", Message: errorText(e), Status: 500}
		}
	}()
	c, err := s.Warehouse.Connect(ctx, t.User, t.Database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	rows, err := c.Execute(ctx, sql, parameters)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		batch, err := rows.Next(ctx)
		if err != nil || batch == nil {
			return out, err
		}
		for r := range batch.Len() {
			row := make([]string, len(rows.Columns()))
			for i := range row {
				if !batch.Null(i, r) {
					row[i] = string(batch.AppendText(nil, i, r))
				}
			}
			out = append(out, row)
		}
	}
}
