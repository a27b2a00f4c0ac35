package event

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// operations takes one update through a Batch and a Normalizer.
func operations(t require.TestingT, text string, kind Kind, p Policy) ([]Record, error) {
	var b Batch
	b.Reset([]byte(text), "")
	require.True(t, b.Next())
	require.NoError(t, b.Err(), text)
	var n Normalizer
	if kind == KindGroup {
		return n.Group(nil, &b, &p)
	}
	return n.Profile(nil, &b, &p)
}

func TestAnUpdateBecomesARecordPerOperator(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       Kind
		want       []string // operator group/id properties
	}{
		{
			"$set", `{"$token":"T","$distinct_id":"u","$set":{"a":1.10,"b":[1, 2]},"$ignore_time":true,"$ip":"0","$device_id":"d"}`, KindProfile,
			[]string{`$set /u {"$set":{"a":1.10,"b":[1,2]},"$ignore_time":true,"$device_id":"d"}`},
		},
		{"$set_once", `{"$distinct_id":12,"$set_once":{"a":"\ud800"}}`, KindProfile, []string{`$set_once /12 {"$set_once":{"a":"\ufffd"}}`}},
		{"$add", `{"$distinct_id":"u","$add":{"a":-1.5,"b":1e3}}`, KindProfile, []string{`$add /u {"$add":{"a":-1.5,"b":1e3}}`}},
		{"$union of a list", `{"$distinct_id":"u","$union":{"a":["x",1]}}`, KindProfile, []string{`$union /u {"$union":{"a":["x",1]}}`}},
		{"$union of a single value", `{"$distinct_id":"u","$union":{"a":"x"}}`, KindProfile, []string{`$union /u {"$union":{"a":["x"]}}`}},
		{"$append", `{"$distinct_id":"u","$append":{"a":{"b":1}}}`, KindProfile, []string{`$append /u {"$append":{"a":{"b":1}}}`}},
		{"$remove", `{"$distinct_id":"u","$remove":{"a":"x"}}`, KindProfile, []string{`$remove /u {"$remove":{"a":"x"}}`}},
		{"$unset", `{"$distinct_id":"u","$unset":["a" , "\u0062"]}`, KindProfile, []string{`$unset /u {"$unset":["a","b"]}`}},
		{"$unset of a single name", `{"$distinct_id":"u","$unset":"a"}`, KindProfile, []string{`$unset /u {"$unset":["a"]}`}},
		{"$unset of nothing", `{"$distinct_id":"u","$unset":[]}`, KindProfile, []string{`$unset /u {"$unset":[]}`}},
		{
			"$delete with anything", `{"$distinct_id":"u","$delete":{"x":[1]},"$ignore_alias":true}`, KindProfile,
			[]string{`$delete /u {"$delete":"","$ignore_alias":true}`},
		},
		{
			"several operators", `{"$set":{"a":1},"$distinct_id":"u","$unset":["b"],"$ignore_time":1}`, KindProfile,
			[]string{`$set /u {"$set":{"a":1},"$ignore_time":1}`, `$unset /u {"$unset":["b"],"$ignore_time":1}`},
		},
		{"the last of a repeated operator", `{"$set":{"a":1},"$distinct_id":"u","$set":{"b":2}}`, KindProfile, []string{`$set /u {"$set":{"b":2}}`}},
		{"the last of a repeated property", `{"$set":{"a":1,"b":2,"\u0061":3},"$distinct_id":"u"}`, KindProfile, []string{`$set /u {"$set":{"b":2,"\u0061":3}}`}},
		{
			"strings cut off", `{"$set":{"a":"` + strings.Repeat("é", 256) + `"},"$distinct_id":"u"}`, KindProfile,
			[]string{`$set /u {"$set":{"a":"` + strings.Repeat("é", 255) + `"}}`},
		},
		{
			"a group", `{"$token":"T","$group_key":"company","$group_id":"acme","$set":{"a":1}}`, KindGroup,
			[]string{`$set company/acme {"$set":{"a":1}}`},
		},
		{"a group's number", `{"$group_key":"company","$group_id":7,"$add":{"a":1}}`, KindGroup, []string{`$add company/7 {"$add":{"a":1}}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, err := operations(t, c.text, c.kind, TrackPolicy(testNow, Simplified))
			require.NoError(t, err)
			var got []string
			for _, r := range records {
				require.Equal(t, c.kind, r.Kind)
				require.Equal(t, []int64{testNow, testNow}, []int64{r.Time, r.Received})
				require.True(t, json.Valid(r.Properties))
				got = append(got, fmt.Sprintf("%s %s/%s %s", r.Name, r.GroupKey, r.DistinctID, r.Properties))
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestUpdatesThatCannotBeTaken(t *testing.T) {
	many := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(`"p%d":%d`, i, i))
		}
		return strings.Join(parts, ",")
	}
	user := func(rest string) string { return `{"$distinct_id":"u",` + rest + `}` }
	for _, c := range []struct {
		name, text     string
		kind           Kind
		field, message string
	}{
		{"no id", `{"$set":{}}`, KindProfile, "$distinct_id", `$distinct_id, missing or empty`},
		{"an empty id", `{"$distinct_id":"","$set":{}}`, KindProfile, "$distinct_id", `$distinct_id, missing or empty`},
		{"an id that is no string", `{"$distinct_id":[1],"$set":{}}`, KindProfile, "$distinct_id", `$distinct_id is invalid: must be a string`},
		{"an id that is not UTF-8", "{\"$distinct_id\":\"\xff\",\"$set\":{}}", KindProfile, "$distinct_id", `$distinct_id is invalid: string should be valid utf8`},
		{"a disallowed id", `{"$distinct_id":"undefined","$set":{}}`, KindProfile, "$distinct_id", `$distinct_id is invalid: "undefined" is not allowed`},
		{"no group key", `{"$group_id":"a","$set":{}}`, KindGroup, "$group_key", `$group_key, missing or empty`},
		{"no group id", `{"$group_key":"a","$set":{}}`, KindGroup, "$group_id", `$group_id, missing or empty`},
		{"no operator", user(`"$sett":{}`), KindProfile, "", `update is invalid: must have one of $set, $set_once, $add, $union, $append, $remove, $unset, $delete`},
		{"a good operator before a bad one", user(`"$set":{"a":1},"$add":{"a":"x"}`), KindProfile, "$add.a", `'$add.a' is invalid: must be a number`},
		{"$append for groups", `{"$group_key":"a","$group_id":"b","$append":{"a":1}}`, KindGroup, "$append", `'$append' is invalid: is not supported for groups`},
		{"$set of no object", user(`"$set":["a"]`), KindProfile, "$set", `'$set' is invalid: must be an object`},
		{"$remove of no object", user(`"$remove":"a"`), KindProfile, "$remove", `'$remove' is invalid: must be an object`},
		{"$add of a text", user(`"$add":{"a":"1"}`), KindProfile, "$add.a", `'$add.a' is invalid: must be a number`},
		{"$add of an endless number", user(`"$add":{"a":1e999999999}`), KindProfile, "$add.a", `'$add.a' is invalid: must be a number of at most 400 digits`},
		{"$union of an empty list", user(`"$union":{"a":[ ]}`), KindProfile, "$union.a", `'$union.a' is invalid: must be a list that is not empty`},
		{"$unset of an object", user(`"$unset":{"a":1}`), KindProfile, "$unset", `'$unset' is invalid: must be a list of property names`},
		{"$unset of a number", user(`"$unset":["a",1]`), KindProfile, "$unset", `'$unset' is invalid: must be a list of property names`},
		{"objects nested too deep", user(`"$set":{"a":{"b":{"c":{"d":{}}}}}`), KindProfile, "$set.a", `'$set.a' is invalid: must not nest objects deeper than 3 levels`},
		{"text that is not UTF-8", user("\"$set\":{\"a\":\"\xff\"}"), KindProfile, "$set.a", `$set.a is invalid: string should be valid utf8`},
		{"names that are not UTF-8", user("\"$unset\":[\"\xff\"]"), KindProfile, "$unset", `$unset is invalid: string should be valid utf8`},
		{"a list that is too large", user(`"$set":{"a":["` + strings.Repeat("x", 256<<10) + `"]}`), KindProfile, "$set.a", `'$set.a' is invalid: must be at most 262144 bytes`},
		{"too many properties", user(`"$set":{` + many(2001) + `}`), KindProfile, "$set", `'$set' is invalid: must have at most 2000 properties`},
		{"too many members", user(many(64)), KindProfile, "", `update is invalid: must have at most 64 members`},
		{"an update that is too large", user(`"$set":{"a":"` + strings.Repeat("x", 1<<20) + `"}`), KindProfile, "", `update is invalid: must be smaller than 1048576 bytes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, err := operations(t, c.text, c.kind, TrackPolicy(testNow, Simplified))
			var invalid *Invalid
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, Invalid{Field: c.field, Message: c.message}, *invalid)
			require.Empty(t, records)
		})
	}
}

