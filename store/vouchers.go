package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// RevokeVoucher revokes one voucher; by as in AddVouchers. One that a member got for a withdrawal
// gives the amount back to that member. A rail.VoucherError says why it cannot be revoked.
func (s *Store) RevokeVoucher(ctx context.Context, by bt.MemberID, text string) error {
	code, err := rail.ParseCode(text)
	if err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		v, err := readVoucher(t.row(selectVoucher+" WHERE code_hash = ?", hashSecret(string(code))))
		if err != nil {
			return err
		}
		if err := t.revoke(v); err != nil {
			return err
		}
		if v.withdrawal > 0 {
			if _, err := t.advance(v.withdrawal, onward{to: rail.Returned, why: "an operator revoked the voucher"}); err != nil {
				return err
			}
		}
		return t.logOperator(by, "vouchers revoke", "voucher "+v.reference())
	})
}

func newCode() rail.Code {
	var random [rail.RandomBytes]byte
	rand.Read(random[:])
	return rail.NewCode(random)
}

// voucher is a row of table vouchers.
type voucher struct {
	id         int64
	withdrawal int64 // 0: of a batch
	amount     tokens.Amount
	expiresMs  int64
	usedMs     int64
	revokedMs  int64
}

func (v voucher) reference() string { return fmt.Sprint(v.id) }

const selectVoucher = "SELECT id, coalesce(withdrawal, 0), amount_quote, expires_ms, used_ms, revoked_ms FROM vouchers"

func readVoucher(r scanner) (v voucher, err error) {
	err = r.Scan(&v.id, &v.withdrawal, &v.amount, &v.expiresMs, &v.usedMs, &v.revokedMs)
	if errors.Is(err, sql.ErrNoRows) {
		return v, &rail.VoucherError{Reason: rail.Unknown}
	}
	return v, err
}

// spent says why a voucher is worth nothing any more; nil: it still is.
func (v voucher) spent() error {
	switch {
	case v.usedMs > 0:
		return &rail.VoucherError{Reason: rail.Used}
	case v.revokedMs > 0:
		return &rail.VoucherError{Reason: rail.Revoked}
	}
	return nil
}

func (t *tx) revoke(v voucher) error {
	if err := v.spent(); err != nil {
		return err
	}
	return t.change("UPDATE vouchers SET revoked_ms = ? WHERE id = ?", t.nowMs(), v.id)
}

// vouchers is the rail of codes that bring quote once, to whoever knows them. A withdrawal is a
// fresh one.
type vouchers struct{ s *Store }

var _ inside = vouchers{}

// See finds the voucher; whether it still brings anything is decided when it is credited.
func (r vouchers) See(ctx context.Context, e rail.Evidence) (rail.Deposit, error) {
	code, err := rail.ParseCode(e.Code)
	if err != nil {
		return rail.Deposit{}, err
	}
	v, err := readVoucher(r.s.r.QueryRowContext(ctx, selectVoucher+" WHERE code_hash = ?", hashSecret(string(code))))
	return rail.Deposit{Reference: v.reference(), Amount: v.amount}, err
}

// take uses the voucher up.
func (r vouchers) take(t *tx, m bt.MemberID, d rail.Deposit) error {
	v, err := readVoucher(t.row(selectVoucher+" WHERE id = ?", d.Reference))
	if err != nil {
		return err
	}
	if err := v.spent(); err != nil {
		return err
	}
	if v.expiresMs > 0 && t.nowMs() >= v.expiresMs {
		return &rail.VoucherError{Reason: rail.Expired}
	}
	if v.withdrawal > 0 {
		if _, err := t.advance(v.withdrawal, onward{to: rail.Confirmed}); err != nil {
			return err
		}
	}
	return t.change("UPDATE vouchers SET used_ms = ?, used_by = ? WHERE id = ?", t.nowMs(), m, v.id)
}

// Send makes the voucher. If it is there already its code was shown or lost: it is not shown again.
func (r vouchers) Send(ctx context.Context, w rail.Withdrawal) (rail.Shipment, error) {
	var out rail.Shipment
	err := r.s.write(ctx, func(t *tx) error {
		out = rail.Shipment{}
		now, err := readWithdrawal(t.row(selectWithdrawal+" WHERE id = ?", w.ID))
		if err != nil {
			return err
		}
		if now.State == rail.Returned {
			return rail.ErrRefused
		}
		v, err := readVoucher(t.row(selectVoucher+" WHERE withdrawal = ?", w.ID))
		if err == nil {
			out.Reference = v.reference()
			return nil
		}
		if !errors.Is(err, rail.ErrVoucher) {
			return err
		}
		code := newCode()
		id, err := t.insert("INSERT INTO vouchers (withdrawal, code_hash, amount_quote) VALUES (?, ?, ?)", w.ID, hashSecret(string(code)), w.Amount)
		out = rail.Shipment{Reference: voucher{id: id}.reference(), Code: string(code)}
		return err
	})
	if err != nil {
		return rail.Shipment{}, err
	}
	return out, nil
}

// Outcome knows nothing new: whoever uses or revokes the voucher says so to the withdrawal.
func (r vouchers) Outcome(context.Context, rail.Withdrawal) (rail.State, error) {
	return rail.Sent, nil
}

// recall revokes the withdrawal's voucher, if it was made.
func (r vouchers) recall(t *tx, w rail.Withdrawal) error {
	v, err := readVoucher(t.row(selectVoucher+" WHERE withdrawal = ?", w.ID))
	if errors.Is(err, rail.ErrVoucher) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.revoke(v)
}
