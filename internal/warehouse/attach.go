package warehouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Schema is an external schema as it is to be.
type Schema struct {
	Name string
	// Database is the Glue database, Region where its catalog is; "" is the warehouse's own region.
	Database, Region string
	// Role is the ARN of the role that Redshift reads with. It must be associated with the namespace or cluster.
	Role string
	// GrantUsage are the database users that may use the schema.
	GrantUsage []string
	// Table is the one that the smoke query reads; if there is none of the name, the first of the schema is.
	Table string
}

// Attachment is what was found and done.
type Attachment struct {
	// User is the database user of the connection, as the warehouse calls it.
	User string
	// Created is false if the schema was there already.
	Created bool
	// Tables is how many tables the role sees in the schema.
	Tables int
	// Table is the one that was read, Rows how many of its rows were seen: 1, or 0 for a table without rows.
	Table string
	Rows  int64
}

// Attach makes the schema, unless it is there, and proves that it can be read. It is idempotent, also when several do it at a time. Errors carry a
// class: setup says whose right is missing, with the statement or policy that gives it; transient passes by itself.
func (c *Client) Attach(ctx context.Context, s Schema) (*Attachment, error) {
	if err := c.target.check(); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	found, err := c.schema(ctx, s.Name)
	if err != nil {
		return nil, c.classed(ctx, "looking for the external schema", s.Name, &s, err)
	}
	var out Attachment
	if found == nil {
		out.Created = true
		// Another one may be making it: that is no failure.
		if _, err := c.run(ctx, s.create()); err != nil && !alreadyExists(err) {
			return nil, c.classed(ctx, "creating the external schema", s.Name, &s, err)
		}
		if found, err = c.schema(ctx, s.Name); err != nil {
			return nil, c.classed(ctx, "looking for the external schema", s.Name, &s, err)
		}
	}
	if err := s.compare(found); err != nil {
		return nil, err
	}
	out.User = found.user
	for _, user := range s.GrantUsage {
		if _, err := c.run(ctx, "GRANT USAGE ON SCHEMA "+Identifier(s.Name)+" TO "+Identifier(user)); err != nil {
			return nil, c.classed(ctx, "granting usage of the external schema to", user, &s, err)
		}
	}
	return &out, c.prove(ctx, &s, &out)
}

// prove reads what readers will read.
func (c *Client) prove(ctx context.Context, s *Schema, out *Attachment) error {
	tables, err := c.Query(ctx, "SELECT tablename FROM svv_external_tables WHERE schemaname = :schema ORDER BY 1", "schema", strings.ToLower(s.Name))
	if err != nil {
		return c.classed(ctx, "listing the tables of the external schema", s.Name, s, err)
	}
	out.Tables = len(tables)
	named := slices.ContainsFunc(tables, func(row []string) bool { return strings.EqualFold(row[0], s.Table) })
	switch {
	case named || s.Table != "" && len(tables) == 0:
		// What a table that is not listed can't do is known best by reading it.
		out.Table = s.Table
	case len(tables) > 0:
		out.Table = tables[0][0]
	default:
		return fault.New(fault.Setup, "listing the tables of the external schema", s.Name, errors.New("no table is visible in it"),
			"allow glue:GetTables on the Glue database "+s.Database+" in the policy of "+s.Role+", or see whether the database has tables")
	}
	done, err := c.runLogged(ctx, "SELECT 1 FROM "+Identifier(s.Name)+"."+Identifier(out.Table)+" LIMIT 1")
	if err != nil {
		return c.classed(ctx, "reading the external table", s.Name+"."+out.Table, s, err)
	}
	out.Rows = done.ResultRows
	return nil
}

// existing is a schema as svv_external_schemas has it, and the user who asked.
type existing struct {
	database, role, region, user string
}

// schema returns the schema of the name, or nil. The view shows all of them to everybody.
func (c *Client) schema(ctx context.Context, name string) (*existing, error) {
	rows, err := c.Query(ctx, "SELECT databasename, esoptions, current_user::varchar FROM svv_external_schemas WHERE schemaname = :schema", "schema", strings.ToLower(name))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var options struct {
		Role   string `json:"IAM_ROLE"`
		Region string `json:"REGION"`
	}
	if err := json.Unmarshal([]byte(rows[0][1]), &options); err != nil {
		return nil, fault.New(fault.Bug, "reading the options of the external schema", name, fmt.Errorf("%q: %w", rows[0][1], err), "")
	}
	return &existing{strings.TrimSpace(rows[0][0]), options.Role, options.Region, rows[0][2]}, nil
}

// compare refuses a schema that is another one: IF NOT EXISTS leaves it as it is. Redshift may leave a region out that is its own.
func (s *Schema) compare(found *existing) error {
	const op = "attaching the external schema"
	if found == nil {
		return fault.New(fault.Transient, op, s.Name, errors.New("it was created and is not there: somebody drops it at the same time"), "")
	}
	var differs string
	switch {
	case !strings.EqualFold(found.database, s.Database):
		differs = fmt.Sprintf("it exists over the Glue database %q, not %q", found.database, s.Database)
	case found.role != s.Role:
		differs = fmt.Sprintf("it exists with the role %q, not %q", found.role, s.Role)
	case found.region != "" && s.Region != "" && found.region != s.Region:
		differs = fmt.Sprintf("it exists over a catalog in %s, not in %s", found.region, s.Region)
	default:
		return nil
	}
	return fault.New(fault.Setup, op, s.Name, errors.New(differs),
		"if it may go, run DROP SCHEMA "+Identifier(s.Name)+" (without DROP EXTERNAL DATABASE, which deletes the Glue database) and it is made anew; or name another schema in the pipeline's redshift_schema")
}
