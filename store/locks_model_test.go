package store

import (
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// lockModel is what the locks of three members should come to: whole amounts where the rules say
// whole amounts, and each lock's fees as exact fractions.
type lockModel struct {
	available map[bt.MemberID]tokens.Amount
	locks     []modelLock
	claims    []modelClaim
	waiting   tokens.Amount // fees that came in since the last accrual
	hosting   tokens.Amount
	nowMs     int64
	epoch     int64
}

type modelLock struct {
	id           int64
	member       bt.MemberID
	amount       tokens.Amount
	weight       *big.Rat // not rounded
	epoch, endMs int64
	returned     bool
	ideal        *big.Rat // fees, if money could be divided without end
	paid         tokens.Amount
}

type modelClaim struct {
	id               int64
	member           bt.MemberID
	amount, released tokens.Amount
	atMs             int64
}

// accrue shares what came in over the locks of earlier epochs that did not end before this one did.
func (m *lockModel) accrue(epoch, endMs int64) {
	sum, fees := new(big.Rat), big.NewRat(int64(m.waiting), 1)
	var earn []*modelLock
	for i, l := range m.locks {
		if l.epoch < epoch && l.endMs >= endMs {
			earn, sum = append(earn, &m.locks[i]), sum.Add(sum, l.weight)
		}
	}
	for _, l := range earn {
		part := new(big.Rat).Quo(l.weight, sum)
		l.ideal.Add(l.ideal, part.Mul(part, fees))
	}
	if len(earn) == 0 {
		m.hosting += m.waiting
	}
	m.waiting = 0
}

// due is floor(amount·(t/time)²) less what was released.
func (c modelClaim) due(nowMs int64, time time.Duration) tokens.Amount {
	x := big.NewRat(min(nowMs-c.atMs, time.Milliseconds()), time.Milliseconds())
	x.Mul(x, x).Mul(x, big.NewRat(int64(c.amount), 1))
	return tokens.Amount(new(big.Int).Quo(x.Num(), x.Denom()).Int64()) - c.released
}

// lockRun runs the model and a store side by side.
type lockRun struct {
	*rapid.T
	s        *Store
	m        lockModel
	ctx      testing.TB
	requests int
	moves    int // claims: each may leave a fraction to the others
	seen     map[string]int
}

func (r *lockRun) must(err error) {
	if err != nil {
		r.Fatal(err)
	}
}

func (r *lockRun) asks(m bt.MemberID) Once {
	r.requests++
	return Once{Member: m, Key: fmt.Sprint(r.requests)}
}

func (r *lockRun) lock(m bt.MemberID, a tokens.Amount, weeks int64) {
	l, err := r.s.Lock(r.ctx.Context(), r.asks(m), a, weeks)
	if a > r.m.available[m] {
		if !errors.Is(err, tokens.ErrFunds) {
			r.Fatalf("lock %d of %d: %v", a, r.m.available[m], err)
		}
		return
	}
	weight := new(big.Rat).Mul(big.NewRat(int64(a), 1), big.NewRat(weeks*weeks, 52*52))
	if weight.Cmp(big.NewRat(1, 1)) < 0 {
		if !errors.Is(err, ErrRange) {
			r.Fatalf("lock %d for %d weeks: %v", a, weeks, err)
		}
		return
	}
	r.must(err)
	r.seen["locked"]++
	r.m.available[m] -= a
	r.m.locks = append(r.m.locks, modelLock{id: l.Lock, member: m, amount: a, weight: weight, epoch: r.m.epoch, endMs: r.m.nowMs + weeks*week.Milliseconds(), ideal: new(big.Rat)})
}

// nextEpoch ends the epoch; its accrual follows now, or after what happens in between.
func (r *lockRun) nextEpoch(between func()) {
	_, err := r.s.NextEpoch(r.ctx.Context(), availability.DefaultParams(), [32]byte{})
	r.must(err)
	epochs, err := r.s.Epochs(r.ctx.Context(), 2)
	r.must(err)
	e := epochs[0]
	r.m.epoch, r.m.nowMs = e.Number+1, max(r.m.nowMs, e.EndMs)
	between()
	r.must(r.s.write(r.ctx.Context(), func(t *tx) error { return t.accrueLocks(e) }))
	r.m.accrue(e.Number, e.EndMs)
}

func (r *lockRun) claim(i int) {
	l := &r.m.locks[i]
	c, err := r.s.ClaimFees(r.ctx.Context(), r.asks(l.member), l.id)
	if errors.Is(err, ErrNothingDue) {
		return
	}
	r.must(err)
	r.moves++
	r.seen["claimed"]++
	l.paid += c.Amount
	r.m.claims = append(r.m.claims, modelClaim{id: c.Claim, member: l.member, amount: c.Amount, atMs: r.m.nowMs})
}

func (r *lockRun) release(m bt.MemberID) {
	_, err := r.s.ReleaseVested(r.ctx.Context(), r.asks(m))
	var sum tokens.Amount
	for i := range r.m.claims {
		if c := &r.m.claims[i]; c.member == m {
			due := c.due(r.m.nowMs, DefaultEconomy().VestingTime)
			c.released, sum = c.released+due, sum+due
		}
	}
	if sum == 0 && errors.Is(err, ErrNothingDue) {
		return
	}
	r.must(err)
	r.seen["released"]++
	r.m.available[m] += sum
}

func (r *lockRun) unlock() {
	r.must(r.s.UnlockDue(r.ctx.Context()))
	for i := range r.m.locks {
		if l := &r.m.locks[i]; !l.returned && l.endMs <= r.m.nowMs {
			l.returned = true
			r.seen["returned"]++
			r.m.available[l.member] += l.amount
		}
	}
}

func (r *lockRun) step() {
	member := bt.MemberID(rapid.IntRange(1, 3).Draw(r.T, "member"))
	switch what := rapid.SampledFrom([]string{"lock", "fees", "epoch", "claim", "release", "time", "epoch", "claim", "fees", "unlock"}).Draw(r.T, "what"); {
	case what == "lock":
		a := rapid.OneOf(rapid.Int64Range(1, 5000), rapid.Int64Range(1, int64(1200*tokens.Unit))).Draw(r.T, "amount")
		r.lock(member, tokens.Amount(a), rapid.Int64Range(1, 52).Draw(r.T, "weeks"))
	case what == "fees":
		r.fees(tokens.Amount(rapid.OneOf(rapid.Int64Range(1, 9), rapid.Int64Range(1, int64(100*tokens.Unit))).Draw(r.T, "fees")))
	case what == "time":
		r.m.nowMs += rapid.SampledFrom([]int64{3600_000, 3 * 24 * 3600_000, 15 * 24 * 3600_000, week.Milliseconds(), 40 * week.Milliseconds()}).Draw(r.T, "time")
	case what == "epoch":
		r.nextEpoch(func() {
			if rapid.Bool().Draw(r.T, "locks before the settlement") {
				r.lock(member, tokens.Unit, 52)
			}
		})
	case what == "claim" && len(r.m.locks) > 0:
		r.claim(rapid.IntRange(0, len(r.m.locks)-1).Draw(r.T, "lock"))
	case what == "release":
		r.release(member)
	case what == "unlock":
		r.unlock()
	}
}

func (r *lockRun) fees(a tokens.Amount) {
	r.requests++
	r.must(r.s.Post(r.ctx.Context(), grant(fmt.Sprint("in/", r.requests), tokens.PoolLockers, a)))
	r.m.waiting += a
}

// finish has everything claimed, released and returned.
func (r *lockRun) finish() {
	r.fees(1000)
	r.nextEpoch(func() {})
	for i := range r.m.locks {
		r.claim(i)
	}
	r.m.nowMs += 53 * week.Milliseconds()
	for m := range r.m.available {
		r.release(m)
	}
	r.unlock()
}

// check compares the two: what members have is equal to the micro-token, what locks earn is so up
// to the fractions that roundings leave.
func (r *lockRun) check() {
	has := func(a tokens.Account) tokens.Amount {
		b, err := r.s.Balance(r.ctx.Context(), tokens.Token, a)
		r.must(err)
		return b
	}
	for m, want := range r.m.available {
		if got := has(tokens.Available(m)); got != want {
			r.Fatalf("member %d has %d, the model %d", m, got, want)
		}
	}
	if got := has(tokens.PoolHosting); got < r.m.hosting || got > r.m.hosting+tokens.Amount(r.moves+1) {
		r.Fatalf("the hosting pool has %d, the model %d", got, r.m.hosting)
	}
	owed := map[int64]tokens.Amount{}
	var sum tokens.Amount
	for m := range r.m.available {
		locks, err := r.s.Locks(r.ctx.Context(), m)
		r.must(err)
		for _, l := range locks {
			owed[l.ID], sum = l.Owed, sum+l.Owed
		}
	}
	if pool := has(tokens.PoolLockers); pool < sum+r.m.waiting {
		r.Fatalf("the pool of %d owes %d and holds %d new", pool, sum, r.m.waiting)
	}
	for _, l := range r.m.locks {
		if want := l.amount; !l.returned && has(tokens.Locked(l.id)) != want {
			r.Fatalf("lock %d holds %d, want %d", l.id, has(tokens.Locked(l.id)), want)
		}
		r.checkFees(l, owed[l.id])
	}
	for _, c := range r.m.claims {
		if got := has(tokens.Vesting(c.id)); got != c.amount-c.released {
			r.Fatalf("claim %d holds %d, the model %d", c.id, got, c.amount-c.released)
		}
	}
}

// checkFees holds a lock to its exact part. Weights are rounded down, by less than 1 of the lock's
// own and of all others', which moves its part by that much of what it and the others earned.
func (r *lockRun) checkFees(l modelLock, owed tokens.Amount) {
	got, _ := big.NewRat(int64(l.paid+owed), 1).Float64()
	ideal, _ := l.ideal.Float64()
	weight, _ := l.weight.Float64()
	slack := ideal*float64(len(r.m.locks)+1)/weight + float64(r.moves+2)
	if got > ideal+slack || got < ideal-slack {
		r.Fatalf("lock %d of weight %.1f earned %.0f, exactly %.3f", l.id, weight, got, ideal)
	}
}

// TestLocksAgreeWithTheModel runs random locks, fees, epochs, claims, releases and returns.
// SWARMSTAKE_TEST_CASES multiplies the cases.
func TestLocksAgreeWithTheModel(t *testing.T) {
	parent, empty, seen := t, emptyDatabase(t), map[string]int{}
	property := func(t *rapid.T) {
		dir := parent.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), empty, 0o600); err != nil {
			t.Fatal(err)
		}
		r := &lockRun{T: t, ctx: parent, seen: seen, m: lockModel{available: map[bt.MemberID]tokens.Amount{}, nowMs: modelMs, epoch: 1}}
		r.s = open(parent, dir, Options{Now: func() time.Time { return time.UnixMilli(r.m.nowMs) }})
		defer r.s.Close()
		for m := bt.MemberID(1); m <= 3; m++ {
			addMember(parent, r.s, m, 1000*tokens.Unit, 0)
			r.m.available[m] = 1000 * tokens.Unit
		}
		_, err := r.s.NextEpoch(parent.Context(), availability.DefaultParams(), [32]byte{})
		r.must(err)
		r.lock(1, 100*tokens.Unit, 26)
		r.nextEpoch(func() {})
		for range rapid.IntRange(10, 30).Draw(t, "steps") {
			r.step()
			r.check()
		}
		r.finish()
		r.check()
		r.s.Close()
		if v, err := Verify(parent.Context(), dir, nil); err != nil || !v.OK() {
			t.Fatalf("verify: %v %v", v.Faults, err)
		}
		os.RemoveAll(dir)
	}
	cases, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range max(1, cases) {
		rapid.Check(t, property)
	}
	for _, what := range []string{"locked", "claimed", "released", "returned"} {
		if seen[what] == 0 {
			t.Errorf("in no case anything was %s: %v", what, seen)
		}
	}
}
