package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
)

// homeRows are shown of each list on the first page.
const homeRows = 5

// homeData is the first page. Members have their state and what to do next; names of torrents are for them only.
type homeData struct {
	O       store.Overview
	Level   int64 // of prices: the median, in ppm of the base price
	Gate    store.Gate
	Invited bool // accounts are made by invitation
	Next    nextStep
	Scarce  topList
	New     topList
}

func (s *site) pageHome(_ http.ResponseWriter, r *http.Request) (*view, error) {
	ctx, eco := r.Context(), s.Rules().Economy
	d := homeData{Level: surge.PPM, Invited: eco.Registration == store.RegisterInvite}
	var err error
	if d.O, err = s.Store.Overview(ctx); err != nil {
		return nil, err
	}
	if d.Gate, err = s.Store.GateState(ctx); err != nil {
		return nil, err
	}
	if eco.BasePrice > 0 && d.O.Median > 0 {
		d.Level = tokens.MulDiv(int64(d.O.Median), surge.PPM, int64(eco.BasePrice))
	}
	if m := visitorOf(r).member; m != nil {
		if err := s.memberHome(ctx, m, &d); err != nil {
			return nil, err
		}
	}
	return &view{name: "home", title: s.Name, data: d}, nil
}

// memberHome adds what is for members.
func (s *site) memberHome(ctx context.Context, m *store.Member, d *homeData) error {
	st := memberState{Gate: d.Gate.Price}
	var err error
	if st.Wallet, err = s.Store.Wallet(ctx, m.ID); err != nil {
		return err
	}
	sessions, err := s.Store.MemberSessions(ctx, m.ID, liveFor)
	if err != nil {
		return err
	}
	for _, c := range sessions {
		if c.Left == 0 {
			st.Seeding++
		} else {
			st.Loading++
		}
	}
	if st.Nodes, err = s.Store.MemberNodes(ctx, m.ID); err != nil {
		return err
	}
	d.Next = s.nextStep(st)
	_, p, err := s.picks(ctx)
	if err != nil {
		return err
	}
	d.Scarce = topList{Title: "Scarce now: wanted, with few hosts", Figure: "Downloaded in a day"}
	for _, t := range p.Scarce[:min(homeRows, len(p.Scarce))] {
		d.Scarce.Rows = append(d.Scarce.Rows, marketRow(t, showBytes(t.Day)))
	}
	list, _, err := s.Store.Torrents(ctx, store.TorrentQuery{Sort: store.ByNew, Limit: homeRows})
	d.New = topList{Title: "New", Figure: "Age"}
	for _, t := range list {
		d.New.Rows = append(d.New.Rows, s.topRow(t, age(s.Now().Sub(utc(t.CreatedMs)))))
	}
	return err
}

// memberState is what decides what a member does best next.
type memberState struct {
	Wallet  store.Wallet
	Gate    tokens.Amount // the price of joining now
	Seeding int           // clients' sessions
	Loading int
	Nodes   []store.NodeSummary
}

// nextStep is a member's state in a sentence, and the one thing to do next.
type nextStep struct{ Says, Do, Where string }

// nextStep begins with what stops a member, and ends with what earns more.
func (s *site) nextStep(m memberState) nextStep {
	w := m.Wallet
	spend := max(0, w.Available-w.Reserved)
	for _, n := range m.Nodes {
		if n.SuspendedMs > 0 {
			return nextStep{fmt.Sprintf("Your node %s is suspended and earns nothing until it has passed enough audits.", n.Name), "See why", nodePath(n.ID)}
		}
	}
	switch {
	case w.GatePrice == 0:
		return nextStep{fmt.Sprintf("You are a guest: you can seed and earn, and download once you have staked %s.", s.money(m.Gate)), "Get access", "/buy"}
	case w.Staked < w.GatePrice:
		return nextStep{fmt.Sprintf("Your stake is %s short of the gate, so downloads wait.", s.money(w.GatePrice-w.Staked)), "Stake more", "/wallet/stake"}
	case spend == 0 && w.Allowance <= w.Promised && m.Loading == 0:
		return nextStep{"Your stake is in place, and you have no tokens to spend on downloads.", "Buy tokens", "/buy"}
	case m.Loading > 0:
		return nextStep{fmt.Sprintf("You download %s and seed %s, with %s free to spend.", quantity(m.Loading, "torrent", "torrents"), quantity(m.Seeding, "torrent", "torrents"), s.money(spend)), "See how far they are", "/mine"}
	case m.Seeding == 0 && len(m.Nodes) == 0:
		return nextStep{fmt.Sprintf("You have %s free to spend and seed nothing: what you keep open in your client earns.", s.money(spend)), "Find a torrent", "/torrents"}
	case len(m.Nodes) == 0:
		return nextStep{fmt.Sprintf("You seed %s. A node would also earn the hosting reward for them.", quantity(m.Seeding, "torrent", "torrents")), "Pair a node", "/hosting"}
	}
	return nextStep{fmt.Sprintf("You seed %s and run %s, with %s free to spend.", quantity(m.Seeding, "torrent", "torrents"), quantity(len(m.Nodes), "node", "nodes"), s.money(spend)), "See what pays most", "/top/earning"}
}

// quantity writes a number of things.
func quantity(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
