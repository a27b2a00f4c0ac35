CREATE TABLE pipeline_kinds (
  id               TEXT NOT NULL PRIMARY KEY,
  project_id       BIGINT NOT NULL REFERENCES project (id),
  name             TEXT NOT NULL,
  state            TEXT NOT NULL,
  created_ms       BIGINT NOT NULL,
  leader_id        TEXT NOT NULL,
  bucket           TEXT NOT NULL,
  catalog_database TEXT NOT NULL,
  revision         BIGINT NOT NULL,
  definition       TEXT NOT NULL,
  cataloged        BIGINT NOT NULL,
  warning          TEXT NOT NULL,
  published        BIGINT NOT NULL,
  target           BIGINT NOT NULL,
  cycle_ms         BIGINT NOT NULL,
  marked_ms        BIGINT NOT NULL,
  next_ms          BIGINT NOT NULL,
  attached         BIGINT NOT NULL,
  attach_ms        BIGINT NOT NULL,
  attach_tries     BIGINT NOT NULL,
  attach_error     TEXT NOT NULL,
  lease_owner      TEXT NOT NULL,
  lease_until_ms   BIGINT NOT NULL
);
INSERT INTO pipeline_kinds SELECT id, project_id, name, state, created_ms, '', bucket, catalog_database, 1,
  '{"project":' || CAST(project_id AS TEXT) || ',"name":"' || name || '","type":"json","source":"' || source || '","format":"' || format
  || '","frequency":"' || frequency || '","interval":' || CAST(interval_ms * 1000000 AS TEXT) || ',"from":' || CAST(from_day AS TEXT)
  || ',"to":' || CAST(to_day AS TEXT) || ',"s3":{"bucket":"' || REPLACE(REPLACE(bucket, '\', '\\'), '"', '\"') || '","prefix":"' || prefix
  || '","encryption":"none"},"glue":{"use":true,"database":"' || catalog_database || '"},"table":"' || table_name || '","milliseconds":'
  || CASE WHEN milliseconds = 1 THEN 'true' ELSE 'false' END || '}',
  1, '', published, target, 0, 0, next_ms, attached, attach_ms, attach_tries, attach_error, lease_owner, lease_until_ms FROM pipeline;
CREATE TABLE pipeline_revision (
  pipeline_id TEXT NOT NULL REFERENCES pipeline_kinds (id),
  revision    BIGINT NOT NULL,
  definition  TEXT NOT NULL,
  replaced_ms BIGINT NOT NULL,
  PRIMARY KEY (pipeline_id, revision)
);
CREATE TABLE pipeline_run_kinds (
  pipeline_id     TEXT NOT NULL REFERENCES pipeline_kinds (id),
  number          BIGINT NOT NULL,
  is_open         BIGINT NOT NULL,
  state           TEXT NOT NULL,
  revision        BIGINT NOT NULL,
  after_position  BIGINT NOT NULL,
  upto_position   BIGINT NOT NULL,
  first_day       BIGINT NOT NULL,
  last_day        BIGINT NOT NULL,
  attempts        BIGINT NOT NULL,
  created_ms      BIGINT NOT NULL,
  started_ms      BIGINT NOT NULL,
  finished_ms     BIGINT NOT NULL,
  row_count       BIGINT NOT NULL,
  byte_count      BIGINT NOT NULL,
  object_count    BIGINT NOT NULL,
  day_count       BIGINT NOT NULL,
  long_count      BIGINT NOT NULL,
  reduced_count   BIGINT NOT NULL,
  superseded_ms   BIGINT NOT NULL,
  error_class     TEXT NOT NULL,
  error_operation TEXT NOT NULL,
  error_object    TEXT NOT NULL,
  error_message   TEXT NOT NULL,
  error_hint      TEXT NOT NULL,
  PRIMARY KEY (pipeline_id, number)
);
INSERT INTO pipeline_run_kinds SELECT pipeline_id, number, is_open, state, 1, after_position, upto_position, 0, 0, attempts, created_ms,
  started_ms, finished_ms, row_count, byte_count, object_count, day_count, long_count, reduced_count, superseded_ms,
  error_class, error_operation, error_object, error_message, error_hint FROM pipeline_run;
CREATE TABLE pipeline_day_kinds (
  pipeline_id  TEXT NOT NULL REFERENCES pipeline_kinds (id),
  table_name   TEXT NOT NULL,
  day          BIGINT NOT NULL,
  version      BIGINT NOT NULL,
  row_count    BIGINT NOT NULL,
  byte_count   BIGINT NOT NULL,
  object_count BIGINT NOT NULL,
  value_counts TEXT NOT NULL,
  PRIMARY KEY (pipeline_id, table_name, day)
);
INSERT INTO pipeline_day_kinds SELECT d.pipeline_id, p.table_name, d.day, 0, d.row_count, d.byte_count, d.object_count, ''
  FROM pipeline_day d JOIN pipeline p ON p.id = d.pipeline_id;
DROP TABLE pipeline_day;
DROP TABLE pipeline_run;
DROP TABLE pipeline;
ALTER TABLE pipeline_kinds RENAME TO pipeline;
ALTER TABLE pipeline_run_kinds RENAME TO pipeline_run;
ALTER TABLE pipeline_day_kinds RENAME TO pipeline_day;
CREATE INDEX pipeline_name ON pipeline (project_id, name);
CREATE INDEX pipeline_run_open ON pipeline_run (is_open, pipeline_id);
CREATE INDEX pipeline_run_superseded ON pipeline_run (superseded_ms);
CREATE TABLE pipeline_superseded (
  pipeline_id   TEXT NOT NULL REFERENCES pipeline (id),
  table_name    TEXT NOT NULL,
  day           BIGINT NOT NULL,
  version       BIGINT NOT NULL,
  superseded_ms BIGINT NOT NULL,
  PRIMARY KEY (pipeline_id, table_name, day, version)
);
CREATE INDEX pipeline_superseded_at ON pipeline_superseded (superseded_ms);
CREATE TABLE pipeline_sync (
  pipeline_id TEXT NOT NULL REFERENCES pipeline (id),
  day         BIGINT NOT NULL,
  number      BIGINT NOT NULL,
  synced_ms   BIGINT NOT NULL,
  PRIMARY KEY (pipeline_id, day, number)
);
CREATE TABLE pipeline_mapping (
  pipeline_id TEXT NOT NULL REFERENCES pipeline (id),
  number      BIGINT NOT NULL,
  mapping     TEXT NOT NULL,
  PRIMARY KEY (pipeline_id, number)
);
