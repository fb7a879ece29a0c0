package swarm_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	size  = 100 << 20
	piece = 1 << 20
	price = 10 * tokens.Unit
)

var start = time.UnixMilli(1_800_000_000_000)

// fataler is what testing.T and rapid.T share here.
type fataler interface{ Fatalf(string, ...any) }

// world is a swarm, one torrent and members made on first use.
type world struct {
	t       fataler
	s       *swarm.Swarms
	torrent *swarm.Torrent
	members map[bt.MemberID]*swarm.Member
	now     time.Time
	batches []*swarm.Batch
	journal memJournal
	epochs  []swarm.Epoch

	allowance bt.Bytes // of every member
}

// memJournal is a journal that a kill leaves alone.
type memJournal struct {
	mu      sync.Mutex
	records [][]byte
	full    bool
}

func (j *memJournal) Append(rec []byte) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full {
		return 0, errors.New("full")
	}
	j.records = append(j.records, slices.Clone(rec))
	return int64(len(j.records) - 1), nil
}

func (j *memJournal) Next() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return int64(len(j.records))
}

func newWorld(t fataler, change ...func(*swarm.Params)) *world {
	p := swarm.DefaultParams()
	p.FundsURL = "https://t/wallet"
	for _, c := range change {
		c(&p)
	}
	w := &world{t: t, members: map[bt.MemberID]*swarm.Member{}, now: start}
	w.s = swarm.New(p, w.wallet)
	w.torrent = swarm.NewTorrent(7, size, piece, price, 1_000_000)
	w.s.SetJournal(&w.journal)
	w.setEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}})
	return w
}

func (w *world) setEpochs(e []swarm.Epoch) {
	w.epochs = e
	w.s.SetEpochs(e)
}

func (w *world) member(id bt.MemberID) *swarm.Member {
	m := w.members[id]
	if m == nil {
		m = &swarm.Member{ID: id, Wallet: new(swarm.Wallet)}
		m.Wallet.Set(w.funds(id), 50*tokens.Unit)
		m.Wallet.SetAllowance(0, w.allowance)
		w.members[id] = m
	}
	return m
}

// wallet is the lookup that the swarms use: it knows only members that were made.
func (w *world) wallet(id bt.MemberID) *swarm.Wallet {
	if m := w.members[id]; m != nil {
		return m.Wallet
	}
	return nil
}

func peer(name string) bt.PeerID { return bt.PeerID([]byte((name + "--------------------")[:20])) }

// say is one announce in short: u, d, left and event.
type say struct {
	member  bt.MemberID
	peer    string
	u, d, l bt.Bytes
	e       bt.Event
	addr    string
	want    int // 0: 50; −1: none
	refuse  bt.ClientError
	stake   bt.ClientError
	guest   bool // … unless the allowance covers it
	free    bool
	paused  bool
	budget  bt.Bytes
	compact bool
}

func (w *world) announce(x say) swarm.Result {
	if x.addr == "" {
		x.addr = fmt.Sprintf("10.0.%d.%d:6881", x.member/256, x.member%256)
	}
	if x.peer == "" {
		x.peer = fmt.Sprint("p", x.member)
	}
	if x.want == 0 {
		x.want = 50
	}
	var res swarm.Result
	w.s.Announce(w.now, &swarm.Input{
		Torrent: w.torrent, Member: w.member(x.member), Refuse: x.refuse, NoStake: x.stake, Allowance: x.guest, Free: x.free, Budget: x.budget,
		Network: netip.MustParsePrefix("192.0.2.0/24"),
		Announce: bt.Announce{PeerID: peer(x.peer), Addr: netip.MustParseAddrPort(x.addr), Uploaded: x.u,
			Downloaded: x.d, Left: x.l, Event: x.e, NumWant: max(0, x.want), Compact: x.compact, Paused: x.paused},
	}, &res)
	return res
}

func (w *world) wait(d time.Duration) { w.now = w.now.Add(d) }

// download returns a member's download; of one who never fetched anything, nothing.
func (w *world) download(m bt.MemberID) swarm.DownloadRow {
	d, _ := w.s.Download(swarm.DownloadKey{Member: m, Torrent: w.torrent.ID})
	return d
}

