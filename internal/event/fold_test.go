package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func op(kind Kind, ms int64, properties string) Record {
	var s Scanner
	if _, err := s.Object([]byte(properties), 0); err != nil {
		panic(err)
	}
	return Record{Kind: kind, Time: ms, Name: s.Members[0].RawKey(s.src), Properties: []byte(properties)}
}

func TestOperationsOnAProfile(t *testing.T) {
	quiet := func(text string) string { return strings.TrimSuffix(text, "}") + `,"$ignore_time":true}` }
	big256 := `["` + strings.Repeat("x", 256<<10-6) + `"]`
	for _, c := range []struct {
		name    string
		profile string // "" for none
		ops     []string
		want    string // "" for none
	}{
		{"nothing to do", `{"a":1.10}`, nil, `{"a":1.10}`},
		{"no profile", ``, nil, ``},
		{"$set creates", ``, []string{`{"$set":{"a":1}}`}, `{"a":1}`},
		{"$set of nothing creates", ``, []string{`{"$set":{}}`}, `{}`},
		{"$set overwrites in place", `{"a":1,"b":2}`, []string{`{"$set":{"c":3,"a":"x"}}`}, `{"a":"x","b":2,"c":3}`},
		{"$set_once writes what is absent", `{"a":null}`, []string{`{"$set_once":{"a":1,"b":2}}`}, `{"a":null,"b":2}`},
		{"$add counts absent as 0", ``, []string{`{"$add":{"a":2}}`}, `{"a":2}`},
		{"$add is exact on integers", `{"a":9007199254740993}`, []string{`{"$add":{"a":9007199254740993}}`}, `{"a":18014398509481986}`},
		{"$add is exact on decimals", `{"a":0.1}`, []string{`{"$add":{"a":0.2}}`}, `{"a":0.3}`},
		{"$add subtracts", `{"a":1.50}`, []string{`{"$add":{"a":-2.5}}`}, `{"a":-1}`},
		{"$add of exponents", `{"a":1e3}`, []string{`{"$add":{"a":1.5E-3}}`}, `{"a":1000.0015}`},
		{"$add to nothing but zero", `{"a":-0.0}`, []string{`{"$add":{"a":0}}`}, `{"a":0}`},
		{"$add leaves text alone", `{"a":"1"}`, []string{`{"$add":{"a":1}}`}, `{"a":"1"}`},
		{"$add leaves endless numbers alone", `{"a":1e999999999}`, []string{`{"$add":{"a":1}}`}, `{"a":1e999999999}`},
		{"$union adds what is not there", `{"a":[1,"x",1]}`, []string{`{"$union":{"a":["x",1.0,"y",2,"\u0079"],"b":[3,3e0]}}`}, `{"a":[1,"x",1,"y",2],"b":[3]}`},
		{"$union compares objects without order", `{"a":[{"x":1,"y":[2]}]}`, []string{`{"$union":{"a":[{"y":[2.0],"x":1},{"y":[2],"x":0}]}}`}, `{"a":[{"x":1,"y":[2]},{"y":[2],"x":0}]}`},
		{"$union leaves what is no list alone", `{"a":"x"}`, []string{`{"$union":{"a":["y"]}}`}, `{"a":"x"}`},
		{"$append pushes", `{"a":[]}`, []string{`{"$append":{"a":1}}`, `{"$append":{"a":1}}`, `{"$append":{"a":[2]}}`}, `{"a":[1,1,[2]]}`},
		{"$append creates", ``, []string{`{"$append":{"a":"x"}}`}, `{"a":["x"]}`},
		{"$append leaves what is no list alone", `{"a":{}}`, []string{`{"$append":{"a":1}}`}, `{"a":{}}`},
		{"$append leaves its neighbours alone", `{"a":[],"b":2,"c":[3],"d":4}`, []string{`{"$append":{"a":"longer than what follows","c":5}}`}, `{"a":["longer than what follows"],"b":2,"c":[3,5],"d":4}`},
		{"$append ends at the size of a list", `{"a":` + big256 + `}`, []string{`{"$append":{"a":"xx"}}`}, `{"a":` + big256 + `}`},
		{"$remove takes all of a value", `{"a":[1,"x",1.0,"\u0078"]}`, []string{`{"$remove":{"a":1}}`, `{"$remove":{"a":"x"}}`}, `{"a":[]}`},
		{"$remove of what is not there", `{"a":[1]}`, []string{`{"$remove":{"a":2,"b":1}}`}, `{"a":[1]}`},
		{"$remove leaves what is no list alone", `{"a":1}`, []string{`{"$remove":{"a":1}}`}, `{"a":1}`},
		{"$remove does not create", ``, []string{`{"$remove":{"a":1}}`}, ``},
		{"$unset removes", `{"a":1,"b":2,"c":3}`, []string{`{"$unset":["a","c","x"]}`}, `{"b":2}`},
		{"$unset does not create", ``, []string{`{"$unset":["a"]}`}, ``},
		{"$unset leaves an empty profile", `{"a":1}`, []string{`{"$unset":["a"]}`}, `{}`},
		{"a property set again moves to the end", `{"a":1,"b":2}`, []string{`{"$unset":["a"]}`, `{"$set":{"a":3}}`}, `{"b":2,"a":3}`},
		{"$delete removes the profile", `{"a":1}`, []string{`{"$delete":""}`}, ``},
		{"a profile after its deletion is new", `{"a":1}`, []string{`{"$delete":""}`, `{"$set":{"b":1}}`}, `{"b":1}`},
		{"names in any spelling are one", `{"a":1}`, []string{`{"$set":{"\u0061":2}}`, `{"$unset":["\u0061"]}`}, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var profile []byte
			if c.profile != "" {
				profile = []byte(c.profile)
			}
			var ops []Record
			for _, text := range c.ops {
				ops = append(ops, op(KindProfile, testNow, quiet(text)))
			}
			got, err := FoldProfile(profile, ops)
			require.NoError(t, err)
			require.Equal(t, c.want == "", got == nil)
			require.Equal(t, c.want, string(got))
		})
	}
}

