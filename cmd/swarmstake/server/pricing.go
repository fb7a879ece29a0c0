package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
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
	short   atomic.Pointer[map[bt.TorrentID]bt.Bytes] // what the seeders of each torrent that is rationed give, per second
	seed    uint64                                    // secret
}

func newMarket(p surge.Params, torrents []store.RosterTorrent) *market {
	m := &market{states: map[bt.TorrentID]surge.State{}, kept: map[bt.TorrentID]store.PriceRow{}, seed: seed()}
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
	rates, err := s.store.AwardRates(ctx)
	if err != nil {
		return fmt.Errorf("reprice: %w", err)
	}
	claims, err := s.counted(ctx, now)
	if err != nil {
		return fmt.Errorf("reprice: %w", err)
	}
	s.rank(claims, rates)
	m, rules := s.market, s.rules()
	dt := rules.Surge.Step
	if !m.lastRun.IsZero() {
		dt = now.Sub(m.lastRun)
	}
	m.lastRun = now
	ids, leechers := s.roster.torrentIDs(), map[bt.TorrentID][]surge.Leecher{}
	s.swarms.Leechers(now, func(id bt.TorrentID, all []swarm.Leecher) {
		for _, l := range all {
			leechers[id] = append(leechers[id], surge.Leecher{Left: l.Left, BilledRecent: l.BilledRecent})
		}
	})
	in := surge.Market{Seeders: seederLoads(claims, rates)}
	for _, id := range ids {
		in.Torrents = append(in.Torrents, s.torrentState(rules.Surge, id, leechers[id]))
	}
	rows, short := make([]store.PriceRow, len(ids)), map[bt.TorrentID]bt.Bytes{}
	for i, st := range in.Reprice(rules.Surge, dt) {
		m.states[ids[i]] = st
		rows[i] = store.PriceRow{Torrent: ids[i], AtMs: now.UnixMilli(), Price: surge.PricePerGiB(rules.Surge, st.MultiplierPPM),
			MultiplierPPM: st.MultiplierPPM, SaturationPPM: st.SmoothedPPM, Demand: st.DemandBytes, Capacity: st.CapacityBytes}
		if rate, ok := st.Rationed(rules.Surge); ok {
			short[ids[i]] = rate
		}
	}
	if err := s.store.SetPrices(ctx, rows, s.keepPrice); err != nil {
		return fmt.Errorf("reprice: %w", err)
	}
	for _, r := range rows {
		s.roster.setPrice(r.Torrent, r.Price, r.MultiplierPPM)
	}
	m.short.Store(&short)
	return nil
}

func (s *Server) torrentState(p surge.Params, id bt.TorrentID, leechers []surge.Leecher) surge.TorrentState {
	st, ok := s.market.states[id]
	if !ok {
		st = surge.Initial(p)
	}
	return surge.TorrentState{Torrent: id, State: st, Leechers: leechers}
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

// counted are the claims that count as capacity now: proven, heard of, of seeders that serve somebody.
func (s *Server) counted(ctx context.Context, now time.Time) (out []availability.Claim, err error) {
	withheld, err := s.store.Withheld(ctx)
	if err != nil {
		return nil, err
	}
	p := s.rules().Availability
	s.auditor.claims(func(c availability.Claim) {
		if c.IsProven(p, now) && c.Announces(p, now) && !withheld[store.SeederKey{Member: c.Member, Node: c.Node}] {
			out = append(out, c)
		}
	})
	slices.SortFunc(out, func(a, b availability.Claim) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// seederLoads groups claims by who seeds them.
func seederLoads(claims []availability.Claim, awarded map[bt.MemberID]bt.Bytes) []surge.SeederLoad {
	loads := map[store.SeederKey]*surge.SeederLoad{}
	var order []store.SeederKey
	for _, c := range claims {
		h := store.SeederKey{Member: c.Member, Node: c.Node}
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

// rank tells the swarms who is preferred in peer lists now, and how much: proven claims, by
// reputation and spare capacity.
func (s *Server) rank(claims []availability.Claim, rates map[bt.MemberID]bt.Bytes) {
	tiers := map[swarm.DownloadKey]int{}
	for _, c := range claims {
		k := swarm.DownloadKey{Member: c.Member, Torrent: c.Torrent}
		tiers[k] = max(tiers[k], standing(c, rates[c.Member]))
	}
	for k := range s.proven {
		if tiers[k] == 0 {
			s.swarms.SetStanding(k.Torrent, k.Member, 0)
		}
	}
	for k, tier := range tiers {
		s.swarms.SetStanding(k.Torrent, k.Member, tier)
	}
	s.proven = tiers
}

// trusted is with how many passed audits a claim begins, as scores do (ECONOMY §7).
const trusted = 20

// standing is the tier of a proven claim: its audit record times the part of its rate that paid
// uploads do not use (PROTOCOLS §1), in quarters.
func standing(c availability.Claim, awarded bt.Bytes) int {
	const whole = 1_000_000
	rate := surge.SeederRate(c.Rate, awarded)
	spare := int64(whole)
	if rate > 0 {
		spare = int64(whole - min(whole, awarded*whole/rate))
	}
	passed := int64(trusted + c.Passed)
	weight := spare * passed / (passed + trusted*int64(c.Faults)) // a confirmed fault weighs as much as the trust given
	return int(min(swarm.Tiers, 1+weight*swarm.Tiers/whole))
}
