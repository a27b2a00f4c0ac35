CREATE TABLE quarantine_entry (
  id       BIGINT NOT NULL PRIMARY KEY,
  project  BIGINT NOT NULL,
  time_ms  BIGINT NOT NULL,
  endpoint TEXT NOT NULL,
  position TEXT NOT NULL,
  field    TEXT NOT NULL,
  message  TEXT NOT NULL,
  raw      BLOB NOT NULL,
  bytes    BIGINT NOT NULL,
  batch    TEXT,
  UNIQUE (project, position)
);
CREATE INDEX quarantine_entry_by_project ON quarantine_entry (project, id);
CREATE INDEX quarantine_entry_by_batch ON quarantine_entry (batch) WHERE batch IS NOT NULL;
CREATE TABLE quarantine_count (
  project     BIGINT NOT NULL PRIMARY KEY,
  last_id     BIGINT NOT NULL,
  added       BIGINT NOT NULL,
  kept        BIGINT NOT NULL,
  kept_bytes  BIGINT NOT NULL,
  refused     BIGINT NOT NULL,
  replayed    BIGINT NOT NULL,
  deleted     BIGINT NOT NULL
);
