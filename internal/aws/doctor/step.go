package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/grant"
)

// add appends a check. A second one on the same matter, which a denial of another action can cause, is left out.
func (e *examination) add(c Check) {
	same := func(have Check) bool { return have.Area == c.Area && have.Name == c.Name }
	if !slices.ContainsFunc(e.checks, same) {
		e.checks = append(e.checks, c)
	}
}

// replace appends a check, in the place of one on the same matter that passed.
func (e *examination) replace(c Check) {
	e.checks = slices.DeleteFunc(e.checks, func(have Check) bool { return have.Area == c.Area && have.Name == c.Name && have.Status == Passed })
	e.add(c)
}

func (e *examination) skip(area, name, why string) {
	e.add(Check{Area: area, Name: name, Status: Skipped, Detail: why})
}

// ok reports whether the check of this name passed.
func (e *examination) ok(area, name string) bool {
	return slices.ContainsFunc(e.checks, func(c Check) bool { return c.Area == area && c.Name == name && c.Status == Passed })
}

// call runs fn with its share of time and returns how long it took.
func (e *examination) call(ctx context.Context, fn func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	began := time.Now()
	err := fn(ctx)
	return time.Since(began), err
}

// whole lets a call that makes something end although ctx has: a call that is given up may take effect after the clean-up.
func (e *examination) whole(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.Timeout)
	defer cancel()
	return fn(ctx)
}

// perform does what needs an action, and tells whether the action is allowed. Answers with one of the codes come after AWS has
// looked at the permission: they are no denials, and no errors here. When AWS denies another action that the call needs too, such as a
// key's, this one is allowed and the other one has a line of its own.
func (e *examination) perform(ctx context.Context, use grant.Use, action string, fn func(context.Context) error, codes ...string) error {
	took, err := e.call(ctx, fn)
	c := Check{Area: string(use), Name: action, Status: Passed, Milliseconds: took.Milliseconds()}
	answer, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
	case answered && slices.Contains(codes, answer.ErrorCode()):
		err = nil
	default:
		e.judge(&c, use, action, err)
	}
	if c.Name != action {
		e.add(Check{Area: c.Area, Name: action, Status: Passed, Detail: c.Name + " is what is denied"})
	}
	e.add(c)
	return err
}

// take makes the diagnosis the check's end.
func (c *Check) take(d diagnosis) {
	c.Status, c.Detail, c.Cause, c.Remedy = d.status, "", d.cause, d.remedy
}

// fail appends a check that ends with the error, which is about no single action.
func (e *examination) fail(area, name string, took time.Duration, err error) {
	c := Check{Area: area, Name: name, Milliseconds: took.Milliseconds()}
	c.take(diagnose(err))
	e.add(c)
}

// judge turns an error into the check's end.
func (e *examination) judge(c *Check, use grant.Use, action string, err error) {
	d := diagnose(err)
	c.take(d)
	if !d.denied {
		return
	}
	if d.Action != "" {
		c.Name, action = d.Action, d.Action
	}
	c.Role = e.role(use)
	if d.LakeFormation {
		return
	}
	who := "the exporter's own credentials"
	if c.Role != "" {
		who = "the role " + roleName(c.Role)
	}
	c.Cause = fmt.Sprintf("%s may not do %s: %s", who, action, d.cause)
	missing, ok := e.settings.Missing(use, action)
	switch {
	case d.Explicit != "":
		c.Remedy = "an explicit deny wins over every allow: find it in the " + d.Explicit + " and except this role from it"
	case d.Elsewhere != "":
		c.Remedy = "the role's own policies are not enough: the " + d.Elsewhere + " must allow it too"
	case !ok:
		c.Remedy = "allow the action in its policy"
	case strings.HasPrefix(action, "kms:"):
		c.Remedy = "add the statement to its policy; the key's own policy must let the role's account use the key"
	default:
		c.Remedy = "add the statement to its policy"
	}
	if ok && d.Explicit == "" {
		c.Missing = &missing
	}
}

func roleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// soften turns the failure of a check that the pipeline can do without into a warning.
func (e *examination) soften(name, without string) {
	for i := range e.checks {
		if c := &e.checks[i]; c.Name == name && c.Status == Failed {
			c.Status, c.Cause = Warned, c.Cause+"; without it "+without
		}
	}
}
