package kms

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

type keyMetadata struct {
	AWSAccountID          string `json:"AWSAccountId"`
	KeyID                 string `json:"KeyId"`
	Arn                   string
	CreationDate          awsjson.Time
	Enabled               bool
	Description           string
	KeyUsage              string
	KeyState              string
	Origin                string
	KeyManager            string
	CustomerMasterKeySpec string
	KeySpec               string
	EncryptionAlgorithms  []string
	MultiRegion           bool
}

type describeIn struct {
	KeyID string `json:"KeyId"`
}

type describeOut struct{ KeyMetadata keyMetadata }

func (s *Service) describeKey(ctx context.Context, in *describeIn) (*describeOut, error) {
	k, alias, err := s.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, "kms:DescribeKey", k, alias, nil, nil); err != nil {
		return nil, err
	}
	m := keyMetadata{
		AWSAccountID: s.config.Account, KeyID: k.id.String(), Arn: k.arn, CreationDate: awsjson.Time{Time: k.created}, Enabled: !k.Disabled, Description: k.Description,
		KeyUsage: "ENCRYPT_DECRYPT", KeyState: "Enabled", Origin: "AWS_KMS", KeyManager: "CUSTOMER", CustomerMasterKeySpec: algorithm, KeySpec: algorithm,
		EncryptionAlgorithms: []string{algorithm},
	}
	if k.Disabled {
		m.KeyState = "Disabled"
	}
	if k.Alias == defaultKey {
		m.KeyManager = "AWS"
	}
	return &describeOut{m}, nil
}

// page is how lists are asked for: the marker is the number of items before.
type page struct {
	Limit  *int
	Marker string
}

// cut returns a page of n items: from one, to before another one, and the marker of the next page.
func (p *page) cut(n, standard, most int) (from, to int, next string, err error) {
	limit := standard
	if p.Limit != nil {
		if limit = *p.Limit; limit < 1 || limit > most {
			return 0, 0, "", validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d, inclusive", limit, most)
		}
	}
	if p.Marker != "" {
		if from, err = strconv.Atoi(p.Marker); err != nil || from < 0 || from > n {
			return 0, 0, "", &awsjson.Error{Code: "InvalidMarkerException", Message: "The marker is not valid."}
		}
	}
	to = min(from+limit, n)
	if to < n {
		next = strconv.Itoa(to)
	}
	return from, to, next, nil
}

// all is what lists ask for, whose permission names no resource ("*"): that of this account, which other accounts' callers have no right to.
func (s *Service) all() []string { return []string{s.arn("*")} }

type listKeysIn struct{ page }

type keyListEntry struct {
	KeyID  string `json:"KeyId"`
	KeyArn string
}

type listKeysOut struct {
	Keys       []keyListEntry
	NextMarker string `json:",omitempty"`
	Truncated  bool
}

func (s *Service) listKeys(ctx context.Context, in *listKeysIn) (*listKeysOut, error) {
	if err := s.config.Auth.AuthorizeWith(ctx, "kms:ListKeys", s.all(), nil); err != nil {
		return nil, err
	}
	from, to, next, err := in.cut(len(s.keys), 100, 1000)
	if err != nil {
		return nil, err
	}
	out := &listKeysOut{Keys: []keyListEntry{}, NextMarker: next, Truncated: next != ""}
	for _, k := range s.keys[from:to] {
		out.Keys = append(out.Keys, keyListEntry{k.id.String(), k.arn})
	}
	return out, nil
}

type listAliasesIn struct {
	page
	KeyID string `json:"KeyId"`
}

type aliasListEntry struct {
	AliasName    string
	AliasArn     string
	TargetKeyID  string `json:"TargetKeyId"`
	CreationDate awsjson.Time
}

type listAliasesOut struct {
	Aliases    []aliasListEntry
	NextMarker string `json:",omitempty"`
	Truncated  bool
}

func (s *Service) listAliases(ctx context.Context, in *listAliasesIn) (*listAliasesOut, error) {
	if err := s.config.Auth.AuthorizeWith(ctx, "kms:ListAliases", s.all(), nil); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(s.aliases))
	if in.KeyID != "" {
		k, _, err := s.find(in.KeyID)
		if err != nil {
			return nil, err
		}
		names = []string{k.Alias}
	}
	from, to, next, err := in.cut(len(names), 50, 100)
	if err != nil {
		return nil, err
	}
	out := &listAliasesOut{Aliases: []aliasListEntry{}, NextMarker: next, Truncated: next != ""}
	for _, name := range names[from:to] {
		k := s.aliases[name]
		out.Aliases = append(out.Aliases, aliasListEntry{"alias/" + name, s.arn("alias/" + name), k.id.String(), awsjson.Time{Time: k.created}})
	}
	return out, nil
}
