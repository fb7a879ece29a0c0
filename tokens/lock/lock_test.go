package lock_test

import (
	"errors"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/lock"
)

var year = lock.Power{Whole: 52, Exponent: 2}

func TestPower(t *testing.T) {
	for _, c := range []struct {
		p    lock.Power
		a    tokens.Amount
		part int64
		want tokens.Amount
	}{
		{year, tokens.Unit, 52, tokens.Unit},
		{year, tokens.Unit, 26, tokens.Unit / 4},
		{year, tokens.Unit, 13, tokens.Unit / 16},
		{year, 2704, 1, 1},
		{year, 2703, 1, 0},
		{year, tokens.Unit, 0, 0},
		{year, tokens.Unit, -1, 0},
		{year, tokens.Unit, 53, tokens.Unit},
		{lock.Power{Whole: 30, Exponent: 1}, 100, 15, 50},
		{lock.Power{Whole: 520, Exponent: 4}, tokens.MaxAmount, 519, 992_329_853_222_598_123},
		{lock.Power{Whole: 1, Exponent: 4}, 7, 1, 7},
	} {
		if got := c.p.Of(c.a, c.part); got != c.want {
			t.Errorf("%+v of %d, part %d: %d, want %d", c.p, c.a, c.part, got, c.want)
		}
	}
}

func drawPower(t *rapid.T) lock.Power {
	return lock.Power{Whole: rapid.Int64Range(1, 315_360_000_000).Draw(t, "whole"), Exponent: rapid.Int64Range(1, 4).Draw(t, "exponent")}
}

func amount(t *rapid.T, name string) tokens.Amount {
	return tokens.Amount(rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(0, int64(tokens.MaxAmount))).Draw(t, name))
}

// A power is what 512 bits of floating point say, rounded down; it never falls, and parts of an
// amount never count more than the whole.
func TestPowerAgainstHighPrecision(t *testing.T) {
	check(t, func(t *rapid.T) {
		p, a, b := drawPower(t), amount(t, "a"), amount(t, "b")
		part := rapid.Int64Range(0, p.Whole).Draw(t, "part")
		x := new(big.Float).SetPrec(512).Quo(big.NewFloat(0).SetPrec(512).SetInt64(part), big.NewFloat(0).SetPrec(512).SetInt64(p.Whole))
		exact := new(big.Float).SetPrec(512).SetInt64(int64(a))
		for range p.Exponent {
			exact.Mul(exact, x)
		}
		got := p.Of(a, part)
		off, _ := new(big.Float).Sub(exact, new(big.Float).SetInt64(int64(got))).Float64()
		if off < -1e-50 || off >= 1 {
			t.Fatalf("%+v of %d, part %d: %d, off by %g", p, a, part, got, off)
		}
		if shorter := rapid.Int64Range(0, part).Draw(t, "shorter"); p.Of(a, shorter) > got {
			t.Fatalf("part %d counts more than %d", shorter, part)
		}
		if a+b <= tokens.MaxAmount && got+p.Of(b, part) > p.Of(a+b, part) {
			t.Fatalf("%d and %d count more than their sum", a, b)
		}
	})
}

func TestIndexText(t *testing.T) {
	for _, s := range []string{"0", "1", "340282366920938463463374607431768211456000"} {
		if x, err := lock.ParseIndex(s); err != nil || x.String() != s {
			t.Errorf("%s: %s %v", s, x, err)
		}
	}
	for _, s := range []string{"", "-1", "1.5", "x", "1 "} {
		if _, err := lock.ParseIndex(s); err == nil {
			t.Errorf("%q is taken for an index", s)
		}
	}
	if s := (lock.Index{}).String(); s != "0" {
		t.Errorf("the zero index is %s", s)
	}
}

