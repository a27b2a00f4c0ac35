package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// condition draws a condition on the partition key, as text with %s for the key.
func condition(t *rapid.T, depth int) string {
	day := func() string { return fmt.Sprintf("'2024-05-0%d'", rapid.IntRange(1, 5).Draw(t, "day")) }
	if depth > 0 && rapid.Bool().Draw(t, "compound") {
		op := rapid.SampledFrom([]string{"AND", "OR"}).Draw(t, "operator")
		text := "(" + condition(t, depth-1) + " " + op + " " + condition(t, depth-1) + ")"
		if rapid.Bool().Draw(t, "negated") {
			text = "NOT " + text
		}
		return text
	}
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return "%s BETWEEN " + day() + " AND " + day()
	case 1:
		return "%s IN (" + day() + ", " + day() + ")"
	case 2:
		return "%s LIKE '2024-05-0" + rapid.SampledFrom([]string{"1", "_", "2%%", "%%"}).Draw(t, "pattern") + "'"
	case 3:
		return "CAST(%s AS date) > CAST(" + day() + " AS date)"
	case 4:
		return "%s IS NOT NULL"
	case 5:
		return day() + rapid.SampledFrom([]string{" < ", " >= ", " <> "}).Draw(t, "comparison") + "%s"
	}
	return "%s" + rapid.SampledFrom([]string{" = ", " <> ", " < ", " <= ", " > ", " >= "}).Draw(t, "comparison") + day()
}

// A condition on the key gives the same rows as the same condition on a value that can't be pruned by.
func TestPruningLeavesNoRowOut(t *testing.T) {
	_, c := warehouse(t)
	const query = "SELECT count(*), min(distinct_id), max(distinct_id) FROM mp_json_export.mp_master_event e WHERE "
	rapid.Check(t, func(t *rapid.T) {
		cond := condition(t, 2)
		keys := strings.Count(cond, "%s")
		with := func(key string) string {
			args := make([]any, keys)
			for i := range args {
				args[i] = key
			}
			return query + fmt.Sprintf(cond, args...)
		}
		pruned, err := c.try(with(rapid.SampledFrom([]string{"mp_date", "e.mp_date"}).Draw(t, "name")))
		require.NoError(t, err)
		whole, err := c.try(with("(e.mp_date || '')"))
		require.NoError(t, err)
		require.Equal(t, whole, pruned, cond)
	})
}

func TestSessionsWorkSideBySide(t *testing.T) {
	_, c := warehouse(t)
	var wg sync.WaitGroup
	for i := range 8 {
		s := login(t, c.engine, "admin")
		wg.Go(func() {
			for n := range 10 {
				got, err := s.try(fmt.Sprintf("SELECT count(*) FROM mp_json_export.mp_master_event WHERE mp_date <> '2024-05-0%d'", 1+(i+n)%3))
				if err != nil {
					t.Error(err)
					return
				}
				want := []string{"3", "4", "3"}[(i+n)%3]
				if got[0] != want {
					t.Errorf("got %v rows, want %s", got, want)
				}
				if _, err := s.try("SELECT a.query_id FROM sys_query_history a, svv_external_tables b ORDER BY 1 LIMIT 5"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
