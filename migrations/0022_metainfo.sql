-- +goose Up

-- Torrent files in a table of their own: a row is rewritten as a whole when one of its columns changes, and a
-- torrent's price changes every minute.
CREATE TABLE metainfos (
  torrent INTEGER PRIMARY KEY REFERENCES torrents (id),
  file    BLOB NOT NULL -- as it is kept: private
) STRICT;
INSERT INTO metainfos (torrent, file) SELECT id, metainfo FROM torrents;
ALTER TABLE torrents DROP COLUMN metainfo;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
