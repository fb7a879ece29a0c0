package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MemberDays adds up what a member earned, by whichever of their nodes and clients, from the day of since to
// today, oldest first. What was spent is not added up: there is a row of the ledger for every flush of a
// download. It reads the rows of that time that touch the member's accounts, and no others; as EarningsDays
// those after a row (0: all), and last is where the next call can go on.
func (s *Store) MemberDays(ctx context.Context, m bt.MemberID, since time.Time, after int64) (days []EarningsDay, last int64, err error) {
	first := since.UnixMilli() / dayMs
	days = daysFrom(first, s.opt.Now().UnixMilli()/dayMs)
	err = s.read(ctx, func(r *reader) error {
		var seq int64
		var err error
		if seq, last, err = r.rowsSince(first*dayMs, after); err != nil {
			return err
		}
		nodes, err := collect[bt.NodeID](ctx, r.Tx, "SELECT id FROM nodes WHERE member = ?", m)
		if err != nil {
			return err
		}
		for _, account := range earners(m, nodes) {
			if err := r.income(days, account, first, seq); err != nil {
				return err
			}
		}
		for _, n := range nodes {
			sums, err := r.slashed(n, first*dayMs, seq)
			if err != nil {
				return err
			}
			fillDays(days, first, sums, func(d *EarningsDay) *tokens.Amount { return &d.Slashed })
		}
		fees, err := r.feesClaimed(m, first*dayMs, seq)
		fillDays(days, first, fees, func(d *EarningsDay) *tokens.Amount { return &d.Fees })
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("add up what member %d earned: %w", m, err)
	}
	return days, last, nil
}

// daysFrom are empty days, numbered since 1970, at least one.
func daysFrom(first, last int64) []EarningsDay {
	days := make([]EarningsDay, max(1, last-first+1))
	for i := range days {
		days[i].Start = time.UnixMilli((first + int64(i)) * dayMs).UTC()
	}
	return days
}

// earners are the accounts into which earnings come, but for the fees of locks.
func earners(m bt.MemberID, nodes []bt.NodeID) []tokens.Account {
	out := []tokens.Account{tokens.Available(m)}
	for _, n := range nodes {
		out = append(out, tokens.Retained(n))
	}
	return out
}

const incomeByDay = `SELECT t.at_ms / ? AS day, t.code, sum(t.amount) FROM transfers t
	WHERE t.dest = (SELECT id FROM accounts WHERE asset = 'token' AND name = ?) AND t.seq >= ? AND t.at_ms >= ?
	AND t.id NOT GLOB 'sponsor/*/back' GROUP BY day, t.code`

// income enters into days what came into an account, from the first day and a row of the ledger on. What comes
// back of the member's own sponsorship is nothing earned.
func (r *reader) income(days []EarningsDay, account tokens.Account, first, seq int64) error {
	type codeSum struct {
		daySum
		code tokens.Code
	}
	sums, err := scan(r.ctx, r.Tx, func(q *sql.Rows) (x codeSum, err error) { return x, q.Scan(&x.day, &x.code, &x.sum) },
		incomeByDay, dayMs, account, seq, first*dayMs)
	for _, x := range sums {
		if (&EarningsDay{}).income(x.code) != nil {
			fillDays(days, first, []daySum{x.daySum}, func(d *EarningsDay) *tokens.Amount { return d.income(x.code) })
		}
	}
	return err
}

// income is the figure that a code adds to when it brings an account of the member something; nil: it is no
// earning.
func (d *EarningsDay) income(c tokens.Code) *tokens.Amount {
	switch c {
	case tokens.CodeUpload, tokens.CodeUnexplained, tokens.CodeTrusted, tokens.CodeDistrusted:
		return &d.Upload
	case tokens.CodeHosting, tokens.CodeRetain:
		return &d.Hosting
	case tokens.CodeHot:
		return &d.Hot
	case tokens.CodeSponsor:
		return &d.Sponsors
	case tokens.CodeBountyPaid:
		return &d.Bounties
	}
	return nil
}

// feesClaimed adds up by day the fees of locks that a member claimed. They are released with time, but theirs
// from the claim on; each claim is one transfer into an account of its own.
func (r *reader) feesClaimed(m bt.MemberID, fromMs, seq int64) ([]daySum, error) {
	return scan(r.ctx, r.Tx, readDaySum, feesByDay, dayMs, m, fromMs, seq)
}

const feesByDay = `SELECT t.at_ms / ? AS day, sum(t.amount) FROM vestings v CROSS JOIN accounts a CROSS JOIN transfers t
	WHERE v.member = ? AND v.at_ms >= ? AND a.asset = 'token' AND a.name = 'vesting/' || v.id AND t.dest = a.id AND t.seq >= ? AND t.code = 'fees' GROUP BY day`
