-- +goose Up

-- What an epoch came to, kept once it is settled: its rows are many, and everybody may ask.
CREATE TABLE epoch_figures (
  epoch         INTEGER PRIMARY KEY REFERENCES epochs (number),
  billed_bytes  INTEGER NOT NULL,
  charged_utok  INTEGER NOT NULL,
  upload_utok   INTEGER NOT NULL, -- also what later settlements paid of it
  lockers_utok  INTEGER NOT NULL,
  treasury_utok INTEGER NOT NULL,
  hosting_utok  INTEGER NOT NULL,
  minted_utok   INTEGER NOT NULL, -- while it ran
  burned_utok   INTEGER NOT NULL, -- likewise
  supply_utok   INTEGER NOT NULL, -- when it ended
  median_utok_per_gib INTEGER     -- of all prices when it had just been settled; NULL: nobody looked then
) STRICT;

-- What was downloaded of a torrent on the days (UTC, since 1970) of the last week, and the sum of them.
-- Days are those on which epochs ended whose claims are closed.
CREATE TABLE torrent_days (
  day       INTEGER NOT NULL,
  torrent   INTEGER NOT NULL,
  bytes     INTEGER NOT NULL CHECK (bytes >= 0),
  PRIMARY KEY (day, torrent)
) STRICT, WITHOUT ROWID;
CREATE TABLE torrent_weeks (
  torrent INTEGER PRIMARY KEY,
  bytes   INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;
CREATE INDEX torrent_weeks_bytes ON torrent_weeks (bytes DESC, torrent);

-- Likewise what a member did in a month. host_bytes are bytes proven for a whole day, or twice as many for
-- half of it.
CREATE TABLE member_days (
  day          INTEGER NOT NULL,
  member       INTEGER NOT NULL,
  upload_bytes INTEGER NOT NULL CHECK (upload_bytes >= 0),
  upload_utok  INTEGER NOT NULL CHECK (upload_utok >= 0),
  host_bytes   INTEGER NOT NULL CHECK (host_bytes >= 0),
  host_utok    INTEGER NOT NULL CHECK (host_utok >= 0),
  PRIMARY KEY (day, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE member_months (
  member       INTEGER PRIMARY KEY,
  listed       INTEGER NOT NULL DEFAULT 0 CHECK (listed IN (0, 1)), -- the member wants to be in the top lists
  upload_bytes INTEGER NOT NULL DEFAULT 0 CHECK (upload_bytes >= 0),
  upload_utok  INTEGER NOT NULL DEFAULT 0 CHECK (upload_utok >= 0),
  host_bytes   INTEGER NOT NULL DEFAULT 0 CHECK (host_bytes >= 0),
  host_utok    INTEGER NOT NULL DEFAULT 0 CHECK (host_utok >= 0)
) STRICT;
CREATE INDEX member_months_upload_bytes ON member_months (upload_bytes DESC, member) WHERE listed = 1;
CREATE INDEX member_months_upload_utok ON member_months (upload_utok DESC, member) WHERE listed = 1;
CREATE INDEX member_months_host_bytes ON member_months (host_bytes DESC, member) WHERE listed = 1;
CREATE INDEX member_months_host_utok ON member_months (host_utok DESC, member) WHERE listed = 1;

-- The bytes of all live claims that passed an audit, kept by triggers: whoever writes a claim need not know.
-- REAL is exact up to 2^53, and what clients claim beyond that fails nobody.
CREATE TABLE hosted (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  bytes REAL NOT NULL
) STRICT;
INSERT INTO hosted (id, bytes) SELECT 1, total(bytes) FROM claims WHERE live = 1 AND proven_ms > 0;
-- +goose StatementBegin
CREATE TRIGGER hosted_add AFTER INSERT ON claims WHEN NEW.live = 1 AND NEW.proven_ms > 0
BEGIN
  UPDATE hosted SET bytes = bytes + NEW.bytes;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER hosted_remove AFTER DELETE ON claims WHEN OLD.live = 1 AND OLD.proven_ms > 0
BEGIN
  UPDATE hosted SET bytes = bytes - OLD.bytes;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER hosted_change AFTER UPDATE OF live, proven_ms, bytes ON claims
WHEN iif(NEW.live = 1 AND NEW.proven_ms > 0, NEW.bytes, 0) <> iif(OLD.live = 1 AND OLD.proven_ms > 0, OLD.bytes, 0)
BEGIN
  UPDATE hosted SET bytes = bytes + iif(NEW.live = 1 AND NEW.proven_ms > 0, NEW.bytes, 0) - iif(OLD.live = 1 AND OLD.proven_ms > 0, OLD.bytes, 0);
END;
-- +goose StatementEnd

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
