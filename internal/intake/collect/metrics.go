package collect

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is what became of a record.
type outcome uint8

const (
	accepted outcome = iota
	quarantined
	unknownToken
	unreadableRecord
	dropped
	repeated
	outcomes
)

var outcomeNames = [outcomes]string{
	accepted:         "accepted",
	quarantined:      "quarantined",
	unknownToken:     "unknown_token",
	unreadableRecord: "unattributed",
	dropped:          "dropped",
	repeated:         "repeated",
}

// metrics count since the process began. What counts for ever is in the log and in the quarantine.
type metrics struct {
	requests *prometheus.CounterVec
	records  [endpoints][outcomes]prometheus.Counter
	bytes    [endpoints]prometheus.Counter
	appends  prometheus.Histogram
	inFlight prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer, c *Collector) *metrics {
	if registerer == nil {
		registerer = prometheus.NewRegistry()
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "refract_collector_requests_total",
			Help: "Requests by endpoint and HTTP status.",
		}, []string{"endpoint", "status"}),
		appends: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "refract_collector_append_seconds",
			Help:    "Time until the records of a request were durable in the log.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "refract_collector_in_flight_requests",
			Help: "Requests being answered.",
		}),
	}
	records := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "refract_collector_records_total",
		Help: "Records by endpoint and outcome: accepted, quarantined, unknown_token, unattributed (unreadable, without a project), " +
			"dropped ($ignore, identity events of simplified projects), repeated (known Idempotency-Key).",
	}, []string{"endpoint", "outcome"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "refract_collector_body_bytes_total",
		Help: "Bytes of request bodies after decompression.",
	}, []string{"endpoint"})
	for e := range endpoints {
		for o, name := range outcomeNames {
			m.records[e][o] = records.WithLabelValues(endpointNames[e], name)
		}
		m.bytes[e] = bytes.WithLabelValues(endpointNames[e])
	}
	held := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "refract_collector_buffer_bytes",
		Help: "Memory taken by the buffers of requests.",
	}, func() float64 { return float64(c.memory.used.Load()) })
	registerer.MustRegister(m.requests, records, bytes, m.appends, m.inFlight, held)
	return m
}

func (m *metrics) request(e endpoint, status int) {
	m.requests.WithLabelValues(endpointNames[e], strconv.Itoa(status)).Inc()
}
