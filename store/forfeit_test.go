package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// hosted is what hosting earned in an epoch, by member.
func (w *world) hosted(epoch int64) map[bt.MemberID]tokens.Amount {
	w.t.Helper()
	out := map[bt.MemberID]tokens.Amount{}
	for torrent := bt.TorrentID(1); torrent <= 2; torrent++ {
		page, err := w.EpochTorrents(w.t.Context(), epoch, torrent-1, 1)
		w.must(err)
		for _, r := range page {
			for _, l := range r.Hosting {
				if r.Torrent == torrent {
					out[l.Member] += l.Gross
				}
			}
		}
	}
	return out
}

// sql writes what other parts of the server would.
func (w *world) sql(query string, args ...any) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(t *tx) error { return t.exec(query, args...) }))
}

// TestForfeitedEpochEarnsNothing: two nodes host a sponsored torrent, and upload; one of them was away
// without a word. What it uploaded it uploaded.
func TestForfeitedEpochEarnsNothing(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(2, 10*tokens.Unit), w.node(3, 10*tokens.Unit)
	w.claim(2, a, 1)
	w.claim(3, b, 1)
	w.must(w.Post(t.Context(), grant("treasury", tokens.Treasury, tokens.Unit)))
	gift, err := w.SponsorFromTreasury(t.Context(), 1, tokens.Unit, MinSponsor, 0)
	w.must(err)
	gifts := func(epoch int64, m bt.MemberID) int {
		return w.count("SELECT count(*) FROM transfers WHERE id = ?", fmt.Sprintf("sponsor/%d/%d/%d", gift.ID, epoch, m))
	}
	for epoch := int64(1); epoch <= 2; epoch++ {
		w.proves(epoch, 2, 1)
		w.proves(epoch, 3, 1)
		w.meter(w.took(epoch, 1, 1, 1000, 1000), w.gave(epoch, 2, 1, 500), w.gave(epoch, 3, 1, 500))
		if epoch == 1 {
			w.sql("INSERT INTO forfeits (epoch, node, audit) SELECT 1, ?, max(id) FROM audits", a)
		}
		w.settle(w.nextEpoch(time.Hour))
		got := w.hosted(epoch)
		if forfeited := epoch == 1; (got[2] == 0) != forfeited || (gifts(epoch, 2) == 0) != forfeited || got[3] == 0 || gifts(epoch, 3) != 1 {
			t.Errorf("epoch %d: hosting earned %v, and %d and %d gifts", epoch, got, gifts(epoch, 2), gifts(epoch, 3))
		}
		if n := w.count("SELECT count(*) FROM awards WHERE epoch = ? AND pay_utok = 400", epoch); n != 2 {
			t.Errorf("epoch %d: %d uploaders were paid what they uploaded, want both", epoch, n)
		}
	}
	verified(t, w.Store, w.dir)
}

// TestSuspendedNodeStandsNoMore for hosting and for uploads.
func TestSuspendedNodeStandsNoMore(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 10*tokens.Unit)
	w.claim(3, n, 1)
	w.proves(1, 3, 1)
	w.sql("UPDATE nodes SET suspended_ms = 1 WHERE id = ?", n)
	w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 500))
	if done := w.settle(w.nextEpoch(time.Hour)); done.Upload != 0 || done.Hosting != 0 {
		t.Errorf("paid %d for uploads, %d for hosting", done.Upload, done.Hosting)
	}
}
