package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MaxLedgerLook is how many transfers a search of the ledger looks at for a page; then the cursor goes on
// from there.
const MaxLedgerLook = 100_000

// ledgerClockSlack is how far the server's clock may have been set back without hiding what it wrote.
const ledgerClockSlack = time.Hour

// ledgerReach is how far a search goes at a time.
type ledgerReach struct {
	look     int // transfers for a page
	ids      int // transfers whose ids begin alike that are looked at by their ids
	accounts int // that are asked for their own transfers, each in turn
	window   int // transfers of all, or
	chunk    int // of some accounts, that one statement looks at
}

var ledgerFar = ledgerReach{look: MaxLedgerLook, ids: 10_000, accounts: 200, window: 5000, chunk: 500}

// LedgerQuery asks for transfers, newest first. What is zero does not filter; all that is set must hold.
type LedgerQuery struct {
	Account  string      // one of the two: an account, what begins so up to a "/", or before a "*" at the end
	Member   bt.MemberID // one of the two is an account of theirs
	Code     tokens.Code
	Asset    tokens.Asset
	ID       string // the transfer's id begins so
	Ref      string // what it is about begins so
	Min, Max tokens.Amount
	Span     Span
	Before   int64 // rows with lower numbers; 0: from the newest
	Limit    int

	reach ledgerReach // zero: ledgerFar; less far in tests
}

// LedgerPage is what was found. Next is the Before to go on with; 0: that was all. A page may have fewer
// rows than asked for, or none, although there are more: then so many were looked at that it is for the
// caller to ask on.
type LedgerPage struct {
	Entries []Entry
	Next    int64
	Looked  int // at how many transfers at most
}

// SearchLedger finds transfers. It goes by the index that leaves the fewest: ids that begin alike, the
// accounts', or the order of the ledger, in which a time is found by halves.
func (s *Store) SearchLedger(ctx context.Context, q LedgerQuery) (LedgerPage, error) {
	if q.reach == (ledgerReach{}) {
		q.reach = ledgerFar
	}
	var out LedgerPage
	err := s.read(ctx, func(r *reader) error {
		low, high, err := r.ledgerBounds(q)
		if err != nil {
			return err
		}
		from, found, err := r.ledgerSource(q)
		if err != nil || !found {
			return err
		}
		out, err = r.searchLedger(q, from, low, high)
		return err
	})
	if err != nil {
		return LedgerPage{}, fmt.Errorf("search the ledger: %w", err)
	}
	return out, nil
}

// ledgerBounds are the rows among which a query looks: from low on, below high.
func (r *reader) ledgerBounds(q LedgerQuery) (low, high int64, err error) {
	last, err := collect[int64](r.ctx, r.Tx, "SELECT coalesce(max(seq), 0) FROM transfers")
	if err != nil {
		return 0, 0, err
	}
	low, high = 1, last[0]+1
	if q.Before > 0 {
		high = min(high, q.Before)
	}
	if ms := q.Span.ToMs; ms > 0 {
		row, err := r.firstRowAt(ms+ledgerClockSlack.Milliseconds(), last[0])
		if err != nil {
			return 0, 0, err
		}
		high = min(high, row)
	}
	if ms := q.Span.FromMs; ms > 0 {
		low, err = r.firstRowAt(ms-ledgerClockSlack.Milliseconds(), last[0])
	}
	return low, high, err
}

// firstRowAt finds by halves the first row that was written at a time or later.
func (r *reader) firstRowAt(ms, last int64) (int64, error) {
	low, high := int64(1), last+1
	for low < high {
		mid := low + (high-low)/2
		at, err := collect[int64](r.ctx, r.Tx, "SELECT at_ms FROM transfers WHERE seq <= ? ORDER BY seq DESC LIMIT 1", mid)
		if err != nil {
			return 0, err
		}
		if len(at) > 0 && at[0] >= ms {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, nil
}

func (r *reader) searchLedger(q LedgerQuery, src ledgerSource, low, high int64) (out LedgerPage, err error) {
	conditions := q.conditions()
	conditions = clause{conditions.text + src.also.text + " ORDER BY t.seq DESC", append(conditions.args, src.also.args...)}
	if src.rows == nil && src.accounts == nil { // of the others there are few, which are sorted
		conditions = clause{conditions.text + " LIMIT ?", append(conditions.args, q.Limit+1)}
	}
	for high > low {
		rows, looked, next, err := r.ledgerChunk(src, q.reach, low, high)
		if err != nil {
			return out, err
		}
		found, err := scan(r.ctx, r.Tx, rowsOf(readEntry), selectEntry+" WHERE "+rows.text+conditions.text, append(rows.args, conditions.args...)...)
		if err != nil {
			return out, err
		}
		out.Looked += looked
		out.Entries = append(out.Entries, found...)
		if len(out.Entries) > q.Limit {
			out.Entries = out.Entries[:q.Limit]
			out.Next = out.Entries[q.Limit-1].Row
			return out, nil
		}
		high = next
		if high > low && out.Looked >= q.reach.look {
			out.Next = high
			return out, nil
		}
	}
	return out, nil
}

// conditions are what a row must fulfil, whichever way it was found.
func (q LedgerQuery) conditions() (c clause) {
	and := func(on bool, text string, args ...any) {
		if on {
			c.text, c.args = c.text+" AND "+text, append(c.args, args...)
		}
	}
	begins := func(column, prefix string) (string, int, string) {
		return "substr(" + column + ", 1, ?) = ?", utf8.RuneCountInString(prefix), prefix
	}
	and(q.Code != "", "t.code = ?", q.Code)
	and(q.Asset != "", "a.asset = ?", q.Asset)
	and(q.Min > 0, "t.amount >= ?", q.Min)
	and(q.Max > 0, "t.amount <= ?", q.Max)
	and(q.Span.FromMs > 0, "t.at_ms >= ?", q.Span.FromMs)
	and(q.Span.ToMs > 0, "t.at_ms < ?", q.Span.ToMs)
	if q.ID != "" {
		text, n, prefix := begins("t.id", q.ID)
		and(true, text, n, prefix)
	}
	if q.Ref != "" {
		text, n, prefix := begins("t.ref", q.Ref)
		and(true, text, n, prefix)
	}
	if q.Account != "" {
		prefix, starred := strings.CutSuffix(q.Account, "*")
		if !starred {
			prefix += "/"
		}
		from, n, text := begins("a.name", prefix)
		to, _, _ := begins("b.name", prefix)
		and(true, "("+from+" OR "+to+" OR a.name = ? OR b.name = ?)", n, text, n, text, q.Account, q.Account)
	}
	return c
}
