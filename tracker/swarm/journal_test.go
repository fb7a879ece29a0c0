package swarm_test

import (
	"bytes"
	"cmp"
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

// books are what a database holds of the meter: the last rows, and the sums of the increments.
type books struct {
	sessions  map[swarm.SessionKey]swarm.SessionRow
	downloads map[swarm.DownloadKey]swarm.DownloadRow
	usage     map[usageID]swarm.UsageRow
	positions map[int]int64
	charged   map[bt.MemberID]tokens.Amount
	batch     int64
}

type usageID struct {
	epoch int64
	swarm.DownloadKey
}

func newBooks() *books {
	return &books{map[swarm.SessionKey]swarm.SessionRow{}, map[swarm.DownloadKey]swarm.DownloadRow{}, map[usageID]swarm.UsageRow{},
		map[int]int64{}, map[bt.MemberID]tokens.Amount{}, 0}
}

// store writes one batch as the database does.
func (b *books) store(t fataler, batch *swarm.Batch) {
	if batch.Number <= b.batch {
		t.Fatalf("batch %d comes after %d", batch.Number, b.batch)
	}
	b.batch = batch.Number
	for _, s := range batch.Sessions {
		s.Seq = 0
		b.sessions[s.SessionKey] = s
	}
	for _, d := range batch.Downloads {
		d.Seq = 0
		b.downloads[d.DownloadKey] = d
	}
	for _, u := range batch.Usage {
		b.addUsage(u)
	}
	for _, p := range batch.Shards {
		if p.Position < b.positions[p.Shard] {
			t.Fatalf("shard %d goes back to %d", p.Shard, p.Position)
		}
		b.positions[p.Shard] = p.Position
	}
}

func (b *books) addUsage(u swarm.UsageRow) {
	id := usageID{u.Epoch, u.DownloadKey}
	sum, known := b.usage[id]
	if !known {
		sum = swarm.UsageRow{Epoch: u.Epoch, DownloadKey: u.DownloadKey}
	}
	sum.Billed, sum.Charge, sum.Claimed = sum.Billed+u.Billed, sum.Charge+u.Charge, sum.Claimed+u.Claimed
	if u.ToMs != 0 && (sum.ToMs == 0 || u.FromMs < sum.FromMs) {
		sum.FromMs = u.FromMs
	}
	sum.ToMs = max(sum.ToMs, u.ToMs)
	if u.Network.IsValid() {
		sum.Network = u.Network
	}
	b.usage[id] = sum
	b.charged[u.Member] += u.Charge
}

func (b *books) stored() swarm.Stored {
	out := swarm.Stored{Batch: b.batch, Positions: b.positions}
	for _, s := range b.sessions {
		out.Sessions = append(out.Sessions, s)
	}
	for _, d := range b.downloads {
		out.Downloads = append(out.Downloads, d)
	}
	slices.SortFunc(out.Sessions, func(x, y swarm.SessionRow) int { // as the table is
		return cmp.Or(cmp.Compare(x.Member, y.Member), cmp.Compare(x.Torrent, y.Torrent), bytes.Compare(x.PeerID[:], y.PeerID[:]))
	})
	slices.SortFunc(out.Downloads, func(x, y swarm.DownloadRow) int {
		return cmp.Or(cmp.Compare(x.Member, y.Member), cmp.Compare(x.Torrent, y.Torrent))
	})
	return out
}

// station is a meter with its members, journal and books.
type station struct {
	t        fataler
	s        *swarm.Swarms
	members  map[bt.MemberID]*swarm.Member
	funds    func(bt.MemberID) tokens.Amount
	journal  memJournal
	released int64 // records below are given back
	epochs   []swarm.Epoch
	*books
}

func newStation(t fataler, p swarm.Params, members int, funds func(bt.MemberID) tokens.Amount) *station {
	x := &station{t: t, members: map[bt.MemberID]*swarm.Member{}, funds: funds, books: newBooks()}
	for id := bt.MemberID(1); id <= bt.MemberID(members); id++ {
		x.members[id] = &swarm.Member{ID: id, Wallet: new(swarm.Wallet)}
		x.members[id].Wallet.Set(funds(id), 0)
	}
	x.s = swarm.New(p, x.wallet)
	x.s.SetJournal(&x.journal)
	x.setEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}})
	return x
}

