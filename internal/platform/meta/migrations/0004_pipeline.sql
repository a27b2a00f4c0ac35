CREATE TABLE pipeline_sequence (
  id   BIGINT NOT NULL PRIMARY KEY,
  last BIGINT NOT NULL
);
INSERT INTO pipeline_sequence (id, last) VALUES (1, 0);
CREATE TABLE pipeline (
  id               TEXT NOT NULL PRIMARY KEY,
  project_id       BIGINT NOT NULL REFERENCES project (id),
  name             TEXT NOT NULL,
  source           TEXT NOT NULL,
  format           TEXT NOT NULL,
  frequency        TEXT NOT NULL,
  interval_ms      BIGINT NOT NULL,
  from_day         BIGINT NOT NULL,
  to_day           BIGINT NOT NULL,
  bucket           TEXT NOT NULL,
  prefix           TEXT NOT NULL,
  catalog_database TEXT NOT NULL,
  table_name       TEXT NOT NULL,
  milliseconds     BIGINT NOT NULL,
  created_ms       BIGINT NOT NULL,
  state            TEXT NOT NULL,
  published        BIGINT NOT NULL,
  target           BIGINT NOT NULL,
  next_ms          BIGINT NOT NULL,
  attached         BIGINT NOT NULL,
  attach_ms        BIGINT NOT NULL,
  attach_tries     BIGINT NOT NULL,
  attach_error     TEXT NOT NULL,
  lease_owner      TEXT NOT NULL,
  lease_until_ms   BIGINT NOT NULL,
  UNIQUE (project_id, name)
);
CREATE TABLE pipeline_run (
  pipeline_id     TEXT NOT NULL REFERENCES pipeline (id),
  number          BIGINT NOT NULL,
  is_open         BIGINT NOT NULL,
  state           TEXT NOT NULL,
  after_position  BIGINT NOT NULL,
  upto_position   BIGINT NOT NULL,
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
CREATE INDEX pipeline_run_open ON pipeline_run (is_open, pipeline_id);
CREATE INDEX pipeline_run_superseded ON pipeline_run (superseded_ms);
CREATE TABLE pipeline_day (
  pipeline_id  TEXT NOT NULL REFERENCES pipeline (id),
  day          BIGINT NOT NULL,
  row_count    BIGINT NOT NULL,
  byte_count   BIGINT NOT NULL,
  object_count BIGINT NOT NULL,
  PRIMARY KEY (pipeline_id, day)
);
