package pipelineapi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/event"
)

// value is a field of a Spec as a parameter sees it.
type value interface {
	// set takes the parameter's values, at least one. Only lists get several. The error says what is wrong with them, without the
	// parameter's name.
	set(texts []string) error
}

// text is a field that is a string, or called one.
type text[T ~string] struct{ p *T }

func textOf[T ~string](p *T) value { return text[T]{p} }

func (v text[T]) set(texts []string) error {
	*v.p = T(texts[0])
	return nil
}

type truth struct{ p *bool }

func truthOf(p *bool) value { return truth{p} }

func (v truth) set(texts []string) (err error) {
	*v.p, err = parseBool(texts[0])
	return err
}

// parseBool reads a boolean as clients in several languages write them.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

type date struct{ p *event.Day }

func dateOf(p *event.Day) value { return date{p} }

func (v date) set(texts []string) error {
	day, err := event.ParseDay(texts[0])
	if err != nil || day < 0 {
		return fmt.Errorf("%q is no date from 1970-01-01 on: use YYYY-MM-DD", texts[0])
	}
	*v.p = day
	return nil
}

type duration struct{ p *time.Duration }

func durationOf(p *time.Duration) value { return duration{p} }

func (v duration) set(texts []string) error {
	d, err := time.ParseDuration(texts[0])
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no duration: use such as 500ms, 10s or 5m", texts[0])
	}
	*v.p = d
	return nil
}

type names struct{ p *[]string }

func namesOf(p *[]string) value { return names{p} }

func (v names) set(texts []string) error {
	seen := map[string]bool{}
	all := make([]string, 0, len(texts))
	for _, t := range texts {
		if t == "" {
			return fmt.Errorf("one of the %d names is empty", len(texts))
		}
		if !seen[t] {
			seen[t] = true
			all = append(all, t)
		}
	}
	*v.p = all
	return nil
}

// number reads a positive count up to most.
func number(parameter, s string, standard, most int) (int, error) {
	if s == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, bad(parameter, "%q is no number from 1 to %d", s, most)
	}
	return n, nil
}
