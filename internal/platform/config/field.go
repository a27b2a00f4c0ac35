package config

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	neturl "net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/nearest"
)

// Field is one setting's declaration.
type Field struct {
	// Path is the setting's name: keys of the file, joined by dots.
	Path string
	// Type is text, integer, size, duration or list.
	Type string
	// Default, Description and Example are as the documentation shows them. An empty default means that there is none.
	Default, Description, Example string
	// Secret settings are never shown and have no flag.
	Secret bool
	// Valid tells in words what values there are.
	Valid string
	// Choices are the values of an enumeration, or of the items of a list.
	Choices []string

	// show returns a value as it may be shown.
	show func(value string) string
	// set parses and stores a value. Its error says what is wrong: "is not a number".
	set func(value string) error
}

// Env is the environment variable of the setting.
func (f *Field) Env() string {
	return "REFRACT_" + strings.ToUpper(strings.ReplaceAll(f.Path, ".", "_"))
}

// Flag is the command-line flag of the setting, without dashes, or "" for a secret.
func (f *Field) Flag() string {
	if f.Secret {
		return ""
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(f.Path)
}

func (f *Field) doc(description, example string) *Field {
	f.Description, f.Example = description, example
	return f
}

func (f *Field) secret() *Field {
	f.Secret = true
	f.show = func(value string) string {
		if value == "" {
			return ""
		}
		return "(secret)"
	}
	return f
}

// withPassword marks addresses that may hold a password, which is not shown.
func (f *Field) withPassword() *Field {
	f.show = func(value string) string {
		addresses := strings.Split(value, ",")
		for i, one := range addresses {
			if strings.Contains(one, "@") {
				u, err := neturl.Parse(strings.TrimSpace(one))
				if err != nil {
					return "(not shown)"
				}
				addresses[i] = u.Redacted()
			}
		}
		return strings.Join(addresses, ",")
	}
	return f
}

// onlyOdd also refuses even numbers: a quorum of an even number of servers tolerates no more failures than one less.
func (f *Field) onlyOdd() *Field {
	set := f.set
	f.Valid = "an odd " + strings.TrimPrefix(f.Valid, "a ")
	f.set = func(value string) error {
		if n, err := strconv.Atoi(value); err == nil && n%2 == 0 {
			return fmt.Errorf("is an even number")
		}
		return set(value)
	}
	return f
}

// check is the set of valid texts of a setting: how to tell, in words, and as a list if it is short.
type check struct {
	ok      func(string) bool
	wrong   string // "is not an address"
	valid   string // "host:port"
	choices []string
}

func text(dst *string, path, standard string, c check) *Field {
	return &Field{Path: path, Type: "text", Default: standard, Valid: c.valid, Choices: c.choices, set: func(value string) error {
		if !c.ok(value) {
			return fmt.Errorf("%s", c.wrong)
		}
		*dst = value
		return nil
	}}
}

func anyText(valid string) check {
	return check{ok: func(string) bool { return true }, valid: valid}
}

func notEmpty(valid string) check {
	return check{ok: func(s string) bool { return s != "" }, wrong: "is empty", valid: valid}
}

func choice(values ...string) check {
	return check{
		ok: func(s string) bool {
			for _, v := range values {
				if s == v {
					return true
				}
			}
			return false
		},
		wrong: "is not one of the choices", valid: strings.Join(values, " or "), choices: values,
	}
}

var address = check{
	ok: func(s string) bool {
		host, port, err := net.SplitHostPort(s)
		if err != nil || strings.ContainsAny(host, " /") {
			return false
		}
		_, err = strconv.ParseUint(port, 10, 16)
		return err == nil
	},
	wrong: "is not an address", valid: "host:port with a port of 0 to 65535",
}

// optional takes nothing too.
func optional(c check) check {
	return check{ok: func(s string) bool { return s == "" || c.ok(s) }, wrong: c.wrong, valid: "empty, or " + c.valid, choices: c.choices}
}

// account takes the id of an AWS account.
var account = check{
	ok:    func(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" },
	wrong: "is not an account", valid: "12 digits",
}

// url takes one or several addresses separated by commas, each with one of the schemes and a host.
func url(schemes ...string) check {
	return check{
		ok: func(s string) bool {
			if s == "" {
				return true
			}
			for one := range strings.SplitSeq(s, ",") {
				u, err := neturl.Parse(strings.TrimSpace(one))
				if err != nil || u.Host == "" || !choice(schemes...).ok(u.Scheme) {
					return false
				}
			}
			return true
		},
		wrong: "is not such an address", valid: "empty, or an address that begins with " + strings.Join(schemes, ":// or ") + "://",
	}
}

var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

var bucketName = check{
	ok:    func(s string) bool { return bucketPattern.MatchString(s) && !strings.Contains(s, "..") },
	wrong: "is not a bucket's name", valid: "3 to 63 lower-case letters, digits, dots and hyphens",
}

// number is a setting that is an integer.
type number interface{ ~int | ~int64 }

func integer[N number](dst *N, path, standard string, least, most int64) *Field {
	return &Field{Path: path, Type: "integer", Default: standard, Valid: fmt.Sprintf("a number from %d to %d", least, most), set: func(value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("is not a number")
		}
		if n < least || n > most {
			return fmt.Errorf("is out of range")
		}
		*dst = N(n)
		return nil
	}}
}

func size(dst *int64, path, standard string, least, most int64) *Field {
	valid := fmt.Sprintf("a size from %s to %s", formatSize(least), formatSize(most))
	return &Field{Path: path, Type: "size", Default: standard, Valid: valid, set: func(value string) error {
		n, ok := parseSize(value)
		if !ok {
			return fmt.Errorf("is not a size")
		}
		if n < least || n > most {
			return fmt.Errorf("is out of range")
		}
		*dst = n
		return nil
	}}
}

var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

// parseSize reads a whole number of bytes or of a unit: 4096, 10MB (10^6), 64MiB (2^20). Case does not matter.
func parseSize(s string) (int64, bool) {
	digits, unit := strings.ToUpper(s), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(digits, strings.ToUpper(u.name)); ok {
			digits, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return 0, false
	}
	return int64(n) * unit, true
}

func formatSize(n int64) string {
	for _, u := range units {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func duration(dst *time.Duration, path, standard string, least, most time.Duration) *Field {
	valid := fmt.Sprintf("a duration from %s to %s", short(least), short(most))
	return &Field{Path: path, Type: "duration", Default: standard, Valid: valid, set: func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("is not a duration")
		}
		if d < least || d > most {
			return fmt.Errorf("is out of range")
		}
		*dst = d
		return nil
	}}
}

// short writes 1h instead of 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func level(dst *slog.Level, path, standard string) *Field {
	names := []string{"debug", "info", "warn", "error"}
	var name string
	f := text(&name, path, standard, choice(names...))
	set := f.set
	f.set = func(value string) error {
		if err := set(value); err != nil {
			return err
		}
		return dst.UnmarshalText([]byte(value))
	}
	return f
}

