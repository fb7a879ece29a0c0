package swarm_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// reference is the metering table of ECONOMY §3 as plainly as it can be written down, for one
// member and one torrent, without restarts of the server and without a link cap.
type reference struct {
	rows             map[string]*refRow
	metered, claimed bt.Bytes
}

type refRow struct {
	u, d    bt.Bytes
	last    time.Time
	stopped bool
}

func (r *reference) announce(now time.Time, x say) {
	row := r.rows[x.peer]
	if row == nil {
		if len(r.rows) > 0 || x.l > 0 {
			r.metered += x.d
		}
		r.rows[x.peer] = &refRow{x.u, x.d, now, x.e == bt.Stopped}
		return
	}
	fell := x.u < row.u || x.d < row.d
	late := now.Sub(row.last) > 120*time.Second
	switch {
	case !fell:
		r.claimed += x.u - row.u
		r.metered += x.d - row.d
	case x.e == bt.Started || late:
		r.metered += x.d
	default: // stale
		row.stopped = row.stopped || x.e == bt.Stopped
		return
	}
	*row = refRow{x.u, x.d, now, x.e == bt.Stopped}
}

func TestMeterAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, func(p *swarm.Params) { p.LinkCapBits = 1_000_000_000_000 })
		ref := &reference{rows: map[string]*refRow{}}
		w.setEpochs([]swarm.Epoch{
			{Number: 1, StartMs: start.UnixMilli()}, {Number: 2, StartMs: start.Add(5 * time.Minute).UnixMilli(), Charges: true},
			{Number: 3, StartMs: start.Add(30 * time.Minute).UnixMilli(), Charges: true},
		})
		for range rapid.IntRange(1, 40).Draw(t, "announces") {
			x := say{
				member: 1, peer: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "peer"),
				u: bt.Bytes(rapid.IntRange(0, 1000).Draw(t, "u")), d: bt.Bytes(rapid.IntRange(0, 1<<25).Draw(t, "d")),
				l: bt.Bytes(rapid.SampledFrom([]int{0, 1, size}).Draw(t, "l")),
				e: bt.Event(rapid.IntRange(0, 3).Draw(t, "e")),
			}
			w.announce(x)
			ref.announce(w.now, x)
			if rapid.Bool().Draw(t, "flush") {
				w.collect()
			}
			w.wait(time.Duration(rapid.SampledFrom([]int{1, 60, 121, 900}).Draw(t, "wait")) * time.Second)
		}
		billed, claimed, charge := w.totals(1)
		d := w.download(1)
		if d.Metered != ref.metered || claimed != ref.claimed {
			t.Fatalf("metered %d, claimed %d, want %d, %d", d.Metered, claimed, ref.metered, ref.claimed)
		}
		if d.Billed != billed || d.Charged != charge || d.Charged != cost(price, d.Billed) || d.Billed > d.Metered {
			t.Fatalf("usage: billed %d charge %d; download: %+v", billed, charge, d)
		}
		f := w.member(1).Wallet.Funds()
		if f.Pending != charge || f.Reserved != d.Reserved || d.Reserved < 0 {
			t.Fatalf("funds %+v, charge %d, download %+v", f, charge, d)
		}
	})
}

// client is an honest client with a lossy network and a server that gets killed: what it really
// moved is known.
type client struct {
	peer     int
	u, d     bt.Bytes // of this client session
	told     bt.Bytes // of d
	sent     []say    // of this session, for replays
	lastSent time.Time
}

