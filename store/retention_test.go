package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// history writes rows of a torrent's price history, each at its time, with its number as the price.
func history(t *testing.T, s *Store, torrent bt.TorrentID, at ...int64) {
	t.Helper()
	err := s.write(t.Context(), func(t *tx) error {
		for i, ms := range at {
			if err := t.execMany(`INSERT INTO prices (torrent, at_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes, capacity_bytes)
				VALUES (?, ?, ?, 1000000, 0, 0, 0)`, torrent, ms, i+1); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Store) historyOf(t *testing.T, torrent bt.TorrentID) (at []int64) {
	t.Helper()
	rows, err := s.Prices(t.Context(), torrent, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		at = append(at, r.AtMs)
	}
	return at
}

// thinned is what the rule leaves, found the simple way.
func thinned(at []int64, hours, days int64) (left []int64) {
	for i, ms := range at {
		last := i == len(at)-1
		sameHour := !last && ms < hours && at[i+1] < hours && ms/3_600_000 == at[i+1]/3_600_000
		sameDay := !last && ms < days && at[i+1] < days && ms/dayMs == at[i+1]/dayMs
		if !sameHour && !sameDay {
			left = append(left, ms)
		}
	}
	return left
}

// A year and more of prices, of busy torrents and quiet ones: what is young stays, of what is old the last of each
// hour, of what is older than a year the last of each day. Rounds are bounded, and any number of them leaves the
// same.
func TestThinPrices(t *testing.T) {
	s, pass, _ := clockStore(t)
	addMember(t, s, 1, 0, 0)
	now := s.opt.Now().UnixMilli()
	all := map[bt.TorrentID][]int64{}
	for i := range 3 {
		id, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{byte(i + 1)}, Name: fmt.Sprint(i), Size: bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1})
		if err != nil {
			t.Fatal(err)
		}
		step := []int64{4*3_600_000 + 7, 35 * 60_000, 26 * 3_600_000}[i]
		for at := now - 400*dayMs; at < now; at += step {
			all[id] = append(all[id], at)
		}
		if i == 0 { // so many in an hour that a round does not get through them
			busy := make([]int64, 2*thinRows+50)
			for n := range busy {
				busy[n] = now - 500*dayMs + int64(n)*500
			}
			all[id] = append(busy, all[id]...)
		}
		history(t, s, id, all[id]...)
	}
	const keep = 90 * 24 * time.Hour
	rounds := func() (n int) {
		for ; n < 1000; n++ {
			before := s.changes(t)
			if err := s.ThinPrices(t.Context(), keep); err != nil {
				t.Fatal(err)
			}
			if s.changes(t) == before {
				return n
			}
		}
		t.Fatal("it does not end")
		return n
	}
	if err := s.ThinPrices(t.Context(), 0); err != nil || s.changes(t) != 0 {
		t.Fatalf("for ever is not for ever: %v", err)
	}
	if n := rounds(); n < 4 {
		t.Errorf("%d rounds: they are not bounded", n)
	}
	check := func() {
		t.Helper()
		now := s.opt.Now().UnixMilli()
		for id, at := range all {
			want := thinned(at, (now-keep.Milliseconds())/dayMs*dayMs, (now-pricesByDay.Milliseconds())/dayMs*dayMs)
			if got := s.historyOf(t, id); !slices.Equal(got, want) {
				t.Errorf("torrent %d: %d rows left of %d, want %d", id, len(got), len(at), len(want))
			}
			if len(want) >= len(at)-len(at)/10 && id != 3 {
				t.Errorf("torrent %d: nearly nothing was to be thinned: %d of %d", id, len(want), len(at))
			}
		}
	}
	check()
	pass(40 * 24 * time.Hour) // more is old by now
	rounds()
	check()
	if rows := s.historyOf(t, 2); rows[len(rows)-1] != all[2][len(all[2])-1] {
		t.Error("the last price is gone")
	}
}

// changes counts what was ever thinned.
func (s *Store) changes(t *testing.T) (n int) {
	t.Helper()
	if err := s.r.QueryRowContext(t.Context(), "SELECT coalesce(sum(hour_ms / 1000 + day_ms / 1000), 0) + (SELECT coalesce(sum(CAST(value AS INTEGER)), 0) FROM facts WHERE name = 'prices_at') FROM prices_thinned").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Prices that are thinned are still a history: the current price is another column, and the newest rows are whole.
func TestThinnedPricesAreShown(t *testing.T) {
	s, _, _ := clockStore(t)
	addMember(t, s, 1, 0, 0)
	id, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{1}, Name: "t", Size: bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1})
	if err != nil {
		t.Fatal(err)
	}
	now := s.opt.Now().UnixMilli()
	hour := (now - 100*dayMs) / 3_600_000 * 3_600_000
	if err := s.SetPrices(t.Context(), []PriceRow{{Torrent: id, AtMs: now, MultiplierPPM: 2e6, Price: 20 * tokens.Unit}}, func(PriceRow) bool { return true }); err != nil {
		t.Fatal(err)
	}
	history(t, s, id, hour, hour+60_000, hour+120_000, hour+3_600_000)
	if err := s.ThinPrices(t.Context(), 90*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Prices(t.Context(), id, 10)
	if err != nil || len(rows) != 3 || rows[0].AtMs != hour+120_000 || rows[0].Price != 3 || rows[2].Price != 20*tokens.Unit {
		t.Errorf("%+v %v", rows, err)
	}
	listed, err := s.TorrentByHash(t.Context(), bt.InfoHash{1})
	if err != nil || listed.Price.Price != 20*tokens.Unit {
		t.Errorf("%+v %v", listed.Price, err)
	}
}

// What a settlement still needs is not swept, however old it is.
func TestSweepEvidence(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.nextEpoch(time.Hour)
	}
	put := func(epoch int64) {
		t.Helper()
		w.must(w.PutLeechProof(t.Context(), LeechProof{Epoch: epoch, Torrent: 1, Member: 2}))
		w.must(w.AddProbed(t.Context(), Probed{Epoch: epoch, Torrent: 1, Member: 2, Bytes: 5}))
	}
	for epoch := range int64(4) {
		put(epoch + 1)
	}
	w.sql("INSERT INTO member_networks (network, member, node, last_ms) VALUES ('192.0.2.0/24', 1, 0, " + fmt.Sprint(w.now.Load()) + ")")
	left := func() (n [3]int) {
		t.Helper()
		for i, table := range []string{"leech_proofs", "probed", "member_networks"} {
			w.must(w.r.QueryRowContext(context.Background(), "SELECT count(*) FROM "+table).Scan(&n[i]))
		}
		return n
	}
	w.now.Add(40 * dayMs)
	w.must(w.SweepEvidence(t.Context()))
	if got := left(); got != [3]int{4, 4, 0} {
		t.Errorf("nothing was weighed yet, and %v are left", got)
	}
	w.must(w.write(t.Context(), func(t *tx) error { return t.setFact(factHonesty, "3") }))
	w.must(w.SweepEvidence(t.Context()))
	if got := left(); got != [3]int{2, 2, 0} {
		t.Errorf("epochs 3 and 4 are to be left: %v", got)
	}
}
