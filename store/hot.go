package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// addHot notes that an uploader of a torrent above the base price was paid. What is in probation
// earns no bonus.
func (t *tx) addHot(settlement int64, p payment, a SplitAward) error {
	if !p.hot || a.Pay == 0 {
		return nil
	}
	return t.execMany(`INSERT INTO hot (settlement, torrent, member, paid_utok) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET paid_utok = paid_utok + excluded.paid_utok`, settlement, p.torrent, a.Member, a.Pay)
}

// HotLine is the bonus that a settlement paid for uploads of a torrent whose price was above the
// base price.
type HotLine struct {
	Member bt.MemberID   `json:"member"`
	Paid   tokens.Amount `json:"paid_utok"` // for uploads
	Bonus  tokens.Amount `json:"bonus_utok"`
}

// inflate mints the epoch's inflation: the hosting pool's part, and of the rest what the hot bonus
// needs beyond what its pool holds (ECONOMY §6). It records what the settlement applied.
func (st *settlement) inflate(ctx context.Context) error {
	lines, err := st.hotLines(ctx)
	if err != nil {
		return err
	}
	bonuses, err := settle.Hot(settle.HotInput{Params: st.rules.Settle, Pool: tokens.MaxAmount, Lines: lines})
	if err != nil {
		return err
	}
	var need tokens.Amount
	for _, b := range bonuses {
		need += b.Paid
	}
	return st.commit(ctx, func(t *tx) error { return st.mint(t, need) })
}

// mint mints the inflation once; need is what the hot bonus would come to.
func (st *settlement) mint(t *tx, need tokens.Amount) error {
	var known int
	if err := t.row("SELECT count(*) FROM epoch_sums WHERE epoch = ?", st.epoch.Number).Scan(&known); err != nil || known > 0 {
		return err
	}
	rules, err := json.Marshal(st.rules.Settle)
	if err != nil {
		return err
	}
	supply, err := t.supply()
	if err != nil {
		return err
	}
	pool, err := t.balance(tokens.Token, tokens.PoolHot)
	if err != nil {
		return err
	}
	p := st.rules.Settle
	whole := settle.Inflation(supply, p.InflationPPM, time.Duration(st.epoch.EndMs-st.epoch.StartMs)*time.Millisecond)
	hosting := tokens.PPM(whole, p.InflationHostingPPM)
	hot := min(whole-hosting, max(0, need-pool))
	if err := errors.Join(st.issue(t, "", tokens.PoolHosting, hosting), st.issue(t, "/hot", tokens.PoolHot, hot)); err != nil {
		return err
	}
	return t.exec(`INSERT INTO epoch_sums (epoch, rules, base_utok_per_gib, supply_utok, hosting_inflation_utok, hot_inflation_utok, hot_pool_utok)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, st.epoch.Number, string(rules), st.base, supply, hosting, hot, pool+hot)
}

func (st *settlement) issue(t *tx, what string, to tokens.Account, a tokens.Amount) error {
	if a == 0 {
		return nil
	}
	return t.post(tokens.Transfer{ID: fmt.Sprintf("inflation/%d%s", st.epoch.Number, what), Asset: tokens.Token, From: tokens.Issuance, To: to,
		Amount: a, Code: tokens.CodeInflation, Ref: fmt.Sprintf("epoch/%d", st.epoch.Number)})
}

// supply is what was issued and not burned.
func (t *tx) supply() (tokens.Amount, error) {
	issued, err := t.balance(tokens.Token, tokens.Issuance)
	if err != nil {
		return 0, err
	}
	burned, err := t.balance(tokens.Token, tokens.Burned)
	return -issued - burned, err
}

// hotLines reads what this settlement paid to uploaders of wanted torrents.
func (st *settlement) hotLines(ctx context.Context) ([]settle.HotLine, error) {
	return scan(ctx, st.store.r, func(r *sql.Rows) (l settle.HotLine, err error) { return l, r.Scan(&l.Torrent, &l.Member, &l.Paid) },
		"SELECT torrent, member, paid_utok FROM hot WHERE settlement = ? ORDER BY torrent, member", st.epoch.Number)
}

// payHot pays the hot bonus out of what mint said that the pool has for it, however much of that
// an interrupted run has paid already.
func (st *settlement) payHot(ctx context.Context) error {
	lines, err := st.hotLines(ctx)
	if err != nil || len(lines) == 0 {
		return err
	}
	in := settle.HotInput{Params: st.rules.Settle, Lines: lines}
	err = st.store.r.QueryRowContext(ctx, "SELECT hot_pool_utok FROM epoch_sums WHERE epoch = ?", st.epoch.Number).Scan(&in.Pool)
	if err != nil {
		return fmt.Errorf("read what the hot pool had: %w", notFound(err))
	}
	bonuses, err := settle.Hot(in)
	if err != nil {
		return err
	}
	steps := make([]step, len(bonuses))
	for i, b := range bonuses {
		steps[i] = step{2, func(t *tx) error { return st.payBonus(t, b) }}
	}
	return st.write(ctx, steps)
}

func (st *settlement) payBonus(t *tx, b settle.HotLine) error {
	fresh, err := t.try("UPDATE hot SET bonus_utok = ? WHERE settlement = ? AND torrent = ? AND member = ? AND bonus_utok = 0",
		b.Paid, st.epoch.Number, b.Torrent, b.Member)
	if err != nil || !fresh {
		return err
	}
	st.out.Hot += b.Paid
	return t.post(tokens.Transfer{ID: fmt.Sprintf("hot/%d/%d/%d", st.epoch.Number, b.Torrent, b.Member), Asset: tokens.Token, From: tokens.PoolHot,
		To: tokens.Available(b.Member), Amount: b.Paid, Code: tokens.CodeHot, Ref: fmt.Sprintf("torrent/%d epoch/%d", b.Torrent, st.epoch.Number)})
}
