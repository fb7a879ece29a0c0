-- +goose Up

-- Who a download was introduced to: empty nobody, x'01' everybody, else a filter (package swarm).
-- It takes the place of a row for each pair, which grew with the square of the swarm.
ALTER TABLE downloads ADD COLUMN introduced BLOB NOT NULL DEFAULT x'';
UPDATE downloads SET introduced = x'01' WHERE EXISTS (SELECT 1 FROM introductions i WHERE i.torrent = downloads.torrent
  AND (i.a = downloads.member OR i.b = downloads.member));
DROP TABLE introductions;

-- Bytes corroborated beyond what the client admitted, in this pass of the download (ECONOMY §3).
ALTER TABLE downloads ADD COLUMN corroborated_bytes INTEGER NOT NULL DEFAULT 0;

-- What a session's last announce left it as, so that a restart names the same peers.
ALTER TABLE peer_sessions ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer_sessions ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer_sessions ADD COLUMN funded INTEGER NOT NULL DEFAULT 0;

-- Rows are numbered by their flush from now on, not by the clock.
UPDATE peer_sessions SET seq = 0;
UPDATE downloads SET seq = 0;

-- Up to which position of the journal each shard of the meter is in these tables.
CREATE TABLE meter_shards (
  shard    INTEGER PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
