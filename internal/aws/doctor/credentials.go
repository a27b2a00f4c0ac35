package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/grant"
)

// credentials finds out who the exporter is. Without an answer there is nothing to examine.
func (e *examination) credentials(ctx context.Context) bool {
	var who *sts.GetCallerIdentityOutput
	took, err := e.call(ctx, func(ctx context.Context) error {
		api, err := e.sts(ctx)
		if err == nil {
			who, err = api.GetCallerIdentity(ctx, nil)
		}
		return err
	})
	const name = "whose they are"
	if err != nil {
		e.fail("credentials", name, took, err)
		return false
	}
	arn := aws.ToString(who.Arn)
	c := Check{Area: "credentials", Name: name, Status: Passed, Detail: arn, Milliseconds: took.Milliseconds()}
	if strings.HasSuffix(arn, ":root") {
		c.Status, c.Cause, c.Remedy = Warned, "they are the account's root user's, who may do everything", "make a user or role for the exporter"
	}
	e.add(c)
	// What no role's ARN tells is in the exporter's own account.
	e.settings.Account = cmp.Or(e.settings.Account, aws.ToString(who.Account))
	if e.settings.Exporter == "" {
		e.settings.Exporter = Exporter(arn)
	}
	return true
}

// Exporter returns the ARN that a trust policy names for a caller: of a session its role's, whose path the session doesn't tell.
func Exporter(caller string) string {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) != 6 || parts[2] != "sts" {
		return caller
	}
	session := strings.Split(parts[5], "/")
	if len(session) != 3 || session[0] != "assumed-role" {
		return caller
	}
	return "arn:" + parts[1] + ":iam::" + parts[4] + ":role/" + session[1]
}

func (e *examination) sts(ctx context.Context) (*sts.Client, error) {
	cfg, err := e.Config(ctx, "", e.settings.S3.Region)
	if err != nil {
		return nil, err
	}
	return sts.NewFromConfig(cfg), nil
}

// roles tries to assume every role, also with a wrong external ID and without one, which must be refused. It returns whether the
// roles can be used; "" are the exporter's own credentials.
func (e *examination) roles(ctx context.Context) map[string]bool {
	usable := map[string]bool{"": true}
	for _, r := range e.settings.Roles(grant.Narrowed) {
		if r.ARN == "" {
			e.skip("roles", "assume a role for "+uses(r), "the pipeline names none: the exporter's own credentials are used")
			continue
		}
		if ctx.Err() != nil {
			return usable
		}
		usable[r.ARN] = e.assume(ctx, r)
	}
	return usable
}

func uses(r grant.Role) string {
	var texts []string
	for _, use := range r.Uses {
		texts = append(texts, string(use))
	}
	return strings.Join(texts, " and ")
}

func (e *examination) assume(ctx context.Context, r grant.Role) bool {
	c := Check{Area: "roles", Name: "assume " + r.Name, Status: Passed, Detail: "for " + uses(r)}
	took, err := e.call(ctx, func(ctx context.Context) error { return e.tryAssume(ctx, r.ARN, e.settings.ExternalID) })
	c.Milliseconds = took.Milliseconds()
	wrong, none := "a wrong external ID for "+r.Name, "no external ID for "+r.Name
	if err != nil {
		d := diagnose(err)
		c.take(d)
		if d.denied {
			c.Role, c.Missing = r.ARN, &r.Trust.Document.Statement[0]
			c.Cause = fmt.Sprintf("%s may not assume the role with the project's token as external ID, or there is no such role: %s", e.settings.Exporter, d.cause)
			c.Remedy = "put the statement into the role's trust policy, and allow sts:AssumeRole on the role in the exporter's own policy"
		}
		e.add(c)
		e.skip("roles", wrong, "the role can't be assumed")
		e.skip("roles", none, "the role can't be assumed")
		return false
	}
	e.add(c)
	e.refused(ctx, r, wrong, "refract-doctor-"+rand.Text())
	e.refused(ctx, r, none, "")
	return true
}

// refused makes sure that the role is refused to whoever does not know the external ID. Only AccessDenied counts: a network that
// fails refuses nothing.
func (e *examination) refused(ctx context.Context, r grant.Role, name, externalID string) {
	took, err := e.call(ctx, func(ctx context.Context) error { return e.tryAssume(ctx, r.ARN, externalID) })
	c := Check{Area: "roles", Name: name, Status: Passed, Detail: "is refused", Milliseconds: took.Milliseconds()}
	answer, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		c.Status = Warned
		if slices.Contains(r.Uses, grant.UseS3) {
			// The guides print the condition for this role; those for Glue and Redshift have none in theirs.
			c.Status = Failed
		}
		c.Detail, c.Role, c.Missing = "is accepted", r.ARN, &r.Trust.Document.Statement[0]
		c.Cause = "the role has no condition on sts:ExternalId, so that anybody who can make this exporter use a role's ARN has it work on this account (the confused deputy)"
		c.Remedy = "put the statement into the role's trust policy in the place of the one without the condition"
	case answered && isDenied(answer.ErrorCode(), 0):
	default:
		d := diagnose(err)
		c.Status, c.Detail, c.Cause, c.Remedy = Unclear, "", "whether it is refused can't be told: "+d.cause, d.remedy
	}
	e.add(c)
}

// leastSession is the shortest session that there is; nothing is done with it.
const leastSession = 900

func (e *examination) tryAssume(ctx context.Context, role, externalID string) error {
	api, err := e.sts(ctx)
	if err != nil {
		return err
	}
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &e.Session, DurationSeconds: aws.Int32(leastSession)}
	if externalID != "" {
		in.ExternalId = &externalID
	}
	_, err = api.AssumeRole(ctx, in)
	return err
}
