package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/stake"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

var (
	// ErrAppeal: the time in which a slash can be returned is over.
	ErrAppeal = errors.New("the appeal window of this slash is over")
	// ErrReason: an operator's act needs a reason that others can read.
	ErrReason = errors.New("give a reason of 1 to 200 bytes: it is kept in the operators' log")
)

// maxReason bounds, in bytes, what an operator writes to the log.
const maxReason = 200

// Slash is a penalty, as owner and operators see it. Times in unix ms, 0: not yet.
type Slash struct {
	ID         int64
	Audit      int64 // the evidence
	Node       bt.NodeID
	Member     bt.MemberID
	Torrent    bt.TorrentID
	Amount     tokens.Amount
	AtMs       int64
	DueMs      int64 // the end of the appeal window
	ClosedMs   int64 // returned, or burned and given to the hosting pool
	ReturnedMs int64 // on appeal
	Appeal     int64 // against it; 0: none
	Appealed   bool  // the appeal waits for its decision, and the penalty with it
}

const selectSlash = `SELECT s.id, s.audit, s.node, n.member, s.torrent, s.amount_utok, s.at_ms, s.due_ms, s.closed_ms, s.returned_ms,
		coalesce(a.id, 0), coalesce(a.decided_ms = 0, 0)
	FROM slashes s JOIN nodes n ON n.id = s.node LEFT JOIN appeals a ON a.slash = s.id`

func readSlash(r scanner) (s Slash, err error) {
	err = r.Scan(&s.ID, &s.Audit, &s.Node, &s.Member, &s.Torrent, &s.Amount, &s.AtMs, &s.DueMs, &s.ClosedMs, &s.ReturnedMs, &s.Appeal, &s.Appealed)
	return s, notFound(err)
}

// Slashes returns the last n slashes of a member's nodes, newest first; of everybody's for member 0.
func (s *Store) Slashes(ctx context.Context, m bt.MemberID, n int) ([]Slash, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (Slash, error) { return readSlash(r) },
		selectSlash+" WHERE ?1 = 0 OR n.member = ?1 ORDER BY s.id DESC LIMIT ?2", m, n)
}

// slashedFrom are the accounts that a slash takes from, in their order (ECONOMY §7).
func slashedFrom(n bt.NodeID, m bt.MemberID) []tokens.Account {
	return []tokens.Account{tokens.Collateral(n), tokens.Retained(n), tokens.Staked(m), tokens.Unbonding(m)}
}

// slash moves amount, as far as it is there, from collateral, retained, staked and unbonding into
// a disputed account of its own (ECONOMY §7). It returns what was taken. Who falls below the gate by
// it keeps the gate price and may restore the stake.
func (t *tx) slash(c availability.Claim, audit int64, amount tokens.Amount) (tokens.Amount, error) {
	if amount <= 0 {
		return 0, nil
	}
	window := t.economy().AppealWindow.Milliseconds()
	id, err := t.insert("INSERT INTO slashes (audit, node, torrent, amount_utok, at_ms, due_ms) VALUES (?, ?, ?, 0, ?, ?)",
		audit, c.Node, c.Torrent, t.nowMs(), t.nowMs()+window)
	if err != nil {
		return 0, fmt.Errorf("record slash: %w", err)
	}
	from := slashedFrom(c.Node, c.Member)
	have := make([]tokens.Amount, len(from))
	for i, a := range from {
		if have[i], err = t.balance(tokens.Token, a); err != nil {
			return 0, err
		}
	}
	var taken tokens.Amount
	for i, part := range stake.Take(amount, have...) {
		if part == 0 {
			continue
		}
		taken += part
		err := t.post(tokens.Transfer{ID: fmt.Sprintf("slash/%d/%d", id, i), Asset: tokens.Token, From: from[i], To: tokens.Disputed(id),
			Amount: part, Code: tokens.CodeSlash, Ref: fmt.Sprintf("audit/%d", audit)})
		if err == nil && from[i] == tokens.Unbonding(c.Member) {
			err = t.shrinkUnbonding(c.Member, part)
		}
		if err != nil {
			return 0, err
		}
	}
	t.batch.touch(c.Member, 0)
	if err := t.tellSlash(c.Member, NotifySlash, id, audit, taken); err != nil {
		return 0, err
	}
	return taken, t.change("UPDATE slashes SET amount_utok = ? WHERE id = ?", taken, id)
}

