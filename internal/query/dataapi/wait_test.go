package dataapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"
)

// with adds members that the SDK does not know yet to a request, and keeps the whole answer in got.
func with(members map[string]any, got *map[string]any) func(*sdk.Options) {
	add := middleware.SerializeMiddlewareFunc("members", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
		request := in.Request.(*smithyhttp.Request)
		body := map[string]any{}
		if err := json.NewDecoder(request.GetStream()).Decode(&body); err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, err
		}
		maps.Copy(body, members)
		text, err := json.Marshal(body)
		if err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, err
		}
		if request, err = request.SetStream(bytes.NewReader(text)); err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, err
		}
		in.Request = request
		return next.HandleSerialize(ctx, in)
	})
	keep := middleware.DeserializeMiddlewareFunc("answer", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		if err != nil {
			return out, meta, err
		}
		response := out.RawResponse.(*smithyhttp.Response)
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return out, meta, err
		}
		response.Body = io.NopCloser(bytes.NewReader(text))
		*got = map[string]any{}
		return out, meta, json.Unmarshal(text, got)
	})
	return func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			if err := s.Serialize.Add(add, middleware.After); err != nil {
				return err
			}
			return s.Deserialize.Add(keep, middleware.After)
		})
	}
}

func TestRequestsWaitForTheEnd(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	var got map[string]any
	_, err := ann.ExecuteStatement(t.Context(), statement("SELECT 7"), with(map[string]any{"WaitTimeSeconds": 30}, &got))
	require.NoError(t, err)
	require.Equal(t, "FINISHED", got["Status"])
	require.Equal(t, true, got["HasResultSet"])
	require.EqualValues(t, 1, got["RedshiftPid"])
	_, err = ann.ExecuteStatement(t.Context(), statement("SELECT 7"), with(nil, &got))
	require.NoError(t, err)
	require.NotContains(t, got, "Status", "a request that does not wait tells nothing")

	out, err := ann.ExecuteStatement(t.Context(), statement("WAIT"), with(map[string]any{"WaitTimeSeconds": 1}, &got))
	require.NoError(t, err)
	require.Contains(t, []any{"PICKED", "STARTED"}, got["Status"], "the time is over")
	described := make(chan types.StatusString)
	go func() {
		out, err := ann.DescribeStatement(context.WithoutCancel(t.Context()), &sdk.DescribeStatementInput{Id: out.Id}, with(map[string]any{"WaitTimeSeconds": 30}, &map[string]any{}))
		if err != nil {
			t.Error(err)
			close(described)
			return
		}
		described <- out.Status
	}()
	select {
	case status := <-described:
		require.FailNow(t, "a request did not wait", status)
	case <-time.After(50 * time.Millisecond):
	}
	_, err = ann.CancelStatement(t.Context(), &sdk.CancelStatementInput{Id: out.Id})
	require.NoError(t, err)
	require.Equal(t, types.StatusStringAborted, <-described)

	out, err = ann.ExecuteStatement(t.Context(), statement("ROWS 3"))
	require.NoError(t, err)
	rows, err := ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: out.Id}, with(map[string]any{"WaitTimeSeconds": 30}, &got))
	require.NoError(t, err)
	require.Len(t, rows.Records, 3)
	for _, n := range []int{0, 31} {
		_, err = ann.ExecuteStatement(t.Context(), statement("SELECT 7"), with(map[string]any{"WaitTimeSeconds": n}, &got))
		requireCode(t, err, "ValidationException", "between 1 and 30")
		_, err = ann.DescribeStatement(t.Context(), &sdk.DescribeStatementInput{Id: out.Id}, with(map[string]any{"WaitTimeSeconds": n}, &got))
		requireCode(t, err, "ValidationException", "between 1 and 30")
	}
}

