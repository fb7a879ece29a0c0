package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// MaxOpenWithdrawals bounds those of one member that are neither confirmed nor returned.
	MaxOpenWithdrawals = 100
	// MaxDestination bounds a withdrawal's destination, in bytes.
	MaxDestination = 200
	// An open withdrawal is looked at again after as long as it exists, within these bounds.
	minLook, maxLook = time.Minute, 24 * time.Hour
	// maxPush bounds the withdrawals of one round; the others have their turn in the next.
	maxPush = 100
)

var (
	// ErrManyOpen: the member has MaxOpenWithdrawals open ones.
	ErrManyOpen = errors.New("too many withdrawals are open: wait until some arrived, or take some back")
	// ErrGone: a withdrawal that cannot be taken back any more.
	ErrGone = errors.New("the withdrawal cannot be taken back")
)

// WithdrawOrder asks to send quote out over a rail.
type WithdrawOrder struct {
	Rail   string
	Amount tokens.Amount // quote micro-units
	To     string        // where to, in the rail's own words
}

// Withdrawn is the answer to Withdraw and TakeBack. Code is what the rail shows the member once, such
// as a voucher's code. It is kept nowhere: whoever lost it takes the withdrawal back.
type Withdrawn struct {
	Moved
	Withdrawal rail.Withdrawal
	Code       string `json:"-"`
}

// Withdraw debits the member and sends the amount out. When the rail cannot say at once that it was
// sent, the withdrawal stays debited and PushWithdrawals goes on with it. A repeated request gives
// the first answer with the withdrawal as it stands then, and without the code.
func (s *Store) Withdraw(ctx context.Context, o Once, order WithdrawOrder) (Withdrawn, error) {
	var out Withdrawn
	if _, err := s.rail(order.Rail); err != nil {
		return out, err
	}
	if order.Amount <= 0 || len(order.To) > MaxDestination {
		return out, fmt.Errorf("withdraw %s to %.40q: %w", order.Amount, order.To, ErrRange)
	}
	send := s.push // a repeated request, as the round would
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.debit(o.Member, order)
			send = s.carry // it is this request's to send: the round leaves it alone for a while
			return err
		})
	})
	if err != nil {
		return out, err
	}
	now, code, err := send(ctx, out.Withdrawal)
	if err != nil { // the money is debited: the round goes on with it
		s.opt.Log.Warn("a withdrawal did not arrive at once and will be looked at again", "withdrawal", out.Withdrawal.ID, "error", err)
	}
	if out.Code = code; now.ID != 0 {
		out.Withdrawal = now
	}
	return out, nil
}

func (t *tx) debit(m bt.MemberID, o WithdrawOrder) (Withdrawn, error) {
	var open int
	if err := t.row("SELECT count(*) FROM withdrawals WHERE member = ? AND state IN ('debited', 'sent')", m).Scan(&open); err != nil {
		return Withdrawn{}, fmt.Errorf("count open withdrawals: %w", err)
	}
	if open >= MaxOpenWithdrawals {
		return Withdrawn{}, ErrManyOpen
	}
	if have, err := t.balance(tokens.Quote, tokens.Available(m)); err != nil || have < o.Amount {
		return Withdrawn{}, errors.Join(err, &FundsError{Asset: tokens.Quote, Need: o.Amount, Have: have})
	}
	now := t.nowMs()
	id, err := t.insert("INSERT INTO withdrawals (member, rail, dest, amount_quote, state, created_ms, changed_ms, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		m, o.Rail, o.To, o.Amount, rail.Debited, now, now, now+minLook.Milliseconds())
	if err != nil {
		return Withdrawn{}, fmt.Errorf("record the withdrawal: %w", err)
	}
	w := rail.Withdrawal{ID: id, Member: m, Rail: o.Rail, To: o.To, Amount: o.Amount, State: rail.Debited, CreatedMs: now, ChangedMs: now}
	moved, err := t.moved(m, tokens.Transfer{ID: fmt.Sprintf("withdraw/%d", id), Asset: tokens.Quote, From: tokens.Available(m),
		To: tokens.External(o.Rail), Amount: o.Amount, Code: tokens.CodeWithdraw, Ref: withdrawalRef(w)})
	return Withdrawn{Moved: moved, Withdrawal: w}, err
}

func withdrawalRef(w rail.Withdrawal) string { return fmt.Sprintf("%s/%d", w.Rail, w.ID) }

// PushWithdrawals goes on with withdrawals that are due: it sends what is debited and asks what
// became of what was sent. It is called now and then; after a kill it continues what was under way.
func (s *Store) PushWithdrawals(ctx context.Context) error {
	ids, err := collect[int64](ctx, s.r, "SELECT id FROM withdrawals WHERE state IN ('debited', 'sent') AND due_ms <= ? ORDER BY due_ms LIMIT ?",
		s.opt.Now().UnixMilli(), maxPush)
	if err != nil {
		return fmt.Errorf("find open withdrawals: %w", err)
	}
	var failed error
	for _, id := range ids {
		if _, _, err := s.push(ctx, rail.Withdrawal{ID: id}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("withdrawal %d: %w", id, err))
		}
	}
	return failed
}

// push takes a withdrawal as far as its rail does at once, and returns it as it stands then. One
// that is not due, because it is being looked at, is left alone.
func (s *Store) push(ctx context.Context, w rail.Withdrawal) (_ rail.Withdrawal, code string, err error) {
	var due bool
	if err = s.write(ctx, func(t *tx) error { w, due, err = t.lease(w.ID); return err }); err != nil || !due {
		return w, "", err
	}
	return s.carry(ctx, w)
}

