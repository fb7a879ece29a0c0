package swarm_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// life draws what happens to a pair of twins.
type life struct {
	*twins
	clients map[clientKey]*counters
	fresh   int  // clients that began so far
	renew   bool // a client that starts again takes a new peer id, and never its old one
	epoch   int64
	booted  time.Time
}

func (l *life) pick(t *rapid.T) clientKey {
	k := clientKey{bt.MemberID(rapid.IntRange(1, 3).Draw(t, "member")), rapid.IntRange(0, 3).Draw(t, "torrent"), ""}
	k.peer = fmt.Sprintf("c%d", rapid.IntRange(0, 2).Draw(t, "client"))
	return k
}

func (l *life) announce(t *rapid.T) {
	k := l.pick(t)
	c := l.clients[k]
	x := say{addr: fmt.Sprintf("10.0.%d.1:%d", k.member, 1+rapid.IntRange(0, 2).Draw(t, "port"))}
	if rapid.IntRange(0, 5).Draw(t, "family") == 0 {
		x.addr = fmt.Sprintf("[2001:db8::%d]:7", k.member)
	}
	mode := rapid.SampledFrom([]string{"move", "move", "move", "finish", "restart", "stale", "stop", "again", "fall"}).Draw(t, "mode")
	if c == nil {
		c = &counters{name: k.peer, l: rapid.SampledFrom([]bt.Bytes{0, size / 2, size}).Draw(t, "left")}
		l.clients[k] = c
		x.e = bt.Started
		c.d = rapid.SampledFrom([]bt.Bytes{0, 0, 0, mb}).Draw(t, "had")
		mode = ""
	}
	if (mode == "stale" || mode == "restart") && c.u < c.stale+2 {
		mode = "move" // nothing can be below that
	}
	if late := 120 * time.Second; mode == "stale" && l.now.Sub(c.last) > late && l.now.Sub(l.booted) <= late {
		mode = "move" // in doubt about what was lost a booted meter calls it late, not a reset
	}
	if mode != "stale" || l.now.Sub(c.last) > 120*time.Second { // what is late leaves no trace
		c.last = l.now
	}
	if mode != "stale" { // an announce that changes nothing is not in the journal: its time may be lost
		c.u += 1 + bt.Bytes(rapid.IntRange(0, int(mb)).Draw(t, "up"))
	}
	down := bt.Bytes(rapid.IntRange(0, 30*int(mb)).Draw(t, "down"))
	switch mode {
	case "move":
		c.d, c.l = c.d+down, max(1, c.l-down)
	case "finish":
		c.d, c.l, x.e = c.d+c.l, 0, bt.Completed
	case "restart":
		c.u, c.d, c.stale, x.e = 0, 0, 0, bt.Started
		if l.renew {
			l.fresh++
			c.name = fmt.Sprintf("n%d", l.fresh)
		}
	case "stop":
		x.e = bt.Stopped
	case "again":
		c.l = size
	case "fall": // of left alone
		c.l = max(0, c.l-down)
	}
	x.u, x.d, x.l = c.u, c.d, c.l
	if mode == "stale" {
		c.stale++
		x.u = c.u - c.stale // less each time: if it is not late but a reset, the next one is it too
	}
	x.free = rapid.IntRange(0, 9).Draw(t, "free") == 0
	if rapid.IntRange(0, 5).Draw(t, "budget") == 0 {
		x.budget = 10 * mb
	}
	x.peer = c.name
	l.twins.announce(k, x)
}

