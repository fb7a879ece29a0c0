package seeder

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/seeder/schedule"
)

func TestLimitsAt(t *testing.T) {
	night := schedule.Window{Days: "daily", From: "22:00", Until: "06:00", Upload: 9, Download: 8}
	quiet := schedule.Window{Days: "mon", From: "11:00", Until: "13:00", Upload: 3, Pause: true}
	for name, c := range map[string]struct {
		s    Settings
		want limits
	}{
		"as set":          {Settings{UploadRate: 5, DownloadRate: 6, MaxConns: 7}, limits{upload: 5, download: 6, conns: 7}},
		"default":         {Settings{}, limits{conns: DefaultMaxConns}},
		"window":          {Settings{UploadRate: 5, MaxConns: 7, Schedule: []schedule.Window{night, quiet}}, limits{upload: 3, conns: 7, hold: true}},
		"no window now":   {Settings{UploadRate: 5, MaxConns: 7, Schedule: []schedule.Window{night}}, limits{upload: 5, conns: 7}},
		"paused":          {Settings{MaxConns: 7, Paused: true}, limits{conns: 7, paused: true}},
		"paused until":    {Settings{MaxConns: 7, Paused: true, PausedUntil: noon.Add(1)}, limits{conns: 7, paused: true}},
		"pause is over":   {Settings{MaxConns: 7, Paused: true, PausedUntil: noon}, limits{conns: 7}},
		"no pause at all": {Settings{MaxConns: 7, PausedUntil: noon.Add(time.Hour)}, limits{conns: 7}},
	} {
		if got := limitsAt(c.s, noon); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// aWhile is long enough to see what must not happen; a machine too busy to show it fails no test.
const aWhile = 300 * time.Millisecond

// partly starts a peer that has a part of a torrent of the daemon, which goes on slowly.
func (d loops) partly(t *testing.T, name string) *engine.Torrent {
	t.Helper()
	d.applyLimits(limits{upload: slowly, conns: 50}, nil)
	peer := d.download(t, d.seed(t, name), "127.0.0.4")
	await(t, "a part is there", func() bool { return peer.Stats().Downloaded > 0 })
	return peer
}

const slowly = 64 << 10

func TestPauseAndResume(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	peer := d.partly(t, "paused.bin")
	paused, running := limits{conns: 50, paused: true}, limits{conns: 50}
	d.applyLimits(paused, &limits{upload: slowly, conns: 50})
	time.Sleep(aWhile)
	if peer.Stats().Complete {
		t.Error("all of it was served though nothing is to be served")
	}
	d.applyLimits(running, &paused)
	await(t, "the rest is served after the pause", func() bool {
		peer.AddPeers([]netip.AddrPort{d.eng.Addr()}) // as the tracker would tell
		return peer.Stats().Complete
	})
}

func TestRatesAreChangedWhileUploading(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	peer := d.partly(t, "slow.bin")
	if peer.Stats().Complete {
		t.Error("the rate does not hold")
	}
	d.applyLimits(limits{conns: 50}, &limits{upload: slowly, conns: 50})
	await(t, "the rest at full speed", func() bool { return peer.Stats().Complete })
}

// TestHoldEndsDownloads: in such a window nothing is downloaded, and afterwards what was leaving still
// is.
func TestHoldEndsDownloads(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	server := newLoops(t, newNodeServer(t), Settings{})
	server.eng = openEngine(t, "127.0.0.4")
	file := server.seed(t, "held.bin")
	tor, err := d.eng.Add(t.Context(), file, engine.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := &hosted{file: tor.File}
	h.session.Store(&session{torrent: tor})
	d.hosted[tor.File.InfoHash] = h
	hold, running := limits{conns: 50, hold: true}, limits{conns: 50}
	d.applyLimits(hold, nil)
	tor.AddPeers([]netip.AddrPort{server.eng.Addr()})
	await(t, "a connection", func() bool { return len(tor.PeerBytes()) > 0 })
	time.Sleep(aWhile)
	if got := tor.Stats(); got.Left != got.Size {
		t.Errorf("%d bytes are left of %d though nothing is to be downloaded", got.Left, got.Size)
	}
	d.applyLimits(running, &hold)
	await(t, "a download after the window", func() bool {
		tor.AddPeers([]netip.AddrPort{server.eng.Addr()}) // as an announce does
		return tor.Stats().Complete
	})
}

func TestLimitsLoopFollowsTheSettings(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	peer := d.partly(t, "loop.bin")
	d.inForce.Store(&Settings{Paused: true})
	stop := d.loop(t, d.limitsLoop)
	await(t, "paused", func() bool { return strings.Contains(d.logs.String(), "paused") })
	d.inForce.Store(&Settings{})
	await(t, "resumed", func() bool { return strings.Contains(d.logs.String(), "resumed") })
	stop()
	await(t, "the rest at full speed", func() bool {
		peer.AddPeers([]netip.AddrPort{d.eng.Addr()})
		return peer.Stats().Complete
	})
}
