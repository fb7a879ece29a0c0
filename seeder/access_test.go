package seeder

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// connection is the nth of a test.
func connection(n int) engine.Conn {
	return engine.Conn{ConnKey: engine.ConnKey{InfoHash: bt.InfoHash{1}, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 7000)},
		PeerID: bt.PeerID{byte(n >> 8), byte(n)}, Since: noon.Add(time.Duration(n) * time.Millisecond)}
}

func granted(c engine.Conn, rate, valid int64) Grant {
	return Grant{PeerQuery: query(c), Granted: true, Rate: rate, Valid: valid}
}

func TestGrantsAreRenewedBeforeTheyRunOut(t *testing.T) {
	g, now := grants{}, noon
	paid, other, silent := connection(1), connection(2), connection(3)
	conns := []engine.Conn{paid, other, silent}
	asked := g.due(conns, now)
	if !slices.Equal(asked, conns) {
		t.Fatalf("asks about %v", asked)
	}
	verdicts := g.take(asked, []Grant{{PeerQuery: query(other), Valid: 300}, granted(paid, 5000, 300), granted(connection(9), 1, 300)}, now)
	if want := []verdict{{paid.ConnKey, true, 5000}, {other.ConnKey, false, 0}}; !slices.Equal(verdicts, want) {
		t.Errorf("verdicts %v, want %v", verdicts, want)
	}
	for after, want := range map[time.Duration][]engine.Conn{
		refusedAgain - 1: nil, refusedAgain: {other, silent}, 225*time.Second - 1: {other, silent}, 225 * time.Second: {other, silent, paid},
	} {
		if got := g.due(conns, now.Add(after)); !slices.Equal(got, want) {
			t.Errorf("after %s it asks about %v, want %v", after, got, want)
		}
	}
}

func TestGrantsOfClosedConnectionsAreForgotten(t *testing.T) {
	g := grants{}
	first, again := connection(1), connection(1)
	again.Since = noon.Add(time.Minute)
	g.take([]engine.Conn{first}, []Grant{granted(first, 0, 3600)}, noon)
	if got := g.due([]engine.Conn{again}, noon); !slices.Equal(got, []engine.Conn{again}) {
		t.Errorf("another connection from the same port has the grant of the one before: %v", got)
	}
	g.take([]engine.Conn{again}, []Grant{granted(again, 0, 3600)}, noon)
	if got := g.due(nil, noon); len(got) != 0 || len(g) != 0 {
		t.Errorf("remembers %v", g)
	}
}

func TestGrantsAskNewPeersFirstAndNotTooMany(t *testing.T) {
	g := grants{}
	var old, fresh []engine.Conn
	for n := range 400 {
		old, fresh = append(old, connection(n)), append(fresh, connection(1000+n))
	}
	g.take(old, nil, noon.Add(-time.Minute)) // due again
	got := g.due(slices.Concat(old, fresh), noon)
	if len(got) != MaxPeerQueries || !slices.Equal(got[:400], fresh) {
		t.Errorf("asks about %d, new ones first: %t", len(got), slices.Equal(got[:min(len(got), 400)], fresh))
	}
	g.take(got, nil, noon)
	if rest := g.due(slices.Concat(old, fresh), noon); len(rest) != 300 {
		t.Errorf("the rest are %d, want 300", len(rest))
	}
}

func TestGrantsDoNotBelieveNonsense(t *testing.T) {
	for _, c := range []struct {
		answer Grant
		again  time.Duration
	}{
		{granted(connection(1), 1, -5), minGrant * 3 / 4},
		{granted(connection(1), 1, 1<<62), maxGrant * 3 / 4},
		{granted(connection(1), -1, 300), refusedAgain},
	} {
		g, conns := grants{}, []engine.Conn{connection(1)}
		verdicts := g.take(conns, []Grant{c.answer, c.answer}, noon)
		if c.answer.Rate < 0 && len(verdicts) > 0 {
			t.Errorf("a negative rate is taken: %v", verdicts)
		}
		if len(g.due(conns, noon.Add(c.again-1))) != 0 || len(g.due(conns, noon.Add(c.again))) != 1 {
			t.Errorf("valid for %d: not asked again after %s", c.answer.Valid, c.again)
		}
	}
}

