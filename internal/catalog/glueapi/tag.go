package glueapi

import (
	"context"
	"fmt"
	"strings"
)

type tagRequest struct {
	ResourceARN  string `json:"ResourceArn"`
	TagsToAdd    map[string]string
	TagsToRemove []string
}

// beginTag checks a request about the tags of a database or a table and returns which one it is; table is empty for a database.
func (s *server) beginTag(ctx context.Context, operation string, in *tagRequest) (database, table string, err error) {
	path, ok := strings.CutPrefix(in.ResourceARN, s.arn(""))
	if !ok {
		return "", "", invalid(fmt.Sprintf("The ARN '%s' is not of this catalog, whose resources begin with '%s'.", in.ResourceARN, s.arn("")))
	}
	if err := nameable("resourceArn", path); err != nil {
		return "", "", err
	}
	parts := strings.Split(strings.ToLower(path), "/")
	switch {
	case len(parts) == 2 && parts[0] == "database" && parts[1] != "":
		database = parts[1]
	case len(parts) == 3 && parts[0] == "table" && parts[1] != "" && parts[2] != "":
		database, table = parts[1], parts[2]
	default:
		return "", "", invalid(fmt.Sprintf("The ARN '%s' names neither a database nor a table; nothing else has tags in this catalog.", in.ResourceARN))
	}
	return database, table, s.begin(ctx, operation, "", []string{s.arn(strings.Join(parts, "/"))})
}

type tagsAnswer struct{ Tags map[string]string }

func (s *server) getTags(ctx context.Context, in *tagRequest) (*tagsAnswer, error) {
	database, table, err := s.beginTag(ctx, "GetTags", in)
	if err != nil {
		return nil, err
	}
	tags, err := s.catalog.GetTags(ctx, database, table)
	return &tagsAnswer{tags}, err
}

func (s *server) tagResource(ctx context.Context, in *tagRequest) (none, error) {
	database, table, err := s.beginTag(ctx, "TagResource", in)
	if err != nil {
		return none{}, err
	}
	return none{}, s.catalog.ChangeTags(ctx, database, table, in.TagsToAdd, nil)
}

func (s *server) untagResource(ctx context.Context, in *tagRequest) (none, error) {
	database, table, err := s.beginTag(ctx, "UntagResource", in)
	if err != nil {
		return none{}, err
	}
	return none{}, s.catalog.ChangeTags(ctx, database, table, nil, in.TagsToRemove)
}
