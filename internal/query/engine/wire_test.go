package engine

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/query/pgwire"
)

// listen serves the engine of a session and gives the address.
func listen(t testing.TB, e *Engine) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&pgwire.Server{Backend: e.Wire()}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return l.Addr().String()
}

// psql runs commands with the real psql.
func psql(t testing.TB, addr string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"-X", "-h", host, "-p", port, "-U", "admin", "-d", "dev"}, args...)...)
	cmd.Env = append(cmd.Environ(), "PGPASSWORD=secret")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPsqlRunsTheDocumentedQuery(t *testing.T) {
	_, c := warehouse(t)
	addr := listen(t, c.engine)
	out, err := psql(t, addr, "-At", "-c", documentedQuery)
	require.NoError(t, err, out)
	lines := strings.Fields(out)
	require.ElementsMatch(t, []string{"SET", "ann", "cem"}, lines)
}

func TestPsqlDescribesTheWarehouse(t *testing.T) {
	_, c := warehouse(t)
	addr := listen(t, c.engine)
	for command, want := range map[string]string{
		`\dn`:                                "mp_json_export | admin",
		`\l`:                                 "dev ",
		`\du`:                                "admin ",
		`\dt mp_json_export.*`:               "mp_master_event",
		`\d`:                                 "",
		`\d mp_json_export.mp_master_event`:  "properties  | character varying(65535)",
		`\d pg_user`:                         "usename",
		`\d+`:                                "",
		`\d+ mp_json_export.mp_master_event`: "Stats target",
		`\d+ pg_user`:                        `View "pg_catalog.pg_user"`,
		`\dt+ mp_json_export.*`:              "permanent",
		`\dv`:                                "",
		`\dv+ pg_catalog.pg_user`:            "pg_user",
		`\du+`:                               "admin ",
		`\dn+`:                               "mp_json_export | admin",
		`\df`:                                "result data type",
		`\df+`:                               "result data type",
		`\db`:                                "pg_default | admin",
		`\db+`:                               "pg_default | admin",
		`\conninfo`:                          `You are connected to database "dev" as user "admin"`,
	} {
		t.Run(command, func(t *testing.T) {
			out, err := psql(t, addr, "-c", command)
			require.NoError(t, err, out)
			require.NotContains(t, out, "ERROR")
			require.Contains(t, out, want)
		})
	}
}

func TestPgxReadsEveryTypeInBinary(t *testing.T) {
	_, c := warehouse(t)
	addr := listen(t, c.engine)
	for _, mode := range []string{"simple_protocol", "exec", "cache_statement"} {
		t.Run(mode, func(t *testing.T) {
			db, err := pgx.Connect(t.Context(), "postgres://admin:secret@"+addr+"/dev?sslmode=disable&standard_conforming_strings=on&default_query_exec_mode="+mode)
			require.NoError(t, err)
			defer db.Close(context.Background())
			var id, date string
			var n int64
			var small int16
			var price float64
			var yes bool
			var at time.Time
			err = db.QueryRow(t.Context(), `SELECT distinct_id, mp_date, 9::bigint, 3::smallint, 2.5::float8, true, time FROM mp_json_export.mp_master_event
				WHERE distinct_id = $1 AND mp_date >= $2`, "ann", "2024-01-01").Scan(&id, &date, &n, &small, &price, &yes, &at)
			require.NoError(t, err)
			require.Equal(t, "ann 2024-05-01 9 3 2.5 true", fmt.Sprint(id, " ", date, " ", n, " ", small, " ", price, " ", yes))
			require.Equal(t, time.Date(2024, 5, 1, 10, 0, 0, 123e6, time.UTC), at)
			_, err = db.Exec(t.Context(), "SELECT 1/0")
			require.ErrorContains(t, err, "22012")
		})
	}
}
