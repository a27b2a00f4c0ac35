package sample

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func take(o Options, n int) [][]byte {
	s := New(o)
	var all [][]byte
	for range n {
		all = append(all, s.Next(nil))
	}
	return all
}

func TestTheSameSeedGivesTheSameStream(t *testing.T) {
	a, b := take(Options{Seed: 7}, 2000), take(Options{Seed: 7}, 2000)
	require.Equal(t, a, b)
	require.NotEqual(t, a, take(Options{Seed: 8}, 2000))
}

func TestTheStreamHasWhatPipelinesTripOver(t *testing.T) {
	const n = 5000
	stream := New(Options{Events: n})
	var previous []byte
	var late, repeats, linked, textPrice, bigNumber, bytesTotal int
	devices := map[string]map[string]bool{}
	var newest time.Time
	for range n {
		line := stream.Next(nil)
		bytesTotal += len(line)
		if bytes.Equal(line, previous) {
			repeats++
		}
		previous = line
		var e struct {
			Event      string
			Properties map[string]any
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		require.NoError(t, d.Decode(&e), "%s", line)
		ms, err := e.Properties["time"].(json.Number).Int64()
		require.NoError(t, err)
		at := time.UnixMilli(ms)
		if at.After(newest) {
			newest = at
		}
		if newest.Sub(at) > time.Hour {
			late++
		}
		if user, ok := e.Properties["$user_id"].(string); ok {
			linked++
			if devices[user] == nil {
				devices[user] = map[string]bool{}
			}
			devices[user][e.Properties["$device_id"].(string)] = true
		}
		if _, ok := e.Properties["price"].(string); ok {
			textPrice++
		}
		if _, ok := e.Properties["order_id"]; ok {
			bigNumber++
		}
	}
	several := 0
	for _, d := range devices {
		if len(d) > 1 {
			several++
		}
	}
	require.Equal(t, stream.Repeats(), repeats)
	for name, count := range map[string]int{"late": late, "repeats": repeats, "linked": linked, "text prices": textPrice, "big numbers": bigNumber, "users with several devices": several} {
		require.Positive(t, count, name)
	}
	require.InDelta(t, 600, bytesTotal/n, 100, "bytes an event")
}

func TestProfilesAreValidOperations(t *testing.T) {
	s := New(Options{})
	for i := range s.Users() {
		var op map[string]any
		line := s.Profile(nil, i)
		require.NoError(t, json.Unmarshal(line, &op), "%s", line)
		require.Len(t, op, 2)
	}
}
