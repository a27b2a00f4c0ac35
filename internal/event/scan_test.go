package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// nesting returns how deep brackets outside strings nest in valid JSON.
func nesting(text []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// checkScan holds the scanner against encoding/json.
func checkScan(t require.TestingT, text []byte) {
	before := bytes.Clone(text)
	var s Scanner
	f, err := s.Value(text, 0)
	valid := json.Valid(text)
	whole := err == nil && len(bytes.TrimLeft(text[f.ValEnd:], " \t\r\n")) == 0
	if valid && nesting(text) > MaxDepth {
		require.Error(t, err)
		return
	}
	require.Equal(t, valid, whole, "%q: %v", text, err)
	require.Equal(t, before, text, "the scanner must not write")
	if err != nil {
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.LessOrEqual(t, syntax.Offset, len(text))
		return
	}
	if !whole {
		return
	}
	raw := f.Raw(text)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, raw))
	require.Equal(t, f.Flags&Spaced != 0, compact.Len() != len(raw), "%q", raw)
	checkCompact(t, raw)
	switch f.Kind {
	case Object:
		checkObject(t, text)
	case Array:
		var want []json.RawMessage
		require.NoError(t, json.Unmarshal(text, &want))
		end, err := s.Array(text, 0)
		require.NoError(t, err)
		require.Equal(t, int(f.ValEnd), end)
		require.Len(t, s.Members, len(want))
		for i := range want {
			require.Equal(t, string(want[i]), string(s.Members[i].Raw(text)))
		}
	case String:
		var want string
		require.NoError(t, json.Unmarshal(raw, &want))
		if f.Flags&BadUTF8 == 0 {
			require.Equal(t, want, string(f.AppendText(nil, text)))
			require.True(t, unescapedEqual(raw[1:len(raw)-1], want))
			require.False(t, unescapedEqual(raw[1:len(raw)-1], want+"x"))
		}
		require.Equal(t, strings.Contains(want, "\ufffd"), f.Flags&(BadUTF8|LoneSurrogate) != 0 || literalReplacement(raw), "%q", raw)
	}
}

// literalReplacement reports whether U+FFFD itself stands in the string.
func literalReplacement(raw []byte) bool {
	return bytes.Contains(raw, []byte("\ufffd")) || bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`))
}

// checkObject reads valid text of an object with both parsers. Keys that are
// not UTF-8 become equal in encoding/json, so such texts are left alone.
func checkObject(t require.TestingT, text []byte) {
	var s Scanner
	_, err := s.Object(text, 0)
	require.NoError(t, err)
	got := map[string]string{}
	for i := range s.Members {
		f := &s.Members[i]
		if f.Flags&BadUTF8 != 0 {
			return
		}
		key := string(f.AppendKey(nil, text))
		require.True(t, f.KeyIs(text, key))
		require.False(t, f.KeyIs(text, key+"x"))
		got[key] = string(f.Raw(text))
	}
	var want map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &want))
	require.Len(t, got, len(want))
	for key, raw := range want {
		require.Equal(t, string(raw), got[key])
	}
}

func checkCompact(t require.TestingT, raw []byte) {
	compact := AppendCompact(nil, raw)
	require.True(t, json.Valid(compact), "%q from %q", compact, raw)
	require.Equal(t, compact, AppendCompact(nil, compact))
	var before, after any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	require.NoError(t, d.Decode(&before))
	d = json.NewDecoder(bytes.NewReader(compact))
	d.UseNumber()
	require.NoError(t, d.Decode(&after))
	require.Equal(t, before, after)
	var s Scanner
	f, err := s.Value(compact, 0)
	require.NoError(t, err)
	require.Zero(t, f.Flags&(Spaced|LoneSurrogate))
}

var scanSeeds = []string{
	`{}`, `[]`, ` { "a" : [ 1 , 2.50 , -0e+1 , { } ] , "b\u0041":"\ud83d\ude00\ud800" } `, `"\ud800\udc00\udc00"`, `01`, `1.`, `-`, `1e`, `.5`, `+1`,
	`"\x"`, `"\u12g4"`, "\"\x00\"", "\"\xff\"", `"unfinished`, `{"a":1,}`, `[1,]`, `{"a"}`, `{1:2}`, `nul`, `truex`, `tru`, "\ufeff{}", ``, ` `, `{"a":1}{"b":2}`,
	`"12345678\"12345678é12345678"`, `[[[[[[[[[[]]]]]]]]]]`, `"\`, `"\u`, `"\u123`, "\"1234567\x1f\"", `1e400`, `9007199254740993`, `"é\"é"`,
}

func FuzzScan(f *testing.F) {
	for _, seed := range scanSeeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(strings.Repeat("[", 200) + strings.Repeat("]", 200)))
	f.Fuzz(func(t *testing.T, text []byte) { checkScan(t, text) })
}

func TestScannerAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := jsonGen{t, true}.value(4)
		checkScan(t, []byte(mutate(t, text)))
	})
}

// Strings are read eight bytes at a time; every place of every special byte
// in the words must be found.
func TestEveryByteAtEveryPlaceInAString(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				text := []byte(`"` + strings.Repeat("x", length) + `"`)
				text[1+at] = byte(c)
				checkScan(t, text)
				text = append([]byte(`"é`), text[1:]...)
				checkScan(t, text)
			}
		}
	}
}

