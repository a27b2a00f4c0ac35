package rsql

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// HostFunction is a scalar function that the engine registers in DuckDB. All
// parameters and the result are VARCHAR. A NULL argument gives NULL without a
// call. Call may run on several goroutines at a time; a nil result is NULL, and
// an error, of type *Error, fails the query.
type HostFunction struct {
	Name       string
	Parameters int
	Call       func(args []string) (*string, error)
}

// HostFunctions lists the functions that emitted SQL calls besides macros. The
// error text of a failed call must reach RuntimeError: see RuntimeText.
func HostFunctions() []HostFunction {
	return []HostFunction{
		{"rs_json_raw", 2, func(a []string) (*string, error) { return jsonAt(a[0], a[1], false) }},
		{"rs_json_text", 2, func(a []string) (*string, error) { return jsonAt(a[0], a[1], true) }},
		{"rs_json_split", 1, func(a []string) (*string, error) { return splitJSON(a[0]) }},
		{"rs_parse_json", 1, func(a []string) (*string, error) { return parseJSON(a[0]) }},
		{"rs_left_bytes", 2, leftBytes},
		{"rs_initcap", 1, initcap},
		{"rs_sha2", 2, sha2},
		{"rs_strtol", 2, strtol},
		{"rs_regexp_find", 5, regexpFind},
		{"rs_regexp_swap", 5, regexpSwap},
		{"rs_regexp_tally", 4, regexpTally},
		{"rs_regexp_locate", 5, regexpLocate},
		{"rs_format_time", 2, func(a []string) (*string, error) { return formatTime(a[0], a[1]) }},
		{"rs_parse_time", 2, func(a []string) (*string, error) { return parseTime(a[0], a[1]) }},
		{"rs_format_number", 2, func(a []string) (*string, error) { return formatNumber(a[0], a[1]) }},
		{"rs_parse_number", 2, func(a []string) (*string, error) { return parseNumber(a[0], a[1]) }},
	}
}

// RuntimeText is the text by which a host function's error must fail the query,
// so that RuntimeError finds its state and message again.
func RuntimeText(err error) string {
	e := asError(err)
	return runtimeMark + e.SQLState + ": " + e.Message
}

func some(s string) (*string, error) { return &s, nil }

// leftBytes cuts s to n bytes at a character's boundary.
func leftBytes(a []string) (*string, error) {
	n, err := strconv.Atoi(a[1])
	if err != nil || n >= len(a[0]) {
		return some(a[0])
	}
	for n > 0 && !utf8.RuneStart(a[0][n]) {
		n--
	}
	return some(a[0][:n])
}

func initcap(a []string) (*string, error) {
	var out strings.Builder
	inWord := false
	for _, r := range a[0] {
		if inWord {
			out.WriteRune(unicode.ToLower(r))
		} else {
			out.WriteRune(unicode.ToUpper(r))
		}
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	return some(out.String())
}

func sha2(a []string) (*string, error) {
	text := []byte(a[0])
	switch a[1] {
	case "0", "256":
		sum := sha256.Sum256(text)
		return some(hex.EncodeToString(sum[:]))
	case "224":
		sum := sha256.Sum224(text)
		return some(hex.EncodeToString(sum[:]))
	case "384":
		sum := sha512.Sum384(text)
		return some(hex.EncodeToString(sum[:]))
	case "512":
		sum := sha512.Sum512(text)
		return some(hex.EncodeToString(sum[:]))
	}
	return nil, nil
}

func strtol(a []string) (*string, error) {
	base, err := strconv.Atoi(a[1])
	if err != nil || base < 2 || base > 36 {
		return nil, &Error{SQLState: StateInvalidParameter, Message: "the base of STRTOL must be between 2 and 36"}
	}
	text := strings.TrimSpace(a[0])
	if base == 16 {
		text = strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	}
	n, err := strconv.ParseInt(text, base, 64)
	if err != nil {
		return nil, &Error{SQLState: StateInvalidText, Message: fmt.Sprintf("the input %s is not valid to be converted to base %d", a[0], base)}
	}
	return some(strconv.FormatInt(n, 10))
}

// compilePattern compiles a pattern of the REGEXP functions. The flag i makes
// it ignore case; p, PCRE, is the same dialect here.
func compilePattern(pattern, flags string) (*regexp.Regexp, error) {
	prefix := "(?s)"
	for _, flag := range flags {
		switch flag {
		case 'i':
			prefix = "(?si)"
		case 'c', 'e', 'p':
		default:
			return nil, &Error{SQLState: StateInvalidParameter, Message: fmt.Sprintf("invalid regular expression flag %q", flag)}
		}
	}
	re, err := regexp.Compile(prefix + pattern)
	if err != nil {
		return nil, &Error{SQLState: "2201B", Message: "invalid regular expression: " + pattern}
	}
	return re, nil
}

// skip gives where in s the search begins that starts at the 1-based character
// position in text.
func skip(s, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	at := 0
	for ; n > 1 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}

// regexpFind is REGEXP_SUBSTR(source, pattern, position, occurrence, flags).
func regexpFind(a []string) (*string, error) {
	re, err := compilePattern(a[1], a[4])
	if err != nil {
		return nil, err
	}
	matches, n := re.FindAllStringSubmatch(a[0][skip(a[0], a[2]):], -1), occurrence(a[3])
	if n > len(matches) {
		return some("")
	}
	match := matches[n-1]
	if strings.Contains(a[4], "e") && len(match) > 1 {
		return some(match[1])
	}
	return some(match[0])
}

func occurrence(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 1
	}
	return n
}

var backReference = regexp.MustCompile(`\\([0-9&])|\$([0-9])`)

// regexpSwap is REGEXP_REPLACE(source, pattern, replacement, position, flags).
func regexpSwap(a []string) (*string, error) {
	re, err := compilePattern(a[1], a[4])
	if err != nil {
		return nil, err
	}
	template := strings.ReplaceAll(a[2], "$$", "\x00")
	template = backReference.ReplaceAllStringFunc(template, func(m string) string {
		if m[1] == '&' {
			return "${0}"
		}
		return "${" + m[1:] + "}"
	})
	template = strings.ReplaceAll(template, "\x00", "$$")
	at := skip(a[0], a[3])
	return some(a[0][:at] + re.ReplaceAllString(a[0][at:], template))
}

// regexpTally is REGEXP_COUNT(source, pattern, position, flags).
func regexpTally(a []string) (*string, error) {
	re, err := compilePattern(a[1], a[3])
	if err != nil {
		return nil, err
	}
	return some(strconv.Itoa(len(re.FindAllStringIndex(a[0][skip(a[0], a[2]):], -1))))
}

// regexpLocate is REGEXP_INSTR(source, pattern, position, occurrence, option).
func regexpLocate(a []string) (*string, error) {
	re, err := compilePattern(a[1], "")
	if err != nil {
		return nil, err
	}
	start := skip(a[0], a[2])
	matches, n := re.FindAllStringIndex(a[0][start:], -1), occurrence(a[3])
	if n > len(matches) {
		return some("0")
	}
	at := matches[n-1][0]
	if a[4] == "1" {
		at = matches[n-1][1]
	}
	return some(strconv.Itoa(utf8.RuneCountInString(a[0][:start+at]) + 1))
}
