-- +goose Up

-- What members are told. A row says which kind of thing happened to what; its sentence is made when
-- it is shown. once tells two tellings of the same event from two events.
CREATE TABLE notifications (
  id      INTEGER PRIMARY KEY,
  member  INTEGER NOT NULL REFERENCES members (id),
  kind    TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  ref     TEXT NOT NULL CHECK (length(ref) <= 200), -- what it is about, as "audit/12"
  amount  INTEGER NOT NULL DEFAULT 0, -- micro-units: quote of withdrawals, else utok
  once    TEXT NOT NULL CHECK (length(once) BETWEEN 1 AND 200),
  at_ms   INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL DEFAULT 0, -- 0: not yet
  UNIQUE (member, once)
) STRICT;
CREATE INDEX notifications_member ON notifications (member, at_ms, id);
CREATE INDEX notifications_unseen ON notifications (member) WHERE seen_ms = 0;
CREATE INDEX notifications_at ON notifications (at_ms);

-- Kinds that a member does not want to be told of.
CREATE TABLE notifications_off (
  member INTEGER NOT NULL REFERENCES members (id),
  kind   TEXT NOT NULL,
  PRIMARY KEY (member, kind)
) STRICT, WITHOUT ROWID;

-- How far members were told what they were paid: of the ledger's rows up to done_seq, and of those up to
-- until_seq as far as their numbers go up to member. What was paid before this version is not told.
CREATE TABLE payouts_told (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  done_seq  INTEGER NOT NULL,
  until_seq INTEGER NOT NULL,
  member    INTEGER NOT NULL,
  CHECK (done_seq <= until_seq)
) STRICT;
INSERT INTO payouts_told SELECT 1, coalesce(max(seq), 0), coalesce(max(seq), 0), 0 FROM transfers;

-- A member's downloads by time.
CREATE INDEX downloads_member ON downloads (member, first_ms, torrent);

-- What a member has uploaded, newest first.
CREATE INDEX torrents_uploader ON torrents (uploader, id);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