// actions are what both kinds of lives share; the mortal one dies in all of them.
func (l *life) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"announce":  l.announce,
		"announce2": l.announce,
		"announce3": l.announce,
		"wait": func(t *rapid.T) {
			l.now = l.now.Add(time.Duration(rapid.SampledFrom([]int{1, 50, 130, 900}).Draw(t, "s")) * time.Second)
		},
		"price": func(t *rapid.T) {
			p := price * tokens.Amount(rapid.IntRange(1, 3).Draw(t, "times"))
			l.torrents[rapid.IntRange(0, 3).Draw(t, "torrent")].SetPrice(p, 1_000_000)
		},
		"epoch": func(t *rapid.T) {
			l.epoch++
			epochs := append(slices.Clone(l.mortal.epochs), swarm.Epoch{Number: l.epoch, StartMs: l.now.UnixMilli(), Charges: true})
			if len(epochs) > 2 {
				epochs[len(epochs)-3].Charges = false
			}
			l.both(func(s *station) { s.setEpochs(epochs) })
			if rapid.Bool().Draw(t, "settled") {
				l.both(func(s *station) { s.s.ReleaseStopped(l.now) })
			}
		},
		"corroborate": func(t *rapid.T) {
			k, n := l.pick(t), bt.Bytes(rapid.IntRange(0, 20*int(mb)).Draw(t, "bytes"))
			var charged [2]tokens.Amount
			for i, s := range []*station{l.mortal, l.immortal} {
				charged[i], _ = s.s.Corroborate(l.torrents[k.torrent], s.members[k.member], 1, n, false)
			}
			if charged[0] != charged[1] && !l.silent {
				l.t.Fatalf("corroborated: charged %d when killed, else %d", charged[0], charged[1])
			}
		},
		"release": func(t *rapid.T) {
			k, a := l.pick(t), tokens.Amount(rapid.IntRange(0, 2_000_000).Draw(t, "utok"))
			l.both(func(s *station) {
				s.s.Release(swarm.DownloadKey{Member: k.member, Torrent: l.torrents[k.torrent].ID}, a)
			})
		},
		"standing": func(t *rapid.T) {
			k, tier := l.pick(t), rapid.IntRange(0, swarm.Tiers).Draw(t, "tier")
			l.both(func(s *station) { s.s.SetStanding(l.torrents[k.torrent].ID, k.member, tier) })
		},
		"expire": func(*rapid.T) { l.both(func(s *station) { s.s.Expire(l.now, func() {}) }) },
		"flush":  func(t *rapid.T) { l.mortal.flush(rapid.SampledFrom([]int{1, 1000}).Draw(t, "rows")) },
		"some": func(t *rapid.T) { // a round under way: some shards only
			if b, _ := l.mortal.s.Collect(1); b != nil {
				l.mortal.commit(b)
			}
		},
		"kill": l.kill,
	}
}

func (l *life) kill(t *rapid.T) {
	l.booted = l.now
	l.mortal.kill(l.now, 1, rapid.IntRange(0, 3).Draw(t, "batches stored"), rapid.Bool().Draw(t, "one lost"))
}

// TestKilledMeterAgreesWithItsTwin: whatever happens, and however far a flush had come when the
// server was killed, the state that is loaded and replayed is the one that was lost.
func TestKilledMeterAgreesWithItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &life{twins: newTwins(t, twinParams(false)), clients: map[clientKey]*counters{}, epoch: 1}
		actions := l.actions()
		actions[""] = func(*rapid.T) { l.agree(); l.counts() }
		t.Repeat(actions)
		l.kill(t)
		l.agree()
		l.counts()
		l.close()
	})
}

// TestKilledMeterBillsAsItsTwin is the same with clients that fall silent and take new peer ids: what
// is metered and claimed does not depend on a kill, and the books agree with themselves.
func TestKilledMeterBillsAsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &life{twins: newTwins(t, twinParams(true)), clients: map[clientKey]*counters{}, epoch: 1, renew: true}
		l.silent = true
		actions := l.actions()
		actions["silence"] = func(t *rapid.T) {
			l.now = l.now.Add(time.Hour * time.Duration(rapid.IntRange(1, 100*24).Draw(t, "hours")))
		}
		actions[""] = func(*rapid.T) { l.agree() }
		t.Repeat(actions)
		l.kill(t)
		l.close()
	})
}

