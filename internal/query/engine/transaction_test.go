package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDefinitionsAreTakenBack(t *testing.T) {
	l := newLake(t)
	e := openEngine(t, l)
	c, other := login(t, e, "admin"), login(t, e, "admin")
	const schemas = "SELECT schemaname FROM svv_external_schemas ORDER BY 1"
	c.rows("BEGIN")
	c.rows(strings.Replace(createSchema, "mp_json_export", "b2", 1) + " CREATE EXTERNAL DATABASE IF NOT EXISTS")
	require.Equal(t, []string{"b2"}, c.rows(schemas), "a transaction sees its own changes")
	require.Empty(t, other.rows(schemas), "others don't")
	require.Equal(t, `3F000: schema "b2" does not exist`, other.state("GRANT USAGE ON SCHEMA b2 TO PUBLIC"))
	c.rows("ROLLBACK")
	require.Empty(t, c.rows(schemas))
	c.rows("BEGIN; " + createSchema + "; COMMIT")
	require.Equal(t, []string{"mp_json_export"}, other.rows(schemas))
	c.rows("BEGIN; DROP SCHEMA mp_json_export DROP EXTERNAL DATABASE CASCADE; ROLLBACK")
	require.Equal(t, []string{"mp_json_export"}, other.rows(schemas))
	_, err := l.catalog.GetDatabase(t.Context(), glueDatabase)
	require.NoError(t, err, "nor is anything done to the data catalog")
	c.rows("BEGIN; DROP SCHEMA mp_json_export DROP EXTERNAL DATABASE CASCADE; COMMIT")
	require.Empty(t, other.rows(schemas))
	_, err = l.catalog.GetDatabase(t.Context(), glueDatabase)
	require.Error(t, err)
}

func TestAnExternalDatabaseWithTablesNeedsCascade(t *testing.T) {
	l := newLake(t)
	l.events()
	c := login(t, openEngine(t, l), "admin")
	c.rows(createSchema)
	require.Equal(t, `2BP01: cannot drop external database "mp_glue" because other objects depend on it`, c.state("DROP SCHEMA mp_json_export DROP EXTERNAL DATABASE"))
	_, err := l.catalog.GetTable(t.Context(), glueDatabase, "mp_master_event")
	require.NoError(t, err)
	c.rows("DROP SCHEMA mp_json_export DROP EXTERNAL DATABASE CASCADE")
	_, err = l.catalog.GetDatabase(t.Context(), glueDatabase)
	require.Error(t, err)
}

func TestTakingTheGrantOptionGivesNothing(t *testing.T) {
	e := openEngine(t, newLake(t))
	c := login(t, e, "admin")
	require.NoError(t, e.EnsureUser(t.Context(), "bob"))
	c.rows(createSchema)
	const has = "SELECT has_schema_privilege('bob', 'mp_json_export', 'usage')"
	c.rows("REVOKE GRANT OPTION FOR USAGE ON SCHEMA mp_json_export FROM bob")
	require.Equal(t, []string{"f"}, c.rows(has))
	c.rows("GRANT USAGE ON SCHEMA mp_json_export TO bob WITH GRANT OPTION; REVOKE GRANT OPTION FOR USAGE ON SCHEMA mp_json_export FROM bob")
	require.Equal(t, []string{"t"}, c.rows(has))
}

// TestTransactionsThatMeet are those of two sessions that change the same schema.
func TestTransactionsThatMeet(t *testing.T) {
	create := func(database string) string {
		return "CREATE EXTERNAL SCHEMA s FROM DATA CATALOG DATABASE '" + database + "' IAM_ROLE default"
	}
	for _, test := range []struct {
		name, first, meanwhile, left string
	}{
		{"the schema is made by another one", create("mine"), create("theirs"), "theirs"},
		{"the schema is made by another one, and grants are for one's own", strings.Replace(create("mine"), "SCHEMA", "SCHEMA IF NOT EXISTS", 1) + "; GRANT USAGE ON SCHEMA s TO bob", create("theirs"), "theirs"},
		{"the schema is dropped by another one", "DROP SCHEMA old", "DROP SCHEMA old", ""},
		{"the schema that is granted is another one by now", "GRANT USAGE ON SCHEMA old TO bob", "DROP SCHEMA old; " + strings.Replace(create("theirs"), " s ", " old ", 1), "theirs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := openEngine(t, newLake(t))
			c, other := login(t, e, "admin"), login(t, e, "admin")
			require.NoError(t, e.EnsureUser(t.Context(), "bob"))
			c.rows(strings.Replace(create("before"), " s ", " old ", 1))
			c.rows("BEGIN; " + test.first)
			other.rows(test.meanwhile)
			require.Equal(t, "40001: 1023", c.state("COMMIT"))
			require.Equal(t, byte('I'), c.Status())
			require.Equal(t, test.left, strings.Join(c.rows("SELECT databasename FROM svv_external_schemas WHERE databasename <> 'before'"), " "))
			bob := login(t, e, "bob")
			for _, s := range c.rows("SELECT schemaname FROM svv_external_schemas") {
				require.Equal(t, []string{"f"}, bob.rows("SELECT has_schema_privilege('"+s+"', 'usage')"))
			}
		})
	}
}

