package rsql

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// invalidJSON is the error of the JSON functions for text that is no JSON.
func invalidJSON(text string) *Error {
	const most = 256
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return &Error{SQLState: StateInvalidParameter, Message: "invalid json object " + text}
}

// parseJSON is JSON_PARSE: the document without white space between its parts.
// Numbers and strings keep their text.
func parseJSON(text string) (*string, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		return nil, &Error{SQLState: StateInvalidText, Message: "JSON parsing error"}
	}
	return some(out.String())
}

// jsonAt gives the value at a JSON pointer as it is written in the document;
// as text, a string is decoded and null is NULL. The document is valid JSON, as
// DuckDB has read it before.
func jsonAt(document, pointer string, text bool) (*string, error) {
	value := strings.TrimSpace(document)
	for pointer != "" {
		step, rest, _ := strings.Cut(pointer[1:], "/")
		if rest != "" || strings.HasSuffix(pointer, "/") && len(pointer) > 1+len(step) {
			pointer = "/" + rest
		} else {
			pointer = ""
		}
		found, ok := jsonStep(value, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		if !ok {
			return nil, nil
		}
		value = found
	}
	if !text {
		return some(value)
	}
	switch value[0] {
	case 'n':
		return nil, nil
	case '"':
		var s string
		if err := json.Unmarshal([]byte(value), &s); err != nil {
			return nil, invalidJSON(document)
		}
		return some(s)
	}
	return some(value)
}

// jsonStep gives the member or element of a JSON value.
func jsonStep(value, step string) (string, bool) {
	if value == "" {
		return "", false
	}
	switch value[0] {
	case '{':
		for rest := skipSpace(value[1:]); rest != "" && rest[0] == '"'; {
			end := jsonEnd(rest)
			key := rest[:end]
			rest = skipSpace(skipSpace(rest[end:])[1:])
			end = jsonEnd(rest)
			if jsonKeyIs(key, step) {
				return rest[:end], true
			}
			rest = skipSpace(rest[end:])
			if rest == "" || rest[0] != ',' {
				break
			}
			rest = skipSpace(rest[1:])
		}
	case '[':
		index, err := strconv.Atoi(step)
		if err != nil || index < 0 {
			return "", false
		}
		for item := range jsonItems(value) {
			if index == 0 {
				return item, true
			}
			index--
		}
	}
	return "", false
}

// jsonItems yields the elements of a JSON array as they are written.
func jsonItems(array string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := skipSpace(array[1:]); rest != "" && rest[0] != ']'; {
			end := jsonEnd(rest)
			if end == 0 || !yield(rest[:end]) {
				return
			}
			rest = skipSpace(rest[end:])
			if rest == "" || rest[0] != ',' {
				return
			}
			rest = skipSpace(rest[1:])
		}
	}
}

// itemSeparator joins the elements of an array for SQL to split again: a
// control character, which JSON text has only escaped.
const itemSeparator = "\x1e"

func splitJSON(array string) (*string, error) {
	return some(strings.Join(slices.Collect(jsonItems(strings.TrimSpace(array))), itemSeparator))
}

func jsonKeyIs(quoted, key string) bool {
	if strings.IndexByte(quoted, '\\') < 0 {
		return len(quoted) == len(key)+2 && quoted[1:len(quoted)-1] == key
	}
	var s string
	return json.Unmarshal([]byte(quoted), &s) == nil && s == key
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t\r\n") }

// jsonEnd gives the length of the JSON value that s begins with.
func jsonEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(s))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}
