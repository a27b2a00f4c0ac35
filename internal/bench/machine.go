package bench

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine is where it was measured. What the system does not tell is empty.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	OS     string `json:"os"`
	Kernel string `json:"kernel"`
	// FileSystem is the type of the one that holds the benchmarks' data.
	FileSystem string `json:"file_system"`
	// Load is the load average at the start: what else the machine was doing.
	Load string `json:"load"`
	Go   string `json:"go"`
}

// Version is of a part that matters to the figures.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// dependencies are the modules whose versions are reported.
var dependencies = []string{
	"github.com/duckdb/duckdb-go-bindings", "github.com/klauspost/compress", "github.com/nats-io/nats-server/v2", "github.com/parquet-go/parquet-go",
	"modernc.org/sqlite",
}

func versions(refract string) []Version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return []Version{{"refract", refract}}
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" && !strings.Contains(refract, revision[:min(7, len(revision))]) {
		refract += " " + revision[:min(12, len(revision))]
	}
	if settings["vcs.modified"] == "true" && !strings.Contains(refract, "dirty") {
		refract += ", with changes"
	}
	all := []Version{{"refract", refract}}
	for _, name := range dependencies {
		for _, m := range info.Deps {
			if m.Path == name {
				all = append(all, Version{name, m.Version})
			}
		}
	}
	return all
}

func describeMachine(dir string) Machine {
	m := Machine{Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if level := goLevel(); level != "" {
		m.Go += ", " + level
	}
	m.complete(dir)
	return m
}

// goLevel returns the instruction set the binary is built for, "GOAMD64=v1".
func goLevel() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "GO"+strings.ToUpper(runtime.GOARCH) {
			return s.Key + "=" + s.Value
		}
	}
	return ""
}