func TestManyMakeOneSchema(t *testing.T) {
	e := openEngine(t, newLake(t))
	var all sync.WaitGroup
	for range 8 {
		c := login(t, e, "admin")
		all.Go(func() {
			_, err := c.try(strings.Replace(createSchema, "SCHEMA", "SCHEMA IF NOT EXISTS", 1))
			require.NoError(t, err)
		})
	}
	all.Wait()
	schemas, err := e.Schemas(t.Context(), "dev")
	require.NoError(t, err)
	require.Len(t, schemas, 1)
}

// drawDefinition draws a statement that changes definitions. It may fail.
func drawDefinition(t *rapid.T) string {
	schema, glue := rapid.SampledFrom([]string{"s1", "s2", "s3"}), rapid.SampledFrom([]string{"g1", "g2"})
	optional := func(text string) string { return rapid.SampledFrom([]string{"", text}).Draw(t, "optional") }
	to := rapid.SampledFrom([]string{"ann", "bob", "PUBLIC"})
	switch rapid.IntRange(0, 4).Draw(t, "statement") {
	case 0, 1:
		return "CREATE EXTERNAL SCHEMA " + optional("IF NOT EXISTS ") + schema.Draw(t, "schema") + " FROM DATA CATALOG DATABASE '" + glue.Draw(t, "glue") + "' IAM_ROLE default" +
			optional(" CREATE EXTERNAL DATABASE IF NOT EXISTS")
	case 2:
		names := rapid.SliceOfN(schema, 1, 2).Draw(t, "schemas")
		return "DROP SCHEMA " + optional("IF EXISTS ") + strings.Join(names, ", ") + optional(" DROP EXTERNAL DATABASE CASCADE")
	case 3:
		return "GRANT USAGE ON SCHEMA " + schema.Draw(t, "schema") + " TO " + to.Draw(t, "to") + optional(" WITH GRANT OPTION")
	}
	on := rapid.SampledFrom([]string{"CREATE ON DATABASE dev", "USAGE ON SCHEMA s1", "ALL ON SCHEMA s2", "CREATE ON SCHEMA s3"}).Draw(t, "on")
	if rapid.Bool().Draw(t, "revoke") {
		return "REVOKE " + optional("GRANT OPTION FOR ") + on + " FROM " + to.Draw(t, "from")
	}
	return "GRANT " + on + " TO " + to.Draw(t, "to")
}

// TestATransactionIsAllOrNothing: what is rolled back leaves the system views as they were, and what is committed as the same statements leave them one by one.
func TestATransactionIsAllOrNothing(t *testing.T) {
	l := newLake(t)
	e := openEngine(t, l)
	for _, name := range []string{"ann", "bob"} {
		require.NoError(t, e.EnsureUser(t.Context(), name))
	}
	sessions := map[string]*client{"admin": login(t, e, "admin"), "ann": login(t, e, "ann")}
	observer := login(t, e, "admin")
	views := func(c *client, external bool) []string {
		out := c.rows("SELECT 'schema', schemaname, esowner, databasename, esoptions FROM svv_external_schemas ORDER BY 2")
		names := c.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 's_' ORDER BY 1")
		for _, user := range []string{"ann", "bob"} {
			out = append(out, fmt.Sprint(user, c.rows("SELECT has_database_privilege('"+user+"', 'dev', 'create')")))
			for _, name := range names {
				out = append(out, fmt.Sprint(user, name, c.rows(fmt.Sprintf("SELECT has_schema_privilege('%s', '%s', 'usage'), has_schema_privilege('%[1]s', '%[2]s', 'create')", user, name))))
			}
		}
		if external {
			out = append(out, c.rows("SELECT databasename FROM svv_external_databases ORDER BY 1")...)
		}
		return out
	}
	rapid.Check(t, func(r *rapid.T) {
		user := rapid.SampledFrom([]string{"admin", "admin", "ann"}).Draw(r, "user")
		c := sessions[user]
		before, within := rapid.SliceOfN(rapid.Custom(drawDefinition), 0, 3).Draw(r, "before"), rapid.SliceOfN(rapid.Custom(drawDefinition), 1, 5).Draw(r, "within")
		// reset makes the state that the statements start from.
		reset := func() {
			observer.rows("DROP SCHEMA IF EXISTS s1, s2, s3")
			observer.rows("REVOKE CREATE ON DATABASE dev FROM ann; REVOKE CREATE ON DATABASE dev FROM bob; REVOKE CREATE ON DATABASE dev FROM PUBLIC")
			for _, g := range []string{"g1", "g2"} {
				_ = l.catalog.DeleteDatabase(context.Background(), g) // it may not be there
			}
			for _, sql := range before {
				_, _ = observer.try(sql) // those that fail leave nothing either
			}
		}
		reset()
		was := views(observer, true)
		// A statement that fails fails the transaction, so those are found first.
		var good []string
		for _, sql := range within {
			if _, err := c.try(sql); err == nil {
				good = append(good, sql)
			}
		}
		one := views(observer, true)

		reset()
		require.Equal(r, was, views(observer, true))
		c.rows("BEGIN")
		for _, sql := range within {
			if _, err := c.try(sql); err != nil {
				break
			}
		}
		require.Equal(r, was, views(observer, true), "nobody sees what is not committed: %s", within)
		c.rows("ROLLBACK")
		require.Equal(r, was, views(observer, true), "rolled back: %s", within)

		c.rows("BEGIN")
		for _, sql := range good {
			c.rows(sql)
		}
		own := views(c, false)
		c.rows("COMMIT")
		require.Equal(r, one, views(observer, true), "committed: %s", good)
		require.Equal(r, views(c, false), own, "the transaction saw what it would leave")
	})
}
