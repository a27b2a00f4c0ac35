// Package identity reads the file of an AWS-compatible endpoint's accounts: users with access keys, roles, keys of KMS and secrets. The
// file is YAML:
//
//	accounts:
//	  - id: "123456789012"
//	    users:
//	      - name: exporter
//	        access_keys:
//	          - {id: AKIAEXAMPLE, secret: text}   # or secret_file: path
//	        policies: [document, ...]
//	    roles:
//	      - name: lake-writer
//	        trust: document
//	        policies: [document, ...]
//	        max_session: 1h                       # 1h to 12h
//	    keys:
//	      - {alias: lake, id: uuid, description: text, enabled: true}
//	    secrets:
//	      - {name: shop/sql, value: text}         # or value_file: path
//
// A document is IAM's JSON: written as YAML, as a text that begins with a brace, or as the path of a file. Paths are relative to the
// file's folder. Keys and secrets belong to the account that the endpoint stands in for.
package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/refract-io/refract/internal/aws/kms"
	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/aws/secrets"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/fault"
)

// File is what a file says.
type File struct {
	Accounts []sts.Account
	Keys     []kms.Key
	Secrets  []secrets.Secret
}

// Load reads the file at path. home is the account that the endpoint stands in for. A failure is a setup error that wraps every mistake
// in the file (config.Problem).
func Load(path, home string) (*File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Setup, "reading the identities of aws.identities", path, err, "give the path of a readable file")
	}
	r := &reader{dir: filepath.Dir(path), name: filepath.Base(path), home: home, file: &File{}}
	r.read(content)
	if len(r.problems) > 0 {
		return nil, fault.New(fault.Setup, "reading the identities of aws.identities", path, errors.Join(r.problems...), "")
	}
	return r.file, nil
}

type reader struct {
	dir, name, home string
	file            *File
	problems        []error
}

func (r *reader) fail(n *yaml.Node, field, wrong, hint string) {
	r.problems = append(r.problems, config.Problem{Place: fmt.Sprintf("%s:%d", r.name, n.Line), Path: field, Wrong: wrong, Hint: hint})
}

func (r *reader) read(content []byte) {
	var document yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(content)).Decode(&document); err != nil {
		wrong := "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
		if errors.Is(err, io.EOF) {
			wrong = "is empty"
		}
		r.problems = append(r.problems, config.Problem{Place: r.name, Wrong: wrong, Hint: "write accounts: and a list below it"})
		return
	}
	var accounts *yaml.Node
	r.mapping(document.Content[0], "", members{"accounts": func(n *yaml.Node) { accounts = n }}, "accounts")
	seen := map[string]int{}
	r.list(accounts, "accounts", func(n *yaml.Node, at string) { r.account(n, at, seen) })
	if len(r.problems) == 0 {
		// What remains are names and keys that two have, which the authority sees.
		if _, err := sts.New(r.file.Accounts, nil); err != nil {
			r.problems = append(r.problems, config.Problem{Place: r.name, Wrong: err.Error()})
		}
	}
}

func (r *reader) account(n *yaml.Node, at string, seen map[string]int) {
	var a sts.Account
	var keys, secretList *yaml.Node
	r.mapping(n, at, members{
		"id": func(v *yaml.Node) {
			if a.ID = v.Value; len(a.ID) != 12 || strings.Trim(a.ID, "0123456789") != "" {
				r.fail(v, at+".id", strconv.Quote(a.ID)+" is not an account", "valid is 12 digits in quotes, for example \"123456789012\"")
			}
			if line, twice := seen[a.ID]; twice {
				r.fail(v, at+".id", fmt.Sprintf("is the account of line %d again", line), "put its users and roles together")
			}
			seen[a.ID] = v.Line
		},
		"users": func(v *yaml.Node) {
			r.list(v, at+".users", func(n *yaml.Node, at string) { a.Users = append(a.Users, r.user(n, at)) })
		},
		"roles": func(v *yaml.Node) {
			r.list(v, at+".roles", func(n *yaml.Node, at string) { a.Roles = append(a.Roles, r.role(n, at)) })
		},
		"keys":    func(v *yaml.Node) { keys = v },
		"secrets": func(v *yaml.Node) { secretList = v },
	}, "id")
	for _, v := range []*yaml.Node{keys, secretList} {
		if v != nil && a.ID != r.home {
			r.fail(v, at, "has keys or secrets and is not the endpoint's own account", "put them into account "+r.home+", or set aws.account")
		}
	}
	r.list(keys, at+".keys", func(n *yaml.Node, at string) { r.file.Keys = append(r.file.Keys, r.key(n, at)) })
	r.list(secretList, at+".secrets", func(n *yaml.Node, at string) { r.file.Secrets = append(r.file.Secrets, r.secret(n, at)) })
	r.file.Accounts = append(r.file.Accounts, a)
}

