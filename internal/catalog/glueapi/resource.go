package glueapi

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

// Resources are named as in "Specifying AWS Glue resource ARNs": an operation needs the permission on the resource and on all of
// its ancestors, and one that lists or deletes what a resource holds on all of that too, which "*" stands for.

func (s *server) arn(resource string) string {
	return "arn:" + s.Partition + ":glue:" + s.Region + ":" + s.Account + ":" + resource
}

func (s *server) catalogARN() []string { return []string{s.arn("catalog")} }

func (s *server) databaseARN(database string) []string {
	return append(s.catalogARN(), s.arn("database/"+strings.ToLower(database)))
}

func (s *server) tableARN(database string, tables ...string) []string {
	arns := s.databaseARN(database)
	for _, table := range tables {
		arns = append(arns, s.arn("table/"+strings.ToLower(database)+"/"+strings.ToLower(table)))
	}
	return arns
}

// member is a required member of a request: a name of something.
type member struct{ name, value string }

// check refuses a name that no resource can have.
func (m member) check() error {
	if m.value == "" {
		return missing(m.name)
	}
	return nameable(m.name, m.value)
}

// nameable refuses control characters, which names don't have and which a database may not take as text.
func nameable(member, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' }) {
		return invalid(fmt.Sprintf("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must not have control characters", member))
	}
	return nil
}

// missing refuses a request without a required member.
func missing(name string) error {
	return invalid(fmt.Sprintf("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must not be null", name))
}

// oneOf checks a member that may be left out.
func oneOf(name, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return invalid(fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
		value, name, strings.Join(allowed, ", ")))
}

// begin checks what every request has before anything else is done: the required names, the permission, and the catalog's id.
func (s *server) begin(ctx context.Context, action, catalogID string, resources []string, required ...member) error {
	for _, m := range required {
		if err := m.check(); err != nil {
			return err
		}
	}
	if err := s.auth.Authorize(ctx, "glue:"+action, resources); err != nil {
		return err
	}
	if catalogID != "" && catalogID != s.Account {
		return &catalog.Error{Code: catalog.ErrNotFound, Message: fmt.Sprintf("Catalog %s not found.", catalogID)}
	}
	return nil
}
