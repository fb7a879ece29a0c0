package store

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// allowances checks a member's balance of free bytes.
func (w *world) allowances(m bt.MemberID, want bt.Bytes) {
	w.t.Helper()
	got, err := w.Balance(w.t.Context(), tokens.Byte, tokens.Allowance(m))
	w.must(err)
	if bt.Bytes(got) != want {
		w.t.Fatalf("%s: allowance of member %d is %d MiB, want %d", time.UnixMilli(w.now.Load()).UTC(), m, got>>20, want>>20)
	}
}

// verify has a member verified and, if joined, above the gate.
func (w *world) verify(m bt.MemberID, joined bool) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(t *tx) error {
		if joined {
			if err := t.change("UPDATE members SET gate_price_utok = 0 WHERE id = ?", m); err != nil {
				return err
			}
		}
		return t.verify(m, !joined)
	}))
}

func (w *world) allow(m bt.MemberID, n bt.Bytes) {
	w.t.Helper()
	row := w.took(1, m, 1, 0, 0)
	row.Allowed = n
	w.meter(row)
}

// TestAllowanceOverMonths follows one member: 10 GiB once, 2 GiB a month that expire, and when both
// are used up 256 MiB a day up to 5 GiB.
func TestAllowanceOverMonths(t *testing.T) {
	w := newWorld(t) // 2030-01-01
	day := func() {
		t.Helper()
		w.now.Add((24 * time.Hour).Milliseconds())
		w.must(w.GrantAllowances(t.Context()))
	}
	w.must(w.GrantAllowances(t.Context()))
	w.allowances(1, 0)
	w.verify(1, true)
	w.must(w.GrantAllowances(t.Context()))
	w.must(w.GrantAllowances(t.Context())) // again changes nothing
	w.allowances(1, 12*gib)
	w.allow(1, gib) // of the month's
	w.allowances(1, 11*gib)
	for range 31 {
		day()
	}
	w.allowances(1, 12*gib) // one expired, two came
	w.allow(1, 12*gib)
	w.allowances(1, 0)
	day()
	w.allowances(1, 256<<20)
	for range 25 {
		day()
	}
	w.allowances(1, 5*gib) // of 26 days 20 came
	w.allow(1, 10*gib)     // the meter counted on more than there is
	w.allowances(1, 0)
	if v := verified(t, w.Store, w.dir); !v.OK() {
		t.Errorf("the ledger: %v", v.Faults)
	}
}

func TestGuestsHaveNoMonthlyAllowance(t *testing.T) {
	w := newWorld(t)
	w.verify(2, false)
	w.must(w.GrantAllowances(t.Context()))
	w.allowances(2, 10*gib)
	w.now.Add((40 * 24 * time.Hour).Milliseconds())
	w.must(w.GrantAllowances(t.Context()))
	w.allowances(2, 10*gib)
	w.verify(2, true)
	w.now.Add((24 * time.Hour).Milliseconds())
	w.must(w.GrantAllowances(t.Context()))
	w.allowances(2, 12*gib)
}

// TestAllowanceIsTold: the tracker learns what came and what a flush took over.
func TestAllowanceIsTold(t *testing.T) {
	var told []Funds
	s := open(t, t.TempDir(), Options{OnFunds: func(f []Funds) { told = append(told, f...) }})
	addMember(t, s, 1, tokens.Unit, 0)
	last := func() Funds { return told[len(told)-1] }
	if err := s.write(t.Context(), func(t *tx) error { return t.verify(1, true) }); err != nil {
		t.Fatal(err)
	}
	if err := s.GrantAllowances(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := last(); f.Allowance != int64(10*gib) || f.Used != 0 {
		t.Errorf("after the grant: %+v", f)
	}
	row := usage(1, 1, 5)
	row.Allowed, row.Free = gib, 2*gib
	for range 2 { // the second is a no-op
		if err := s.Flush(t.Context(), &swarm.Batch{Number: 1, Usage: []swarm.UsageRow{row}}); err != nil {
			t.Fatal(err)
		}
	}
	if f := last(); f.Allowance != int64(9*gib) || f.Used != int64(gib) || f.Charged != 5 {
		t.Errorf("after the flush: %+v", f)
	}
	var free bt.Bytes
	if err := s.r.QueryRow("SELECT free_bytes FROM usage WHERE member = 1").Scan(&free); err != nil || free != 3*gib {
		t.Errorf("free bytes of the epoch: %d, %v", free, err)
	}
}

func TestManyAllowancesAreGrantedInParts(t *testing.T) {
	w := newWorld(t)
	const n = 2*maxGrants + 7
	for m := bt.MemberID(100); m < 100+n; m++ {
		w.must(w.write(t.Context(), func(t *tx) error {
			if err := t.exec("INSERT INTO members (id, name, key_secret, created_ms) VALUES (?, 'm' || ?, zeroblob(32), 0)", m, m); err != nil {
				return err
			}
			return t.verify(m, true)
		}))
	}
	w.must(w.GrantAllowances(t.Context()))
	w.allowances(100, 10*gib)
	w.allowances(100+n-1, 10*gib)
}

// TestWhoLeftHasNoAllowance: verified by being above the gate means as long as one is.
func TestWhoLeftHasNoAllowance(t *testing.T) {
	w := newWorld(t)
	_, err := w.Stake(t.Context(), Once{Member: 1, Key: "in"}, 50*tokens.Unit)
	w.must(err)
	_, err = w.Unstake(t.Context(), Once{Member: 1, Key: "out"}, 50*tokens.Unit)
	w.must(err)
	for range 40 {
		w.must(w.GrantAllowances(t.Context()))
		w.allowances(1, 0)
		w.now.Add((24 * time.Hour).Milliseconds())
	}
	_, err = w.Stake(t.Context(), Once{Member: 1, Key: "again"}, 50*tokens.Unit)
	w.must(err)
	w.must(w.GrantAllowances(t.Context()))
	w.allowances(1, 12*gib)
	w.must(w.VerifyMember(t.Context(), 2, 0))
	w.must(w.GrantAllowances(t.Context()))
	w.allowances(2, 10*gib)
}