func TestProfilesAreLocatedBySetOnly(t *testing.T) {
	p := TrackPolicy(testNow, Simplified)
	p.Geo = fixedPlace{City: "Köln", Country: "DE", Timezone: "Europe/Berlin"}
	p.IP, p.UseIP = netip.MustParseAddr("192.0.2.1"), true
	properties := func(text string, kind Kind) string {
		records, err := operations(t, text, kind, p)
		require.NoError(t, err)
		return string(records[0].Properties)
	}
	place := `"$city":"Köln","$country_code":"DE","$timezone":"Europe/Berlin"`
	require.Equal(t, `{"$set":{"a":1,`+place+`}}`, properties(`{"$distinct_id":"u","$set":{"a":1}}`, KindProfile))
	require.Equal(t, `{"$set":{`+place+`}}`, properties(`{"$distinct_id":"u","$set":{},"$ip":"192.0.2.9"}`, KindProfile))
	require.Equal(t, `{"$set":{"a":1}}`, properties(`{"$distinct_id":"u","$set":{"a":1},"$ip":"0"}`, KindProfile))
	require.Equal(t, `{"$set":{"$city":"Bonn","$country_code":"DE","$timezone":"Europe/Berlin"}}`,
		properties(`{"$distinct_id":"u","$set":{"$city":"Bonn"},"$ip":null}`, KindProfile))
	require.Equal(t, `{"$set_once":{"a":1}}`, properties(`{"$distinct_id":"u","$set_once":{"a":1}}`, KindProfile))
	require.Equal(t, `{"$set":{"a":1}}`, properties(`{"$group_key":"k","$group_id":"u","$set":{"a":1}}`, KindGroup))
}

