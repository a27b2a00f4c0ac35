package identity

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

func TestIdentityOperations(t *testing.T) {
	type step func(*Clusters)
	identify := func(id, anon string) step { return func(c *Clusters) { c.Identify(id, anon) } }
	alias := func(id, alias string) step { return func(c *Clusters) { c.Alias(id, alias) } }
	merge := func(a, b string) step { return func(c *Clusters) { c.Merge(a, b) } }
	for name, test := range map[string]struct {
		steps []step
		want  map[string]string
	}{
		"an anonymous id resolves to the identified one": {[]step{identify("user", "anon")}, map[string]string{"anon": "user", "user": "user"}},
		"an anonymous id that is tied already stays":     {[]step{identify("u1", "anon"), identify("u2", "anon")}, map[string]string{"anon": "u1", "u2": "u2"}},
		"an identified id may be an alias":               {[]step{alias("first", "user"), identify("user", "anon")}, map[string]string{"user": "first", "anon": "first"}},
		"an alias is for one id only":                    {[]step{alias("a", "x"), alias("b", "x")}, map[string]string{"x": "a", "b": "b"}},
		"the first id of a merge stays":                  {[]step{identify("u1", "a1"), identify("u2", "a2"), merge("u2", "u1")}, map[string]string{"u1": "u2", "a1": "u2", "a2": "u2"}},
		"a merge of the merged changes nothing":          {[]step{merge("a", "b"), merge("b", "a")}, map[string]string{"b": "a", "a": "a"}},
		"an id cannot be tied to itself":                 {[]step{merge("a", "a"), identify("", "b")}, map[string]string{"a": "a", "b": "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewClusters()
			for _, s := range test.steps {
				s(c)
			}
			for id, want := range test.want {
				require.Equal(t, want, c.Resolve(id), id)
			}
		})
	}
}

func TestAClusterHasAtMost500Ids(t *testing.T) {
	c := NewClusters()
	for i := range MaxCluster + 10 {
		c.Identify("user", fmt.Sprint("anon", i))
	}
	n := 0
	c.All(func(_, canonical string) {
		require.Equal(t, "user", canonical)
		n++
	})
	require.Equal(t, MaxCluster-1, n)
	c.Merge("other", "user")
	require.Equal(t, "user", c.Resolve("user"))
}

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		verb, distinctID, properties string
		first, second                string
		ok                           bool
	}{
		"identify as the API says":              {"$identify", "x", `{"$identified_id":"u","$anon_id":"a"}`, "u", "a", true},
		"identify as the JavaScript client":     {"$identify", "u", `{"$anon_distinct_id":"a"}`, "u", "a", true},
		"identify without an anonymous id":      {"$identify", "u", `{}`, "u", "", false},
		"alias":                                 {"$create_alias", "u", `{"alias":"\u0061"}`, "u", "a", true},
		"merge":                                 {"$merge", "", `{"$distinct_ids":["a","b"]}`, "a", "b", true},
		"merge of three":                        {"$merge", "", `{"$distinct_ids":["a","b","c"]}`, "", "", false},
		"merge of no list":                      {"$merge", "", `{"$distinct_ids":"a"}`, "", "", false},
		"an id that is a number keeps its text": {"$identify", "", `{"$identified_id":12345678901234567890,"$anon_id":"a"}`, "12345678901234567890", "a", true},
		"what is no JSON":                       {"$merge", "", `nope`, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			var scan event.Scanner
			op, ok := Parse(&scan, []byte(test.verb), []byte(test.distinctID), []byte(test.properties))
			require.Equal(t, test.ok, ok)
			if ok {
				require.Equal(t, Operation{test.verb, test.first, test.second}, op)
			}
		})
	}
}
