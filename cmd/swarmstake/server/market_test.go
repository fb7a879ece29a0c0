package server

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// money reads an amount of an answer.
func money(t *testing.T, n fmt.Stringer) tokens.Amount {
	t.Helper()
	v, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		t.Fatalf("amount %q: %v", n, err)
	}
	return tokens.Amount(v)
}

// paying is quick with a hosting reward.
func paying(dir string) Config {
	c := quick(dir)
	c.Settle.InflationPPM, c.Settle.TorrentCapPPM, c.Settle.PublisherCapPPM = 1_000_000_000, 1_000_000, 1_000_000
	return c
}

// hostProven makes a node of a member's that proved to host a torrent.
func (r *rig) hostProven(m bt.MemberID, s *shared) *node {
	r.t.Helper()
	n := r.pair(m)
	report := seeder.Report{Port: 6881, Claims: []seeder.Claim{{InfoHash: s.hash.String(), PeerID: strings.Repeat("41", 20), Bytes: s.file.Size, Complete: true}}}
	if a, err := n.client.Report(r.t.Context(), report); err != nil || len(a.Accepted) != 1 {
		r.t.Fatalf("%+v, %v", a, err)
	}
	r.prove()
	return n
}

// hostedBy is what the ledger says that hosting brought a member's only node.
func (r *rig) hostedBy(m bt.MemberID, n bt.NodeID) (sum tokens.Amount) {
	r.t.Helper()
	totals, err := r.store.Totals(r.t.Context(), tokens.CodeHosting, tokens.CodeRetain)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, x := range totals {
		if x.To == tokens.Available(m) || x.To == tokens.Retained(n) {
			sum += x.Sum
		}
	}
	return sum
}

