package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Bounds of a batch of vouchers.
const (
	MaxVouchers     = 10_000
	MaxVoucherLabel = 64 // bytes
)

// NewVouchers are vouchers of one value that an operator makes, to sell them elsewhere.
type NewVouchers struct {
	Label   string        // for the operators; 1 to MaxVoucherLabel bytes
	Amount  tokens.Amount // quote micro-units, of each
	Count   int           // 1 to MaxVouchers
	Expires time.Time     // zero: never
}

// VoucherBatch is a batch and what became of its vouchers.
type VoucherBatch struct {
	ID        int64
	Label     string
	Amount    tokens.Amount // quote micro-units, of each
	Count     int
	Used      int
	Revoked   int
	ExpiresMs int64 // 0: never
	CreatedMs int64
	CreatedBy string // name of the operator; empty: an administrative command
}

// AddVouchers makes a batch and returns its number and the codes, which are kept nowhere but as
// hashes. by is the operator, 0 stands for an administrative command. ErrRange says what is out of range.
func (s *Store) AddVouchers(ctx context.Context, by bt.MemberID, n NewVouchers) (batch int64, codes []rail.Code, err error) {
	if err := n.check(s.opt.Now()); err != nil {
		return 0, nil, err
	}
	codes = make([]rail.Code, n.Count)
	for i := range codes {
		codes[i] = newCode()
	}
	err = s.write(ctx, func(t *tx) (err error) {
		batch, err = t.addVouchers(by, n, codes)
		return err
	})
	return batch, codes, err
}

func (n NewVouchers) check(now time.Time) error {
	switch {
	case n.Label == "" || len(n.Label) > MaxVoucherLabel || !utf8.ValidString(n.Label) || !printable(n.Label):
		return fmt.Errorf("vouchers: label %.80q: want 1 to %d bytes of printable text: %w", n.Label, MaxVoucherLabel, ErrRange)
	case n.Amount <= 0 || n.Amount > tokens.MaxAmount:
		return fmt.Errorf("vouchers: value %s: want 0.000001 to %s: %w", n.Amount, tokens.MaxAmount, ErrRange)
	case n.Count < 1 || n.Count > MaxVouchers:
		return fmt.Errorf("vouchers: count %d: want 1 to %d: %w", n.Count, MaxVouchers, ErrRange)
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return fmt.Errorf("vouchers: expiry %s: want a time to come: %w", n.Expires.UTC().Format(time.RFC3339), ErrRange)
	}
	return nil
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func (t *tx) addVouchers(by bt.MemberID, n NewVouchers, codes []rail.Code) (int64, error) {
	var expires int64
	if !n.Expires.IsZero() {
		expires = n.Expires.UnixMilli()
	}
	batch, err := t.insert("INSERT INTO voucher_batches (label, amount_quote, count, expires_ms, created_ms, created_by) VALUES (?, ?, ?, ?, ?, ?)",
		n.Label, n.Amount, n.Count, expires, t.nowMs(), memberOrNil(by))
	if err != nil {
		return 0, fmt.Errorf("make vouchers: %w", err)
	}
	for _, c := range codes {
		err := t.execMany("INSERT INTO vouchers (batch, code_hash, amount_quote, expires_ms) VALUES (?, ?, ?, ?)", batch, hashSecret(string(c)), n.Amount, expires)
		if err != nil {
			return 0, fmt.Errorf("make vouchers: %w", err)
		}
	}
	return batch, t.logOperator(by, "vouchers create", fmt.Sprintf("batch %d %q: %d of %s each", batch, n.Label, n.Count, n.Amount))
}

// VoucherBatches returns the last n batches, newest first.
func (s *Store) VoucherBatches(ctx context.Context, n int) ([]VoucherBatch, error) {
	return s.voucherBatches(ctx, 0, n)
}

// voucherBatches returns n batches with numbers below before (0: all).
func (s *Store) voucherBatches(ctx context.Context, before int64, n int) ([]VoucherBatch, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (b VoucherBatch, err error) {
		err = r.Scan(&b.ID, &b.Label, &b.Amount, &b.Count, &b.Used, &b.Revoked, &b.ExpiresMs, &b.CreatedMs, &b.CreatedBy)
		return b, err
	}, `SELECT b.id, b.label, b.amount_quote, b.count,
		(SELECT count(*) FROM vouchers v WHERE v.batch = b.id AND v.used_ms > 0), (SELECT count(*) FROM vouchers v WHERE v.batch = b.id AND v.revoked_ms > 0),
		b.expires_ms, b.created_ms, coalesce(m.name, '') FROM voucher_batches b LEFT JOIN members m ON m.id = b.created_by
		WHERE b.id < ? ORDER BY b.id DESC LIMIT ?`, orAll(before), n)
}

// RevokeVouchers revokes those of a batch that are not used, and returns how many that were; by as
// in AddVouchers. ErrNotFound if there is no such batch.
func (s *Store) RevokeVouchers(ctx context.Context, by bt.MemberID, batch int64) (revoked int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		var there int
		if err := t.row("SELECT count(*) FROM voucher_batches WHERE id = ?", batch).Scan(&there); err != nil || there == 0 {
			return errors.Join(err, ErrNotFound)
		}
		r, err := t.ExecContext(t.ctx, "UPDATE vouchers SET revoked_ms = ? WHERE batch = ? AND used_ms = 0 AND revoked_ms = 0", t.nowMs(), batch)
		if err != nil {
			return fmt.Errorf("revoke vouchers: %w", err)
		}
		if revoked, err = r.RowsAffected(); err != nil {
			return err
		}
		return t.logOperator(by, "vouchers revoke", fmt.Sprintf("batch %d: %d", batch, revoked))
	})
	return revoked, err
}