func TestObjectStartsWhereItIsToldTo(t *testing.T) {
	var s Scanner
	src := []byte(`junk {"a":1} junk`)
	end, err := s.Object(src, 4)
	require.NoError(t, err)
	require.Equal(t, 12, end)
	require.Equal(t, "1", string(s.Member("a").Raw(src)))
	require.Nil(t, s.Member("b"))
	_, err = s.Object(src, 0)
	require.EqualError(t, err, "invalid JSON at byte 0: expected an object")
}

func TestInnerMembersAreThoseOfTheLastMemberOfThatName(t *testing.T) {
	for text, want := range map[string][]string{
		`{"properties":{"a":1}}`:                                         {"a"},
		`{"pr\u006fperties":{"a":1,"b":2}}`:                              {"a", "b"},
		`{"properties":{"a":1},"x":{"y":1},"properties":{"c":1,"d":{}}}`: {"c", "d"},
		`{"properties":{"a":1},"properties":null}`:                       nil,
		`{"properties":{"a":{"properties":{"deep":1}}}}`:                 {"a"},
		`{"x":1}`: nil,
		"{\"properties\" : { \"a\" : 1 ,\n\"b\" : 2 } , \"properties2\":{}}": {"a", "b"},
	} {
		s := Scanner{Within: "properties"}
		_, err := s.Object([]byte(text), 0)
		require.NoError(t, err, text)
		var keys []string
		for i := range s.Inner {
			keys = append(keys, string(s.Inner[i].RawKey([]byte(text))))
		}
		require.Equal(t, want, keys, text)
	}
}

func TestFlagsTellWhatIsInAValue(t *testing.T) {
	list := func(n int) string { return strings.TrimSuffix(strings.Repeat("1,", n), ",") }
	keys := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"k":1,`, n), ",") }
	for _, c := range []struct {
		name, member string
		want         Flags
	}{
		{"a plain member has none", `"a":"b"`, 0},
		{"text beyond ASCII has none", `"é":"日本"`, 0},
		{"white space around the value does not count", "\"a\" : [1]\n", 0},
		{"white space inside it does", `"a":[1, 2]`, Spaced},
		{"white space in strings does not", `"a":["x y"]`, 0},
		{"an escape in the key", `"\u0061":1`, KeyEscaped},
		{"an escape in the value", `"a":"\n"`, Escaped},
		{"an escape deep in the value", `"a":[{"x":"\n"}]`, Escaped},
		{"both", `"\t":"\n"`, KeyEscaped | Escaped},
		{"half a surrogate pair", `"a":"\udc00"`, Escaped | LoneSurrogate},
		{"two first halves", `"a":"\ud800\ud800"`, Escaped | LoneSurrogate},
		{"a whole one", `"a":"\ud800\udc00"`, Escaped},
		{"bytes that are not UTF-8", "\"a\":\"\xff\"", BadUTF8},
		{"three levels of objects", `"a":{"b":[{"c":{}}]}`, 0},
		{"four levels of objects", `"a":{"b":[{"c":{"d":{}}}]}`, Deep},
		{"the most elements", `"a":[` + list(254) + `]`, 0},
		{"too many elements", `"a":[` + list(255) + `]`, ManyElements},
		{"the most keys", `"a":{` + keys(254) + `}`, 0},
		{"too many keys", `"a":[{` + keys(255) + `}]`, ManyKeys},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Scanner
			// The member before and the one after must not leave traces.
			_, err := s.Object([]byte(`{"\u0030":[ "\ud800" ],`+c.member+`,"z":1}`), 0)
			require.NoError(t, err)
			require.Equal(t, c.want, s.Members[1].Flags)
			require.Zero(t, s.Members[2].Flags)
		})
	}
}

func TestNestingEndsAtMaxDepth(t *testing.T) {
	nested := func(open, end string, n int) []byte {
		return []byte(strings.Repeat(open, n) + "1" + strings.Repeat(end, n))
	}
	var s Scanner
	for _, pair := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		_, err := s.Value(nested(pair[0], pair[1], MaxDepth), 0)
		require.NoError(t, err)
		_, err = s.Value(nested(pair[0], pair[1], MaxDepth+1), 0)
		var syntax *SyntaxError
		require.True(t, errors.As(err, &syntax))
		require.Equal(t, "nested too deep", syntax.Message)
		_, err = s.Value(bytes.Repeat([]byte(pair[0]), 10<<20), 0)
		require.Error(t, err)
	}
}

func TestAStringOfTenMegabytesIsOneValue(t *testing.T) {
	text := append(append([]byte(`{"a":"`), bytes.Repeat([]byte("é "), 10<<20/3)...), `"}`...)
	var s Scanner
	end, err := s.Object(text, 0)
	require.NoError(t, err)
	require.Equal(t, len(text), end)
}

func TestScanningAllocatesNothing(t *testing.T) {
	body := benchBody(10)
	var b Batch
	scan := func() {
		for b.Reset(body, "properties"); b.Next(); {
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
		}
	}
	scan()
	require.Zero(t, testing.AllocsPerRun(10, scan))
}

func TestOneHugeTableIsNotKept(t *testing.T) {
	var s Scanner
	_, err := s.Object([]byte(`{"a":1`+strings.Repeat(`,"a":1`, 2*maxIdleFields)+`}`), 0)
	require.NoError(t, err)
	require.Len(t, s.Members, 2*maxIdleFields+1)
	_, err = s.Object([]byte(`{"a":1}`), 0)
	require.NoError(t, err)
	require.LessOrEqual(t, cap(s.Members), maxIdleFields)
}
