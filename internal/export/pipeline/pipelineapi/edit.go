package pipelineapi

import (
	"context"
	"slices"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// edit changes a pipeline. What the form has no parameter for stays.
func (s *server) edit(ctx context.Context, r *request) (any, error) {
	p, err := s.find(ctx, r, false)
	if err != nil {
		return nil, err
	}
	change, err := readChange(r.form, p)
	if err != nil {
		return nil, err
	}
	change.Settle = s.settleDestination
	if err := s.Store.Edit(ctx, p.ID, change); err != nil {
		return nil, err
	}
	return done{"ok"}, nil
}

func readChange(f form, p *pipeline.Pipeline) (c pipeline.Change, err error) {
	lists := map[string]**[]string{
		"events": &c.Events, "exclude_events": &c.ExcludeEvents, "properties": &c.Properties, "exclude_properties": &c.ExcludeProperties,
	}
	texts := map[string]**string{
		"where": &c.Where, "glue_database": &c.GlueDatabase, "glue_role": &c.GlueRole, "glue_table_prefix": &c.GlueTablePrefix,
	}
	changes := false
	for _, parameter := range Editable() {
		values, given := f[parameter.Name]
		if !given {
			continue
		}
		if !slices.Contains(parameter.Edit, p.Type) {
			return c, bad(parameter.Name, "pipelines of the type %s do not take it", p.Type)
		}
		changes = true
		if field, ok := texts[parameter.Name]; ok {
			*field = &values[0]
			continue
		}
		var all []string
		if len(values) > 1 || values[0] != "" {
			if err := namesOf(&all).set(values); err != nil {
				return c, bad(parameter.Name, "%v", err)
			}
		}
		*lists[parameter.Name] = &all
	}
	if !changes {
		return c, bad("", "nothing is to change: give %s", oneOf(editable(p.Type)))
	}
	return c, nil
}

// editable names what can be changed of a type's pipelines.
func editable(t pipeline.Type) []string {
	var all []string
	for _, p := range Editable() {
		if slices.Contains(p.Edit, t) {
			all = append(all, p.Name)
		}
	}
	return all
}
