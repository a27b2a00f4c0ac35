package pipeline

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

func TestARunsErrorNamesAnObject(t *testing.T) {
	p := &Pipeline{Definition: Definition{Spec: Spec{
		Type: TypeJSON, Project: 7, Table: "mp_master_event", S3: S3{Bucket: "b", Prefix: "a"}, Glue: Glue{Use: true, Database: "mixpanel"},
	}}}
	credentials := fault.New(fault.Setup, "looking for AWS credentials", "", errors.New("none"), "give some")
	for name, c := range map[string]struct {
		err  error
		want RunError
	}{
		"its own": {
			fmt.Errorf("writing: %w", fault.New(fault.Transient, "putting object", "s3://b/k", errors.New("no"), "")),
			RunError{"transient", "putting object", "s3://b/k", "writing: putting object s3://b/k: no", ""},
		},
		"the folder": {
			fmt.Errorf("opening bucket b: %w", credentials),
			RunError{"setup", "looking for AWS credentials", "s3://b/a/7/mp_master_event/", "opening bucket b: looking for AWS credentials: none (give some)", "give some"},
		},
		"the catalog": {
			&catalogError{fmt.Errorf("reading table t: %w", credentials)},
			RunError{"setup", "looking for AWS credentials", "database mixpanel", "reading table t: looking for AWS credentials: none (give some)", "give some"},
		},
		"the folder of a bug": {errors.New("index out of range"), RunError{"bug", "", "s3://b/a/7/mp_master_event/", "index out of range", ""}},
		"the metadata": {
			metaFault("reading runs", errors.New("database is locked")),
			RunError{"transient", "reading runs", "in the metadata database", "reading runs in the metadata database: database is locked", ""},
		},
	} {
		require.Equal(t, c.want, runError(p, c.err), name)
	}
}

// TestAnEventThatHasNoAnswerStopsThePipelineAndIsNamed asks whether an event's text is true.
func TestAnEventThatHasNoAnswerStopsThePipelineAndIsNamed(t *testing.T) {
	for _, kind := range []Type{TypeJSON, TypeAWS, TypeRaw} {
		h := open(t)
		spec := Spec{Type: kind, Selection: Selection{Where: `properties["vip"]`}}
		if kind == TypeRaw {
			spec.Frequency, spec.From = Hourly, event.DayOfTime(epoch)
		}
		p := h.create(spec)
		good, bad, other := click(0), click(0), click(0)
		good.Properties, bad.Properties = []byte(`{"vip":true}`), []byte(`{"vip":"yes"}`)
		h.reader.append(h.project, good, bad, other)
		h.reader.seal()
		h.once()
		run := h.lastRun(p)
		require.Equal(t, Failed, run.State)
		require.Equal(t, "poison", run.LastError.Class)
		require.Contains(t, run.LastError.Object, fmt.Sprintf(`of "u1", $insert_id %q, at 2026-08-01T10:00:00`, bad.InsertID))
		require.Contains(t, run.LastError.Message, "expected a boolean instead of a text at position 1")
		require.Contains(t, run.LastError.Hint, "edit the expression where of pipeline "+p.Name)
		require.Empty(t, h.keys(""), "nothing of the run is exported")
		where := `boolean(properties["vip"]) or properties["vip"] == "yes"`
		require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Where: &where}))
		require.NoError(t, h.store.RunNow(h.ctx, p.ID))
		h.once()
		require.Equal(t, Succeeded, h.lastRun(p).State, "%s: %+v", kind, h.lastRun(p).LastError)
		require.EqualValues(t, 2, h.lastRun(p).Totals.Rows)
	}
}
