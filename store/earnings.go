package store

import (
	"context"
	"database/sql"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// EarningsDay is what one day (UTC) brought a node and its member, and what went, as the ledger has it.
// Uploads, bonuses and sponsors pay the member, of whichever node or client; hosting and penalties are the
// node's. What an operator corrects is a transfer of its own (see NodeStatement), not another figure of a day.
type EarningsDay struct {
	Start    time.Time
	Upload   tokens.Amount // with what was released from probation, his own or another's, and what silent members paid
	Hosting  tokens.Amount // paid out or retained
	Hot      tokens.Amount
	Sponsors tokens.Amount // for hosting what they sponsor
	Fees     tokens.Amount // of locks, claimed: MemberDays only
	Bounties tokens.Amount // of requests that were filled: likewise
	Slashed  tokens.Amount // less what was returned on that day
	Spent    tokens.Amount // on downloads
}

const dayMs = 24 * 60 * 60 * 1000

// Plus returns what both brought, as of the day of d.
func (d EarningsDay) Plus(x EarningsDay) EarningsDay {
	return EarningsDay{Start: d.Start, Upload: d.Upload + x.Upload, Hosting: d.Hosting + x.Hosting, Hot: d.Hot + x.Hot,
		Sponsors: d.Sponsors + x.Sponsors, Fees: d.Fees + x.Fees, Bounties: d.Bounties + x.Bounties, Slashed: d.Slashed + x.Slashed, Spent: d.Spent + x.Spent}
}

// EarningsDays adds up the transfers of a node and its member from the day of since to today, oldest first: those
// after a row of the ledger (0: all). Last is its last row: the next call can go on there, instead of adding up
// weeks again.
func (s *Store) EarningsDays(ctx context.Context, n Node, since time.Time, after int64) (days []EarningsDay, last int64, err error) {
	first := since.UnixMilli() / dayMs
	days = daysFrom(first, s.opt.Now().UnixMilli()/dayMs)
	err = s.read(ctx, func(r *reader) error {
		var seq int64
		var err error
		if seq, last, err = r.rowsSince(first*dayMs, after); err != nil {
			return err
		}
		for _, f := range earningsFlows(n) {
			sums, err := f.sums(r, first*dayMs, seq)
			if err != nil {
				return err
			}
			fillDays(days, first, sums, f.into)
		}
		sums, err := r.slashed(n.ID, first*dayMs, seq)
		fillDays(days, first, sums, func(d *EarningsDay) *tokens.Amount { return &d.Slashed })
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("add up what node %d earned: %w", n.ID, err)
	}
	return days, last, nil
}

// fillDays enters sums into days, of which the first is given. What lies after the last, because a clock was
// ahead, is left out.
func fillDays(days []EarningsDay, first int64, sums []daySum, into func(*EarningsDay) *tokens.Amount) {
	for _, x := range sums {
		if i := x.day - first; i >= 0 && i < int64(len(days)) {
			*into(&days[i]) += x.sum
		}
	}
}

// uploadCodes pay a member for what he uploaded.
const uploadCodes = "'upload', 'unexplained', 'trusted', 'distrusted'"

// flow is one kind of transfer that earnings are made of.
type flow struct {
	account tokens.Account
	out     bool // it leaves the account
	codes   string
	only    string // a further condition on transfer t; empty: none
	args    []any  // of only
	into    func(*EarningsDay) *tokens.Amount
}

// earningsFlows are all of them. What is paid to the member for another of his nodes is not this node's, and
// what comes back of his own sponsorship is nothing earned.
func earningsFlows(n Node) []flow {
	mine := tokens.Available(n.Member)
	upload := func(d *EarningsDay) *tokens.Amount { return &d.Upload }
	hosting := func(d *EarningsDay) *tokens.Amount { return &d.Hosting }
	spent := func(d *EarningsDay) *tokens.Amount { return &d.Spent }
	return []flow{
		{account: mine, codes: uploadCodes, into: upload},
		{account: mine, codes: "'hosting'", only: "t.ref GLOB ?", args: []any{fmt.Sprintf("node/%d *", n.ID)}, into: hosting},
		{account: tokens.Retained(n.ID), codes: "'retain'", into: hosting},
		{account: mine, codes: "'hot'", into: func(d *EarningsDay) *tokens.Amount { return &d.Hot }},
		{account: mine, codes: "'sponsor'", only: "t.id GLOB 'sponsor/*/*/*'", into: func(d *EarningsDay) *tokens.Amount { return &d.Sponsors }},
		{account: mine, out: true, codes: "'charge', 'unexplained'", into: spent},
		{account: tokens.Staked(n.Member), out: true, codes: "'charge'", into: spent},
	}
}

type daySum struct {
	day int64
	sum tokens.Amount
}

func readDaySum(r *sql.Rows) (d daySum, err error) { return d, r.Scan(&d.day, &d.sum) }

// sums adds the flow up by day (since 1970) from a time and a row of the ledger on.
func (f flow) sums(r *reader, fromMs, seq int64) ([]daySum, error) {
	side, only := "dest", ""
	if f.out {
		side = "source"
	}
	if f.only != "" {
		only = " AND " + f.only
	}
	query := "SELECT t.at_ms / ? AS day, sum(t.amount) FROM transfers t WHERE t." + side +
		" = (SELECT id FROM accounts WHERE asset = 'token' AND name = ?) AND t.seq >= ? AND t.at_ms >= ? AND t.code IN (" + f.codes + ")" + only + " GROUP BY day"
	return scan(r.ctx, r.Tx, readDaySum, query, append([]any{dayMs, f.account, seq, fromMs}, f.args...)...)
}

// clockSlack is by how much a clock may have been put back: rows of the ledger are in order of their
// numbers, and only nearly in order of their times.
const clockSlack = time.Hour

// rowsSince are the rows of the ledger to add up: those after a row or, for 0, since a time; last is its last row.
func (r *reader) rowsSince(ms, after int64) (first, last int64, err error) {
	if err = r.QueryRowContext(r.ctx, "SELECT coalesce(max(seq), 0) FROM transfers").Scan(&last); err != nil {
		return 0, 0, err
	}
	if after > 0 {
		return after + 1, last, nil
	}
	first, err = r.firstSince(ms)
	return first, last, err
}

// firstSince finds a row of the ledger before which nothing happened since the time. It looks at some
// twenty rows.
func (r *reader) firstSince(ms int64) (int64, error) {
	var last int64
	if err := r.QueryRowContext(r.ctx, "SELECT coalesce(max(seq), 0) FROM transfers").Scan(&last); err != nil {
		return 0, err
	}
	ms -= clockSlack.Milliseconds()
	var failed error
	at := sort.Search(int(last), func(i int) bool {
		var at int64
		if err := r.QueryRowContext(r.ctx, "SELECT at_ms FROM transfers WHERE seq = ?", i+1).Scan(&at); err != nil {
			failed = err
		}
		return at >= ms
	})
	return int64(at) + 1, failed
}

// slashed adds up what a node's slashes took, less what came back, by day.
func (r *reader) slashed(n bt.NodeID, fromMs, seq int64) (out []daySum, err error) {
	for _, of := range []struct{ side, code, sum string }{{"dest", "slash", "sum(t.amount)"}, {"source", "slash_back", "-sum(t.amount)"}} {
		rows, err := scan(r.ctx, r.Tx, readDaySum, "SELECT t.at_ms / ? AS day, "+of.sum+` FROM slashes s CROSS JOIN accounts a CROSS JOIN transfers t
			WHERE s.node = ? AND a.asset = 'token' AND a.name = 'disputed/' || s.id AND t.`+of.side+" = a.id AND t.code = '"+of.code+"' AND t.seq >= ? AND t.at_ms >= ? GROUP BY day",
			dayMs, n, seq, fromMs)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// NodeHeld is what a node retained or has in dispute, and what its member has on probation.
func (s *Store) NodeHeld(ctx context.Context, n Node) (held tokens.Amount, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT coalesce(sum(balance), 0) FROM accounts WHERE asset = 'token' AND (name IN (?, ?)
		OR name IN (SELECT 'disputed/' || id FROM slashes WHERE node = ? AND closed_ms = 0))`, tokens.Retained(n.ID), tokens.Probation(n.Member), n.ID).Scan(&held)
	if err != nil {
		return 0, fmt.Errorf("read what is held of node %d: %w", n.ID, err)
	}
	return held, nil
}

// NodeStatement returns the last transfers of a node's collateral and retained earnings, and of what its
// member has available or on probation, newest first.
func (s *Store) NodeStatement(ctx context.Context, n Node, limit int) (out []Line, err error) {
	kinds := []owned{{name: tokens.Available(n.Member), kind: InAvailable}, {name: tokens.Probation(n.Member), kind: InHeld},
		{name: tokens.Collateral(n.ID), kind: InStaked}, {name: tokens.Retained(n.ID), kind: InHeld}}
	err = s.read(ctx, func(r *reader) error {
		var accounts []owned
		for _, o := range kinds {
			ids, err := collect[int64](ctx, r.Tx, "SELECT id FROM accounts WHERE asset = 'token' AND name = ?", o.name)
			if err != nil {
				return err
			}
			for _, o.id = range ids {
				accounts = append(accounts, o)
			}
		}
		seqs, err := r.newest(accounts, 0, limit)
		for _, seq := range seqs {
			lines, err := r.lines(accounts, seq)
			if err != nil {
				return err
			}
			out = append(out, lines...)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what node %d earned: %w", n.ID, err)
	}
	return out[:min(len(out), limit)], nil
}

// UploadsByTorrent is what uploads of each torrent brought a member since a time, as the ledger has it.
func (s *Store) UploadsByTorrent(ctx context.Context, m bt.MemberID, since time.Time) (map[bt.TorrentID]tokens.Amount, error) {
	out := map[bt.TorrentID]tokens.Amount{}
	err := s.read(ctx, func(r *reader) error {
		seq, err := r.firstSince(since.UnixMilli())
		if err != nil {
			return err
		}
		list, err := scan(ctx, r.Tx, func(q *sql.Rows) (t tokens.Transfer, err error) { return t, q.Scan(&t.Ref, &t.Amount) },
			`SELECT t.ref, sum(t.amount) FROM transfers t WHERE t.dest = (SELECT id FROM accounts WHERE asset = 'token' AND name = ?) AND t.seq >= ? AND t.at_ms >= ?
			AND t.code IN (`+uploadCodes+`) GROUP BY t.ref`, tokens.Available(m), seq, since.UnixMilli())
		for _, t := range list {
			for _, l := range t.Evidence() {
				if id, err := strconv.ParseUint(l.ID, 10, 32); l.Kind == "torrent" && err == nil {
					out[bt.TorrentID(id)] += t.Amount
				}
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what uploads brought member %d: %w", m, err)
	}
	return out, nil
}
