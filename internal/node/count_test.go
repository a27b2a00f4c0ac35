package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/query/engine"
)

func TestRowsAreCountedThroughASchemaWithoutARoleWhereThereIsOne(t *testing.T) {
	const role = `{"IAM_ROLE":"arn:aws:iam::123456789012:role/gone"}`
	guarded := &engine.ExternalSchema{Name: "mixpanel", GlueDatabase: "mp_1", Options: role}
	attached := &engine.ExternalSchema{Name: "mp_json_export", GlueDatabase: "mp_1", Options: "{}"}
	other := &engine.ExternalSchema{Name: "a", GlueDatabase: "mp_2", Options: "{}"}
	for _, c := range []struct {
		name    string
		schemas []*engine.ExternalSchema
		want    string
	}{
		{"the attached one behind a user's own", []*engine.ExternalSchema{other, guarded, attached}, "mp_json_export"},
		{"a user's own where there is no other", []*engine.ExternalSchema{other, guarded}, "mixpanel"},
		{"none of another database", []*engine.ExternalSchema{other}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, ok := chooseSchema(c.schemas, "MP_1")
			require.Equal(t, c.want, name)
			require.Equal(t, c.want != "", ok)
		})
	}
}
