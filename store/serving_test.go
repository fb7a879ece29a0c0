package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// seeds has a member host a torrent at an address, so that the claim counts now.
func (w *world) seeds(m bt.MemberID, n bt.NodeID, t bt.TorrentID, addr string) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(x *tx) error {
		state := fmt.Sprintf(`{"Torrent": %d, "Member": %d, "Node": %d, "Addr": %q, "PieceLength": 1048576, "Pieces": 1024}`, t, m, n, addr)
		_, err := x.insert(`INSERT INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, proven_ms, counting_ms, state)
			VALUES (?, ?, ?, ?, zeroblob(20), ?, 1, 1, 1, 1, ?)`, t, m, n, gib, addr, state)
		return err
	}))
}

// tries are the seeders drawn, in order.
func (w *world) tries(epoch int64, limit int) []ServingCandidate {
	w.t.Helper()
	out, err := w.ServingCandidates(w.t.Context(), epoch, limit)
	w.must(err)
	return out
}

// tried are the members drawn, in their order.
func (w *world) tried(epoch int64) (out []bt.MemberID) {
	w.t.Helper()
	for _, c := range w.tries(epoch, 100) {
		out = append(out, c.Member)
	}
	slices.Sort(out)
	return out
}

func (w *world) serve(epoch int64, m bt.MemberID, n bt.NodeID, v availability.Verdict) {
	w.t.Helper()
	w.must(w.PutServing(w.t.Context(), w.rules.Availability, epoch, SeederKey{m, n}, v))
}

func at(m int) string { return fmt.Sprintf("203.0.113.%d:6881", m) }

func TestServingCandidates(t *testing.T) {
	w := newWorld(t)
	for m := bt.MemberID(1); m <= 4; m++ {
		w.seeds(m, 0, 1, at(int(m)))
	}
	n := w.node(4, 0)
	w.seeds(4, n, 2, at(40))
	if got := w.tried(1); !slices.Equal(got, []bt.MemberID{1, 2, 3, 4, 4}) {
		t.Fatalf("drawn: %v, want every seeder once", got)
	}
	all := w.tries(1, 100)
	if again := w.tries(1, 2); len(again) != 2 || again[0].SeederKey != all[0].SeederKey || again[1].SeederKey != all[1].SeederKey || len(w.tries(1, 0)) != 0 {
		t.Errorf("the first two: %+v of %+v", again, all)
	}
	for _, c := range all {
		if c.Target.Block != availability.Whole || c.Target.Piece < 0 || c.Target.Piece >= 1024 || c.Claim.Member != c.Member || c.Claim.Node != c.Node || !c.Claim.Addr.IsValid() {
			t.Errorf("%+v", c)
		}
	}
	w.sql("UPDATE claims SET counting_ms = 0 WHERE member = 1") // proven no more
	w.sql("UPDATE claims SET state = json_set(state, '$.Unreachable', 1) WHERE member = 2")
	w.sql("UPDATE nodes SET suspended_ms = 1 WHERE id = ?", n)
	w.view(3, 2, at(3), false, 0) // somebody looked at that address
	if got := w.tried(1); !slices.Equal(got, []bt.MemberID{4}) {
		t.Errorf("drawn: %v, want the only one that may be dialled", got)
	}
	w.now.Add(viewPause.Milliseconds())
	if got := w.tried(1); !slices.Equal(got, []bt.MemberID{3, 4}) {
		t.Errorf("after the pause: %v", got)
	}
	if _, err := w.ServingCandidates(t.Context(), 9, 1); err == nil {
		t.Error("drew for an epoch that did not begin")
	}
}

// TestServingDrawFollowsTheSeed: who and what is drawn is another matter in another epoch.
func TestServingDrawFollowsTheSeed(t *testing.T) {
	w := newWorld(t)
	for m := 10; m < 30; m++ {
		addMember(t, w.Store, bt.MemberID(m), 0, 0)
		w.seeds(bt.MemberID(m), 0, 1, at(m))
	}
	order := func(epoch int64) (out []string) {
		for _, c := range w.tries(epoch, 20) {
			out = append(out, fmt.Sprint(c.Member, c.Target.Piece))
		}
		return out
	}
	first := order(1)
	if !slices.Equal(first, order(1)) {
		t.Error("the same epoch draws otherwise the second time")
	}
	w.nextEpoch(time.Hour)
	w.sql("UPDATE epochs SET seed = randomblob(32) WHERE number = 2")
	if second := order(2); slices.Equal(first, second) {
		t.Error("another seed draws the same")
	}
}