func TestAccrue(t *testing.T) {
	shares := []lock.Share{{Weight: 1, Earning: true}, {Weight: 3, Earning: true}, {Weight: 100}}
	a, err := lock.Accrue(10, lock.Index{}, shares)
	if err != nil || a.Fees != 10 || a.Weight != 4 || a.Unearned != 0 || a.Index.String() != "2500000000000000000" {
		t.Fatalf("%+v %v", a, err)
	}
	for i, want := range []tokens.Amount{2, 7, 0} {
		if got := shares[i].Owed(a.Index); got != want {
			t.Errorf("lock %d is owed %d, want %d", i, got, want)
		}
	}
	// Nobody earns: only what belongs to nobody may go elsewhere.
	shares[0].Earning, shares[0].To, shares[1].Earning, shares[1].To = false, a.Index, false, a.Index
	b, err := lock.Accrue(13, a.Index, shares)
	if err != nil || b.Unearned != 3 || b.Weight != 0 || b.Index.String() != a.Index.String() {
		t.Errorf("%+v %v", b, err)
	}
	if _, err := lock.Accrue(9, a.Index, shares); !errors.Is(err, lock.ErrUncovered) {
		t.Errorf("a pool of 9 covers 10: %v", err)
	}
}

// world is a lockers' pool beside exact fractions: what each lock would get if money could be
// divided without end.
type world struct {
	pool  tokens.Amount
	index lock.Index
	locks []lock.Share
	paid  []tokens.Amount
	ideal []*big.Rat
	in    tokens.Amount
	out   tokens.Amount // to the hosting pool
}

func (w *world) enter(weight tokens.Amount) {
	w.locks = append(w.locks, lock.Share{Weight: weight, From: w.index, Earning: true})
	w.paid, w.ideal = append(w.paid, 0), append(w.ideal, new(big.Rat))
}

func (w *world) accrue(t interface{ Fatal(...any) }, fees tokens.Amount) {
	w.pool, w.in = w.pool+fees, w.in+fees
	a, err := lock.Accrue(w.pool, w.index, w.locks)
	if err != nil {
		t.Fatal(err)
	}
	shuffled := slices.Clone(w.locks)
	slices.Reverse(shuffled)
	if b, err := lock.Accrue(w.pool, w.index, shuffled); err != nil || b.Index.String() != a.Index.String() {
		t.Fatal("the order of locks changes the index", err)
	}
	w.index, w.pool, w.out = a.Index, w.pool-a.Unearned, w.out+a.Unearned
	for i, l := range w.locks {
		if l.Earning {
			share := new(big.Rat).Mul(big.NewRat(int64(fees), 1), big.NewRat(int64(l.Weight), int64(a.Weight)))
			w.ideal[i].Add(w.ideal[i], share)
		}
	}
}

func (w *world) claim(i int) {
	l := &w.locks[i]
	owed := l.Owed(w.index)
	w.paid[i], w.pool = w.paid[i]+owed, w.pool-owed
	if l.From = w.index; !l.Earning {
		l.From = l.To
	}
}

func (w *world) leave(i int) {
	if l := &w.locks[i]; l.Earning {
		l.To, l.Earning = w.index, false
	}
}

// check holds the pool to what it owes, and each lock to its exact part: it may miss a micro-token
// at each claim, and gain what others' claims left.
func (w *world) check(t interface{ Fatal(...any) }, claims int64) {
	sum, paid := tokens.Amount(0), tokens.Amount(0)
	for i, l := range w.locks {
		owed := l.Owed(w.index)
		sum, paid = sum+owed, paid+w.paid[i]
		off := new(big.Rat).Sub(w.ideal[i], big.NewRat(int64(w.paid[i]+owed), 1))
		if bound := big.NewRat(claims+2, 1); off.Cmp(bound) > 0 || off.Cmp(bound.Neg(bound)) < 0 {
			t.Fatal("lock", i, "got", w.paid[i], "and is owed", owed, "of exactly", w.ideal[i].FloatString(3))
		}
	}
	if sum > w.pool || paid+w.pool+w.out != w.in {
		t.Fatal("pool of", w.pool, "owes", sum, "paid", paid, "of", w.in)
	}
}

