package faulttest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheScriptComesBeforeChance(t *testing.T) {
	var p Plan[string]
	only := func(name string) func(string, string) bool {
		return func(operation, object string) bool { return operation == name && object == "o" }
	}
	p.Add("first", only("put"), 1, 0)
	p.Add("second", only("put"), 0, 2)
	p.Add("always", only("get"), 0, -1)
	p.Random(1, 1, func(operation, _ string) bool { return operation == "list" }, "chance")
	var got []string
	for _, call := range []string{"put", "put", "put", "put", "get", "get", "list"} {
		fault, befallen := p.Next(call, "o")
		require.Equal(t, befallen, fault != "")
		got = append(got, fault)
	}
	require.Equal(t, []string{"second", "first", "second", "chance", "always", "always", ""}, got)
	fault, _ := p.Next("put", "another")
	require.Equal(t, "chance", fault)
	require.Empty(t, p.Pending())
	require.Equal(t, []int{5, 8, 5, 7}, []int{p.Calls("put"), p.Calls(""), p.Injected("put"), p.Injected("")})
	require.Equal(t, map[string]int{"put": 5, "get": 2, "list": 1}, p.Counts())
}

func TestAFaultIsPendingUntilItHasBefallenItsCalls(t *testing.T) {
	var p Plan[string]
	all := func(string, string) bool { return true }
	p.Add("twice", all, 0, 2)
	p.Add("for ever", all, 0, -1)
	require.Equal(t, []string{"twice"}, p.Pending())
	p.Next("put", "")
	require.Equal(t, []string{"twice"}, p.Pending())
	p.Next("put", "")
	require.Empty(t, p.Pending())
}

func TestTheSameSeedGivesTheSameFaults(t *testing.T) {
	faults := func(seed uint64) (all []string) {
		var p Plan[string]
		p.Random(seed, 0.5, func(string, string) bool { return false }, "a", "b")
		for range 40 {
			fault, _ := p.Next("put", "")
			all = append(all, fault)
		}
		return all
	}
	require.Equal(t, faults(1), faults(1))
	require.NotEqual(t, faults(1), faults(2))
}
