CREATE TABLE accepted (
  project_id BIGINT NOT NULL PRIMARY KEY,
  records    BIGINT NOT NULL
);
INSERT INTO accepted (project_id, records) SELECT project_id, CAST(sum(records) AS BIGINT) FROM segment GROUP BY project_id;
