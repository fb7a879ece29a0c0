-- +goose Up

-- Torrent files that were checked and wait for their owner to publish them. Nothing but their owner's pages
-- knows of them; the info-hash is not taken by them.
CREATE TABLE drafts (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- a page of one that was discarded must not be another's
  member      INTEGER NOT NULL REFERENCES members (id),
  infohash    BLOB NOT NULL CHECK (length(infohash) = 20),
  infohash2   BLOB CHECK (length(infohash2) = 20),
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  category    TEXT NOT NULL,
  tags        TEXT NOT NULL, -- with blanks between
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  piece_bytes INTEGER NOT NULL,
  files       INTEGER NOT NULL,
  changed     INTEGER NOT NULL CHECK (changed IN (0, 1)), -- making it private gave it another info-hash
  metainfo    BLOB NOT NULL,
  created_ms  INTEGER NOT NULL,
  UNIQUE (member, infohash)
) STRICT;

-- What was changed of torrents: what they were before. Append-only.
CREATE TABLE torrent_edits (
  id          INTEGER PRIMARY KEY,
  torrent     INTEGER NOT NULL REFERENCES torrents (id),
  member      INTEGER NOT NULL REFERENCES members (id), -- who did it
  at_ms       INTEGER NOT NULL,
  act         TEXT NOT NULL CHECK (act IN ('edit', 'withdraw')),
  reason      TEXT NOT NULL DEFAULT '',
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  category    TEXT NOT NULL,
  tags        TEXT NOT NULL
) STRICT;
CREATE INDEX torrent_edits_torrent ON torrent_edits (torrent, id);
-- +goose StatementBegin
CREATE TRIGGER torrent_edits_no_update BEFORE UPDATE ON torrent_edits
BEGIN SELECT RAISE(ABORT, 'the history of a torrent is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER torrent_edits_no_delete BEFORE DELETE ON torrent_edits
BEGIN SELECT RAISE(ABORT, 'the history of a torrent is append-only'); END;
-- +goose StatementEnd

-- Whether anybody took a torrent.
CREATE INDEX downloads_torrent ON downloads (torrent);

-- What members look for. The account request/<id> holds bounty_utok until ended_ms, and nothing afterwards.
CREATE TABLE requests (
  id            INTEGER PRIMARY KEY,
  member        INTEGER NOT NULL REFERENCES members (id),
  title         TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description   TEXT NOT NULL,
  category      TEXT NOT NULL,
  state         TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'review', 'filled', 'closed')),
  bounty_utok   INTEGER NOT NULL DEFAULT 0 CHECK (bounty_utok >= 0), -- the sum of bounties, whatever became of it
  created_ms    INTEGER NOT NULL,
  open_until_ms INTEGER NOT NULL,
  due_ms        INTEGER NOT NULL, -- open: it closes; in review: what was offered counts as accepted
  ended_ms      INTEGER NOT NULL DEFAULT 0, -- filled or closed; 0: neither
  ended_by      INTEGER REFERENCES members (id), -- NULL: by time
  reason        TEXT NOT NULL DEFAULT '', -- of an operator who closed it
  CHECK ((state IN ('filled', 'closed')) = (ended_ms > 0))
) STRICT;
CREATE INDEX requests_new ON requests (state, id);
CREATE INDEX requests_bounty ON requests (state, bounty_utok, id);
CREATE INDEX requests_category ON requests (state, category, id);
CREATE INDEX requests_category_bounty ON requests (state, category, bounty_utok, id);
CREATE INDEX requests_member ON requests (member, id);
CREATE INDEX requests_running ON requests (member) WHERE ended_ms = 0;
CREATE INDEX requests_due ON requests (due_ms) WHERE ended_ms = 0;

-- Who put how much into a request's bounty.
CREATE TABLE bounties (
  request     INTEGER NOT NULL REFERENCES requests (id),
  member      INTEGER NOT NULL REFERENCES members (id),
  amount_utok INTEGER NOT NULL CHECK (amount_utok > 0),
  times       INTEGER NOT NULL CHECK (times > 0), -- it takes part in the transfers' ids
  first_ms    INTEGER NOT NULL,
  PRIMARY KEY (request, member)
) STRICT, WITHOUT ROWID;

-- Torrents that were offered for a request, and what the requester said; a verdict is final. void: the torrent
-- or the request was withdrawn before there was one.
CREATE TABLE request_fills (
  id         INTEGER PRIMARY KEY,
  request    INTEGER NOT NULL REFERENCES requests (id),
  torrent    INTEGER NOT NULL REFERENCES torrents (id),
  member     INTEGER NOT NULL REFERENCES members (id),
  at_ms      INTEGER NOT NULL,
  verdict    TEXT NOT NULL DEFAULT '' CHECK (verdict IN ('', 'accepted', 'rejected', 'void')),
  reason     TEXT NOT NULL DEFAULT '',
  decided_ms INTEGER NOT NULL DEFAULT 0,
  UNIQUE (request, torrent),
  CHECK ((verdict = '') = (decided_ms = 0))
) STRICT;
CREATE UNIQUE INDEX request_fills_open ON request_fills (request) WHERE verdict = '';
CREATE INDEX request_fills_torrent ON request_fills (torrent, verdict);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
