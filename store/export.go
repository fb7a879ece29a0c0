package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Span is a time from one moment on to another, which is not in it any more; in unix ms, 0: open.
type Span struct{ FromMs, ToMs int64 }

func (s Span) holds(ms int64) bool { return ms >= s.FromMs && (s.ToMs == 0 || ms < s.ToMs) }

// Entry is a transfer with its row in the ledger.
type Entry struct {
	tokens.Transfer
	Row int64
}

// MemberEntry is a line of a member's statement, of any asset.
type MemberEntry struct {
	Line
	Asset tokens.Asset
}

// exportPage is how many rows are read in one transaction: whoever takes them may be slow, and a long
// transaction would keep the log from being written back.
const exportPage = 1000

// Export hands over the transfers of a time in the order of the ledger: all, or those of one account
// in whichever asset (account empty: all). It ends with the last transfer there was when it began,
// or with the first error of each, which it returns. An account that was never used has none.
func (s *Store) Export(ctx context.Context, account tokens.Account, span Span, each func(Entry) error) error {
	var ids []int64
	if account != "" {
		var err error
		if ids, err = collect[int64](ctx, s.r, "SELECT id FROM accounts WHERE name = ?", account); err != nil {
			return fmt.Errorf("find account %s: %w", account, err)
		}
		if len(ids) == 0 {
			return nil
		}
	}
	return s.entries(ctx, ids, span, each)
}

// ExportMember hands over a member's whole statement of a time, all assets together, oldest first. A
// transfer between two balances of the member gives two lines. ErrNotFound if there is no such member.
func (s *Store) ExportMember(ctx context.Context, m bt.MemberID, span Span, each func(MemberEntry) error) error {
	if _, err := s.Member(ctx, m); err != nil {
		return err
	}
	accounts, ids := map[tokens.Asset][]owned{}, []int64{}
	err := s.read(ctx, func(r *reader) error {
		for _, asset := range []tokens.Asset{tokens.Token, tokens.Quote, tokens.Byte} {
			of, err := r.owned(m, asset)
			if err != nil {
				return err
			}
			accounts[asset] = of
			for _, a := range of {
				ids = append(ids, a.id)
			}
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.entries(ctx, ids, span, func(e Entry) error {
		for _, l := range linesOf(accounts[e.Asset], e.Row, e.Transfer) {
			if err := each(MemberEntry{Line: l, Asset: e.Asset}); err != nil {
				return err
			}
		}
		return nil
	})
}

// entries reads page by page the transfers that touch any of the accounts, or all if ids is nil.
func (s *Store) entries(ctx context.Context, ids []int64, span Span, each func(Entry) error) error {
	end, err := s.Head(ctx)
	if err != nil {
		return err
	}
	for after := int64(0); after < end.Row; {
		var page []Entry
		err := s.read(ctx, func(r *reader) (err error) {
			page, err = r.page(ids, span, after)
			return err
		})
		if err != nil {
			return fmt.Errorf("read transfers: %w", err)
		}
		for _, e := range page {
			if e.Row > end.Row {
				return nil
			}
			if !span.holds(e.AtMs) {
				continue
			}
			if err := each(e); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		after = page[len(page)-1].Row
	}
	return nil
}

func (r *reader) page(ids []int64, span Span, after int64) ([]Entry, error) {
	if ids == nil {
		to := span.ToMs
		if to == 0 {
			to = math.MaxInt64
		}
		return scan(r.ctx, r.Tx, rowsOf(readEntry), selectEntry+" WHERE t.seq > ? AND t.at_ms >= ? AND t.at_ms < ? ORDER BY t.seq LIMIT ?", after, span.FromMs, to, exportPage)
	}
	rows, err := r.rowsOfAccounts(ids, after)
	if err != nil {
		return nil, err
	}
	page := make([]Entry, 0, len(rows))
	for _, row := range rows {
		e, err := readEntry(r.QueryRowContext(r.ctx, selectEntry+" WHERE t.seq = ?", row))
		if err != nil {
			return nil, err
		}
		page = append(page, e)
	}
	return page, nil
}

// rowsOfAccounts lists the next rows that touch any of the accounts. Each account is asked for its own
// next rows, which its indexes answer without reading the others'.
func (r *reader) rowsOfAccounts(ids []int64, after int64) ([]int64, error) {
	var rows []int64
	for _, id := range ids {
		for _, side := range []string{"source", "dest"} {
			got, err := collect[int64](r.ctx, r.Tx, "SELECT seq FROM transfers WHERE "+side+" = ? AND seq > ? ORDER BY seq LIMIT ?", id, after, exportPage)
			if err != nil {
				return nil, err
			}
			rows = append(rows, got...)
		}
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	return rows[:min(exportPage, len(rows))], nil
}

const selectEntry = "SELECT t.seq, " + transferColumns

func readEntry(r scanner) (e Entry, err error) {
	e.Transfer, err = readTransfer(prefixed{r, []any{&e.Row}})
	return e, err
}

// prefixed reads some columns before those of its caller.
type prefixed struct {
	scanner
	first []any
}

func (p prefixed) Scan(rest ...any) error { return p.scanner.Scan(append(p.first, rest...)...) }

// linesOf is a transfer as each of the accounts sees it, all of its asset.
func linesOf(accounts []owned, row int64, t tokens.Transfer) []Line {
	var out []Line
	for _, a := range accounts {
		l := Line{Seq: row, ID: t.ID, Code: t.Code, Ref: t.Ref, Balance: a.kind, AtMs: t.AtMs}
		switch a.name {
		case t.From:
			l.Amount, l.Other = -t.Amount, t.To
		case t.To:
			l.Amount, l.Other = t.Amount, t.From
		default:
			continue
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Line) int { return cmp64(int64(a.Amount), int64(b.Amount)) }) // what left before what came
	return out
}
