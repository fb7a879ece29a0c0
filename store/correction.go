package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ErrCorrection says that a correction is not one that an operator may make; its text says why.
var ErrCorrection = errors.New("not a correction")

// actCorrect is the operators' log's word for a correction. Its detail begins with the transfer's id.
const actCorrect = "ledger correct"

// Correction is what an operator puts right. Nothing in the ledger is ever changed: a correction is
// a transfer that moves back what was moved wrongly.
type Correction struct {
	By       bt.MemberID // the operator; 0: an administrative command
	Asset    tokens.Asset
	From, To tokens.Account
	Amount   tokens.Amount
	Reason   string // public: it is the transfer's Ref
	Key      string // makes the transfer's id; empty: all of the above, so that the same command twice corrects once
}

// Corrected is a correction that was made.
type Corrected struct {
	Transfer string // its id
	Row      int64
	New      bool // false: it had been made before
}

// Correct makes a correction and notes it in the operators' log, in one transaction. The same
// correction again, with the same key, is a no-op.
//
// Errors: ErrCorrection (no reason, or an account that may not be corrected), tokens.ErrInvalid,
// *FundsError (more than there is, or than running downloads leave free), ErrUncovered (of the sale's
// reserve more than its buffer), tokens.ErrConflict (the key was used for another correction).
func (s *Store) Correct(ctx context.Context, c Correction) (Corrected, error) {
	var out Corrected
	err := s.write(ctx, func(t *tx) (err error) {
		out, err = t.correct(c)
		return err
	})
	return out, err
}

// transfer is what the correction moves.
func (c Correction) transfer() tokens.Transfer {
	return tokens.Transfer{ID: c.id(), Asset: c.Asset, From: c.From, To: c.To, Amount: c.Amount, Code: tokens.CodeCorrection, Ref: c.Reason}
}

func (t *tx) correct(c Correction) (Corrected, error) {
	c.Reason = strings.TrimSpace(c.Reason)
	tr := c.transfer()
	out := Corrected{Transfer: tr.ID, New: true}
	if known, err := t.known(tr); known || err != nil {
		out.New = false
		return out, errors.Join(err, t.row("SELECT coalesce(max(seq), 0) FROM transfers WHERE id = ?", tr.ID).Scan(&out.Row))
	}
	if err := t.mayCorrect(c, tr); err != nil {
		return Corrected{}, err
	}
	if err := t.post(tr); err != nil {
		return Corrected{}, err
	}
	out.Row = t.batch.chain.seq
	if tr.From == tokens.Reserve { // what is locked for the tokens sold stays there
		row, err := t.sale()
		if err == nil {
			err = t.saveSale(row)
		}
		if err != nil {
			return Corrected{}, err
		}
	}
	return out, t.logOperator(c.By, actCorrect, fmt.Sprintf("%s %d %s from %s to %s: %s", tr.ID, tr.Amount, tr.Asset, tr.From, tr.To, tr.Ref))
}

func (c Correction) id() string {
	key := c.Key
	if key == "" {
		key = fmt.Sprintf("%q %q %q %d %q", c.Asset, c.From, c.To, int64(c.Amount), c.Reason)
	}
	sum := sha256.Sum256([]byte(key))
	return "correction/" + hex.EncodeToString(sum[:12])
}

// mayCorrect reports why a correction cannot be made now, as far as that is known before it is posted.
func (t *tx) mayCorrect(c Correction, tr tokens.Transfer) error {
	if err := errors.Join(c.check(), tr.Check()); err != nil {
		return err
	}
	return t.correctable(tr)
}

// check reports what no ledger would let pass.
func (c Correction) check() error {
	if c.Reason == "" {
		return fmt.Errorf("%w: give the reason: everybody can read it in the ledger", ErrCorrection)
	}
	for _, a := range []tokens.Account{c.From, c.To} {
		if _, err := tokens.ParseAccount(string(a)); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrection, err)
		}
		if !a.Holds(c.Asset) {
			return fmt.Errorf("%w: there is no %s in %s", ErrCorrection, c.Asset, a)
		}
	}
	if booked(c.From) || booked(c.To) || c.From == tokens.PoolLockers {
		return fmt.Errorf("%w: what %s and %s hold is listed elsewhere too, row by row, and would not add up any more: correct it where it comes out", ErrCorrection, c.From, c.To)
	}
	if c.From.MayOverdraw() {
		return fmt.Errorf("%w: %s is where things come into being: only a grant, a sale or a deposit takes from it", ErrCorrection, c.From)
	}
	return nil
}

// booked reports whether rows of another table say what the account holds, and whose that is. What
// is paid out by such rows is asserted to add up, so that one stray micro-token would stop all of it.
func booked(a tokens.Account) bool {
	of, _ := a.Subject()
	switch of.Kind {
	case "epoch", "torrent", "slash", "lock", "claim", "order", "request":
		return true
	case "member":
		return strings.HasSuffix(string(a), "/unbonding") || strings.HasPrefix(string(a), "probation/")
	}
	return false
}

// correctable reports what this ledger does not let pass.
func (t *tx) correctable(tr tokens.Transfer) error {
	from, err := t.balance(tr.Asset, tr.From)
	if err != nil {
		return err
	}
	if from < tr.Amount {
		return &FundsError{Asset: tr.Asset, Need: tr.Amount, Have: from}
	}
	if m, ok := memberOf(tr.From); ok && tr.Asset == tokens.Token && tr.From == tokens.Available(m) {
		if err := t.unreserved(m, []tokens.Transfer{tr}); err != nil {
			return err
		}
	}
	return t.reachable(tr)
}

// reachable reports a destination in which money would be lost: that of nobody, or a pot or a sponsor's budget that
// was paid out.
func (t *tx) reachable(tr tokens.Transfer) error {
	l, ok := tr.To.Subject()
	if !ok {
		return nil
	}
	queries := map[string]string{
		"member": "SELECT count(*) FROM members WHERE id = ?",
		"node":   "SELECT count(*) FROM nodes WHERE id = ?",
		"epoch":  "SELECT count(*) FROM epochs WHERE number = ? AND settled_ms = 0",

		"sponsor": "SELECT count(*) FROM sponsors WHERE id = ? AND closed_ms = 0",
	}
	q, args := queries[l.Kind], []any{l.ID}
	if q == "" { // others must hold something, or have held it
		q, args = "SELECT count(*) FROM accounts WHERE asset = ? AND name = ?", []any{tr.Asset, tr.To}
	}
	var n int
	if err := t.row(q, args...).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: nothing can be put into %s: there is no %s %s, or its time is over", ErrCorrection, tr.To, l.Kind, l.ID)
	}
	return nil
}
