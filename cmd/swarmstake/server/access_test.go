package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/probe"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// elsewhere is an address from which nobody announces.
const elsewhere = "192.0.2.1:4000"

// peerOf is the peer id under which a member announces in tests, in hex.
func peerOf(m bt.MemberID) string { return fmt.Sprintf("%x", fmt.Sprintf("-TR3000-%012d", m)) }

// access asks as a node does.
func (r *rig) access(n *node, q ...seeder.PeerQuery) []seeder.Grant {
	r.t.Helper()
	grants, err := n.client.Access(r.t.Context(), q)
	if err != nil || len(grants) != len(q) {
		r.t.Fatalf("%d grants for %d questions: %v", len(grants), len(q), err)
	}
	for i, g := range grants {
		if g.PeerQuery != q[i] {
			r.t.Fatalf("%+v is the answer to %+v", g, q[i])
		}
	}
	return grants
}

// swarmOf is a server with a torrent: a seeder, a leecher with funds, one without, and a node.
type swarmOf struct {
	*rig
	s                  *shared
	seeds, pays, broke bt.MemberID
	node               *node
}

func newSwarm(t *testing.T) swarmOf {
	t.Helper()
	conf := quick(t.TempDir())
	conf.Server.EpochLength = time.Hour
	r := openServer(t, conf)
	w := swarmOf{rig: r, seeds: r.member("seeds", 0, 50*tokens.Unit), pays: r.member("pays", 100*tokens.Unit, 50*tokens.Unit), broke: r.member("broke", 0, 50*tokens.Unit)}
	w.s = r.share(w.seeds, 64, catalog.V1)
	r.run()
	t.Cleanup(func() { r.stop() })
	size := int64(w.s.file.Size)
	r.announce(w.seeds, w.s.hash, 0, 0, 0, "started")
	r.announce(w.pays, w.s.hash, 0, 0, size, "started")
	if body := r.ask(w.broke, w.s.hash, 0, 0, size, "started"); !strings.Contains(body, "not enough funds") {
		t.Fatalf("announce: %q", body)
	}
	w.node = r.pair(r.member("hosts", 0, 50*tokens.Unit))
	return w
}

// query asks for a member by its peer id.
func (w swarmOf) query(m bt.MemberID) seeder.PeerQuery {
	return seeder.PeerQuery{InfoHash: w.s.hash.String(), PeerID: peerOf(m), Addr: elsewhere}
}

// ration has the torrent rationed from now on.
func (w swarmOf) ration(perSecond bt.Bytes) {
	w.market.short.Store(&map[bt.TorrentID]bt.Bytes{w.s.id: perSecond})
}

func TestAccessList(t *testing.T) {
	t.Parallel()
	w := newSwarm(t)
	seeds, pays, broke, nobody := w.query(w.seeds), w.query(w.pays), w.query(w.broke), w.query(999)
	known := nobody
	known.Addr = "127.0.0.1:50000"
	other := pays
	other.InfoHash = strings.Repeat("0a", 20)
	q := []seeder.PeerQuery{broke, seeds, pays, nobody, known, other}
	for _, g := range w.access(w.node, q...) {
		if g.Granted {
			t.Errorf("a node that has no part in the torrent learns of %+v", g)
		}
	}
	claim := seeder.Claim{InfoHash: w.s.hash.String(), PeerID: strings.Repeat("41", 20), Bytes: w.s.file.Size, Complete: true}
	if a, err := w.node.client.Report(t.Context(), seeder.Report{Port: 6881, Claims: []seeder.Claim{claim}}); err != nil || len(a.Accepted) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	grants := w.access(w.node, q...)
	for i, want := range []seeder.Grant{
		{Valid: 30},
		{Granted: true, Rate: 64 << 10, Valid: 300},
		{Granted: true, Valid: 300},
		{Valid: 30},
		{Granted: true, Valid: 300}, // by address: the leecher with funds, not the seeder
		{Valid: 30},
	} {
		if want.PeerQuery = q[i]; grants[i] != want {
			t.Errorf("%+v, want %+v", grants[i], want)
		}
	}
	w.announce(w.pays, w.s.hash, 0, 0, 0, "stopped")
	if g := w.access(w.node, pays)[0]; g.Granted {
		t.Error("a peer that left is granted")
	}
	if g := w.access(w.node); len(g) != 0 {
		t.Errorf("no question, %+v", g)
	}
}

