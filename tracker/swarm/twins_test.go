package swarm_test

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"time"

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
