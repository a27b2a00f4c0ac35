package parquet

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// filled returns a group that holds about so many bytes.
func filled(p *Pool, bytes int) *Group {
	g := p.Get()
	g.AddColumn(String)
	for range bytes / 1000 {
		g.SetString(0, make([]byte, 1000))
		g.EndRow()
	}
	return g
}

func TestAPoolHoldsNoMoreThanItMayAndForgetsWhatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{MaxHeld: 500_000, MaxIdle: time.Minute}
		idle := func() (groups []*Group) {
			p.mu.Lock()
			defer p.mu.Unlock()
			var held int64
			for _, i := range p.idle {
				groups, held = append(groups, i.Group), held+i.Group.Held()
			}
			require.Equal(t, held, p.held)
			require.LessOrEqual(t, held, p.MaxHeld)
			require.Equal(t, len(groups) > 0, p.timer != nil && held > 0)
			return groups
		}
		a, b, huge := filled(p, 100_000), filled(p, 100_000), filled(p, 1_000_000)
		p.Put(a)
		p.Put(huge)
		p.Put(new(Group))
		require.True(t, slices.Equal([]*Group{a}, idle()), "neither what is too large nor what has no buffers")
		time.Sleep(30 * time.Second)
		p.Put(b)
		require.True(t, slices.Equal([]*Group{a, b}, idle()))
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.True(t, slices.Equal([]*Group{b}, idle()))
		require.Same(t, b, p.Get())
		require.NotSame(t, a, p.Get())
		require.Empty(t, idle())
		p.Put(a)
		for range 5 {
			p.Put(filled(new(Pool), 100_000))
			require.NotEmpty(t, idle())
		}
		require.False(t, slices.Contains(idle(), a), "the longest idle goes first")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Empty(t, idle())
	})
	none := new(Pool)
	none.Put(filled(none, 1000))
	require.Empty(t, none.idle)
}

// TestGroupsOfAPoolAreLikeNewOnes writes files of other columns with the same groups.
func TestGroupsOfAPoolAreLikeNewOnes(t *testing.T) {
	p := &Pool{MaxHeld: 1 << 30}
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.SliceOfN(rapid.SampledFrom(allTypes), 1, 12).Draw(t, "columns")
		rows := make([]row, rapid.IntRange(0, 100).Draw(t, "rows"))
		for i := range rows {
			for _, c := range columns {
				rows[i] = append(rows[i], values(t, c.Type).Draw(t, "value"))
			}
		}
		g, fresh := p.Get(), newGroup(columns)
		if rapid.Bool().Draw(t, "reserved") {
			g.Reserve(rapid.IntRange(0, 20).Draw(t, "columns to come"))
		}
		for _, c := range columns {
			g.AddColumn(c.Type)
		}
		fill(g, rows)
		fill(fresh, rows)
		require.Equal(t, fresh.Bytes(), g.Bytes())
		require.Equal(t, fileOf(t, columns, fresh), fileOf(t, columns, g))
		p.Put(g)
	})
}

func fileOf(t require.TestingT, columns []Column, g *Group) []byte {
	var out bytes.Buffer
	w := NewWriter(&out, columns)
	require.NoError(t, w.WriteGroup(g))
	require.NoError(t, w.Close())
	return out.Bytes()
}
