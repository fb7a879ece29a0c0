-- +goose Up

-- A checksum of each row by itself: its number, its canonical transfer and its tag (package tokens,
-- RowSum). The chain finds that something was changed; this names every row that was, also where
-- several rows of one batch were.
ALTER TABLE transfers ADD COLUMN crc INTEGER NOT NULL DEFAULT -1; -- -1: a row from before
INSERT INTO facts (name, value) SELECT 'ledger_crc_from', CAST(coalesce(max(seq), 0) + 1 AS TEXT) FROM transfers;

-- Old answers are looked for every few seconds.
CREATE INDEX idempotency_created ON idempotency (created_ms);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
