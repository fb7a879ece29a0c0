package web

import (
	"net/http"
	"net/url"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
)

// Rows on the page of a member's nodes.
const (
	hostingNodes  = 20
	hostingBadges = 5
)

// hostingData is the page of a member's nodes.
type hostingData struct {
	Nodes    []hostingNode
	More     int // nodes that are not shown
	Badges   []store.Badge
	Code     string // for pairing, just made
	Expires  int64  // ms
	BaseURL  string
	Estimate diskWorth
	Terms    MarketEconomy
	S        settle.Params
}

// hostingNode is one node with how far its scores are from their limits.
type hostingNode struct {
	store.NodeSummary
	Held   tokens.Amount
	Scores []score
}

func (s *site) hostingView(r *http.Request, code string, expiresMs int64) (*view, error) {
	ctx, me, p := r.Context(), visitorOf(r).member.ID, s.Rules().Availability
	d := hostingData{Code: code, Expires: expiresMs, BaseURL: s.BaseURL, S: s.Rules().Settle}
	nodes, err := s.Store.MemberNodes(ctx, me)
	if err != nil {
		return nil, err
	}
	d.More = max(0, len(nodes)-hostingNodes)
	for _, n := range nodes[:len(nodes)-d.More] {
		row, err := s.Store.NodeRow(ctx, p, n.ID)
		if err != nil {
			return nil, err
		}
		d.Nodes = append(d.Nodes, hostingNode{n, row.Held, scoresOf(p, row.Standing, s.Now())})
	}
	if d.Badges, err = s.Store.Badges(ctx, me, hostingBadges); err != nil {
		return nil, err
	}
	var best picks
	if d.Terms, best, err = s.picks(ctx); err != nil {
		return nil, err
	}
	d.Estimate = fillDisk(estimated, best.Best)
	return &view{name: "hosting", title: "Hosting", data: d}, nil
}

func (s *site) pageHosting(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.hostingView(r, "", 0)
}

func (s *site) doCode(_ http.ResponseWriter, r *http.Request) (*view, error) {
	code, expires, err := s.pairingCode(r)
	if err != nil {
		return nil, err
	}
	return s.hostingView(r, code, expires)
}

func (s *site) doPledge(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.doCollateral(w, r, s.Store.Pledge)
}

func (s *site) doUnpledge(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.doCollateral(w, r, s.Store.Unpledge)
}

func (s *site) doCollateral(w http.ResponseWriter, r *http.Request, move moveCollateral) (*view, error) {
	n, err := nodeID(r)
	if err != nil {
		return nil, err
	}
	again := func(r *http.Request, _ url.Values) (*view, error) { return s.hostingView(r, "", 0) }
	return s.moneyPage(w, r, again, amountForm("/hosting", func(o store.Once, a tokens.Amount) error {
		_, err := move(r.Context(), o, n, a)
		return err
	}))
}