// The daemon's own client reads the market, what it earned, its audits and how it stands, all of which
// agree with the ledger.
func TestMarketAndEarnings(t *testing.T) {
	r := openServer(t, paying(t.TempDir()))
	publisher, host, leecher := r.member("publisher", 0, 0), r.member("host", 0, 0), r.member("leecher", 1000*tokens.Unit, 50*tokens.Unit)
	s, unapproved := r.share(publisher, 64, catalog.V1), r.torrent(publisher)
	r.run()
	defer r.stop()
	n := r.hostProven(host, s)
	r.announce(host, s.hash, 0, 0, 0, "started")
	r.announce(leecher, s.hash, 0, 0, int64(s.file.Size), "started")
	time.Sleep(100 * time.Millisecond) // presence, in which bytes can have moved
	r.announce(leecher, s.hash, 0, int64(s.file.Size), 0, "completed")
	r.announce(host, s.hash, int64(s.file.Size), 0, 0, "")

	var e seeder.Earnings
	r.eventually("hosting and uploading earned something", func() bool {
		var err error
		before := r.hostedBy(host, n.id)
		if e, err = n.client.Earnings(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		hosted := money(t, e.Days[0].Hosting) + money(t, e.Days[1].Hosting)
		if after := r.hostedBy(host, n.id); hosted < before || hosted > after {
			t.Fatalf("the days have %d for hosting, the ledger had %d and has %d", hosted, before, after)
		}
		return len(e.Days) == 2 && len(e.Torrents) == 1 && money(t, e.Torrents[0].Day) > 0 && money(t, e.Torrents[0].DayUpload) > 0
	})
	x := e.Torrents[0]
	if x.InfoHash != s.hash.String() || x.Hosts != 1 || x.Scarcity != 1_000_000 || x.Bytes != s.file.Size || !strings.Contains(x.Why, "Nobody else") || money(t, e.Today) <= 0 {
		t.Errorf("%+v", x)
	}
	if len(e.Lines) == 0 || !strings.HasPrefix(e.Lines[0].URL, r.base+"/transfers/") || e.MayPay || money(t, e.Held) <= 0 || e.Symbol != "VIDYA" {
		t.Errorf("%+v", e)
	}
	r.checkMarket(n, s, unapproved)
	st, err := n.client.Status(t.Context())
	if err != nil || st.State != "active" || len(st.Claims) != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	page, err := n.client.Audits(t.Context(), 0, 100)
	if err != nil || len(page.Audits) == 0 || page.Next != 0 {
		t.Fatalf("%+v, %v", page, err)
	}
	first := page.Audits[len(page.Audits)-1] // audits go on meanwhile
	if first.Verdict != "passed" || first.InfoHash != s.hash.String() || first.Name != s.name || first.URL != fmt.Sprintf("%s/audits/%d", r.base, first.ID) {
		t.Errorf("%+v", first)
	}
}

func (r *rig) checkMarket(n *node, s *shared, unapproved bt.InfoHash) {
	r.t.Helper()
	var m seeder.Market
	r.eventually("the market knows of the download", func() bool {
		var err error
		if m, err = n.client.Market(r.t.Context(), ""); err != nil {
			r.t.Fatal(err)
		}
		return len(m.Torrents) == 2 && m.Torrents[0].Day == s.file.Size && money(r.t, m.Torrents[0].DayPaid) > 0
	})
	one, two, e := m.Torrents[0], m.Torrents[1], m.Economy
	if one.InfoHash != s.hash.String() || one.Hosts != 1 || one.Seeders != 2 || !one.Approved || one.Uploader != "publisher" || one.Category != "other" || m.Next != "" {
		r.t.Errorf("%+v", one)
	}
	if two.InfoHash != unapproved.String() || two.Approved || two.Hosts != 0 || two.Day != 0 {
		r.t.Errorf("%+v", two)
	}
	if money(r.t, e.HostingRate) <= 0 || money(r.t, e.TorrentCap) <= 0 || e.Replicas != 5 || e.UploaderPPM != 800_000 || e.EpochSeconds != 1 || e.SettleSeconds != 1 ||
		e.EpochEndsAt.Before(time.Now().Add(-10*time.Second)) || e.AuditsPerDayPPM != 4_000_000 || e.EntryAuditSecs != 3601 {
		r.t.Errorf("%+v", e)
	}
}

// The market is read again once it is old; what is settled is not.
func TestMarketIsRenewed(t *testing.T) {
	conf := quick(t.TempDir())
	conf.Server.EpochLength = time.Hour
	r := openServer(t, conf)
	now := time.Now()
	r.now = func() time.Time { return now }
	publisher := r.member("publisher", 0, 0)
	r.torrent(publisher)
	look := func() int {
		t.Helper()
		_, list, err := r.Market(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	cheap := func() { // as if it had cost nothing to make
		o := *r.offers.last.Load()
		o.keep = marketAge
		r.offers.last.Store(&o)
	}
	if n := look(); n != 1 {
		t.Fatalf("%d torrents", n)
	}
	cheap()
	r.torrent(publisher)
	now = now.Add(marketAge - time.Second)
	if n := look(); n != 1 {
		t.Errorf("%d torrents within a minute", n)
	}
	now = now.Add(time.Second)
	r.offers.making.Lock() // somebody makes it
	if n := look(); n != 1 {
		t.Errorf("%d torrents while the market is made", n)
	}
	r.offers.making.Unlock()
	if n := look(); n != 2 {
		t.Errorf("%d torrents after a minute", n)
	}
	cheap()
	r.torrent(publisher)
	now = now.Add(-time.Hour)
	if n := look(); n != 3 {
		t.Errorf("%d torrents after the clock went back", n)
	}
}

func TestCountClusters(t *testing.T) {
	net := func(text string) (p netip.Prefix) {
		if text != "" {
			p = netip.MustParsePrefix(text)
		}
		return p
	}
	const a, b, c = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"
	for name, x := range map[string]struct {
		hosts []hostOf
		want  int
	}{
		"one":                       {[]hostOf{{1, 1, net(a)}}, 1},
		"two":                       {[]hostOf{{1, 1, net(a)}, {1, 2, net(b)}}, 2},
		"one member":                {[]hostOf{{1, 1, net(a)}, {1, 1, net(b)}}, 1},
		"one network":               {[]hostOf{{1, 1, net(a)}, {1, 2, net(a)}}, 1},
		"unknown networks":          {[]hostOf{{1, 1, net("")}, {1, 2, net("")}}, 2},
		"a chain":                   {[]hostOf{{1, 1, net(a)}, {1, 2, net(b)}, {1, 2, net(a)}, {1, 3, net(b)}}, 1},
		"two groups, joined late":   {[]hostOf{{1, 1, net(a)}, {1, 2, net(b)}, {1, 3, net(a)}, {1, 4, net(b)}, {1, 3, net(c)}, {1, 4, net(c)}}, 1},
		"two groups, never joined":  {[]hostOf{{1, 1, net(a)}, {1, 2, net(b)}, {1, 3, net(a)}, {1, 4, net(b)}, {1, 3, net("")}, {1, 4, net("")}}, 2},
		"three, two of one network": {[]hostOf{{1, 1, net(a)}, {1, 2, net(b)}, {1, 3, net(b)}}, 2},
	} {
		if got := countClusters(x.hosts); got != x.want {
			t.Errorf("%s: %d clusters, want %d", name, got, x.want)
		}
	}
}