func (x *station) wallet(id bt.MemberID) *swarm.Wallet {
	if m := x.members[id]; m != nil {
		return m.Wallet
	}
	return nil
}

func (x *station) setEpochs(e []swarm.Epoch) {
	x.epochs = e
	x.s.SetEpochs(e)
}

// commit stores a batch and tells the wallets.
func (x *station) commit(b *swarm.Batch) {
	x.store(x.t, b)
	charged := map[bt.MemberID]tokens.Amount{}
	for _, u := range b.Usage {
		charged[u.Member] += u.Charge
	}
	for id, a := range charged {
		x.members[id].Wallet.Flushed(a, x.funds(id)-x.charged[id], 0)
	}
}

// flush writes everything and gives the journal back, as the server's rounds do.
func (x *station) flush(rows int) {
	next := x.journal.Next()
	for left := swarm.Shards; left > 0; {
		b, visited := x.s.Collect(rows)
		if left -= visited; b != nil {
			x.commit(b)
		}
	}
	if r := x.s.Unflushed(next); r < x.released || r > next {
		x.t.Fatalf("unflushed from %d on, of %d; %d were given back", r, next, x.released)
	} else {
		x.released = r
	}
}

// kill ends it at once in the middle of a flush: stored batches are committed, one more is collected
// and lost. Then it starts again from its books and its journal.
func (x *station) kill(now time.Time, rows, stored int, lost bool) {
	for range stored {
		if b, _ := x.s.Collect(rows); b != nil {
			x.commit(b)
		}
	}
	if lost {
		x.s.Collect(rows)
	}
	x.boot(now)
}

func (x *station) boot(now time.Time) {
	for id, m := range x.members {
		m.Wallet = new(swarm.Wallet)
		m.Wallet.Set(x.funds(id)-x.charged[id], 0)
	}
	x.s = swarm.New(x.s.Params(), x.wallet)
	x.s.SetEpochs(x.epochs)
	x.s.Load(x.stored(), now, now)
	for pos := x.released; pos < x.journal.Next(); pos++ {
		if err := x.s.Replay(pos, x.journal.records[pos]); err != nil {
			x.t.Fatalf("replay of record %d: %v", pos, err)
		}
	}
	x.s.Loaded()
	x.s.SetJournal(&x.journal)
}

// twins are a station that is killed and one that never is, told the same.
type twins struct {
	t        fataler
	mortal   *station
	immortal *station
	torrents []*swarm.Torrent
	now      time.Time
	silent   bool // clients fall silent: a boot hears them again, so only what was moved must agree
}

func (w *twins) both(f func(*station)) {
	f(w.mortal)
	f(w.immortal)
}

// key is one client as the meter sees it.
type clientKey struct {
	member  bt.MemberID
	torrent int
	peer    string
}

type counters struct {
	name    string   // peer id
	stale   bt.Bytes // how often it said less than before
	last    time.Time
	u, d, l bt.Bytes
}

// announce tells both and holds them to the same answer, but for the peers.
func (w *twins) announce(k clientKey, x say) {
	var res [2]swarm.Result
	for i, s := range []*station{w.mortal, w.immortal} {
		s.s.Announce(w.now, &swarm.Input{
			Torrent: w.torrents[k.torrent], Member: s.members[k.member], NoStake: x.stake, Free: x.free, Budget: x.budget,
			Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(k.member), 0}), 24),
			Announce: bt.Announce{PeerID: peer(x.peer), Addr: netip.MustParseAddrPort(x.addr), Uploaded: x.u, Downloaded: x.d, Left: x.l,
				Event: x.e, NumWant: 50},
		}, &res[i])
	}
	if w.silent {
		return
	}
	if res[0].Refusal != res[1].Refusal || res[0].Flagged != res[1].Flagged || res[0].Unstored || res[1].Unstored {
		w.t.Fatalf("%+v %+v: killed %q %v, never killed %q %v", k, x, res[0].Refusal, res[0].Flagged, res[1].Refusal, res[1].Flagged)
	}
}

