package policy

import (
	"fmt"
	"slices"
	"strings"
)

// condition is one key of a Condition element with one operator. Several values are alternatives; several conditions must all hold.
type condition struct {
	key      string // lower case
	values   []string
	operator operator
	ifExists bool
	set      string // "", foranyvalue or forallvalues
}

// operator compares one value of the request with one of the policy. Negated ones hold if no value of the policy compares.
type operator struct {
	compare func(value string, p pattern, text string) bool
	negated bool
	null    bool
}

var operators = map[string]operator{
	"stringequals":              {compare: equals},
	"stringnotequals":           {compare: equals, negated: true},
	"stringequalsignorecase":    {compare: equalsFold},
	"stringnotequalsignorecase": {compare: equalsFold, negated: true},
	"stringlike":                {compare: like},
	"stringnotlike":             {compare: like, negated: true},
	"bool":                      {compare: equalsFold},
	"null":                      {null: true},
	// ArnEquals and ArnLike behave identically.
	"arnequals":    {compare: likeARN},
	"arnlike":      {compare: likeARN},
	"arnnotequals": {compare: likeARN, negated: true},
	"arnnotlike":   {compare: likeARN, negated: true},
}

// knownKeys are the condition keys of S3 and KMS that the services here give to requests, in lower case. Another one would count as absent in
// every request, so that a statement would apply where AWS's doesn't, or the other way round.
var knownKeys = []string{
	"s3:prefix", "s3:delimiter", "s3:max-keys", "s3:versionid",
	"s3:x-amz-acl", "s3:x-amz-metadata-directive", "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id",
	"s3:x-amz-storage-class", "s3:if-none-match",
	"kms:calleraccount", "kms:encryptioncontextkeys", "kms:requestalias", "kms:resourcealiases", "kms:viaservice",
}

const encryptionContext = "kms:encryptioncontext:" // and the name of one of its pairs

// known reports whether requests have a key if AWS's have it. Keys of other services, and those of all (aws:), are their own matter.
func known(key string) bool {
	return !strings.HasPrefix(key, "s3:") && !strings.HasPrefix(key, "kms:") || slices.Contains(knownKeys, key) ||
		strings.HasPrefix(key, encryptionContext) && key != encryptionContext
}

func equals(value string, _ pattern, text string) bool     { return value == text }
func equalsFold(value string, _ pattern, text string) bool { return strings.EqualFold(value, text) }
func like(value string, p pattern, _ string) bool          { return p.matches(value) }
func likeARN(value string, p pattern, _ string) bool       { return p.matchesARN(value) }

func parseConditions(j map[string]map[string]texts) ([]condition, error) {
	var out []condition
	for name, keys := range j {
		set, rest, qualified := strings.Cut(strings.ToLower(name), ":")
		if !qualified {
			set, rest = "", set
		} else if set != "foranyvalue" && set != "forallvalues" {
			return nil, fmt.Errorf("the condition operator %q is not supported", name)
		}
		rest, ifExists := strings.CutSuffix(rest, "ifexists")
		op, ok := operators[rest]
		if !ok || op.null && (ifExists || qualified) {
			return nil, fmt.Errorf("the condition operator %q is not supported", name)
		}
		for key, values := range keys {
			if !known(strings.ToLower(key)) {
				return nil, fmt.Errorf("the condition key %s is not supported", key)
			}
			if len(values) == 0 {
				return nil, fmt.Errorf("the condition %s on %s has no value", name, key)
			}
			for _, value := range values {
				if (op.null || rest == "bool") && !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
					return nil, fmt.Errorf("the value %q of the condition %s on %s is not true or false", value, name, key)
				}
			}
			out = append(out, condition{strings.ToLower(key), values, op, ifExists, set})
		}
	}
	// The order of a JSON object's members says nothing; one order makes evaluation repeatable.
	slices.SortFunc(out, func(a, b condition) int { return strings.Compare(a.key, b.key) })
	return out, nil
}

func (c *condition) holds(context map[string][]string, variables bool) bool {
	given := context[c.key]
	if c.operator.null {
		return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, "true") == (len(given) == 0) })
	}
	if len(given) == 0 {
		// "If the key is not present": negated operators hold, as does every value of none.
		return c.ifExists || c.set == "forallvalues" || c.operator.negated && c.set != "foranyvalue"
	}
	holds := func(value string) bool { return c.operator.negated != c.comparesAny(value, context, variables) }
	if c.set == "forallvalues" || c.set == "" && c.operator.negated {
		return !slices.ContainsFunc(given, func(v string) bool { return !holds(v) })
	}
	return slices.ContainsFunc(given, holds)
}

// comparesAny reports whether the value compares with any of the policy's. One with a variable that has no value compares with none.
func (c *condition) comparesAny(value string, context map[string][]string, variables bool) bool {
	for _, text := range c.values {
		p, ok := compile(text, context, variables)
		if ok && c.operator.compare(value, p, p.literal()) {
			return true
		}
	}
	return false
}

// literal returns the pattern's text with its wildcards as the characters that they are in operators without wildcards.
func (p pattern) literal() string {
	var b strings.Builder
	for _, e := range p {
		switch e.kind {
		case run:
			b.WriteByte('*')
		case one:
			b.WriteByte('?')
		default:
			b.WriteRune(e.char)
		}
	}
	return b.String()
}
