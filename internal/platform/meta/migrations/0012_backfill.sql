-- The log position that was sealed when the pipeline was first looked at: what had arrived before.
ALTER TABLE pipeline ADD COLUMN backfill BIGINT NOT NULL DEFAULT 0;
UPDATE pipeline SET backfill = target;
