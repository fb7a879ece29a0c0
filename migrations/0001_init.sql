-- +goose Up

-- Ledger (ECONOMY §1). rowid (seq) order is chain order.
CREATE TABLE accounts (
  id      INTEGER PRIMARY KEY,
  asset   TEXT NOT NULL CHECK (asset IN ('token', 'quote', 'byte')),
  name    TEXT NOT NULL,
  balance INTEGER NOT NULL DEFAULT 0
          CHECK (balance >= 0 OR name = 'issuance' OR name GLOB 'external/*'),
  UNIQUE (asset, name)
) STRICT;

CREATE TABLE transfers (
  seq    INTEGER PRIMARY KEY,
  id     TEXT NOT NULL UNIQUE,
  source INTEGER NOT NULL REFERENCES accounts (id),
  dest   INTEGER NOT NULL REFERENCES accounts (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  code   TEXT NOT NULL,
  ref    TEXT NOT NULL,
  at_ms  INTEGER NOT NULL,
  tag    INTEGER NOT NULL, -- first 8 bytes of the chain's head after this row
  CHECK (source <> dest)
) STRICT;
CREATE INDEX transfers_source ON transfers (source, seq);
CREATE INDEX transfers_dest ON transfers (dest, seq);

-- One row per committed batch: the whole head after its last transfer.
CREATE TABLE heads (
  last_seq INTEGER PRIMARY KEY,
  head     BLOB NOT NULL CHECK (length(head) = 32),
  at_ms    INTEGER NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers
BEGIN SELECT RAISE(ABORT, 'transfers are append-only: correct with a new transfer'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
BEGIN SELECT RAISE(ABORT, 'transfers are append-only: correct with a new transfer'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER heads_no_update BEFORE UPDATE ON heads
BEGIN SELECT RAISE(ABORT, 'chain heads are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER heads_no_delete BEFORE DELETE ON heads
BEGIN SELECT RAISE(ABORT, 'chain heads are append-only'); END;
-- +goose StatementEnd

-- Small facts of the installation: serials, the last flush, secrets' ids.
CREATE TABLE facts (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- People
CREATE TABLE members (
  id               INTEGER PRIMARY KEY,
  name             TEXT NOT NULL UNIQUE COLLATE NOCASE,
  password_hash    TEXT NOT NULL DEFAULT '', -- argon2id; empty: cannot sign in with a password
  operator         INTEGER NOT NULL DEFAULT 0 CHECK (operator IN (0, 1)),
  key_secret       BLOB NOT NULL CHECK (length(key_secret) = 32),
  old_key_secret   BLOB,
  old_key_until_ms INTEGER NOT NULL DEFAULT 0,
  gate_price_utok  INTEGER, -- the gate when the member joined; NULL: guest
  max_price_utok_per_gib INTEGER, -- NULL: the default rule
  invited_by       INTEGER REFERENCES members (id),
  banned_reason    TEXT NOT NULL DEFAULT '',
  created_ms       INTEGER NOT NULL
) STRICT;

CREATE TABLE web_sessions (
  token_hash BLOB PRIMARY KEY,
  member     INTEGER NOT NULL REFERENCES members (id),
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE api_tokens (
  token_hash BLOB PRIMARY KEY,
  member     INTEGER NOT NULL REFERENCES members (id),
  label      TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX api_tokens_member ON api_tokens (member);

-- The same key with the same request gives the same answer; with another one it is refused.
CREATE TABLE idempotency (
  member       INTEGER NOT NULL,
  key          TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  answer       TEXT NOT NULL,
  created_ms   INTEGER NOT NULL,
  PRIMARY KEY (member, key)
) STRICT, WITHOUT ROWID;

-- Torrents
CREATE TABLE torrents (
  id             INTEGER PRIMARY KEY,
  infohash       BLOB NOT NULL UNIQUE CHECK (length(infohash) = 20), -- v1, or truncated v2
  infohash2      BLOB UNIQUE CHECK (length(infohash2) = 20),         -- a hybrid's truncated v2
  name           TEXT NOT NULL,
  description    TEXT NOT NULL DEFAULT '',
  size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
  piece_bytes    INTEGER NOT NULL,
  files          INTEGER NOT NULL,
  metainfo       BLOB NOT NULL,
  uploader       INTEGER NOT NULL REFERENCES members (id),
  created_ms     INTEGER NOT NULL,
  approved_ms    INTEGER NOT NULL DEFAULT 0, -- 0: no hosting reward yet
  withdrawn_ms   INTEGER NOT NULL DEFAULT 0,
  multiplier_ppm INTEGER NOT NULL DEFAULT 1000000,
  saturation_ppm INTEGER NOT NULL DEFAULT 0, -- smoothed
  demand_bytes   INTEGER NOT NULL DEFAULT 0,
  capacity_bytes INTEGER NOT NULL DEFAULT 0,
  price_utok_per_gib INTEGER NOT NULL,
  priced_ms      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX torrents_created ON torrents (created_ms DESC);

CREATE TABLE prices (
  torrent        INTEGER NOT NULL REFERENCES torrents (id),
  at_ms          INTEGER NOT NULL,
  price_utok_per_gib INTEGER NOT NULL,
  multiplier_ppm INTEGER NOT NULL,
  saturation_ppm INTEGER NOT NULL,
  demand_bytes   INTEGER NOT NULL,
  capacity_bytes INTEGER NOT NULL,
  PRIMARY KEY (torrent, at_ms)
) STRICT, WITHOUT ROWID;

-- Metering (ECONOMY §3)
CREATE TABLE peer_sessions (
  member     INTEGER NOT NULL,
  torrent    INTEGER NOT NULL,
  peer_id    BLOB NOT NULL CHECK (length(peer_id) = 20),
  generation INTEGER NOT NULL,
  uploaded_bytes   INTEGER NOT NULL,
  downloaded_bytes INTEGER NOT NULL,
  left_bytes       INTEGER NOT NULL,
  stopped    INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  last_ms    INTEGER NOT NULL,
  addr       TEXT NOT NULL,
  seeding_ms INTEGER NOT NULL,
  flags      INTEGER NOT NULL, -- how often the meter saw what honest clients do not send
  PRIMARY KEY (member, torrent, peer_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE downloads (
  member        INTEGER NOT NULL,
  torrent       INTEGER NOT NULL,
  metered_bytes INTEGER NOT NULL,
  pass_metered_bytes INTEGER NOT NULL, -- metered when it was last complete and left rose again
  billed_bytes  INTEGER NOT NULL,
  max_left_bytes INTEGER NOT NULL,
  min_left_bytes INTEGER NOT NULL,
  cost_utok     INTEGER NOT NULL,
  cost_rem      INTEGER NOT NULL,
  charged_utok  INTEGER NOT NULL,
  reserved_utok INTEGER NOT NULL,
  quote_utok_per_gib INTEGER NOT NULL,
  quote_ms      INTEGER NOT NULL,
  first_quote_utok_per_gib INTEGER NOT NULL,
  first_ms      INTEGER NOT NULL,
  completed_ms  INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  PRIMARY KEY (member, torrent)
) STRICT, WITHOUT ROWID;

-- Epochs and what happened in them
CREATE TABLE epochs (
  number     INTEGER PRIMARY KEY,
  start_ms   INTEGER NOT NULL,
  end_ms     INTEGER NOT NULL DEFAULT 0, -- 0: the current one
  settled_ms INTEGER NOT NULL DEFAULT 0, -- 0: not yet
  seed       BLOB NOT NULL CHECK (length(seed) = 32)
) STRICT;

CREATE TABLE usage (
  epoch         INTEGER NOT NULL,
  torrent       INTEGER NOT NULL,
  member        INTEGER NOT NULL,
  billed_bytes  INTEGER NOT NULL DEFAULT 0,
  charged_utok  INTEGER NOT NULL DEFAULT 0, -- really taken, and in the epoch's pot
  unpaid_utok   INTEGER NOT NULL DEFAULT 0, -- due, but there was nothing to take: written off
  claimed_bytes INTEGER NOT NULL DEFAULT 0,
  from_ms       INTEGER NOT NULL,
  to_ms         INTEGER NOT NULL,
  network       TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (epoch, torrent, member)
) STRICT, WITHOUT ROWID;

CREATE TABLE introductions (
  torrent  INTEGER NOT NULL,
  a        INTEGER NOT NULL,
  b        INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms  INTEGER NOT NULL,
  PRIMARY KEY (torrent, a, b),
  CHECK (a < b)
) STRICT, WITHOUT ROWID;

-- One row per settled torrent and epoch: how its part of the pot was split. The sum of the parts is
-- pot_utok.
CREATE TABLE settlements (
  epoch          INTEGER NOT NULL,
  torrent        INTEGER NOT NULL,
  pot_utok       INTEGER NOT NULL,
  upload_utok    INTEGER NOT NULL,
  lockers_utok   INTEGER NOT NULL,
  treasury_utok  INTEGER NOT NULL,
  suspended_utok INTEGER NOT NULL,
  reopened       INTEGER NOT NULL DEFAULT 0, -- the last settlement that offered the suspense again
  at_ms          INTEGER NOT NULL,
  PRIMARY KEY (epoch, torrent)
) STRICT, WITHOUT ROWID;

-- What settlements decided: awards (bytes and pay of an uploader) and suspense.
CREATE TABLE awards (
  epoch    INTEGER NOT NULL,
  torrent  INTEGER NOT NULL,
  member   INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  pay_utok INTEGER NOT NULL,
  PRIMARY KEY (epoch, torrent, member)
) STRICT, WITHOUT ROWID;

CREATE TABLE suspense (
  epoch       INTEGER NOT NULL,
  torrent     INTEGER NOT NULL,
  member      INTEGER NOT NULL, -- the downloader who paid
  bytes       INTEGER NOT NULL,
  amount_utok INTEGER NOT NULL,
  PRIMARY KEY (epoch, torrent, member)
) STRICT, WITHOUT ROWID;

CREATE TABLE hosting (
  epoch      INTEGER NOT NULL,
  torrent    INTEGER NOT NULL,
  member     INTEGER NOT NULL,
  node       INTEGER NOT NULL, -- 0: a standard client
  gross_utok INTEGER NOT NULL,
  held_utok  INTEGER NOT NULL,
  PRIMARY KEY (epoch, torrent, member, node)
) STRICT, WITHOUT ROWID;

-- Hosting
CREATE TABLE nodes (
  id         INTEGER PRIMARY KEY,
  member     INTEGER NOT NULL REFERENCES members (id),
  name       TEXT NOT NULL,
  public_key BLOB NOT NULL UNIQUE CHECK (length(public_key) = 32),
  suspended_ms INTEGER NOT NULL DEFAULT 0,
  last_report_ms INTEGER NOT NULL DEFAULT 0,
  standing   TEXT NOT NULL DEFAULT '', -- scores and absences as package availability sees them (JSON)
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX nodes_member ON nodes (member);

CREATE TABLE pairing_codes (
  code_hash  BLOB PRIMARY KEY,
  member     INTEGER NOT NULL REFERENCES members (id),
  expires_ms INTEGER NOT NULL,
  node       INTEGER NOT NULL DEFAULT 0 -- the node it made; 0: unused
) STRICT;

CREATE TABLE used_jwts (
  node       INTEGER NOT NULL,
  jti        TEXT NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY (node, jti)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
  id         INTEGER PRIMARY KEY,
  torrent    INTEGER NOT NULL REFERENCES torrents (id),
  member     INTEGER NOT NULL REFERENCES members (id),
  node       INTEGER NOT NULL DEFAULT 0,
  bytes      INTEGER NOT NULL,
  peer_id    BLOB NOT NULL,
  addr       TEXT NOT NULL,
  network    TEXT NOT NULL DEFAULT '',
  live       INTEGER NOT NULL DEFAULT 1, -- 0: withdrawn, lapsed or dropped
  rate_bytes_per_s INTEGER NOT NULL DEFAULT 0, -- shown by the last passed audit
  proven_ms  INTEGER NOT NULL DEFAULT 0, -- of the last passed audit
  entered_ms INTEGER NOT NULL,
  seen_ms    INTEGER NOT NULL,
  state      TEXT NOT NULL, -- the claim as package availability sees it (JSON)
  UNIQUE (torrent, member, node)
) STRICT;
CREATE INDEX claims_live ON claims (live, torrent);

-- Proven time per epoch, filled by passed audits, read by the hosting reward.
CREATE TABLE proven (
  epoch   INTEGER NOT NULL,
  claim   INTEGER NOT NULL REFERENCES claims (id),
  proven_ms INTEGER NOT NULL,
  PRIMARY KEY (epoch, claim)
) STRICT, WITHOUT ROWID;

CREATE TABLE audits (
  id       INTEGER PRIMARY KEY,
  claim    INTEGER NOT NULL REFERENCES claims (id),
  at_ms    INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  verdict  TEXT NOT NULL,
  evidence TEXT NOT NULL -- JSON: pieces, expected and received hashes, times
) STRICT;
CREATE INDEX audits_claim ON audits (claim, id);

CREATE TABLE slashes (
  id       INTEGER PRIMARY KEY,
  audit    INTEGER NOT NULL REFERENCES audits (id),
  node     INTEGER NOT NULL REFERENCES nodes (id),
  torrent  INTEGER NOT NULL,
  amount_utok INTEGER NOT NULL,
  at_ms    INTEGER NOT NULL,
  due_ms   INTEGER NOT NULL, -- end of the appeal window
  closed_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What uploads were awarded, as a decaying rate: caps the capacity a seeder counts for.
CREATE TABLE award_rates (
  member INTEGER PRIMARY KEY REFERENCES members (id),
  bytes_per_s INTEGER NOT NULL
) STRICT;

-- Operators' one-use set-up links.
CREATE TABLE setup_links (
  token_hash BLOB PRIMARY KEY,
  expires_ms INTEGER NOT NULL,
  used_ms    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
