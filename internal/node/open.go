package node

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
	"github.com/refract-io/refract/internal/platform/telemetry"
)

// open opens what the roles stand on, the ground first.
func (n *Node) open(ctx context.Context) error {
	if err := os.MkdirAll(n.cfg.DataDir, 0o755); err != nil {
		return fault.New(fault.Setup, "creating the data folder", n.cfg.DataDir, err, "set data_dir to a folder that can be written")
	}
	if err := n.lock(); err != nil {
		return err
	}
	n.log = telemetry.NewLogger(os.Stderr, n.cfg.Telemetry.LogLevel, n.cfg.Telemetry.LogFormat)
	n.metrics, n.ready = telemetry.NewRegistry(), telemetry.NewReadiness(n.log)
	var err error
	if n.token, err = secretFile(n.path(adminTokenFile), newSecret(24)); err != nil {
		return err
	}
	for _, open := range []func(context.Context) error{n.openMeta, n.openLog, n.openStore, n.openLake, n.openPassword, n.openAWS, n.openEngine} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) openMeta(ctx context.Context) error {
	source := n.cfg.Meta.URL
	if source == "" {
		source = n.path("meta.db")
	}
	db, err := meta.Open(ctx, source)
	if err != nil {
		return err
	}
	n.db = db
	n.onClose(db.Close)
	n.projects = project.NewRegistry(db)
	n.catalog = catalog.Open(db)
	n.pipelines = pipeline.NewStore(db, n.projects)
	return nil
}

// appendWait is how long a request waits for room in the log's writer before it is answered 503.
const appendWait = 5 * time.Second

// openLog opens the log, which collectors write and workers read.
func (n *Node) openLog(ctx context.Context) error {
	if !n.cfg.Has(config.Collector) && !n.cfg.Has(config.Worker) {
		return nil
	}
	opts := eventlog.Options{Replicas: n.cfg.Log.Replicas, Logger: n.log}
	var log *eventlog.JetStream
	var err error
	if n.cfg.Log.URL != "" {
		log, err = eventlog.Connect(ctx, n.cfg.Log.URL, opts)
	} else {
		log, err = eventlog.Open(ctx, n.path("log"), opts)
	}
	if err != nil {
		return err
	}
	n.events = log
	n.onClose(log.Close)
	if n.cfg.Has(config.Collector) {
		n.writer = eventlog.NewWriter(log, eventlog.WriterOptions{MaxWait: appendWait})
		n.onClose(n.writer.Close)
		n.quarantine = quarantine.Open(n.db, quarantine.Config{MaxBytes: n.cfg.QuarantineMaxBytes})
		n.onClose(func() error { n.quarantine.Close(); return nil })
	}
	return nil
}

func (n *Node) openStore(ctx context.Context) error {
	segments, err := bucket.OpenLocal("store", n.path("store"))
	if err != nil {
		return err
	}
	if n.store, err = store.Open(ctx, store.Options{
		DB: n.db, Bucket: segments, Projects: n.projects, Log: n.events, Dir: n.path("store"),
		SealAfter: n.cfg.Seal.After, SealBytes: int(n.cfg.Seal.Bytes), Logger: n.log,
	}); err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	return nil
}

func (n *Node) openLake(context.Context) error {
	lake, err := bucket.OpenLocal(n.cfg.Lake.Bucket, n.cfg.Lake.Dir)
	if err != nil {
		return err
	}
	n.lake = lake
	n.destinations = n.newDestinations()
	return nil
}
