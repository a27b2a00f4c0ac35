package dataapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/query/dataapi"
)

func TestAStatementRunsAndItsResultIsFetched(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	out, err := ann.ExecuteStatement(t.Context(), statement("SELECT 1"))
	require.NoError(t, err)
	require.Equal(t, "IAM:ann", *out.DbUser)
	require.WithinDuration(t, time.Now(), *out.CreatedAt, time.Minute)
	got := h.end(ann, *out.Id)
	require.Equal(t, types.StatusStringFinished, got.Status)
	require.Equal(t, "SELECT 1", *got.QueryString)
	require.True(t, *got.HasResultSet)
	require.EqualValues(t, 1, got.ResultRows)
	require.EqualValues(t, 1, got.ResultSize)
	require.EqualValues(t, 1, got.RedshiftQueryId)
	require.NotZero(t, got.RedshiftPid)
	require.Positive(t, got.Duration)
	require.Equal(t, [][]types.Field{{&types.FieldMemberLongValue{Value: 1}}}, h.result(ann, *out.Id))
	require.Eventually(t, func() bool { return h.warehouse.connections() == 0 }, 5*time.Second, time.Millisecond, "the connection is closed")
}

func TestEveryKindOfValueTravels(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	id := h.send(ann, statement("VALUES"))
	h.end(ann, id)
	null := &types.FieldMemberIsNull{Value: true}
	rows := h.result(ann, id)
	require.Equal(t, []types.Field{null, null, null, null, null, null, null}, rows[1])
	require.Equal(t, []types.Field{
		&types.FieldMemberBooleanValue{Value: true}, &types.FieldMemberLongValue{Value: -7}, &types.FieldMemberDoubleValue{Value: 0.1},
	}, rows[0][:3])
	require.Equal(t, "-Inf", fmt.Sprint(rows[0][3].(*types.FieldMemberDoubleValue).Value))
	require.Equal(t, []types.Field{
		&types.FieldMemberStringValue{Value: "say \"hi\",\nok"}, &types.FieldMemberStringValue{Value: ""}, &types.FieldMemberBlobValue{Value: []byte{0, 0xff}},
	}, rows[0][4:])

	csv := statement("VALUES")
	csv.ResultFormat = types.ResultFormatStringCsv
	id = h.send(ann, csv)
	h.end(ann, id)
	v2, err := ann.GetStatementResultV2(t.Context(), &sdk.GetStatementResultV2Input{Id: &id})
	require.NoError(t, err)
	require.Equal(t, "true,-7,0.1,-Infinity,\"say \"\"hi\"\",\nok\",\"\",00ff\r\n,,,,,,\r\n", v2.Records[0].(*types.QueryRecordsMemberCSVRecords).Value)
	_, err = ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &id})
	requireCode(t, err, "ValidationException", "use GetStatementResultV2")
}

func TestAResultHasPagesOfWholeRows(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	rapid.Check(t, func(rt *rapid.T) {
		n, width := rapid.IntRange(0, 1500).Draw(rt, "rows"), rapid.IntRange(0, 2000).Draw(rt, "width")
		id := h.send(ann, statement(fmt.Sprintf("ROWS %d %d", n, width)))
		require.EqualValues(rt, n, h.end(ann, id).ResultRows)
		rows := h.result(ann, id)
		require.Len(rt, rows, n)
		for i, row := range rows {
			require.Equal(rt, int64(i), row[0].(*types.FieldMemberLongValue).Value)
		}
	})
	id := h.send(ann, statement("ROWS 3000 1000"))
	h.end(ann, id)
	page, err := ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &id})
	require.NoError(t, err)
	require.Less(t, len(page.Records), 3000)
	require.EqualValues(t, 3000, page.TotalNumRows)
	other := h.send(ann, statement("ROWS 3000 1000"))
	h.end(ann, other)
	_, err = ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &other, NextToken: page.NextToken})
	requireCode(t, err, "ValidationException", "NextToken")
}

