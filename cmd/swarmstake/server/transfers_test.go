package server

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// What the daemon's own client reports is kept by the member whose session the peer is, once; the member's
// client admitted less, which operators see.
func TestTransfersAreKeptByMember(t *testing.T) {
	conf := quick(t.TempDir())
	conf.Server.EpochLength = time.Hour
	r := openServer(t, conf)
	publisher, host, leecher := r.member("publisher", 0, 0), r.member("host", 0, 0), r.member("leecher", 1000*tokens.Unit, 50*tokens.Unit)
	h := r.torrent(publisher)
	r.run()
	defer r.stop()
	n := r.pair(host)
	r.announce(host, h, 0, 0, 0, "started")
	r.announce(leecher, h, 0, 0, testSize, "started")
	id := fmt.Sprintf("%x", fmt.Sprintf("-TR3000-%012d", leecher))
	row := func(infohash, peer, addr string, sent, received bt.Bytes) seeder.Transfer {
		return seeder.Transfer{InfoHash: infohash, PeerID: peer, Addr: addr, Sent: sent, Received: received}
	}
	good := h.String()
	report := seeder.TransferReport{Batch: "one", From: time.Now().Add(-time.Minute), Until: time.Now(), Transfers: []seeder.Transfer{
		row(good, id, "127.0.0.1", testSize, 7), row(good, strings.Repeat("42", 20), "[2001:db8::7]:6881", 5, 0),
		row(strings.Repeat("ee", 20), id, "127.0.0.1", 1, 1), row(good, "4142", "127.0.0.1", 1, 1), row(good, id, "nowhere", 1, 1),
		row(good, id, "127.0.0.1", -1, 1), row(good, id, "127.0.0.1", 1<<62, 1)}}
	for range 2 { // the answer to the first got lost
		again, err := n.client.ReportTransfers(t.Context(), report)
		if err != nil || again != 5*time.Second {
			t.Fatalf("%v, %v", again, err)
		}
	}
	list, err := r.store.SilentPeers(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Member != leecher || list[0].Said != testSize || list[0].Admitted != 0 || list[0].Owners != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	stranger := r.pair(publisher) // is not in the swarm, and can have sent nothing
	report.Batch = "two"
	if _, err := stranger.client.ReportTransfers(t.Context(), report); err != nil {
		t.Fatal(err)
	}
	if list, err = r.store.SilentPeers(t.Context(), 10); err != nil || len(list) != 1 || list[0].Owners != 1 || list[0].Said != testSize {
		t.Errorf("with a node that has no part in the torrent: %+v, %v", list, err)
	}
	time.Sleep(100 * time.Millisecond) // presence, in which bytes can have moved
	r.announce(leecher, h, 0, testSize, 0, "completed")
	r.eventually("what the client admits is counted", func() bool {
		list, err = r.store.SilentPeers(t.Context(), 10)
		return err == nil && len(list) == 0
	})
}

// Whose a peer is: by its id in the network that it was seen in; an id that turns out to be copied is nobody's,
// also if it was known before.
func TestTransfersAreNotPutDownToOthers(t *testing.T) {
	t.Parallel()
	w := newSwarm(t)
	peer := swarm.Sought{PeerID: bt.PeerID([]byte(fmt.Sprintf("-TR3000-%012d", w.pays))), Addr: netip.MustParseAddr("198.51.100.7")}
	row := func() bt.MemberID {
		return w.owned([]transfer{{store.Exchange{Torrent: w.s.id, Network: "198.51.100.0/24"}, peer}})[0].Member
	}
	if row() != w.pays {
		t.Error("a peer that is there is not known")
	}
	w.announce(w.node.member, w.s.hash, 0, 0, 0, "started")
	q := w.query(w.pays)
	q.Addr = "198.51.100.7:4000"
	w.access(w.node, q)
	w.announce(w.pays, w.s.hash, 0, 0, 0, "stopped")
	if row() != w.pays {
		t.Error("a peer that was there is forgotten")
	}
	elsewhere := peer
	elsewhere.Addr = netip.MustParseAddr("203.0.113.7")
	if m := w.owners.of(w.now(), w.s.id, elsewhere); m != 0 {
		t.Errorf("in another network it is %d", m)
	}
	for _, m := range []bt.MemberID{w.seeds, w.node.member} { // two members show it
		w.announceAs(m, peer.PeerID)
	}
	if m := row(); m != 0 {
		t.Errorf("an id that two have is put down to %d", m)
	}
	w.access(w.node, q)
	if m := w.owners.of(w.now(), w.s.id, peer); m != 0 {
		t.Errorf("an id that two have is remembered as that of %d", m)
	}
	if x := w.owned([]transfer{{store.Exchange{Torrent: w.s.id, Network: "198.51.100.0/24"}, peer}})[0]; x.Network != "" {
		t.Errorf("the network of a stranger is kept: %+v", x)
	}
}

// announceAs has a member seed under a peer id.
func (w swarmOf) announceAs(m bt.MemberID, id bt.PeerID) {
	w.t.Helper()
	q := url.Values{"info_hash": {string(w.s.hash[:])}, "peer_id": {string(id[:])}, "port": {"6881"}, "left": {"0"}, "uploaded": {"0"}, "downloaded": {"0"}, "event": {"started"}}
	res, err := http.Get(w.roster.AnnounceURL(m, w.s.hash) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || strings.Contains(string(body), "failure reason") {
		w.t.Fatalf("announce: %q, %v", body, err)
	}
}

func TestTransferRowsAreChecked(t *testing.T) {
	conf := quick(t.TempDir())
	conf.Settle.LinkCap = 1000
	r := openServer(t, conf)
	h := r.torrent(r.member("publisher", 0, 0))
	const most = 100_000 // of a minute and 40 s
	if years := r.linkCarries(5 * 365 * 24 * time.Hour); years != 86_400_000 {
		t.Errorf("%d bytes in years, want those of a day", years)
	}
	good := web.Transfer{InfoHash: h.String(), PeerID: strings.Repeat("41", 20), Addr: "198.51.100.7:6881", Sent: most}
	for name, c := range map[string]struct {
		spoil  func(*web.Transfer)
		reason string
		net    string
	}{
		"good":             {func(*web.Transfer) {}, "", "198.51.100.0/24"},
		"without a port":   {func(x *web.Transfer) { x.Addr = "198.51.100.7" }, "", "198.51.100.0/24"},
		"mapped":           {func(x *web.Transfer) { x.Addr = "::ffff:198.51.100.7" }, "", "198.51.100.0/24"},
		"IPv6":             {func(x *web.Transfer) { x.Addr = "[2001:4860:1:2::3]:1" }, "", "2001:4860:1::/48"},
		"private":          {func(x *web.Transfer) { x.Addr = "10.0.0.1" }, "", ""},
		"a zone":           {func(x *web.Transfer) { x.Addr = "fe80::1%eth0" }, "", ""},
		"too much":         {func(x *web.Transfer) { x.Sent++ }, reasonBytes, ""},
		"received as much": {func(x *web.Transfer) { x.Received = most + 1 }, reasonBytes, ""},
		"negative":         {func(x *web.Transfer) { x.Received = -1 }, reasonBytes, ""},
		"no hash":          {func(x *web.Transfer) { x.InfoHash = "x" }, reasonTorrent, ""},
		"unknown":          {func(x *web.Transfer) { x.InfoHash = strings.Repeat("0", 40) }, reasonTorrent, ""},
		"short id":         {func(x *web.Transfer) { x.PeerID = "41" }, reasonPeer, ""},
		"no id":            {func(x *web.Transfer) { x.PeerID = strings.Repeat("zz", 20) }, reasonPeer, ""},
		"no address":       {func(x *web.Transfer) { x.Addr = "" }, reasonPeer, ""},
	} {
		x := good
		c.spoil(&x)
		row, reason := r.checkTransfer(x, r.linkCarries(40*time.Second+transferSlack))
		if reason != c.reason || row.Network != c.net {
			t.Errorf("%s: %q, network %q", name, reason, row.Network)
		}
	}
}

// FuzzAddrOf: what is taken for an address is one without a zone.
func FuzzAddrOf(f *testing.F) {
	for _, text := range []string{"", "192.0.2.1", "192.0.2.1:80", "[::1]:1", "fe80::1%eth0", "[fe80::1%x]:2", "::ffff:1.2.3.4", "1.2.3", ":1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, ok := addrOf(text)
		if !ok {
			return
		}
		if back, err := netip.ParseAddr(a.String()); err != nil || back != a || a.Zone() != "" || a.Is4In6() {
			t.Errorf("%q is read as %v", text, a)
		}
	})
}
