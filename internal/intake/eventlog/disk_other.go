//go:build !linux && !darwin && !freebsd

package eventlog

import (
	"math"
	"os"
)

// freeBytes knows nothing here: a full disk is met when JetStream meets it.
func freeBytes(string) (int64, error) { return math.MaxInt64, nil }

// lockFile opens the file without a lock.
func lockFile(name string) (*os.File, error) { return os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644) }
