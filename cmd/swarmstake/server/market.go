package server

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

const (
	// marketAge is how old the market may be that is shown, and marketShare times as old as it took to make:
	// that looks at every torrent and claim there is. Where epochs are shorter than marketAge, as in a demo,
	// it is as old as an epoch at most.
	marketAge   = time.Minute
	marketLeast = time.Second
	marketShare = 30
	marketDay   = 24 * time.Hour
)

// hostMarket keeps the market for a while. While it is made again those who ask get the old one; only the
// first wait for it.
type hostMarket struct {
	last   atomic.Pointer[offers]
	making sync.Mutex // guards what follows

	terms  store.HostingTerms
	demand map[int64][]store.Demand // of the settled epochs of two days
	newest int64                    // of them
}

// offers is the market at a moment. It is never changed.
type offers struct {
	at       time.Time
	keep     time.Duration
	economy  web.MarketEconomy
	torrents []web.MarketTorrent
	hosts    map[bt.TorrentID]int // clusters with a standing proof
}

func (o *offers) fresh(now time.Time) bool {
	return o != nil && now.Sub(o.at).Abs() < o.keep // also if the clock went back
}

// Market is the market for hosts, not long ago.
func (s *Server) Market(ctx context.Context) (web.MarketEconomy, []web.MarketTorrent, error) {
	o, err := s.lately(ctx)
	if err != nil {
		return web.MarketEconomy{}, nil, err
	}
	economy, rules := o.economy, s.rules()
	economy.EpochSeconds, economy.SettleSeconds = seconds(rules.EpochLength), seconds(rules.SettlementDelay)
	economy.EpochEndsAt = s.epochEnds()
	return economy, o.torrents, nil
}

// lately is the market, made again if it is old.
func (s *Server) lately(ctx context.Context) (*offers, error) {
	m, old := &s.offers, s.offers.last.Load()
	if old.fresh(s.now()) {
		return old, nil
	}
	if old == nil {
		m.making.Lock()
	} else if !m.making.TryLock() {
		return old, nil
	}
	defer m.making.Unlock()
	if made := m.last.Load(); made.fresh(s.now()) { // while this one waited
		return made, nil
	}
	began, now := time.Now(), s.now() // what it costs is real time
	// To its end, though whoever asked may be gone: who goes away again and again would have it begun again
	// and again.
	o, err := s.makeMarket(context.WithoutCancel(ctx), now)
	if err != nil {
		return nil, fmt.Errorf("make the market: %w", err)
	}
	o.at, o.keep = now, max(min(marketAge, s.rules().EpochLength), marketLeast, marketShare*time.Since(began))
	m.last.Store(o)
	return o, nil
}

func (s *Server) epochEnds() time.Time {
	return time.UnixMilli(s.epoch().StartMs).Add(s.rules().EpochLength).UTC()
}

// seconds rounds up: what takes half a second is not over at once.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func (s *Server) makeMarket(ctx context.Context, now time.Time) (*offers, error) {
	list, err := s.store.MarketTorrents(ctx)
	if err != nil {
		return nil, err
	}
	days, err := s.recentDemand(ctx)
	if err != nil {
		return nil, err
	}
	o := &offers{economy: s.marketEconomy(), hosts: s.clusters(now), torrents: make([]web.MarketTorrent, len(list))}
	for i, t := range list {
		d := days[t.ID]
		x := web.MarketTorrent{ID: t.ID, InfoHash: t.InfoHash.String(), Name: t.Name, Size: t.Size, Category: t.Category, Uploader: t.Uploader,
			Collections: append([]int64{}, t.Collections...), Price: web.Utok(t.Price), Saturation: t.SaturationPPM, Free: t.FreeUntilMs > now.UnixMilli(),
			Approved: t.Approved, Hosts: o.hosts[t.ID], Day: d.last, DayBefore: d.before, DayPaid: web.Utok(d.paid), CreatedAt: time.UnixMilli(t.CreatedMs).UTC()}
		x.Seeders, _, x.Leechers = s.Swarm(t.ID)
		o.torrents[i] = x
	}
	return o, nil
}

func (s *Server) marketEconomy() web.MarketEconomy {
	r, terms := s.rules(), s.offers.terms
	return web.MarketEconomy{UploaderPPM: r.Settle.UploadersPPM, Replicas: r.Settle.Replicas, HostingRate: web.Utok(terms.Rate),
		TorrentCap: web.Utok(terms.TorrentCap), FreeBytes: r.Settle.FreeBytes, CollateralGiB: web.Utok(r.Settle.CollateralPerGiB),
		EntryAuditSecs: s.entryAudit(), AuditsPerDayPPM: tokens.MulDiv(int64(marketDay), 1_000_000, int64(r.Availability.DrawInterval))}
}

