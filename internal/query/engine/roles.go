package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Roles evaluates the IAM roles of external schemas, as Redshift assumes them to read. It is safe for concurrent use. Refusals are
// *policy.DeniedError, and *NotAssumableError for a role that does not exist or does not trust Redshift.
type Roles interface {
	// Glue reports whether the role may do an action, "GetTable", on a table of the catalog and on what holds it. An empty table is the database itself.
	Glue(ctx context.Context, role, action, database, table string) error
	// S3 reports whether the role may list the keys of a bucket that begin with a prefix ("ListBucket"), or read an object ("GetObject").
	S3(ctx context.Context, role, action, bucket, key string) error
}

// NotAssumableError is a role that Redshift can't assume.
type NotAssumableError struct {
	// User is the warehouse's user as AWS names it, arn:aws:redshift:R:A:dbuser:C/U.
	User, Role string
}

// Error is Redshift's text.
func (e *NotAssumableError) Error() string {
	return fmt.Sprintf("User %s is not authorized to assume IAM Role %s", e.User, e.Role)
}

// Role is the role that a schema's tables are read with: an ARN, or what stands for an identity that is not here (default, SESSION) and
// is not evaluated, or "" for a schema that the administrator attached without one.
func (s *ExternalSchema) Role() string {
	var options struct {
		Role string `json:"IAM_ROLE"`
	}
	if err := json.Unmarshal([]byte(s.Options), &options); err != nil {
		return ""
	}
	return options.Role
}

// roleMay asks for an action of a role on a table, or on a database for an empty one. What is no role, or nobody to ask, allows everything.
func (e *Engine) roleMay(ctx context.Context, role, action, database, table string) error {
	if e.roles == nil || !strings.HasPrefix(role, "arn:") {
		return nil
	}
	if strings.Contains(role, ",") {
		return failure(rsql.StateFeatureNotSupported, "chained roles are not supported yet: %s", role)
	}
	return roleError(e.roles.Glue(ctx, role, action, strings.ToLower(database), strings.ToLower(table)), role)
}

// roleReads asks for the reading of the objects that a scan has found.
func (e *Engine) roleReads(ctx context.Context, role string, slices []slice, files []dataFile) error {
	if e.roles == nil || !strings.HasPrefix(role, "arn:") {
		return nil
	}
	for i := range slices {
		name, prefix, ok := splitLocation(slices[i].descriptor.Location)
		if !ok {
			continue // the listing says so
		}
		if err := roleError(e.roles.S3(ctx, role, "ListBucket", name, prefix), role); err != nil {
			return err
		}
	}
	for i := range files {
		name, key, _ := strings.Cut(strings.TrimPrefix(files[i].location(), "s3://"), "/")
		if err := roleError(e.roles.S3(ctx, role, "GetObject", name, key), role); err != nil {
			return err
		}
	}
	return nil
}

// roleError gives a refusal the form in which Redshift reports it.
func roleError(err error, role string) error {
	const rule = "  -----------------------------------------------\n"
	if refused, ok := errors.AsType[*NotAssumableError](err); ok {
		return &rsql.Error{
			SQLState: rsql.StateInternal, Message: refused.Error(),
			Detail: "\n" + rule + "  error:  " + refused.Error() + "\n  code:      8001\n  context:   IAM Role=" + role + "\n" + rule,
		}
	}
	denied, ok := errors.AsType[*policy.DeniedError](err)
	switch {
	case !ok:
		return err
	case strings.HasPrefix(denied.Action, "s3:"):
		return spectrumError("S3ServiceException:" + denied.Error() + ",Status 403,Error AccessDenied")
	}
	return &rsql.Error{SQLState: rsql.StateInsufficientPriv, Message: denied.Error()}
}
