-- +goose Up

-- Stake on its way out: the sum of a member's left_utok is the balance of member/<n>/unbonding
-- (ECONOMY §2, §6). A slash takes from left_utok; what is left moves to available when it is due.
CREATE TABLE unbondings (
  id          INTEGER PRIMARY KEY,
  member      INTEGER NOT NULL REFERENCES members (id),
  transfer    TEXT NOT NULL UNIQUE, -- that made it: unstake/…, release/…, slash/…
  amount_utok INTEGER NOT NULL CHECK (amount_utok > 0),
  left_utok   INTEGER NOT NULL CHECK (left_utok BETWEEN 0 AND amount_utok),
  at_ms       INTEGER NOT NULL,
  due_ms      INTEGER NOT NULL,
  done_ms     INTEGER NOT NULL DEFAULT 0 -- when it was paid out; 0: not yet
) STRICT;
CREATE INDEX unbondings_due ON unbondings (due_ms) WHERE done_ms = 0;
CREATE INDEX unbondings_member ON unbondings (member, id);

-- How often a member joined: each joining costs the fee. A gate price of 0 stands for no member's.
ALTER TABLE members ADD COLUMN joinings INTEGER NOT NULL DEFAULT 0;
UPDATE members SET gate_price_utok = NULL WHERE gate_price_utok = 0;
UPDATE members SET joinings = 1 WHERE gate_price_utok IS NOT NULL;
CREATE INDEX members_joined ON members (id) WHERE gate_price_utok IS NOT NULL;

-- Who stands above the gate before this migration is verified (ECONOMY §2).
INSERT INTO allowances (member, verified_ms, lasting, due_ms)
  SELECT id, unixepoch() * 1000, invited_by IS NOT NULL, unixepoch() * 1000 FROM members WHERE gate_price_utok IS NOT NULL OR invited_by IS NOT NULL
  ON CONFLICT DO NOTHING;

CREATE TABLE invites (
  code_hash  BLOB PRIMARY KEY,
  member     INTEGER NOT NULL REFERENCES members (id),
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  used_by    INTEGER REFERENCES members (id), -- NULL: nobody yet
  used_ms    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX invites_member ON invites (member, created_ms);

ALTER TABLE slashes ADD COLUMN returned_ms INTEGER NOT NULL DEFAULT 0; -- on appeal; 0: it was not
CREATE INDEX slashes_node ON slashes (node);
CREATE INDEX slashes_due ON slashes (due_ms) WHERE closed_ms = 0;

-- What a node claims is asked whenever collateral moves.
CREATE INDEX claims_node ON claims (node, live);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
