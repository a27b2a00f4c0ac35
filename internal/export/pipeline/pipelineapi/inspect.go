package pipelineapi

import (
	"context"

	"github.com/refract-io/refract/internal/export/pipeline"
)

const (
	defaultRuns = 100
	maxRuns     = 1000
)

func (s *server) list(ctx context.Context, r *request) (any, error) {
	all, err := s.Store.List(ctx, r.project.ID)
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = []*pipeline.Pipeline{}
	}
	return map[string]any{"pipelines": all}, nil
}

func (s *server) show(ctx context.Context, r *request) (any, error) {
	return s.find(ctx, r, true)
}

func (s *server) runs(ctx context.Context, r *request) (any, error) {
	p, err := s.find(ctx, r, true)
	if err != nil {
		return nil, err
	}
	most, err := number("limit", r.form.one("limit"), defaultRuns, maxRuns)
	if err != nil {
		return nil, err
	}
	runs, err := s.Store.Runs(ctx, p.ID, most)
	if err != nil {
		return nil, err
	}
	if runs == nil {
		runs = []*pipeline.Run{}
	}
	return map[string]any{"pipeline": p.Name, "runs": runs}, nil
}

func (s *server) schema(ctx context.Context, r *request) (any, error) {
	p, err := s.find(ctx, r, true)
	if err != nil {
		return nil, err
	}
	if p.Type != pipeline.TypeAWS {
		return nil, bad("name", "%s is of the type %s: only pipelines of the type aws make columns of properties", p.Name, p.Type)
	}
	tables, err := s.Store.Schema(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"pipeline": p.Name, "tables": tables}, nil
}
