package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/platform/fault"
)

// The embedded warehouse's user and database.
const (
	sqlUser     = "refract"
	sqlDatabase = "dev"
)

// sqlTarget is where and as whom to run SQL. Empty addresses are looked up in the data folder.
type sqlTarget struct{ address, user, database string }

// resultPrinter prints one statement's result.
type resultPrinter func(io.Writer, *pgconn.ResultReader) error

func newSQL(o *options) *cobra.Command {
	var format string
	var target sqlTarget
	c := &cobra.Command{
		Use:   "sql [STATEMENTS]",
		Short: "Run Redshift SQL over the lake",
		Long: `Run SQL statements, separated by semicolons, and print their results. Without an argument they are read from standard input.
Any PostgreSQL client does the same: see "refract status" for the address; the password lies in the data folder.`,
		Example: `  refract sql "SELECT mp_date, count(*) FROM mp_json_export.mp_master_event GROUP BY 1 ORDER BY 1"
  refract sql --format csv < report.sql
  refract sql --json "SELECT distinct_id FROM mp_json_export.mp_people_data LIMIT 3"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			statements, err := readStatements(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			if o.json {
				format = "json"
			}
			printer, ok := map[string]resultPrinter{"table": printTable, "csv": printCSV, "json": printJSON}[format]
			if !ok {
				return usagef("format %q: use table, csv or json", format)
			}
			return runSQL(cmd.Context(), o, target, statements, cmd.OutOrStdout(), printer)
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "table", "table, csv or json (one object a line)")
	f.StringVar(&target.database, "database", sqlDatabase, "database to connect to")
	f.StringVar(&target.address, "sql-address", "", "host:port of the SQL service (default: read from the data folder)")
	f.StringVar(&target.user, "user", sqlUser, "SQL user")
	return c
}

func runSQL(ctx context.Context, o *options, target sqlTarget, statements string, out io.Writer, print resultPrinter) error {
	conn, err := dialSQL(ctx, o, target)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	results := conn.Exec(ctx, statements)
	for results.NextResult() {
		if err := print(out, results.ResultReader()); err != nil {
			return errors.Join(err, results.Close())
		}
	}
	return describeSQLError(results.Close())
}

func readStatements(args []string, in io.Reader) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return "", fmt.Errorf("reading statements from standard input: %w", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return "", usagef("there is no statement: give one as the argument or on standard input")
	}
	return string(text), nil
}

// dialSQL connects with the password of $PGPASSWORD or the data folder.
func dialSQL(ctx context.Context, o *options, target sqlTarget) (*pgconn.PgConn, error) {
	address, password := target.address, os.Getenv("PGPASSWORD")
	if address == "" || password == "" {
		client, err := o.connect()
		if err != nil {
			return nil, err
		}
		if address = first(address, client.Addresses.SQL); address == "" {
			return nil, usagef("the service of this data folder does not run the query role: give --sql-address")
		}
		if password == "" {
			if password, err = client.SQLPassword(); err != nil {
				return nil, err
			}
		}
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, usagef("SQL address %q: write host:port", address)
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(target.user, password), Host: address, Path: "/" + target.database, RawQuery: "application_name=refract&connect_timeout=10"}
	conn, err := pgconn.Connect(ctx, u.String())
	if err != nil {
		return nil, fault.New(fault.Transient, "connecting to the SQL service at", address, errors.New(strings.ReplaceAll(err.Error(), password, "***")), "is `refract up` running?")
	}
	return conn, nil
}

// describeSQLError gives a server's error the form psql shows, and the class that fits: the statement is the user's to change.
func describeSQLError(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	text := pg.Severity + ": " + pg.Message
	if pg.Detail != "" {
		text += "\nDETAIL: " + pg.Detail
	}
	if pg.Hint != "" {
		text += "\nHINT: " + pg.Hint
	}
	return fault.New(fault.Setup, "running SQL, state", pg.Code, errors.New(text), "")
}

func headers(r *pgconn.ResultReader) []string {
	names := make([]string, len(r.FieldDescriptions()))
	for i, f := range r.FieldDescriptions() {
		names[i] = f.Name
	}
	return names
}

func printTable(w io.Writer, r *pgconn.ResultReader) error {
	names := headers(r)
	if len(names) == 0 {
		return finish(w, r, true)
	}
	n := 0
	table(w, strings.Join(names, "\t"), func(row func(...any)) {
		for r.NextRow() {
			cells := make([]any, len(names))
			for i, v := range r.Values() {
				cells[i] = strings.NewReplacer("\t", `\t`, "\n", `\n`).Replace(string(v))
				if v == nil {
					cells[i] = "NULL"
				}
			}
			row(cells...)
			n++
		}
	})
	fmt.Fprintf(w, "(%d rows)\n", n)
	return finish(w, r, false)
}

func printCSV(w io.Writer, r *pgconn.ResultReader) error {
	names := headers(r)
	if len(names) == 0 {
		return finish(w, r, false)
	}
	out := csv.NewWriter(w)
	if err := out.Write(names); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	for r.NextRow() {
		cells := make([]string, len(names))
		for i, v := range r.Values() {
			cells[i] = string(v)
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
	}
	if out.Flush(); out.Error() != nil {
		return fmt.Errorf("writing CSV: %w", out.Error())
	}
	return finish(w, r, false)
}

// printJSON writes an object a row. Numbers and booleans are written as the server wrote them, never through a double.
func printJSON(w io.Writer, r *pgconn.ResultReader) error {
	fields := r.FieldDescriptions()
	for r.NextRow() {
		var line strings.Builder
		for i, v := range r.Values() {
			line.WriteByte("{,"[min(i, 1)])
			name, err := json.Marshal(fields[i].Name)
			if err != nil {
				return fmt.Errorf("writing JSON: %w", err)
			}
			value, err := jsonValue(fields[i].DataTypeOID, v)
			if err != nil {
				return fmt.Errorf("writing JSON: %w", err)
			}
			fmt.Fprintf(&line, "%s:%s", name, value)
		}
		if _, err := fmt.Fprintf(w, "%s}\n", line.String()); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
	}
	return finish(w, r, false)
}

func jsonValue(oid uint32, v []byte) ([]byte, error) {
	switch {
	case v == nil:
		return []byte("null"), nil
	case oid == pgtype.BoolOID:
		return fmt.Appendf(nil, "%t", string(v) == "t"), nil
	case (oid == pgtype.Int2OID || oid == pgtype.Int4OID || oid == pgtype.Int8OID || oid == pgtype.NumericOID ||
		oid == pgtype.Float4OID || oid == pgtype.Float8OID) && json.Valid(v):
		return v, nil
	}
	return json.Marshal(string(v))
}

// finish ends a result; tag asks for the command's tag ("SET") where there are no rows to print.
func finish(w io.Writer, r *pgconn.ResultReader, tag bool) error {
	done, err := r.Close()
	if err != nil {
		return describeSQLError(err)
	}
	if tag && done.String() != "" {
		fmt.Fprintln(w, done)
	}
	return nil
}
