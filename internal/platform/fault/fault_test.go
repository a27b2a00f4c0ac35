package fault

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestClassOf(t *testing.T) {
	cases := map[string]struct {
		err  error
		want Class
	}{
		"an error without a class is a bug":     {errors.New("x"), Bug},
		"a wrapped class is found":              {fmt.Errorf("running: %w", New(Setup, "reading", "f", errors.New("x"), "")), Setup},
		"the outermost class wins":              {New(Poison, "a", "", New(Transient, "b", "", nil, ""), ""), Poison},
		"a cancelled context is transient":      {fmt.Errorf("waiting: %w", context.Canceled), Transient},
		"an expired context is transient":       {context.DeadlineExceeded, Transient},
		"a class wins over a cancelled context": {New(Setup, "a", "", context.Canceled, ""), Setup},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ClassOf(c.err); got != c.want {
				t.Errorf("ClassOf(%v) = %v, want %v", c.err, got, c.want)
			}
		})
	}
}

func TestErrorReadsAsASentence(t *testing.T) {
	err := New(Setup, "putting object", "s3://lake/a.json.gz", errors.New("access denied"), "allow s3:PutObject")
	want := "putting object s3://lake/a.json.gz: access denied (allow s3:PutObject)"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err.Error(), want)
	}
}
