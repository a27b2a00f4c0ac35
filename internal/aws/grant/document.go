package grant

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Document is an IAM policy, with members in the order in which AWS writes them.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one rule of a document. Trust policies have a Principal and no Resource, others the reverse.
type Statement struct {
	Sid       string     `json:",omitempty"`
	Effect    string     `json:"Effect"`
	Principal *Principal `json:",omitempty"`
	Action    Texts      `json:"Action"`
	Resource  Texts      `json:",omitempty"`
	Condition Conditions `json:",omitempty"`
}

// Principal is whom a trust policy lets in.
type Principal struct {
	AWS     Texts `json:",omitempty"`
	Service Texts `json:",omitempty"`
}

// Conditions hold values by operator and condition key.
type Conditions map[string]map[string]Texts

// Texts is one text or a list of them, which IAM writes without brackets if it is one.
type Texts []string

// MarshalJSON writes one text without brackets.
func (t Texts) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return compact(t[0])
	}
	return compact([]string(t))
}

// UnmarshalJSON reads either form.
func (t *Texts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = Texts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

func document(statements ...Statement) Document {
	return Document{Version: "2012-10-17", Statement: statements}
}

// Text returns the document as indented JSON that ends in a newline. IAM's texts are not HTML: < and & stay.
func (d *Document) Text() string { return indented(d) }

// Text returns the statement as indented JSON, to paste into a document's list.
func (s *Statement) Text() string { return indented(s) }

func indented(v any) string {
	raw, err := compact(v)
	if err != nil {
		panic(err) // texts and maps of texts always have a JSON form
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		panic(err)
	}
	return b.String()
}

func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// allowing returns the statement that allows the action, reduced to it.
func (d *Document) allowing(action string) (Statement, bool) {
	for _, s := range d.Statement {
		if slices.Contains(s.Action, action) {
			s.Action = Texts{action}
			return s, true
		}
	}
	return Statement{}, false
}
