package grant

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Plan is what pipelines of one project need together, at least one. A role that several of them have gets the rights of all: IAM knows a
// role by its name, so that documents for one pipeline alone would take the rights of the others away.
type Plan []*Settings

// Roles returns the pipelines' roles in the order in which they come, each once: those of one ARN, or where it is not known yet of one name.
func (p Plan) Roles(form Form) []Role {
	var roles []Role
	for _, s := range p {
		for _, r := range s.Roles(form) {
			if i := slices.IndexFunc(roles, r.same); i < 0 {
				roles = append(roles, r)
			} else {
				roles[i].add(r, form)
			}
		}
	}
	for i := range roles {
		roles[i].Trust = p[0].trust(form, roles[i].Uses)
	}
	return roles
}

// same reports whether the other is the same role.
func (r Role) same(other Role) bool {
	return r.ARN == other.ARN && r.ARN != "" || (r.ARN == "" || other.ARN == "") && r.Name == other.Name
}

// add gives the role what the other one has.
func (r *Role) add(other Role, form Form) {
	if r.ARN == "" {
		r.ARN, r.Path = other.ARN, other.Path
	}
	for _, use := range other.Uses {
		if !has(*r, use) {
			r.Uses = append(r.Uses, use)
		}
	}
	for _, p := range other.Policies {
		i := slices.IndexFunc(r.Policies, func(have Policy) bool { return have.Name == p.Name })
		switch {
		case i < 0:
			r.Policies = append(r.Policies, p)
		case form == Narrowed:
			r.Policies[i] = narrowed(p.Name, r.Policies[i].Document.with(p.Document))
		case !slices.ContainsFunc(r.Policies, func(have Policy) bool { return have.Text == p.Text }):
			// The guides' documents stay as they are: one more.
			base := p.Name
			for n := 2; slices.ContainsFunc(r.Policies, func(have Policy) bool { return have.Name == p.Name }); n++ {
				p.Name = fmt.Sprintf("%s-%d", base, n)
			}
			r.Policies = append(r.Policies, p)
		}
	}
}

// Assuming is what the exporter's own identity needs: IAM asks both sides when they are in different accounts.
func (p Plan) Assuming(form Form) Policy {
	var arns Texts
	s := p[0]
	for _, r := range p.Roles(form) {
		account := cmp.Or(accountOf(r.ARN), s.Account, s.anyRole(), "*")
		arns = append(arns, "arn:"+partition(s.S3.Region)+":iam::"+account+":role"+r.Path+r.Name)
	}
	return narrowed("refract-assume", document(Statement{Sid: "RefractAssume", Effect: "Allow", Action: Texts{"sts:AssumeRole"}, Resource: arns}))
}

// GrantCreates are the statements that let the exporter's users create external schemas.
func (p Plan) GrantCreates() []string {
	var all []string
	for _, s := range p {
		if s.Redshift != nil && !slices.Contains(all, s.GrantCreate()) {
			all = append(all, s.GrantCreate())
		}
	}
	return all
}

// CheckAccounts says what account is not known that a document names. It is a setup error.
func (p Plan) CheckAccounts() error {
	for _, s := range p {
		if err := s.CheckAccounts(); err != nil {
			return err
		}
	}
	return nil
}

// whole is one pipeline's settings that stand for all in code, which can make their bucket and their database and tells a role for each use:
// these must be one.
func (p Plan) whole() (*Settings, error) {
	s := *p[0]
	names := []string{s.Pipeline}
	apart := ""
	for _, other := range p[1:] {
		names = append(names, other.Pipeline)
		s.Glue, s.Redshift = cmp.Or(s.Glue, other.Glue), cmp.Or(s.Redshift, other.Redshift)
		s.LakeFormation = s.LakeFormation || other.LakeFormation
		switch {
		case other.S3.Bucket != s.S3.Bucket:
			apart = "buckets"
		case other.Glue != nil && (!strings.EqualFold(other.Glue.Database, s.Glue.Database) || other.glueAccount() != s.glueAccount()):
			apart = "Glue databases"
		}
	}
	of := map[Use]int{}
	for _, r := range p.Roles(Narrowed) {
		for _, use := range r.Uses {
			if of[use]++; of[use] > 1 {
				apart = "roles for " + string(use)
			}
		}
	}
	s.Pipeline = strings.Join(names, ", ")
	if apart != "" {
		return nil, fault.New(fault.Setup, "planning pipelines", s.Pipeline, errors.New("they have different "+apart), "print them apart, or take the documents of `refract aws policies`")
	}
	return &s, nil
}

// with returns a document that allows what either allows, and nothing else.
func (d Document) with(other Document) Document {
	all := slices.Clone(d.Statement)
next:
	for _, s := range other.Statement {
		for i := range all {
			if joined, ok := all[i].with(s); ok {
				all[i] = joined
				continue next
			}
		}
		base := s.Sid
		for n := 2; slices.ContainsFunc(all, func(have Statement) bool { return have.Sid == s.Sid }); n++ {
			s.Sid = fmt.Sprint(base, n) // they are unique in a document
		}
		all = append(all, s)
	}
	return Document{d.Version, all}
}

// with returns the statement that allows what either does. There is one if they differ in one list only: of actions, of resources, or of a
// condition's values, which are alternatives under every operator that documents have here.
func (s Statement) with(other Statement) (Statement, bool) {
	if strings.TrimRight(s.Sid, "0123456789") != other.Sid || s.Effect != other.Effect || !reflect.DeepEqual(s.Principal, other.Principal) {
		return s, false
	}
	joined, differ := s, 0
	merge := func(a, b Texts) Texts {
		if slices.Equal(a, b) {
			return a
		}
		differ++
		all := slices.Clone(a)
		for _, text := range b {
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
		return all
	}
	joined.Action, joined.Resource = merge(s.Action, other.Action), merge(s.Resource, other.Resource)
	if len(s.Condition) != len(other.Condition) {
		return s, false
	}
	for operator, keys := range s.Condition {
		if len(keys) != len(other.Condition[operator]) {
			return s, false
		}
		for key, values := range keys {
			more, ok := other.Condition[operator][key]
			if !ok {
				return s, false
			}
			joined.Condition = joined.Condition.set(operator, key, merge(values, more))
		}
	}
	return joined, differ <= 1
}

// set returns the conditions with one key's values changed.
func (c Conditions) set(operator, key string, values Texts) Conditions {
	c = maps.Clone(c)
	c[operator] = maps.Clone(c[operator])
	c[operator][key] = values
	return c
}
