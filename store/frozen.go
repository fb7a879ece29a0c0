package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
)

// Frozen returns the claims that an epoch's audits are drawn from, in order of their numbers.
func (s *Store) Frozen(ctx context.Context, epoch int64) ([]availability.Frozen, error) {
	list, err := readFrozen(ctx, s.r, epoch)
	if err != nil {
		return nil, fmt.Errorf("read what epoch %d draws from: %w", epoch, err)
	}
	return list, nil
}

func readFrozen(ctx context.Context, q querier, epoch int64) ([]availability.Frozen, error) {
	return scan(ctx, q, func(r *sql.Rows) (availability.Frozen, error) { return scanFrozen(r) },
		selectFrozen+" WHERE from_epoch <= ?1 AND (to_epoch = 0 OR to_epoch > ?1) ORDER BY claim", epoch)
}

const selectFrozen = "SELECT claim, torrent, bytes, piece_bytes, pieces, have FROM frozen"

func scanFrozen(r scanner) (f availability.Frozen, err error) {
	var have []byte
	err = r.Scan(&f.Claim, &f.Torrent, &f.Bytes, &f.PieceLength, &f.Pieces, &have)
	f.Have = have
	return f, err
}

// freeze writes which claims are drawn from in the epoch that begins: those that are proven. It looks
// only at those that changed since they were frozen; a row that holds still is left alone. A proof that
// is over and was not lapsed yet is looked at again at the next epoch.
func (t *tx) freeze(p availability.Params, epoch int64) error {
	args := []any{sql.Named("epoch", epoch), sql.Named("proven", availability.Proven), sql.Named("since", t.nowMs()-p.ProofLifetime.Milliseconds())}
	const drawnFrom = "c.live = 1 AND c.state ->> '$.State' = :proven"
	const proven = drawnFrom + " AND c.proven_ms > :since"
	for _, query := range []string{
		`UPDATE frozen SET to_epoch = :epoch WHERE to_epoch = 0 AND claim IN (SELECT claim FROM frozen_due)
			AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.id = frozen.claim AND c.bytes = frozen.bytes AND c.have IS frozen.have AND ` + proven + `)`,
		`INSERT INTO frozen (claim, from_epoch, torrent, bytes, piece_bytes, pieces, have)
			SELECT c.id, :epoch, c.torrent, c.bytes, c.state ->> '$.PieceLength', c.state ->> '$.Pieces', c.have FROM frozen_due d CROSS JOIN claims c ON c.id = d.claim
			WHERE ` + proven + ` AND NOT EXISTS (SELECT 1 FROM frozen f WHERE f.claim = c.id AND f.to_epoch = 0) ORDER BY c.id`,
		`DELETE FROM frozen_due WHERE claim NOT IN (SELECT c.id FROM frozen_due d CROSS JOIN claims c ON c.id = d.claim
			WHERE ` + drawnFrom + ` AND c.proven_ms <= :since)`,
	} {
		if err := t.exec(query, args...); err != nil {
			return fmt.Errorf("freeze what epoch %d draws from: %w", epoch, err)
		}
	}
	return nil
}
