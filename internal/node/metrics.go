package node

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// scrapeTimeout bounds the database reads of one scrape.
const scrapeTimeout = 5 * time.Second

// pipelineMetrics reads the pipelines' progress when it is scraped: the metadata database knows it for all workers, also those that died.
type pipelineMetrics struct {
	store               *pipeline.Store
	published, runState *prometheus.Desc
}

func newPipelineMetrics(store *pipeline.Store) *pipelineMetrics {
	labels := []string{"project", "pipeline"}
	return &pipelineMetrics{
		store:     store,
		published: prometheus.NewDesc("refract_pipeline_published_position", "Log position up to which the pipeline has published.", labels, nil),
		runState:  prometheus.NewDesc("refract_pipeline_last_run", "1 for the state of the pipeline's last run.", append(labels, "state", "class"), nil),
	}
}

// Describe implements prometheus.Collector.
func (m *pipelineMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.published
	ch <- m.runState
}

// Collect implements prometheus.Collector.
func (m *pipelineMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	all, err := m.store.List(ctx, 0)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.published, err)
		return
	}
	for _, p := range all {
		if p.State == pipeline.Cancelled {
			continue
		}
		project := strconv.FormatInt(p.Project, 10)
		ch <- prometheus.MustNewConstMetric(m.published, prometheus.GaugeValue, float64(p.Published), project, p.Name)
		runs, err := m.store.Runs(ctx, p.ID, 1)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(m.runState, err)
			return
		}
		for _, r := range runs {
			class := ""
			if r.State != pipeline.Succeeded && r.LastError != nil {
				class = r.LastError.Class
			}
			ch <- prometheus.MustNewConstMetric(m.runState, prometheus.GaugeValue, 1, project, p.Name, string(r.State), class)
		}
	}
}
