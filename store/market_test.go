package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestMarketTorrents(t *testing.T) {
	w := newWorld(t)
	third, err := w.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{3}, Name: "gone", Size: 1, PieceBytes: 1, Files: 1, Metainfo: []byte{0}, Uploader: 1})
	w.must(err)
	fourth, err := w.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{4}, Name: "new", Size: 5, PieceBytes: 1, Files: 1, Metainfo: []byte{0}, Uploader: 1, Category: "games"})
	w.must(err)
	w.must(w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE torrents SET withdrawn_ms = 1 WHERE id = ?", third) }))
	for _, name := range []string{"a", "b"} {
		_, err := w.PutCollection(t.Context(), 4, NewCollection{Name: name, Title: name})
		w.must(err)
		w.must(w.AddToCollection(t.Context(), 4, name, fourth))
	}
	w.now.Add(1)
	w.must(w.RemoveFromCollection(t.Context(), 4, "a", fourth))
	got, err := w.MarketTorrents(t.Context())
	w.must(err)
	if len(got) != 3 || got[0].ID != 1 || got[2].ID != fourth {
		t.Fatalf("%+v", got)
	}
	last := got[2]
	if last.Name != "new" || last.Category != "games" || last.Size != 5 || last.Approved || !slices.Equal(last.Collections, []int64{2}) || last.Price <= 0 || last.Uploader == "" {
		t.Errorf("%+v", last)
	}
	if got[0].Category != "other" || !got[0].Approved || got[0].InfoHash != (bt.InfoHash{1}) {
		t.Errorf("%+v", got[0])
	}
}

// What a newcomer is promised is what he gets at the next settlement, if it has as much to pay.
func TestHostingTermsAreKept(t *testing.T) {
	for name, rate := range map[string]tokens.Amount{"limited by the rate": 9000, "limited by the pool": 0} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.noInflation()
			p := &w.rules.Settle
			p.HostingRate, p.TorrentCapPPM, p.PublisherCapPPM = rate, 1_000_000, 1_000_000
			first, second := w.node(3, 10*tokens.Unit), w.node(2, 10*tokens.Unit)
			w.claim(3, first, 1)
			fund := func(id string, a tokens.Amount) {
				w.must(w.Post(t.Context(), tokens.Transfer{ID: id, Asset: tokens.Token, From: tokens.Issuance, To: tokens.PoolHosting, Amount: a, Code: tokens.CodeInflation}))
			}
			const pool = 6 * tokens.Unit
			fund("f1", pool)
			w.accrue(1)
			w.settle(w.nextEpoch(time.Minute))
			terms, err := w.HostingTerms(t.Context(), w.rules, time.Hour)
			w.must(err)
			want := pool / 2 * 60 // as much as the other, who hosted for the whole minute
			if rate > 0 {
				want = rate
			}
			if terms != (HostingTerms{Epoch: 1, Rate: want, TorrentCap: pool * 60}) {
				t.Fatalf("%+v, want a rate of %d", terms, want)
			}
			w.claim(2, second, 2)
			if left := w.has(tokens.PoolHosting); left < pool {
				fund("f2", pool-left)
			}
			w.accrue(2)
			w.settle(w.nextEpoch(time.Minute))
			var got tokens.Amount
			w.must(w.r.QueryRow("SELECT gross_utok FROM hosting WHERE epoch = 2 AND node = ?", second).Scan(&got))
			if got != want/60 {
				t.Errorf("the newcomer earned %d in a minute, was promised %d an hour", got, want)
			}
		})
	}
}

func TestHostingTermsBeforeAnySettlement(t *testing.T) {
	w := newWorld(t)
	w.rules.Settle.HostingRate = 0
	terms, err := w.HostingTerms(t.Context(), w.rules, time.Hour)
	w.must(err)
	supply := -w.has(tokens.Issuance)
	pool := tokens.PPM(settle.Inflation(supply, w.rules.Settle.InflationPPM, time.Hour), w.rules.Settle.InflationHostingPPM)
	if pool <= 0 || terms.Epoch != 0 || terms.Rate != pool || terms.TorrentCap != tokens.PPM(pool, w.rules.Settle.TorrentCapPPM) {
		t.Errorf("%+v, the pool would have %d", terms, pool)
	}
	w.rules.Settle.HostingRate = 7
	if terms, err = w.HostingTerms(t.Context(), w.rules, time.Hour); err != nil || terms.Rate != 7 {
		t.Errorf("%+v, %v", terms, err)
	}
}

func TestPerHour(t *testing.T) {
	for _, c := range []struct {
		a       tokens.Amount
		seconds int64
		want    tokens.Amount
	}{{7, 3600, 7}, {1, 1, 3600}, {10, 7, 5142}, {tokens.MaxAmount, 1, tokens.MaxAmount}, {tokens.MaxAmount, settle.MaxProvenSeconds, tokens.MaxAmount / settle.MaxProvenSeconds * 3600},
		{0, 5, 0}} {
		got := perHour(c.a, c.seconds)
		if got != c.want && (got < c.want || got-c.want >= 3600) {
			t.Errorf("%d in %d s: %d, want %d", c.a, c.seconds, got, c.want)
		}
	}
}

// The epochs of a span, and what downloaders took and uploaders got in them.
func TestDemandOfSettledEpochs(t *testing.T) {
	w := newWorld(t)
	w.claim(3, 0, 1)
	for range 4 {
		n := w.current()
		w.accrue(n)
		taken := w.took(n, 1, 1, gib, 10*tokens.Unit)
		taken.Free = gib / 2
		w.meter(taken, w.took(n, 2, 1, gib/4, tokens.Unit), w.gave(n, 3, 1, gib))
		w.settle(w.nextEpoch(time.Hour))
	}
	epochs, err := w.LastSettled(t.Context(), 2*time.Hour)
	w.must(err)
	if len(epochs) != 2 || epochs[0].Number != 4 || epochs[1].Number != 3 {
		t.Fatalf("%+v", epochs)
	}
	rows, err := w.Demand(t.Context(), 3, 4)
	w.must(err)
	sums := map[string]Demand{}
	for _, d := range rows {
		key := fmt.Sprint(d.Epoch, "/", d.Torrent)
		sums[key] = Demand{Bytes: sums[key].Bytes + d.Bytes, Paid: sums[key].Paid + d.Paid}
	}
	if len(sums) != 2 {
		t.Fatalf("%+v", rows)
	}
	for key, d := range sums {
		var paid tokens.Amount
		w.must(w.r.QueryRow("SELECT sum(pay_utok + probation_utok) FROM awards WHERE torrent = 1 AND epoch = ?", key[:1]).Scan(&paid))
		if d.Bytes != gib+gib/2+gib/4 || paid <= 0 || d.Paid != paid {
			t.Errorf("%s: %+v, paid %d", key, d, paid)
		}
	}
}

// current is the number of the epoch that is under way.
func (w *world) current() (n int64) {
	w.t.Helper()
	w.must(w.r.QueryRow("SELECT max(number) FROM epochs").Scan(&n))
	return n
}