// checkProfile takes any body through Profile; what comes out must be stable
// and fit for a fold.
func checkProfile(t require.TestingT, body []byte, kind Kind) {
	p := TrackPolicy(testNow, Simplified)
	var b Batch
	var n Normalizer
	var fold ProfileFold
	require.NoError(t, fold.Reset(nil))
	for b.Reset(body, ""); b.Next(); {
		if b.Err() != nil {
			continue
		}
		take := n.Profile
		if kind == KindGroup {
			take = n.Group
		}
		records, err := take(nil, &b, &p)
		if err != nil {
			require.IsType(t, &Invalid{}, err)
			continue
		}
		for i := range records {
			r := &records[i]
			require.True(t, json.Valid(r.Properties), "%q", r.Properties)
			again, err := operations(t, asUpdate(r), kind, p)
			require.NoError(t, err, asUpdate(r))
			require.Len(t, again, 1)
			require.Equal(t, render(*r), render(again[0]))
			require.NoError(t, fold.Apply(r))
		}
	}
	if properties := fold.Properties(nil); properties != nil {
		require.True(t, json.Valid(properties), "%q", properties)
		again, err := FoldProfile(properties, nil)
		require.NoError(t, err)
		require.Equal(t, string(properties), string(again))
	}
}

func asUpdate(r *Record) string {
	dst := []byte{'{'}
	if r.Kind == KindGroup {
		dst = AppendStringMember(dst, "$group_key", r.GroupKey)
		dst = AppendStringMember(dst, "$group_id", r.DistinctID)
	} else {
		dst = AppendStringMember(dst, "$distinct_id", r.DistinctID)
	}
	return string(append(append(dst, ','), r.Properties[1:]...))
}

func FuzzProfile(f *testing.F) {
	f.Add([]byte(`{"$token":"T","$distinct_id":"u","$set":{"a":1.10},"$ignore_time":true}{"$distinct_id":"u","$add":{"a":2e-3}}`), false)
	f.Add([]byte(`[{"$distinct_id":"u","$union":{"a":[1,"x",1.0]},"$remove":{"a":1},"$unset":["b"]},{"$distinct_id":1,"$delete":1}]`), false)
	f.Add([]byte(`{"$group_key":"k","$group_id":"g","$set":{"\u0061":[ 1 ],"a":"\ud800"},"$x":"\ud800"}`), true)
	f.Fuzz(func(t *testing.T, body []byte, group bool) {
		kind := KindProfile
		if group {
			kind = KindGroup
		}
		checkProfile(t, body, kind)
	})
}

func TestUpdatesKeepTheirPromises(t *testing.T) {
	names := []string{"$set", "$set_once", "$add", "$union", "$append", "$remove", "$unset", "$delete", "$ignore_time", "$ip"}
	rapid.Check(t, func(t *rapid.T) {
		g := jsonGen{t, true}
		update := strings.TrimSpace(g.object(3, names))
		update = strings.TrimSpace(strings.TrimSuffix(update, "}"))
		if update != "{" {
			update += ","
		}
		update += `"$distinct_id":` + g.string() + `,"$set":` + g.object(3, []string{"a", "b"}) + `}`
		checkProfile(t, []byte(update), KindProfile)
	})
}
