CREATE TABLE dataapi_statement (
  id         TEXT NOT NULL PRIMARY KEY,
  instance   TEXT NOT NULL,
  owner      TEXT NOT NULL,
  owner_id   TEXT NOT NULL,
  token      TEXT NOT NULL,
  status     TEXT NOT NULL,
  name       TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  document   TEXT NOT NULL
);
CREATE INDEX dataapi_statement_owner ON dataapi_statement (instance, owner, created_ms, id);
CREATE INDEX dataapi_statement_token ON dataapi_statement (instance, owner, token);
CREATE INDEX dataapi_statement_age ON dataapi_statement (instance, created_ms);
CREATE TABLE query_login (
  folded     TEXT NOT NULL PRIMARY KEY,
  user_name  TEXT NOT NULL,
  password   TEXT NOT NULL,
  expires_ms BIGINT NOT NULL
);
