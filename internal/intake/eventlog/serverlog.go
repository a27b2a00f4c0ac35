package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// serverLog passes what an embedded server says to slog: problems as warnings, all else for debugging. What it says while it starts
// is for debugging too: recovery after a crash is routine, and whether the start succeeded is told to the caller.
type serverLog struct {
	to       *slog.Logger
	trouble  func() // called after each error
	starting atomic.Bool

	mu    sync.Mutex
	first error // fatal
}

func (l *serverLog) say(level slog.Level, format string, args []any) {
	if l.starting.Load() {
		level = slog.LevelDebug
	}
	if l.to.Enabled(context.Background(), level) {
		l.to.Log(context.Background(), level, "log server: "+fmt.Sprintf(format, args...))
	}
}

func (l *serverLog) Noticef(format string, args ...any) { l.say(slog.LevelDebug, format, args) }
func (l *serverLog) Debugf(format string, args ...any)  { l.say(slog.LevelDebug, format, args) }
func (l *serverLog) Tracef(format string, args ...any)  { l.say(slog.LevelDebug, format, args) }
func (l *serverLog) Warnf(format string, args ...any)   { l.say(slog.LevelWarn, format, args) }

func (l *serverLog) Errorf(format string, args ...any) {
	l.say(slog.LevelWarn, format, args)
	l.trouble()
}

// Fatalf does not end the process. The server goes on, without what failed.
func (l *serverLog) Fatalf(format string, args ...any) {
	l.mu.Lock()
	if l.first == nil {
		l.first = fmt.Errorf(format, args...)
	}
	l.mu.Unlock()
	l.Errorf(format, args...)
}

func (l *serverLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}
