ALTER TABLE catalog_database ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE catalog_table ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE catalog_partition ADD COLUMN bucket INTEGER NOT NULL DEFAULT 0;
CREATE TABLE catalog_partition_index (
  table_id BIGINT NOT NULL REFERENCES catalog_table (id) ON DELETE CASCADE,
  name     TEXT NOT NULL,
  body     TEXT NOT NULL,
  PRIMARY KEY (table_id, name)
);
CREATE TABLE catalog_column_statistics (
  table_id    BIGINT NOT NULL REFERENCES catalog_table (id) ON DELETE CASCADE,
  sort_key    BLOB NOT NULL,
  column_name TEXT NOT NULL,
  body        TEXT NOT NULL,
  PRIMARY KEY (table_id, sort_key, column_name)
);
CREATE TABLE catalog_function (
  database_id BIGINT NOT NULL REFERENCES catalog_database (id) ON DELETE CASCADE,
  name        TEXT NOT NULL,
  body        TEXT NOT NULL,
  created_ms  BIGINT NOT NULL,
  PRIMARY KEY (database_id, name)
);
