package store

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestSeedsAreCommittedToBefore: an epoch gets the seed whose hash was published when the epoch before
// began, and it is told only after its settlement.
func TestSeedsAreCommittedToBefore(t *testing.T) {
	w := newWorld(t) // commits epoch 2 to {1}
	for i := byte(2); i < 5; i++ {
		w.now.Add(1000)
		e, err := w.NextEpoch(t.Context(), w.rules.Availability, [32]byte{i})
		w.must(err)
		if e.Number != int64(i) || e.Seed != [32]byte{i - 1} {
			t.Errorf("epoch %d has seed %x", e.Number, e.Seed)
		}
	}
	w.settle(w.epochRow(1))
	w.settle(w.epochRow(2))
	list, err := w.Commitments(t.Context(), 10)
	w.must(err)
	if len(list) != 5 {
		t.Fatalf("%+v", list)
	}
	for i, c := range list {
		epoch := int64(i + 1)
		if c.Epoch != epoch || (c.Seed != nil) != (epoch <= 2) {
			t.Errorf("%+v", c)
		}
		if c.Seed != nil && sha256.Sum256(c.Seed[:]) != c.Hash {
			t.Errorf("epoch %d: %x is no hash of %x", c.Epoch, c.Hash, *c.Seed)
		}
	}
	if last, err := w.Commitments(t.Context(), 1); err != nil || len(last) != 1 || last[0].Hash != sha256.Sum256(append([]byte{4}, make([]byte, 31)...)) {
		t.Errorf("%+v %v", last, err)
	}
	if _, err := w.w.Exec("UPDATE seeds SET seed = zeroblob(32)"); err == nil {
		t.Error("a commitment was changed")
	}
}

func (w *world) epochRow(n int64) Epoch {
	w.t.Helper()
	epochs, err := w.Epochs(w.t.Context(), 100)
	w.must(err)
	return epochs[n-1]
}

// frozen lists what an epoch draws from, as claim:bytes.
func (w *world) frozen(epoch int64) string {
	w.t.Helper()
	list, err := w.Frozen(w.t.Context(), epoch)
	w.must(err)
	out := ""
	for _, f := range list {
		out += fmt.Sprintf("%d:%d/%d ", f.Claim, f.Bytes>>20, f.Have.Count(f.Pieces))
	}
	return out
}

// TestFrozenIsWhatWasProven when the epoch began, whatever happens in it.
func TestFrozenIsWhatWasProven(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	std := w.claim(2, 0, 1)
	w.says(n, half())
	node := w.find(n, 1)
	w.audit(node.Claim, availability.EntryKind, availability.Passed)
	w.nextEpoch(time.Minute) // 2
	w.audit(std.Claim, availability.DrawnKind, availability.Passed)
	w.says(n, nil)           // grew: to be proven anew
	w.nextEpoch(time.Minute) // 3
	w.audit(node.Claim, availability.EntryKind, availability.Passed)
	w.nextEpoch(time.Minute) // 4
	w.nextEpoch(time.Minute) // 5: nothing changed
	w.now.Add(w.rules.Availability.ProofLifetime.Milliseconds())
	w.nextEpoch(0) // 6: the proofs are over, and nobody lapsed them yet
	w.lapse(std.ID, node.ID)
	w.nextEpoch(time.Minute) // 7
	want := []string{"", "1:1024/1024 2:512/512 ", "1:1024/1024 ", "1:1024/1024 2:1024/1024 ", "1:1024/1024 2:1024/1024 ", "1:1024/1024 2:1024/1024 ", ""}
	for i, want := range want {
		if got := w.frozen(int64(i + 1)); got != want {
			t.Errorf("epoch %d draws from %q, want %q", i+1, got, want)
		}
	}
	if n := w.count("SELECT count(*) FROM frozen"); n != 3 {
		t.Errorf("%d rows: one is written only when something changed", n)
	}
}

// TestOtherPiecesAreFrozenAnew, even if they are as many and proven again before the next epoch.
func TestOtherPiecesAreFrozenAnew(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	other := half()
	other[0], other[127] = 0x7f, 0x01 // the last piece instead of the first
	for i, have := range []availability.Bitmap{half(), other} {
		w.says(n, have)
		w.audit(w.find(n, 1).Claim, availability.EntryKind, availability.Passed)
		w.nextEpoch(time.Minute)
		if list, err := w.Frozen(t.Context(), int64(i+2)); err != nil || len(list) != 1 || !slices.Equal(list[0].Have, have) {
			t.Errorf("epoch %d: %v %v", i+2, list, err)
		}
	}
}

