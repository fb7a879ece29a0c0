-- +goose Up

-- Honesty (ECONOMY §5, step 3): what a member claimed of a torrent on a day, at most what downloads
-- introduced to it admitted, and what of it was beyond its part of all that was admitted.
CREATE TABLE honesty (
  day_ms        INTEGER NOT NULL, -- when the day's first epoch began
  torrent       INTEGER NOT NULL,
  member        INTEGER NOT NULL,
  claimed_bytes INTEGER NOT NULL CHECK (claimed_bytes >= 0),
  excess_bytes  INTEGER NOT NULL CHECK (excess_bytes BETWEEN 0 AND claimed_bytes),
  settlement    INTEGER NOT NULL, -- that found it; it counts from the next one on
  PRIMARY KEY (day_ms, torrent, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX honesty_member ON honesty (member, day_ms);

-- Pay of members whose honesty was below a half: the sum of a member's open rows is what
-- probation/<member> holds.
CREATE TABLE probation (
  epoch       INTEGER NOT NULL,
  torrent     INTEGER NOT NULL,
  member      INTEGER NOT NULL,
  settlement  INTEGER NOT NULL, -- that awarded it: the epoch's own, or one that reopened it
  amount_utok INTEGER NOT NULL CHECK (amount_utok > 0),
  at_ms       INTEGER NOT NULL,
  closed      INTEGER NOT NULL DEFAULT 0, -- the settlement that ended it; 0: open
  trusted     INTEGER NOT NULL DEFAULT 0 CHECK (trusted IN (0, 1)), -- it ended in the member's favour
  PRIMARY KEY (epoch, torrent, member, settlement)
) STRICT, WITHOUT ROWID;
CREATE INDEX probation_open ON probation (member, at_ms) WHERE closed = 0;

-- What a settlement paid for uploads of torrents whose price was above the base price, and the
-- bonus for it.
CREATE TABLE hot (
  settlement INTEGER NOT NULL,
  torrent    INTEGER NOT NULL,
  member     INTEGER NOT NULL,
  paid_utok  INTEGER NOT NULL CHECK (paid_utok > 0),
  bonus_utok INTEGER NOT NULL DEFAULT 0 CHECK (bonus_utok BETWEEN 0 AND paid_utok),
  PRIMARY KEY (settlement, torrent, member)
) STRICT, WITHOUT ROWID;

-- Every split of a torrent's part of an epoch's pot, with what it was computed from (type Split of
-- package store as JSON, compressed): the epoch's own, and each that offered its suspense again.
CREATE TABLE splits (
  epoch      INTEGER NOT NULL,
  torrent    INTEGER NOT NULL,
  settlement INTEGER NOT NULL,
  split      BLOB NOT NULL,
  PRIMARY KEY (epoch, torrent, settlement)
) STRICT;

-- What each settlement applied and moved besides the splits.
CREATE TABLE epoch_sums (
  epoch                  INTEGER PRIMARY KEY,
  rules                  TEXT NOT NULL,    -- of the splits (JSON, type Params of package settle)
  base_utok_per_gib      INTEGER NOT NULL, -- the base price
  supply_utok            INTEGER NOT NULL, -- before the inflation
  hosting_inflation_utok INTEGER NOT NULL,
  hot_inflation_utok     INTEGER NOT NULL,
  hot_pool_utok          INTEGER NOT NULL, -- what the hot pool had for this settlement's bonus
  subsidy_utok           INTEGER NOT NULL DEFAULT 0, -- from the month's subsidy into the hosting pool
  lockers_utok           INTEGER NOT NULL DEFAULT 0, -- in the lockers' pool when their fees accrued
  hosting_pool_utok      INTEGER, -- what the hosting pool had for the epoch's reward; NULL: not filled yet
  hosting_utok           INTEGER  -- the reward; NULL: not decided yet
) STRICT;

-- Of a settlement's pot and of awards: pay into probation. pot_utok is its sum with the other parts.
ALTER TABLE settlements ADD COLUMN probation_utok INTEGER NOT NULL DEFAULT 0;
ALTER TABLE awards ADD COLUMN probation_utok INTEGER NOT NULL DEFAULT 0;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