// collect flushes and keeps the batches; it returns all of them as one.
func (w *world) collect() *swarm.Batch {
	all := &swarm.Batch{}
	for left := swarm.Shards; left > 0; {
		b, visited := w.s.Collect(1000)
		if left -= visited; b == nil {
			continue
		}
		w.s.Stored(b)
		w.batches = append(w.batches, b)
		all.Number = b.Number
		all.Sessions, all.Downloads, all.Usage = append(all.Sessions, b.Sessions...), append(all.Downloads, b.Downloads...), append(all.Usage, b.Usage...)
	}
	return all
}

// totals sums usage over all batches.
func (w *world) totals(m bt.MemberID) (billed, claimed bt.Bytes, charge tokens.Amount) {
	w.collect()
	for _, b := range w.batches {
		for _, u := range b.Usage {
			if u.Member == m {
				billed, claimed, charge = billed+u.Billed, claimed+u.Claimed, charge+u.Charge
			}
		}
	}
	return billed, claimed, charge
}

func (w *world) claimed(m bt.MemberID) bt.Bytes {
	_, c, _ := w.totals(m)
	return c
}

func cost(p tokens.Amount, n bt.Bytes) tokens.Amount { return surge.Need(p, n) }

// reload stops the server and starts it again.
func (w *world) reload() {
	w.collect()
	w.kill()
}

// kill ends the server at once and starts it again: a new state machine from what the batches
// stored, and the journal.
func (w *world) kill() {
	sessions := map[swarm.SessionKey]swarm.SessionRow{}
	downloads := map[swarm.DownloadKey]swarm.DownloadRow{}
	stored := swarm.Stored{Positions: map[int]int64{}}
	pending, used := map[bt.MemberID]tokens.Amount{}, map[bt.MemberID]bt.Bytes{}
	for _, b := range w.batches {
		for _, p := range b.Shards {
			stored.Positions[p.Shard] = p.Position
		}
		for _, u := range b.Usage {
			pending[u.Member] -= u.Charge // it is in the ledger now
			used[u.Member] += u.Allowed
		}
		for _, s := range b.Sessions {
			if s.Seq > sessions[s.SessionKey].Seq {
				sessions[s.SessionKey] = s
			}
		}
		for _, d := range b.Downloads {
			if d.Seq > downloads[d.DownloadKey].Seq {
				downloads[d.DownloadKey] = d
			}
		}
		stored.Batch = b.Number
	}
	for _, s := range sessions {
		stored.Sessions = append(stored.Sessions, s)
	}
	for _, d := range downloads {
		stored.Downloads = append(stored.Downloads, d)
	}
	w.s = swarm.New(w.s.Params(), w.wallet)
	w.s.SetEpochs(w.epochs)
	for id, m := range w.members {
		m.Wallet = new(swarm.Wallet)
		m.Wallet.Set(w.funds(id)+pending[id], 50*tokens.Unit)
		m.Wallet.SetAllowance(0, w.allowance-used[id])
	}
	w.s.Load(stored, w.now, w.now)
	for pos, rec := range w.journal.records {
		if err := w.s.Replay(int64(pos), rec); err != nil {
			w.t.Fatalf("replay: %v", err)
		}
	}
	w.s.Loaded()
	w.s.SetJournal(&w.journal)
}

// funds is what a member was given.
func (w *world) funds(bt.MemberID) tokens.Amount { return 1000 * tokens.Unit }

// leechers and seeders of the world's torrent.
func (w *world) leechers() (out []swarm.Leecher) {
	w.s.Leechers(w.now, func(t bt.TorrentID, l []swarm.Leecher) {
		if t == w.torrent.ID {
			out = append(out, l...)
		}
	})
	return out
}

func (w *world) seeders() (out []swarm.Seeder) {
	w.s.Seeders(0, 0, 1<<30, func(s []swarm.Seeder) { out = append(out, s...) })
	return out
}

func (w *world) expire() { w.s.Expire(w.now, func() {}) }
