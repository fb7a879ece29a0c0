package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
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

// NextEpoch ends the current epoch, if there is one, and begins the next with the given seed.
// Numbers grow by one, whatever the clock says.
func (s *Store) NextEpoch(ctx context.Context, seed [32]byte) (Epoch, error) {
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
		e = Epoch{Number: last + 1, StartMs: at, Seed: seed}
		_, err := t.insert("INSERT INTO epochs (number, start_ms, seed) VALUES (?, ?, ?)", e.Number, e.StartMs, seed[:])
		return err
	})
	return e, err
}

const factAlive = "alive_ms" // when the server last said that it runs

// MarkAlive notes that the server runs, and returns when it had last said so (0: never).
func (s *Store) MarkAlive(ctx context.Context) (lastMs int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		if lastMs, err = t.factInt(factAlive); err != nil {
			return err
		}
		return t.setFact(factAlive, strconv.FormatInt(t.nowMs(), 10))
	})
	return lastMs, err
}

// ExcuseOutage moves all claims' times by an outage of the tracker, which counts for nobody
// (ECONOMY §7).
func (s *Store) ExcuseOutage(ctx context.Context, outage time.Duration) error {
	return s.eachLiveClaim(ctx, func(t *tx, c ClaimRow) (ClaimRow, bool) {
		c.Claim = c.Claim.Excuse(outage)
		return c, true
	})
}