func (r *reader) user(n *yaml.Node, at string) (u sts.User) {
	r.mapping(n, at, members{
		"name": func(v *yaml.Node) { u.Name = r.name64(v, at+".name") },
		"access_keys": func(v *yaml.Node) {
			r.list(v, at+".access_keys", func(n *yaml.Node, at string) { u.AccessKeys = append(u.AccessKeys, r.accessKey(n, at)) })
		},
		"policies": func(v *yaml.Node) { u.Policies = r.policies(v, at+".policies") },
	}, "name")
	return u
}

func (r *reader) accessKey(n *yaml.Node, at string) (k sts.AccessKey) {
	r.mapping(n, at, members{
		"id":          func(v *yaml.Node) { k.ID = v.Value },
		"secret":      func(v *yaml.Node) { k.Secret = v.Value },
		"secret_file": func(v *yaml.Node) { k.Secret = strings.TrimSpace(string(r.content(v, at+".secret_file"))) },
	}, "id")
	if k.ID != "" && (len(k.ID) < 4 || len(k.ID) > 128 || strings.Trim(strings.ToUpper(k.ID), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "") {
		r.fail(n, at+".id", strconv.Quote(k.ID)+" is not an access key id", "valid is 4 to 128 letters, digits and _, for example AKIAIOSFODNN7EXAMPLE")
	}
	if k.Secret == "" {
		r.fail(n, at, "has no secret", "add secret: with a text, or secret_file: with a path")
	}
	return k
}

func (r *reader) role(n *yaml.Node, at string) (role sts.Role) {
	r.mapping(n, at, members{
		"name": func(v *yaml.Node) { role.Name = r.name64(v, at+".name") },
		"trust": func(v *yaml.Node) {
			role.Trust = r.document(v, at+".trust", func(text []byte) error { _, err := policy.ParseTrust(text); return err })
		},
		"policies": func(v *yaml.Node) { role.Policies = r.policies(v, at+".policies") },
		"max_session": func(v *yaml.Node) {
			d, err := time.ParseDuration(v.Value)
			if err != nil || d < sts.DefaultDuration || d > sts.MaxDuration {
				r.fail(v, at+".max_session", strconv.Quote(v.Value)+" is not a duration of 1h to 12h", "for example 1h")
			}
			role.MaxSessionDuration = d
		},
	}, "name", "trust")
	return role
}

func (r *reader) key(n *yaml.Node, at string) (k kms.Key) {
	r.mapping(n, at, members{
		"alias": func(v *yaml.Node) {
			k.Alias = strings.TrimPrefix(v.Value, "alias/")
			if k.Alias == "" || strings.HasPrefix(k.Alias, "aws/") || len(k.Alias) > 250 {
				r.fail(v, at+".alias", strconv.Quote(v.Value)+" is not an alias for a key of the account", "valid is 1 to 250 characters that don't begin with aws/, for example lake")
			}
		},
		"id":          func(v *yaml.Node) { k.ID = v.Value },
		"description": func(v *yaml.Node) { k.Description = v.Value },
		"enabled": func(v *yaml.Node) {
			enabled, err := strconv.ParseBool(v.Value)
			if err != nil {
				r.fail(v, at+".enabled", strconv.Quote(v.Value)+" is not true or false", "leave it out for true")
			}
			k.Disabled = !enabled
		},
	}, "alias")
	return k
}

func (r *reader) secret(n *yaml.Node, at string) (s secrets.Secret) {
	r.mapping(n, at, members{
		"name":        func(v *yaml.Node) { s.Name = v.Value },
		"description": func(v *yaml.Node) { s.Description = v.Value },
		"value":       func(v *yaml.Node) { s.Value = v.Value },
		"value_file":  func(v *yaml.Node) { s.Value = strings.TrimRight(string(r.content(v, at+".value_file")), "\n") },
	}, "name")
	if s.Value == "" {
		r.fail(n, at, "has no value", "add value: with a text, or value_file: with a path")
	}
	return s
}

func (r *reader) name64(v *yaml.Node, at string) string {
	last := v.Value[strings.LastIndexByte(v.Value, '/')+1:]
	if last == "" || len(last) > 64 || strings.Trim(strings.ToUpper(v.Value), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-/") != "" {
		r.fail(v, at, strconv.Quote(v.Value)+" is not a name for IAM", "valid is 1 to 64 letters, digits and _+=,.@-, with a path before it or without, for example mixpanel-export")
	}
	return v.Value
}
