package pipeline

import (
	"context"
	"time"
)

// watch returns a context that ends with errTimeout when progress was not called for the time given, and a function that ends the watch.
// An attempt may take as long as it needs to, but not stand still.
func watch(ctx context.Context, standstill time.Duration) (watched context.Context, progress, end func()) {
	watched, stop := context.WithCancelCause(ctx)
	timer := time.AfterFunc(standstill, func() { stop(errTimeout) })
	return watched, func() { timer.Reset(standstill) }, func() {
		timer.Stop()
		stop(nil)
	}
}
