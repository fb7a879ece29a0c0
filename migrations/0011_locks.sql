-- +goose Up

-- Tokens locked away for weeks (ECONOMY §11). locked/<id> holds amount_utok until done_ms. The
-- indices are whole numbers too large for a column, so they are decimal text.
CREATE TABLE locks (
  id           INTEGER PRIMARY KEY,
  member       INTEGER NOT NULL REFERENCES members (id),
  amount_utok  INTEGER NOT NULL CHECK (amount_utok > 0),
  weeks        INTEGER NOT NULL CHECK (weeks > 0),
  weight       INTEGER NOT NULL CHECK (weight BETWEEN 1 AND amount_utok),
  epoch        INTEGER NOT NULL, -- in which it was made; it earns from the next one on
  start_ms     INTEGER NOT NULL,
  end_ms       INTEGER NOT NULL CHECK (end_ms > start_ms),
  entry_e18    TEXT NOT NULL DEFAULT '', -- the index from which on it is owed fees; empty: it does not earn yet
  exit_e18     TEXT NOT NULL DEFAULT '', -- the index up to which it earned; empty: its time is not over
  claimed_utok INTEGER NOT NULL DEFAULT 0 CHECK (claimed_utok >= 0),
  done_ms      INTEGER NOT NULL DEFAULT 0 -- when the tokens went back; 0: locked
) STRICT;
CREATE INDEX locks_member ON locks (member, id);
CREATE INDEX locks_due ON locks (end_ms) WHERE done_ms = 0;
CREATE INDEX locks_open ON locks (entry_e18, exit_e18, weight) WHERE exit_e18 = '' OR exit_e18 <> entry_e18;

-- What a settlement shared among the locks, and the index after it.
CREATE TABLE lock_accruals (
  epoch         INTEGER PRIMARY KEY,
  fees_utok     INTEGER NOT NULL,
  weight        INTEGER NOT NULL, -- of the locks that earned
  unearned_utok INTEGER NOT NULL, -- of the fees: there was no lock, they went to the hosting pool
  index_e18     TEXT NOT NULL,
  at_ms         INTEGER NOT NULL
) STRICT;

-- Claimed fees, released by a power law of the time since: vesting/<id> holds amount_utok less
-- released_utok. The law is that of the day of the claim.
CREATE TABLE vestings (
  id            INTEGER PRIMARY KEY,
  member        INTEGER NOT NULL REFERENCES members (id),
  lock          INTEGER NOT NULL REFERENCES locks (id),
  amount_utok   INTEGER NOT NULL CHECK (amount_utok > 0),
  released_utok INTEGER NOT NULL DEFAULT 0 CHECK (released_utok BETWEEN 0 AND amount_utok),
  at_ms         INTEGER NOT NULL,
  length_ms     INTEGER NOT NULL CHECK (length_ms > 0), -- until everything is released
  exponent      INTEGER NOT NULL CHECK (exponent > 0)
) STRICT;
CREATE INDEX vestings_member ON vestings (member, id);
CREATE INDEX vestings_open ON vestings (member) WHERE released_utok < amount_utok;

-- What retargeting decided (ECONOMY §10): an epoch's row is in force for the settlements after it,
-- until the next row of its kind.
CREATE TABLE retargets (
  kind       TEXT NOT NULL CHECK (kind IN ('hosting', 'base')),
  epoch      INTEGER NOT NULL, -- at whose settlement it was decided
  factor_ppm INTEGER NOT NULL CHECK (factor_ppm > 0), -- of the configured rate or price
  target     INTEGER NOT NULL, -- hosting: MiB·hours; base: bytes per second
  actual     INTEGER NOT NULL, -- the same unit; 0: there was nothing to go by
  at_ms      INTEGER NOT NULL,
  PRIMARY KEY (kind, epoch)
) STRICT, WITHOUT ROWID;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
