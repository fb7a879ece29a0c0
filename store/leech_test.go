package store

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// leeches are the members and torrents of an epoch whose uploads wait for a proof, in order.
func (w *world) leeches(epoch int64, limit int) (out string) {
	w.t.Helper()
	rows, err := w.LeechCandidates(w.t.Context(), epoch, limit)
	w.must(err)
	for _, c := range rows {
		out += fmt.Sprintf("%d/%d ", c.Member, c.Torrent)
	}
	return out
}

// leeched is what a member that downloads took of a torrent in an epoch, and what it says it uploaded.
func (w *world) leeched(epoch int64, m bt.MemberID, t bt.TorrentID, charge tokens.Amount, claimed bt.Bytes) swarm.UsageRow {
	r := w.took(epoch, m, t, 1000, charge)
	r.Claimed = claimed
	return r
}

// leech is a live session that lacks something.
func (w *world) leech(m bt.MemberID, t bt.TorrentID, addr string) swarm.SessionRow {
	s := w.peer(m, t, addr)
	s.Left = 1
	return s
}

func TestLeechCandidates(t *testing.T) {
	w := newWorld(t)
	w.claim(3, 0, 1)
	w.proves(1, 3, 1)
	w.nextEpoch(0)
	addMember(t, w.Store, 5, tokens.Unit, 0)
	addMember(t, w.Store, 6, tokens.Unit, 0)
	seed, gone, silent := w.peer(4, 1, "203.0.113.4:6881"), w.leech(4, 2, "203.0.113.44:6881"), w.leech(3, 2, "203.0.113.33:6881")
	gone.Stopped, silent.LastMs = true, w.now.Load()-liveKept.Milliseconds()
	old := w.leech(1, 1, "203.0.113.99:6881")
	old.PeerID, old.LastMs = bt.PeerID{9}, old.LastMs-1
	w.put(nil, []swarm.SessionRow{
		old, w.leech(1, 1, "203.0.113.1:6881"), w.leech(2, 1, "203.0.113.2:6881"), w.leech(2, 2, "203.0.113.2:6881"),
		w.leech(3, 1, "203.0.113.3:6881"), seed, gone, silent, w.leech(5, 1, "203.0.113.5:6881"), w.leech(6, 1, "203.0.113.6:6881"),
	},
		w.leeched(1, 1, 1, 10, 500), w.leeched(1, 2, 1, 10, 600), w.leeched(1, 2, 2, 10, 700),
		w.leeched(1, 3, 1, 10, 900),                                                           // has a standing proof
		w.leeched(1, 4, 1, 10, 900), w.leeched(1, 4, 2, 10, 900), w.leeched(1, 3, 2, 10, 900), // seeds, stopped, fell silent
		w.leeched(1, 5, 1, 0, 900), w.leeched(1, 6, 1, 10, 0), // took for nothing, claims nothing
		w.leeched(2, 6, 1, 10, 100))
	if got, want := w.leeches(1, 10), "2/2 1/1 "; got != want {
		t.Fatalf("candidates: %q, want %q", got, want)
	}
	if a, b, c := w.leeches(1, 1), w.leeches(1, -1), w.leeches(2, 10); a != "2/2 " || b != "" || c != "6/1 " {
		t.Errorf("the first: %q, none: %q, those of another epoch: %q", a, b, c)
	}
	rows, err := w.LeechCandidates(t.Context(), 1, 10)
	w.must(err)
	want := LeechCandidate{Torrent: 1, Member: 1, PeerID: bt.PeerID{1, 1}, Addr: netip.MustParseAddrPort("203.0.113.1:6881"), Claimed: 500}
	if rows[1] != want {
		t.Errorf("%+v", rows[1])
	}

	w.view(2, 2, "203.0.113.2:6881", false, 0) // an attempt
	w.must(w.PutLeechProof(t.Context(), LeechProof{Epoch: 1, Torrent: 1, Member: 1, Piece: 7}))
	w.must(w.PutLeechProof(t.Context(), LeechProof{Epoch: 1, Torrent: 1, Member: 1, Piece: 8}))
	if got := w.leeches(1, 10); got != "" {
		t.Errorf("after an attempt and a proof: %q", got)
	}
	if w.count("SELECT count(*) FROM leech_proofs WHERE piece = 7") != 1 {
		t.Error("the first proof did not stand")
	}
	w.now.Add(viewPause.Milliseconds())
	if got := w.leeches(1, 10); got != "2/2 " {
		t.Errorf("after the pause: %q", got)
	}
}