func TestThoseWhoWaitAreBounded(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	id := h.send(ann, statement("WAIT"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := make(chan error)
	for range 11 {
		go func() {
			_, err := ann.DescribeStatement(ctx, &sdk.DescribeStatementInput{Id: &id}, with(map[string]any{"WaitTimeSeconds": 30}, &map[string]any{}))
			errs <- err
		}()
	}
	requireCode(t, <-errs, "ActiveWaitingRequestsExceededException", "")
	_, err := ann.CancelStatement(t.Context(), &sdk.CancelStatementInput{Id: &id})
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, <-errs)
	}
}

func TestABatchMayCommitEachStatement(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	batch := func(mode string, sqls ...string) (*sdk.DescribeStatementOutput, map[string]any) {
		var got map[string]any
		out, err := ann.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Sqls: sqls, Database: aws.String("dev"), WorkgroupName: aws.String("default")},
			with(map[string]any{"ExecutionMode": mode, "WaitTimeSeconds": 30}, &got))
		require.NoError(t, err)
		described, err := ann.DescribeStatement(t.Context(), &sdk.DescribeStatementInput{Id: out.Id}, with(nil, &got))
		require.NoError(t, err)
		return described, got
	}
	got, raw := batch("AUTO_COMMIT", "SELECT 7", "FAIL", "COMMIT", "SELECT 8")
	require.Equal(t, types.StatusStringFailed, got.Status)
	require.Contains(t, *got.Error, "Query #2 failed with ERROR: permission denied")
	require.Equal(t, "AUTO_COMMIT", raw["ExecutionMode"])
	for i, status := range []types.StatementStatusString{"FINISHED", "FAILED", "FINISHED", "FINISHED"} {
		require.Equal(t, status, got.SubStatements[i].Status, i)
	}
	require.Equal(t, [][]types.Field{{&types.FieldMemberLongValue{Value: 8}}}, h.result(ann, *got.Id+":4"))
	require.Equal(t, []string{"IAM:ann@dev 1: SELECT 7", "IAM:ann@dev 1: FAIL", "IAM:ann@dev 1: COMMIT", "IAM:ann@dev 1: SELECT 8"}, h.warehouse.logged())

	got, raw = batch("TRANSACTION", "SELECT 7", "COMMIT", "SELECT 8")
	require.Equal(t, "TRANSACTION", raw["ExecutionMode"])
	require.Contains(t, *got.Error, "Query #2 failed with ERROR: a batch is one transaction")
	for i, status := range []types.StatementStatusString{"ABORTED", "FAILED", "ABORTED"} {
		require.Equal(t, status, got.SubStatements[i].Status, i)
	}
	log := h.warehouse.logged()
	require.Equal(t, "IAM:ann@dev 2: ROLLBACK", log[len(log)-1])

	_, err := ann.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Sqls: []string{"SELECT 7"}, Database: aws.String("dev"), WorkgroupName: aws.String("default")},
		with(map[string]any{"ExecutionMode": "NONE"}, &raw))
	requireCode(t, err, "ValidationException", "[TRANSACTION, AUTO_COMMIT]")
}

func TestWhatACanceledBatchHasCommittedStays(t *testing.T) {
	h := newHouse(t)
	ann := h.as("ann")
	var got map[string]any
	out, err := ann.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Sqls: []string{"SELECT 7", "WAIT", "SELECT 8"}, Database: aws.String("dev"), WorkgroupName: aws.String("default")},
		with(map[string]any{"ExecutionMode": "AUTO_COMMIT", "WaitTimeSeconds": 1}, &got))
	require.NoError(t, err)
	_, err = ann.CancelStatement(t.Context(), &sdk.CancelStatementInput{Id: out.Id})
	require.NoError(t, err)
	ended := h.end(ann, *out.Id)
	require.Equal(t, types.StatusStringAborted, ended.Status)
	require.Equal(t, "[FINISHED ABORTED ABORTED]", fmt.Sprint([]types.StatementStatusString{ended.SubStatements[0].Status, ended.SubStatements[1].Status, ended.SubStatements[2].Status}))
}