// TestNeverMoreThanTheTruth: lost, replayed and reordered announces (within the stale window, as
// networks do), restarts of the client with a new peer id or the same one, kills of the server
// that lose what was not flushed: credited uploads and billed downloads never exceed what was
// moved, and what was charged is what was stored.
func TestNeverMoreThanTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, func(p *swarm.Params) { p.LinkCapBits = 1_000_000_000_000 })
		c := &client{}
		var trueUp, trueDown, told bt.Bytes
		left := bt.Bytes(size)
		send := func(x say) {
			w.announce(x)
		}
		fresh := func(e bt.Event) say {
			return say{member: 1, peer: fmt.Sprint("c", c.peer), u: c.u, d: c.d, l: left, e: e}
		}
		report := func(e bt.Event) {
			x := fresh(e)
			told += c.d - c.told
			c.told = c.d
			c.sent, c.lastSent = append(c.sent, x), w.now
			send(x)
		}
		report(bt.Started)
		t.Repeat(map[string]func(*rapid.T){
			"move": func(t *rapid.T) {
				up, down := bt.Bytes(rapid.IntRange(0, 1<<20).Draw(t, "up")), bt.Bytes(rapid.IntRange(0, 1<<20).Draw(t, "down"))
				down = min(down, left-1)
				c.u, c.d, trueUp, trueDown, left = c.u+up, c.d+down, trueUp+up, trueDown+down, left-down
				w.wait(10 * time.Second)
			},
			"announce": func(t *rapid.T) { report(bt.None) },
			"replay": func(t *rapid.T) {
				if w.now.Sub(c.lastSent) <= 120*time.Second {
					x := rapid.SampledFrom(c.sent).Draw(t, "which")
					if x.e == bt.Started {
						x.e = bt.None // a client sends started once; only its counters may come late
					}
					send(x)
				}
			},
			"wait": func(t *rapid.T) { w.wait(200 * time.Second) },
			"restart": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "stopped") {
					report(bt.Stopped)
				}
				w.wait(time.Second)
				if rapid.Bool().Draw(t, "new id") {
					c.peer++
				}
				c.u, c.d, c.told, c.sent = 0, 0, 0, nil
				report(bt.Started)
			},
			"flush": func(t *rapid.T) { w.collect() },
			"kill": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "while flushing") {
					w.s.Collect(1000) // never committed
				}
				w.kill()
			},
			"": func(t *rapid.T) {
				d := w.download(1)
				if d.Metered > trueDown || d.Metered < told {
					t.Fatalf("metered %d of %d, %d were acknowledged", d.Metered, trueDown, told)
				}
				billed, claimed, charge := w.totals(1)
				if claimed > trueUp || billed != d.Billed || billed > trueDown || charge != d.Charged || charge != cost(price, billed) {
					t.Fatalf("claimed %d of %d, billed %d, charge %d, %+v", claimed, trueUp, billed, charge, d)
				}
			},
		})
		report(bt.None)
	})
}

// TestKillLosesNothingOfALiveClient: a client that goes on announcing after a kill is billed
// every byte once.
func TestKillLosesNothingOfALiveClient(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.collect()
	for i := bt.Bytes(1); i <= 20; i++ {
		w.wait(time.Minute)
		w.announce(say{member: 1, d: i * mb, l: size - i*mb})
		if i%3 == 0 {
			w.collect()
		}
		if i%4 == 0 {
			w.kill()
		}
		if d := w.download(1); d.Billed != i*mb {
			t.Fatalf("%d of %d billed", d.Billed, i*mb)
		}
	}
	w.announce(say{member: 1, d: 20 * mb, l: size - 20*mb})
	billed, _, charge := w.totals(1)
	if billed != 20*mb || charge != cost(price, 20*mb) {
		t.Errorf("billed %d, charge %d", billed, charge)
	}
}

func TestConcurrentAnnounces(t *testing.T) {
	w := newWorld(t)
	funds := 3 * cost(price, size)
	members := make([]*swarm.Member, 8)
	for i := range members {
		members[i] = w.member(bt.MemberID(i + 1))
		members[i].Wallet.Set(funds, 0)
	}
	torrents := make([]*swarm.Torrent, 4)
	for i := range torrents {
		torrents[i] = swarm.NewTorrent(bt.TorrentID(i+1), size, piece, price, 1_000_000)
	}
	stop, flushed := make(chan struct{}), make(chan map[bt.MemberID]tokens.Amount)
	go func() {
		sums := map[bt.MemberID]tokens.Amount{}
		add := func() {
			for left := swarm.Shards; left > 0; {
				b, visited := w.s.Collect(10)
				if left -= visited; b == nil {
					continue
				}
				for _, u := range b.Usage {
					sums[u.Member] += u.Charge
				}
			}
		}
		for {
			select {
			case <-stop:
				add()
				flushed <- sums
				return
			default:
				add()
				w.leechers()
				w.seeders()
				w.expire()
				w.s.ReleaseStopped(start)
			}
		}
	}()
	var wg sync.WaitGroup
	for i, m := range members {
		for j, tor := range torrents {
			wg.Go(func() {
				var res swarm.Result
				for k := range 50 {
					w.s.Announce(start.Add(time.Duration(k)*time.Second), &swarm.Input{Torrent: tor, Member: m, Announce: bt.Announce{
						PeerID: peer(fmt.Sprint(i, j)), Downloaded: bt.Bytes(k) * mb, Left: size, NumWant: 50,
					}}, &res)
					if f := m.Wallet.Funds(); f.Reserved < 0 || f.Reserved > funds {
						t.Errorf("funds %+v", f)
					}
				}
			})
		}
	}
	wg.Wait()
	close(stop)
	sums := <-flushed
	for _, m := range members {
		var charged tokens.Amount
		for _, tor := range torrents {
			d, _ := w.s.Download(swarm.DownloadKey{Member: m.ID, Torrent: tor.ID})
			if d.Billed != 49*mb {
				t.Errorf("billed %d", d.Billed)
			}
			charged += d.Charged
		}
		if sums[m.ID] != charged || m.Wallet.Funds().Pending != charged {
			t.Errorf("member %d: batches %d, downloads %d, pending %d", m.ID, sums[m.ID], charged, m.Wallet.Funds().Pending)
		}
	}
}
