-- +goose Up

-- A session says when its owner last proved who they are (fresh_ms), and what the list of sessions
-- shows: the browser in words, and the network it came from, never the whole address.
ALTER TABLE web_sessions ADD COLUMN fresh_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE web_sessions ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE web_sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE web_sessions ADD COLUMN network TEXT NOT NULL DEFAULT '';
UPDATE web_sessions SET seen_ms = created_ms;
CREATE INDEX web_sessions_member ON web_sessions (member, created_ms);
CREATE INDEX web_sessions_expires ON web_sessions (expires_ms);

-- From where a member has signed in before: a sign-in from elsewhere is told.
CREATE TABLE known_clients (
  member  INTEGER NOT NULL REFERENCES members (id),
  agent   TEXT NOT NULL,
  network TEXT NOT NULL,
  seen_ms INTEGER NOT NULL,
  PRIMARY KEY (member, agent, network)
) STRICT, WITHOUT ROWID;

-- What a token may do. Those made before there were scopes may do everything.
ALTER TABLE api_tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'full' CHECK (scope IN ('read', 'trade', 'full'));
ALTER TABLE api_tokens ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0; -- 0: never used
CREATE INDEX api_tokens_expires ON api_tokens (expires_ms);

-- An authenticator's secret (RFC 6238). It counts once a code has confirmed it. No step is taken twice.
CREATE TABLE totp (
  member       INTEGER PRIMARY KEY REFERENCES members (id),
  secret       BLOB NOT NULL CHECK (length(secret) = 20),
  offered_ms   INTEGER NOT NULL,
  confirmed_ms INTEGER NOT NULL DEFAULT 0, -- 0: offered only
  last_step    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX totp_offered ON totp (offered_ms) WHERE confirmed_ms = 0;

-- Recovery codes as hashes; a used one is gone.
CREATE TABLE recovery_codes (
  member    INTEGER NOT NULL REFERENCES members (id),
  code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
  PRIMARY KEY (member, code_hash)
) STRICT, WITHOUT ROWID;

-- The random handle by which passkeys know a member (WebAuthn §14.6.1: nothing about the person).
CREATE TABLE passkey_handles (
  member INTEGER PRIMARY KEY REFERENCES members (id),
  handle BLOB NOT NULL UNIQUE CHECK (length(handle) = 32)
) STRICT;

CREATE TABLE passkeys (
  id            INTEGER PRIMARY KEY,
  member        INTEGER NOT NULL REFERENCES members (id),
  name          TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  credential_id BLOB NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
  record        BLOB NOT NULL, -- its public key and flags (package web/factor)
  sign_count    INTEGER NOT NULL CHECK (sign_count >= 0),
  created_ms    INTEGER NOT NULL,
  used_ms       INTEGER NOT NULL DEFAULT 0, -- 0: never
  cloned_ms     INTEGER NOT NULL DEFAULT 0  -- when its counter last went back; 0: never
) STRICT;
CREATE INDEX passkeys_member ON passkeys (member);

-- Keys of feed readers: they read lists and nothing else, and are shown again to their owner.
CREATE TABLE feed_keys (
  member     INTEGER PRIMARY KEY REFERENCES members (id),
  key        TEXT NOT NULL UNIQUE CHECK (length(key) BETWEEN 20 AND 100),
  created_ms INTEGER NOT NULL
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
