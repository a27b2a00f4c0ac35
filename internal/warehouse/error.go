package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/refract-io/refract/internal/aws/denial"
	"github.com/refract-io/refract/internal/platform/fault"
)

func alreadyExists(err error) bool {
	failed, ok := errors.AsType[*StatementError](err)
	return ok && strings.Contains(failed.Message, "already exists")
}

// classed gives a failure its class and says what to do about it.
func (c *Client) classed(ctx context.Context, op, object string, s *Schema, err error) error {
	if classed, ok := errors.AsType[*fault.Error](err); ok {
		// The credentials' own, or one of this package: it says what to do.
		return fmt.Errorf("%s %s: %w", op, object, classed)
	}
	if ctx.Err() != nil {
		return fault.New(fault.Transient, op, object, ctx.Err(), "the warehouse may be resuming, or busy: it is tried again")
	}
	if failed, ok := errors.AsType[*StatementError](err); ok {
		return c.ofStatement(ctx, op, object, s, failed)
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		class, hint := c.ofCode(e.ErrorCode(), e.ErrorMessage())
		if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && class == fault.Bug && answer.HTTPStatusCode() >= 500 {
			class = fault.Transient // the service's own failure, whatever it calls it
		}
		return fault.New(class, op, object, &smithy.GenericAPIError{Code: e.ErrorCode(), Message: e.ErrorMessage()}, hint)
	}
	if e, ok := errors.AsType[smithy.InvalidParamsError](err); ok {
		return fault.New(fault.Setup, op, object, e, "")
	}
	return fault.New(fault.Transient, op, object, err, "")
}

// ofCode classes an exception of the Data API.
func (c *Client) ofCode(code, message string) (fault.Class, string) {
	switch code {
	case "AccessDeniedException", "AccessDenied":
		if strings.Contains(message, ":DescribeStatement") || strings.Contains(message, ":GetStatementResult") {
			return fault.Setup, "allow the action in the role's policy; a condition on redshift-data:statement-owner-iam-userid holds for one session name only"
		}
		return fault.Setup, "allow the action in the policy of the role that the exporter assumes"
	case "ResourceNotFoundException":
		if strings.Contains(message, "Query does not exist") {
			return fault.Transient, "the statement is no longer known: it is run again"
		}
		return fault.Setup, c.unknownTarget()
	case "ValidationException":
		if strings.Contains(message, "endpoint doesn't exist") || strings.Contains(message, "not found") {
			return fault.Setup, c.unknownTarget()
		}
		return fault.Setup, ""
	case "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException":
		return fault.Setup, denial.SignatureHint(message)
	case "ActiveStatementsExceededException", "ActiveSessionsExceededException", "ThrottlingException", "Throttling", "TooManyRequestsException",
		"RequestLimitExceeded", "InternalServerException", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException", "ExecuteStatementException",
		"DatabaseConnectionException", "QueryTimeoutException", "ExpiredTokenException", "RequestExpired", "UnknownError":
		return fault.Transient, ""
	}
	return fault.Bug, ""
}

func (c *Client) unknownTarget() string {
	if c.target.Cluster != "" {
		return "see whether there is a cluster " + c.target.Cluster + " in this account and region"
	}
	return "see whether there is a workgroup " + c.target.Workgroup + " in this account and region: an ARN ends with the workgroup's id, not its name"
}

// ofStatement classes what the warehouse says. It has no codes there, only texts.
func (c *Client) ofStatement(ctx context.Context, op, object string, s *Schema, failed *StatementError) error {
	message := failed.Message + "\n" + failed.Log
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(message, p) {
				return true
			}
		}
		return false
	}
	setup := func(hint string) error { return fault.New(fault.Setup, op, object, failed, hint) }
	switch {
	case failed.Aborted, has("timeout", "timed out", "canceled", "cancelled", "Connection refused", "connection limit", "resum", "is shutting down", "Serializable isolation violation"):
		return fault.New(fault.Transient, op, object, failed, "")
	case has("permission denied for database"):
		return setup(c.grantCreate(ctx))
	case has("permission denied for schema", "must be owner of"):
		return setup("the schema is another user's: let its owner grant the usage, or drop it so that it is made anew")
	case has("is not authorized to assume IAM Role", "Not authorized to get credentials of role"):
		return setup("associate " + s.Role + " with the namespace or cluster, and let its trust policy name redshift.amazonaws.com in a statement without an sts:ExternalId condition")
	case has("Lake Formation", "lakeformation:"):
		return setup("grant " + s.Role + " DESCRIBE and SELECT on the tables of " + s.Database + " in Lake Formation, and allow lakeformation:GetDataAccess")
	case has("glue:"):
		return setup("allow the action on the catalog, the database " + s.Database + " and its tables in the policy of " + s.Role)
	case has("KMS", "kms:"):
		return setup("allow kms:Decrypt on the bucket's key in the policy of " + s.Role)
	case has("s3:", "S3ServiceException", "AccessDenied", "Access Denied"):
		return setup("allow s3:GetObject on the pipeline's objects and s3:ListBucket on the bucket in the policy of " + s.Role + "; the bucket must be in the warehouse's region")
	case has("password authentication failed"):
		return setup("see whether the secret has the user's current password")
	case has("does not exist"):
		return setup(c.missing(message))
	}
	return fault.New(fault.Bug, op, object, failed, "")
}

func (c *Client) missing(message string) string {
	switch {
	case strings.Contains(message, "user "):
		return "a user of an IAM identity comes into being at its first connection: let the user connect once, or create it"
	case strings.Contains(message, "database "):
		return "create the database " + c.target.Database + ", or name another one"
	}
	return ""
}

// grantCreate is what an administrator must run. Asking who one is costs a statement, but the user of an identity can't be known otherwise.
func (c *Client) grantCreate(ctx context.Context) string {
	user := c.target.DBUser
	if rows, err := c.Query(ctx, "SELECT current_user"); err == nil && len(rows) == 1 {
		user = rows[0][0]
	}
	if user == "" {
		return "let an administrator of the warehouse run " + GrantCreate(c.target.Database, "IAMR:<role name>")
	}
	hint := "let an administrator of the warehouse run " + GrantCreate(c.target.Database, user)
	if strings.HasPrefix(user, "IAM") {
		hint += "; that user came into being with this connection, so it could not be done before"
	}
	return hint
}
