package seeder

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestWhereaboutsChange(t *testing.T) {
	home := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	was := whereabouts{at: noon, addrs: home}
	for name, c := range map[string]struct {
		now  whereabouts
		want bool
	}{
		"nothing":          {whereabouts{noon.Add(addressEvery), home}, false},
		"a late look":      {whereabouts{noon.Add(addressEvery + sleepSlack), home}, false},
		"slept":            {whereabouts{noon.Add(addressEvery + sleepSlack + 1), home}, true},
		"clock put back":   {whereabouts{noon.Add(-time.Hour), home}, false},
		"an address less":  {whereabouts{noon.Add(addressEvery), home[:1]}, true},
		"another address":  {whereabouts{noon.Add(addressEvery), []netip.Addr{home[0], netip.MustParseAddr("2001:db8::2")}}, true},
		"nothing to go by": {whereabouts{noon.Add(addressEvery), nil}, true},
	} {
		if got := c.now.changed(was); (got != "") != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWhereaboutsLeaveOutLoopback(t *testing.T) {
	for _, a := range whereaboutsAt(time.Now()).addrs {
		if a.IsLoopback() || a.IsLinkLocalUnicast() || !a.IsValid() {
			t.Errorf("%s counts as an address of this machine", a)
		}
	}
}

// TestTellAgainAnnouncesAndReports: every torrent is announced once more, long before its interval is
// over, and those still being verified do no harm.
func TestTellAgainAnnouncesAndReports(t *testing.T) {
	var announces atomic.Int64
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		announces.Add(1)
		w.Write([]byte("d8:intervali3600e5:peers0:e")) //nolint:errcheck // the announcer may be gone
	}))
	defer tracker.Close()
	d := newLoops(t, newNodeServer(t), Settings{})
	for _, name := range []string{"one.bin", "two.bin"} {
		d.seed(t, name)
	}
	for _, tor := range d.eng.Torrents() {
		tor.File.Announce = tracker.URL
		h := &hosted{file: tor.File}
		h.session.Store(newSession(d.eng, tor, d.transport, nil))
		d.hosted[tor.File.InfoHash] = h
		d.loop(t, h.session.Load().run)
	}
	d.hosted[bt.InfoHash{9}] = &hosted{file: &engine.File{}}
	await(t, "the first announces", func() bool { return announces.Load() == 2 })
	d.tellAgain(t.Context())
	await(t, "the second announces", func() bool { return announces.Load() == 4 })
	if len(d.kick) != 1 {
		t.Error("no report is due")
	}
}
