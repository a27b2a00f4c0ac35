package harness

import (
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// DSN returns the connection string of the SQL service.
func (s *Service) DSN() string {
	s.tb.Helper()
	u := url.URL{Scheme: "postgres", User: url.UserPassword("refract", s.Secret("sql-password")), Host: s.SQLAddress(), Path: "/dev", RawQuery: "sslmode=disable"}
	return u.String()
}

// Connect returns a connection that is closed with the test. Simple ones send queries as psql does, the others prepare them.
func (s *Service) Connect(simple bool) *pgx.Conn {
	s.tb.Helper()
	config, err := pgx.ParseConfig(s.DSN())
	if err != nil {
		s.tb.Fatal(err)
	}
	if simple {
		config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		config.RuntimeParams["standard_conforming_strings"] = "on" // pgx quotes by doubling quotes only
	}
	conn, err := pgx.ConnectConfig(s.Context(), config)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = conn.Close(s.tb.Context()) }) // the service may be gone
	return conn
}

// Rows runs a query with the simple protocol and returns all cells as text; NULL is "<null>".
func (s *Service) Rows(sql string) [][]string {
	s.tb.Helper()
	results, err := s.Connect(true).PgConn().Exec(s.Context(), sql).ReadAll()
	if err != nil {
		s.tb.Fatalf("%s: %v", sql, err)
	}
	var all [][]string
	for _, r := range results {
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = string(v)
				if v == nil {
					cells[i] = "<null>"
				}
			}
			all = append(all, cells)
		}
	}
	return all
}

// Tally runs a query of one text column and counts how often each value is there.
func (s *Service) Tally(sql string) map[string]int {
	s.tb.Helper()
	found := map[string]int{}
	results := s.Connect(true).PgConn().Exec(s.Context(), sql)
	for results.NextResult() {
		for reader := results.ResultReader(); reader.NextRow(); {
			found[string(reader.Values()[0])]++
		}
	}
	if err := results.Close(); err != nil {
		s.tb.Fatalf("%s: %v", sql, err)
	}
	return found
}

// IDs is a query for the property "id" of all events of a table.
func IDs(table string) string {
	return fmt.Sprintf("SELECT json_extract_path_text(properties, 'id') FROM mp_json_export.%s", table)
}
