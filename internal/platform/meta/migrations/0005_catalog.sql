CREATE TABLE catalog_database (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  body       TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE TABLE catalog_table (
  id          INTEGER PRIMARY KEY,
  database_id BIGINT NOT NULL REFERENCES catalog_database (id) ON DELETE CASCADE,
  name        TEXT NOT NULL,
  version     BIGINT NOT NULL,
  input       TEXT NOT NULL,
  created_ms  BIGINT NOT NULL,
  updated_ms  BIGINT NOT NULL,
  UNIQUE (database_id, name)
);
CREATE TABLE catalog_table_version (
  table_id   BIGINT NOT NULL REFERENCES catalog_table (id) ON DELETE CASCADE,
  version    BIGINT NOT NULL,
  input      TEXT NOT NULL,
  updated_ms BIGINT NOT NULL,
  PRIMARY KEY (table_id, version)
);
CREATE TABLE catalog_column_list (
  id       INTEGER PRIMARY KEY,
  table_id BIGINT NOT NULL REFERENCES catalog_table (id) ON DELETE CASCADE,
  digest   BLOB NOT NULL,
  columns  TEXT NOT NULL,
  UNIQUE (table_id, digest)
);
CREATE TABLE catalog_partition (
  table_id       BIGINT NOT NULL REFERENCES catalog_table (id) ON DELETE CASCADE,
  sort_key       BLOB NOT NULL,
  column_list_id BIGINT NOT NULL,
  body           TEXT NOT NULL,
  created_ms     BIGINT NOT NULL,
  PRIMARY KEY (table_id, sort_key)
);
