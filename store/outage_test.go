package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

// TestInterruptedExcuseIsBroughtToItsEnd: the server died while it gave an outage back, and was down for
// another while. In the end every claim was given both, once.
func TestInterruptedExcuseIsBroughtToItsEnd(t *testing.T) {
	w := newWorld(t)
	w.must(w.write(t.Context(), func(t *tx) error {
		for i := range excusedAtOnce + 50 {
			if err := t.exec(`INSERT INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, proven_ms, counting_ms, state)
				VALUES (1, 3, ?, 1, zeroblob(20), '', 0, ?, ?, ?, ?)`, 1000+i, t.nowMs(), t.nowMs(), t.nowMs(),
				fmt.Sprintf(`{"ID":%d,"Node":%d,"State":1,"ProvenMs":%d}`, i+1, 1000+i, t.nowMs())); err != nil {
				return err
			}
		}
		return nil
	}))
	started := w.now.Load()
	pass := func(d time.Duration) { w.now.Add(d.Milliseconds()) }
	alive := func(want int64) time.Duration {
		t.Helper()
		last, err := w.MarkAlive(t.Context())
		w.must(err)
		if last != want {
			t.Errorf("last alive %d ms after the start, want %d", last-started, want-started)
		}
		return time.Duration(w.now.Load()-last) * time.Millisecond
	}
	alive(0)
	pass(5 * time.Minute)
	alive(started)
	pass(10 * time.Hour)
	down := alive(started + 5*time.Minute.Milliseconds())
	if _, err := w.beginOutage(t.Context(), down); err != nil {
		t.Fatal(err)
	}
	w.must(w.write(t.Context(), func(t *tx) error { _, err := t.excuseSome(w.rules.Availability); return err }))
	pass(time.Hour) // it died half-way
	down = alive(started + 5*time.Minute.Milliseconds())
	w.must(w.ExcuseOutage(t.Context(), w.rules.Availability, down))
	alive(started + 10*time.Hour.Milliseconds() + 5*time.Minute.Milliseconds())
	alive(w.now.Load())
	pass(10 * time.Minute)
	rows, err := w.LoadClaims(t.Context())
	w.must(err)
	shift := 11 * time.Hour.Milliseconds()
	for _, c := range rows {
		if c.ProvenMs != started+shift || c.SeenMs != started+shift || c.State != availability.Proven {
			t.Fatalf("claim %d: proven %d, seen %d ms after the start, want %d", c.ID, c.ProvenMs-started, c.SeenMs-started, shift)
		}
	}
	w.nextEpoch(0)
	w.must(w.countProven(t.Context(), w.rules.Availability, 1, w.write))
	if lo, hi := w.count("SELECT min(proven_ms) FROM proven"), w.count("SELECT max(proven_ms) FROM proven"); lo != hi || lo != int(15*time.Minute.Milliseconds()) {
		t.Errorf("proven from %d to %d ms, want 15 minutes each", lo, hi)
	}
	if n := w.count("SELECT count(*) FROM proven"); n != excusedAtOnce+50 {
		t.Errorf("%d claims counted", n)
	}
}

// TestAThreeDaysOutageSlashesNobody, though nobody could announce and proofs would be over.
func TestAThreeDaysOutageSlashesNobody(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 1_000_000)
	c := w.claim(3, n, 1)
	_, err := w.MarkAlive(t.Context())
	w.must(err)
	w.now.Add(72 * time.Hour.Milliseconds())
	w.must(w.ExcuseOutage(t.Context(), w.rules.Availability, 72*time.Hour))
	if got := w.lapse(c.ID)[0]; got.State != availability.Proven || !got.Live {
		t.Errorf("%+v", got)
	}
	j := judgement(c.ID, availability.DrawnKind, availability.Offline)
	j.Outcome.OurSide = true // as an outage of ours makes of it
	out, err := w.JudgeAudits(t.Context(), w.rules.Availability, []Judgement{j})
	w.must(err)
	if out[0].Verdict != availability.Inconclusive || out[0].Slashed != 0 || w.count("SELECT count(*) FROM forfeits") != 0 {
		t.Errorf("%+v", out)
	}
}
