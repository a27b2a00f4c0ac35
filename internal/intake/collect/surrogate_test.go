package collect

import (
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// cesu encodes text as the JavaScript SDK does: UTF-16 code units, each by itself.
func cesu(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if !utf16.IsSurrogate(rune(u)) {
			b = utf8.AppendRune(b, rune(u))
			continue
		}
		b = append(b, 0xe0|byte(u>>12), 0x80|byte(u>>6)&0xbf, 0x80|byte(u)&0xbf)
	}
	return b
}

func TestSurrogatesThatAreEncodedOneByOneAreJoined(t *testing.T) {
	require.Equal(t, "🚀", string(joinSurrogates([]byte("\xed\xa0\xbd\xed\xba\x80"))))
	for _, broken := range []string{"\xed\xa0\xbd", "\xed\xa0\xbd\xed\xa0\xbd", "\xed\xba\x80\xed\xa0\xbd", "a\xed", "\xed\xa0\xbdx\xed\xba\x80"} {
		require.Equal(t, broken, string(joinSurrogates([]byte(broken))), "what is no pair stays as it is")
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.Rune()).Draw(t, "text")
		require.Equal(t, text, string(joinSurrogates(cesu(text))))
		require.Equal(t, text, string(joinSurrogates([]byte(text))), "UTF-8 stays as it is")
	})
}
