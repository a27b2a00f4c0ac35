package verify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/export/pipeline"
)

func TestNobodyWaitsForASchemaThatWillNotCome(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		change   func(p *pipeline.Pipeline)
		deadline time.Time
		want     string
	}{
		"it was attached, and dropped":  {func(p *pipeline.Pipeline) { p.Attached = true }, later, ErrNoSchema.Error()},
		"it is cancelled":               {func(p *pipeline.Pipeline) { p.State = pipeline.Cancelled }, later, ErrNoSchema.Error()},
		"it takes too long":             {func(*pipeline.Pipeline) {}, time.Now().Add(-time.Second), ErrNoSchema.Error()},
		"attaching failed all the time": {func(p *pipeline.Pipeline) { p.AttachError = "grant CREATE" }, time.Now().Add(-time.Second), ErrNoSchema.Error() + ": grant CREATE"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pipeline.Pipeline{}
			p.State = pipeline.Active
			c.change(p)
			_, err := new(Verifier).awaitAttached(t.Context(), p, ErrNoSchema, c.deadline)
			require.ErrorIs(t, err, ErrNoSchema)
			require.EqualError(t, err, c.want)
		})
	}
}