func TestAFoldKeepsNoReferenceToAnOperation(t *testing.T) {
	var fold ProfileFold
	require.NoError(t, fold.Reset([]byte(`{"a":1}`)))
	r := op(KindGroup, 0, `{"$set":{"a":"new"}}`)
	require.NoError(t, fold.Apply(&r))
	clear(r.Properties)
	require.Equal(t, `{"a":"new"}`, string(fold.Properties(nil)))
}

func TestLastSeenIsTheTimeOfTheLastOperation(t *testing.T) {
	for _, c := range []struct {
		name, op, want string
		kind           Kind
	}{
		{"it is set", `{"$set":{"a":1}}`, `{"x":1,"$last_seen":"2026-05-01T00:00:00","a":1}`, KindProfile},
		{"by every operator", `{"$remove":{"a":1}}`, `{"x":1,"$last_seen":"2026-05-01T00:00:00"}`, KindProfile},
		{"not with $ignore_time", `{"$set":{"a":1},"$ignore_time":true}`, `{"x":1,"$last_seen":"old","a":1}`, KindProfile},
		{"not with $ignore_time as text", `{"$set":{"a":1},"$ignore_time":"true"}`, `{"x":1,"$last_seen":"old","a":1}`, KindProfile},
		{"with $ignore_time switched off", `{"$set":{},"$ignore_time":false}`, `{"x":1,"$last_seen":"2026-05-01T00:00:00"}`, KindProfile},
		{"with $ignore_time of 0", `{"$set":{},"$ignore_time":0.0}`, `{"x":1,"$last_seen":"2026-05-01T00:00:00"}`, KindProfile},
		{"not when the client sets it", `{"$set":{"$last_seen":"mine"}}`, `{"x":1,"$last_seen":"mine"}`, KindProfile},
		{"not when the client removes it", `{"$unset":["$last_seen"]}`, `{"x":1}`, KindProfile},
		{"not for groups", `{"$set":{"a":1}}`, `{"x":1,"$last_seen":"old","a":1}`, KindGroup},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := FoldProfile([]byte(`{"x":1,"$last_seen":"old"}`), []Record{op(c.kind, testNow+999, c.op)})
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}
}

func TestAProfileHasAMostOfProperties(t *testing.T) {
	var fold ProfileFold
	require.NoError(t, fold.Reset(nil))
	for i := range MaxProfileProperties + 5 {
		require.NoError(t, fold.Apply(&Record{Kind: KindGroup, Name: []byte("$set"), Properties: fmt.Appendf(nil, `{"$set":{"p%d":1}}`, i)}))
	}
	require.NoError(t, fold.Apply(&Record{Kind: KindGroup, Name: []byte("$set"), Properties: []byte(`{"$set":{"p0":2,"late":1}}`)}))
	var got map[string]int
	require.NoError(t, json.Unmarshal(fold.Properties(nil), &got))
	require.Len(t, got, MaxProfileProperties)
	require.Equal(t, 2, got["p0"])
}

