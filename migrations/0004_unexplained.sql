-- +goose Up

-- Upload claims that no download admits, laid to the charge of a download that may have taken the
-- bytes (ECONOMY §4), written when the epoch's claims are closed. bytes is the sum of its blames.
-- Rows that never were decided go when they are older than the window.
CREATE TABLE unexplained (
  epoch         INTEGER NOT NULL,
  torrent       INTEGER NOT NULL,
  member        INTEGER NOT NULL,
  bytes         INTEGER NOT NULL CHECK (bytes > 0),
  decided       INTEGER NOT NULL DEFAULT 0, -- the settlement that found the member silent and charged it; 0: none
  charged_bytes INTEGER NOT NULL DEFAULT 0, -- what charged_utok buys at the download's quote
  charged_utok  INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (epoch, torrent, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX unexplained_member ON unexplained (member, torrent, epoch);
CREATE INDEX unexplained_decided ON unexplained (decided) WHERE decided > 0;

CREATE TABLE blames (
  epoch       INTEGER NOT NULL,
  torrent     INTEGER NOT NULL,
  member      INTEGER NOT NULL,
  claimant    INTEGER NOT NULL,
  bytes       INTEGER NOT NULL CHECK (bytes >= 0),
  firm_bytes  INTEGER NOT NULL CHECK (firm_bytes BETWEEN 0 AND bytes), -- claimed beyond all that was admitted
  stake_bytes INTEGER NOT NULL CHECK (stake_bytes >= 0), -- of the member's firm bytes, what rests on this claimant
  network     TEXT NOT NULL, -- the claimant's; empty: says nothing
  PRIMARY KEY (epoch, torrent, member, claimant)
) STRICT, WITHOUT ROWID;

-- The settlement after which nothing can be claimed of a torrent's epoch any more; 0: open.
ALTER TABLE settlements ADD COLUMN claims_closed INTEGER NOT NULL DEFAULT 0;

-- Of the billed bytes: claimed by nobody when the claims were closed, and used to explain claims
-- of this epoch or those around it.
ALTER TABLE usage ADD COLUMN unclaimed_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN explained_bytes INTEGER NOT NULL DEFAULT 0;

-- A silent member gets no peers until an operator clears it.
ALTER TABLE members ADD COLUMN silent_ms INTEGER NOT NULL DEFAULT 0; -- 0: not silent
ALTER TABLE members ADD COLUMN silent_why TEXT NOT NULL DEFAULT '';
CREATE TABLE silences (
  id         INTEGER PRIMARY KEY,
  member     INTEGER NOT NULL REFERENCES members (id),
  at_ms      INTEGER NOT NULL,
  why        TEXT NOT NULL,
  cleared_ms INTEGER NOT NULL DEFAULT 0, -- 0: it stands
  cleared_by INTEGER REFERENCES members (id)
) STRICT;
CREATE INDEX silences_member ON silences (member);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
