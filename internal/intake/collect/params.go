package collect

import (
	"bytes"
	"strings"
)

// verbosity is the parameter verbose.
type verbosity uint8

const (
	verboseOff verbosity = iota
	verboseOn
	verboseMore // verbose=2
)

// params are the parameters of a request, from the query and from a form. A form's come
// before the query's, and the last of several of one name counts, except that the first data does.
type params struct {
	data      []byte
	verbose   verbosity
	strict    bool
	whole     bool // limits=none
	useIP     bool
	image     bool
	callback  string
	apiKey    string
	projectID string
}

// parseForm reads pairs such as a=b&c=%20d into p. It unescapes values in place, so b belongs to p from then on.
func (p *params) parseForm(b []byte) {
	for len(b) > 0 {
		var pair []byte
		if i := bytes.IndexByte(b, '&'); i >= 0 {
			pair, b = b[:i], b[i+1:]
		} else {
			pair, b = b, nil
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		switch string(name) {
		case "data":
			if p.data == nil {
				p.data = unescape(value)
			}
		case "verbose":
			switch {
			case !on(value):
				p.verbose = verboseOff
			case string(value) == "2":
				p.verbose = verboseMore
			default:
				p.verbose = verboseOn
			}
		case "strict":
			p.strict = on(value)
		case "limits":
			p.whole = string(value) == "none"
		case "ip":
			p.useIP = on(value)
		case "img":
			p.image = on(value)
		case "callback":
			p.callback = string(unescape(value))
		case "api_key":
			p.apiKey = string(unescape(value))
		case "project_id":
			p.projectID = string(unescape(value))
		}
	}
}

// on is how a switch is read.
func on(value []byte) bool {
	switch string(value) {
	case "", "0", "false":
		return false
	}
	return true
}

// unescape undoes percent encoding and the + for spaces, in place. A % that two hexadecimal digits do not follow stands for itself:
// some clients send raw JSON.
func unescape(b []byte) []byte {
	i := bytes.IndexAny(b, "%+")
	if i < 0 {
		return b
	}
	out := i
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(b) && hexValue(b[i+1]) < 16 && hexValue(b[i+2]) < 16:
			c = hexValue(b[i+1])<<4 | hexValue(b[i+2])
			i += 2
		}
		b[out] = c
		out++
	}
	return b[:out]
}

func hexValue(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

// validCallback reports whether name is a JavaScript identifier or several joined by dots: anything else would let the sender of a
// link write script.
func validCallback(name string) bool {
	if len(name) > 128 {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || part[0]-'0' <= 9 {
			return false
		}
		for i := range len(part) {
			if c := part[i]; c != '_' && c != '$' && c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return true
}

// payload returns the JSON text that a request carries: its body, or the field data of its form or query, base64 undone.
func (p *params) payload(body []byte, contentType string) ([]byte, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if looksLikeJSON(body) {
		return body, nil
	}
	if isJSON(contentType) && len(bytes.TrimSpace(body)) > 0 {
		// Whatever it is, it is no form: the scanner says what is wrong with it.
		return body, nil
	}
	query := p.data
	p.data = nil
	p.parseForm(bytes.TrimSpace(body))
	if p.data == nil {
		p.data = query
	}
	data := bytes.TrimSpace(p.data)
	if len(data) == 0 {
		return nil, badData("data, missing or empty")
	}
	if looksLikeJSON(data) {
		return data, nil
	}
	// TrimSpace above may have taken a leading or trailing + in its disguise.
	data, err := decodeBase64(p.data)
	if err != nil {
		return nil, badData("data, neither JSON nor base64")
	}
	return joinSurrogates(data), nil
}

func looksLikeJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '[' || b[0] == '{')
}

func isJSON(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	return mediaType == "application/json" || mediaType == "application/x-ndjson" || mediaType == "application/ndjson" ||
		mediaType == "application/jsonl"
}