func TestWhatIsNoOperationIsAnError(t *testing.T) {
	_, err := FoldProfile([]byte(`[]`), nil)
	require.EqualError(t, err, "reading a profile: invalid JSON at byte 0: expected an object")
	for properties, want := range map[string]string{
		`{"$set":`:       "reading a profile operation: invalid JSON at byte 8: unexpected end of text",
		`{"$unset":[]}`:  `reading a profile operation: no operator "$set" in "{\"$unset\":[]}"`,
		`{"$set":["a"]}`: "reading a profile operation's $set: invalid JSON at byte 8: expected an object",
	} {
		_, err := FoldProfile(nil, []Record{{Kind: KindProfile, Name: []byte("$set"), Properties: []byte(properties)}})
		require.EqualError(t, err, want)
	}
}

// model is the fold as one would write it without regard to speed, order or
// spelling: values are decoded, numbers are *big.Rat.
type model struct {
	exists bool
	values map[string]any
}

func decode(t require.TestingT, text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return exact(v)
}

func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(v.String())
		if !ok {
			panic(v)
		}
		return r.RatString()
	case string:
		return "text " + v
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(v[k])
		}
	}
	return v
}

func (m *model) apply(t require.TestingT, r *Record) {
	update := decode(t, r.Properties).(map[string]any)
	payload := update[string(r.Name)]
	operator := Operator(r.Name)
	if operator == OpDelete {
		*m = model{values: map[string]any{}}
		return
	}
	if operator != OpUnset && operator != OpRemove {
		m.exists = true
	}
	if !m.exists {
		return
	}
	_, quiet := update["$ignore_time"]
	if !quiet {
		m.values[lastSeen] = "text " + time.UnixMilli(r.Time).UTC().Format("2006-01-02T15:04:05")
	}
	if operator == OpUnset {
		for _, name := range payload.([]any) {
			delete(m.values, strings.TrimPrefix(name.(string), "text "))
		}
		return
	}
	contains := func(list []any, v any) bool {
		for _, have := range list {
			if reflect.DeepEqual(have, v) {
				return true
			}
		}
		return false
	}
	for name, v := range payload.(map[string]any) {
		old, present := m.values[name]
		list, isList := old.([]any)
		switch operator {
		case OpSet:
			m.values[name] = v
		case OpSetOnce:
			if !present {
				m.values[name] = v
			}
		case OpAdd:
			if !present {
				old = "0"
			}
			number, _ := old.(string)
			a, ok := new(big.Rat).SetString(number)
			b, ok2 := new(big.Rat).SetString(v.(string))
			if ok && ok2 {
				m.values[name] = a.Add(a, b).RatString()
			}
		case OpAppend:
			if isList || !present {
				m.values[name] = append(append([]any{}, list...), v)
			}
		case OpUnion:
			if isList || !present {
				list = append([]any{}, list...)
				for _, v := range v.([]any) {
					if !contains(list, v) {
						list = append(list, v)
					}
				}
				m.values[name] = list
			}
		case OpRemove:
			if isList {
				left := []any{}
				for _, have := range list {
					if !reflect.DeepEqual(have, v) {
						left = append(left, have)
					}
				}
				m.values[name] = left
			}
		}
	}
}