// TestForgottenSessionsStayForgotten: the rows of sessions that were forgotten because a member had
// too many are still in the books; a boot does not take more than are kept, and takes the latest.
func TestForgottenSessionsStayForgotten(t *testing.T) {
	const kept, ever = 4, 40
	for name, flush := range map[string]bool{"from rows": true, "from the journal": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(p *swarm.Params) { p.MaxSessions, p.MaxAddresses = kept, 100 })
			for i := range ever {
				w.wait(time.Second)
				w.announce(say{member: 1, peer: fmt.Sprint(99 - i), l: size, d: mb, e: bt.Started})
			}
			before := w.download(1)
			if flush {
				w.collect()
			}
			w.kill()
			if e := w.s.Scrape(7); e.Incomplete != kept || w.download(1) != before {
				t.Errorf("%+v, %+v; want %d sessions and %+v", e, w.download(1), kept, before)
			}
			for i := ever - kept; i < ever; i++ { // the marks of the latest are there: nothing new was moved
				w.announce(say{member: 1, peer: fmt.Sprint(99 - i), l: size, d: mb})
			}
			if d := w.download(1); d.Metered != before.Metered {
				t.Errorf("metered %d, was %d: the wrong sessions were forgotten", d.Metered, before.Metered)
			}
		})
	}
}

// TestCorroboratedBytesSurvive: what a settlement bills beyond a client's word goes into the epoch it
// names, out of the reservation, and is there once after a kill, however far a flush had come.
func TestCorroboratedBytesSurvive(t *testing.T) {
	for name, flush := range map[string]bool{"stored": true, "journaled": false} {
		t.Run(name, func(t *testing.T) {
			w := newTwins(t, twinParams(false))
			w.both(func(s *station) {
				s.setEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli()}, {Number: 2, StartMs: start.Add(time.Hour).UnixMilli(), Charges: true}})
			})
			k := clientKey{member: 1}
			w.announce(k, say{peer: "a", addr: "10.0.0.1:1", l: size, e: bt.Started})
			w.now = w.now.Add(2 * time.Hour)
			w.announce(k, say{peer: "a", addr: "10.0.0.1:1", l: size / 2}) // and admits nothing
			s := w.mortal
			reserved := s.members[1].Wallet.Funds().Reserved
			charged, stored := s.s.Corroborate(w.torrents[0], s.members[1], 1, 30*mb, false)
			if !stored || charged != cost(price, 30*mb) {
				t.Fatalf("charged %d, stored %v", charged, stored)
			}
			if flush {
				s.flush(1)
			}
			for range 2 {
				s.kill(w.now, 1, 0, true)
				f := s.members[1].Wallet.Funds()
				d, _ := s.s.Download(swarm.DownloadKey{Member: 1, Torrent: 7})
				if f.Reserved != reserved-charged || f.Available-f.Pending != s.funds(1)-charged || d.Billed != 30*mb || d.Corroborated != 30*mb || d.Metered != 0 {
					t.Errorf("funds %+v, download %+v", f, d)
				}
			}
			s.s.Release(swarm.DownloadKey{Member: 1, Torrent: 7}, tokens.MaxAmount) // at most all of it
			s.kill(w.now, 1, 0, false)
			if f := s.members[1].Wallet.Funds(); f.Reserved != 0 {
				t.Errorf("a release was lost: %+v", f)
			}
			s.flush(1)
			if u := s.usage[usageID{1, swarm.DownloadKey{Member: 1, Torrent: 7}}]; u.Billed != 30*mb || u.Charge != charged || len(s.sums()) != 1 {
				t.Errorf("usage %+v", s.usage)
			}
		})
	}
}

