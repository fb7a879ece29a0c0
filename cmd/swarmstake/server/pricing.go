package server

import (
	"context"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// market keeps each torrent's price state between two rounds.
type market struct {
	states  map[bt.TorrentID]surge.State
	kept    map[bt.TorrentID]store.PriceRow // the last rows of history
	lastRun time.Time
}

func newMarket(p surge.Params, torrents []store.RosterTorrent) *market {
	m := &market{states: map[bt.TorrentID]surge.State{}, kept: map[bt.TorrentID]store.PriceRow{}}
	for _, t := range torrents {
		if t.Price.AtMs == 0 {
			continue // never priced
		}
		st := surge.Initial(p)
		st.MultiplierPPM, st.SmoothedPPM = t.Price.MultiplierPPM, t.Price.SaturationPPM
		st.DemandBytes, st.CapacityBytes = t.Price.Demand, t.Price.Capacity
		m.states[t.ID] = st
	}
	return m
}

// reprice runs one round of ECONOMY §4 over all torrents and publishes the result: to the store
// first, then to the announce path.
func (s *Server) reprice(ctx context.Context, now time.Time) error {
	claims, err := s.store.LiveClaims(ctx)
	if err != nil {
		return fmt.Errorf("reprice: %w", err)
	}
	rates, err := s.store.AwardRates(ctx)
	if err != nil {
		return fmt.Errorf("reprice: %w", err)
	}
	s.markProven(claims, now)
	m := s.market
	dt := s.conf.Surge.Step
	if !m.lastRun.IsZero() {
		dt = now.Sub(m.lastRun)
	}
	m.lastRun = now
	ids, summaries := s.roster.torrentIDs(), map[bt.TorrentID]swarm.Summary{}
	for _, sum := range s.swarms.Summaries(now) {
		summaries[sum.Torrent] = sum
	}
	in := surge.Market{Seeders: seederLoads(s.conf.Availability, now, claims, rates)}
	for _, id := range ids {
		in.Torrents = append(in.Torrents, s.torrentState(id, summaries[id]))
	}
	rows := make([]store.PriceRow, len(ids))
	for i, st := range in.Reprice(s.conf.Surge, dt) {
		m.states[ids[i]] = st
		rows[i] = store.PriceRow{Torrent: ids[i], AtMs: now.UnixMilli(), Price: surge.PricePerGiB(s.conf.Surge, st.MultiplierPPM),
			MultiplierPPM: st.MultiplierPPM, SaturationPPM: st.SmoothedPPM, Demand: st.DemandBytes, Capacity: st.CapacityBytes}
	}
	if err := s.store.SetPrices(ctx, rows, s.keepPrice); err != nil {
		return fmt.Errorf("reprice: %w", err)
	}
	for _, r := range rows {
		s.roster.setPrice(r.Torrent, r.Price, r.MultiplierPPM)
	}
	return nil
}

func (s *Server) torrentState(id bt.TorrentID, sum swarm.Summary) surge.TorrentState {
	st, ok := s.market.states[id]
	if !ok {
		st = surge.Initial(s.conf.Surge)
	}
	t := surge.TorrentState{Torrent: id, State: st}
	for _, l := range sum.Leechers {
		t.Leechers = append(t.Leechers, surge.Leecher{Left: l.Left, BilledRecent: l.BilledRecent})
	}
	return t
}

// keepPrice decides which rows become history: where the price changed, not more often than the
// configured interval.
func (s *Server) keepPrice(r store.PriceRow) bool {
	last, ok := s.market.kept[r.Torrent]
	if ok && (r.Price == last.Price || r.AtMs-last.AtMs < s.conf.Server.HistoryInterval.Milliseconds()) {
		return false
	}
	s.market.kept[r.Torrent] = r
	return true
}

// seederLoads groups proven, announced claims by who seeds them.
func seederLoads(p availability.Params, now time.Time, claims []store.ClaimRow, awarded map[bt.MemberID]bt.Bytes) []surge.SeederLoad {
	type host struct {
		member bt.MemberID
		node   bt.NodeID
	}
	loads := map[host]*surge.SeederLoad{}
	var order []host
	for _, c := range claims {
		if !c.IsProven(p, now) || now.UnixMilli() >= c.SeenMs+p.ClaimLapse.Milliseconds() {
			continue
		}
		h := host{c.Member, c.Node}
		if loads[h] == nil {
			loads[h] = &surge.SeederLoad{}
			order = append(order, h)
		}
		loads[h].Rate = max(loads[h].Rate, surge.SeederRate(c.Rate, awarded[c.Member]))
		loads[h].Torrents = append(loads[h].Torrents, c.Torrent)
	}
	out := make([]surge.SeederLoad, len(order))
	for i, h := range order {
		out[i] = *loads[h]
	}
	return out
}

// markProven tells the swarms who is preferred in peer lists now.
func (s *Server) markProven(claims []store.ClaimRow, now time.Time) {
	proven := map[swarm.DownloadKey]bool{}
	for _, c := range claims {
		if c.IsProven(s.conf.Availability, now) {
			proven[swarm.DownloadKey{Member: c.Member, Torrent: c.Torrent}] = true
		}
	}
	for k := range s.proven {
		if !proven[k] {
			s.swarms.SetProven(k.Torrent, k.Member, false)
		}
	}
	for k := range proven {
		s.swarms.SetProven(k.Torrent, k.Member, true)
	}
	s.proven = proven
}
