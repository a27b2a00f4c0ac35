// Package e2e tests the whole system: the real binary, killed and starved, with real clients on both ends. See package harness.
package e2e

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/refract-io/refract/e2e/harness"
)

var (
	seed  = flag.Uint64("seed", rand.Uint64(), "seed of what the tests do at random; they log it")
	soak  = flag.Duration("soak", 0, "how long TestKill goes on (default: a fixed number of kills)")
	kills = flag.Int("kills", 60, "how often TestKill kills the service")
)

func TestMain(m *testing.M) { harness.Main(m) }

// random returns a source of random numbers and logs its seed.
func random(t *testing.T, stream uint64) *rand.Rand {
	t.Helper()
	t.Logf("repeat with -seed %d", *seed)
	return rand.New(rand.NewPCG(*seed, stream))
}

// pause waits for a part of the time at random.
func pause(rnd *rand.Rand, from, to time.Duration) {
	time.Sleep(from + time.Duration(rnd.Int64N(int64(to-from)+1)))
}