// TestServingPieceIsOneThatIsClaimed, whatever the bitmap.
func TestServingPieceIsOneThatIsClaimed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := availability.Bitmap(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "have"))
		n := have.Count(8 * len(have))
		if n == 0 {
			return
		}
		i := rapid.IntRange(0, n-1).Draw(t, "n")
		piece := nthPiece(have, i)
		before := 0
		for p := range piece {
			if have.Has(p) {
				before++
			}
		}
		if !have.Has(piece) || before != i {
			t.Fatalf("piece %d of %x is not its %dth", piece, []byte(have), i)
		}
	})
}

// TestWhoServesNobodyLosesItsPay within two epochs, and gets it again from the epoch on in which it
// serves.
func TestWhoServesNobodyLosesItsPay(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	w.must(w.Post(t.Context(), grant("pool", tokens.PoolHosting, tokens.Unit)))
	w.claim(2, 0, 2)
	w.claim(3, 0, 1)
	serves := map[int64][]availability.Verdict{
		1: {availability.Inconclusive, availability.Inconclusive},
		2: {availability.Inconclusive}, // one failure is no epoch's
		3: {availability.Missing, availability.Offline},
		4: {availability.Inconclusive, availability.Inconclusive, availability.Inconclusive},
		5: {availability.Inconclusive, availability.Passed},
		7: {availability.Inconclusive, availability.Inconclusive},
		8: {availability.Inconclusive, availability.Inconclusive},
	}
	paid := map[int64]bool{1: true, 2: true, 5: true, 6: true, 7: true}
	uploads := map[int64]bool{2: true, 3: true, 4: true, 5: true, 6: true, 8: true} // in 1 and 7 they would clear it of failure
	for epoch := int64(1); epoch <= 8; epoch++ {
		w.proves(epoch, 2, 2)
		w.proves(epoch, 3, 1)
		if uploads[epoch] {
			w.meter(w.took(epoch, 1, 1, 1000, 1000), w.gave(epoch, 3, 1, 500))
		}
		for _, v := range serves[epoch] {
			w.serve(epoch, 3, 0, v)
		}
		withheld, err := w.Withheld(t.Context())
		w.must(err)
		if withheld[SeederKey{3, 0}] != !paid[epoch] || len(withheld) > 1 {
			t.Errorf("epoch %d: %v are withheld", epoch, withheld)
		}
	}
	// Only now are they settled: what was withheld then is lost, though it served since.
	for epoch := int64(1); epoch <= 8; epoch++ {
		w.nextEpoch(time.Hour)
		w.settle(Epoch{Number: epoch, StartMs: w.now.Load() - time.Hour.Milliseconds(), EndMs: w.now.Load()})
		got := w.hosted(epoch)
		awards := w.count("SELECT count(*) FROM awards WHERE epoch = ? AND member = 3", epoch)
		if (got[3] > 0) != paid[epoch] || (awards > 0) != (paid[epoch] && uploads[epoch]) || got[2] == 0 {
			t.Errorf("epoch %d: hosting earned %v, %d awards", epoch, got, awards)
		}
	}
	verified(t, w.Store, w.dir)
}

// TestTriesOfAnEpochEnd with success, or with the third; and who failed comes first in the next.
func TestTriesOfAnEpochEnd(t *testing.T) {
	w := newWorld(t)
	for m := bt.MemberID(1); m <= 4; m++ {
		w.seeds(m, 0, 1, at(int(m)))
	}
	pause := func() { w.now.Add(viewPause.Milliseconds()) }
	w.serve(1, 1, 0, availability.Passed)
	w.serve(1, 2, 0, availability.Inconclusive)
	if got := w.tried(1); !slices.Equal(got, []bt.MemberID{3, 4}) {
		t.Errorf("at once: %v", got)
	}
	pause()
	if got := w.tries(1, 1); got[0].Member != 2 || !slices.Equal(w.tried(1), []bt.MemberID{2, 3, 4}) {
		t.Errorf("after the pause: %v first of %v", got, w.tried(1))
	}
	for range 2 {
		w.serve(1, 2, 0, availability.Inconclusive)
		pause()
	}
	if got := w.tried(1); !slices.Equal(got, []bt.MemberID{3, 4}) {
		t.Errorf("after three tries: %v", got)
	}
	w.nextEpoch(time.Hour)
	if got := w.tries(2, 1); got[0].Member != 2 || len(w.tried(2)) != 4 {
		t.Errorf("in the next epoch: %+v first of %v", got, w.tried(2))
	}
	w.serve(2, 2, 0, availability.Inconclusive)
	w.serve(2, 2, 0, availability.Inconclusive)
	w.nextEpoch(time.Hour)
	w.sql("UPDATE epochs SET seed = zeroblob(32) WHERE number = 3")
	// Withheld seeders wait for their turn: many of them would keep the prober from all others.
	if got := w.tries(3, 100); len(got) != 4 || w.tries(3, 1)[0].Member == 2 {
		t.Errorf("withheld: %+v", got)
	}
}

