package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// verify gives a member the right to the free allowance (ECONOMY §2): lasting if invited or approved
// by an operator, else as long as above the gate. Twice is as good as once.
func (t *tx) verify(m bt.MemberID, lasting bool) error {
	if err := t.exec(`INSERT INTO allowances (member, verified_ms, lasting, due_ms) VALUES (?1, ?2, ?3, ?2)
		ON CONFLICT DO UPDATE SET lasting = max(lasting, excluded.lasting), due_ms = iif(once_ms = 0, excluded.due_ms, due_ms)`, m, t.nowMs(), lasting); err != nil {
		return fmt.Errorf("verify member %d: %w", m, err)
	}
	return nil
}

// allowance is the free allowance of one member. What the balance has beyond month and once trickled
// in day by day.
type allowance struct {
	member      bt.MemberID
	lasting     bool
	onceMs      int64
	granted     string // the month of the last monthly grant
	month, once bt.Bytes
}

const selectAllowance = "SELECT member, lasting, once_ms, month, month_bytes, once_bytes FROM allowances"

func readAllowance(r scanner) (a allowance, err error) {
	err = r.Scan(&a.member, &a.lasting, &a.onceMs, &a.granted, &a.month, &a.once)
	return a, err
}

// maxGrants is how many members one transaction grants allowances to.
const maxGrants = 500

// GrantAllowances gives out what is due of the free allowances and takes back what expired, for
// all members whose time has come: once a member is verified, then at each midnight UTC.
func (s *Store) GrantAllowances(ctx context.Context) error {
	for {
		n := 0
		err := s.write(ctx, func(t *tx) error {
			due, err := scan(t.ctx, t.Tx, rowsOf(readAllowance), selectAllowance+" WHERE due_ms <= ? ORDER BY due_ms, member LIMIT ?", t.nowMs(), maxGrants)
			if err != nil {
				return fmt.Errorf("look for allowances that are due: %w", err)
			}
			n = len(due)
			for _, a := range due {
				if err := t.grantAllowance(a); err != nil {
					return fmt.Errorf("allowance of member %d: %w", a.member, err)
				}
			}
			return nil
		})
		if err != nil || n < maxGrants {
			return err
		}
	}
}

func (t *tx) grantAllowance(a allowance) error {
	eco, today := t.economy(), t.now.UTC()
	month, day := today.Format("2006-01"), today.Format(time.DateOnly)
	if a.granted != month && a.month > 0 {
		left, err := t.balance(tokens.Byte, tokens.Allowance(a.member)) // less if an operator took some back
		if err != nil {
			return err
		}
		if err := t.moveBytes("allowance/expire", a.member, a.granted, tokens.Allowance(a.member), tokens.Issuance, min(a.month, bt.Bytes(left)), tokens.CodeExpire); err != nil {
			return err
		}
		a.month = 0
	}
	above, err := t.aboveGate(a.member)
	if err != nil {
		return err
	}
	if a.onceMs == 0 && (above || a.lasting) {
		if err := t.grantBytes("once", a.member, "", eco.FreeOnce); err != nil {
			return err
		}
		a.onceMs, a.once = t.nowMs(), eco.FreeOnce
	}
	if above && a.granted != month {
		if err := t.grantBytes("month", a.member, month, eco.FreeMonthly); err != nil {
			return err
		}
		a.granted, a.month = month, eco.FreeMonthly
	}
	if a.month+a.once == 0 && (above || a.lasting) {
		balance, err := t.balance(tokens.Byte, tokens.Allowance(a.member))
		if err != nil {
			return err
		}
		if err := t.grantBytes("day", a.member, day, min(eco.FreeDaily, max(0, eco.FreeDailyMax-bt.Bytes(balance)))); err != nil {
			return err
		}
	}
	midnight := today.Truncate(24 * time.Hour).Add(24 * time.Hour)
	return t.change("UPDATE allowances SET once_ms = ?, month = ?, month_bytes = ?, once_bytes = ?, due_ms = ? WHERE member = ?",
		a.onceMs, a.granted, a.month, a.once, midnight.UnixMilli(), a.member)
}

// aboveGate reports whether the member's stake is at least what it was when they joined.
func (t *tx) aboveGate(m bt.MemberID) (bool, error) {
	f, err := t.funds(m, 0)
	return f.GateOK, err
}

func (t *tx) grantBytes(why string, m bt.MemberID, when string, n bt.Bytes) error {
	return t.moveBytes("allowance/"+why, m, when, tokens.Issuance, tokens.Allowance(m), n, tokens.CodeAllowance)
}

// moveBytes posts a transfer of allowance whose id is made of what it is for, the member and the
// month or day; its ref says what it is for and when.
func (t *tx) moveBytes(what string, m bt.MemberID, when string, from, to tokens.Account, n bt.Bytes, code tokens.Code) error {
	if n == 0 {
		return nil
	}
	id, ref := fmt.Sprintf("%s/%d", what, m), what
	if when != "" {
		id, ref = id+"/"+when, ref+"/"+when
	}
	return t.post(tokens.Transfer{ID: id, Asset: tokens.Byte, From: from, To: to, Amount: tokens.Amount(n), Code: code, Ref: ref})
}

// spendAllowance takes what rows of one member and epoch used of the allowance: what expires first
// goes first. What expired since the meter counted on it is forgiven.
func (t *tx) spendAllowance(flush int64, m bt.MemberID, epoch int64, rows []swarm.UsageRow) error {
	var used bt.Bytes
	for _, r := range rows {
		used += r.Allowed
	}
	if used == 0 {
		return nil
	}
	t.batch.use(m, used)
	balance, err := t.balance(tokens.Byte, tokens.Allowance(m))
	if err != nil {
		return err
	}
	n := min(used, bt.Bytes(balance))
	if n == 0 {
		return nil
	}
	err = t.exec(`UPDATE allowances SET month_bytes = max(0, month_bytes - ?1), once_bytes = max(0, once_bytes - max(0, ?1 - month_bytes)) WHERE member = ?2`, n, m)
	return errors.Join(err, t.post(tokens.Transfer{ID: fmt.Sprintf("download/%d/%d/%d", flush, m, epoch), Asset: tokens.Byte, From: tokens.Allowance(m),
		To: tokens.Spent, Amount: tokens.Amount(n), Code: tokens.CodeDownload, Ref: fmt.Sprintf("flush/%d", flush)}))
}

// use notes that a flush carries bytes of the allowance that the tracker had booked.
func (b *batch) use(m bt.MemberID, n bt.Bytes) {
	if n == 0 {
		return
	}
	old := b.used[m]
	b.log = append(b.log, func(b *batch) { b.used[m] = old })
	b.used[m] = old + int64(n)
}

// rowsOf lets a reader of one row read many.
func rowsOf[T any](one func(scanner) (T, error)) func(*sql.Rows) (T, error) {
	return func(r *sql.Rows) (T, error) { return one(r) }
}
