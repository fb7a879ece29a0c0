-- +goose Up

-- What the configuration said of each parameter at the last start: a value that an operator set on the
-- website stays until the configuration says something else. Until now nothing but the configuration
-- changed parameters.
CREATE TABLE parameters_configured (
  key     TEXT PRIMARY KEY,
  value   TEXT NOT NULL,
  seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO parameters_configured (key, value, seen_ms)
  SELECT key, value, at_ms FROM parameters p
  WHERE id = (SELECT id FROM parameters x WHERE x.key = p.key ORDER BY x.epoch DESC, x.id DESC LIMIT 1);

-- What operators change on the website: values that come into force together.
CREATE TABLE parameter_changes (
  id        INTEGER PRIMARY KEY,
  operator  INTEGER NOT NULL REFERENCES members (id),
  reason    TEXT NOT NULL CHECK (reason <> ''),
  at_ms     INTEGER NOT NULL,
  from_ms   INTEGER NOT NULL CHECK (from_ms >= 0), -- with the first epoch that begins then or later; 0: with the next
  state     TEXT NOT NULL CHECK (state IN ('waiting', 'dated', 'withdrawn', 'refused')),
  epoch     INTEGER NOT NULL DEFAULT 0,            -- dated: with which the values come, as rows of parameters
  ended_ms  INTEGER NOT NULL DEFAULT 0,            -- withdrawn or refused
  ended_by  INTEGER REFERENCES members (id),       -- NULL: the program
  ended_why TEXT NOT NULL DEFAULT '',
  CHECK ((state = 'waiting') <= (from_ms > 0 AND epoch = 0)),
  CHECK ((state = 'dated') <= (epoch > 0)),
  CHECK ((state IN ('withdrawn', 'refused')) = (ended_ms > 0))
) STRICT;
CREATE INDEX parameter_changes_waiting ON parameter_changes (from_ms, id) WHERE state = 'waiting';

CREATE TABLE parameter_change_values (
  change INTEGER NOT NULL REFERENCES parameter_changes (id),
  key    TEXT NOT NULL,
  value  TEXT NOT NULL,
  was    TEXT NOT NULL, -- what would have held without the change
  PRIMARY KEY (change, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE parameters ADD COLUMN change INTEGER REFERENCES parameter_changes (id); -- NULL: by the configuration

-- +goose StatementBegin
CREATE TRIGGER parameter_changes_no_delete BEFORE DELETE ON parameter_changes
BEGIN SELECT RAISE(ABORT, 'what operators changed is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER parameter_changes_no_update BEFORE UPDATE ON parameter_changes
WHEN OLD.state IN ('withdrawn', 'refused') OR NEW.state = 'waiting' OR OLD.state = NEW.state OR OLD.epoch > 0 AND NEW.epoch <> OLD.epoch
  OR (NEW.id, NEW.operator, NEW.reason, NEW.at_ms, NEW.from_ms) <> (OLD.id, OLD.operator, OLD.reason, OLD.at_ms, OLD.from_ms)
BEGIN SELECT RAISE(ABORT, 'what operators changed is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER parameter_change_values_no_update BEFORE UPDATE ON parameter_change_values
BEGIN SELECT RAISE(ABORT, 'what operators changed is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER parameter_change_values_no_delete BEFORE DELETE ON parameter_change_values
BEGIN SELECT RAISE(ABORT, 'what operators changed is append-only'); END;
-- +goose StatementEnd

-- Corrections of the ledger that operators made or proposed on the website. A large one is made by the
-- approval of a second operator; a small one is made at once, and then nobody decided.
CREATE TABLE corrections (
  id          INTEGER PRIMARY KEY,
  asset       TEXT NOT NULL CHECK (asset IN ('token', 'quote', 'byte')),
  source      TEXT NOT NULL,
  dest        TEXT NOT NULL,
  amount      INTEGER NOT NULL CHECK (amount > 0),
  reason      TEXT NOT NULL CHECK (reason <> ''),
  proposed_by INTEGER NOT NULL REFERENCES members (id),
  proposed_ms INTEGER NOT NULL,
  due_ms      INTEGER NOT NULL CHECK (due_ms > proposed_ms), -- then it expires
  state       TEXT NOT NULL CHECK (state IN ('proposed', 'made', 'refused', 'withdrawn', 'expired')),
  decided_by  INTEGER REFERENCES members (id),
  decided_ms  INTEGER NOT NULL DEFAULT 0,
  why         TEXT NOT NULL DEFAULT '', -- it was refused
  transfer    TEXT UNIQUE,              -- that it made
  CHECK ((state = 'made') = (transfer IS NOT NULL)),
  CHECK ((state = 'proposed') = (decided_ms = 0)),
  CHECK (state NOT IN ('made', 'refused') OR decided_by IS NULL OR decided_by <> proposed_by),
  CHECK (state <> 'refused' OR decided_by IS NOT NULL AND why <> '')
) STRICT;
CREATE INDEX corrections_state ON corrections (state, id);
CREATE INDEX corrections_due ON corrections (due_ms) WHERE state = 'proposed';
CREATE INDEX corrections_alone ON corrections (proposed_by, asset, decided_ms) WHERE state = 'made' AND decided_by IS NULL;

-- +goose StatementBegin
CREATE TRIGGER corrections_no_delete BEFORE DELETE ON corrections
BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER corrections_no_update BEFORE UPDATE ON corrections
WHEN OLD.state <> 'proposed' OR NEW.state = 'proposed'
  OR (NEW.id, NEW.asset, NEW.source, NEW.dest, NEW.amount, NEW.reason, NEW.proposed_by, NEW.proposed_ms, NEW.due_ms)
  <> (OLD.id, OLD.asset, OLD.source, OLD.dest, OLD.amount, OLD.reason, OLD.proposed_by, OLD.proposed_ms, OLD.due_ms)
BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
-- +goose StatementEnd

-- Lists of sponsorships, and who made a torrent free: the detail begins with its number.
CREATE INDEX sponsors_running ON sponsors (id) WHERE closed_ms = 0;
CREATE INDEX sponsors_ended ON sponsors (id) WHERE closed_ms > 0;
CREATE INDEX operator_log_free ON operator_log (detail, id) WHERE action = 'torrent free';

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
