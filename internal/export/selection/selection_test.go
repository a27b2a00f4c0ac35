package selection

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/export/where"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
)

// profiles are distinct ids with their properties.
type profiles map[string]string

func (p profiles) ScanProfiles(_ context.Context, _ int64, _ eventlog.Position, fn func(distinctID, properties []byte, received int64) error) error {
	for id, properties := range p {
		if err := fn([]byte(id), []byte(properties), 0); err != nil {
			return err
		}
	}
	return nil
}

func text(values ...string) store.Text {
	t := store.Text{Offsets: []uint32{0}}
	for _, v := range values {
		t.Data = append(t.Data, v...)
		t.Offsets = append(t.Offsets, uint32(len(t.Data)))
	}
	return t
}

func batch() *store.Batch {
	none := text("", "", "", "")
	return &store.Batch{
		Day: 20000, Len: 4, Position: []uint64{1, 2, 3, 4}, Index: []uint32{0, 1, 2, 3}, Received: []int64{1, 2, 3, 4}, Time: []int64{10, 20, 30, 40},
		Name: text("Signed up", "Clicked", "Clicked", "Left"), DistinctID: text("ann", "ann", "bob", "cy"),
		DeviceID: none, UserID: none, InsertID: text("a", "b", "c", "d"), GroupKey: none,
		Properties: text(`{"plan":"free","n":1.10}`, `{"n":2}`, `{"plan":"pro","$city":"Zürich"}`, `{}`),
	}
}

func TestWhatIsChosen(t *testing.T) {
	users := profiles{"ann": `{"vip":true,"age":3}`, "bob": `{"age":4}`}
	for name, c := range map[string]struct {
		selection  Selection
		ids        string
		properties string
	}{
		"everything":             {Selection{}, "abcd", `{"plan":"free","n":1.10}{"n":2}{"plan":"pro","$city":"Zürich"}{}`},
		"some events":            {Selection{Events: []string{"Clicked", "nothing"}}, "bc", `{"n":2}{"plan":"pro","$city":"Zürich"}`},
		"all but some events":    {Selection{ExcludeEvents: []string{"Clicked"}}, "ad", `{"plan":"free","n":1.10}{}`},
		"an expression":          {Selection{Where: `defined(properties["plan"])`}, "ac", `{"plan":"free","n":1.10}{"plan":"pro","$city":"Zürich"}`},
		"a property of the user": {Selection{Where: `user["vip"] == true`}, "ab", `{"plan":"free","n":1.10}{"n":2}`},
		"names and expression":   {Selection{Events: []string{"Clicked"}, Where: `user["age"] > 3`}, "c", `{"plan":"pro","$city":"Zürich"}`},
		"some properties":        {Selection{Properties: []string{"n", "$city"}}, "abcd", `{"n":1.10}{"n":2}{"$city":"Zürich"}{}`},
		"all but a property":     {Selection{ExcludeProperties: []string{"plan"}}, "abcd", `{"n":1.10}{"n":2}{"$city":"Zürich"}{}`},
		"a dropped property decides still": {
			Selection{Where: `properties["plan"] == "pro"`, ExcludeProperties: []string{"plan"}}, "c", `{"$city":"Zürich"}`,
		},
		"nothing": {Selection{Events: []string{"nothing"}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rule, err := Compile(&c.selection)
			require.NoError(t, err)
			s, err := rule.Open(t.Context(), users, 1, 9)
			require.NoError(t, err)
			for range 2 { // a selector is reused
				b := batch()
				got, err := s.Choose(b)
				require.NoError(t, err)
				var ids, properties strings.Builder
				for i := range got.Len {
					ids.Write(got.InsertID.At(i))
					properties.Write(got.Properties.At(i))
					require.Equal(t, got.Time[i], int64(got.Position[i])*10, "the columns of a row stay together")
				}
				require.Equal(t, c.ids, ids.String())
				require.Equal(t, c.properties, properties.String())
				require.Equal(t, batch(), b, "the batch is not changed")
			}
		})
	}
}

func TestSelectionsThatAreWrongNameTheField(t *testing.T) {
	many := make([]string, MaxNames+1)
	for field, s := range map[string]Selection{
		"exclude_events":     {Events: []string{"a"}, ExcludeEvents: []string{"b"}},
		"exclude_properties": {Properties: []string{"a"}, ExcludeProperties: []string{"b"}},
		"events":             {Events: many},
		"properties":         {Properties: many},
		"where":              {Where: "properties["},
	} {
		_, err := Compile(&s)
		wrong, ok := errors.AsType[*FieldError](err)
		require.True(t, ok, field)
		require.Equal(t, field, wrong.Field)
	}
}

func TestAnExpressionThatCannotBeAnsweredIsAnError(t *testing.T) {
	rule, err := Compile(&Selection{Where: `properties["n"]`})
	require.NoError(t, err)
	s, err := rule.Open(t.Context(), profiles{}, 1, 9)
	require.NoError(t, err)
	_, err = s.Choose(batch())
	_, ok := errors.AsType[*where.Error](err)
	require.True(t, ok, err)
	e, ok := errors.AsType[*EventError](err)
	require.True(t, ok)
	require.Equal(t, `event "Signed up" of "ann", $insert_id "a", at 1970-01-01T00:00:00.01Z`, e.Record())
	require.Equal(t, batch().Time[0], e.Time.UnixMilli())
	require.EqualError(t, err, e.Record()+": "+e.Err.Error())
}

func TestTooManyUsersAreAnError(t *testing.T) {
	rule, err := Compile(&Selection{Where: `user["text"] == "x"`})
	require.NoError(t, err)
	_, err = rule.Open(t.Context(), profiles{"a": `{"text":"` + strings.Repeat("x", maxUserBytes) + `"}`}, 1, 9)
	require.ErrorIs(t, err, ErrTooManyUsers)
}
