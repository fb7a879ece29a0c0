-- +goose Up

-- Which clients may announce, by the beginning of their peer id (PROTOCOLS §1, "Client policy").
CREATE TABLE client_rules (
  prefix     TEXT PRIMARY KEY CHECK (length(prefix) BETWEEN 1 AND 20),
  allow      INTEGER NOT NULL CHECK (allow IN (0, 1)),
  note       TEXT NOT NULL DEFAULT '',
  changed_ms INTEGER NOT NULL,
  changed_by INTEGER REFERENCES members (id) -- NULL: a default, or an administrative command
) STRICT, WITHOUT ROWID;

-- How much of a torrent a member means to fetch; no row: all of it (ECONOMY §4).
CREATE TABLE budgets (
  member  INTEGER NOT NULL REFERENCES members (id),
  torrent INTEGER NOT NULL REFERENCES torrents (id),
  bytes   INTEGER NOT NULL CHECK (bytes > 0),
  PRIMARY KEY (member, torrent)
) STRICT, WITHOUT ROWID;

-- What operators changed, so that a second one can see it.
CREATE TABLE operator_log (
  id       INTEGER PRIMARY KEY,
  at_ms    INTEGER NOT NULL,
  operator INTEGER REFERENCES members (id), -- NULL: an administrative command, or the program itself
  action   TEXT NOT NULL,
  detail   TEXT NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER operator_log_no_update BEFORE UPDATE ON operator_log
BEGIN SELECT RAISE(ABORT, 'the operator log is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER operator_log_no_delete BEFORE DELETE ON operator_log
BEGIN SELECT RAISE(ABORT, 'the operator log is append-only'); END;
-- +goose StatementEnd

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
