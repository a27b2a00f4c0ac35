package dataapi_test

import (
	"os"
	"path/filepath"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	"github.com/stretchr/testify/require"
)

// kept is how many bytes of results there are.
func (h *house) kept() (bytes int64) {
	h.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "statements", "*.rows"))
	require.NoError(h, err)
	for _, name := range files {
		info, err := os.Stat(name)
		require.NoError(h, err)
		bytes += info.Size()
	}
	return bytes
}

func TestOldResultsMakeRoom(t *testing.T) {
	h := newHouse(t)
	h.stop()
	h.maxStored = 1 << 20
	h.start(h.warehouse)
	ann := h.as("ann")
	var ids []string
	for range 5 { // of about 400 KB each
		id := h.send(ann, statement("ROWS 10 40000"))
		require.Equal(t, types.StatusStringFinished, h.end(ann, id).Status)
		ids = append(ids, id)
		require.LessOrEqual(t, h.kept(), h.maxStored)
	}
	for i, id := range ids {
		if i >= 3 {
			require.Len(t, h.result(ann, id), 10)
			continue
		}
		_, err := ann.GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &id})
		requireCode(t, err, "ResourceNotFoundException", "made room for newer ones")
	}
	got := h.end(ann, h.send(ann, statement("ROWS 100 40000")))
	require.Equal(t, types.StatusStringFailed, got.Status)
	require.Contains(t, *got.Error, "The results of the statements that run take more than 1 MB")
	require.Zero(t, h.kept(), "what does not fit leaves nothing")

	last := h.send(ann, statement("ROWS 10 40000"))
	h.end(ann, last)
	h.send(ann, statement("ROWS 10 10000"))
	h.stop()
	h.maxStored = 300 << 10
	h.start(h.warehouse)
	require.LessOrEqual(t, h.kept(), h.maxStored, "results of the process before count")
	_, err := h.as("ann").GetStatementResult(t.Context(), &sdk.GetStatementResultInput{Id: &last})
	requireCode(t, err, "ResourceNotFoundException", "made room")
}
