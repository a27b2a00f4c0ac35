package glueapi

import (
	"context"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

type versionRequest struct {
	partitionTable
	VersionID string `json:"VersionId"`
}

type versionShape struct {
	Table     tableShape
	VersionID string `json:"VersionId"`
}

type versionAnswer struct{ TableVersion versionShape }

func (s *server) getTableVersion(ctx context.Context, in *versionRequest) (*versionAnswer, error) {
	if err := s.beginPartition(ctx, "GetTableVersion", &in.partitionTable); err != nil {
		return nil, err
	}
	t, err := s.catalog.GetTableVersion(ctx, in.DatabaseName, in.TableName, in.VersionID)
	if err != nil {
		return nil, err
	}
	return &versionAnswer{versionShape{s.table(t), t.VersionID}}, nil
}

type versionsRequest struct {
	partitionTable
	NextToken  string
	MaxResults *int
}

type versionsAnswer struct {
	TableVersions []versionShape
	NextToken     string `json:",omitempty"`
}

func (s *server) getTableVersions(ctx context.Context, in *versionsRequest) (*versionsAnswer, error) {
	if err := s.beginPartition(ctx, "GetTableVersions", &in.partitionTable); err != nil {
		return nil, err
	}
	request := []any{"GetTableVersions", strings.ToLower(in.DatabaseName), strings.ToLower(in.TableName)}
	size, last, err := pageOf(in.NextToken, in.MaxResults, maxCatalogPage, request...)
	if err != nil {
		return nil, err
	}
	versions, more, err := s.catalog.ScanTableVersions(ctx, in.DatabaseName, in.TableName, last, size)
	if err != nil {
		return nil, err
	}
	out := &versionsAnswer{TableVersions: []versionShape{}}
	if more {
		out.NextToken = nextToken([]string{versions[len(versions)-1].VersionID}, request...)
	}
	for _, t := range versions {
		out.TableVersions = append(out.TableVersions, versionShape{s.table(t), t.VersionID})
	}
	return out, nil
}

func (s *server) deleteTableVersion(ctx context.Context, in *versionRequest) (none, error) {
	if err := s.beginPartition(ctx, "DeleteTableVersion", &in.partitionTable, member{"versionId", in.VersionID}); err != nil {
		return none{}, err
	}
	failed, err := s.catalog.BatchDeleteTableVersion(ctx, in.DatabaseName, in.TableName, []string{in.VersionID})
	if err == nil && len(failed) > 0 {
		err = failed[0].Err
	}
	return none{}, err
}

type batchDeleteVersionRequest struct {
	partitionTable
	VersionIDs []string `json:"VersionIds"`
}

type versionError struct {
	TableName   string
	VersionID   string `json:"VersionId"`
	ErrorDetail errorDetail
}

func (s *server) batchDeleteTableVersion(ctx context.Context, in *batchDeleteVersionRequest) (*batchAnswer[versionError], error) {
	if err := s.beginPartition(ctx, "BatchDeleteTableVersion", &in.partitionTable); err != nil {
		return nil, err
	}
	failed, err := s.catalog.BatchDeleteTableVersion(ctx, in.DatabaseName, in.TableName, in.VersionIDs)
	return batchOf(failed, err, func(f catalog.VersionError) (versionError, error) {
		d, err := detail(f.Err)
		return versionError{in.TableName, f.VersionID, d}, err
	})
}
