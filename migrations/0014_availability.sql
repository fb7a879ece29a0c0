-- +goose Up

-- Claims: what of the torrent, since when proven time counts, and where it is said to be.
ALTER TABLE claims ADD COLUMN have BLOB; -- the pieces claimed, first piece in the highest bit; NULL: all of them
ALTER TABLE claims ADD COLUMN counting_ms INTEGER NOT NULL DEFAULT 0; -- proven time up to here is in table proven; 0: none counts now
ALTER TABLE claims ADD COLUMN lat_udeg INTEGER; -- where its address is said to be, in millionths of a degree; NULL: unknown
ALTER TABLE claims ADD COLUMN lon_udeg INTEGER;
ALTER TABLE claims ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0; -- 1: withdrawn while a suspicion waited, and looked at until that is settled
CREATE INDEX claims_counting ON claims (counting_ms) WHERE counting_ms > 0;
CREATE INDEX claims_leaving ON claims (id) WHERE leaving = 1;
CREATE INDEX claims_seeders ON claims (member, node) WHERE counting_ms > 0;

-- The secret seeds of the draws: the hash is published when the epoch before begins, the seed after
-- its own epoch (SECURITY 12).
CREATE TABLE seeds (
  epoch        INTEGER PRIMARY KEY,
  seed         BLOB NOT NULL CHECK (length(seed) = 32),
  hash         BLOB NOT NULL CHECK (length(hash) = 32), -- SHA-256 of seed
  committed_ms INTEGER NOT NULL
) STRICT;
-- +goose StatementBegin
CREATE TRIGGER seeds_no_update BEFORE UPDATE ON seeds
BEGIN SELECT RAISE(ABORT, 'a commitment does not change'); END;
-- +goose StatementEnd