// item is the set of valid items of a list.
type item[T any] struct {
	parse   func(string) (T, error)
	valid   string
	empty   bool // the list may be empty
	choices []string
}

// list is a setting of several items, separated by commas, or a sequence in the file. Items that repeat are refused.
func list[T comparable](dst *[]T, path, standard string, of item[T]) *Field {
	return &Field{Path: path, Type: "list", Default: standard, Valid: of.valid, Choices: of.choices, set: func(value string) error {
		var all []T
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			v, err := of.parse(part)
			if err != nil {
				return err
			}
			for _, other := range all {
				if v == other {
					return fmt.Errorf("holds %q twice", part)
				}
			}
			all = append(all, v)
		}
		if len(all) == 0 && !of.empty {
			return fmt.Errorf("is empty")
		}
		*dst = all
		return nil
	}}
}

func oneOf[T ~string](values ...T) item[T] {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	return item[T]{valid: "one or more of " + strings.Join(names, ", "), choices: names, parse: func(s string) (T, error) {
		for _, v := range values {
			if string(v) == s {
				return v, nil
			}
		}
		if near := nearest.To(s, names); near != "" {
			return "", fmt.Errorf("holds %q; did you mean %q?", s, near)
		}
		return "", fmt.Errorf("holds %q", s)
	}}
}

var prefix = item[netip.Prefix]{valid: "networks such as 10.0.0.0/8 and addresses such as 192.0.2.1", empty: true, parse: func(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("holds %q, which is not a network", s)
	}
	return p.Masked(), nil
}}
