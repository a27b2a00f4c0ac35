package where

import (
	"strings"
	"testing"

	"github.com/refract-io/refract/internal/event"
)

// FuzzCompile checks that every expression is refused with a position inside its text, or prints as text that means the same.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`properties["account_id"] in [1,2,3,4]`, `user["$email"] == 'x'`, `not defined(properties["city"])`, `-(1.5e3 % 2) >= floor(.5)`,
		`event["$time"] >= datetime("2021-06-16T16:55:00")`, `"\ud83d\ude00" in properties["\\"] or true and not false`, `--1 - -"a"`, `[] == [true, -1, 'b']`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Compile(text)
		if err != nil {
			if bad := err.(*Error); bad.Offset < 0 || bad.Offset > len(text) {
				t.Fatalf("%q: error outside the text: %v", text, err)
			}
			return
		}
		printed := e.String()
		again, err := Compile(printed)
		if err != nil {
			if len(printed) > MaxText || strings.Contains(err.Error(), "nested deeper") {
				return // escapes and parentheses took it beyond the limits
			}
			t.Fatalf("%q was printed as %q: %v", text, printed, err)
		}
		if again.String() != printed {
			t.Fatalf("%q was printed as %q, and that as %q", text, printed, again.String())
		}
	})
}

// FuzzMatch checks that evaluating ends, without a panic, the same way for an expression and its printed form.
func FuzzMatch(f *testing.F) {
	f.Add(`properties["a"] + 1 > properties["b"] * 3`, []byte(`{"a":1e5,"b":"x"}`), int64(1777638615250))
	f.Add(`"a" in properties["a"] or datetime(properties["b"]) < event["$time"]`, []byte(`{"a":["a",1],"b":"2021-01-01"}`), int64(0))
	f.Add(`round(number(string(properties["a"])) / 3) % 1e30 == 1e1048575 * 1e1048575`, []byte(`{"a":-9223372036854775808}`), int64(-1))
	f.Fuzz(func(t *testing.T, text string, properties []byte, time int64) {
		e, err := Compile(text)
		if err != nil {
			return
		}
		again, err := Compile(e.String())
		if err != nil {
			return
		}
		var v View
		v.Event(&event.Record{Time: time, Name: []byte("n"), Properties: properties}, properties)
		first, firstErr := e.Match(&v)
		v.Profile([]byte("id"), properties)
		_, _ = e.Match(&v)
		v.Event(&event.Record{Time: time, Name: []byte("n"), Properties: properties}, properties)
		second, secondErr := again.Match(&v)
		if first != second || (firstErr == nil) != (secondErr == nil) {
			t.Fatalf("%q gives %v %v, printed as %q it gives %v %v", text, first, firstErr, e, second, secondErr)
		}
	})
}
