package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func bulk(n int) []StakedMember {
	out := make([]StakedMember, n)
	for i := range out {
		out[i] = StakedMember{Name: fmt.Sprintf("bulk-%d", i), Secret: [32]byte{1, byte(i)}, Tokens: tokens.Amount(1000 + i), Stake: 60 * tokens.Unit, MaxPrice: 7}
	}
	return out
}

func TestBulkMembersJoinLikeAnyOther(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	ids, err := s.AddStakedMembers(t.Context(), bulk(20))
	if err != nil || len(ids) != 20 {
		t.Fatalf("%d members, %v", len(ids), err)
	}
	eco := DefaultEconomy()
	for i, id := range ids {
		m, err := s.RosterMembers(t.Context(), id)
		if err != nil || len(m) != 1 {
			t.Fatalf("member %d: %v", id, err)
		}
		got := m[0]
		if !got.Funds.GateOK || got.GatePrice != eco.Gate || got.Funds.Staked != int64(60*tokens.Unit) || got.Funds.Available != int64(1000+i) ||
			got.MaxPrice != 7 || got.Secret != [32]byte{1, byte(i)} || got.Name != fmt.Sprintf("bulk-%d", i) {
			t.Errorf("member %d is %+v", id, got)
		}
	}
	if fees, _ := s.Balance(t.Context(), tokens.Token, tokens.PoolLockers); fees != 20*eco.JoinFee {
		t.Errorf("join fees are %s", fees)
	}
	v, err := Verify(t.Context(), dir, nil)
	if err != nil || !v.OK() || v.Transfers != 60 {
		t.Errorf("ledger: %+v, %v", v, err)
	}
}

func TestBulkMembersAreAllOrNone(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	low, taken := bulk(3), bulk(3)
	low[2].Stake = DefaultEconomy().Gate - 1
	taken[2].Name = "BULK-0" // names are one whatever their case
	if _, err := s.AddStakedMembers(t.Context(), low); err == nil {
		t.Error("a stake below the gate was taken")
	}
	if _, err := s.AddStakedMembers(t.Context(), taken); !errors.Is(err, ErrExists) {
		t.Errorf("a name twice: %v", err)
	}
	if o, err := s.Overview(t.Context()); err != nil || o.Members != 0 || o.Transfers != 0 {
		t.Errorf("left behind: %d members, %d transfers, %v", o.Members, o.Transfers, err)
	}
}

func TestBulkTorrents(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	ids, err := s.AddStakedMembers(t.Context(), bulk(1))
	if err != nil {
		t.Fatal(err)
	}
	torrent := func(n byte) NewTorrent {
		return NewTorrent{InfoHash: bt.InfoHash{n}, Name: fmt.Sprint("t", n), Size: bt.GiB, PieceBytes: 1 << 24, Files: 1, Metainfo: []byte{n}, Uploader: ids[0]}
	}
	got, err := s.AddTorrents(t.Context(), []NewTorrent{torrent(1), torrent(2)})
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := s.AddTorrents(t.Context(), []NewTorrent{torrent(3), torrent(2)}); !errors.Is(err, ErrExists) {
		t.Errorf("an info-hash twice: %v", err)
	}
	rows, err := s.RosterTorrents(t.Context())
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d torrents, %v", len(rows), err)
	}
	for i, r := range rows {
		if r.ID != got[i] || r.InfoHash != (bt.InfoHash{byte(i + 1)}) || r.Size != bt.GiB || r.Price.Price != DefaultEconomy().BasePrice {
			t.Errorf("torrent %d is %+v", i, r)
		}
	}
}