func TestWhatTheWarehouseSaysIsInTheStatement(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	elsewhere := statement("SELECT 1")
	elsewhere.Database = aws.String("prod")
	for text, in := range map[string]*sdk.ExecuteStatementInput{
		"ERROR: permission denied for database dev\n  Hint: ask\n  Position: 7": statement("FAIL"),
		"ERROR: the disk is gone":                 statement("BREAK"),
		"FATAL: database \"prod\" does not exist": elsewhere,
		"Row 1 of the result has 65537 bytes, more than the limit of 65536: select fewer": statement("ROWS 1 65536"),
	} {
		id := h.send(ann, in)
		got := h.end(ann, id)
		require.Equal(t, types.StatusStringFailed, got.Status)
		require.Contains(t, *got.Error, text)
		require.EqualValues(t, -1, got.ResultRows)
		_, err := ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &id})
		requireCode(t, err, "ResourceNotFoundException", "Query does not have result")
	}
	id := h.send(ann, statement("SET x TO 1"))
	require.False(t, *h.end(ann, id).HasResultSet)
	_, err := ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &id})
	requireCode(t, err, "ResourceNotFoundException", "Query does not have result")
}

func TestNamedParametersGetTheirValues(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	in := statement("SELECT :city, :name")
	parameter := func(name, value string) types.SqlParameter {
		return types.SqlParameter{Name: &name, Value: &value}
	}
	in.Parameters = []types.SqlParameter{parameter("name", "Ann"), parameter("city", "Oslo")}
	id := h.send(ann, in)
	require.Len(t, h.end(ann, id).QueryParameters, 2)
	require.Equal(t, [][]types.Field{{&types.FieldMemberStringValue{Value: "Oslo"}, &types.FieldMemberStringValue{Value: "Ann"}}}, h.result(ann, id))
	for message, parameters := range map[string][]types.SqlParameter{
		"Unused parameters: [age]": {parameter("name", "a"), parameter("city", "b"), parameter("age", "7")},
		"more than once":           {parameter("name", "a"), parameter("name", "b")},
		"regular expression":       {parameter("na me", "a")},
		"length greater":           {parameter("name", "")},
	} {
		in.Parameters = parameters
		_, err := ann.ExecuteStatement(t.Context(), in)
		requireCode(t, err, "ValidationException", message)
	}
}

func TestABatchIsOneTransaction(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	batch := func(sqls ...string) string {
		out, err := ann.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Sqls: sqls, Database: aws.String("dev"), WorkgroupName: aws.String("default")})
		require.NoError(t, err)
		return *out.Id
	}
	id := batch("SET a TO 1", "SELECT 7")
	got := h.end(ann, id)
	require.Equal(t, types.StatusStringFinished, got.Status)
	require.Len(t, got.SubStatements, 2)
	require.Equal(t, id+":2", *got.SubStatements[1].Id)
	require.True(t, *got.SubStatements[1].HasResultSet)
	require.EqualValues(t, -1, got.ResultRows)
	require.Equal(t, [][]types.Field{{&types.FieldMemberLongValue{Value: 7}}}, h.result(ann, id+":2"))
	require.Equal(t, "SELECT 7", *h.describe(ann, id+":2").QueryString)
	_, err := ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &id})
	requireCode(t, err, "ResourceNotFoundException", "")
	require.Equal(t, []string{"IAM:ann@dev 1: BEGIN", "IAM:ann@dev 1: SET a TO 1", "IAM:ann@dev 1: SELECT 7", "IAM:ann@dev 1: COMMIT"}, h.warehouse.logged())

	got = h.end(ann, batch("SELECT 7", "FAIL", "SELECT 8"))
	require.Equal(t, types.StatusStringFailed, got.Status)
	require.Contains(t, *got.Error, "Query #2 failed with ERROR: permission denied")
	for i, status := range []types.StatementStatusString{"ABORTED", "FAILED", "ABORTED"} {
		require.Equal(t, status, got.SubStatements[i].Status, i)
	}
	log := h.warehouse.logged()
	require.Equal(t, "IAM:ann@dev 2: ROLLBACK", log[len(log)-1])
	for _, n := range []int{0, 41} {
		_, err := ann.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{
			Sqls: strings.Split(strings.Repeat("SELECT 1;", n), ";")[:n], Database: aws.String("dev"), WorkgroupName: aws.String("default"),
		})
		requireCode(t, err, "ValidationException", "between 1 and 40")
	}
}

