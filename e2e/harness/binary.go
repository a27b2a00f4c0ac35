// Package harness runs the real binary for whole-system tests: it starts and kills services, sends records and remembers which of
// them were acknowledged, runs the command line and SQL, and waits until everything that was sent is published.
//
// Its methods fail the test when they cannot do their work. Waits have a generous end that only tells a hang; no test depends on how
// long anything takes.
package harness

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

var binaryFlag = flag.String("refract", "", "the refract binary under test (default: built once from this module)")

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Main runs the tests and removes what the harness built.
func Main(m *testing.M) {
	status := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a temporary folder; nothing depends on its removal
	}
	os.Exit(status)
}

// Binary returns the path of the binary under test.
func Binary(tb testing.TB) string {
	tb.Helper()
	built.once.Do(func() {
		if *binaryFlag != "" {
			built.path, built.err = filepath.Abs(*binaryFlag)
			if built.err == nil {
				_, built.err = os.Stat(built.path)
			}
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "refract-e2e-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "refract")
		build := exec.Command("go", "build", "-o", built.path, "./cmd/refract")
		build.Dir = Root()
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("building refract: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		tb.Fatal(built.err)
	}
	return built.path
}

// Root returns the module's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
