// Package config declares Refract's configuration and reads it.
//
// Every setting is declared once, in declare: its path, type, default, description, example and valid values. The YAML file, the
// environment, the command line, the documentation and the JSON schema all come from that declaration.
//
// A setting is taken from the first of these that has it:
//
//   - a flag: http.tls_cert is --http-tls-cert. Secrets have none, since other users of the machine can see command lines.
//   - the environment: REFRACT_HTTP_TLS_CERT. An empty variable is as good as none.
//   - the file: tls_cert below http, or "http.tls_cert" at the top. A key without a value is as good as none.
//   - its default.
//
// Reading finds all mistakes at once; each is reported with its place, what is wrong and what would be right.
package config

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"time"
)

// Role is a part of Refract that a process plays.
type Role string

// The roles.
const (
	// Collector takes records in over HTTP.
	Collector Role = "collector"
	// Worker seals segments and runs pipelines.
	Worker Role = "worker"
	// Query serves SQL.
	Query Role = "query"
)

// Config is the whole configuration.
type Config struct {
	DataDir string
	Roles   []Role
	HTTP    HTTP
	// RateLimit bounds each project; 0 does not bound.
	RateLimit RateLimit
	SQL       SQL
	AWS       AWS
	Log       Log
	Meta      Meta
	Lake      Lake
	// Destination is how destinations outside this installation are reached.
	Destination Destination
	Pipeline    Pipeline
	Seal        Seal
	// QuarantineMaxBytes bounds the quarantine.
	QuarantineMaxBytes int64
	// GeoIPDatabase is the path of a MaxMind database, or empty.
	GeoIPDatabase string
	Telemetry     Telemetry
}

// HTTP is the server for records, pipelines, health and metrics.
type HTTP struct {
	Listen string
	// TLSCert and TLSKey are paths of PEM files, both or neither.
	TLSCert, TLSKey string
	TrustedProxies  []netip.Prefix
	MaxConnections  int
}

// RateLimit is what one project may send.
type RateLimit struct {
	RecordsPerSecond int64
	BytesPerMinute   int64
}

// SQL is the Redshift-compatible server.
type SQL struct {
	Listen          string
	TLSCert, TLSKey string
	// Password is empty when one is to be generated.
	Password string
	// MemoryLimit is in bytes; 0 is the engine's own choice.
	MemoryLimit int64
	// Threads is 0 for one per core.
	Threads int
}

// AWS is the AWS-compatible endpoint, which the role Query serves.
type AWS struct {
	// Listen is empty when the endpoint is off.
	Listen          string
	TLSCert, TLSKey string
	// Identities is the path of a file of accounts (package aws/identity), or empty.
	Identities string
	// ThrottlePercent of the requests are refused as too many.
	ThrottlePercent int
	// Region is the one that requests are signed for; Account has 12 digits.
	Region, Account string
}

// Log is the event log.
type Log struct {
	// URL is of a NATS cluster; empty is the embedded log.
	URL      string
	Replicas int
}

// Meta is the metadata database.
type Meta struct {
	// URL is of a PostgreSQL database; empty is SQLite in the data directory.
	URL string
}

// Lake is the local lake.
type Lake struct {
	Bucket string
	// Dir is the bucket's folder. It is never empty after Load.
	Dir string
}

// Destination is what pipelines get for destinations at AWS, or at servers that stand in for it, where they name nothing themselves.
type Destination struct {
	// EndpointURL is an address of S3, STS, Glue and Redshift; empty is AWS.
	EndpointURL string
	// Region is empty for the one that AWS's own configuration names.
	Region string
	// PathStyle is "auto", "true" or "false".
	PathStyle string
	// AnswerTimeout bounds the wait for the beginning of an answer to each request.
	AnswerTimeout time.Duration
}

// Pipeline is the running of pipelines.
type Pipeline struct {
	Interval    time.Duration
	Concurrency int
}

// Seal says when records become segments.
type Seal struct {
	After time.Duration
	Bytes int64
}

// Telemetry is the logging.
type Telemetry struct {
	LogLevel slog.Level
	// LogFormat is "text" or "json".
	LogFormat string
}

// Has reports whether the process plays the role.
func (c *Config) Has(r Role) bool { return slices.Contains(c.Roles, r) }

// finish fills in what depends on other settings and reports settings that don't go together.
func (c *Config) finish(from func(path string) string) []Problem {
	if c.Lake.Dir == "" {
		c.Lake.Dir = filepath.Join(c.DataDir, "lake")
	}
	var problems []Problem
	for _, pair := range []struct{ prefix, cert, key string }{
		{"http", c.HTTP.TLSCert, c.HTTP.TLSKey}, {"sql", c.SQL.TLSCert, c.SQL.TLSKey}, {"aws", c.AWS.TLSCert, c.AWS.TLSKey},
	} {
		if (pair.cert == "") == (pair.key == "") {
			continue
		}
		has, lacks := pair.prefix+".tls_cert", pair.prefix+".tls_key"
		if pair.cert == "" {
			has, lacks = lacks, has
		}
		problems = append(problems, Problem{from(has), has, "is set without " + lacks, "set both for TLS, or neither"})
	}
	if c.Log.URL == "" && c.Log.Replicas > 1 && from("log.replicas") != "" {
		problems = append(problems, Problem{from("log.replicas"), "log.replicas", "is more than 1 for the embedded log", "set log.url to a NATS cluster, or leave log.replicas out"})
	}
	return problems
}
