package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// peer is an engine that announces nothing by itself.
type peer struct {
	*engine.Engine
	*engine.Torrent
	ip string
	m  bt.MemberID
	s  *shared
}

// peer opens an engine on a folder; its test announces for it.
func (r *rig) peer(ip, dir string, m bt.MemberID, s *shared) *peer {
	r.t.Helper()
	e, err := engine.Open(engine.Config{DataDir: dir, StateDir: r.t.TempDir(), ListenAddr: ip + ":0"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { e.Close() })
	raw, err := r.store.Metainfo(r.t.Context(), s.id)
	if err != nil {
		r.t.Fatal(err)
	}
	tor, err := e.Add(r.t.Context(), raw, engine.AddOptions{SeedOnly: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return &peer{Engine: e, Torrent: tor, ip: ip, m: m, s: s}
}

// announce tells the tracker that the peer is at a port, and returns the peers of the reply.
func (p *peer) announce(r *rig, port uint16, up, down, left int64) []netip.AddrPort {
	r.t.Helper()
	id := p.Stats().PeerID
	q := url.Values{"info_hash": {string(p.s.hash[:])}, "peer_id": {string(id[:])}, "port": {fmt.Sprint(port)}, "compact": {"1"},
		"uploaded": {fmt.Sprint(up)}, "downloaded": {fmt.Sprint(down)}, "left": {fmt.Sprint(left)}}
	var d net.Dialer
	d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(p.ip)}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return d.DialContext(ctx, network, addr)
	}}}
	res, err := client.Get(r.roster.AnnounceURL(p.m, p.s.hash) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var reply struct {
		Failure string `bencode:"failure reason"`
		Peers   string `bencode:"peers"`
	}
	if err := bencode.Unmarshal(body, &reply); err != nil || reply.Failure != "" {
		r.t.Fatalf("announce: %v: %q", err, body)
	}
	var out []netip.AddrPort
	for b := []byte(reply.Peers); len(b) >= 6; b = b[6:] {
		out = append(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), uint16(b[4])<<8|uint16(b[5])))
	}
	return out
}

// TestPeerWithClosedPortIsProven: a standard client that nobody can dial finds the prober in the reply
// to an announce, dials it, and is proven; a stranger with its own port open is told of nobody.
func TestPeerWithClosedPortIsProven(t *testing.T) {
	t.Parallel()
	conf := audited(t.TempDir())
	conf.Tracker.SeederInterval = 5 * time.Second
	prober := freePort(t, loopback(10))
	conf.Probe.Listen = prober.String()
	r := openServer(t, conf)
	closed, open := r.member("closed", 0, 50*tokens.Unit), r.member("open", 0, 50*tokens.Unit)
	s := r.share(closed, 8, catalog.V1)
	r.run()
	defer func() { r.stop() }()
	p, q := r.peer(loopback(11), s.folder(t), closed, s), r.peer(loopback(12), s.folder(t), open, s)
	port := freePort(t, loopback(11)).Port()
	var told []netip.AddrPort
	r.eventually("the peer with a closed port is told of the prober", func() bool {
		for _, a := range q.announce(r, q.Addr().Port(), 0, 0, 0) {
			if a == prober {
				t.Fatal("a peer that can be dialled is told of the prober")
			}
		}
		for _, a := range p.announce(r, port, 0, 0, 0) {
			if a == prober {
				told = append(told, a)
			}
		}
		return len(told) > 0
	})
	if r.claim(s.id, closed, 0).IsProven(r.rules().Availability, r.now()) {
		t.Fatal("proven before it dialled: the test shows nothing")
	}
	p.AddPeers(told)
	r.proven("the peer that dialled the prober", s.id, closed, 0)
	r.proven("the peer that was dialled", s.id, open, 0)
	a := r.audits(r.claim(s.id, closed, 0).ID)[0]
	if a.Carrier != "wire" || a.Asked != conf.Availability.Blocks || a.Bytes == 0 {
		t.Errorf("proven by %+v", a)
	}
	r.eventually("it is told of the prober no more", func() bool {
		for _, a := range p.announce(r, port, 0, 0, 0) {
			if a == prober {
				return false
			}
		}
		return true
	})
}
