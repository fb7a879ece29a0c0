package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// buyPreset is an amount that is one press away.
type buyPreset struct {
	Tokens tokens.Amount
	Words  string // what it is for; empty: nothing special
}

// presets are the suggestion and some round amounts, the smallest first.
func presets(suggestion tokens.Amount, joins bool) []buyPreset {
	special := buyPreset{suggestion, "a few GiB"}
	if joins {
		special.Words = "stake and a few GiB"
	}
	var out []buyPreset
	for _, n := range []tokens.Amount{25, 50, 100} {
		a := n * tokens.Unit
		if special.Tokens > 0 && a >= special.Tokens {
			out = append(out, special)
			special.Tokens = 0
		}
		if a != suggestion {
			out = append(out, buyPreset{Tokens: a})
		}
	}
	if special.Tokens > 0 {
		out = append(out, special)
	}
	return out
}

// buyWorth is what somebody can download with what they will have.
type buyWorth struct {
	Given    string        // the amount that was asked for; empty: it is the suggestion
	Joins    bool          // stake and fee are paid from it first
	Short    tokens.Amount // what is missing to join; 0: nothing is
	Left     tokens.Amount // for downloads
	Price    tokens.Amount // median of all torrents, utok per GiB
	Bytes    bt.Bytes      // that Left is worth at that price
	Examples []store.Torrent
}

const (
	worthLooks    = 50 // newest torrents among which examples are looked for
	worthExamples = 3
)

// worth says what the amount on the page includes, after the stake and the fee for joining.
func (s *site) worth(r *http.Request, p buyPage, given string) (buyWorth, error) {
	out := buyWorth{Given: given, Joins: p.StakeMore > 0}
	left := p.W.Available - p.W.Reserved + p.Tokens - p.StakeMore - p.JoinFee
	if left <= 0 {
		out.Short = -left
		return out, nil
	}
	out.Left = left
	o, err := s.Store.Overview(r.Context())
	if err != nil {
		return out, err
	}
	if out.Price = o.Median; out.Price == 0 {
		out.Price = s.Rules().Economy.BasePrice
	}
	out.Bytes = affordable(left, out.Price, bt.MaxCounter)
	list, _, err := s.Store.Torrents(r.Context(), store.TorrentQuery{Sort: store.ByNew, Limit: worthLooks})
	for _, t := range list {
		if cost := fullCost(t); len(out.Examples) < worthExamples && cost > 0 && cost <= left && !s.isFree(t) {
			out.Examples = append(out.Examples, t)
		}
	}
	return out, err
}
