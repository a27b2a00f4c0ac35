package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5/pgconn"
)

// eventsTable is the events of the first project that has a pipeline, as Mixpanel names them.
const eventsTable = "mp_json_export.mp_master_event"

// warehouse is a SQL connection to a service.
type warehouse struct{ conn *pgconn.PgConn }

func (s *server) warehouse(ctx context.Context) (*warehouse, error) {
	password, err := s.SQLPassword()
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword("refract", password), Host: s.Addresses.SQL, Path: "/dev"}
	conn, err := pgconn.Connect(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("connecting to the SQL service: %w", err)
	}
	return &warehouse{conn}, nil
}

// query returns the rows of a statement, as text.
func (w *warehouse) query(ctx context.Context, statement string) ([][]string, error) {
	results, err := w.conn.Exec(ctx, statement).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", statement, err)
	}
	var rows [][]string
	for _, r := range results {
		for _, values := range r.Rows {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = string(v)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// missing reports whether the error is the server's saying that something does not exist, as a table before the first publication.
func missing(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	const undefinedSchema, undefinedTable = "3F000", "42P01"
	return ok && (pg.Code == undefinedSchema || pg.Code == undefinedTable)
}

func (w *warehouse) close(ctx context.Context) error { return w.conn.Close(context.WithoutCancel(ctx)) }