func TestQueryNamesAPeerAsTheTrackerDoes(t *testing.T) {
	c := connection(1)
	c.Remote = netip.MustParseAddrPort("[::ffff:10.1.2.3]:6881")
	want := PeerQuery{InfoHash: "01" + zeros(38), PeerID: "0001" + zeros(36), Addr: "10.1.2.3:6881"}
	if got := query(c); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func zeros(n int) string { return fmt.Sprintf("%0*d", n, 0) }

// accessList answers with a rate for the peers it knows by their address.
func (s *nodeServer) accessList(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Peers []PeerQuery `json:"peers"`
	}
	json.NewDecoder(r.Body).Decode(&in) //nolint:errcheck // an empty question fails the test
	s.asked = append(s.asked, in.Peers...)
	out := []Grant{}
	for _, p := range in.Peers {
		remote, _ := netip.ParseAddrPort(p.Addr)
		out = append(out, Grant{PeerQuery: p, Granted: s.paid[remote.Addr()], Valid: 300})
	}
	slices.Reverse(out)
	json.NewEncoder(w).Encode(map[string]any{"grants": out, "again_seconds": 1}) //nolint:errcheck // the client may be gone
}

// grantedTo reports whether a connection from an address is granted.
func grantedTo(eng *engine.Engine, ip string) bool {
	return slices.ContainsFunc(eng.Conns(), func(c engine.Conn) bool { return c.Remote.Addr().Unmap().String() == ip && c.Granted })
}

func TestOnlyPaidUpPeersAreServed(t *testing.T) {
	s := newNodeServer(t)
	s.set(func() { s.paid[netip.MustParseAddr("127.0.0.4")] = true })
	d := newLoops(t, s, Settings{Courtesy: new(int64(engine.NoCourtesy))})
	torrent := d.seed(t, "access.bin")
	d.loop(t, d.accessLoop)
	other := d.download(t, torrent, "127.0.0.5")
	paid := d.download(t, torrent, "127.0.0.4")
	await(t, "a paid-up peer has all of it", func() bool { return paid.Stats().Complete })
	await(t, "the other one was asked about", func() (asked bool) {
		s.set(func() {
			asked = slices.ContainsFunc(s.asked, func(p PeerQuery) bool { return netip.MustParseAddrPort(p.Addr).Addr().String() == "127.0.0.5" })
		})
		return asked
	})
	if got := other.Stats().Left; got != other.Stats().Size {
		t.Errorf("who did not pay has all but %d bytes", got)
	}
}

func TestGrantsOutliveTheTracker(t *testing.T) {
	s := newNodeServer(t)
	s.set(func() { s.paid[netip.MustParseAddr("127.0.0.4")] = true })
	d := newLoops(t, s, Settings{Courtesy: new(int64(1024))})
	torrent := d.seed(t, "outage.bin")
	stop := d.loop(t, d.accessLoop)
	d.download(t, torrent, "127.0.0.4")
	await(t, "a grant", func() bool { return grantedTo(d.eng, "127.0.0.4") })
	stop()
	a := &access{d: d.Daemon, grants: grants{}} // as once the grants have run out
	s.set(func() { s.status = http.StatusBadGateway })
	a.step(t.Context(), time.Now())
	if a.failures != 1 || !grantedTo(d.eng, "127.0.0.4") {
		t.Errorf("after %d failures the grant is gone: %t", a.failures, !grantedTo(d.eng, "127.0.0.4"))
	}
	n := len(s.asked)
	a.step(t.Context(), time.Now())
	s.set(func() { s.status = 0 })
	if a.failures != 1 || len(s.asked) != n {
		t.Error("a server that is down is asked again at once")
	}
	a.step(t.Context(), time.Now().Add(maxBackoff*2))
	if a.failures != 0 {
		t.Error("the server is back and is not asked")
	}
}

func TestOldServersHaveEverybodyServed(t *testing.T) {
	s := newNodeServer(t)
	d := newLoops(t, s, Settings{Courtesy: new(int64(engine.NoCourtesy))})
	torrent := d.seed(t, "old.bin")
	s.set(func() { s.status = http.StatusNotFound })
	d.loop(t, d.accessLoop)
	peer := d.download(t, torrent, "127.0.0.4")
	await(t, "everybody is served", func() bool { return peer.Stats().Complete })
}

func TestWithoutAnAccessListNobodyIsAskedAbout(t *testing.T) {
	s := newNodeServer(t)
	d := newLoops(t, s, Settings{Courtesy: new(int64(engine.NoAccessList))})
	torrent := d.seed(t, "all.bin")
	d.loop(t, d.accessLoop)
	peer := d.download(t, torrent, "127.0.0.4")
	await(t, "everybody is served", func() bool { return peer.Stats().Complete })
	s.set(func() {
		if len(s.asked) > 0 {
			t.Errorf("asked about %v", s.asked)
		}
	})
}