// TestAwardsSpeakForASeeder: whoever is paid for uploads is not tried, and did not fail in that epoch;
// if one of a member's seeders of the torrent served, nobody knows which.
func TestAwardsSpeakForASeeder(t *testing.T) {
	for name, second := range map[string]bool{"one seeder": false, "two of one torrent": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node(3, 0)
			w.seeds(2, 0, 1, at(2))
			w.seeds(3, n, 1, at(3))
			if second {
				w.seeds(3, 0, 1, at(30))
			}
			w.proves(1, 3, 1)
			w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 500))
			w.serve(1, 3, n, availability.Inconclusive)
			w.serve(1, 3, n, availability.Inconclusive)
			e := w.nextEpoch(time.Hour)
			w.serve(2, 3, n, availability.Inconclusive)
			w.serve(2, 3, n, availability.Inconclusive)
			if withheld, _ := w.Withheld(t.Context()); !withheld[SeederKey{3, n}] {
				t.Fatal("two epochs of nothing are not withheld")
			}
			for range 2 {
				w.settle(e)
				if withheld, _ := w.Withheld(t.Context()); withheld[SeederKey{3, n}] != second {
					t.Errorf("after it was awarded uploads: %v", withheld)
				}
			}
			w.now.Add(viewPause.Milliseconds())
			want := []bt.MemberID{2}
			if second {
				want = []bt.MemberID{2, 3, 3}
			}
			if got := w.tried(2); !slices.Equal(got, want) {
				t.Errorf("drawn: %v, want %v", got, want)
			}
			w.settle(w.nextEpoch(time.Hour))
			w.settle(w.nextEpoch(time.Hour))
			if got := w.tried(4); !slices.Contains(got, 3) {
				t.Errorf("two epochs without an award later: %v", got)
			}
			verified(t, w.Store, w.dir)
		})
	}
}

// TestWithheldSeederIsTriedThoughItWasAwarded uploads before: else it would wait for its pay.
func TestWithheldSeederIsTriedThoughItWasAwarded(t *testing.T) {
	w := newWorld(t)
	w.seeds(3, 0, 1, at(3))
	w.proves(1, 3, 1)
	w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 500))
	w.settle(w.nextEpoch(time.Hour))
	for epoch := int64(2); epoch <= 3; epoch++ {
		if got := w.tried(epoch); len(got) > 0 {
			t.Errorf("epoch %d: %v, want nobody", epoch, got)
		}
		w.serve(epoch, 3, 0, availability.Inconclusive) // as drawn before the award was known
		w.serve(epoch, 3, 0, availability.Inconclusive)
		if epoch == 2 {
			w.nextEpoch(time.Hour)
		}
	}
	w.now.Add(viewPause.Milliseconds())
	if got := w.tried(3); !slices.Equal(got, []bt.MemberID{3}) {
		t.Errorf("withheld: %v", got)
	}
}

// TestInterruptedSettlementNotesAwardsOnce, wherever it dies.
func TestInterruptedSettlementNotesAwardsOnce(t *testing.T) {
	run := func(writes int) (string, bool) {
		w := newWorld(t)
		w.seeds(3, 0, 1, at(3))
		w.proves(1, 3, 1)
		w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 500))
		w.serve(1, 3, 0, availability.Inconclusive)
		w.serve(1, 3, 0, availability.Inconclusive)
		e := w.nextEpoch(time.Hour)
		_, err := w.interrupted(w.rules, e, writes).run(t.Context())
		w.settle(e)
		var state string
		w.must(w.r.QueryRow("SELECT failures || state FROM serving").Scan(&state))
		return state, err != nil
	}
	want, _ := run(-1)
	for writes := 0; ; writes++ {
		got, died := run(writes)
		if got != want {
			t.Fatalf("after %d writes: %s, want %s", writes, got, want)
		}
		if !died {
			return
		}
	}
}
