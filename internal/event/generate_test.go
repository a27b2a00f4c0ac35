package event

import (
	"strings"

	"pgregory.net/rapid"
)

// jsonGen draws JSON text in all the spellings that the grammar allows.
type jsonGen struct {
	t *rapid.T
	// spaces allows white space between the parts.
	spaces bool
}

func (g jsonGen) space() string {
	if !g.spaces {
		return ""
	}
	return rapid.SampledFrom([]string{"", "", "", " ", "\n", "\t \r\n"}).Draw(g.t, "space")
}

func (g jsonGen) number() string {
	return rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?`),
		rapid.SampledFrom([]string{"9007199254740993", "1e400", "-0", "0.10", "18446744073709551616", "1E+2", "123456789012345678901234567890.5"}),
	).Draw(g.t, "number")
}

func (g jsonGen) string() string {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.StringMatching(`[ -!#-\[\]-~]{0,12}`),
		rapid.SampledFrom([]string{
			`\n`, `\"`, `\\`, `\/`, `\u0041`, `\u0000`, `\ud83d\ude00`, `\uD83D`, `\udc00x`, `\ud83d\ud83d\ude00`,
			"é", "日本語", "😀", "\u2028", "\x7f", `\ufffd`, `\uFFFD`,
		}),
	), 0, 4).Draw(g.t, "string parts")
	return `"` + strings.Join(parts, "") + `"`
}

func (g jsonGen) value(depth int) string {
	kind := rapid.IntRange(0, 7).Draw(g.t, "kind")
	if depth == 0 && kind > 5 {
		kind = 4
	}
	switch kind {
	case 0:
		return "null"
	case 1:
		return "true"
	case 2:
		return "false"
	case 3, 4:
		return g.number()
	case 5:
		return g.string()
	case 6:
		return g.array(depth)
	default:
		return g.object(depth, nil)
	}
}

func (g jsonGen) array(depth int) string {
	n := rapid.IntRange(0, 4).Draw(g.t, "elements")
	var parts []string
	for range n {
		parts = append(parts, g.space()+g.value(depth-1)+g.space())
	}
	if n == 0 {
		return "[" + g.space() + "]"
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// object draws an object; keys, if given, are drawn from too.
func (g jsonGen) object(depth int, keys []string) string {
	n := rapid.IntRange(0, 6).Draw(g.t, "members")
	var parts []string
	for range n {
		key := ""
		if len(keys) > 0 && rapid.Bool().Draw(g.t, "known key") {
			key = `"` + rapid.SampledFrom(keys).Draw(g.t, "key") + `"`
		} else {
			key = g.string()
		}
		parts = append(parts, g.space()+key+g.space()+":"+g.space()+g.value(depth-1)+g.space())
	}
	if n == 0 {
		return "{" + g.space() + "}"
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// mutate breaks the text in a few places, or leaves it whole.
func mutate(t *rapid.T, text string) string {
	b := []byte(text)
	for range rapid.IntRange(0, 3).Draw(t, "mutations") {
		if len(b) == 0 {
			return ""
		}
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("\"\\{}[],:0e.-+ut\n\x00\x1f\xff\xc3 ")).Draw(t, "byte")
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			b[i] = c
		case 1:
			b = append(b[:i], b[i+1:]...)
		default:
			b = append(b[:i], append([]byte{c}, b[i:]...)...)
		}
	}
	return string(b)
}
