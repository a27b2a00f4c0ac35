CREATE TABLE project (
  id            BIGINT NOT NULL PRIMARY KEY,
  name          TEXT NOT NULL,
  token         TEXT NOT NULL UNIQUE,
  secret_hash   TEXT NOT NULL,
  time_zone     TEXT NOT NULL,
  identity_mode TEXT NOT NULL,
  group_keys    TEXT NOT NULL,
  created_ms    BIGINT NOT NULL
);
CREATE TABLE service_account (
  username    TEXT NOT NULL PRIMARY KEY,
  secret_hash TEXT NOT NULL,
  project_id  BIGINT NOT NULL REFERENCES project (id),
  role        TEXT NOT NULL,
  expires_ms  BIGINT
);