// entryAudit is within how many seconds a new claim is asked for what it claims, unless the auditor has
// more to do than it can.
func (s *Server) entryAudit() int64 {
	return seconds(s.rules().Availability.EntryDelay + s.conf.Server.AuditInterval)
}

// demandOf is what was taken of a torrent in the last day of settled epochs and the one before.
type demandOf struct {
	last, before bt.Bytes
	paid         tokens.Amount
}

// recentDemand adds up the demand of two days. What settled epochs say is kept: only the new ones are
// read, and those whose claims were still open.
func (s *Server) recentDemand(ctx context.Context) (map[bt.TorrentID]demandOf, error) {
	epochs, err := s.store.LastSettled(ctx, 2*marketDay)
	if err != nil {
		return nil, err
	}
	if err := s.readDemand(ctx, epochs); err != nil {
		return nil, err
	}
	out := map[bt.TorrentID]demandOf{}
	for _, e := range epochs {
		lately := e.EndMs > epochs[0].EndMs-marketDay.Milliseconds()
		for _, d := range s.offers.demand[e.Number] {
			x := out[d.Torrent]
			if lately {
				x.last, x.paid = min(x.last+d.Bytes, bt.MaxCounter), x.paid+d.Paid
			} else {
				x.before = min(x.before+d.Bytes, bt.MaxCounter)
			}
			out[d.Torrent] = x
		}
	}
	return out, nil
}

// readDemand brings the market's figures of settled epochs, newest first, up to date. The caller holds making.
func (s *Server) readDemand(ctx context.Context, epochs []store.Epoch) (err error) {
	m := &s.offers
	if len(epochs) == 0 || m.newest == epochs[0].Number {
		if m.newest == 0 {
			m.terms, err = s.hostingTerms(ctx)
		}
		return err
	}
	newest, oldest := epochs[0].Number, epochs[len(epochs)-1].Number
	first := oldest
	if m.newest > 0 {
		first = max(oldest, m.newest-store.OpenEpochs)
	}
	rows, err := s.store.Demand(ctx, first, newest)
	if err != nil {
		return err
	}
	if m.terms, err = s.hostingTerms(ctx); err != nil {
		return err
	}
	kept := make(map[int64][]store.Demand, len(epochs))
	for n := oldest; n < first; n++ {
		kept[n] = m.demand[n]
	}
	for _, d := range rows {
		kept[d.Epoch] = append(kept[d.Epoch], d)
	}
	m.demand, m.newest = kept, newest
	return nil
}

func (s *Server) hostingTerms(ctx context.Context) (store.HostingTerms, error) {
	r := s.rules()
	return s.store.HostingTerms(ctx, store.Rules{Settle: r.Settle, Availability: r.Availability, Surge: r.Surge}, r.EpochLength)
}

// clusters counts, for each torrent, the hosts with a standing proof: those of one member or one network are
// one (ECONOMY §6).
func (s *Server) clusters(now time.Time) map[bt.TorrentID]int {
	p := s.rules().Availability
	var list []hostOf
	s.auditor.claims(func(c availability.Claim) {
		if c.IsProven(p, now) {
			list = append(list, hostOf{c.Torrent, c.Member, c.Network})
		}
	})
	for i, h := range list { // no audit waits for this
		list[i].network = settle.Cluster(h.network)
	}
	slices.SortFunc(list, func(a, b hostOf) int { return cmp.Compare(a.torrent, b.torrent) })
	out := map[bt.TorrentID]int{}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].torrent == list[0].torrent {
			n++
		}
		out[list[0].torrent] = countClusters(list[:n])
		list = list[n:]
	}
	return out
}

// hostOf is who hosts a torrent, and from which network.
type hostOf struct {
	torrent bt.TorrentID
	member  bt.MemberID
	network netip.Prefix // zero: it tells nobody apart
}

// countClusters counts the groups of a torrent's hosts that members or networks connect.
func countClusters(hosts []hostOf) int {
	parent, clusters := make([]int, len(hosts)), len(hosts)
	join := func(a, b int) {
		for parent[a] != a {
			a = parent[a]
		}
		for parent[b] != b {
			b = parent[b]
		}
		if a != b {
			parent[max(a, b)] = min(a, b)
			clusters--
		}
	}
	members, networks := map[bt.MemberID]int{}, map[netip.Prefix]int{}
	for i, h := range hosts {
		parent[i] = i
		if first, known := members[h.member]; known {
			join(first, i)
		}
		members[h.member] = i
		if first, known := networks[h.network]; known {
			join(first, i)
		}
		if h.network.IsValid() {
			networks[h.network] = i
		}
	}
	return clusters
}
