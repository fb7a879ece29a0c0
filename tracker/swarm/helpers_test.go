package swarm_test

import (
	"fmt"
	"net/netip"
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
}

func newWorld(t fataler, change ...func(*swarm.Params)) *world {
	p := swarm.DefaultParams()
	p.FundsURL = "https://t/wallet"
	for _, c := range change {
		c(&p)
	}
	w := &world{t: t, s: swarm.New(p), members: map[bt.MemberID]*swarm.Member{}, now: start}
	w.torrent = swarm.NewTorrent(7, size, piece, price, 1_000_000)
	w.s.SetEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}})
	return w
}

func (w *world) member(id bt.MemberID) *swarm.Member {
	m := w.members[id]
	if m == nil {
		m = &swarm.Member{ID: id, Wallet: new(swarm.Wallet)}
		m.Wallet.Set(1000*tokens.Unit, 50*tokens.Unit)
		w.members[id] = m
	}
	return m
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
	free    bool
}

func (w *world) announce(x say) swarm.Result {
	if x.addr == "" {
		x.addr = fmt.Sprintf("10.0.0.%d:6881", x.member)
	}
	if x.peer == "" {
		x.peer = fmt.Sprint("p", x.member)
	}
	if x.want == 0 {
		x.want = 50
	}
	return w.s.Announce(w.now, swarm.Input{
		Torrent: w.torrent, Member: w.member(x.member), Refuse: x.refuse, Free: x.free,
		Network: netip.MustParsePrefix("192.0.2.0/24"),
		Announce: bt.Announce{PeerID: peer(x.peer), Addr: netip.MustParseAddrPort(x.addr), Uploaded: x.u,
			Downloaded: x.d, Left: x.l, Event: x.e, NumWant: max(0, x.want), Compact: true},
	})
}

func (w *world) wait(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) download(m bt.MemberID) swarm.DownloadRow {
	d, ok := w.s.Download(swarm.DownloadKey{Member: m, Torrent: w.torrent.ID})
	if !ok {
		w.t.Fatalf("member %d has no download", m)
	}
	return d
}

// collect flushes and keeps the batch.
func (w *world) collect() *swarm.Batch {
	b := w.s.Collect()
	if b != nil {
		w.batches = append(w.batches, b)
	}
	return b
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

// reload restarts the server: a new state machine from what the batches stored.
func (w *world) reload() {
	w.collect()
	sessions := map[swarm.SessionKey]swarm.SessionRow{}
	downloads := map[swarm.DownloadKey]swarm.DownloadRow{}
	var last int64
	for _, b := range w.batches {
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
		last = b.Number
	}
	var ss []swarm.SessionRow
	var ds []swarm.DownloadRow
	for _, s := range sessions {
		ss = append(ss, s)
	}
	for _, d := range downloads {
		ds = append(ds, d)
	}
	old := w.s
	w.s = swarm.New(old.Params())
	w.s.SetEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}})
	for _, m := range w.members {
		f := m.Wallet.Funds()
		m.Wallet = new(swarm.Wallet)
		m.Wallet.Set(f.Available-f.Pending, f.Staked)
	}
	w.s.Load(ss, ds, last, func(id bt.MemberID) *swarm.Wallet { return w.members[id].Wallet })
}
