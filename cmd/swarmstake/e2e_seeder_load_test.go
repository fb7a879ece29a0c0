package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestChallengesUnderFullLoad: a daemon that nobody can dial answers challenges in time while it sends
// as much as the machine can.
func TestChallengesUnderFullLoad(t *testing.T) {
	t.Parallel()
	const load, wanted = 2, 5
	ip := hostAddr(171)
	s := behindNAT(t, faultConfig(t, 170), ip, hostAddr(172))
	owner := s.addMember(t, "owner", "10", "50")
	c := newContent(t, "load.bin", 24<<20, "256KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	n := s.newNode(t, owner, ip, c.dir, "courtesy", "off")
	n.says(t, "torrents", "add", infohash)
	n.run(t)
	n.proven(t, infohash)
	at := netip.MustParseAddrPort(ip + ":" + n.port)
	file := owner.torrent(t, infohash)
	var sent atomic.Int64
	halt := make(chan struct{})
	for i := range load {
		n.drain(t, file, hostAddr(173+i), at, &sent, halt)
	}
	eventually(t, "the load to be on", patience, func() bool { return sent.Load() > int64(c.size) })
	began := s.number(t, "SELECT max(id) FROM audits")
	eventually(t, "challenges to be answered under load", patience, func() bool {
		return s.number(t, "SELECT count(*) FROM audits WHERE id > ? AND carrier = 'challenge' AND verdict = 'passed'", began) >= wanted
	})
	close(halt)
	if k := s.number(t, "SELECT count(*) FROM audits WHERE verdict NOT IN ('passed', 'inconclusive')"); k != 0 {
		t.Errorf("%d audits found a fault", k)
	}
	t.Logf("%d MiB were sent meanwhile; the slowest answer took %d ms", sent.Load()>>20, s.number(t, "SELECT max(elapsed_ms) FROM audits WHERE id > ?", began))
	n.end(t)
	n.blameless(t)
}

// behindNAT is a site that sees requests from one address as from another, where nobody listens.
func behindNAT(t *testing.T, config, inside, outside string) *site {
	t.Helper()
	s := &site{dir: filepath.Join(t.TempDir(), "data"), config: filepath.Join(t.TempDir(), "swarmstake.toml"),
		listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))}
	to := &url.URL{Scheme: "http", Host: s.listen}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		from := netip.MustParseAddrPort(p.In.RemoteAddr).Addr().String()
		if from == inside {
			from = outside
		}
		p.Out.Header.Set("X-Forwarded-For", from)
	}})
	t.Cleanup(proxy.Close)
	config = fmt.Sprintf("url = %q\ntrusted_proxies = [\"127.0.0.1/32\"]\n%s", proxy.URL, config)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	return s
}

// drain downloads a torrent from a daemon over and over, by nobody the tracker knows, until halt or the
// test's end.
func (n *nodeHost) drain(t *testing.T, file []byte, ip string, from netip.AddrPort, sent *atomic.Int64, halt <-chan struct{}) {
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for over := false; !over; {
			g := newGhost(t, file, ip, from)
			for g != nil && !over && !g.Stats().Complete {
				select {
				case <-halt:
					over = true
				case <-t.Context().Done():
					over = true
				case <-time.After(20 * time.Millisecond):
				}
			}
			if g == nil {
				return
			}
			sent.Add(int64(g.Stats().Downloaded))
			g.leave()
		}
	}()
}

// ghost is a peer that announces nothing and dials a daemon directly.
type ghost struct {
	*engine.Torrent
	leave func()
}