// TestLeecherIsPaidUpToHalfItsCharge: 2 takes as well as 1 does, is charged 400, and says that it sent
// 600 bytes, which are worth 480.
func TestLeecherIsPaidUpToHalfItsCharge(t *testing.T) {
	for _, c := range []struct {
		leeching, standing bool
		want               tokens.Amount
	}{{false, false, 0}, {true, false, 200}, {false, true, 480}, {true, true, 480}} {
		t.Run(fmt.Sprintf("leeching=%t,standing=%t", c.leeching, c.standing), func(t *testing.T) {
			w := newWorld(t)
			w.noInflation()
			if c.standing {
				w.claim(2, 0, 1)
				w.proves(1, 2, 1)
			}
			if c.leeching {
				w.must(w.PutLeechProof(t.Context(), LeechProof{Epoch: 1, Torrent: 1, Member: 2}))
			}
			w.meter(w.took(1, 1, 1, 1000, 1000), w.leeched(1, 2, 1, 400, 600))
			done := w.settle(w.nextEpoch(time.Hour))
			if done.Upload != c.want {
				t.Errorf("paid %d, want %d", done.Upload, c.want)
			}
			page, err := w.EpochTorrents(t.Context(), 1, 0, 1)
			w.must(err)
			if got := page[0].Splits[0].Claims[0]; got.Standing != (c.leeching || c.standing) || got.Leeching != (c.leeching && !c.standing) {
				t.Errorf("recorded as %+v", got)
			}
			// What it may earn is counted over the epoch's settlements.
			if more := w.settle(w.nextEpoch(time.Hour)); more.Upload != 0 {
				t.Errorf("reopened, it is paid %d more", more.Upload)
			}
			verified(t, w.Store, w.dir)
		})
	}
}

// TestLateProofCountsWhenSuspenseIsOfferedAgain: the prober had its piece before the epoch's end, or
// after its settlement.
func TestLateProofCountsWhenSuspenseIsOfferedAgain(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	w.meter(w.took(1, 1, 1, 1000, 1000), w.leeched(1, 2, 1, 400, 600))
	if done := w.settle(w.nextEpoch(time.Hour)); done.Upload != 0 {
		t.Fatalf("paid %d without a proof", done.Upload)
	}
	w.must(w.PutLeechProof(t.Context(), LeechProof{Epoch: 1, Torrent: 1, Member: 2}))
	if done := w.settle(w.nextEpoch(time.Hour)); done.Upload != 200 {
		t.Errorf("paid %d, want 200", done.Upload)
	}
	verified(t, w.Store, w.dir)
}

// TestLeechersClaimsAreWeighed: what a leecher overclaims lowers its honesty, in the epochs that it
// has a proof of; else nobody could ever trust it.
func TestLeechersClaimsAreWeighed(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	w.rules.Settle.HonestyDay = 2 * time.Hour
	w.must(w.PutLeechProof(t.Context(), LeechProof{Epoch: 1, Torrent: 1, Member: 2}))
	for epoch := int64(1); epoch <= 5; epoch++ {
		if epoch <= 2 {
			w.meter(w.took(epoch, 1, 1, gib, 1000), w.leeched(epoch, 2, 1, 400, gib))
		}
		w.settle(w.nextEpoch(time.Hour))
	}
	h, err := w.Honesty(t.Context(), w.rules.Settle, 2)
	w.must(err)
	if h.Claimed != gib || h.Excess != 0 || h.PPM <= settle.Quality(w.rules.Settle, 0, 0) {
		t.Errorf("%+v, want the claim of the first epoch only", h)
	}
}