func TestPoolKeepsItsPromises(t *testing.T) {
	check(t, func(t *rapid.T) {
		w, claims := &world{}, int64(0)
		weight := rapid.OneOf(rapid.Int64Range(1, 20), rapid.Int64Range(1, int64(tokens.MaxAmount/50)))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			n := len(w.locks)
			switch what := rapid.IntRange(0, 5).Draw(t, "what"); {
			case what == 0 || n == 0:
				w.enter(tokens.Amount(weight.Draw(t, "weight")))
			case what == 1:
				w.leave(rapid.IntRange(0, n-1).Draw(t, "leaves"))
			case what <= 3:
				w.claim(rapid.IntRange(0, n-1).Draw(t, "claims"))
				claims++
			default:
				w.accrue(t, tokens.Amount(rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64Range(0, int64(tokens.MaxAmount/50))).Draw(t, "fees")))
			}
			w.check(t, claims)
		}
	})
}

// TestSplittingGainsNothing: the same tokens in several locks, claimed as often, never earn more
// than in one; what does not divide is less than a micro-token in all, whatever the number of
// accruals.
func TestSplittingGainsNothing(t *testing.T) {
	check(t, func(t *rapid.T) {
		p := lock.Power{Whole: rapid.Int64Range(1, 520).Draw(t, "whole"), Exponent: rapid.Int64Range(1, 4).Draw(t, "exponent")}
		weeks := rapid.Int64Range(1, p.Whole).Draw(t, "weeks")
		parts := rapid.SliceOfN(rapid.Int64Range(1, int64(tokens.MaxAmount/50)), 2, 5).Draw(t, "parts")
		whole, split := &world{}, &world{}
		var all tokens.Amount
		for _, a := range parts {
			all += tokens.Amount(a)
			split.enter(p.Of(tokens.Amount(a), weeks))
		}
		whole.enter(p.Of(all, weeks))
		others := tokens.Amount(rapid.Int64Range(1, int64(tokens.MaxAmount/50)).Draw(t, "others"))
		whole.enter(others)
		split.enter(others)
		for range rapid.IntRange(1, 10).Draw(t, "epochs") {
			fees := tokens.Amount(rapid.Int64Range(0, 1_000_000).Draw(t, "fees"))
			whole.accrue(t, fees)
			split.accrue(t, fees)
		}
		var got tokens.Amount
		for i := range parts {
			split.claim(i)
			got += split.paid[i]
		}
		whole.claim(0)
		if got > whole.paid[0]+1 {
			t.Fatalf("%d in %d parts, %d in one", got, len(parts), whole.paid[0])
		}
	})
}

// TestClaimingOftenGainsNothing: claiming after every accrual pays no more than claiming once.
func TestClaimingOftenGainsNothing(t *testing.T) {
	check(t, func(t *rapid.T) {
		a, b := &world{}, &world{}
		for _, weight := range rapid.SliceOfN(rapid.Int64Range(1, 1000), 2, 4).Draw(t, "weights") {
			a.enter(tokens.Amount(weight))
			b.enter(tokens.Amount(weight))
		}
		for range rapid.IntRange(1, 20).Draw(t, "epochs") {
			fees := tokens.Amount(rapid.Int64Range(0, 100).Draw(t, "fees"))
			a.accrue(t, fees)
			b.accrue(t, fees)
			a.claim(0)
		}
		a.claim(0)
		b.claim(0)
		if a.paid[0] > b.paid[0] {
			t.Fatalf("%d claimed often, %d once", a.paid[0], b.paid[0])
		}
	})
}

// check runs a property; SWARMSTAKE_TEST_CASES multiplies the cases.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	times, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range max(times, 1) {
		rapid.Check(t, property)
	}
}

func BenchmarkAccrue100k(b *testing.B) {
	shares := make([]lock.Share, 100_000)
	x, _ := lock.ParseIndex("12345678901234567890123")
	for i := range shares {
		shares[i] = lock.Share{Weight: tokens.Amount(i + 1), From: lock.Index{}, Earning: true}
	}
	for b.Loop() {
		if _, err := lock.Accrue(tokens.MaxAmount, x, shares); err != nil {
			b.Fatal(err)
		}
	}
}
