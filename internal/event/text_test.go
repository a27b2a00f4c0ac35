package event

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAppendedStringsReadBackUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		quoted := AppendString(nil, text)
		require.Equal(t, quoted, AppendString(nil, []byte(text)))
		var got string
		require.NoError(t, json.Unmarshal(quoted, &got))
		want := text
		if !utf8.ValidString(text) {
			want = string([]rune(text)) // bad bytes as U+FFFD
		}
		require.Equal(t, want, got)
		require.Equal(t, want, string(AppendUnescaped(nil, quoted[1:len(quoted)-1])))
	})
}

func TestStringsAreEscapedNoMoreThanTheyMust(t *testing.T) {
	require.Equal(t, `"a\"\\/<>&é`+"\u2028\x7f"+`\n\r\t\b\f\u0000\u001f"`, string(AppendString(nil, "a\"\\/<>&é\u2028\x7f\n\r\t\b\f\x00\x1f")))
	require.Equal(t, "\"\ufffd\ufffdx\"", string(AppendString(nil, "\xff\xe2\x82"[:2]+"x")))
}

func TestMembersAreAppendedWithCommas(t *testing.T) {
	dst := AppendStringMember([]byte{'{'}, "a", "x\n")
	dst = AppendIntMember(dst, "b", -1<<63)
	dst = AppendRawMember(dst, "c", []byte("1.10"))
	require.Equal(t, `{"a":"x\n","b":-9223372036854775808,"c":1.10`, string(dst))
}

func TestTextIsCutAtCharacters(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{``, ``}, {`abc`, `abc`}, {`abcd`, `abc`}, {`éééé`, `ééé`}, {`\n\n\n\n`, `\n\n\n`},
		{`\u00e9\u00e9\u00e9x`, `\u00e9\u00e9\u00e9`}, {`\ud83d\ude00\ud83d\ude00\ud83d\ude00x`, `\ud83d\ude00\ud83d\ude00\ud83d\ude00`},
		{`\ud83d\ud83d\ud83dx`, `\ud83d\ud83d\ud83d`}, {`😀😀😀😀`, `😀😀😀`}, {`ab\"`, `ab\"`},
	} {
		require.Equal(t, c.want, string(truncateRaw([]byte(c.raw), 3)), c.raw)
	}
	rapid.Check(t, func(t *rapid.T) {
		quoted := jsonGen{t, false}.string()
		limit := rapid.IntRange(0, 10).Draw(t, "limit")
		raw := []byte(quoted[1 : len(quoted)-1])
		cut := AppendUnescaped(nil, truncateRaw(raw, limit))
		require.Equal(t, string(truncateText(AppendUnescaped(nil, raw), limit)), string(cut))
		require.LessOrEqual(t, utf8.RuneCount(cut), limit)
	})
}

func TestCompactTextKeepsEverySpelling(t *testing.T) {
	require.Equal(t, `{"a b":[1.10,-0e+5,"\u00e9 \/"],"x":{},"\ufffd":"\ud83d\ude00\ufffd\uFFFD"}`,
		string(AppendCompact(nil, []byte(" { \"a b\" : [ 1.10 ,\r\n\t-0e+5 , \"\\u00e9 \\/\" ] , \"x\" : { } , \"\\ud800\" : \"\\ud83d\\ude00\\uDC00\\uFFFD\" } "))))
}