// newGhost returns nil, and fails the test, where it cannot be.
func newGhost(t *testing.T, file []byte, ip string, daemon netip.AddrPort) *ghost {
	dir, err := os.MkdirTemp("", "ghost-")
	if err != nil {
		t.Error(err)
		return nil
	}
	e, err := engine.Open(engine.Config{DataDir: dir, StateDir: filepath.Join(dir, "state"), ListenAddr: ip + ":0"})
	if err != nil {
		t.Error(err, os.RemoveAll(dir))
		return nil
	}
	leave := sync.OnceFunc(func() {
		if err := errors.Join(e.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	tor, err := e.Add(context.Background(), file, engine.AddOptions{})
	if err != nil {
		t.Error(err)
		leave()
		return nil
	}
	tor.AddPeers([]netip.AddrPort{daemon})
	return &ghost{tor, leave}
}

// TestWhoIsServed: a peer that the tracker does not know gets a trickle, and nothing where there is no
// courtesy, while members with funds get everything, whatever client they use.
func TestWhoIsServed(t *testing.T) {
	t.Parallel()
	needProgram(t, "aria2c", "aria2")
	needProgram(t, "transmission-daemon", "transmission-daemon")
	needProgram(t, "qbittorrent-nox", "qbittorrent-nox")
	const rate, burst, slack = 32 << 10, 256 << 10, 512 << 10
	s := newSite(t, faultConfig(t, 180))
	owner := s.addMember(t, "owner", "10", "50")
	c := newContent(t, "access.bin", 12<<20, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	n := s.newNode(t, owner, hostAddr(181), c.dir, "courtesy", fmt.Sprint(rate))
	n.says(t, "torrents", "add", infohash)
	n.run(t)
	n.proven(t, infohash)
	file := owner.torrent(t, infohash)

	began := time.Now()
	stranger := n.stranger(t, file, hostAddr(182))
	eventually(t, "a trickle to arrive", patience, func() bool { return stranger.Stats().Downloaded > 0 })
	lea, dir := s.addMember(t, "lea", "1000", "50"), t.TempDir()
	leech := runPeer(t, seeder.PeerConfig{TorrentFile: lea.torrent(t, infohash), DataDir: dir, ListenAddr: hostAddr(183) + ":0"})
	eventually(t, "who is paid up to have everything", patience, func() bool { return leech.Stats().Left == 0 })
	if got, most := stranger.Stats().Downloaded, bt.Bytes(burst+slack+rate*time.Since(began).Seconds()); got > most {
		t.Errorf("the tracker knows nothing of a peer that got %d bytes; the courtesy is %d", got, most)
	}
	stranger.leave()
	leech.stop()

	n.says(t, "config", "courtesy", "0")
	eventually(t, "the courtesy to end", patience, func() bool {
		stranger := n.stranger(t, file, hostAddr(184))
		defer stranger.leave()
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && stranger.Stats().Downloaded == 0; {
			time.Sleep(50 * time.Millisecond)
		}
		return stranger.Stats().Downloaded == 0
	})
	stranger = n.stranger(t, file, hostAddr(185))
	clients := map[string]func(ip string, torrent []byte, dir string) *process{
		"aria2":        func(ip string, torrent []byte, dir string) *process { return aria2(t, ip, torrent, dir) },
		"transmission": func(ip string, torrent []byte, dir string) *process { return transmission(t, ip, torrent, dir) },
		"qbittorrent":  func(ip string, torrent []byte, dir string) *process { return qbittorrent(t, ip, torrent, dir) },
	}
	dirs, host := map[string]string{}, 186
	for name, run := range clients {
		dirs[name] = t.TempDir()
		run(hostAddr(host), s.addMember(t, name, "1000", "50").torrent(t, infohash), dirs[name])
		host++
	}
	for name, dir := range dirs {
		eventually(t, name+" to have everything", patience, func() bool { return c.arrived(dir) })
	}
	if got := stranger.Stats().Downloaded; got != 0 {
		t.Errorf("without courtesy a peer that the tracker does not know got %d bytes", got)
	}
	stranger.leave()
	n.end(t)
	s.stop(t)
	n.blameless(t)
	s.verifyLedger(t)
}

// stranger is a ghost that dials this daemon; it is gone when the test ends.
func (n *nodeHost) stranger(t *testing.T, file []byte, ip string) *ghost {
	t.Helper()
	g := newGhost(t, file, ip, netip.MustParseAddrPort(n.ip+":"+n.port))
	if g == nil {
		t.FailNow()
	}
	t.Cleanup(g.leave)
	return g
}

// qbittorrent runs qBittorrent with an address of its own on one torrent.
func qbittorrent(t *testing.T, ip string, torrent []byte, data string) *process {
	t.Helper()
	home, port := t.TempDir(), freePort(t, ip)
	file, settings := filepath.Join(home, "t.torrent"), filepath.Join(home, "qBittorrent", "config", "qBittorrent.conf")
	conf := fmt.Sprintf(`[LegalNotice]
Accepted=true
[BitTorrent]
Session\InterfaceAddress=%[1]s
Session\Port=%[2]d
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\BTProtocol=TCP
Session\QueueingSystemEnabled=false
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\Address=%[1]s
WebUI\Port=%[3]d
WebUI\UseUPnP=false
`, ip, port, freePort(t, ip))
	err := errors.Join(os.MkdirAll(filepath.Dir(settings), 0o700), os.WriteFile(settings, []byte(conf), 0o600), os.WriteFile(file, torrent, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, "qbittorrent-nox", "--profile="+home, "--save-path="+data, "--skip-dialog=true", file)
}
