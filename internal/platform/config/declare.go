package config

import "time"

// declare returns every setting, in the order of the documentation, bound to c.
func declare(c *Config) []*Field {
	return []*Field{
		text(&c.DataDir, "data_dir", "./refract-data", notEmpty("a path")).
			doc("Folder of everything that the embedded parts keep: log, segments, metadata, lake, SQL engine.", "/var/lib/refract"),
		list(&c.Roles, "roles", "collector,worker,query", oneOf(Collector, Worker, Query)).
			doc("What this process does. One process does everything; several with one role each share a log, a metadata database and a lake.", "worker"),

		text(&c.HTTP.Listen, "http.listen", "127.0.0.1:8080", address).
			doc("Address for records, the pipelines API, health and metrics. The default is reachable from this machine only.", "0.0.0.0:8080"),
		text(&c.HTTP.TLSCert, "http.tls_cert", "", anyText("a path")).
			doc("PEM file with the certificate chain for HTTPS. Empty is plain HTTP.", "/etc/refract/tls.crt"),
		text(&c.HTTP.TLSKey, "http.tls_key", "", anyText("a path")).
			doc("PEM file with the key of http.tls_cert.", "/etc/refract/tls.key"),
		list(&c.HTTP.TrustedProxies, "http.trusted_proxies", "", prefix).
			doc("Networks of the proxies whose X-Forwarded-For is believed. Records get their sender's place from it.", "10.0.0.0/8"),
		integer(&c.HTTP.MaxConnections, "http.max_connections", "4096", 1, 1_000_000).
			doc("Connections served at a time. Further ones wait.", "10000"),

		integer(&c.RateLimit.RecordsPerSecond, "rate_limit.records_per_second", "30000", 0, 1_000_000_000).
			doc("Records per second of one project, averaged over a minute; 0 is no limit. The default is Mixpanel's.", "0"),
		size(&c.RateLimit.BytesPerMinute, "rate_limit.bytes_per_minute", "2GB", 0, 1<<50).
			doc("Size of the requests of one project in a minute, after decompression; 0 is no limit. The default is Mixpanel's.", "0"),

		text(&c.SQL.Listen, "sql.listen", "127.0.0.1:5439", address).
			doc("Address for psql, JDBC and other Redshift clients. The default is reachable from this machine only.", "0.0.0.0:5439"),
		text(&c.SQL.TLSCert, "sql.tls_cert", "", anyText("a path")).
			doc("PEM file with the certificate chain for SQL clients. Empty is no TLS.", "/etc/refract/tls.crt"),
		text(&c.SQL.TLSKey, "sql.tls_key", "", anyText("a path")).
			doc("PEM file with the key of sql.tls_cert.", "/etc/refract/tls.key"),
		text(&c.SQL.Password, "sql.password", "", anyText("a text")).secret().
			doc("Password of the SQL administrator. When it is empty, one is generated and kept in the data directory.", "correct-horse-battery-staple"),
		size(&c.SQL.MemoryLimit, "sql.memory_limit", "2GiB", 0, 1<<50).
			doc("Memory of all queries together; larger ones use the disk. 0 is four fifths of the machine's.", "8GiB"),
		integer(&c.SQL.Threads, "sql.threads", "0", 0, 1024).
			doc("Threads of all queries together; 0 is one for each core.", "4"),

		text(&c.AWS.Listen, "aws.listen", "127.0.0.1:4566", optional(address)).
			doc("Address of the AWS-compatible endpoint (S3, Glue, STS, KMS, Secrets Manager and the Redshift Data API over the lake) for AWS SDKs and tools, served by the query role. "+
				"Empty is no endpoint. The default is reachable from this machine only.", "0.0.0.0:4566"),
		text(&c.AWS.TLSCert, "aws.tls_cert", "", anyText("a path")).
			doc("PEM file with the certificate chain of the AWS-compatible endpoint. Empty is plain HTTP.", "/etc/refract/tls.crt"),
		text(&c.AWS.TLSKey, "aws.tls_key", "", anyText("a path")).
			doc("PEM file with the key of aws.tls_cert.", "/etc/refract/tls.key"),
		text(&c.AWS.Identities, "aws.identities", "", anyText("a path")).
			doc("YAML file with the accounts, users, roles, policies, KMS keys and secrets of the AWS-compatible endpoint; operations.md shows one. "+
				"Empty is the user refract alone, whose key is kept in the data directory.", "/etc/refract/identities.yaml"),
		integer(&c.AWS.ThrottlePercent, "aws.throttle_percent", "0", 0, 100).
			doc("Share of the requests to the AWS-compatible endpoint that are refused as too many (ThrottlingException, SlowDown), to test that clients bear it.", "20"),
		text(&c.AWS.Region, "aws.region", "us-east-1", notEmpty("a region")).
			doc("Region that requests to the AWS-compatible endpoint are signed for.", "eu-central-1"),
		text(&c.AWS.Account, "aws.account", "000000000000", account).
			doc("Account that the AWS-compatible endpoint stands in for.", "123456789012"),

		text(&c.Log.URL, "log.url", "", url("nats", "tls")).withPassword().
			doc("Address of a NATS JetStream cluster for the event log, several separated by commas. Empty is a log in this process.", "nats://nats-0:4222,nats://nats-1:4222"),
		integer(&c.Log.Replicas, "log.replicas", "3", 1, 5).
			doc("Servers of the cluster that hold the log: 1, 3 or 5. It does not apply to the embedded log.", "3").onlyOdd(),
		text(&c.Meta.URL, "meta.url", "", url("postgres", "postgresql")).withPassword().
			doc("PostgreSQL database for the metadata. Empty is SQLite in the data directory.", "postgres://refract@db:5432/refract"),

		text(&c.Lake.Bucket, "lake.bucket", "lake", bucketName).
			doc("Name of the local lake's bucket, as it appears in s3:// locations.", "events"),
		text(&c.Lake.Dir, "lake.dir", "", anyText("a path")).
			doc("Folder of the local lake's bucket. Empty is lake in the data directory.", "/mnt/lake"),

		text(&c.Destination.EndpointURL, "destination.endpoint_url", "", url("http", "https")).
			doc("Address that stands in for AWS (S3, STS, Glue, Redshift) where a pipeline names none. Empty is AWS. The AWS endpoint of this process, or an S3 server such as MinIO for pipelines that only use S3.", "http://127.0.0.1:4566"),
		text(&c.Destination.Region, "destination.region", "", anyText("a region")).
			doc("Region of destinations where a pipeline names none. Empty is the region of AWS's own configuration (AWS_REGION and the like).", "eu-central-1"),
		text(&c.Destination.PathStyle, "destination.path_style", "auto", choice("auto", "true", "false")).
			doc("Whether requests to S3 name the bucket in the path instead of the host name. auto does so at addresses that are not AWS's.", "true"),
		duration(&c.Destination.AnswerTimeout, "destination.answer_timeout", "1m", time.Second, time.Hour).
			doc("How long a request to AWS waits for its answer to begin before it is tried again.", "30s"),

		duration(&c.Pipeline.Interval, "pipeline.interval", "1s", 100*time.Millisecond, time.Hour).
			doc("How often pipelines that are due are looked for.", "10s"),
		integer(&c.Pipeline.Concurrency, "pipeline.concurrency", "8", 1, 1000).
			doc("Runs of pipelines at a time.", "2"),
		duration(&c.Seal.After, "seal.after", "500ms", 10*time.Millisecond, time.Hour).
			doc("How long records wait in the log before they are sealed into segments.", "5s"),
		size(&c.Seal.Bytes, "seal.bytes", "64MiB", 1<<20, 4<<30).
			doc("Size of waiting records, over all projects, that is sealed at once. It bounds the memory of sealing.", "256MiB"),
		size(&c.QuarantineMaxBytes, "quarantine.max_bytes", "1GiB", 1<<20, 1<<50).
			doc("Size of the quarantine of records that could not be taken.", "10GiB"),
		text(&c.GeoIPDatabase, "geoip.database", "", anyText("a path")).
			doc("MaxMind database (.mmdb) for the places of IP addresses. Empty adds none.", "/usr/share/GeoIP/GeoLite2-City.mmdb"),

		level(&c.Telemetry.LogLevel, "telemetry.log_level", "info").
			doc("Least level that is logged.", "debug"),
		text(&c.Telemetry.LogFormat, "telemetry.log_format", "text", choice("text", "json")).
			doc("Form of the log: lines for people, or JSON for log collectors.", "json"),
	}
}
