CREATE TABLE query_database (
  name       TEXT NOT NULL PRIMARY KEY,
  owner      TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE TABLE query_user (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  folded     TEXT NOT NULL UNIQUE,
  password   TEXT NOT NULL,
  superuser  BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE TABLE query_schema (
  id            INTEGER PRIMARY KEY,
  database_name TEXT NOT NULL,
  name          TEXT NOT NULL,
  glue_database TEXT NOT NULL,
  owner         TEXT NOT NULL,
  options       TEXT NOT NULL,
  created_ms    BIGINT NOT NULL,
  UNIQUE (database_name, name)
);
CREATE TABLE query_grant (
  database_name TEXT NOT NULL,
  schema_name   TEXT NOT NULL,
  grantee       TEXT NOT NULL,
  privilege     TEXT NOT NULL,
  grantable     BIGINT NOT NULL,
  PRIMARY KEY (database_name, schema_name, grantee, privilege)
);
