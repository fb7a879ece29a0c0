package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/lock"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// lockers is a world whose members lock tokens.
type lockers struct {
	*world
	requests int
}

func newLockers(t *testing.T) *lockers { return &lockers{world: newWorld(t)} }

// asks is a request of a member that was not made before.
func (w *lockers) asks(m bt.MemberID) Once {
	w.requests++
	return Once{Member: m, Key: fmt.Sprint(w.requests), Request: []byte{1}}
}

func (w *lockers) lock(m bt.MemberID, a tokens.Amount, weeks int64) int64 {
	w.t.Helper()
	l, err := w.Lock(w.t.Context(), w.asks(m), a, weeks)
	w.must(err)
	return l.Lock
}

// fees come into the lockers' pool.
func (w *lockers) fees(a tokens.Amount) {
	w.t.Helper()
	w.requests++
	w.must(w.Post(w.t.Context(), grant(fmt.Sprintf("fees-in/%d", w.requests), tokens.PoolLockers, a)))
}

// accrue ends the epoch after some time and accrues it.
func (w *lockers) accrue(after time.Duration) Epoch {
	w.t.Helper()
	e := w.nextEpoch(after)
	w.must(w.write(w.t.Context(), func(t *tx) error { return t.accrueLocks(e) }))
	return e
}

func (w *lockers) owed(m bt.MemberID) map[int64]tokens.Amount {
	w.t.Helper()
	locks, err := w.Locks(w.t.Context(), m)
	w.must(err)
	out := map[int64]tokens.Amount{}
	for _, l := range locks {
		out[l.ID] = l.Owed
	}
	return out
}

func TestLockEarnsVestsAndReturns(t *testing.T) {
	w := newLockers(t)
	ctx := t.Context()
	long := w.lock(1, 400*tokens.Unit, 52)
	short := w.lock(2, 400*tokens.Unit, 26) // a quarter of the weight
	if w.has(tokens.Available(1)) != 600*tokens.Unit || w.has(tokens.Locked(long)) != 400*tokens.Unit {
		t.Fatal("locked tokens are not where they belong")
	}
	w.accrue(time.Hour) // the epoch in which they were made
	w.fees(100 * tokens.Unit)
	w.accrue(time.Hour)
	if a, b := w.owed(1)[long], w.owed(2)[short]; a != 80*tokens.Unit || b != 20*tokens.Unit {
		t.Fatalf("owed %s and %s, want 80 and 20", a, b)
	}
	c, err := w.ClaimFees(ctx, w.asks(1), long)
	w.must(err)
	if c.Amount != 80*tokens.Unit || w.has(tokens.Vesting(c.Claim)) != c.Amount || w.has(tokens.PoolLockers) != 20*tokens.Unit || w.owed(1)[long] != 0 {
		t.Fatalf("claimed %+v", c)
	}
	for _, step := range []struct {
		day       int64
		available tokens.Amount // (t/30 days)² of 80
	}{{15, 620 * tokens.Unit}, {18, 628_800_000}, {30, 680 * tokens.Unit}} {
		w.now.Store(time.Date(2030, 1, 1, 2, 0, 0, 0, time.UTC).UnixMilli() + step.day*24*3600_000)
		_, err := w.ReleaseVested(ctx, w.asks(1))
		w.must(err)
		if got := w.has(tokens.Available(1)); got != step.available {
			t.Fatalf("day %d: %s are available, want %s", step.day, got, step.available)
		}
	}
	if _, err := w.ReleaseVested(ctx, w.asks(1)); !errors.Is(err, ErrNothingDue) {
		t.Errorf("released again: %v", err)
	}
	w.must(w.UnlockDue(ctx))
	if w.has(tokens.Locked(short)) != 400*tokens.Unit {
		t.Error("returned before its time")
	}
	w.now.Add((26 * week).Milliseconds())
	w.must(w.UnlockDue(ctx))
	w.must(w.UnlockDue(ctx))
	if w.has(tokens.Locked(short)) != 0 || w.has(tokens.Available(2)) != 1000*tokens.Unit || w.has(tokens.Locked(long)) == 0 {
		t.Error("the short lock did not return, or the long one did")
	}
	if w.owed(2)[short] != 20*tokens.Unit {
		t.Error("fees are lost with the end of the lock")
	}
	verified(t, w.Store, w.dir)
}

