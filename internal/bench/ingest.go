package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/sample"
)

var ingest = Benchmark{
	Name: "ingest", Title: "Events taken in and durable",
	About: "Gzip bodies of 2,000 events go to `/import?strict=1` over four keep-alive connections, to a collector in a process of its own; " +
		"each is answered when its block is synced to the disk. The same bodies go, in turns, to a process with all roles, which " +
		"also seals them into segments, and through the steps that no collector can save, in one goroutine of the benchmark: inflate, scan, encode, compress.",
	run: runIngest,
}

// intakeServer is one candidate: a service that is fed.
type intakeServer struct {
	*server
	project control.Project
}

func (t *trial) startIntake(name, roles string) (*intakeServer, error) {
	s, err := t.start(filepath.Join(t.dir, name), roles)
	if err != nil {
		return nil, err
	}
	p, err := s.project(t)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return &intakeServer{server: s, project: p}, nil
}

// feed sends the bodies and returns the server's CPU time for it, which includes sealing where the server seals.
func (c *intakeServer) feed(t *trial, all []body, seals bool) (time.Duration, error) {
	before, err := c.cpu()
	if err != nil {
		return 0, err
	}
	if err := importAll(t, c.URL, c.project.Token, all); err != nil {
		return 0, err
	}
	if seals {
		if err := c.sealed(t); err != nil {
			return 0, err
		}
	}
	after, err := c.cpu()
	return after - before, err
}

func runIngest(t *trial) (err error) {
	perRound := t.size(100, 2)
	all, err := bodies(perRound*(1+t.size(3, 1)), sample.Options{})
	if err != nil {
		return err
	}
	collector, err := t.startIntake("collector", "collector")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, collector.stop()) }()
	whole, err := t.startIntake("all", "collector,worker,query")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, whole.stop()) }()

	events := float64(perRound * perBody)
	var plain, sealing, floor, ratios, sizes []float64
	err = t.rounds(func(counted bool) error {
		these := all[:perRound]
		all = all[perRound:]
		a, err := collector.feed(t, these, false)
		if err != nil {
			return err
		}
		b, err := whole.feed(t, these, true)
		if err != nil {
			return err
		}
		c, size, err := intakeFloor(these)
		if err != nil {
			return err
		}
		if counted {
			plain = append(plain, events/a.Seconds())
			sealing = append(sealing, events/b.Seconds())
			floor = append(floor, events/c.Seconds())
			ratios = append(ratios, c.Seconds()/a.Seconds())
			sizes = append(sizes, float64(size)/events)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, peak, err := memoryOf(collector.cmd.Process.Pid)
	if err != nil {
		return err
	}
	_, wholePeak, err := memoryOf(whole.cmd.Process.Pid)
	if err != nil {
		return err
	}
	const unit = "events/CPU-s"
	t.add(Figure{Name: "durable events, collector", Unit: unit, Bar: atLeast(150_000),
		Means: "Events answered 200 per second of the collector's CPU time, HTTP, log and file system included.",
		Bound: "inflating the body, scanning, encoding and compressing the block, which the floor measures, are most of it; the rest is HTTP and the log."}, plain...)
	t.add(Figure{Name: "durable and sealed events, all roles", Unit: unit,
		Means: "The same with the worker in the process: the time until the last event lies in a segment is counted too, with what merging of segments falls into it."}, sealing...)
	t.add(Figure{Name: "floor: inflate, scan, encode, compress", Unit: unit, Means: "The same bodies through the same packages without HTTP and log, in one goroutine."}, floor...)
	t.add(Figure{Name: "collector / floor", Unit: "times", Means: "How much of the collector's time is the floor's."}, ratios...)
	t.add(Figure{Name: "size of an event", Unit: "bytes", Means: "JSON text of the bodies after inflating."}, sizes...)
	t.add(Figure{Name: "peak memory, collector", Unit: "MiB", Means: "Highest resident memory of the process."}, mib(peak))
	t.add(Figure{Name: "peak memory, all roles", Unit: "MiB", Means: "Highest resident memory of the process; no query was run."}, mib(wholePeak))
	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// intakeFloor does with the bodies what a collector must, and returns the CPU time and the size of their text.
func intakeFloor(all []body) (used time.Duration, size int, err error) {
	before, err := cpuOf(0)
	if err != nil {
		return 0, 0, err
	}
	var unzip gzip.Reader
	var text bytes.Buffer
	var block []byte
	in := newTaking()
	for _, b := range all {
		if err := unzip.Reset(bytes.NewReader(b)); err != nil {
			return 0, 0, fmt.Errorf("inflating a body: %w", err)
		}
		text.Reset()
		if _, err := io.Copy(&text, &unzip); err != nil {
			return 0, 0, fmt.Errorf("inflating a body: %w", err)
		}
		size += text.Len()
		if err := in.take(text.Bytes()); err != nil {
			return 0, 0, err
		}
		if block, err = in.records.Finish(block[:0]); err != nil {
			return 0, 0, err
		}
	}
	after, err := cpuOf(0)
	return after - before, size, err
}