// A node that still fetches a torrent claims nothing; its client is in the swarm.
func TestAccessOfANodeThatDownloads(t *testing.T) {
	t.Parallel()
	w := newSwarm(t)
	w.announce(w.node.member, w.s.hash, 0, 0, 0, "started")
	if g := w.access(w.node, w.query(w.pays))[0]; !g.Granted {
		t.Error("a paid-up peer is not granted")
	}
	w.announce(w.node.member, w.s.hash, 0, 0, 0, "stopped")
	if g := w.access(w.node, w.query(w.pays))[0]; g.Granted {
		t.Error("the node has left")
	}
}

// While a torrent is short its capacity is divided by what downloads reserved.
func TestAccessIsRationed(t *testing.T) {
	t.Parallel()
	w := newSwarm(t)
	half := w.member("half", 100*tokens.Unit, 50*tokens.Unit)
	size := int64(w.s.file.Size)
	w.announce(half, w.s.hash, 0, 0, size, "started")
	w.announce(half, w.s.hash, 0, size*3/4, size/4, "")
	w.announce(w.node.member, w.s.hash, 0, 0, 0, "started")
	var reserved [2]tokens.Amount
	for i, m := range []bt.MemberID{w.pays, half} {
		d, _ := w.swarms.Download(swarm.DownloadKey{Member: m, Torrent: w.s.id})
		reserved[i] = d.Reserved
	}
	const capacity = 3 << 20
	w.ration(capacity)
	grants := w.access(w.node, w.query(w.pays), w.query(half), w.query(w.seeds))
	for i := range reserved {
		if want := surge.Share(capacity, reserved[i], reserved[0]+reserved[1], 64<<10); grants[i].Rate != int64(want) {
			t.Errorf("%s of %s reserved: %d bytes/s, want %d", reserved[i], reserved[0]+reserved[1], grants[i].Rate, want)
		}
	}
	if grants[0].Rate <= grants[1].Rate || grants[1].Rate <= 64<<10 || grants[2].Rate != 64<<10 {
		t.Errorf("who reserved most, who reserved less, and a seeder have %d, %d, %d", grants[0].Rate, grants[1].Rate, grants[2].Rate)
	}
	if err := w.store.SetFree(t.Context(), w.s.id, w.now().Add(time.Hour), w.seeds); err != nil {
		t.Fatal(err)
	}
	if err := w.roster.TorrentAdded(t.Context(), w.s.id); err != nil {
		t.Fatal(err)
	}
	if g := w.access(w.node, w.query(half))[0]; !g.Granted || g.Rate != 0 {
		t.Errorf("of a torrent that is free %+v", g)
	}
}

// A round of pricing says what is rationed: what is short, and what its seeders give.
func TestPricingRations(t *testing.T) {
	t.Parallel()
	w := newSwarm(t)
	w.announce(w.node.member, w.s.hash, 0, 0, 0, "started")
	var c availability.Claim
	w.eventually("the seeder has a claim", func() bool { c = w.claim(w.s.id, w.seeds, 0); return c.ID > 0 })
	target := availability.Target{}
	w.auditor.judgeBatch(t.Context(), []store.Judgement{{
		Audit: availability.Audit{Claim: c.ID, Kind: availability.EntryKind, Draw: c.Draws, Targets: []availability.Target{target}}, Claim: c, Epoch: w.epoch().Number,
		Outcome: availability.Outcome{Bytes: 512 << 10, Elapsed: time.Second, Results: []availability.Result{{Target: target, Verdict: availability.Passed}}},
	}})
	for _, round := range []struct{ saturation, rate int64 }{{2 * surge.PPM, 1 << 20}, {surge.PPM / 2, 0}, {2 * surge.PPM, 1 << 20}} {
		w.market.states[w.s.id] = surge.State{MultiplierPPM: surge.PPM, SmoothedPPM: round.saturation}
		if err := w.reprice(t.Context(), w.now()); err != nil {
			t.Fatal(err)
		}
		if g := w.access(w.node, w.query(w.pays))[0]; !g.Granted || g.Rate != round.rate {
			t.Errorf("saturation %d: %+v, want %d bytes/s", round.saturation, g, round.rate)
		}
	}
}

