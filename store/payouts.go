package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// payoutsAtOnce is how many members one transaction tells.
const payoutsAtOnce = 500

// payoutCodes are those of the transfers of which payouts are made, beside uploadCodes; what comes back of
// one's own sponsorship is none.
const payoutCodes = uploadCodes + ", 'hosting', 'hot', 'sponsor'"

// tellPaid tells members what was paid to them since the last time: one notification a day each, to which a
// later payout of the day is added. It reads the ledger once, outside the writer, and writes one row for each
// member, however many transfers there were. A settlement does not fail by it: what could not be told this
// time is told the next.
func (st *settlement) tellPaid(ctx context.Context) error {
	err := st.tellPayouts(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrStorage) || errors.Is(err, ErrClosed) {
		return err
	}
	st.store.opt.Log.Error("members could not be told what they were paid", "epoch", st.epoch.Number, "error", err)
	return nil
}

// payout is what a member was paid.
type payout struct {
	member bt.MemberID
	amount tokens.Amount
}

// telling says how far members were told: of all rows of the ledger up to done, and of those up to until
// as far as they have numbers up to member.
type telling struct {
	done, until int64
	member      bt.MemberID
}

func (st *settlement) tellPayouts(ctx context.Context) error {
	var p telling
	err := st.commit(ctx, func(t *tx) (err error) {
		p, err = t.nextTelling()
		return err
	})
	if err != nil || p.until == p.done {
		return err
	}
	list, err := st.store.payouts(ctx, p)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(list, payoutsAtOnce) {
		if err := st.commit(ctx, func(t *tx) error { return t.tellSome(st.epoch.Number, some) }); err != nil {
			return err
		}
	}
	return st.commit(ctx, func(t *tx) error {
		return t.exec("UPDATE payouts_told SET done_seq = ?, until_seq = ?1, member = 0", p.until)
	})
}

// nextTelling goes on with what was interrupted, or begins with what the ledger has by now.
func (t *tx) nextTelling() (p telling, err error) {
	if err = t.row("SELECT done_seq, until_seq, member FROM payouts_told").Scan(&p.done, &p.until, &p.member); err != nil || p.until > p.done {
		return p, err
	}
	p.until = t.batch.chain.seq
	return p, t.exec("UPDATE payouts_told SET until_seq = ?", p.until)
}

const payoutsSQL = `SELECT CAST(substr(a.name, 8) AS INTEGER) AS member, sum(x.amount) FROM
		(SELECT dest, sum(amount) AS amount FROM transfers WHERE seq > ? AND seq <= ? AND code IN (` + payoutCodes + `)
			AND (code <> 'sponsor' OR id GLOB 'sponsor/*/*/*') GROUP BY dest) x
	CROSS JOIN accounts a ON a.id = x.dest WHERE a.asset = 'token' AND a.name GLOB 'member/*/available' GROUP BY member HAVING member > ? ORDER BY member`

// payouts adds up what the ledger's rows paid to each member who was not told yet.
func (s *Store) payouts(ctx context.Context, p telling) ([]payout, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (x payout, err error) { return x, r.Scan(&x.member, &x.amount) }, payoutsSQL, p.done, p.until, p.member)
}

// tellSome tells some members, in order of their numbers, and notes that it did.
func (t *tx) tellSome(epoch int64, list []payout) error {
	ref, once := fmt.Sprintf("epoch/%d", epoch), fmt.Sprintf("%s/%d", NotifyPayout, t.nowMs()/dayMs)
	for _, p := range list {
		err := t.execMany(insertNotification+`UPDATE SET amount = amount + excluded.amount, ref = excluded.ref, at_ms = excluded.at_ms`,
			p.member, NotifyPayout, ref, p.amount, once, t.nowMs())
		if err = t.untellable(err); err != nil {
			return err
		}
	}
	return t.change("UPDATE payouts_told SET member = ?", list[len(list)-1].member)
}
