package web

import (
	"context"
	"net/url"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// torrentOffer is the one thing to do next on a torrent's page: take the file, or what comes before.
type torrentOffer struct {
	Text, Words string // of the button; empty: there is nothing to press
	Href        string
	Download    bool // it is the file
}

// torrentOffer finds the step that a quote calls for.
func (s *site) torrentOffer(ctx context.Context, t store.Torrent, q Quote) (torrentOffer, error) {
	page := "/torrents/" + t.InfoHash.String()
	if q.Reason == "" {
		return torrentOffer{"Download .torrent", s.costInWords(q), page + "/file", true}, nil
	}
	if q.Gate.OK && q.MaxPrice > 0 && q.Price > q.MaxPrice {
		return torrentOffer{Text: "Change your maximum price", Words: "it is below the price of this torrent", Href: "/wallet#max-price"}, nil
	}
	if !q.Gate.OK && q.Gate.Staked < q.Gate.Required && q.full {
		return torrentOffer{}, nil
	}
	l, err := s.lacking(ctx, q)
	if err != nil {
		return torrentOffer{}, err
	}
	back := url.Values{"next": {page}}
	if l.missing() == 0 {
		return torrentOffer{Text: "Join", Words: "you have all that it takes: " + l.words(s), Href: "/buy?" + back.Encode()}, nil
	}
	back.Set("tokens", l.missing().String())
	return torrentOffer{Text: "Buy " + s.money(l.missing()), Words: "exactly what is missing: " + l.words(s), Href: "/buy?" + back.Encode()}, nil
}

// lacking is what a member needs to begin, and has.
type lacking struct{ stake, fee, reserve, have tokens.Amount }

// lacking adds up what it takes: the stake and the fee for joining, and what is to be reserved once the
// member is above the gate, when his budget counts.
func (s *site) lacking(ctx context.Context, q Quote) (lacking, error) {
	l := lacking{reserve: surge.Need(tokens.Amount(q.Price), max(swarm.Reservable(q.Remaining, q.Budget)-q.Covered, 0)), have: tokens.Amount(q.Available)}
	if !q.Gate.OK {
		l.stake = max(tokens.Amount(q.Gate.Required-q.Gate.Staked), 0)
	}
	if !q.Gate.OK && !q.joined {
		gate, err := s.Store.GateState(ctx)
		if err != nil {
			return l, err
		}
		l.fee = gate.JoinFee
	}
	return l, nil
}

// missing is how much more it takes than there is; both are far below the largest amount.
func (l lacking) missing() tokens.Amount { return max(l.stake+l.fee+l.reserve-l.have, 0) }

// words is the sum that comes to missing.
func (l lacking) words(s *site) string {
	var parts []string
	for _, p := range []struct {
		a    tokens.Amount
		what string
	}{{l.stake, " stake"}, {l.fee, " fee for joining"}, {l.reserve, " for this download"}} {
		if p.a > 0 {
			parts = append(parts, s.money(p.a)+p.what)
		}
	}
	text := strings.Join(parts, " + ")
	if l.have > 0 && l.missing() > 0 {
		text += " − " + s.money(l.have) + " that you have"
	}
	return text
}

// costInWords says on the button what pressing it may cost.
func (s *site) costInWords(q Quote) string {
	cost, rest := s.money(tokens.Amount(q.Cost)), "full cost "
	if q.Remaining < q.Size {
		rest = "what is still to come costs "
	}
	switch {
	case q.Remaining == 0:
		return "you have all of it; seeding costs nothing"
	case q.FreeUntil != nil:
		return "free at the moment"
	case q.Cost == 0:
		return "full cost nothing: your free allowance covers it"
	case q.AffordableBytes >= q.Remaining:
		return rest + cost + ", you can afford all of it"
	}
	return rest + cost + ", you can afford " + showBytes(q.AffordableBytes)
}
