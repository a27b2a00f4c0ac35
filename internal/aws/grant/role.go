package grant

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Form is how wide the documents are.
type Form uint8

const (
	// Narrowed is what the exporter does and nothing else.
	Narrowed Form = iota
	// Documented is what Mixpanel's guides print.
	Documented
)

// Use is what a role is for.
type Use string

// The three roles that a pipeline can have. One role may have several uses.
const (
	UseS3       Use = "s3"
	UseGlue     Use = "glue"
	UseRedshift Use = "redshift"
)

// Policy is a named document.
type Policy struct {
	// Name is the policy's name within its role.
	Name string
	// Text is the document as IAM takes it.
	Text string
	// Document is the same, read.
	Document Document
}

// MarshalJSON writes the document as its text has it.
func (p Policy) MarshalJSON() ([]byte, error) {
	return compact(struct {
		Name     string          `json:"name"`
		Document json.RawMessage `json:"document"`
	}{p.Name, json.RawMessage(p.Text)})
}

// Role is a role with the documents that belong to it.
type Role struct {
	// ARN is empty for a role that is yet to be created.
	ARN string `json:"arn,omitempty"`
	// Name is the ARN's, or a name for the role to be created.
	Name string `json:"name"`
	// Path is the ARN's, "/" by default.
	Path     string   `json:"path"`
	Uses     []Use    `json:"uses"`
	Trust    Policy   `json:"trust"`
	Policies []Policy `json:"policies"`
}

// exporterPlaceholder stands for an exporter that is not known.
const exporterPlaceholder = "<EXPORTER_ARN>"

//go:embed documented/*.json
var documented embed.FS

// Roles returns the pipeline's roles, those of equal ARN as one, in the order S3, Glue, Redshift. Settings must have been checked.
func (s *Settings) Roles(form Form) []Role {
	var roles []Role
	add := func(use Use, arn string, policies ...Policy) {
		i := slices.IndexFunc(roles, func(r Role) bool { return arn != "" && r.ARN == arn })
		if i < 0 {
			i = len(roles)
			roles = append(roles, s.newRole(use, arn))
		}
		r := &roles[i]
		r.Uses = append(r.Uses, use)
		r.Policies = append(r.Policies, policies...)
	}
	add(UseS3, s.S3.Role, s.policiesS3(form)...)
	if s.Glue != nil {
		add(UseGlue, s.Glue.Role, s.policiesGlue(form)...)
	}
	if s.Redshift != nil {
		add(UseRedshift, s.Redshift.Role, s.policiesRedshift(form)...)
	}
	for i := range roles {
		roles[i].Trust = s.trust(form, roles[i].Uses)
	}
	return roles
}

// RoleName is the name of a role that is yet to be created: the project's, so that its pipelines have one role for a use.
func RoleName(project int64, use Use) string {
	if project == 0 {
		return "refract-" + string(use)
	}
	return fmt.Sprintf("refract-%d-%s", project, use)
}

func (s *Settings) newRole(use Use, arn string) Role {
	r := Role{ARN: arn, Path: "/"}
	if arn == "" {
		r.Name = RoleName(s.Project, use)
		return r
	}
	r.Name = arn[strings.LastIndexByte(arn, '/')+1:]
	_, rest, _ := strings.Cut(arn, ":role")
	r.Path = strings.TrimSuffix(rest, r.Name)
	return r
}

func narrowed(name string, d Document) Policy { return Policy{name, d.Text(), d} }

// published returns one of the guides' documents with its placeholders filled in.
func (s *Settings) published(name, file string) Policy {
	raw, err := documented.ReadFile("documented/" + file + ".json")
	if err != nil {
		panic(err) // the file is part of this package
	}
	// What is put in has been checked to hold nothing that JSON escapes.
	text := strings.NewReplacer("<BUCKET_NAME>", s.S3.Bucket, "<KEY_ARN>", s.publishedKey(), "<MIXPANEL_PROJECT_TOKEN>", s.ExternalID,
		exporterPlaceholder, cmp.Or(s.Exporter, exporterPlaceholder)).Replace(string(raw))
	p := Policy{Name: name, Text: text}
	if err := json.Unmarshal([]byte(text), &p.Document); err != nil {
		panic(err)
	}
	return p
}

func (s *Settings) publishedKey() string {
	if !s.customKey() {
		return ""
	}
	return s.keyARN()
}

func (s *Settings) policiesS3(form Form) []Policy {
	if form == Documented {
		list := []Policy{s.published("refract-s3", "s3")}
		if s.customKey() {
			list = append(list, s.published("refract-kms", "kms"))
		}
		return list
	}
	list := []Policy{narrowed("refract-s3", s.writing())}
	if s.customKey() {
		list = append(list, narrowed("refract-kms", s.key("kms:GenerateDataKey", "kms:Decrypt")))
	}
	return list
}

func (s *Settings) policiesGlue(form Form) []Policy {
	if form == Narrowed {
		return []Policy{narrowed("refract-glue", s.catalog())}
	}
	file := "glue-json"
	switch {
	case s.Glue.Unpartitioned:
		file = "glue-schematized"
	case s.Schematized:
		file = "glue-schematized-partitioned"
	}
	return []Policy{s.published("refract-glue", file)}
}

func (s *Settings) policiesRedshift(form Form) []Policy {
	if form == Documented {
		return []Policy{s.published("refract-redshift", "redshift")}
	}
	return []Policy{narrowed("refract-redshift-data", s.statements()), narrowed("refract-spectrum", s.spectrum())}
}

// trust says who may assume a role: the exporter with the external ID, and for a warehouse Redshift itself, in a statement of its
// own. Redshift sends another external ID (the ARN of its database user), so one condition over both locks it out.
func (s *Settings) trust(form Form, uses []Use) Policy {
	warehouse := slices.Contains(uses, UseRedshift)
	if form == Documented {
		switch {
		case warehouse:
			return s.published("trust", "trust-redshift")
		case slices.Contains(uses, UseS3):
			return s.published("trust", "trust-external-id")
		}
		return s.published("trust", "trust")
	}
	d := document(Statement{
		Sid: "RefractExporter", Effect: "Allow", Principal: &Principal{AWS: Texts{cmp.Or(s.Exporter, exporterPlaceholder)}}, Action: Texts{"sts:AssumeRole"},
		Condition: Conditions{"StringEquals": {"sts:ExternalId": {s.ExternalID}}},
	})
	if warehouse {
		d.Statement = append(d.Statement, Statement{
			Sid: "RefractRedshift", Effect: "Allow", Principal: &Principal{Service: Texts{"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}}, Action: Texts{"sts:AssumeRole"},
		})
	}
	return narrowed("trust", d)
}

// Missing returns the statement of the narrowed documents that allows the action to the role of this use, reduced to that action.
// ok is false if no document has it.
func (s *Settings) Missing(use Use, action string) (missing Statement, ok bool) {
	for _, r := range s.Roles(Narrowed) {
		if !has(r, use) {
			continue
		}
		for _, p := range r.Policies {
			if missing, ok = p.Document.allowing(action); ok {
				return missing, true
			}
		}
	}
	return Statement{}, false
}
