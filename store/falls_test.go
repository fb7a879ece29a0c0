package store

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	defaultTolerance = 1000                       // ppm
	tolerated        = gib/1000 + bt.Bytes(1<<20) // of the torrents of world
)

// fell is a download that began with nothing and whose left fell, and that admits a part of it.
func (w *world) fell(m bt.MemberID, t bt.TorrentID, by, admitted bt.Bytes) swarm.DownloadRow {
	w.flush++
	return swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: m, Torrent: t}, Metered: admitted, MaxLeft: gib, MinLeft: gib - by,
		Introduced: swarm.Everybody(), Seq: w.flush}
}

// peer is a live session.
func (w *world) peer(m bt.MemberID, t bt.TorrentID, addr string) swarm.SessionRow {
	return swarm.SessionRow{SessionKey: swarm.SessionKey{Member: m, Torrent: t, PeerID: bt.PeerID{byte(m), byte(t)}},
		Seq: 1, LastMs: w.now.Load(), Addr: netip.MustParseAddrPort(addr)}
}

func (w *world) put(downloads []swarm.DownloadRow, sessions []swarm.SessionRow, usage ...swarm.UsageRow) {
	w.t.Helper()
	w.flush++
	w.must(w.Flush(w.t.Context(), &swarm.Batch{Number: w.flush, Downloads: downloads, Sessions: sessions, Usage: usage}))
}

// suspects are the members and torrents that are suspicious now, in order.
func (w *world) suspects(limit int) string {
	w.t.Helper()
	rows, err := w.Suspicious(w.t.Context(), defaultTolerance, limit)
	w.must(err)
	out := ""
	for _, s := range rows {
		out += fmt.Sprintf("%d/%d ", s.Member, s.Torrent)
	}
	return out
}

func (w *world) view(m bt.MemberID, t bt.TorrentID, addr string, seen bool, have bt.Bytes) {
	w.t.Helper()
	w.must(w.PutView(w.t.Context(), View{Torrent: t, Member: m, Addr: netip.MustParseAddrPort(addr), Seen: seen, Have: have}))
}

func TestSuspicious(t *testing.T) {
	w := newWorld(t)
	corroborated := w.fell(1, 1, gib/2, 0)
	corroborated.Corroborated = gib / 2
	secondPass := w.fell(2, 1, gib/8, 3*gib)
	secondPass.PassMetered = 3 * gib
	stopped, silent := w.peer(4, 1, "203.0.113.4:6881"), w.peer(4, 2, "203.0.113.4:6881")
	stopped.Stopped, silent.LastMs = true, w.now.Load()-liveKept.Milliseconds()
	nowhere, old := w.peer(5, 2, "203.0.113.5:6881"), w.peer(1, 2, "203.0.113.11:1111")
	nowhere.Addr, old.LastMs, old.PeerID = netip.AddrPort{}, old.LastMs-1000, bt.PeerID{9}
	w.put([]swarm.DownloadRow{
		corroborated, w.fell(1, 2, gib, gib/4), secondPass, w.fell(2, 2, gib/2, 0),
		w.fell(3, 1, tolerated, 0), w.fell(3, 2, tolerated+1, 0), // at the edge
		w.fell(4, 1, gib, 0), w.fell(4, 2, gib, 0), w.fell(5, 1, gib, 0), w.fell(5, 2, gib, 0), // nobody is there
		w.fell(6, 1, gib, gib), w.fell(6, 2, gib/2, gib), // admit it
	}, []swarm.SessionRow{
		w.peer(1, 1, "203.0.113.1:6881"), old, w.peer(1, 2, "203.0.113.1:6881"), w.peer(2, 1, "[2001:db8::2]:6881"), w.peer(2, 2, "203.0.113.1:6882"),
		w.peer(3, 1, "203.0.113.3:6881"), w.peer(3, 2, "203.0.113.3:6881"), stopped, silent, nowhere,
		w.peer(6, 1, "203.0.113.6:6881"), w.peer(6, 2, "203.0.113.6:6881"),
	})
	if got, want := w.suspects(10), "1/2 2/2 2/1 3/2 "; got != want {
		t.Fatalf("suspicious: %s, want %s", got, want)
	}
	if got := w.suspects(2); got != "1/2 2/2 " {
		t.Errorf("the first two: %s", got)
	}
	if got := w.suspects(-1); got != "" {
		t.Errorf("a negative limit: %s", got)
	}
	rows, err := w.Suspicious(t.Context(), defaultTolerance, 10)
	w.must(err)
	want := Suspicion{Torrent: 1, Member: 2, PeerID: bt.PeerID{2, 1}, Addr: netip.MustParseAddrPort("[2001:db8::2]:6881"), Beyond: gib/8 - tolerated}
	if rows[2] != want || rows[0].Addr != netip.MustParseAddrPort("203.0.113.1:6881") || rows[0].PeerID != (bt.PeerID{1, 2}) {
		t.Errorf("%+v", rows)
	}
	if rows, err = w.Suspicious(t.Context(), 500_000, 10); err != nil || len(rows) != 1 || rows[0].Beyond != gib/4-1<<20 {
		t.Errorf("with half the size tolerated: %+v, %v", rows, err)
	}
}

