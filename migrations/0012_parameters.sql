-- +goose Up

-- The history of the economy's parameters: key has value from the beginning of the epoch on, until a
-- later epoch's row. Of several rows of one key and epoch the last one counts: a change that was
-- changed again before its epoch began.
CREATE TABLE parameters (
  id    INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL CHECK (epoch > 0),
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  by    TEXT NOT NULL -- who or what changed it
) STRICT;
CREATE INDEX parameters_key ON parameters (key, epoch, id);

-- +goose StatementBegin
CREATE TRIGGER parameters_no_update BEFORE UPDATE ON parameters
BEGIN SELECT RAISE(ABORT, 'the history of parameters is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER parameters_no_delete BEFORE DELETE ON parameters
BEGIN SELECT RAISE(ABORT, 'the history of parameters is append-only'); END;
-- +goose StatementEnd

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
