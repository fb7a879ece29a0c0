-- +goose Up

-- What kind of thing a torrent is: one of a fixed list (catalog.Categories).
ALTER TABLE torrents ADD COLUMN category TEXT NOT NULL DEFAULT 'other';
CREATE INDEX torrents_category ON torrents (category, id);

-- What a node earned by epoch is asked for again and again by its daemon.
CREATE INDEX hosting_node ON hosting (node, epoch, gross_utok);

-- A node's verdicts are counted without reading its audits.
DROP INDEX audits_claim;
CREATE INDEX audits_claim ON audits (claim, id, verdict);

-- What nodes say they exchanged with peers, summed by day. It is evidence and moves no money.
CREATE TABLE exchanges (
  node     INTEGER NOT NULL REFERENCES nodes (id),
  day_ms   INTEGER NOT NULL, -- when the day began (UTC)
  torrent  INTEGER NOT NULL REFERENCES torrents (id),
  member   INTEGER NOT NULL, -- whose session the peer was; 0: the tracker knew none
  network  TEXT NOT NULL,    -- of the peer's address: a /24 or /48
  sent_bytes     INTEGER NOT NULL CHECK (sent_bytes >= 0),
  received_bytes INTEGER NOT NULL CHECK (received_bytes >= 0),
  PRIMARY KEY (node, day_ms, torrent, member, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX exchanges_day ON exchanges (day_ms);
CREATE INDEX exchanges_member ON exchanges (member, torrent, node, day_ms, sent_bytes) WHERE member > 0;

-- Batches of them that were taken in, and what was answered: the same batch again changes nothing.
CREATE TABLE exchange_batches (
  node     INTEGER NOT NULL REFERENCES nodes (id),
  batch    TEXT NOT NULL,
  at_ms    INTEGER NOT NULL,
  accepted INTEGER NOT NULL, -- rows
  refused  INTEGER NOT NULL,
  PRIMARY KEY (node, batch)
) STRICT, WITHOUT ROWID;
CREATE INDEX exchange_batches_at ON exchange_batches (at_ms);

-- A node's last batch as it signed it: the body, and a token with the body's hash.
CREATE TABLE exchange_reports (
  node  INTEGER PRIMARY KEY REFERENCES nodes (id),
  at_ms INTEGER NOT NULL,
  token TEXT NOT NULL,
  body  BLOB NOT NULL
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
