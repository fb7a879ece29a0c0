package swarm_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// crowd is a million peers on ten thousand torrents, one in five a leecher.
type crowd struct {
	s        *swarm.Swarms
	torrents []*swarm.Torrent
	members  []*swarm.Member
	now      time.Time
}

const (
	crowdPeers    = 1_000_000
	crowdTorrents = 10_000
	crowdMembers  = 100_000
)

func newCrowd() *crowd {
	c := &crowd{now: start}
	for i := range crowdTorrents {
		c.torrents = append(c.torrents, swarm.NewTorrent(bt.TorrentID(i+1), 1<<30, 16<<20, price, 1_000_000))
	}
	for i := range crowdMembers {
		w := new(swarm.Wallet)
		w.Set(1_000_000*tokens.Unit, 50*tokens.Unit)
		c.members = append(c.members, &swarm.Member{ID: bt.MemberID(i + 1), Wallet: w})
	}
	c.s = swarm.New(swarm.DefaultParams(), func(m bt.MemberID) *swarm.Wallet { return c.members[m-1].Wallet })
	return c
}

func (c *crowd) input(i int, e bt.Event) swarm.Input {
	in := swarm.Input{Torrent: c.torrents[i%crowdTorrents], Member: c.members[(i/crowdTorrents*977+i)%crowdMembers]}
	in.Announce = bt.Announce{NumWant: 50, Compact: true, Event: e,
		Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i%60000))}
	binary.BigEndian.PutUint64(in.Announce.PeerID[12:], uint64(i)*0x9e3779b97f4a7c15)
	if i/crowdTorrents%5 == 0 {
		in.Announce.Left = 1 << 30
	}
	return in
}

func (c *crowd) fill() {
	var res swarm.Result
	for i := range crowdPeers {
		in := c.input(i, bt.Started)
		c.s.Announce(c.now, &in, &res)
	}
	for left := swarm.Shards; left > 0; {
		_, visited := c.s.Collect(5000)
		left -= visited
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkAnnounce(b *testing.B) {
	c := newCrowd()
	before := heap()
	c.fill()
	perPeer := float64(heap()-before) / crowdPeers
	c.now = c.now.Add(100 * time.Second)
	for _, kind := range []string{"repeat", "advance"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			var res swarm.Result
			in := make([]swarm.Input, 4096)
			for i := range in {
				in[i] = c.input(int(mixed(i)%crowdPeers), bt.None)
				if kind == "advance" {
					in[i].Announce.Uploaded = 1
				}
			}
			for i := 0; b.Loop(); i++ {
				x := &in[i%len(in)]
				if kind == "advance" && x.Announce.Left == 0 {
					x.Announce.Uploaded += 1 << 20
				} else if kind == "advance" {
					x.Announce.Downloaded += 1 << 14
				}
				c.s.Announce(c.now, x, &res)
			}
			b.ReportMetric(perPeer, "B/peer")
		})
	}
	b.Run("expire", func(b *testing.B) {
		var longest time.Duration
		for b.Loop() {
			last := time.Now()
			c.s.Expire(c.now, func() {
				longest = max(longest, time.Since(last))
				last = time.Now()
			})
		}
		b.ReportMetric(float64(longest.Microseconds()), "longest-us")
	})
}

func mixed(i int) uint64 {
	x := uint64(i)*0x9e3779b97f4a7c15 + 1
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	return x ^ x>>31
}
