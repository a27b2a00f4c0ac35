package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/warehouse"
)

// readers looks whether the users that the pipeline names may read: USAGE on the external schema, which attaching grants, and TEMP on the
// database, without which Redshift reads no external table (Redshift developer guide, "Troubleshooting queries in Amazon Redshift
// Spectrum"). The pipeline works without either.
func (w *redshift) readers(ctx context.Context) {
	r := w.settings.Redshift
	for _, user := range r.Readers {
		if ctx.Err() != nil {
			return
		}
		c := Check{Area: "redshift", Name: "reader " + user, Status: Passed, Detail: "has USAGE and TEMP"}
		var took time.Duration
		for _, right := range []struct{ sql, missing, grant string }{
			{
				fmt.Sprintf("SELECT has_schema_privilege(%s, %s, 'USAGE')", warehouse.Literal(user), warehouse.Literal(r.Schema)),
				"may not use the schema " + r.Schema, "GRANT USAGE ON SCHEMA " + warehouse.Identifier(r.Schema),
			},
			{
				fmt.Sprintf("SELECT has_database_privilege(%s, %s, 'TEMP')", warehouse.Literal(user), warehouse.Literal(r.Database)),
				"may make no temporary tables in the database " + r.Database + ", which reading external tables takes", "GRANT TEMP ON DATABASE " + warehouse.Identifier(r.Database),
			},
		} {
			may, spent, ok := w.single(ctx, c.Name, right.sql)
			if !ok {
				break // the line says why, and there is one line for a reader
			}
			if took += spent; !holds(may) {
				c.Status, c.Detail, c.Cause = Warned, "", "the user "+user+" "+right.missing
				c.Remedy = "as an administrator of the database run: " + right.grant + " TO " + warehouse.Identifier(user) + ";"
				break
			}
		}
		c.Milliseconds = took.Milliseconds()
		w.add(c)
	}
}

// holds reads a boolean as drivers write it.
func holds(value string) bool { return value == "true" || value == "t" || value == "1" }