-- The claims that are drawn from in the epochs from_epoch to to_epoch - 1: those that were proven
-- when the epoch began. What is drawn by changes only with a new row.
CREATE TABLE frozen (
  claim       INTEGER NOT NULL REFERENCES claims (id),
  from_epoch  INTEGER NOT NULL,
  to_epoch    INTEGER NOT NULL DEFAULT 0, -- 0: the row holds now
  torrent     INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  piece_bytes INTEGER NOT NULL,
  pieces      INTEGER NOT NULL,
  have        BLOB, -- as in claims
  PRIMARY KEY (claim, from_epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX frozen_open ON frozen (claim) WHERE to_epoch = 0;
CREATE INDEX frozen_epochs ON frozen (to_epoch, from_epoch);

-- Claims that changed since they were frozen: looked at when the next epoch begins.
CREATE TABLE frozen_due (
  claim INTEGER PRIMARY KEY REFERENCES claims (id)
) STRICT;

-- Audits: how they were drawn and how they were carried out. evidence of a passed audit is empty: what
-- was asked is known by the draw.
ALTER TABLE audits ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audits ADD COLUMN draw INTEGER NOT NULL DEFAULT 0;     -- of the claim
ALTER TABLE audits ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;    -- targets
ALTER TABLE audits ADD COLUMN targets BLOB NOT NULL DEFAULT x'';   -- first 8 bytes of the SHA-256 of what was asked
ALTER TABLE audits ADD COLUMN rechecks INTEGER NOT NULL DEFAULT 0; -- the audit whose suspicion this one looks at again
ALTER TABLE audits ADD COLUMN carrier TEXT NOT NULL DEFAULT 'wire' CHECK (carrier IN ('wire', 'challenge'));
ALTER TABLE audits ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;    -- payload received
ALTER TABLE audits ADD COLUMN elapsed_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX audits_epoch ON audits (epoch, id);
CREATE INDEX audits_at ON audits (at_ms);
CREATE INDEX slashes_audit ON slashes (audit);
CREATE INDEX audits_faulty ON audits (id) WHERE verdict IN ('corrupt', 'missing', 'refused', 'late', 'offline');

-- The learned manifest: SHA-256 sums of the blocks of pieces that were seen whole and right, 32 bytes
-- each.
CREATE TABLE leaves (
  torrent INTEGER NOT NULL REFERENCES torrents (id),
  piece   INTEGER NOT NULL,
  sums    BLOB NOT NULL CHECK (length(sums) % 32 = 0),
  PRIMARY KEY (torrent, piece)
) STRICT, WITHOUT ROWID;

-- A node's last report as it signed it: the body, and a token with the body's hash.
CREATE TABLE reports (
  node  INTEGER PRIMARY KEY REFERENCES nodes (id),
  at_ms INTEGER NOT NULL,
  token TEXT NOT NULL,
  body  BLOB NOT NULL
) STRICT;

-- Epochs for which a node earns nothing: it was away without a word.
CREATE TABLE forfeits (
  epoch INTEGER NOT NULL,
  node  INTEGER NOT NULL REFERENCES nodes (id),
  audit INTEGER NOT NULL REFERENCES audits (id),
  PRIMARY KEY (epoch, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX forfeits_audit ON forfeits (audit);
CREATE INDEX forfeits_node ON forfeits (node, epoch);

-- Whether a seeder serves others than the prober: what attempts to download from it came to. node 0:
-- the member's standard clients.
CREATE TABLE serving (
  member      INTEGER NOT NULL REFERENCES members (id),
  node        INTEGER NOT NULL,
  tried_ms    INTEGER NOT NULL, -- last attempt
  tried_epoch INTEGER NOT NULL,
  failures    INTEGER NOT NULL, -- epochs in a row with attempts of which none was served
  withheld_from INTEGER NOT NULL DEFAULT 0, -- the first epoch that earns nothing; 0: none
  state       TEXT NOT NULL,    -- as package availability sees it (JSON)
  PRIMARY KEY (member, node)
) STRICT, WITHOUT ROWID;

-- Epochs from_epoch to to_epoch - 1, for which a seeder earned nothing because it served nobody: those
-- that are over. What holds now is in serving.
CREATE TABLE withholdings (
  member     INTEGER NOT NULL REFERENCES members (id),
  node       INTEGER NOT NULL,
  from_epoch INTEGER NOT NULL,
  to_epoch   INTEGER NOT NULL,
  PRIMARY KEY (member, node, from_epoch)
) STRICT, WITHOUT ROWID;

-- Pieces had from members that were downloading: makes what they upload in the epoch payable.
CREATE TABLE leech_proofs (
  epoch   INTEGER NOT NULL,
  torrent INTEGER NOT NULL REFERENCES torrents (id),
  member  INTEGER NOT NULL,
  at_ms   INTEGER NOT NULL,
  piece   INTEGER NOT NULL,
  PRIMARY KEY (epoch, torrent, member)
) STRICT, WITHOUT ROWID;

-- What the prober itself took from members' clients, which count it as uploaded.
CREATE TABLE probed (
  epoch   INTEGER NOT NULL,
  torrent INTEGER NOT NULL,
  member  INTEGER NOT NULL,
  bytes   INTEGER NOT NULL CHECK (bytes > 0),
  PRIMARY KEY (epoch, torrent, member)
) STRICT, WITHOUT ROWID;

-- The bonus for distance that a line was computed with, in ppm; 0: none.
ALTER TABLE hosting ADD COLUMN geo_ppm INTEGER NOT NULL DEFAULT 0;

-- Named sets of torrents, and what hosting them for a period earned.
CREATE TABLE collections (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE COLLATE NOCASE, -- in addresses: a-z, 0-9, -
  title      TEXT NOT NULL,
  about      TEXT NOT NULL DEFAULT '',
  created_by INTEGER NOT NULL REFERENCES members (id),
  created_ms INTEGER NOT NULL
) STRICT;

-- A torrent is in a collection from from_ms until to_ms (0: still).
CREATE TABLE collection_torrents (
  collection INTEGER NOT NULL REFERENCES collections (id),
  torrent    INTEGER NOT NULL REFERENCES torrents (id),
  from_ms    INTEGER NOT NULL,
  to_ms      INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (collection, torrent, from_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE badges (
  id         TEXT PRIMARY KEY, -- random, in its address
  member     INTEGER NOT NULL REFERENCES members (id),
  collection INTEGER NOT NULL REFERENCES collections (id),
  from_ms    INTEGER NOT NULL, -- of the period
  to_ms      INTEGER NOT NULL,
  torrents   INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  credential TEXT NOT NULL, -- signed (JWT)
  at_ms      INTEGER NOT NULL,
  UNIQUE (member, collection, from_ms)
) STRICT;
CREATE INDEX badges_collection ON badges (collection);
-- +goose StatementBegin
CREATE TRIGGER badges_no_update BEFORE UPDATE ON badges
BEGIN SELECT RAISE(ABORT, 'a badge is permanent'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER badges_no_delete BEFORE DELETE ON badges
BEGIN SELECT RAISE(ABORT, 'a badge is permanent'); END;
-- +goose StatementEnd

-- The public keys (JWK) that ever signed badges: all are published, so that old badges stay good.
CREATE TABLE badge_keys (
  kid     TEXT PRIMARY KEY,
  jwk     TEXT NOT NULL,
  from_ms INTEGER NOT NULL
) STRICT;

-- When the tracker did not run or saw nothing: that time counts for nobody.
CREATE TABLE outages (
  from_ms INTEGER PRIMARY KEY,
  to_ms   INTEGER NOT NULL CHECK (to_ms >= from_ms)
) STRICT;

-- What was there before. Claims whose proof stands go on counting from when the server last ran, which
-- is how far proven time was added up; their draws begin with the next epoch.
UPDATE claims SET counting_ms = coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'alive_ms'), 0)
  WHERE live = 1 AND state ->> '$.State' = 1;
INSERT INTO frozen_due (claim) SELECT id FROM claims WHERE live = 1 AND state ->> '$.State' = 1;
UPDATE nodes SET standing = json_set(standing, '$.SuspendedMs', suspended_ms) WHERE suspended_ms > 0 AND json_valid(standing);
-- Suspicions were of whole pieces, and verdicts had numbers.
UPDATE claims SET state = json_remove(json_set(state, '$.Pending.piece', state -> '$.Pending.Piece', '$.Pending.block', -1,
    '$.Pending.First', CASE state ->> '$.Pending.First' WHEN 1 THEN 'passed' WHEN 2 THEN 'corrupt' WHEN 3 THEN 'missing' WHEN 4 THEN 'refused'
      WHEN 5 THEN 'late' WHEN 6 THEN 'offline' ELSE 'inconclusive' END), '$.Pending.Piece')
  WHERE json_type(state, '$.Pending') = 'object';
UPDATE audits SET asked = json_array_length(evidence, '$.Pieces'), bytes = evidence ->> '$.Bytes', elapsed_ms = (evidence ->> '$.Elapsed') / 1000000
  WHERE json_type(evidence, '$.Pieces') = 'array';
UPDATE audits SET evidence = '' WHERE verdict = 'passed';
UPDATE audits SET evidence = json_object('results', (
      SELECT json_group_array(json_object('piece', r.value ->> '$.Piece', 'block', -1, 'whole', json('true'),
        'verdict', CASE r.value ->> '$.Verdict' WHEN 1 THEN 'passed' WHEN 2 THEN 'corrupt' WHEN 3 THEN 'missing' WHEN 4 THEN 'refused'
          WHEN 5 THEN 'late' WHEN 6 THEN 'offline' ELSE 'inconclusive' END,
        'want', (SELECT group_concat(printf('%02x', h.value), '' ORDER BY h.key) FROM json_each(r.value, '$.Want') h),
        'got', (SELECT iif(sum(h.value) = 0, '', group_concat(printf('%02x', h.value), '' ORDER BY h.key)) FROM json_each(r.value, '$.Got') h),
        'reason', r.value ->> '$.Reason') ORDER BY r.key)
      FROM json_each(audits.evidence, '$.Pieces') r),
    'unreachable', evidence -> '$.Unreachable', 'our_side', evidence -> '$.OurSide', 'bytes', evidence -> '$.Bytes',
    'elapsed_ns', evidence -> '$.Elapsed', 'client', evidence ->> '$.PeerClient', 'encrypted', evidence -> '$.Encrypted', 'reason', evidence ->> '$.Reason')
  WHERE evidence <> '' AND json_valid(evidence);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