func TestLockRefusals(t *testing.T) {
	w := newLockers(t)
	w.must(w.write(t.Context(), func(x *tx) error {
		return x.exec(`INSERT INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok, cost_rem,
			charged_utok, reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq)
			VALUES (2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 400000000, 0, 0, 0, 0, 0, 0)`)
	}))
	for _, c := range []struct {
		name  string
		m     bt.MemberID
		a     tokens.Amount
		weeks int64
		want  error
		says  string
	}{
		{"ends in the past", 1, tokens.Unit, -1, ErrRange, "must end in the future, after 1 to 52 weeks"},
		{"ends at once", 1, tokens.Unit, 0, ErrRange, "must end in the future"},
		{"too long", 1, tokens.Unit, 53, ErrRange, "1 to 52 weeks"},
		{"nothing", 1, 0, 52, ErrRange, "more than 0"},
		{"negative", 1, -1, 52, ErrRange, "more than 0"},
		{"too much", 1, tokens.MaxAmount + 1, 52, ErrRange, "at most 1000000000000"},
		{"more than there is", 1, 1001 * tokens.Unit, 52, tokens.ErrFunds, "1000 free"},
		{"reserved", 2, 601 * tokens.Unit, 52, tokens.ErrFunds, "400 reserved"},
		{"too small to earn", 1, 2703, 1, ErrRange, "too small to earn anything"},
	} {
		_, err := w.Lock(t.Context(), w.asks(c.m), c.a, c.weeks)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if locks, err := w.Locks(t.Context(), 1); len(locks) != 0 || err != nil || w.has(tokens.Available(1)) != 1000*tokens.Unit {
		t.Errorf("something was locked: %v %v", locks, err)
	}
	for range MaxLocks {
		w.lock(1, tokens.Unit, 1)
	}
	if _, err := w.Lock(t.Context(), w.asks(1), tokens.Unit, 1); !errors.Is(err, ErrTooMany) {
		t.Errorf("one lock too many: %v", err)
	}
	w.accrue(time.Hour)
	w.accrue(2 * week)
	w.must(w.UnlockDue(t.Context()))
	w.lock(1, tokens.Unit, 1) // the others ended, and are owed nothing
}

func TestClaimRefusals(t *testing.T) {
	w := newLockers(t)
	ctx := t.Context()
	id := w.lock(1, 10*tokens.Unit, 52)
	for _, c := range []struct {
		m    bt.MemberID
		lock int64
		want error
	}{{1, id, ErrNothingDue}, {2, id, ErrNotFound}, {1, id + 1, ErrNotFound}} {
		if _, err := w.ClaimFees(ctx, w.asks(c.m), c.lock); !errors.Is(err, c.want) {
			t.Errorf("member %d claims of lock %d: %v, want %v", c.m, c.lock, err, c.want)
		}
	}
	if _, err := w.ReleaseVested(ctx, w.asks(1)); !errors.Is(err, ErrNothingDue) {
		t.Errorf("released nothing: %v", err)
	}
	w.accrue(time.Hour)
	w.must(w.write(ctx, func(x *tx) error {
		for range MaxVestings {
			if _, err := x.insert("INSERT INTO vestings (member, lock, amount_utok, at_ms, length_ms, exponent) VALUES (1, ?, 1, 0, 1, 1)", id); err != nil {
				return err
			}
		}
		return nil
	}))
	w.fees(10)
	w.accrue(time.Hour)
	if _, err := w.ClaimFees(ctx, w.asks(1), id); !errors.Is(err, ErrTooMany) || w.owed(1)[id] != 10 {
		t.Errorf("one claim too many: %v, owed %d", err, w.owed(1)[id])
	}
}

// The same request again gives the first answer and moves nothing.
func TestLockRequestsHappenOnce(t *testing.T) {
	w := newLockers(t)
	ctx := t.Context()
	o := w.asks(1)
	first, err := w.Lock(ctx, o, 10*tokens.Unit, 13)
	w.must(err)
	again, err := w.Lock(ctx, o, 10*tokens.Unit, 13)
	w.must(err)
	if fmt.Sprint(first) != fmt.Sprint(again) || first.EndMs != w.now.Load()+(13*week).Milliseconds() || w.has(tokens.Available(1)) != 990*tokens.Unit {
		t.Errorf("%+v, then %+v", first, again)
	}
	w.accrue(time.Hour)
	w.fees(7)
	w.accrue(time.Hour)
	o = w.asks(1)
	c, err := w.ClaimFees(ctx, o, first.Lock)
	w.must(err)
	d, err := w.ClaimFees(ctx, o, first.Lock)
	w.must(err)
	if c.Amount != 7 || fmt.Sprint(c) != fmt.Sprint(d) {
		t.Errorf("%+v, then %+v", c, d)
	}
	w.now.Add((60 * 24 * time.Hour).Milliseconds())
	o = w.asks(1)
	r, err := w.ReleaseVested(ctx, o)
	w.must(err)
	s, err := w.ReleaseVested(ctx, o)
	w.must(err)
	if !slices.Equal(r.Transfers, s.Transfers) || w.has(tokens.Available(1)) != 990*tokens.Unit+7 {
		t.Errorf("%+v, then %+v", r, s)
	}
}

// Fees are for those who were there before the epoch began and until it ended: who locks when the
// fees are in the pool already gets nothing of them.
func TestLockEarnsWholeEpochsOnly(t *testing.T) {
	w := newLockers(t)
	early := w.lock(1, 676*tokens.Unit, 2)
	w.fees(5) // earned by nobody: the first lock was made in this epoch
	if w.accrue(time.Hour); w.has(tokens.PoolHosting) != 5 || w.has(tokens.PoolLockers) != 0 {
		t.Fatal("fees that no lock earned stay in the lockers' pool")
	}
	w.fees(40)
	late := w.lock(2, 500*tokens.Unit, 52)
	locks, err := w.Locks(t.Context(), 2)
	if err != nil || locks[0].Earning {
		t.Errorf("a new lock earns: %+v %v", locks, err)
	}
	e := w.nextEpoch(time.Hour)
	after := w.lock(2, 400*tokens.Unit, 52) // between the epoch's end and its settlement
	w.must(w.write(t.Context(), func(x *tx) error { return x.accrueLocks(e) }))
	if got := w.owed(1)[early]; got != 40 {
		t.Errorf("the early lock is owed %d, want 40", got)
	}
	if o := w.owed(2); o[late] != 0 || o[after] != 0 {
		t.Errorf("late locks are owed %v", o)
	}
	// The early one ends within the next epoch, and earns nothing of it.
	w.fees(60)
	w.accrue(2 * week)
	if w.owed(1)[early] != 40 || w.owed(2)[late] != 60 || w.owed(2)[after] != 0 {
		t.Errorf("%v %v", w.owed(1), w.owed(2))
	}
}

// A lock whose time is over at the very end of an epoch earned all of it, though the tokens went
// back before the settlement.
func TestLockEarnsUpToItsEnd(t *testing.T) {
	w := newLockers(t)
	id := w.lock(1, 270_400_000, 1)
	w.accrue(time.Hour)
	w.fees(10)
	e := w.nextEpoch(week - time.Hour)
	w.must(w.UnlockDue(t.Context()))
	if w.has(tokens.Locked(id)) != 0 {
		t.Fatal("not returned at its end")
	}
	w.must(w.write(t.Context(), func(x *tx) error { return x.accrueLocks(e) }))
	w.fees(20)
	w.accrue(time.Hour)
	if w.owed(1)[id] != 10 || w.has(tokens.PoolHosting) != 20 {
		t.Errorf("owed %d, want 10", w.owed(1)[id])
	}
}

func TestAccrualHappensOnce(t *testing.T) {
	w := newLockers(t)
	id := w.lock(1, 10*tokens.Unit, 13)
	first := w.accrue(time.Hour)
	w.fees(10)
	e := w.accrue(time.Hour)
	w.fees(10)
	for _, e := range []Epoch{e, first} {
		w.must(w.write(t.Context(), func(x *tx) error { return x.accrueLocks(e) }))
	}
	if got := w.owed(1)[id]; got != 10 {
		t.Errorf("owed %d, want 10", got)
	}
}

// TestUncoveredPoolStopsTheAccrual: nothing is shared from a pool that does not hold what it owes.
func TestUncoveredPoolStopsTheAccrual(t *testing.T) {
	w := newLockers(t)
	w.lock(1, 10*tokens.Unit, 10)
	w.accrue(time.Hour)
	w.fees(10)
	w.accrue(time.Hour)
	w.must(w.Post(t.Context(), tokens.Transfer{ID: "theft", Asset: tokens.Token, From: tokens.PoolLockers, To: tokens.Treasury, Amount: 1, Code: tokens.CodeCorrection}))
	e := w.nextEpoch(time.Hour)
	if err := w.write(t.Context(), func(x *tx) error { return x.accrueLocks(e) }); !errors.Is(err, lock.ErrUncovered) {
		t.Errorf("accrued: %v", err)
	}
}

// Weight and vesting are those of the day on which they were agreed.
func TestLockKeepsItsRules(t *testing.T) {
	w := newLockers(t)
	id := w.lock(1, 10*tokens.Unit, 52)
	w.accrue(time.Hour)
	w.fees(100)
	w.accrue(time.Hour)
	_, err := w.ClaimFees(t.Context(), w.asks(1), id)
	w.must(err)
	eco := DefaultEconomy()
	eco.LockWeeksMax, eco.LockExponent, eco.VestingTime, eco.VestingExponent = 520, 4, 300*24*time.Hour, 1
	w.SetEconomy(eco)
	w.now.Add((15 * 24 * time.Hour).Milliseconds())
	locks, err := w.Locks(t.Context(), 1)
	w.must(err)
	claims, err := w.Vestings(t.Context(), 1)
	w.must(err)
	if locks[0].Weight != 10*tokens.Unit || claims[0].Due != 25 || claims[0].EndMs-claims[0].AtMs != (30*24*time.Hour).Milliseconds() {
		t.Errorf("%+v %+v", locks, claims)
	}
	if l, err := w.Lock(t.Context(), w.asks(1), 10*tokens.Unit, 52); err != nil || l.Weight != tokens.Unit/1000 {
		t.Errorf("a new lock weighs %s, want 0.001 (%v)", l.Weight, err)
	}
}

// TestUnlockIsBounded: one call returns so many, the next the others.
func TestUnlockIsBounded(t *testing.T) {
	w := newLockers(t)
	w.must(w.write(t.Context(), func(x *tx) error {
		for range unlockOnce + 1 {
			if _, err := x.lock(1, tokens.Unit/10, 10); err != nil && !errors.Is(err, ErrTooMany) {
				return err
			}
			if err := x.exec("UPDATE locks SET member = 4"); err != nil { // nobody may have so many
				return err
			}
		}
		return nil
	}))
	left := func() (n int) {
		w.must(w.read(context.Background(), func(r *reader) error { return r.QueryRow("SELECT count(*) FROM locks WHERE done_ms = 0").Scan(&n) }))
		return n
	}
	w.now.Add((10 * week).Milliseconds())
	for _, want := range []int{1, 0} {
		if w.must(w.UnlockDue(t.Context())); left() != want {
			t.Fatalf("%d locks left, want %d", left(), want)
		}
	}
}
