package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Probation is pay for uploads that waits until its member is trusted (ECONOMY §5, step 4).
type Probation struct {
	Epoch      int64         `json:"epoch"`
	Torrent    bt.TorrentID  `json:"torrent"`
	Member     bt.MemberID   `json:"member"`
	Settlement int64         `json:"settlement"` // that awarded it: the epoch's own, or one that reopened it
	Amount     tokens.Amount `json:"amount_utok"`
	AtMs       int64         `json:"at_ms"`
	Closed     int64         `json:"closed,omitempty"`  // the settlement that ended it; 0: open
	Trusted    bool          `json:"trusted,omitempty"` // it was paid out; else others got it
}

const selectProbation = "SELECT epoch, torrent, member, settlement, amount_utok, at_ms, closed, trusted FROM probation"

func readProbation(r *sql.Rows) (p Probation, err error) {
	err = r.Scan(&p.Epoch, &p.Torrent, &p.Member, &p.Settlement, &p.Amount, &p.AtMs, &p.Closed, &p.Trusted)
	return p, err
}

// Probations returns what is held back from a member, oldest first, at most limit rows.
func (s *Store) Probations(ctx context.Context, m bt.MemberID, limit int) ([]Probation, error) {
	out, err := scan(ctx, s.r, readProbation, selectProbation+" WHERE member = ? AND closed = 0 ORDER BY at_ms, epoch, torrent, settlement LIMIT ?", m, limit)
	if err != nil {
		return nil, fmt.Errorf("read the probation of member %d: %w", m, err)
	}
	return out, nil
}

// addProbation records what payAwards put into probation.
func (t *tx) addProbation(p payment, a SplitAward) error {
	if a.Pay == 0 {
		return nil
	}
	return t.execMany("INSERT INTO probation (epoch, torrent, member, settlement, amount_utok, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
		p.epoch, p.torrent, a.Member, p.split.Settlement, a.Pay, t.nowMs())
}

// endProbation pays out what is held back from members who are trusted now, and then gives what
// waited for ProbationTime to those who claimed the same bytes.
func (st *settlement) endProbation(ctx context.Context) error {
	members, err := collect[bt.MemberID](ctx, st.store.r, "SELECT DISTINCT member FROM probation WHERE closed = 0 ORDER BY member")
	if err != nil {
		return err
	}
	p, now := st.rules.Settle, st.epoch.EndMs
	for _, pass := range []struct {
		trusted bool
		untilMs int64 // awarded by the settlement of an epoch that ended by then
		end     func(*tx, Probation) error
	}{{true, now, st.trust}, {false, now - p.ProbationTime.Milliseconds(), st.distrust}} {
		for _, m := range members {
			if pass.trusted != (st.quality.of(m) >= p.HonestPPM) {
				continue
			}
			if err := st.endProbationOf(ctx, m, pass.untilMs, pass.end); err != nil {
				return fmt.Errorf("member %d: %w", m, err)
			}
		}
	}
	return nil
}

func (st *settlement) endProbationOf(ctx context.Context, m bt.MemberID, untilMs int64, end func(*tx, Probation) error) error {
	rows, err := scan(ctx, st.store.r, readProbation, selectProbation+` AS p WHERE member = ? AND closed = 0
		AND (SELECT end_ms FROM epochs WHERE number = p.settlement) <= ? ORDER BY epoch, torrent, settlement`, m, untilMs)
	if err != nil || len(rows) == 0 {
		return err
	}
	var steps []step
	for _, p := range rows {
		steps = append(steps, step{2, func(t *tx) error { return end(t, p) }})
	}
	return st.write(ctx, append(steps, step{1, func(t *tx) error { return t.checkProbation(m) }}))
}

// checkProbation asserts that what is held back from a member is the sum of its open rows.
func (t *tx) checkProbation(m bt.MemberID) error {
	var rows tokens.Amount
	if err := t.row("SELECT coalesce(sum(amount_utok), 0) FROM probation WHERE member = ? AND closed = 0", m).Scan(&rows); err != nil {
		return err
	}
	held, err := t.balance(tokens.Token, tokens.Probation(m))
	if err == nil && held != rows {
		err = fmt.Errorf("%s holds %d utok, its rows sum to %d", tokens.Probation(m), held, rows)
	}
	return err
}

// trust pays a row out.
func (st *settlement) trust(t *tx, p Probation) error {
	open, err := st.closeProbation(t, p, true)
	if err != nil || !open {
		return err
	}
	return t.post(p.transfer(tokens.Available(p.Member), p.Amount, tokens.CodeTrusted))
}

// distrust gives a row to the torrent's other claimants of its epoch, by what they were awarded;
// those whose own pay was held back and never trusted count for nothing. Without others it goes to
// the hosting pool.
func (st *settlement) distrust(t *tx, p Probation) error {
	open, err := st.closeProbation(t, p, false)
	if err != nil || !open {
		return err
	}
	others, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (a SplitAward, err error) { return a, r.Scan(&a.Member, &a.Bytes) },
		`SELECT member, bytes FROM awards a WHERE epoch = ? AND torrent = ? AND member <> ? AND bytes > 0 AND NOT EXISTS
			(SELECT 1 FROM probation x WHERE x.epoch = a.epoch AND x.torrent = a.torrent AND x.member = a.member AND x.trusted = 0) ORDER BY member`,
		p.Epoch, p.Torrent, p.Member)
	if err != nil {
		return err
	}
	if len(others) == 0 {
		return t.post(p.transfer(tokens.PoolHosting, p.Amount, tokens.CodeDistrusted))
	}
	weights := make([]bt.Bytes, len(others))
	for i, o := range others {
		weights[i] = o.Bytes
	}
	for i, part := range tokens.Split(p.Amount, weights) {
		if part == 0 {
			continue
		}
		if err := t.post(p.transfer(tokens.Available(others[i].Member), part, tokens.CodeDistrusted)); err != nil {
			return err
		}
	}
	return nil
}

// closeProbation marks a row, before it is paid to somebody; false if it was closed before.
func (st *settlement) closeProbation(t *tx, p Probation, trusted bool) (open bool, err error) {
	return t.try("UPDATE probation SET closed = ?, trusted = ? WHERE epoch = ? AND torrent = ? AND member = ? AND settlement = ? AND closed = 0",
		st.epoch.Number, trusted, p.Epoch, p.Torrent, p.Member, p.Settlement)
}

func (p Probation) transfer(to tokens.Account, a tokens.Amount, code tokens.Code) tokens.Transfer {
	return tokens.Transfer{ID: fmt.Sprintf("probation/%d/%d/%d/%d/%s", p.Epoch, p.Torrent, p.Member, p.Settlement, to), Asset: tokens.Token,
		From: tokens.Probation(p.Member), To: to, Amount: a, Code: code, Ref: fmt.Sprintf("torrent/%d epoch/%d", p.Torrent, p.Epoch)}
}