func TestARunningStatementIsCanceled(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	id := h.send(ann, statement("WAIT"))
	h.await(ann, id, types.StatusStringStarted)
	out, err := ann.CancelStatement(t.Context(), &sdk.CancelStatementInput{Id: &id})
	require.NoError(t, err)
	require.True(t, *out.Status)
	got := h.end(ann, id)
	require.Equal(t, types.StatusStringAborted, got.Status)
	require.Equal(t, "The statement was canceled.", *got.Error)
	require.Eventually(t, func() bool {
		_, err = ann.CancelStatement(t.Context(), &sdk.CancelStatementInput{Id: &id})
		return err != nil
	}, 5*time.Second, time.Millisecond)
	requireCode(t, err, "ValidationException", "Could not cancel a query that is already in ABORTED state with ID: "+id)
}

func TestStatementsWaitForTheirTurn(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	h.warehouse.connected = make(chan struct{})
	var ids []string
	for range 10 { // there are 4 workers
		ids = append(ids, h.send(ann, statement("SELECT 1")))
	}
	count := func() map[types.StatusString]int {
		n := map[types.StatusString]int{}
		for _, id := range ids {
			n[h.describe(ann, id).Status]++
		}
		return n
	}
	require.Eventually(t, func() bool { return count()["PICKED"] == 4 }, 5*time.Second, time.Millisecond)
	require.Equal(t, map[types.StatusString]int{"PICKED": 4, "SUBMITTED": 6}, count())
	close(h.warehouse.connected)
	for _, id := range ids {
		require.Equal(t, types.StatusStringFinished, h.end(ann, id).Status)
	}
}

func TestTooManyStatementsAreRefused(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	h.warehouse.connected = make(chan struct{})
	for range dataapi.MaxActive {
		h.send(ann, statement("SELECT 1"))
	}
	_, err := ann.ExecuteStatement(t.Context(), statement("SELECT 1"))
	requireCode(t, err, "ActiveStatementsExceededException", "500")
	close(h.warehouse.connected)
}

func TestATokenMakesARepetitionTheSameStatement(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	in := statement("SELECT 1")
	in.ClientToken = aws.String("once")
	first := h.send(ann, in)
	require.Equal(t, first, h.send(ann, in))
	h.end(ann, first)
	require.Equal(t, first, h.send(ann, in), "also when it has ended")
	other := statement("SELECT 2")
	other.ClientToken = in.ClientToken
	_, err := ann.ExecuteStatement(t.Context(), other)
	requireCode(t, err, "ValidationException", "ClientToken")
	bobs := h.send(h.as("bob"), in)
	require.NotEqual(t, first, bobs, "a token is its owner's")
	h.end(h.as("bob"), bobs)
	require.Len(t, h.warehouse.logged(), 1+1)
}

func TestAStatementThatTheProcessLeftIsSaidToBeLost(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	kept := h.send(ann, statement("SELECT 1"))
	h.end(ann, kept)
	running := h.send(ann, statement("WAIT"))
	h.await(ann, running, types.StatusStringStarted)
	h.stop()
	h.start(h.warehouse)
	ann = h.as("ann")
	got := h.describe(ann, running)
	require.Equal(t, types.StatusStringAborted, got.Status)
	require.Equal(t, "The service was shut down while the statement was under way.", *got.Error)
	require.Len(t, h.result(ann, kept), 1, "results outlive the process")

	// A process that was killed has not written that down.
	_, err := h.db.Exec(t.Context(), `UPDATE dataapi_statement SET status = 'STARTED', document = replace(document, '"ABORTED"', '"STARTED"') WHERE id = ?`, running)
	require.NoError(t, err)
	h.stop()
	h.start(h.warehouse)
	got = h.describe(h.as("ann"), running)
	require.Equal(t, types.StatusStringFailed, got.Status)
	require.Contains(t, *got.Error, "The service ended while the statement was under way.")
}

