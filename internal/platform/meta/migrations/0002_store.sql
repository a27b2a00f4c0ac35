CREATE TABLE segment (
  id         INTEGER PRIMARY KEY,
  project_id BIGINT NOT NULL,
  kind       INTEGER NOT NULL,
  after_pos  BIGINT NOT NULL,
  upto_pos   BIGINT NOT NULL,
  object_key TEXT NOT NULL UNIQUE,
  bytes      BIGINT NOT NULL,
  records    BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  UNIQUE (project_id, kind, after_pos)
);
CREATE TABLE segment_day (
  segment_id BIGINT NOT NULL REFERENCES segment (id),
  day        INTEGER NOT NULL,
  first_row  BIGINT NOT NULL,
  records    BIGINT NOT NULL,
  min_time   BIGINT NOT NULL,
  max_time   BIGINT NOT NULL,
  PRIMARY KEY (segment_id, day)
);
CREATE TABLE sealed_watermark (
  id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  position BIGINT NOT NULL
);
INSERT INTO sealed_watermark (id, position) VALUES (1, 0);
CREATE TABLE sealed_key (
  project_id BIGINT NOT NULL,
  block_key  TEXT NOT NULL,
  position   BIGINT NOT NULL,
  sealed_ms  BIGINT NOT NULL,
  PRIMARY KEY (project_id, block_key)
);
CREATE INDEX sealed_key_age ON sealed_key (sealed_ms);
CREATE TABLE poison_block (
  position   BIGINT NOT NULL PRIMARY KEY,
  project_id BIGINT NOT NULL,
  block_key  TEXT NOT NULL,
  records    BIGINT NOT NULL,
  bytes      BIGINT NOT NULL,
  reason     TEXT NOT NULL,
  object_key TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE TABLE store_snapshot (
  project_id BIGINT NOT NULL,
  content    TEXT NOT NULL,
  position   BIGINT NOT NULL,
  object_key TEXT NOT NULL,
  bytes      BIGINT NOT NULL,
  records    BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (project_id, content, position)
);
CREATE TABLE store_garbage (
  object_key TEXT NOT NULL PRIMARY KEY,
  due_ms     BIGINT NOT NULL
);
