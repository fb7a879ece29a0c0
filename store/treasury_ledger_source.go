package store

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ledgerSource says which rows a search looks at.
type ledgerSource struct {
	rows     []int64 // these, highest first; nil: those of the accounts
	accounts []owned // nil too: all
	also     clause  // what the rows must fulfil besides
}

// ledgerSource chooses by what the query asks; false: nothing can be found.
func (r *reader) ledgerSource(q LedgerQuery) (src ledgerSource, found bool, err error) {
	assets := []tokens.Asset{tokens.Token, tokens.Quote, tokens.Byte}
	if q.Asset != "" {
		assets = []tokens.Asset{q.Asset}
	}
	if q.Member != 0 {
		if src.accounts, err = r.accountsOf(q.Member, assets); err != nil || len(src.accounts) == 0 {
			return src, false, err
		}
	} else if q.Account != "" {
		if src.accounts, err = r.accountsLike(q.Account, assets, q.reach.accounts+1); err != nil || len(src.accounts) == 0 {
			return src, false, err
		}
		if len(src.accounts) > q.reach.accounts {
			src.accounts = nil
		}
	}
	if q.ID == "" {
		return src, true, nil
	}
	rows, err := collect[int64](r.ctx, r.Tx, "SELECT seq FROM transfers WHERE id >= ? AND id < ? LIMIT ?", q.ID, prefixEnd(q.ID), q.reach.ids+1)
	if err != nil || len(rows) == 0 {
		return src, false, err
	}
	if len(rows) <= q.reach.ids {
		slices.SortFunc(rows, func(a, b int64) int { return cmp64(b, a) })
		src = ledgerSource{rows: rows, also: amongAccounts(src.accounts)}
	}
	return src, true, nil
}

func (r *reader) accountsOf(m bt.MemberID, assets []tokens.Asset) (out []owned, err error) {
	for _, asset := range assets {
		of, err := r.owned(m, asset)
		if err != nil {
			return nil, err
		}
		out = append(out, of...)
	}
	return out, nil
}

// amongAccounts wants one side of a transfer to be one of the accounts; none: whichever.
func amongAccounts(accounts []owned) clause {
	if len(accounts) == 0 {
		return clause{}
	}
	ids := make([]string, len(accounts))
	for i, a := range accounts {
		ids[i] = strconv.FormatInt(a.id, 10)
	}
	list := "[" + strings.Join(ids, ",") + "]"
	return clause{" AND (t.source IN (SELECT value FROM json_each(?)) OR t.dest IN (SELECT value FROM json_each(?)))", []any{list, list}}
}

// accountsLike finds accounts, of each asset at most so many and one.
func (r *reader) accountsLike(text string, assets []tokens.Asset, most int) ([]owned, error) {
	first, after := text+"/", text
	if prefix, ok := strings.CutSuffix(text, "*"); ok {
		first, after = prefix, prefix
	}
	var out []owned
	for _, asset := range assets {
		names := []clause{{"SELECT id FROM accounts WHERE asset = ? AND name = ?", []any{asset, after}},
			{"SELECT id FROM accounts WHERE asset = ? AND name >= ? AND name < ? LIMIT ?", []any{asset, first, prefixEnd(first), most}}}
		if first == after { // what is called just so begins so too
			names = names[1:]
		}
		for _, c := range names {
			ids, err := collect[int64](r.ctx, r.Tx, c.text, c.args...)
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				out = append(out, owned{id: id})
			}
		}
	}
	return out, nil
}

// prefixEnd is the first text after all that begin with p. Nothing is said of an empty one: it has no end.
func prefixEnd(p string) string {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] < 0xff {
			return p[:i] + string([]byte{p[i] + 1})
		}
	}
	return strings.Repeat("\xff", 8)
}

// ledgerChunk is a clause for the next rows of a source below high, how many those are, and where the ones after
// them begin; 0: there are none.
func (r *reader) ledgerChunk(src ledgerSource, reach ledgerReach, low, high int64) (rows clause, looked int, next int64, err error) {
	if src.rows == nil && src.accounts == nil {
		next = max(low, high-int64(reach.window))
		return clause{"t.seq >= ? AND t.seq < ?", []any{next, high}}, int(high - next), next, nil
	}
	list := src.rows
	if src.rows == nil {
		if list, err = r.newest(src.accounts, high, reach.chunk); err != nil {
			return rows, 0, 0, err
		}
	}
	at, _ := slices.BinarySearchFunc(list, high-1, func(row, want int64) int { return cmp64(want, row) })
	list = list[at:]
	list = list[:min(reach.chunk, len(list))]
	all := len(list) < reach.chunk
	for len(list) > 0 && list[len(list)-1] < low {
		list, all = list[:len(list)-1], true
	}
	if len(list) > 0 && !all {
		next = list[len(list)-1]
	}
	raw, err := json.Marshal(append([]int64{}, list...))
	return clause{"t.seq IN (SELECT value FROM json_each(?))", []any{string(raw)}}, len(list), next, err
}
