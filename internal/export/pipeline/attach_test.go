package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/fault"
)

func TestAttachingThatWaitsForTheUserIsTriedEverMoreRarely(t *testing.T) {
	w := &Worker{Config: Config{Backoff: backoff}}
	denied := fault.New(fault.Setup, "creating the external schema", "mp_json_export", errors.New("permission denied"), "")
	require.Equal(t, 15*time.Minute, w.attachPause(1, denied))
	require.Equal(t, time.Hour, w.attachPause(3, denied))
	require.Equal(t, 12*time.Hour, w.attachPause(1000, denied))
	for try := 1; try < 20; try++ {
		require.Equal(t, backoff(try), w.attachPause(try, fault.New(fault.Transient, "x", "", nil, "")))
	}
}
