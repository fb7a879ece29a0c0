package store

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestProspects(t *testing.T) {
	const rate, replicas = 1000, 5
	for _, c := range []struct {
		prospects
		want tokens.Amount
	}{
		{prospects{size: bt.GiB, approved: true}, 24 * rate},
		{prospects{size: bt.GiB, approved: true, proven: replicas - 1}, 24 * rate},
		{prospects{size: bt.GiB, approved: true, proven: 2*replicas - 1}, 12 * rate},
		{prospects{size: 4 * bt.GiB}, 0},
		{prospects{size: 4 * bt.GiB, paid: 8000}, 2000},
		{prospects{size: 4 * bt.GiB, paid: 8000, proven: 3}, 500},
		{prospects{size: 4 * bt.GiB, paid: 8000, approved: true, proven: 9}, 12*rate + 200},
		{prospects{size: 1, paid: 1}, 1024}, // as if it had 1 MiB
		{prospects{size: 1, paid: tokens.MaxAmount, approved: true}, 1<<60 + 24*rate},
		{prospects{size: 1 << 50, paid: tokens.MaxAmount, proven: -1}, 1 << 30},
	} {
		if got := c.earns(rate, replicas); got != c.want {
			t.Errorf("%+v earns %d, want %d", c.prospects, got, c.want)
		}
	}
}

// A settlement rates the catalogue by what hosting pays and by what uploads earned in the last day, and says the
// same when it is run again.
func TestSettlementRatesTheCatalogue(t *testing.T) {
	w := newWorld(t)
	w.claim(3, 0, 1)
	w.claim(2, 0, 2)
	w.accrue(1)
	unapproved := w.list(NewTorrent{Name: "unapproved", Size: gib})
	w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 600))
	w.settle(w.nextEpoch(time.Hour))
	page, _, err := w.Torrents(t.Context(), TorrentQuery{Sort: ByEarns, Limit: 10})
	w.must(err)
	if len(page) != 3 || page[0].ID != 1 || page[1].ID != 2 || page[2].ID != unapproved || page[2].Earns != 0 || page[1].Earns <= 0 || page[0].Earns <= page[1].Earns {
		t.Fatalf("%+v", page)
	}
	// A day later what was paid no longer counts.
	w.settle(w.nextEpoch(23 * time.Hour))
	w.settle(w.nextEpoch(2 * time.Hour))
	page, _, err = w.Torrents(t.Context(), TorrentQuery{Sort: ByEarns, Limit: 10})
	w.must(err)
	if len(page) != 3 || page[0].Earns != page[1].Earns || page[0].Earns <= 0 {
		t.Errorf("a day later: %+v", page)
	}
}
