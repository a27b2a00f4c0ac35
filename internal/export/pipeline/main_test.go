package pipeline

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the property tests, whose every step waits for the disk, make fewer checks than rapid's 100 unless asked for more.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
