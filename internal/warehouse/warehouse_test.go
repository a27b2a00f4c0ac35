package warehouse

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	"github.com/stretchr/testify/require"
)

// paged is a warehouse whose statements start at the second look, end at the third and have one row on each of two pages.
type paged struct {
	script
	looks int
}

func (p *paged) DescribeStatement(_ context.Context, in *redshiftdata.DescribeStatementInput, _ ...func(*redshiftdata.Options)) (*redshiftdata.DescribeStatementOutput, error) {
	p.looks++
	status := []types.StatusString{types.StatusStringSubmitted, types.StatusStringStarted, types.StatusStringFinished}[min(p.looks, 3)-1]
	return &redshiftdata.DescribeStatementOutput{Id: in.Id, Status: status, HasResultSet: aws.Bool(*in.Id != "CREATE")}, nil
}

func (p *paged) GetStatementResult(_ context.Context, in *redshiftdata.GetStatementResultInput, _ ...func(*redshiftdata.Options)) (*redshiftdata.GetStatementResultOutput, error) {
	if in.NextToken == nil {
		return &redshiftdata.GetStatementResultOutput{NextToken: aws.String("2"), Records: [][]types.Field{{
			&types.FieldMemberStringValue{Value: "a"}, &types.FieldMemberLongValue{Value: -7}, &types.FieldMemberDoubleValue{Value: 0.5},
		}}}, nil
	}
	return &redshiftdata.GetStatementResultOutput{Records: [][]types.Field{{
		&types.FieldMemberBooleanValue{Value: true}, &types.FieldMemberBlobValue{Value: []byte{0xab, 1}}, &types.FieldMemberIsNull{Value: true},
	}}}, nil
}

func TestRowsAreTextsOfAllPages(t *testing.T) {
	rows, err := client(&paged{}).Query(t.Context(), "SELECT")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"a", "-7", "0.5"}, {"true", "ab01", "NULL"}}, rows)
	rows, err = client(&paged{}).Query(t.Context(), "CREATE")
	require.NoError(t, err)
	require.Nil(t, rows, "nothing is fetched for a statement without a result")
}

func TestAStatementIsAwaitedUntilItHasStarted(t *testing.T) {
	api := &paged{}
	got, err := client(api).Until(t.Context(), aws.String("1"), func(s types.StatusString) bool { return s != types.StatusStringSubmitted })
	require.NoError(t, err)
	require.Equal(t, types.StatusStringStarted, got.Status)
	require.Equal(t, 2, api.looks)
}
