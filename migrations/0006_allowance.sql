-- +goose Up

-- The free allowance of verified members (ECONOMY §2). The balance of member/<n>/allowance (asset
-- byte) is month_bytes + once_bytes + what trickled in since both were used up.
CREATE TABLE allowances (
  member      INTEGER PRIMARY KEY REFERENCES members (id),
  verified_ms INTEGER NOT NULL,
  lasting     INTEGER NOT NULL DEFAULT 0 CHECK (lasting IN (0, 1)), -- invited or approved: 0 lasts while above the gate
  once_ms     INTEGER NOT NULL DEFAULT 0, -- when once_bytes were granted; 0: not yet
  month       TEXT NOT NULL DEFAULT '', -- of month_bytes, such as 2026-11; empty: none granted yet
  month_bytes INTEGER NOT NULL DEFAULT 0 CHECK (month_bytes >= 0),
  once_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (once_bytes >= 0),
  due_ms      INTEGER NOT NULL -- when the next grant or expiry is due
) STRICT;
CREATE INDEX allowances_due ON allowances (due_ms);

-- Bytes that cost the allowance, or nothing (freeleech), and so pay nobody per byte.
ALTER TABLE usage ADD COLUMN free_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE downloads ADD COLUMN reserved_free_bytes INTEGER NOT NULL DEFAULT 0; -- of the allowance

-- Freeleech: until when a torrent costs nothing; 0: it does.
ALTER TABLE torrents ADD COLUMN free_until_ms INTEGER NOT NULL DEFAULT 0;

-- What members or operators give for a torrent's proven seeders, over a time.
CREATE TABLE sponsors (
  id          INTEGER PRIMARY KEY,
  torrent     INTEGER NOT NULL REFERENCES torrents (id),
  member      INTEGER REFERENCES members (id), -- NULL: the treasury
  budget_utok INTEGER NOT NULL CHECK (budget_utok > 0),
  start_ms    INTEGER NOT NULL,
  end_ms      INTEGER NOT NULL CHECK (end_ms > start_ms),
  closed_ms   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX sponsors_open ON sponsors (torrent) WHERE closed_ms = 0;

-- The hosting pool's monthly subsidy out of the treasury.
CREATE TABLE subsidies (
  month       TEXT PRIMARY KEY, -- such as 2026-11
  amount_utok INTEGER NOT NULL,
  end_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
