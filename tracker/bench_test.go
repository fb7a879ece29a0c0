package tracker_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// BenchmarkAnswer is a whole announce without the network: 100 peers, half of them in the reply.
func BenchmarkAnswer(b *testing.B) {
	dir := tracker.NewDirectory()
	swarms := swarm.New(swarm.DefaultParams(), dir.Wallet)
	policy, err := tracker.NewClientPolicy(tracker.DefaultClientRules())
	if err != nil {
		b.Fatal(err)
	}
	limits := tracker.DefaultLimits()
	limits.Exempt = func(netip.Addr) bool { return true } // else most answers would be refusals
	h, err := tracker.NewHandler(tracker.Options{Roster: dir, Swarms: swarms, Now: time.Now, Limits: limits,
		Clients: func() tracker.ClientPolicy { return policy }})
	if err != nil {
		b.Fatal(err)
	}
	dir.PutTorrent(tracker.Torrent{Meter: swarm.NewTorrent(1, 1<<30, 1<<20, 10*tokens.Unit, 1_000_000), Hashes: []bt.InfoHash{hash}})
	const members = 100
	keys, queries := make([]string, members), make([]string, members)
	for i := range members {
		id := bt.MemberID(i + 1)
		dir.PutMember(tracker.Member{Member: swarm.Member{ID: id}, Secret: tracker.Secret{byte(id)}, GateOK: true}).Wallet.Set(1000*tokens.Unit, 50*tokens.Unit)
		left := 0
		if i%5 == 0 {
			left = 1 << 30
		}
		keys[i] = tracker.KeyFor(tracker.Secret{byte(id)}, id, hash)
		queries[i] = fmt.Sprintf("info_hash=%s&peer_id=-qB4520-%012d&port=6881&uploaded=0&downloaded=0&left=%d&compact=1&numwant=200&key=8A3B&event=", hash[:], i, left)
	}
	var dst []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := i % members
		dst = h.Answer(dst[:0], keys[k], "announce", queries[k], netip.AddrFrom4([4]byte{192, 0, 2, byte(k)}))
	}
	if len(dst) < 100 {
		b.Fatalf("%q", dst)
	}
}
