-- +goose Up

-- The last epoch whose part of a sponsorship was paid: each is paid in a transaction of its own.
ALTER TABLE sponsors ADD COLUMN paid_epoch INTEGER NOT NULL DEFAULT 0;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
