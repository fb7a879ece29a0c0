package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
)

// Epoch is a span of time that is settled as a whole. Times in unix ms, 0: not yet.
type Epoch struct {
	Number    int64
	StartMs   int64
	EndMs     int64
	SettledMs int64
	Closed    bool     // its settlement began: nothing may be charged into it any more
	Seed      [32]byte // secret until the epoch is settled
}

// Epochs returns the last n epochs, oldest first.
func (s *Store) Epochs(ctx context.Context, n int) ([]Epoch, error) {
	return scan(ctx, s.r, readEpoch, `SELECT * FROM (`+selectEpoch+` ORDER BY number DESC LIMIT ?) ORDER BY number`, n)
}

// Unsettled returns the epochs from the oldest that is not settled on, and before them those whose
// claims are still open, oldest first.
func (s *Store) Unsettled(ctx context.Context) ([]Epoch, error) {
	return scan(ctx, s.r, readEpoch, selectEpoch+` WHERE number >= (SELECT min(number) FROM epochs WHERE settled_ms = 0) - ?
		ORDER BY number`, OpenEpochs)
}

// A settlement that was interrupted has left settled torrents behind.
const selectEpoch = `SELECT number, start_ms, end_ms, settled_ms,
	settled_ms > 0 OR EXISTS (SELECT 1 FROM settlements s WHERE s.epoch = number) AS closed, seed FROM epochs`

func readEpoch(r *sql.Rows) (e Epoch, err error) {
	var seed []byte
	err = r.Scan(&e.Number, &e.StartMs, &e.EndMs, &e.SettledMs, &e.Closed, &seed)
	copy(e.Seed[:], seed)
	return e, err
}

// NextEpoch ends the current epoch, if there is one, and begins the next with the seed that was
// committed to when the current one began; it commits to next as the seed of the epoch after, and
// freezes what is drawn from (SECURITY 12). Numbers grow by one, whatever the clock says.
func (s *Store) NextEpoch(ctx context.Context, p availability.Params, next [32]byte) (Epoch, error) {
	var e Epoch
	err := s.write(ctx, func(t *tx) error {
		var last, start int64
		if err := t.row("SELECT coalesce(max(number), 0), coalesce(max(start_ms), 0) FROM epochs").Scan(&last, &start); err != nil {
			return err
		}
		at := max(t.nowMs(), start+1) // a clock that went back does not make time run backwards
		if err := t.exec("UPDATE epochs SET end_ms = ? WHERE number = ? AND end_ms = 0", at, last); err != nil {
			return fmt.Errorf("end epoch %d: %w", last, err)
		}
		seed, err := t.committed(last+1, next)
		if err != nil {
			return err
		}
		e = Epoch{Number: last + 1, StartMs: at, Seed: seed}
		if _, err := t.insert("INSERT INTO epochs (number, start_ms, seed) VALUES (?, ?, ?)", e.Number, e.StartMs, seed[:]); err != nil {
			return fmt.Errorf("begin epoch %d: %w", e.Number, err)
		}
		if err := t.commitTo(e.Number+1, next); err != nil {
			return err
		}
		return t.freeze(p, e.Number)
	})
	return e, err
}

// committed returns the seed that was committed to for an epoch. The first epoch of all has none yet:
// it gets one that follows from the next, and tells nothing about it, being its hash.
func (t *tx) committed(epoch int64, next [32]byte) (seed [32]byte, err error) {
	var known []byte
	err = t.row("SELECT seed FROM seeds WHERE epoch = ?", epoch).Scan(&known)
	if errors.Is(err, sql.ErrNoRows) {
		seed = sha256.Sum256(append([]byte("swarmstake first epoch "), next[:]...))
		return seed, t.commitTo(epoch, seed)
	}
	copy(seed[:], known)
	return seed, err
}

func (t *tx) commitTo(epoch int64, seed [32]byte) error {
	hash := availability.Seed(seed).Hash()
	if err := t.exec("INSERT INTO seeds (epoch, seed, hash, committed_ms) VALUES (?, ?, ?, ?)", epoch, seed[:], hash[:], t.nowMs()); err != nil {
		return fmt.Errorf("commit to the seed of epoch %d: %w", epoch, err)
	}
	return nil
}

// Commitment is what is published of an epoch's seed: its hash before the epoch begins, itself once
// the epoch is settled.
type Commitment struct {
	Epoch       int64
	Hash        [32]byte // SHA-256 of the seed
	CommittedMs int64
	Seed        *[32]byte // nil: still secret
}

// Commitments returns the last n commitments, oldest first: the last is for the next epoch.
func (s *Store) Commitments(ctx context.Context, n int) ([]Commitment, error) {
	list, err := scan(ctx, s.r, func(r *sql.Rows) (c Commitment, err error) {
		var hash, seed []byte
		err = r.Scan(&c.Epoch, &hash, &c.CommittedMs, &seed)
		copy(c.Hash[:], hash)
		if len(seed) == len(c.Seed) {
			c.Seed = (*[32]byte)(seed)
		}
		return c, err
	}, `SELECT * FROM (SELECT s.epoch, s.hash, s.committed_ms, iif(e.settled_ms > 0, s.seed, NULL) FROM seeds s LEFT JOIN epochs e ON e.number = s.epoch
		ORDER BY s.epoch DESC LIMIT ?) ORDER BY epoch`, n)
	if err != nil {
		return nil, fmt.Errorf("read commitments: %w", err)
	}
	return list, nil
}
