package swarm_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestEverythingAtOnce runs what a server runs, all at the same time, and then asks whether wallets,
// downloads and usage agree.
func TestEverythingAtOnce(t *testing.T) {
	p := swarm.DefaultParams()
	p.MaxSessions = 4
	const members, torrents = 12, 6
	wallets := map[bt.MemberID]*swarm.Member{}
	for m := bt.MemberID(1); m <= members; m++ {
		wallets[m] = &swarm.Member{ID: m, Wallet: new(swarm.Wallet)}
		wallets[m].Wallet.Set(1000*tokens.Unit, 0)
	}
	s := swarm.New(p, func(m bt.MemberID) *swarm.Wallet {
		if x := wallets[m]; x != nil {
			return x.Wallet
		}
		return nil
	})
	j := &memJournal{}
	s.SetJournal(j)
	s.SetEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}})
	ts := make([]*swarm.Torrent, torrents)
	for i := range ts {
		ts[i] = swarm.NewTorrent(bt.TorrentID(i+1), size, piece, price, 1_000_000)
	}
	var mu sync.Mutex
	charged := map[swarm.DownloadKey]tokens.Amount{}
	stop := make(chan struct{})
	var wg, helpers sync.WaitGroup
	clock := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second) }
	for g := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rng := rand.New(rand.NewPCG(uint64(g), 2))
			var res swarm.Result
			down := map[string]bt.Bytes{}
			for i := range 4000 {
				m, tn := bt.MemberID(1+rng.IntN(members)), rng.IntN(torrents)
				id := fmt.Sprintf("%d-%d", g, rng.IntN(3))
				k := fmt.Sprint(m, tn, id)
				e := bt.None
				switch rng.IntN(12) {
				case 0:
					e = bt.Started
					down[k] = 0
				case 1:
					e = bt.Stopped
				}
				down[k] += bt.Bytes(rng.IntN(1 << 22))
				left := max(0, bt.Bytes(size)-down[k])
				s.Announce(clock(i), &swarm.Input{Torrent: ts[tn], Member: wallets[m], Budget: bt.Bytes(rng.IntN(3)) << 20, Announce: bt.Announce{
					PeerID: peer(id), Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(g), byte(m)}), 7000), Downloaded: down[k], Left: left, Event: e, NumWant: 20, Compact: i%2 == 0}}, &res)
			}
		}()
	}
	again := func(f func(i int)) {
		helpers.Add(1)
		go func() {
			defer helpers.Done()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					f(i)
				}
			}
		}()
	}
	collect := func() {
		for left := swarm.Shards; left > 0; {
			b, visited := s.Collect(50)
			if left -= visited; b == nil {
				continue
			}
			mu.Lock()
			for _, u := range b.Usage {
				charged[u.DownloadKey] += u.Charge
				wallets[u.Member].Wallet.Flushed(u.Charge, 1000*tokens.Unit-total(charged, u.Member), 0)
			}
			mu.Unlock()
		}
		s.Unflushed(j.Next())
	}
	again(func(int) { collect() })
	again(func(i int) { s.Expire(clock(i%4000), func() {}) })
	again(func(i int) { s.ReleaseStopped(clock(i % 4000)); time.Sleep(time.Millisecond) })
	again(func(i int) { s.SetStanding(bt.TorrentID(1+i%torrents), bt.MemberID(1+i%members), i%5) })
	again(func(i int) { s.Leechers(clock(i%4000), func(bt.TorrentID, []swarm.Leecher) {}) })
	again(func(i int) { s.Seeders(i%swarm.Shards, 1, 10, func([]swarm.Seeder) {}) })
	again(func(i int) { s.Scrape(bt.TorrentID(1 + i%torrents)) })
	again(func(i int) {
		s.Release(swarm.DownloadKey{Member: bt.MemberID(1 + i%members), Torrent: bt.TorrentID(1 + i%torrents)}, 5)
		time.Sleep(time.Millisecond)
	})
	again(func(i int) {
		s.Corroborate(ts[i%torrents], wallets[bt.MemberID(1+i%members)], 1, 1<<16, false)
		time.Sleep(time.Millisecond)
	})
	wg.Wait()
	close(stop)
	helpers.Wait()
	collect()
	for m, x := range wallets {
		var reserved tokens.Amount
		for tn := range torrents {
			d, _ := s.Download(swarm.DownloadKey{Member: m, Torrent: bt.TorrentID(tn + 1)})
			reserved += d.Reserved
			if got := charged[d.DownloadKey]; got != d.Charged {
				t.Errorf("member %d torrent %d: usage %d, download %d", m, tn+1, got, d.Charged)
			}
		}
		f := x.Wallet.Funds()
		if f.Reserved != reserved || f.Pending != 0 {
			t.Errorf("member %d: wallet reserves %d, downloads %d; pending %d", m, f.Reserved, reserved, f.Pending)
		}
	}
}

func total(c map[swarm.DownloadKey]tokens.Amount, m bt.MemberID) (sum tokens.Amount) {
	for k, a := range c {
		if k.Member == m {
			sum += a
		}
	}
	return sum
}