// ReturnSlash gives a slash back to the accounts it came from, by new transfers, and logs the
// operator's reason; by 0 stands for an administrative command. What came out of unbonding makes a
// new entry, due when the latest of the old ones was at most. It returns what was given back; a
// second time changes nothing. An appeal against it is granted by it. ErrNotFound; ErrAppeal: the window is
// over, and no appeal waits; ErrReason; ErrOwnAppeal: it was taken from the operator.
func (s *Store) ReturnSlash(ctx context.Context, by bt.MemberID, slash int64, reason string) (tokens.Amount, error) {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason {
		return 0, ErrReason
	}
	var back tokens.Amount
	err := s.write(ctx, func(t *tx) error {
		x, err := readSlash(t.row(selectSlash+" WHERE s.id = ?", slash))
		if err != nil {
			return err
		}
		if x.Member == by {
			return ErrOwnAppeal
		}
		back = x.Amount
		if x.ReturnedMs > 0 {
			return nil
		}
		if x.ClosedMs > 0 || t.nowMs() >= x.DueMs && !x.Appealed {
			return ErrAppeal
		}
		err = errors.Join(t.returnSlash(x), t.endAppealOf(AppealDecision{By: by, Grant: true, Reason: reason}, x.Amount, "slash = ?", x.ID))
		if err != nil {
			return err
		}
		return t.logOperator(by, "slash return", fmt.Sprintf("%d, %s: %s", x.ID, x.Amount, reason))
	})
	if err != nil {
		return 0, fmt.Errorf("return slash %d: %w", slash, err)
	}
	return back, nil
}

func (t *tx) returnSlash(x Slash) error {
	from := slashedFrom(x.Node, x.Member)
	for i, account := range from {
		taken, err := readTransfer(t.row(selectTransfer+" WHERE t.id = ?", fmt.Sprintf("slash/%d/%d", x.ID, i)))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		back := tokens.Transfer{ID: fmt.Sprintf("slash/%d/back/%d", x.ID, i), Asset: tokens.Token, From: tokens.Disputed(x.ID), To: account,
			Amount: taken.Amount, Code: tokens.CodeSlashBack, Ref: fmt.Sprintf("slash/%d", x.ID)}
		if account == tokens.Unbonding(x.Member) {
			_, err = t.unbond(x.Member, back, x.AtMs+t.economy().unbondingTime().Milliseconds())
		} else {
			err = t.post(back)
		}
		if err != nil {
			return err
		}
	}
	left, err := t.balance(tokens.Token, tokens.Disputed(x.ID))
	if err != nil {
		return err
	}
	if left != 0 {
		return fmt.Errorf("%s holds %d utok after everything was returned", tokens.Disputed(x.ID), left)
	}
	t.batch.touch(x.Member, 0)
	if err := t.tellSlash(x.Member, NotifySlashBack, x.ID, x.Audit, x.Amount); err != nil {
		return err
	}
	return t.change("UPDATE slashes SET closed_ms = ?1, returned_ms = ?1 WHERE id = ?2", t.nowMs(), x.ID)
}

// CloseSlashes ends the appeal windows that are over: half of each slash is burned, the other half
// (the odd micro-token too) goes to the hosting pool. What an appeal is against waits for its decision.
func (s *Store) CloseSlashes(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		due, err := collect[int64](t.ctx, t.Tx, `SELECT id FROM slashes WHERE closed_ms = 0 AND due_ms <= ?
			AND NOT EXISTS (SELECT 1 FROM appeals a WHERE a.slash = slashes.id AND a.decided_ms = 0)`, t.nowMs())
		if err != nil {
			return err
		}
		for _, id := range due {
			if err := t.closeSlash(id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) closeSlash(id int64) error {
	held, err := t.balance(tokens.Token, tokens.Disputed(id))
	if err != nil {
		return err
	}
	burn := held / 2
	ref := fmt.Sprintf("slash/%d", id)
	for _, tr := range []tokens.Transfer{
		{ID: fmt.Sprintf("slash/%d/burn", id), To: tokens.Burned, Amount: burn, Code: tokens.CodeSlashBurn},
		{ID: fmt.Sprintf("slash/%d/pool", id), To: tokens.PoolHosting, Amount: held - burn, Code: tokens.CodeSlashPool},
	} {
		if tr.Amount == 0 {
			continue
		}
		tr.Asset, tr.From, tr.Ref = tokens.Token, tokens.Disputed(id), ref
		if err := t.post(tr); err != nil {
			return err
		}
	}
	return t.change("UPDATE slashes SET closed_ms = ? WHERE id = ?", t.nowMs(), id)
}
