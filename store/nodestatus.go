package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// NodeStanding is what a node's owner sees of it.
type NodeStanding struct {
	availability.Standing
	Collateral, Retained tokens.Amount
	Earned               tokens.Amount // hosting reward of all epochs, held or paid out
	Slashed              tokens.Amount // less what was returned on appeal
}

// NodeStanding reads a node's scores, collateral and earnings.
func (s *Store) NodeStanding(ctx context.Context, p availability.Params, n bt.NodeID) (NodeStanding, error) {
	var out NodeStanding
	err := s.read(ctx, func(r *reader) error {
		var raw string
		err := r.QueryRowContext(ctx, "SELECT standing FROM nodes WHERE id = ?", n).Scan(&raw)
		if err != nil {
			return fmt.Errorf("node %d: %w", n, notFound(err))
		}
		if out.Standing, err = parseStanding(p, raw); err != nil {
			return err
		}
		if out.Collateral, err = r.balance(tokens.Token, tokens.Collateral(n)); err != nil {
			return err
		}
		if out.Retained, err = r.balance(tokens.Token, tokens.Retained(n)); err != nil {
			return err
		}
		if err := r.QueryRowContext(ctx, "SELECT coalesce(sum(gross_utok), 0) FROM hosting WHERE node = ?", n).Scan(&out.Earned); err != nil {
			return err
		}
		return r.QueryRowContext(ctx, "SELECT coalesce(sum(amount_utok), 0) FROM slashes WHERE node = ? AND returned_ms = 0", n).Scan(&out.Slashed)
	})
	return out, err
}

// AuditCounts counts verdicts per name: all of them, or those about one node.
func (s *Store) AuditCounts(ctx context.Context, n bt.NodeID) (map[string]int64, error) {
	type row struct {
		verdict string
		n       int64
	}
	rows, err := scan(ctx, s.r, func(r *sql.Rows) (v row, err error) { return v, r.Scan(&v.verdict, &v.n) },
		`SELECT a.verdict, count(*) FROM audits a JOIN claims c ON c.id = a.claim WHERE ? = 0 OR c.node = ? GROUP BY a.verdict`, n, n)
	out := map[string]int64{}
	for _, r := range rows {
		out[r.verdict] = r.n
	}
	return out, err
}

// AwardRates returns, per member, the decaying rate at which uploads were awarded to them.
func (s *Store) AwardRates(ctx context.Context) (map[bt.MemberID]bt.Bytes, error) {
	type row struct {
		m bt.MemberID
		b bt.Bytes
	}
	rows, err := scan(ctx, s.r, func(r *sql.Rows) (v row, err error) { return v, r.Scan(&v.m, &v.b) }, "SELECT member, bytes_per_s FROM award_rates")
	out := map[bt.MemberID]bt.Bytes{}
	for _, r := range rows {
		out[r.m] = r.b
	}
	return out, err
}

// Total adds up the token transfers of one code between two accounts.
type Total struct {
	Code     tokens.Code
	From, To tokens.Account
	Lines    int64
	Sum      tokens.Amount
}

// Totals groups the token transfers of some codes by accounts, in order of their first line.
func (s *Store) Totals(ctx context.Context, codes ...tokens.Code) ([]Total, error) {
	var out []Total
	for _, c := range codes {
		rows, err := scan(ctx, s.r, func(r *sql.Rows) (t Total, err error) {
			t.Code = c
			return t, r.Scan(&t.From, &t.To, &t.Lines, &t.Sum)
		}, `SELECT a.name, b.name, count(*), sum(t.amount) FROM transfers t JOIN accounts a ON a.id = t.source JOIN accounts b ON b.id = t.dest
			WHERE t.code = ? AND a.asset = 'token' GROUP BY a.id, b.id ORDER BY min(t.seq)`, c)
		if err != nil {
			return nil, fmt.Errorf("total of %s: %w", c, err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// Held is what belongs to members but is kept: retained earnings and penalties in dispute.
func (s *Store) Held(ctx context.Context) (tokens.Amount, error) {
	var a tokens.Amount
	err := s.r.QueryRowContext(ctx, `SELECT coalesce(sum(balance), 0) FROM accounts
		WHERE asset = 'token' AND (name GLOB 'node/*/retained' OR name GLOB 'disputed/*')`).Scan(&a)
	return a, err
}