func TestStatementsAreForgottenAfterADay(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	old, young := h.send(ann, statement("SELECT 1")), h.send(ann, statement("SELECT 1"))
	h.end(ann, old)
	h.end(ann, young)
	h.stop()
	_, err := h.db.Exec(t.Context(), `UPDATE dataapi_statement SET created_ms = ? WHERE id = ?`, time.Now().Add(-dataapi.Retention-time.Minute).UnixMilli(), old)
	require.NoError(t, err)
	h.start(h.warehouse)
	ann = h.as("ann")
	_, err = ann.DescribeStatement(t.Context(), &sdk.DescribeStatementInput{Id: &old})
	requireCode(t, err, "ResourceNotFoundException", "Query does not exist")
	require.Len(t, h.result(ann, young), 1)
	require.NoFileExists(t, h.dir+"/statements/"+old+"-1.rows")
}

func TestASessionKeepsItsConnection(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	in := statement("SET a TO 1")
	in.SessionKeepAliveSeconds = aws.Int32(60)
	out, err := ann.ExecuteStatement(t.Context(), in)
	require.NoError(t, err)
	require.NotEmpty(t, *out.SessionId)
	h.end(ann, *out.Id)
	next := func(sql string, keep int32) string {
		t.Helper()
		var id string
		require.Eventually(t, func() bool { // the statement before has ended and gives the session back
			got, err := ann.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Sql: &sql, SessionId: out.SessionId, SessionKeepAliveSeconds: &keep})
			if err == nil {
				id = *got.Id
			}
			return err == nil
		}, 5*time.Second, time.Millisecond)
		return id
	}
	h.end(ann, next("SELECT 2", 60))
	require.Equal(t, []string{"IAM:ann@dev 1: SET a TO 1", "IAM:ann@dev 1: SELECT 2"}, h.warehouse.logged())
	_, err = h.as("bob").ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Sql: aws.String("SELECT 3"), SessionId: out.SessionId})
	requireCode(t, err, "ResourceNotFoundException", "Session does not exist")

	waiting := next("WAIT", 60)
	_, err = ann.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Sql: aws.String("SELECT 3"), SessionId: out.SessionId})
	requireCode(t, err, "ValidationException", "is busy")
	_, err = ann.CancelStatement(t.Context(), &sdk.CancelStatementInput{Id: &waiting})
	require.NoError(t, err)
	h.end(ann, next("SELECT 4", 0))
	require.Eventually(t, func() bool { return h.warehouse.connections() == 0 }, 5*time.Second, time.Millisecond, "0 seconds end the session")
	_, err = ann.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Sql: aws.String("SELECT 3"), SessionId: out.SessionId})
	requireCode(t, err, "ResourceNotFoundException", "Session does not exist")

	short := statement("SET a TO 1")
	short.SessionKeepAliveSeconds = aws.Int32(1)
	h.end(ann, h.send(ann, short))
	require.Eventually(t, func() bool { return h.warehouse.connections() == 0 }, 10*time.Second, 10*time.Millisecond, "an idle session ends by itself")
}

func TestStatementsAreListedNewestFirst(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	var ids []string
	for i := range 7 {
		in := statement("SELECT 1")
		in.StatementName = aws.String(fmt.Sprintf("name%d", i%2))
		ids = append([]string{h.send(ann, in)}, ids...)
		h.end(ann, ids[0])
		time.Sleep(2 * time.Millisecond)
	}
	failed := h.send(ann, statement("FAIL"))
	h.end(ann, failed)
	h.end(h.as("bob"), h.send(h.as("bob"), statement("SELECT 1")))
	list := func(in *sdk.ListStatementsInput) []string {
		var out []string
		pages := sdk.NewListStatementsPaginator(ann, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Statements), int(max(in.MaxResults, 100)))
			for _, st := range page.Statements {
				out = append(out, *st.Id)
			}
		}
		return out
	}
	require.Equal(t, ids, list(&sdk.ListStatementsInput{}), "finished ones by default")
	for size := range int32(9) {
		require.Equal(t, append([]string{failed}, ids...), list(&sdk.ListStatementsInput{Status: types.StatusStringAll, MaxResults: size}))
	}
	require.Equal(t, []string{failed}, list(&sdk.ListStatementsInput{Status: types.StatusStringFailed}))
	require.Len(t, list(&sdk.ListStatementsInput{StatementName: aws.String("name1")}), 3)
	require.Empty(t, list(&sdk.ListStatementsInput{Database: aws.String("prod")}))
}