// records are what a journal holds of every kind of change.
func records() (out [][]byte) {
	w := newWorld(nil)
	for m := bt.MemberID(100); m < 160; m++ { // a crowd: filters and who was told
		w.announce(say{member: m, l: size, e: bt.Started})
		w.announce(say{member: m + 100, addr: "[2001:db8::1]:6881", e: bt.Started})
	}
	w.wait(time.Hour)
	w.setEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}, {Number: 2, StartMs: start.Add(time.Minute).UnixMilli(), Charges: true}})
	for m := bt.MemberID(100); m < 160; m++ {
		w.announce(say{member: m, u: mb, d: mb, l: size - mb})
		w.announce(say{member: m + 100, u: mb})
	}
	w.announce(say{member: 100, d: size, e: bt.Stopped})
	w.s.Corroborate(w.torrent, w.member(101), 1, 90*mb, false)
	w.s.Release(swarm.DownloadKey{Member: 102, Torrent: 7}, 5)
	return w.journal.records
}

// FuzzReplay: a record that is not one of ours is refused; whatever is taken leaves a meter that
// works and books that add up.
func FuzzReplay(f *testing.F) {
	all := records()
	kinds := map[byte]bool{}
	for _, rec := range all {
		if !kinds[rec[0]] {
			kinds[rec[0]] = true
			f.Add(rec)
			f.Add(rec[:len(rec)-1])
			f.Add(append(slices.Clone(rec), 0))
			f.Add(bytes.Replace(rec, make([]byte, 8), bytes.Repeat([]byte{0xff}, 8), 1))
		}
	}
	if len(kinds) < 6 {
		f.Fatalf("only %d kinds of records are seeds: %v", len(kinds), kinds)
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		if len(rec) > 1<<16 {
			t.Skip("longer than a journal takes")
		}
		x := newStation(t, swarm.DefaultParams(), 3, func(bt.MemberID) tokens.Amount { return 1000 * tokens.Unit })
		x.s = swarm.New(x.s.Params(), x.wallet)
		x.s.Load(swarm.Stored{}, start, start)
		for pos := range int64(2) { // a record is applied again without harm
			if err := x.s.Replay(pos, rec); err != nil && !errors.Is(err, swarm.ErrRecord) {
				t.Fatalf("replay: %v", err)
			}
		}
		x.s.Loaded()
		torrent := swarm.NewTorrent(7, size, piece, price, 1_000_000)
		if len(rec) >= 9 {
			torrent.ID = bt.TorrentID(rec[1]) | bt.TorrentID(rec[2])<<8 | bt.TorrentID(rec[3])<<16 | bt.TorrentID(rec[4])<<24
			m := bt.MemberID(rec[5]) | bt.MemberID(rec[6])<<8 | bt.MemberID(rec[7])<<16 | bt.MemberID(rec[8])<<24
			x.members[1].ID, x.members[m] = m, x.members[1]
		}
		if torrent.ID > 1<<28 {
			return // refused, and no number that a torrent can have
		}
		var res swarm.Result
		for i, a := range []bt.Announce{{Left: size, Event: bt.Started}, {Downloaded: mb, Left: size - mb}, {Downloaded: size}, {Downloaded: size, Event: bt.Stopped}} {
			a.NumWant, a.PeerID, a.Addr = 50, peer("x"), netip.MustParseAddrPort("10.0.0.1:1")
			x.s.Announce(start.Add(time.Duration(i)*time.Minute), &swarm.Input{Torrent: torrent, Member: x.members[1], Announce: a}, &res)
			if n := len(res.Reply.Peers); n > 50 || res.Reply.Complete < 0 || res.Reply.Incomplete < 0 {
				t.Fatalf("%+v", res.Reply)
			}
		}
		x.s.Expire(start.Add(time.Hour), func() {})
		x.s.ReleaseStopped(start.Add(time.Hour))
		for left := swarm.Shards; left > 0; {
			b, visited := x.s.Collect(1000)
			if left -= visited; b == nil {
				continue
			}
			for _, d := range b.Downloads {
				if d.Charged < 0 || d.Reserved < 0 || d.Metered < 0 || d.Billed < 0 {
					t.Fatalf("download %+v", d)
				}
			}
		}
	})
}
