-- +goose Up

-- What the prober saw that peers have, and its attempts to see it (ECONOMY §3, SECURITY 18).
CREATE TABLE views (
  torrent    INTEGER NOT NULL REFERENCES torrents (id),
  member     INTEGER NOT NULL,
  at_ms      INTEGER NOT NULL,
  addr       TEXT NOT NULL, -- that was dialled
  have_bytes INTEGER CHECK (have_bytes >= 0), -- NULL: nothing was seen
  PRIMARY KEY (torrent, member, at_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX views_addr ON views (addr, at_ms);
CREATE INDEX views_at ON views (at_ms);

-- Downloads whose left fell by more than was admitted or corroborated: few of very many. A query
-- that says the same condition finds them here.
CREATE INDEX downloads_fallen ON downloads (torrent)
  WHERE max_left_bytes - min_left_bytes > metered_bytes - pass_metered_bytes + corroborated_bytes;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