// One look at a peer in 30 minutes, whether it was seen or not, wherever it moved, and whatever
// else it takes.
func TestSuspiciousPausesBetweenLooks(t *testing.T) {
	w := newWorld(t)
	minutes := func(n time.Duration) { w.now.Add((n * time.Minute).Milliseconds()) }
	refresh := func(addr string) {
		s, other := w.peer(1, 1, addr), w.peer(1, 2, addr)
		s.Seq, other.Seq = w.flush+1, w.flush+1
		w.put([]swarm.DownloadRow{w.fell(1, 1, gib, 0), w.fell(1, 2, gib/2, 0)}, []swarm.SessionRow{s, other})
	}
	refresh("203.0.113.1:6881")
	if got := w.suspects(10); got != "1/1 " {
		t.Fatalf("one client that takes two torrents is one peer: %s", got)
	}
	w.view(1, 1, "203.0.113.1:6881", false, 0)
	minutes(29)
	refresh("203.0.113.1:6881")
	if got := w.suspects(10); got != "" {
		t.Errorf("29 minutes after an attempt: %s", got)
	}
	refresh("203.0.113.1:7000")
	if got := w.suspects(10); got != "1/2 " {
		t.Errorf("at another address, what was not looked at: %s", got)
	}
	minutes(1)
	refresh("203.0.113.1:6881")
	if got := w.suspects(10); got != "1/1 " {
		t.Errorf("30 minutes after the attempt: %s", got)
	}
}

// hiding is an epoch in which member 1 admits nothing of what it takes, member 2 admits 100 MiB,
// and member 3, who is proven, claims both.
func hiding(t *testing.T) (*world, Epoch) {
	w := newWorld(t)
	w.claim(3, 0, 1)
	w.accrue(1)
	w.put([]swarm.DownloadRow{w.fell(1, 1, gib/2, 0), w.fell(2, 1, 100<<20, 100<<20)}, nil,
		w.took(1, 1, 1, 0, 0), w.took(1, 2, 1, 100<<20, 1000), w.gave(1, 3, 1, 100<<20+gib/2))
	return w, Epoch{Number: 1}
}

// corroborated is what member 1 is billed.
func (w *world) corroborated(e Epoch) bt.Bytes {
	w.t.Helper()
	ins, err := w.Falls(w.t.Context(), w.rules, defaultTolerance, e)
	w.must(err)
	for _, in := range ins {
		rows, err := settle.Corroborate(in)
		w.must(err)
		for _, r := range rows {
			if r.Member != 1 || in.Torrent != 1 || len(rows) != 1 || len(ins) != 1 {
				w.t.Errorf("torrent %d: %+v", in.Torrent, rows)
			}
			return r.Bytes
		}
	}
	return 0
}