// The prober comes as a leecher to see who serves only audits: it is granted what a member is. When it
// comes as itself it measures what there is, and nothing holds it back.
func TestAccessOfTheProber(t *testing.T) {
	t.Parallel()
	w := newSwarm(t)
	w.announce(w.node.member, w.s.hash, 0, 0, 0, "started")
	came := make(chan string, 10)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var hello [68]byte
			if _, err := io.ReadFull(c, hello[:]); err == nil && hello[0] == 19 {
				came <- fmt.Sprintf("%x", hello[48:])
			}
			c.Close()
		}
	}()
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	req := probe.Request{Addr: addr, InfoHash: w.s.hash, Torrent: w.s.file, Targets: []availability.Target{{Piece: 0}}, MaxBytes: 1 << 20, MaxPieces: 1}
	w.auditor.prober.Leech(t.Context(), req)
	w.auditor.prober.Probe(t.Context(), req)
	as := func(id string) seeder.PeerQuery {
		return seeder.PeerQuery{InfoHash: w.s.hash.String(), PeerID: id, Addr: "127.0.0.9:4000"}
	}
	leech, audit := as(<-came), as(<-came)
	if !strings.HasPrefix(audit.PeerID, fmt.Sprintf("%x", "-SP")) {
		t.Fatalf("the audit came as %s", audit.PeerID)
	}
	for _, capacity := range []bt.Bytes{0, 1 << 20} {
		if capacity > 0 {
			w.ration(capacity)
		}
		g := w.access(w.node, w.query(w.pays), leech, audit)
		g[1].PeerQuery = g[0].PeerQuery
		if g[0] != g[1] || (capacity > 0) != (g[1].Rate > 0) {
			t.Errorf("with %d bytes/s: a member is granted %+v, the prober %+v", capacity, g[0], g[1])
		}
		if !g[2].Granted || g[2].Rate != 0 || g[2].Valid != g[0].Valid {
			t.Errorf("with %d bytes/s: an audit is granted %+v", capacity, g[2])
		}
	}
}

func TestRations(t *testing.T) {
	short := ration{short: true, capacity: 8 << 20, guest: 64 << 10, crowd: swarm.Crowd{Reserved: 1000, Sample: 1}}
	for name, c := range map[string]struct{ got, want bt.Bytes }{
		"enough for all":                     {ration{guest: 1}.rate(swarm.Found{Known: true}), 0},
		"a seeder, always":                   {ration{guest: 1}.rate(swarm.Found{Known: true, Seeding: true}), 1},
		"who shows another's peer id":        {ration{guest: 1}.rate(swarm.Found{Known: true, ByPeerID: true, Elsewhere: true}), 1},
		"… also when it is short":            {short.rate(swarm.Found{Known: true, ByPeerID: true, Elsewhere: true, Reserved: 500}), 64 << 10},
		"a guest":                            {short.rate(swarm.Found{Known: true}), 64 << 10},
		"half of the funds":                  {short.rate(swarm.Found{Known: true, Reserved: 500}), 8 << 20},
		"the prober, small pieces":           {short.sample(1 << 20), 64 << 10},
		"the prober, a piece within minutes": {short.sample(16 << 20), 256 << 10},
		"the prober, enough for all":         {ration{guest: 1}.sample(16 << 20), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
}

func TestPortIsTested(t *testing.T) {
	t.Parallel()
	r := openServer(t, quick(t.TempDir()))
	r.run()
	defer func() { r.stop() }()
	n := r.pair(r.member("hosts", 0, 0))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := n.client.TestPort(t.Context(), l.Addr().(*net.TCPAddr).AddrPort().Port())
	if want := (seeder.PortTest{Addr: "127.0.0.1", Reachable: true}); err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	r.portTests.Store(maxPortTests)
	if p, err := n.client.TestPort(t.Context(), 6881); err != nil || p.Reachable || !strings.Contains(p.Reason, "try again in a minute") || r.portTests.Load() != maxPortTests {
		t.Errorf("among too many others: %+v, %v", p, err)
	}
	r.portTests.Store(0)
	p, err = n.client.TestPort(t.Context(), freePort(t, "127.0.0.1").Port())
	if err != nil || p.Reachable || !strings.Contains(p.Reason, "connection refused") {
		t.Errorf("%+v, %v", p, err)
	}
}
