-- +goose Up

-- What members say about a torrent, in the order in which they said it. A comment that its author
-- deleted or an operator removed leaves its row, without the text: links to those around it go on working.
CREATE TABLE comments (
  id         INTEGER PRIMARY KEY,
  torrent    INTEGER NOT NULL REFERENCES torrents (id),
  member     INTEGER NOT NULL REFERENCES members (id),
  text       TEXT NOT NULL CHECK (length(text) <= 4000),
  at_ms      INTEGER NOT NULL,
  edited_ms  INTEGER NOT NULL DEFAULT 0, -- 0: never
  removed_ms INTEGER NOT NULL DEFAULT 0, -- 0: it is there
  reason     TEXT NOT NULL DEFAULT '',   -- an operator's; empty: its author deleted it
  CHECK ((removed_ms = 0) = (text <> '')),
  CHECK (removed_ms > 0 OR reason = '')
) STRICT;
CREATE INDEX comments_torrent ON comments (torrent, id);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
