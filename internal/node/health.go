package node

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/refract-io/refract/internal/platform/config"
)

// maxLag is how far the store may be behind the log before a worker counts as not ready.
const maxLag = time.Minute

// addChecks says what must work for the process to be ready, and registers the metrics that belong to no single role.
func (n *Node) addChecks() {
	n.ready.Add("metadata", func(ctx context.Context) error {
		var one int
		return n.db.QueryRow(ctx, `SELECT 1`).Scan(&one)
	})
	if n.events != nil {
		n.ready.Add("log", func(ctx context.Context) error {
			_, err := n.events.Last(ctx)
			return err
		})
	}
	if !n.cfg.Has(config.Worker) {
		return
	}
	n.ready.Add("store", func(context.Context) error {
		if s := n.store.Stats(); s.Waiting > maxLag {
			return fmt.Errorf("the oldest unsealed record has waited %s: %s", s.Waiting.Round(time.Second), s.LastError)
		}
		return nil
	})
	n.metrics.MustRegister(newPipelineMetrics(n.pipelines))
	gauge := func(name, help string, value func() float64) {
		n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "refract", Subsystem: "store", Name: name, Help: help}, value))
	}
	gauge("sealed_position", "Log position up to which records are sealed.", func() float64 { return float64(n.store.Stats().Sealed) })
	gauge("lag_seconds", "How long the oldest unsealed record has waited.", func() float64 { return n.store.Stats().Waiting.Seconds() })
	counter := func(name, help string, value func() int64) {
		n.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "refract", Subsystem: "store", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	counter("sealed_records_total", "Records sealed into segments.", func() int64 { return n.store.Stats().Records })
	counter("segments_total", "Segment files written by sealing.", func() int64 { return n.store.Stats().Segments })
	counter("poison_blocks_total", "Log blocks that cannot be decoded and were kept aside.", func() int64 { return n.store.Stats().PoisonBlocks })
	counter("failures_total", "Failed attempts of sealing, merging and cleaning up; all are tried again.", func() int64 { return n.store.Stats().Failures })
}
