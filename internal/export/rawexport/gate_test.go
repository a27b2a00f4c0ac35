package rawexport

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestARequestTooManyIsToldWhenToComeBack(t *testing.T) {
	h := open(t)
	h.config.Export = Limits{}
	h.handler = New(h.config)
	ask := func() (int, string) {
		w := h.do(exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03"))
		return w.Code, w.Header().Get("Retry-After")
	}
	for range 20 {
		for range 3 {
			code, _ := ask()
			require.Equal(t, http.StatusOK, code)
		}
		code, _ := ask()
		require.Equal(t, http.StatusTooManyRequests, code)
		h.clock = h.clock.Add(time.Second)
	}
	code, retry := ask()
	require.Equal(t, http.StatusTooManyRequests, code)
	require.Equal(t, "3580", retry)
	require.Equal(t, http.StatusOK, h.do(engageRequest()).Code)
	h.clock = h.clock.Add(3580 * time.Second)
	code, _ = ask()
	require.Equal(t, http.StatusOK, code)
}

func TestARefusedRequestDoesNotCount(t *testing.T) {
	h := open(t)
	h.config.Export = Limits{PerHour: 1}
	h.handler = New(h.config)
	require.Equal(t, http.StatusBadRequest, h.do(exportRequest()).Code)
	h.export()
	require.Equal(t, http.StatusTooManyRequests, h.do(exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03")).Code)
}

// TestAGateNeverLetsMoreThrough compares with counting over all that was let through.
func TestAGateNeverLetsMoreThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := today
		limits := Limits{rapid.IntRange(1, 8).Draw(t, "hour"), rapid.IntRange(1, 3).Draw(t, "second"), rapid.IntRange(1, 4).Draw(t, "concurrent")}
		g := newGate(limits, exportLimits, func() time.Time { return clock })
		var started []time.Time
		var running []func()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				clock = clock.Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "ms")) * time.Millisecond)
			case 1:
				clock = clock.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "minutes")) * time.Minute)
			case 2:
				if len(running) > 0 {
					running[0]()
					running = running[1:]
				}
			default:
				hour, second := 0, 0
				for _, at := range started {
					if clock.Sub(at) < time.Hour {
						hour++
					}
					if clock.Sub(at) < time.Second {
						second++
					}
				}
				want := hour < limits.PerHour && second < limits.PerSecond && len(running) < limits.Concurrent
				done, err := g.enter(1)
				require.Equal(t, want, err == nil)
				if err == nil {
					started, running = append(started, clock), append(running, done)
				}
			}
		}
	})
}
