package event

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// walk renders what a Batch makes of a body, one line per record: its text,
// or "!" with the text and the error.
func walk(body string) []string {
	var b Batch
	got := []string{}
	for b.Reset([]byte(body), "properties"); b.Next(); {
		if b.Index() != len(got) {
			panic("index out of step")
		}
		line := string(b.Raw())
		if err := b.Err(); err != nil {
			line = "!" + line + "! " + err.Error()
			var syntax *SyntaxError
			if errors.As(err, &syntax) && syntax.Rest {
				line += " (and the rest)"
			}
		}
		got = append(got, line)
	}
	return got
}

func TestABodyIsWalkedRecordByRecord(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"one object", ` {"a":1} `, []string{`{"a":1}`}},
		{"an object over several lines", "{\n \"a\":\n1}\n", []string{"{\n \"a\":\n1}"}},
		{"a byte order mark before it", "\ufeff{}", []string{`{}`}},
		{"nothing", " \n", []string{}},
		{"an empty array", " [ ] ", []string{}},
		{"an array", ` [ {"a":1} , {"b":2} ] `, []string{`{"a":1}`, `{"b":2}`}},
		{"lines", "{\"a\":1}\n\n{\"b\":2}\r\n{\"c\":3}", []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}},
		{"objects without anything between", `{"a":1}{"b":2} {"c":3}`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}},
		{"an element that is no object is its own error", `[{"a":1},7,"x",[{}],{"b":2}]`, []string{
			`{"a":1}`,
			`!7! record is invalid: must be an object`,
			`!"x"! record is invalid: must be an object`,
			`![{}]! record is invalid: must be an object`,
			`{"b":2}`,
		}},
		{"an element that is no JSON takes the rest with it", `[{"a":1},{"b":x},{"c":3}]`, []string{
			`{"a":1}`, `!{"b":x},{"c":3}]! invalid JSON at byte 14: expected a value (and the rest)`,
		}},
		{"an array that ends early", `[{"a":1},{"b":2}`, []string{
			`{"a":1}`, `!{"b":2}! invalid JSON at byte 16: unexpected end of text (and the rest)`,
		}},
		{"an array that ends after a comma", `[{"a":1},`, []string{
			`{"a":1}`, `!! invalid JSON at byte 9: unexpected end of text (and the rest)`,
		}},
		{"an array without commas", `[{"a":1}{"b":2}]`, []string{
			`!{"a":1}{"b":2}]! invalid JSON at byte 8: expected ',' or ']' after an array element (and the rest)`,
		}},
		{"a comma before the end of an array", `[{"a":1},]`, []string{
			`{"a":1}`, `!]! invalid JSON at byte 9: expected a value (and the rest)`,
		}},
		{"text after an array", `[{"a":1}] [{"b":2}]`, []string{
			`{"a":1}`, `![{"b":2}]! invalid JSON at byte 10: unexpected text after the array (and the rest)`,
		}},
		{"text after an empty array", `[]x`, []string{`!x! invalid JSON at byte 2: unexpected text after the array (and the rest)`}},
		{"a bad line is that line's error", "{\"a\":1}\n{\"b\":x}\n{\"c\":3}\n", []string{
			`{"a":1}`, "!{\"b\":x}\n! invalid JSON at byte 13: expected a value", `{"c":3}`,
		}},
		{"a line that was cut off does not take the next with it", "{\"a\":1,\n{\"b\":2}\n", []string{
			"!{\"a\":1,\n! invalid JSON at byte 8: expected a string as object key", `{"b":2}`,
		}},
		{"a line that was cut off in a string", "{\"a\":\"x\n{\"b\":2}\n", []string{
			"!{\"a\":\"x\n! invalid JSON at byte 7: control character in a string", `{"b":2}`,
		}},
		{"the last line cut off", "{\"a\":1}\n{\"b\":", []string{
			`{"a":1}`, `!{"b":! invalid JSON at byte 13: unexpected end of text`,
		}},
		{"lines that are no objects", "{}\nhello\n12\n{}", []string{
			`{}`, "!hello\n! invalid JSON at byte 3: expected a value", `!12! record is invalid: must be an object`, `{}`,
		}},
		{"an error in an object over several lines ends with its line", "{\n\"a\":x,\n}\n{}", []string{
			"!{\n\"a\":x,\n! invalid JSON at byte 6: expected a value",
			"!}\n! invalid JSON at byte 9: expected a value", `{}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, walk(c.body))
		})
	}
}

func TestTheSameObjectsAreFoundInEveryShapeOfBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := jsonGen{t, false}
		var objects []string
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			objects = append(objects, g.object(3, []string{"event", "properties"}))
		}
		want := append([]string{}, objects...)
		require.Equal(t, want, walk("["+strings.Join(objects, " ,")+"]"))
		require.Equal(t, want, walk(strings.Join(objects, "\n")))
		require.Equal(t, want, walk(strings.Join(objects, "")))
		if len(objects) == 0 {
			return
		}
		// One broken line leaves the others alone.
		i := rapid.IntRange(0, len(objects)-1).Draw(t, "broken")
		broken := append([]string{}, objects...)
		broken[i] = broken[i][:rapid.IntRange(1, len(broken[i])-1).Draw(t, "cut")]
		got := walk(strings.Join(broken, "\n"))
		require.Len(t, got, len(objects))
		for j := range got {
			if j != i {
				require.Equal(t, objects[j], got[j])
			} else {
				require.True(t, strings.HasPrefix(got[j], "!"))
			}
		}
	})
}

func FuzzBatch(f *testing.F) {
	for _, seed := range []string{"[{},{}]", "{}\n{}", "{\"a\":\n{}", "[1,{]", "[] []", "x\n{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var b Batch
		end, good := 0, 0
		for b.Reset(body, "properties"); b.Next(); {
			require.GreaterOrEqual(t, b.start, end, "records must not overlap")
			end = b.end
			if b.Err() == nil {
				good++
				require.True(t, json.Valid(b.Raw()))
			}
		}
		require.Less(t, b.Index(), len(body)+1)
		if json.Valid(body) && body[0] == '[' && nesting(body) < MaxDepth {
			var elements []json.RawMessage
			require.NoError(t, json.Unmarshal(body, &elements))
			require.Equal(t, len(elements), b.Index()+1)
		}
	})
}