// drawOperation draws an operation on few names and values, so that they meet.
func drawOperation(t *rapid.T) Record {
	name := func() string { return rapid.SampledFrom([]string{`"a"`, `"b"`, `"c\u0031"`, `"c1"`}).Draw(t, "name") }
	number := func() string {
		return rapid.SampledFrom([]string{"1", "1.0", "-0.3", "1e2", "100", "9007199254740993", "0", "25e-2"}).Draw(t, "number")
	}
	value := func() string {
		return rapid.OneOf(
			rapid.Just(""), rapid.SampledFrom([]string{`"x"`, `"\u0078"`, `null`, `true`, `[]`, `[1,"x"]`, `{"k":1,"l":2}`, `{"l":2.0,"k":1}`, `[1,1,"x"]`}),
		).Draw(t, "value")
	}
	orNumber := func(v string) string {
		if v == "" {
			return number()
		}
		return v
	}
	operator := rapid.SampledFrom([]Operator{OpSet, OpSetOnce, OpAdd, OpUnion, OpAppend, OpRemove, OpUnset, OpSet, OpUnion, OpDelete}).Draw(t, "operator")
	payload := ""
	switch operator {
	case OpDelete:
		payload = `""`
	case OpUnset:
		payload = "[" + name() + "," + name() + "]"
	case OpAdd:
		payload = "{" + name() + ":" + number() + "}"
	case OpUnion:
		payload = "{" + name() + ":[" + orNumber(value()) + "," + orNumber(value()) + "]}"
	default:
		payload = "{" + name() + ":" + orNumber(value()) + "}"
	}
	text := `{"` + string(operator) + `":` + payload
	if rapid.Bool().Draw(t, "quiet") {
		text += `,"$ignore_time":true`
	}
	return op(KindProfile, testNow+rapid.Int64Range(0, 1e9).Draw(t, "time"), text+"}")
}

func TestTheFoldAgreesWithASlowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{values: map[string]any{}}
		var ops []Record
		var profile []byte
		for range rapid.IntRange(0, 12).Draw(t, "operations") {
			r := drawOperation(t)
			ops = append(ops, r)
			m.apply(t, &r)
			var err error
			profile, err = FoldProfile(profile, []Record{r})
			require.NoError(t, err)
			require.Equal(t, m.exists, profile != nil)
			if m.exists {
				require.Equal(t, any(m.values), decode(t, profile), "%s", profile)
			}
		}
		// Snapshots between the operations change nothing, not even the order.
		whole, err := FoldProfile(nil, ops)
		require.NoError(t, err)
		require.Equal(t, string(profile), string(whole))
		require.Equal(t, profile == nil, whole == nil)
	})
}

func FuzzProfileFold(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x"],"b":1.5}`), []byte(`{"$union":{"a":["x",2]}}`), uint8(3))
	f.Add([]byte(`{"a":[ 1 , {"k":"\ud800"} ]}`), []byte(`{"$remove":{"a":{"k":"\ud800"}}}`), uint8(5))
	f.Add([]byte(`{"a":1e399}`), []byte(`{"$add":{"a":1e-399}}`), uint8(2))
	operators := []Operator{OpSet, OpSetOnce, OpAdd, OpUnion, OpAppend, OpRemove, OpUnset, OpDelete}
	f.Fuzz(func(t *testing.T, profile, update []byte, which uint8) {
		r := Record{Kind: KindProfile, Time: testNow, Name: []byte(operators[int(which)%len(operators)]), Properties: update}
		once, err := FoldProfile(profile, []Record{r})
		if err != nil {
			return
		}
		require.True(t, once == nil || json.Valid(once), "%q", once)
		// Setting, removing and uniting twice is the same as once.
		switch Operator(r.Name) {
		case OpAdd, OpAppend:
			return
		}
		twice, err := FoldProfile(once, []Record{r})
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

func TestDecimalSumsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) (string, *big.Rat) {
			text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`).Draw(t, label)
			r, ok := new(big.Rat).SetString(text)
			require.True(t, ok)
			return text, r
		}
		a, ra := draw("a")
		b, rb := draw("b")
		da, ok := parseDecimal([]byte(a))
		require.True(t, ok)
		db, ok := parseDecimal([]byte(b))
		require.True(t, ok)
		sum := da.add(db).append(nil)
		require.True(t, json.Valid(sum), "%s", sum)
		got, ok := new(big.Rat).SetString(string(sum))
		require.True(t, ok)
		require.Zero(t, got.Cmp(ra.Add(ra, rb)), "%s + %s = %s", a, b, sum)
		require.Regexp(t, `^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`, string(sum))
	})
}

func TestEqualNumbersHaveOneCanonicalText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,2})?([eE][+-]?[0-3])?`)
		a, b := pattern.Draw(t, "a"), pattern.Draw(t, "b")
		ra, _ := new(big.Rat).SetString(a)
		rb, _ := new(big.Rat).SetString(b)
		ca, cb := appendCanonicalNumber(nil, []byte(a)), appendCanonicalNumber(nil, []byte(b))
		require.Equal(t, ra.Cmp(rb) == 0, bytes.Equal(ca, cb), "%s %s", ca, cb)
	})
}
