package engine

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// HasPrivilege implements rsql.Privileges.
func (n *names) HasPrivilege(kind, user, object, privilege string) (bool, error) {
	if user == "" {
		user = n.session.user.Name
	}
	return n.session.hasPrivilege(n.ctx, kind, user, object, privilege)
}

// hasPrivilege answers has_database_privilege and its kin. object is a name, or the number of a schema or table.
func (s *Session) hasPrivilege(ctx context.Context, kind, user, object, privilege string) (bool, error) {
	u, err := s.engine.user(ctx, user)
	if errors.Is(err, pgwire.ErrNoUser) {
		return false, failure(rsql.StateUndefinedObject, "user \"%s\" does not exist", user)
	}
	if err != nil {
		return false, err
	}
	privilege, _, _ = strings.Cut(strings.ToLower(privilege), " with grant option")
	if privilege == "temp" {
		privilege = "temporary"
	}
	switch kind {
	case "database":
		return s.hasDatabasePrivilege(ctx, u, object, privilege)
	case "schema":
		return s.hasSchemaPrivilege(ctx, u, object, privilege)
	}
	objects, err := s.objects(ctx)
	if err != nil {
		return false, err
	}
	_, name, qualified := strings.Cut(object, ".")
	if !qualified {
		name = object
	}
	for _, o := range objects {
		if strconv.FormatInt(o.oid, 10) != object && (o.name != strings.ToLower(name) || qualified && o.namespace.name+"."+o.name != strings.ToLower(object)) {
			continue
		}
		if o.namespace.external == nil {
			return privilege == "select" || u.Superuser, nil
		}
		has, err := s.hasSchemaPrivilege(ctx, u, o.namespace.name, "usage")
		return has && privilege == "select" || u.Superuser, err
	}
	return false, failure(rsql.StateUndefinedTable, "relation \"%s\" does not exist", object)
}

func (s *Session) hasDatabasePrivilege(ctx context.Context, u *User, name, privilege string) (bool, error) {
	all, err := s.engine.databases(ctx)
	if err != nil {
		return false, err
	}
	found, ok := findDatabase(all, name)
	if !ok {
		return false, failure(rsql.StateUndefinedDatabase, "database \"%s\" does not exist", name)
	}
	// PUBLIC has TEMPORARY on every database unless it is revoked, which the engine doesn't record.
	if u.Superuser || privilege == "temporary" {
		return true, nil
	}
	return s.holds(ctx, u, found, "", privilege)
}

func (s *Session) hasSchemaPrivilege(ctx context.Context, u *User, object, privilege string) (bool, error) {
	spaces, err := s.namespaces(ctx)
	if err != nil {
		return false, err
	}
	for _, n := range spaces {
		if n.name != strings.ToLower(object) && strconv.FormatInt(n.oid, 10) != object {
			continue
		}
		if n.external == nil {
			return privilege == "usage" || u.Superuser, nil
		}
		if u.Superuser || strings.EqualFold(n.owner, u.Name) {
			return true, nil
		}
		return s.holds(ctx, u, s.database, n.name, privilege)
	}
	return false, failure(rsql.StateUndefinedSchema, "schema \"%s\" does not exist", object)
}
