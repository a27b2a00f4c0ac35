package eventlog_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
)

// crashDir makes the test binary a writer that appends to the log there until it is killed.
const crashDir = "EVENTLOG_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeUntilKilled(dir, os.Getenv("EVENTLOG_TEST_CRASH_ROUND")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled appends from several goroutines and prints the name and position of each block after it was acknowledged. One
// goroutine appends every block twice with a key; one releases what is old.
func writeUntilKilled(dir, round string) error {
	ctx := context.Background()
	log, err := eventlog.Open(ctx, dir, eventlog.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	errs := make(chan error)
	for g := range 4 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("r%s-g%d-i%d", round, g, i)
				b := logtest.Block(int64(g+1), name, i%50+1)
				times := 1
				if g == 0 {
					b.Key, times = name, 2
				}
				for range times {
					p, err := log.Append(ctx, b)
					if err != nil {
						errs <- err
						return
					}
					say("ack %s %d %d", name, p, b.Count)
				}
			}
		}()
	}
	go func() {
		for {
			p, err := log.Last(ctx)
			if err == nil && p > 40 {
				say("release %d", p-40) // before it has an effect
				err = log.Release(ctx, p-40)
			}
			if err != nil {
				errs <- err
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return <-errs
}

func TestAcknowledgedBlocksSurviveKill(t *testing.T) {
	dir := t.TempDir()
	type ack struct {
		name  string
		count int
	}
	acked := map[eventlog.Position]ack{}
	var released eventlog.Position
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprint("EVENTLOG_TEST_CRASH_ROUND=", round))
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// Kill it at a random moment of its work: some time after the first acknowledgement.
		var once sync.Once
		killed := make(chan struct{})
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			once.Do(func() {
				time.AfterFunc(time.Duration(rand.IntN(120))*time.Millisecond, func() {
					defer close(killed)
					_ = cmd.Process.Kill() // it fails only when the process has ended, which the next check sees
				})
			})
			var a ack
			var p eventlog.Position
			switch line := lines.Text(); {
			case strings.HasPrefix(line, "ack "):
				if n, _ := fmt.Sscanf(line, "ack %s %d %d", &a.name, &p, &a.count); n != 3 {
					continue // cut off by the kill
				}
				if before, again := acked[p]; again {
					require.Equal(t, before, a, "position %d was given twice", p)
				}
				acked[p] = a
			case strings.HasPrefix(line, "release "):
				_, err := fmt.Sscanf(line, "release %d", &p)
				if err == nil {
					released = max(released, p)
				}
			}
		}
		<-killed
		require.ErrorContains(t, cmd.Wait(), "killed")

		log, err := eventlog.Open(t.Context(), dir, eventlog.Options{Logger: quiet})
		require.NoError(t, err)
		last, err := log.Last(t.Context())
		require.NoError(t, err)
		seen := map[string]eventlog.Position{}
		var newest eventlog.Position
		require.NoError(t, log.Read(t.Context(), 0, func(b *eventlog.Block) error {
			ids, err := logtest.InsertIDs(b)
			if err != nil {
				return err
			}
			name := strings.TrimSuffix(ids[0], "-0")
			if p, twice := seen[name]; twice {
				return fmt.Errorf("%s is at %d and at %d", name, p, b.Position)
			}
			if want, ok := acked[b.Position]; ok && (want.name != name || want.count != len(ids)) {
				return fmt.Errorf("%+v was acknowledged at %d, and %s with %d records is there", want, b.Position, name, len(ids))
			}
			seen[name] = b.Position
			newest = b.Position
			return nil
		}))
		require.LessOrEqual(t, newest, last)
		for p, a := range acked {
			require.LessOrEqual(t, p, last)
			if p > released {
				require.Equal(t, p, seen[a.name], "round %d lost %s", round, a.name)
			} else if got, ok := seen[a.name]; ok {
				require.Equal(t, p, got)
			}
		}
		if round%4 == 3 {
			require.NoError(t, log.Release(t.Context(), last)) // the next round begins with an empty log
			released = last
		}
		require.NoError(t, log.Close())
	}
	t.Logf("%d acknowledged blocks over %d kills, released up to %d", len(acked), rounds, released)
}
