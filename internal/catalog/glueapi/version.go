package glueapi

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

type versionRequest struct {
	CatalogID    string `json:"CatalogId"`
	DatabaseName string
	TableName    string
	VersionID    string `json:"VersionId"`
	NextToken    string
	MaxResults   *int
}

type versionShape struct {
	Table     tableShape
	VersionID string `json:"VersionId"`
}

func (s *server) versions(ctx context.Context, operation string, in *versionRequest) ([]*catalog.Table, error) {
	if err := s.begin(ctx, operation, in.CatalogID, s.tableARN(in.DatabaseName, in.TableName), member{"databaseName", in.DatabaseName},
		member{"tableName", in.TableName}); err != nil {
		return nil, err
	}
	return s.catalog.GetTableVersions(ctx, in.DatabaseName, in.TableName)
}

type versionAnswer struct{ TableVersion versionShape }

func (s *server) getTableVersion(ctx context.Context, in *versionRequest) (*versionAnswer, error) {
	all, err := s.versions(ctx, "GetTableVersion", in)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if in.VersionID == "" || t.VersionID == in.VersionID { // the current version is the first
			return &versionAnswer{versionShape{s.table(t), t.VersionID}}, nil
		}
	}
	return nil, &catalog.Error{Code: catalog.ErrNotFound, Message: fmt.Sprintf("Version %s of table %s not found.", in.VersionID, in.TableName)}
}

type versionsAnswer struct {
	TableVersions []versionShape
	NextToken     string `json:",omitempty"`
}

func (s *server) getTableVersions(ctx context.Context, in *versionRequest) (*versionsAnswer, error) {
	all, err := s.versions(ctx, "GetTableVersions", in)
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, func(t *catalog.Table) string { return t.VersionID }, newestFirst, in.NextToken, in.MaxResults, maxCatalogPage,
		"GetTableVersions", strings.ToLower(in.DatabaseName), strings.ToLower(in.TableName))
	if err != nil {
		return nil, err
	}
	out := &versionsAnswer{TableVersions: []versionShape{}, NextToken: next}
	for _, t := range all {
		out.TableVersions = append(out.TableVersions, versionShape{s.table(t), t.VersionID})
	}
	return out, nil
}

func newestFirst(a, b string) int {
	// The catalog's own version ids are numbers.
	x, _ := strconv.ParseInt(a, 10, 64)
	y, _ := strconv.ParseInt(b, 10, 64)
	return cmp.Compare(y, x)
}