// carry is push for a withdrawal that nobody else looks at now.
func (s *Store) carry(ctx context.Context, w rail.Withdrawal) (_ rail.Withdrawal, code string, err error) {
	id := w.ID
	r, err := s.rail(w.Rail)
	if err != nil {
		return w, "", err
	}
	if w.State == rail.Debited {
		var sent rail.Shipment
		sent, err = r.Send(ctx, w)
		switch {
		case errors.Is(err, rail.ErrRefused):
			w, err = s.advance(ctx, id, onward{to: rail.Returned, why: err.Error()})
			return w, "", err
		case err != nil:
			return w, "", fmt.Errorf("send by %s: %w", w.Rail, err)
		}
		code = sent.Code
		if w, err = s.advance(ctx, id, onward{to: rail.Sent, reference: sent.Reference}); err != nil {
			return w, code, err
		}
	}
	state, err := r.Outcome(ctx, w)
	if err != nil {
		return w, code, fmt.Errorf("ask %s: %w", w.Rail, err)
	}
	if state.Final() {
		w, err = s.advance(ctx, id, onward{to: state, why: "it did not arrive"})
	}
	return w, code, err
}

// lease reads a withdrawal and says whether it is open and due; then it is not due again for a while.
func (t *tx) lease(id int64) (w rail.Withdrawal, due bool, err error) {
	var dueMs int64
	row := t.row("SELECT due_ms FROM withdrawals WHERE id = ?", id)
	if err = row.Scan(&dueMs); err != nil {
		return w, false, notFound(err)
	}
	if w, err = readWithdrawal(t.row(selectWithdrawal+" WHERE id = ?", id)); err != nil || w.State.Final() || dueMs > t.nowMs() {
		return w, false, err
	}
	next := min(max(time.Duration(t.nowMs()-w.CreatedMs)*time.Millisecond, minLook), maxLook)
	return w, true, t.change("UPDATE withdrawals SET due_ms = ? WHERE id = ?", t.nowMs()+next.Milliseconds(), id)
}

// onward is a step of a withdrawal to a later state.
type onward struct {
	to        rail.State
	reference string // with rail.Sent
	why       string // with rail.Returned
}

func (s *Store) advance(ctx context.Context, id int64, to onward) (w rail.Withdrawal, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		if w, err = t.advance(id, to); err != nil {
			return err
		}
		return t.tellWithdrawal(w, to.to)
	})
	return w, err
}

// advance takes the step if the withdrawal, as it stands now, may go there: somebody else may have
// moved it meanwhile, and then that stands. What is returned goes back to the member.
func (t *tx) advance(id int64, to onward) (rail.Withdrawal, error) {
	w, err := readWithdrawal(t.row(selectWithdrawal+" WHERE id = ?", id))
	if err != nil || !w.State.Before(to.to) {
		return w, err
	}
	w.State, w.ChangedMs = to.to, t.nowMs()
	switch to.to {
	case rail.Sent:
		w.Reference = to.reference
	case rail.Returned:
		w.Why = to.why
		err = t.post(tokens.Transfer{ID: fmt.Sprintf("return/%d", w.ID), Asset: tokens.Quote, From: tokens.External(w.Rail),
			To: tokens.Available(w.Member), Amount: w.Amount, Code: tokens.CodeReturn, Ref: withdrawalRef(w)})
		if err != nil {
			return w, err
		}
	}
	return w, t.change("UPDATE withdrawals SET state = ?, reference = ?, why = ?, changed_ms = ? WHERE id = ?",
		w.State, w.Reference, w.Why, w.ChangedMs, w.ID)
}

// TakeBack ends a withdrawal of the member that nobody received yet and gives the amount back; a
// voucher's code is worth nothing afterwards. ErrNotFound if it is not the member's; ErrGone if it
// is over, or its rail cannot call it back.
func (s *Store) TakeBack(ctx context.Context, o Once, withdrawal int64) (Withdrawn, error) {
	var out Withdrawn
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.takeBack(o.Member, withdrawal)
			return err
		})
	})
	return out, err
}

func (t *tx) takeBack(m bt.MemberID, id int64) (Withdrawn, error) {
	w, err := readWithdrawal(t.row(selectWithdrawal+" WHERE id = ? AND member = ?", id, m))
	if err != nil {
		return Withdrawn{}, err
	}
	r, ok := t.store.rails[w.Rail].(inside)
	if !ok || w.State.Final() {
		return Withdrawn{}, ErrGone
	}
	if err := r.recall(t, w); err != nil {
		return Withdrawn{}, err
	}
	if w, err = t.advance(id, onward{to: rail.Returned, why: "taken back"}); err != nil {
		return Withdrawn{}, err
	}
	moved, err := t.moved(m)
	return Withdrawn{Moved: moved, Withdrawal: w}, err
}

const selectWithdrawal = `SELECT id, member, rail, dest, amount_quote, state, reference, why, created_ms, changed_ms FROM withdrawals`

func readWithdrawal(r scanner) (w rail.Withdrawal, err error) {
	err = r.Scan(&w.ID, &w.Member, &w.Rail, &w.To, &w.Amount, &w.State, &w.Reference, &w.Why, &w.CreatedMs, &w.ChangedMs)
	return w, notFound(err)
}

// Withdrawals returns the last n withdrawals of a member, newest first.
func (s *Store) Withdrawals(ctx context.Context, m bt.MemberID, n int) ([]rail.Withdrawal, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (rail.Withdrawal, error) { return readWithdrawal(r) },
		selectWithdrawal+" WHERE member = ? ORDER BY id DESC LIMIT ?", m, n)
}
