package warehouse

import (
	"errors"
	"strings"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Identifier quotes a name of any characters.
func Identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal quotes a text without backslashes, which Redshift takes as escapes or as themselves, as the session is set.
func Literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// GrantCreate is what an administrator of a database runs to let a user create external schemas in it.
func GrantCreate(database, user string) string {
	return "GRANT CREATE ON DATABASE " + Identifier(database) + " TO " + Identifier(user)
}

// check refuses what cannot be written safely, or not at all. Names and literals of definitions can't be parameters.
func (s *Schema) check() error {
	const op = "attaching the external schema"
	required := []struct{ what, value string }{{"a name", s.Name}, {"a Glue database", s.Database}, {"a role that Redshift reads with", s.Role}}
	for _, r := range required {
		if r.value == "" {
			return fault.New(fault.Setup, op, s.Name, errors.New("it needs "+r.what), "name it in the pipeline's settings")
		}
	}
	for _, value := range append([]string{s.Name, s.Database, s.Region, s.Role, s.Table}, s.GrantUsage...) {
		if strings.ContainsAny(value, "\\\x00\r\n") || len(value) > 2048 {
			return fault.New(fault.Setup, op, s.Name, errors.New("a name has a backslash or a line break, or is too long"), "name it without")
		}
	}
	return nil
}

// create is the statement that makes the schema. The Glue database is the exporter's to make, not the warehouse's.
func (s *Schema) create() string {
	sql := "CREATE EXTERNAL SCHEMA IF NOT EXISTS " + Identifier(s.Name) + " FROM DATA CATALOG DATABASE " + Literal(s.Database)
	if s.Region != "" {
		sql += " REGION " + Literal(s.Region)
	}
	return sql + " IAM_ROLE " + Literal(s.Role)
}
