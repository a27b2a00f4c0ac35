package rsql

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartitionConditionsReachTheCatalog(t *testing.T) {
	tests := []struct{ where, partition, expression string }{
		{"mp_date = '2026-05-01'", "mp_date = '2026-05-01'", "mp_date = '2026-05-01'"},
		{"'2026-05-01' <= e.mp_date and time > '2026-05-01'", "'2026-05-01' <= e.mp_date", "mp_date >= '2026-05-01'"},
		{"mp_date between 'a' and 'b' and hour in (1, 2)", "(mp_date between 'a' and 'b') and (hour in (1, 2))", "(mp_date >= 'a' AND mp_date <= 'b') AND hour IN (1, 2)"},
		{"mp_date = 'a' or mp_date = 'b'", "(mp_date = 'a') or (mp_date = 'b')", "(mp_date = 'a' OR mp_date = 'b')"},
		{"mp_date = 'a' or event_name = 'b'", "", ""},
		{"mp_date = event_name", "", ""},
		{"not mp_date = 'a'", "not (mp_date = 'a')", ""},
		{"mp_date >= to_char(getdate(), 'YYYY-MM-DD') and mp_date <= 'z'", "(mp_date >= to_char(getdate(), 'YYYY-MM-DD')) and (mp_date <= 'z')", "mp_date <= 'z'"},
		{"mp_date > $1", "mp_date > $1", ""},
		{"mp_date = 'it''s'", "mp_date = 'it''s'", "mp_date = 'it''s'"},
		{"hour > -1 and hour <> 1.5", "(hour > (- 1)) and (hour <> 1.5)", "hour > -1"},
		{"day >= '2026-05-01' and day < date '2026-06-01'", "(day >= '2026-05-01') and (day < date '2026-06-01')", "day >= '2026-05-01' AND day < '2026-06-01'"},
		{"mp_date in (select b from t)", "", ""},
		{"mp_date = (select max(b) from t)", "", ""},
		{"mp_date is null", "mp_date is null", ""},
		{"mp_date = 'a  '", "mp_date = 'a  '", ""},
		{"random() > 0.5 and mp_date = 'a'", "mp_date = 'a'", "mp_date = 'a'"},
	}
	for _, test := range tests {
		t.Run(test.where, func(t *testing.T) {
			s := bound(t, "select 1 from ext.events e where "+test.where, testEnv{}).Scans[0]
			got := ""
			if s.Partition != nil {
				got = Print(s.Partition)
			}
			require.Equal(t, test.partition, got)
			require.Equal(t, test.expression, s.Expression())
		})
	}
}

func TestConditionsTrueForNullAreNotPushedBelowOuterJoins(t *testing.T) {
	partition := func(sql string) Expr { return bound(t, sql, testEnv{}).Scans[0].Partition }
	require.NotNil(t, partition("select 1 from t left join ext.events e on true where e.mp_date = 'a'"))
	require.NotNil(t, partition("select 1 from t left join ext.events e on true where not (e.mp_date = 'a' or e.hour = 1)"))
	require.Nil(t, partition("select 1 from t left join ext.events e on true where e.mp_date is null"))
	require.Nil(t, partition("select 1 from t left join ext.events e on true where coalesce(e.mp_date, 'a') = 'a'"))
	require.NotNil(t, partition("select 1 from t join ext.events e on true where coalesce(e.mp_date, 'a') = 'a'"))
}

func TestLongExpressionsStayWithinGluesLimit(t *testing.T) {
	where := "mp_date <> 'x'"
	for range 200 {
		where += " and mp_date <> 'abcdefgh'"
	}
	expression := bound(t, "select 1 from ext.events where "+where, testEnv{}).Scans[0].Expression()
	require.LessOrEqual(t, len(expression), 2048)
	require.Contains(t, expression, "mp_date <> 'x'")
}