func TestFallsFeedTheRule(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(w *world)
		want  bt.Bytes
	}{
		{"all the evidence", func(*world) {}, gib/2 - tolerated},
		{"claimed less", func(w *world) { w.must(w.run("UPDATE usage SET claimed_bytes = 150 << 20 WHERE member = 3")) }, 50 << 20},
		{"admitted more", func(w *world) { w.must(w.run("UPDATE usage SET billed_bytes = 500 << 20 WHERE member = 2")) }, 112 << 20},
		{"freeleech that was admitted", func(w *world) {
			w.must(w.run("UPDATE usage SET billed_bytes = 500 << 20, charged_utok = 0 WHERE member = 2"))
		}, 112 << 20},
		{"had some before", func(w *world) {
			w.must(w.run("UPDATE downloads SET max_left_bytes = max_left_bytes - (100 << 20), min_left_bytes = min_left_bytes - (100 << 20) WHERE member = 1"))
		}, gib/2 - 100<<20},
		{"billed before", func(w *world) { w.must(w.run("UPDATE downloads SET corroborated_bytes = 200 << 20 WHERE member = 1")) }, gib/2 - tolerated - 200<<20},
		{"admits a part", func(w *world) {
			w.must(w.run("UPDATE downloads SET metered_bytes = 300 << 20, pass_metered_bytes = 100 << 20 WHERE member = 1"))
		}, gib/2 - tolerated - 200<<20},
		{"not there in the epoch", func(w *world) { w.must(w.run("DELETE FROM usage WHERE member = 1")) }, 0},
		{"the uploader is not proven", func(w *world) { w.must(w.run("DELETE FROM proven")) }, 0},
		{"one invited the other", func(w *world) { w.must(w.run("UPDATE members SET invited_by = 1 WHERE id = 3")) }, 0},
		{"one network", func(w *world) { w.must(w.run("UPDATE usage SET network = '8.8.8.0/24'")) }, 0},
		{"introduced to nobody", func(w *world) { w.must(w.run("UPDATE downloads SET introduced = x''")) }, 0},
		{"never seen", func(w *world) { w.must(w.run("DELETE FROM views")) }, 0},
		{"seen before the epoch only", func(w *world) { w.must(w.run("UPDATE views SET at_ms = at_ms - 1")) }, 0},
		{"seen again with more", func(w *world) { w.now.Add(1); w.view(1, 1, "203.0.113.1:6881", true, gib/2) }, gib/2 - tolerated},
		{"seen again with less", func(w *world) { w.now.Add(1); w.view(1, 1, "203.0.113.1:6881", true, gib/4) }, gib / 4},
		{"not reached again", func(w *world) { w.now.Add(1); w.view(1, 1, "203.0.113.1:6881", false, 0) }, gib/2 - tolerated},
		{"not reached at the same time", func(w *world) { w.view(1, 1, "203.0.113.1:6881", false, 0) }, gib/2 - tolerated},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, e := hiding(t)
			w.view(1, 1, "203.0.113.1:6881", true, gib/2)
			c.spoil(w)
			w.nextEpoch(time.Hour)
			if got := w.corroborated(e); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}

func (w *world) run(query string) error {
	return w.write(w.t.Context(), func(t *tx) error { return t.exec(query) })
}

// Before the end of an epoch its evidence is not complete; once its split began nothing may be
// billed into it.
func TestFallsOfAnEpochThatIsOverAndNotSplit(t *testing.T) {
	w, e := hiding(t)
	w.noInflation()
	w.view(1, 1, "203.0.113.1:6881", true, gib/2)
	if _, err := w.Falls(t.Context(), w.rules, defaultTolerance, e); err == nil {
		t.Error("an epoch that goes on")
	}
	if _, err := w.Falls(t.Context(), w.rules, defaultTolerance, Epoch{Number: 9}); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such epoch: %v", err)
	}
	e = w.nextEpoch(time.Hour)
	if w.corroborated(e) == 0 {
		t.Error("nothing is corroborated before the split")
	}
	w.die(e, 1)
	ins, err := w.Falls(t.Context(), w.rules, defaultTolerance, e)
	if err != nil || len(ins) != 0 {
		t.Errorf("after the split began: %+v, %v", ins, err)
	}
}

func TestOldViewsAreForgotten(t *testing.T) {
	w := newWorld(t)
	w.view(1, 1, "203.0.113.1:6881", true, 5)
	w.now.Add(viewsKept.Milliseconds())
	w.view(2, 1, "203.0.113.2:6881", true, 5)
	count := func() (n int) {
		w.must(w.r.QueryRow("SELECT count(*) FROM views").Scan(&n))
		return n
	}
	if count() != 2 {
		t.Fatalf("%d views kept for %s", count(), viewsKept)
	}
	w.now.Add(1)
	w.view(2, 2, "203.0.113.2:6881", true, 5)
	if count() != 2 {
		t.Errorf("%d views kept, want the two that are younger", count())
	}
	if err := w.PutView(t.Context(), View{Torrent: 1, Member: 1, Seen: true, Have: -1}); err == nil {
		t.Error("a view of a negative size was recorded")
	}
}
