-- +goose Up

-- One-use links with which a member chooses a password: for accounts that came from elsewhere, and for those
-- who lost theirs. A member has one at most.
CREATE TABLE password_links (
  member     INTEGER PRIMARY KEY REFERENCES members (id),
  token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  expires_ms INTEGER NOT NULL
) STRICT;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
