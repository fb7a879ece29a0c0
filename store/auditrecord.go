package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

// AuditRecord returns what anyone needs to recompute the draws of a settled epoch; p are the rules that
// were in force in it. Audits that were swept since are not in it. ErrNotFound: there is no such epoch,
// or it is not settled.
func (s *Store) AuditRecord(ctx context.Context, p availability.Params, epoch int64) (availability.Record, error) {
	out := availability.Record{Epoch: epoch, Rules: p.DrawRules()}
	err := s.read(ctx, func(r *reader) error {
		var seed, hash []byte
		err := r.QueryRowContext(ctx, `SELECT e.start_ms, e.end_ms, e.seed, coalesce(s.hash, x'') FROM epochs e LEFT JOIN seeds s ON s.epoch = e.number
			WHERE e.number = ? AND e.settled_ms > 0`, epoch).Scan(&out.StartMs, &out.EndMs, &seed, &hash)
		if err != nil {
			return notFound(err)
		}
		copy(out.Seed[:], seed)
		out.Hash = hash
		if out.Claims, err = readFrozen(ctx, r.Tx, epoch); err != nil {
			return err
		}
		out.Audits, err = scan(ctx, r.Tx, readAuditRecord,
			"SELECT id, claim, at_ms, kind, draw, asked, targets, verdict, rechecks, evidence FROM audits WHERE epoch = ? ORDER BY id", epoch)
		return err
	})
	if err != nil {
		return availability.Record{}, fmt.Errorf("record the audits of epoch %d: %w", epoch, err)
	}
	return out, nil
}

func readAuditRecord(r *sql.Rows) (a availability.AuditRecord, err error) {
	var kind, verdict string
	var evidence sql.RawBytes
	var digest []byte
	if err := r.Scan(&a.ID, &a.Claim, &a.AtMs, &kind, &a.Draw, &a.Asked, &digest, &verdict, &a.Rechecks, &evidence); err != nil {
		return a, err
	}
	a.Digest = digest
	if err := a.Kind.UnmarshalText([]byte(kind)); err != nil {
		return a, fmt.Errorf("audit %d: %w", a.ID, err)
	}
	if err := a.Verdict.UnmarshalText([]byte(verdict)); err != nil {
		return a, fmt.Errorf("audit %d: %w", a.ID, err)
	}
	if len(evidence) == 0 {
		return a, nil
	}
	var e auditEvidence
	if err := json.Unmarshal(evidence, &e); err != nil {
		return a, fmt.Errorf("the evidence of audit %d: %w", a.ID, err)
	}
	a.Targets = e.Asked
	return a, nil
}

const (
	factSwept = "audits_swept" // the last audit that SweepAudits looked at
	// sweptAtOnce is how many audits one call of SweepAudits looks at: far more than are made between
	// two sweeps of a server.
	sweptAtOnce = 2000
)

// SweepAudits deletes audits older than keep that found nothing: passed and inconclusive ones, unless
// a penalty rests on them. It looks at a bounded number of them, and goes on from there when it is
// called again.
func (s *Store) SweepAudits(ctx context.Context, keep time.Duration) error {
	return s.write(ctx, func(t *tx) error {
		from, err := t.factInt(factSwept)
		if err != nil {
			return err
		}
		var last int64
		err = t.row("SELECT coalesce(max(id), 0) FROM (SELECT id FROM audits WHERE id > ? AND at_ms < ? ORDER BY id LIMIT ?)",
			from, t.nowMs()-keep.Milliseconds(), sweptAtOnce).Scan(&last)
		if err != nil || last == 0 {
			return err
		}
		err = t.exec(`DELETE FROM audits WHERE id > ? AND id <= ? AND verdict IN ('passed', 'inconclusive')
			AND NOT EXISTS (SELECT 1 FROM slashes s WHERE s.audit = audits.id) AND NOT EXISTS (SELECT 1 FROM forfeits f WHERE f.audit = audits.id)`, from, last)
		if err != nil {
			return fmt.Errorf("sweep old audits: %w", err)
		}
		return t.setFact(factSwept, strconv.FormatInt(last, 10))
	})
}
