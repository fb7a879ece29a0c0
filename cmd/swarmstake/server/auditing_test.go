package server

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestSeedersAreHeardBeforeTheirClaimsLapse: half a million seeders announce in time; each round of
// the auditor takes note of maxHeard of them.
func TestSeedersAreHeardBeforeTheirClaimsLapse(t *testing.T) {
	conf := DefaultConfig()
	wallet := new(swarm.Wallet)
	s := swarm.New(conf.Tracker, func(bt.MemberID) *swarm.Wallet { return wallet })
	now := time.UnixMilli(1_800_000_000_000)
	var res swarm.Result
	for torrent := bt.TorrentID(1); torrent <= swarm.Shards; torrent++ {
		tr := swarm.NewTorrent(torrent, 1<<30, 1<<20, 10*tokens.Unit, 1_000_000)
		for m := bt.MemberID(1); m <= 2000; m++ {
			var id bt.PeerID
			binary.LittleEndian.PutUint32(id[:], uint32(m))
			s.Announce(now, &swarm.Input{Torrent: tr, Member: &swarm.Member{ID: m, Wallet: wallet}, Announce: bt.Announce{PeerID: id,
				Addr: netip.MustParseAddrPort("192.0.2.1:6881"), Event: bt.Started}}, &res)
		}
	}
	rounds := 1
	for next := s.Seeders(0, conf.heardShards(), maxHeard, func([]swarm.Seeder) {}); next != 0; rounds++ {
		next = s.Seeders(next, conf.heardShards(), maxHeard, func([]swarm.Seeder) {})
	}
	cycle := time.Duration(rounds) * conf.Server.AuditInterval
	interval := conf.Tracker.SeederInterval + conf.Tracker.SeederInterval/10
	if silence := cycle + interval; silence > conf.Availability.ClaimLapse {
		t.Errorf("a claim is refreshed every %v with an announce up to %v old: %v, and lapses after %v", cycle, interval, silence, conf.Availability.ClaimLapse)
	}
}
