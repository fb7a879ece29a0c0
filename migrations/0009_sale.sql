-- +goose Up

-- The token sale (ECONOMY §8): one row.
CREATE TABLE sale (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  sold_utok   INTEGER NOT NULL CHECK (sold_utok >= 0), -- T: net tokens sold by the curve
  serial      INTEGER NOT NULL,                        -- of the last purchase or sale
  price_quote INTEGER NOT NULL DEFAULT 0,              -- P in force; 0: the parameters' P and L, never used yet
  limit_utok  INTEGER NOT NULL DEFAULT 0,              -- L in force
  set_price_quote INTEGER NOT NULL DEFAULT 0,          -- the parameter that P came from: P may have drifted from it
  drift_price_quote INTEGER NOT NULL DEFAULT 0,        -- what P drifts from
  drift_ppm   INTEGER NOT NULL DEFAULT 0,
  idle_ms     INTEGER NOT NULL DEFAULT 0,              -- time that P drifted for, weighted with 1 − 2r
  idle_at_ms  INTEGER NOT NULL DEFAULT 0,              -- until when idle_ms was counted
  buffer_quote INTEGER NOT NULL DEFAULT 0 CHECK (buffer_quote >= 0) -- reserve beyond C, as far as it is in sale_buffer
) STRICT;
INSERT INTO sale (id, sold_utok, serial) VALUES (1,
  coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'sale_sold_utok'), 0),
  coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'sale_serial'), 0));
DELETE FROM facts WHERE name IN ('sale_sold_utok', 'sale_serial');

-- When the reserve's buffer grew, by hour.
CREATE TABLE sale_buffer (
  hour        INTEGER PRIMARY KEY, -- since 1970
  grown_quote INTEGER NOT NULL CHECK (grown_quote > 0),
  last_ms     INTEGER NOT NULL     -- all of it counts as being as old as its youngest part
) STRICT;

-- The last serial of each member's exchanges.
CREATE TABLE exchange_serials (
  member INTEGER PRIMARY KEY REFERENCES members (id),
  serial INTEGER NOT NULL CHECK (serial > 0)
) STRICT;

-- Quote on its way out (package rail).
CREATE TABLE withdrawals (
  id           INTEGER PRIMARY KEY,
  member       INTEGER NOT NULL REFERENCES members (id),
  rail         TEXT NOT NULL,
  dest         TEXT NOT NULL,
  amount_quote INTEGER NOT NULL CHECK (amount_quote > 0),
  state        TEXT NOT NULL CHECK (state IN ('debited', 'sent', 'confirmed', 'returned')),
  reference    TEXT NOT NULL DEFAULT '',
  why          TEXT NOT NULL DEFAULT '', -- it was returned
  created_ms   INTEGER NOT NULL,
  changed_ms   INTEGER NOT NULL,
  due_ms       INTEGER NOT NULL -- when it is looked at again
) STRICT;
CREATE INDEX withdrawals_member ON withdrawals (member, id);
CREATE INDEX withdrawals_due ON withdrawals (due_ms) WHERE state IN ('debited', 'sent');

-- Vouchers: quote for whoever knows the code, once.
CREATE TABLE voucher_batches (
  id           INTEGER PRIMARY KEY,
  label        TEXT NOT NULL,
  amount_quote INTEGER NOT NULL CHECK (amount_quote > 0),
  count        INTEGER NOT NULL CHECK (count > 0),
  expires_ms   INTEGER NOT NULL, -- 0: never
  created_ms   INTEGER NOT NULL,
  created_by   INTEGER REFERENCES members (id) -- NULL: an administrative command
) STRICT;

CREATE TABLE vouchers (
  id           INTEGER PRIMARY KEY,
  batch        INTEGER REFERENCES voucher_batches (id),
  withdrawal   INTEGER UNIQUE REFERENCES withdrawals (id),
  code_hash    BLOB NOT NULL UNIQUE CHECK (length(code_hash) = 32),
  amount_quote INTEGER NOT NULL CHECK (amount_quote > 0),
  expires_ms   INTEGER NOT NULL DEFAULT 0, -- 0: never
  used_ms      INTEGER NOT NULL DEFAULT 0, -- 0: not used
  used_by      INTEGER REFERENCES members (id),
  revoked_ms   INTEGER NOT NULL DEFAULT 0, -- 0: not revoked
  CHECK ((batch IS NULL) <> (withdrawal IS NULL)),
  CHECK (used_ms = 0 OR revoked_ms = 0)
) STRICT;
CREATE INDEX vouchers_batch ON vouchers (batch);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