// TestEpochCanBeReplayed: two epochs of audits as a server makes them, of which what is published
// recomputes, and something altered does not.
func TestEpochCanBeReplayed(t *testing.T) {
	w := newWorld(t)
	p := &w.rules.Availability
	p.DrawInterval = 30 * time.Minute
	n := w.node(3, 2*tokens.Unit)
	w.claim(2, 0, 1)
	w.claim(1, 0, 2)
	w.says(n, half())
	w.audit(w.find(n, 1).Claim, availability.EntryKind, availability.Passed)
	w.nextEpoch(time.Minute)
	for epoch := int64(2); epoch <= 3; epoch++ {
		w.auditFor(epoch, time.Hour)
		w.nextEpoch(0)
	}
	for epoch := int64(1); epoch <= 3; epoch++ {
		if _, err := w.AuditRecord(t.Context(), *p, epoch); !errors.Is(err, ErrNotFound) {
			t.Errorf("epoch %d is told before its settlement: %v", epoch, err)
		}
		w.settle(w.epochRow(epoch))
	}
	for epoch := int64(2); epoch <= 3; epoch++ {
		r, err := w.AuditRecord(t.Context(), *p, epoch)
		w.must(err)
		raw, err := json.Marshal(r)
		w.must(err)
		var back availability.Record
		w.must(json.Unmarshal(raw, &back))
		got := back.Replay()
		if len(got.Faults) > 0 || got.Checked < 3 || got.Later == 0 || got.Audits != len(r.Audits) {
			t.Errorf("epoch %d: %+v", epoch, got)
		}
		for i := range back.Audits {
			if a := &back.Audits[i]; a.Draw != availability.NoDraw && a.Kind != availability.RecheckKind {
				a.Digest[0]++
				break
			}
		}
		if faults := back.Replay().Faults; len(faults) != 1 {
			t.Errorf("epoch %d altered: %q", epoch, faults)
		}
	}
	if _, err := w.AuditRecord(t.Context(), *p, 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("an epoch that was not: %v", err)
	}
}

// auditFor lets time pass and carries out what is due: every third answer is a corrupt block, which is
// right at the second look.
func (w *world) auditFor(epoch int64, d time.Duration) {
	w.t.Helper()
	p, e := w.rules.Availability, w.epochRow(epoch)
	frozen, err := w.Frozen(w.t.Context(), epoch)
	w.must(err)
	draws, book := availability.NewDraws(p, availability.Seed(e.Seed), e.StartMs, frozen), availability.NewBook()
	rows, err := w.LoadClaims(w.t.Context())
	w.must(err)
	for _, r := range rows {
		book.Put(p, r.Claim)
	}
	for made := 0; d > 0; d -= time.Minute {
		w.now.Add(time.Minute.Milliseconds())
		now := time.UnixMilli(w.now.Load())
		for _, r := range rows {
			book.Hear(p, r.ID, now.UnixMilli(), r.Addr, r.PeerID)
		}
		var batch []Judgement
		for _, a := range book.Due(p, now, draws, 100) {
			j := Judgement{Audit: a, Epoch: epoch, Carrier: availability.Challenge}
			for i, x := range a.Targets {
				v := availability.Passed
				if i == 0 && made%3 == 0 && a.Kind != availability.RecheckKind {
					v = availability.Corrupt
				}
				j.Outcome.Results = append(j.Outcome.Results, availability.Result{Target: x, Verdict: v})
			}
			j.Claim, _ = book.Get(a.Claim)
			batch, made = append(batch, j), made+1
		}
		judged, err := w.JudgeAudits(w.t.Context(), p, batch)
		w.must(err)
		for _, j := range judged {
			book.Put(p, j.Row.Claim)
		}
	}
}

// TestLearnedManifest: what is known stays, what is not known is absent.
func TestLearnedManifest(t *testing.T) {
	w := newWorld(t)
	sum := func(b byte) [32]byte { return [32]byte{b} }
	w.must(w.Learn(t.Context(), 1, []availability.Leaves{{Piece: 3, Sums: [][32]byte{sum(1), sum(2)}}, {Piece: 4, Sums: [][32]byte{sum(3)}}, {Piece: 5}}))
	w.must(w.Learn(t.Context(), 1, []availability.Leaves{{Piece: 3, Sums: [][32]byte{sum(9)}}}))
	w.must(w.Learn(t.Context(), 2, []availability.Leaves{{Piece: 3, Sums: [][32]byte{sum(7)}}}))
	got, err := w.Leaves(t.Context(), 1, []int{2, 3, 5})
	w.must(err)
	if len(got) != 1 || len(got[3]) != 2 || got[3][0] != sum(1) || got[3][1] != sum(2) {
		t.Errorf("%v", got)
	}
	if n, err := w.ManifestBytes(t.Context()); err != nil || n != bt.Bytes(4*32) {
		t.Errorf("%d %v", n, err)
	}
	if err := w.Learn(t.Context(), 99, []availability.Leaves{{Sums: [][32]byte{{}}}}); err == nil {
		t.Error("learned of a torrent that does not exist")
	}
}