// agree compares money and downloads.
func (w *twins) agree() {
	for id := range w.mortal.members {
		a, b := w.mortal.members[id].Wallet.Funds(), w.immortal.members[id].Wallet.Funds()
		if !w.silent && (a.Reserved != b.Reserved || a.Available-a.Pending != b.Available-b.Pending) {
			w.t.Fatalf("member %d: killed %+v, never killed %+v", id, a, b)
		}
		var reserved, charged tokens.Amount
		for _, tor := range w.torrents {
			k := swarm.DownloadKey{Member: id, Torrent: tor.ID}
			x, okx := w.mortal.s.Download(k)
			y, oky := w.immortal.s.Download(k)
			if okx != oky || x.Metered != y.Metered || x.FirstMs != y.FirstMs || !w.silent && x != y {
				w.t.Fatalf("%v:\nkilled       %+v %v\nnever killed %+v %v", k, x, okx, y, oky)
			}
			reserved, charged = reserved+x.Reserved, charged+x.Charged
		}
		if a.Reserved != reserved || a.Available-a.Pending != w.mortal.funds(id)-charged {
			w.t.Fatalf("member %d: wallet %+v, downloads reserve %d and cost %d", id, a, reserved, charged)
		}
	}
}

// counts compares the swarms.
func (w *twins) counts() {
	for _, tor := range w.torrents {
		x, y := w.mortal.s.Scrape(tor.ID), w.immortal.s.Scrape(tor.ID)
		if x.Downloaders, y.Downloaders = 0, 0; x != y {
			w.t.Fatalf("torrent %d: killed %+v, never killed %+v", tor.ID, x, y)
		}
	}
}

// close compares everything that was ever stored, and the bills with the meter.
func (w *twins) close() {
	w.both(func(s *station) { s.flush(1000) })
	w.agree()
	if !w.silent {
		same(w.t, "download", w.mortal.downloads, w.immortal.downloads)
		same(w.t, "usage", w.mortal.usage, w.immortal.usage)
		same(w.t, "session", w.mortal.sessions, w.immortal.sessions)
	}
	sums, claims := w.mortal.sums(), w.immortal.sums()
	for k, d := range w.mortal.downloads {
		if sum := sums[k]; sum.Billed != d.Billed || sum.Charge != d.Charged {
			w.t.Fatalf("%v: usage sums to %d bytes and %d, the download says %+v", k, sum.Billed, sum.Charge, d)
		}
	}
	for k, sum := range sums {
		if sum.Claimed != claims[k].Claimed {
			w.t.Fatalf("%v: killed claims %d, never killed %d", k, sum.Claimed, claims[k].Claimed)
		}
	}
}

// sums are the usage of each download over all epochs.
func (b *books) sums() map[swarm.DownloadKey]swarm.UsageRow {
	out := map[swarm.DownloadKey]swarm.UsageRow{}
	for id, u := range b.usage {
		sum := out[id.DownloadKey]
		sum.Billed, sum.Charge, sum.Claimed = sum.Billed+u.Billed, sum.Charge+u.Charge, sum.Claimed+u.Claimed
		out[id.DownloadKey] = sum
	}
	return out
}

func same[K comparable, V comparable](t fataler, what string, got, want map[K]V) {
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			t.Fatalf("%s %v:\nkilled       %+v (%v)\nnever killed %+v", what, k, g, ok, v)
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			t.Fatalf("%s %v exists only with the killed one: %+v", what, k, v)
		}
	}
}

// twinParams let nobody fall silent within a test.
func twinParams(expiring bool) swarm.Params {
	p := swarm.DefaultParams()
	p.LinkCapBits = 1_000_000_000_000
	p.SessionKeep = 9 * 365 * 24 * time.Hour
	if !expiring {
		p.SeederInterval, p.LeecherInterval = 200*24*time.Hour, 200*24*time.Hour
	}
	return p
}

func newTwins(t fataler, p swarm.Params) *twins {
	funds := func(id bt.MemberID) tokens.Amount {
		if id == 3 {
			return 2 * tokens.Unit // pays for two downloads of 100 MiB at the base price and a bit
		}
		return 1000 * tokens.Unit
	}
	w := &twins{t: t, now: start, mortal: newStation(t, p, 3, funds), immortal: newStation(t, p, 3, funds)}
	for _, id := range []bt.TorrentID{7, 8, 7 + swarm.Shards, 200} {
		w.torrents = append(w.torrents, swarm.NewTorrent(id, size, piece, price, 1_000_000))
	}
	return w
}

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
