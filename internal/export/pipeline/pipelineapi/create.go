package pipelineapi

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// created is the answer of create.
type created struct {
	Names []string `json:"pipeline_names"`
}

func (s *server) create(ctx context.Context, r *request) (any, error) {
	spec, err := s.readSpec(r.form, r.project.ID)
	if err != nil {
		return nil, err
	}
	specs := []pipeline.Spec{spec}
	if spec.Trial && spec.Type == pipeline.TypeAWS {
		specs = append(specs, peopleOf(spec))
	}
	if err := s.Arrived(ctx); err != nil {
		return nil, err
	}
	made, err := s.Store.CreateAll(ctx, specs...)
	if err != nil {
		return nil, err
	}
	var c created
	for _, p := range made {
		c.Names = append(c.Names, p.Name)
	}
	return c, nil
}

// readSpec makes a spec of the parameters of create.
func (s *server) readSpec(f form, project int64) (pipeline.Spec, error) {
	spec := pipeline.Spec{Project: project}
	t, err := readType(f)
	if err != nil {
		return spec, err
	}
	if err := setFields(&spec, f, t); err != nil {
		return spec, err
	}
	if spec.Source == "" {
		spec.Source = pipeline.Events
	}
	if err := settle(&spec, f); err != nil {
		return spec, err
	}
	if spec.Trial {
		forceTrial(&spec)
	}
	if err := checkWarehouse(&spec, f); err != nil {
		return spec, err
	}
	if f.one("use_glue") == "" && spec.Type != pipeline.TypeRaw && s.embedded(&spec) {
		spec.Glue.Use = true
	}
	return spec, s.settleDestination(&spec)
}

// supported refuses other destinations of Mixpanel's before their parameters are called unknown.
func supported(f form) error {
	if slices.Contains(others, f.one("type")) {
		_, err := readType(f)
		return err
	}
	return nil
}

func readType(f form) (pipeline.Type, error) {
	var all []string
	for _, t := range Types {
		all = append(all, string(t))
	}
	switch t := f.one("type"); {
	case t == "":
		return "", bad("type", "is missing: use %s", oneOf(all))
	case slices.Contains(all, t):
		return pipeline.Type(t), nil
	case slices.Contains(others, t):
		return "", bad("type", "%q is not supported, Refract exports to S3, Glue and Redshift: use %s", t, oneOf(all))
	default:
		return "", bad("type", "%q is unknown: use %s", t, oneOf(all))
	}
}

// setFields sets the fields that the form has parameters for, by the rules of the type. An empty value is no value.
func setFields(spec *pipeline.Spec, f form, t pipeline.Type) error {
	for _, p := range Parameters {
		values := f[p.Name]
		if len(values) == 0 || len(values) == 1 && values[0] == "" {
			continue
		}
		rule, ok := p.Types[t]
		if !ok {
			return bad(p.Name, "pipelines of the type %s do not take it", t)
		}
		if len(rule.Values) > 0 && !slices.Contains(rule.Values, values[0]) && !(p.Name == "s3_region" && f.one("s3_endpoint") != "") {
			return bad(p.Name, "%q is not possible with the type %s: use %s", values[0], t, oneOf(rule.Values))
		}
		if p.Kind == Text && p.Name != "where" && strings.ContainsFunc(values[0], unicode.IsControl) {
			return bad(p.Name, "%q holds a control character", values[0])
		}
		if err := p.field(spec).set(values); err != nil {
			return bad(p.Name, "%v", err)
		}
	}
	return nil
}

// settle applies what goes beyond single parameters. What remains the store checks.
func settle(spec *pipeline.Spec, f form) error {
	if rule := Named("from_date").Types[spec.Type]; rule.Required && f.one("from_date") == "" && !spec.Trial && !spec.Source.Snapshot() {
		return bad("from_date", "is missing: the first day to export, YYYY-MM-DD")
	}
	if !spec.Source.Snapshot() {
		return nil
	}
	if spec.To != 0 && !spec.Trial {
		return bad("to_date", "%s are exported whole by every run: leave it out", spec.Source)
	}
	for _, p := range Editable() {
		if slices.Contains(p.Edit, pipeline.TypeRaw) && f.one(p.Name) != "" { // the selection: raw pipelines have nothing else to edit
			return bad(p.Name, "only events can be selected: leave it out for %s", spec.Source)
		}
	}
	if spec.Type != pipeline.TypeAWS {
		return nil
	}
	// Mixpanel's reference requires from_date and schema_type whatever the source, so its clients send them.
	spec.From = 0
	if spec.SchemaType == pipeline.Multischema {
		return bad("schema_type", "%s are always monoschema", spec.Source)
	}
	spec.SchemaType = ""
	return nil
}

// forceTrial sets what Mixpanel's reference says that a trial forces. Selections it would have to drop are refused by the store: who
// asks for some events must not get all.
func forceTrial(spec *pipeline.Spec) {
	spec.Source, spec.Frequency, spec.Interval = pipeline.Events, pipeline.Daily, 0
	spec.From, spec.To, spec.Sync = 0, 0, false
}

// peopleOf returns the trial of people that goes with a trial of events.
func peopleOf(events pipeline.Spec) pipeline.Spec {
	people := events
	people.Source, people.SchemaType = pipeline.People, ""
	if people.Name != "" {
		people.Name += "-people"
	}
	return people
}

// checkWarehouse refuses parameters of a warehouse without one, and ways to connect that exclude each other.
func checkWarehouse(spec *pipeline.Spec, f form) error {
	w := &spec.Redshift
	switch {
	case w.Workgroup != "" && w.DBUser != "":
		return bad("redshift_db_user", "only a cluster has database users to name; that of a workgroup is the role's: leave it out")
	case w.SecretARN != "" && w.DBUser != "":
		return bad("redshift_db_user", "the secret of redshift_secret_arn names the user: leave one of them out")
	case w.Named():
		return nil
	}
	for _, p := range Parameters {
		if strings.HasPrefix(p.Name, "redshift_") && f.one(p.Name) != "" {
			return bad(p.Name, "has no effect without redshift_workgroup or redshift_cluster")
		}
	}
	return nil
}
