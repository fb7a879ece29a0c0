package store

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func usage(m bt.MemberID, torrent bt.TorrentID, charge tokens.Amount) swarm.UsageRow {
	return swarm.UsageRow{Epoch: 1, DownloadKey: swarm.DownloadKey{Member: m, Torrent: torrent}, Billed: 100, Charge: charge, FromMs: 1, ToMs: 2}
}

// addMember makes a member without going through registration.
func addMember(t *testing.T, s *Store, id bt.MemberID, available, staked tokens.Amount) {
	t.Helper()
	err := s.write(t.Context(), func(x *tx) error {
		_, err := x.insert("INSERT INTO members (id, name, key_secret, created_ms) VALUES (?, ?, zeroblob(32), 0)", id, string(rune('a'+id)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for acct, a := range map[tokens.Account]tokens.Amount{tokens.Available(id): available, tokens.Staked(id): staked} {
		if a > 0 {
			if err := s.Post(t.Context(), grant("g/"+string(acct), acct, a)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestFlushChargesOnceAndTakesShortfallFromStake(t *testing.T) {
	var told []Funds
	s := open(t, t.TempDir(), Options{OnFunds: func(f []Funds) { told = append(told, f...) }, Now: func() time.Time { return time.UnixMilli(5000) }})
	addMember(t, s, 1, 10, 5)
	told = nil
	b := &swarm.Batch{Number: 1, Usage: []swarm.UsageRow{usage(1, 7, 8), usage(1, 9, 12)}}
	for range 3 { // repeated as after an unclear commit
		if err := s.Flush(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	pot, _ := s.Balance(t.Context(), tokens.Token, tokens.Pot(1))
	if pot != 15 {
		t.Fatalf("pot holds %d, want all 10 available and 5 staked", pot)
	}
	if len(told) != 1 || told[0].Charged != 20 || told[0].Available != 0 || told[0].Staked != 0 {
		t.Fatalf("tracker was told %+v", told)
	}
	var paid, unpaid int64
	if err := s.r.QueryRow("SELECT sum(charged_utok), sum(unpaid_utok) FROM usage").Scan(&paid, &unpaid); err != nil {
		t.Fatal(err)
	}
	if paid != 15 || unpaid != 5 {
		t.Fatalf("usage says paid %d, unpaid %d", paid, unpaid)
	}
}

func TestMeterRowsComeBackAsWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	ses := swarm.SessionRow{SessionKey: swarm.SessionKey{Member: 1, Torrent: 2, PeerID: bt.PeerID{3}}, Generation: 1, Uploaded: 4, Downloaded: 5,
		Left: 6, Seq: 7, LastMs: 8, Addr: parseAddr("127.0.0.1:6881")}
	down := swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: 2}, Metered: 3, Billed: 3, Cost: 9, CostRem: 1, Seq: 4, Corroborated: 2, Introduced: swarm.Everybody()}
	if err := s.Flush(t.Context(), &swarm.Batch{Number: 3, Sessions: []swarm.SessionRow{ses}, Downloads: []swarm.DownloadRow{down},
		Shards: []swarm.ShardPosition{{Shard: 9, Position: 1234}}}); err != nil {
		t.Fatal(err)
	}
	older := ses
	older.Seq, older.Uploaded = 6, 1
	if err := s.Flush(t.Context(), &swarm.Batch{Number: 4, Sessions: []swarm.SessionRow{older}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir, Options{})
	m, err := s.Meter(t.Context(), 200*365*24*time.Hour)
	if err != nil || len(m.Sessions) != 1 || len(m.Downloads) != 1 || m.Batch != 4 {
		t.Fatalf("%+v, %v", m, err)
	}
	if m.Sessions[0] != ses || m.Downloads[0] != down || len(m.Positions) != 1 || m.Positions[9] != 1234 {
		t.Fatalf("got %+v", m)
	}
	if m, err := s.Meter(t.Context(), time.Hour); err != nil || len(m.Sessions) != 0 || len(m.Downloads) != 1 {
		t.Fatalf("a session of 1970 was kept, or its download was not: %+v, %v", m, err)
	}
}
