package schema

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNamesAreCleanedAsMixpanelCleansThem(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"letters lower case":                   {"XY", "xy"},
		"no snake case":                        {"routeName", "routename"},
		"an event's name":                      {"EntityViewEvent", "entityviewevent"},
		"a property of Mixpanel":               {"$city", "mp_city"},
		"another":                              {"$insert_id", "mp_insert_id"},
		"a property that begins with mp_":      {"mp_processing_time_ms", "mp_processing_time_ms"},
		"both":                                 {"$mp_api_timestamp_ms", "mp_mp_api_timestamp_ms"},
		"a long one of Mixpanel's":             {"$distinct_id_before_identity", "mp_distinct_id_before_identity"},
		"a reserved word":                      {"timestamp", "res_timestamp"},
		"a reserved word in capitals":          {"Constraint", "res_constraint"},
		"a reserved word after a dollar":       {"$user", "mp_user"},
		"spaces and dots":                      {"Sign up. now!", "sign_up__now_"},
		"a dollar inside":                      {"a$b", "a_b"},
		"two dollars":                          {"$$a", "mp__a"},
		"only a dollar":                        {"$", "mp_"},
		"other scripts, one _ per character":   {"Größe 价格", "gr__e___"},
		"bytes that are no UTF-8":              {"a\xff\xfeb", "a__b"},
		"a digit first":                        {"2fa", "_2fa"},
		"a digit after a dollar":               {"$2fa", "mp_2fa"},
		"the empty name":                       {"", "_"},
		"128 characters are kept":              {strings.Repeat("x", 128), strings.Repeat("x", 128)},
		"more are not, the prefix included":    {"$" + strings.Repeat("x", 128), "mp_" + strings.Repeat("x", 125)},
		"a word that is no Redshift keyword":   {"date", "date"},
		"a capital that is no ASCII":           {"İ", "_"},
		"a character of four bytes at the end": {"a\U0001f600", "a_"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, Clean(tt.in)) })
	}
}

func TestNoNameIsAmiss(t *testing.T) {
	form := regexp.MustCompile(`^[a-z_][a-z0-9_]{0,127}$`)
	rapid.Check(t, func(t *rapid.T) {
		n := newNames("mp_date")
		seen := map[string]bool{"mp_date": true}
		long := strings.Repeat("y", 126)
		for range 30 {
			s := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("aA_$1 é")), 0, 3, -1),
				rapid.SampledFrom([]string{"$date", long + "ab", long + "aB", long + "ac", "select", "a_1"})).Draw(t, "name")
			got := n.assign(Clean(s))
			require.Regexp(t, form, got)
			require.NotContains(t, reserved, got)
			require.False(t, seen[got], "%q is given twice", got)
			seen[got] = true
		}
	})
}

func TestThousandsOfNamesThatCleanToTheSame(t *testing.T) {
	n := newNames()
	for range DefaultLimit {
		n.assign("_")
	}
	require.Contains(t, n.taken, "__9499")
	require.NotContains(t, n.taken, "__9500")
}

func TestTablesDoNotBeginWithAnUnderscore(t *testing.T) {
	require.Equal(t, "event_2fa", tableName("2fa"))
	require.Equal(t, "event_", tableName(""))
	require.Equal(t, "event__x", tableName("#_x"))
	require.Equal(t, "mp_mp_web_page_view", tableName("$mp_web_page_view"))
	require.Len(t, tableName(strings.Repeat("_", 300)), MaxNameChars)
}
