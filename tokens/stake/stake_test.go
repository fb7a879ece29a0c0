package stake_test

import (
	"errors"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/stake"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const unit = tokens.Unit

// TestPrice has the marginals of ECONOMY §8: 1, 2 and 5 times the base at r = ½, ¾ and 0.9.
func TestPrice(t *testing.T) {
	for _, c := range []struct {
		members, seats int64
		price          tokens.Amount
		full           bool
	}{
		{0, 1000, 50 * unit, false}, {250, 1000, 50 * unit, false}, {500, 1000, 50 * unit, false},
		{501, 1000, 50_100_201, false}, // 50·1000/998, rounded up
		{750, 1000, 100 * unit, false}, {900, 1000, 250 * unit, false},
		{949, 1000, 490_196_079, false}, {950, 1000, 500 * unit, true}, {1000, 1000, 500 * unit, true}, {5000, 1000, 500 * unit, true},
		{0, 1, 50 * unit, true}, {0, 2, 50 * unit, false}, {1, 2, 50 * unit, true}, {1, 3, 50 * unit, false}, {2, 3, 75 * unit, true},
	} {
		g := stake.Gate{Surge: true, Base: 50 * unit, Seats: c.seats, Members: c.members}
		if g.Price() != c.price || g.Full() != c.full {
			t.Errorf("%d of %d seats: %s, full %v, want %s, %v", c.members, c.seats, g.Price(), g.Full(), c.price, c.full)
		}
		if g.Surge = false; g.Price() != 50*unit || g.Full() {
			t.Errorf("%d of %d seats, fixed gate: %s, full %v", c.members, c.seats, g.Price(), g.Full())
		}
	}
	if p := (stake.Gate{Seats: 1}).Price(); p != 1 {
		t.Errorf("a gate of 0 costs %d utok, want 1", p)
	}
	if p := (stake.Gate{Surge: true, Base: tokens.MaxAmount, Seats: 1000, Members: 900}).Price(); p != tokens.MaxAmount {
		t.Errorf("the highest gate grew to %d", p)
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct {
		members int64
		staked  tokens.Amount
		fixed   tokens.Amount
		err     error
	}{
		{0, 50*unit - 1, 0, nil}, {0, 50 * unit, 50 * unit, nil}, {0, 999 * unit, 50 * unit, nil},
		{90, 250*unit - 1, 0, nil}, {90, 250 * unit, 250 * unit, nil},
		{95, 500*unit - 1, 0, nil}, {95, 500 * unit, 0, stake.ErrFull},
	} {
		got, err := stake.Gate{Surge: true, Base: 50 * unit, Seats: 100, Members: c.members}.Join(c.staked)
		if got != c.fixed || !errors.Is(err, c.err) {
			t.Errorf("%d members, %s staked: %s %v, want %s %v", c.members, c.staked, got, err, c.fixed, c.err)
		}
	}
}

// TestPriceProperties compares with fractions, over the whole range of the parameters.
func TestPriceProperties(t *testing.T) {
	check(t, func(t *rapid.T) {
		g := stake.Gate{Surge: true, Base: tokens.Amount(rapid.Int64Range(0, int64(tokens.MaxAmount)).Draw(t, "base")),
			Seats: rapid.Int64Range(1, 1e9).Draw(t, "seats")}
		g.Members = rapid.Int64Range(0, g.Seats+1).Draw(t, "members")
		price := g.Price()
		if price < max(g.Base, 1) || price > tokens.MaxAmount {
			t.Fatalf("%+v: %d", g, price)
		}
		next := g
		if next.Members++; next.Price() < price || g.Full() && !next.Full() {
			t.Fatalf("%+v: %d, one member more %d", g, price, next.Price())
		}
		if seats := big.NewRat(g.Members+1, g.Seats); g.Full() != (seats.Cmp(big.NewRat(95, 100)) > 0) {
			t.Fatalf("%+v: full %v with %s of the seats taken", g, g.Full(), seats)
		}
		if g.Full() || price == tokens.MaxAmount {
			return
		}
		u := big.NewRat(2*g.Members, g.Seats)
		want := new(big.Rat).SetInt64(int64(max(g.Base, 1)))
		if u.Cmp(big.NewRat(1, 1)) > 0 {
			want.Quo(want, new(big.Rat).Sub(big.NewRat(2, 1), u))
		}
		low := new(big.Rat).SetInt64(int64(price - 1))
		if want.Cmp(new(big.Rat).SetInt64(int64(price))) > 0 || want.Cmp(low) <= 0 {
			t.Fatalf("%+v: %d is not %s rounded up", g, price, want.FloatString(3))
		}
	})
}

func TestStanding(t *testing.T) {
	for _, c := range []struct {
		s     stake.Standing
		above bool
		tier  stake.Tier
		free  tokens.Amount // the most that can be unstaked without leaving; -1: it is leaving anyhow
	}{
		{stake.Standing{}, false, stake.Guest, 0},
		{stake.Standing{Staked: 100}, false, stake.Guest, 100},
		{stake.Standing{Staked: 100, Gate: 100}, true, stake.Member, 0},
		{stake.Standing{Staked: 130, Gate: 100}, true, stake.Member, 30},
		{stake.Standing{Staked: 99, Gate: 100}, false, stake.Guest, -1},
		{stake.Standing{Nodes: 1}, false, stake.Host, 0},
		{stake.Standing{Staked: 130, Gate: 100, Nodes: 2}, true, stake.Host, 30},
	} {
		if c.s.Above() != c.above || c.s.Tier() != c.tier {
			t.Errorf("%+v: above %v, %s", c.s, c.s.Above(), c.s.Tier())
		}
		if c.s.Gate > 0 && (!c.s.Leaves(c.free+1) || c.free >= 0 && c.s.Leaves(c.free)) {
			t.Errorf("%+v: unstaking %d leaves: %v", c.s, c.free, c.s.Leaves(c.free))
		}
	}
}

func TestNode(t *testing.T) {
	for _, c := range []struct {
		name                 string
		collateral, retained tokens.Amount
		claimed              bt.Bytes
		need, unpledge, free tokens.Amount
	}{
		{"nothing", 0, 0, 0, 0, 0, 0},
		{"no claims", 5, 7, 0, 0, 5, 7},
		{"one byte needs one utok", 5, 0, 1, 1, 4, 0},
		{"covered exactly", 3 * unit, unit, 4 * bt.GiB, 4 * unit, 0, 0},
		{"below", unit, unit, 4 * bt.GiB, 4 * unit, 0, 0},
		{"either of them, not both", 3 * unit, 2 * unit, 4 * bt.GiB, 4 * unit, unit, unit},
		{"retained alone covers", 3 * unit, 4 * unit, 4 * bt.GiB, 4 * unit, 3 * unit, 3 * unit},
		{"collateral alone covers", 9 * unit, 4 * unit, 4 * bt.GiB, 4 * unit, 9 * unit, 4 * unit},
		{"more than can be counted", unit, 0, 1 << 62, (1 << 23) * unit, 0, 0},
	} {
		n := stake.Node{Collateral: c.collateral, Retained: c.retained, Claimed: c.claimed, PerGiB: unit}
		if n.Need() != c.need || n.Unpledgeable() != c.unpledge || n.Released() != c.free {
			t.Errorf("%s: needs %s, unpledgeable %s, released %s; want %s, %s, %s", c.name, n.Need(), n.Unpledgeable(), n.Released(), c.need, c.unpledge, c.free)
		}
	}
}

// TestNodeKeepsWhatItNeeds takes out what may be taken, in either order: what is left covers the
// claims if it did before, and then nothing more comes out.
func TestNodeKeepsWhatItNeeds(t *testing.T) {
	amount := rapid.Custom(func(t *rapid.T) tokens.Amount { return tokens.Amount(rapid.Int64Range(0, 1e13).Draw(t, "utok")) })
	check(t, func(t *rapid.T) {
		n := stake.Node{Collateral: amount.Draw(t, "collateral"), Retained: amount.Draw(t, "retained"),
			Claimed: bt.Bytes(rapid.Int64Range(0, 1<<54).Draw(t, "claimed")), PerGiB: tokens.Amount(rapid.Int64Range(0, int64(1_000_000*unit)).Draw(t, "per GiB"))}
		before := n.Collateral + n.Retained
		for _, release := range rapid.Permutation([]bool{true, false}).Draw(t, "order") {
			if release {
				n.Retained -= n.Released()
			} else {
				n.Collateral -= n.Unpledgeable()
			}
		}
		left := n.Collateral + n.Retained
		if n.Collateral < 0 || n.Retained < 0 || left < min(before, n.Need()) || n.Unpledgeable() != 0 || n.Released() != 0 {
			t.Fatalf("%+v left of %d", n, before)
		}
		if left > n.Need() {
			t.Fatalf("%+v keeps more than it needs, %d", n, n.Need())
		}
	})
}

func TestTake(t *testing.T) {
	check(t, func(t *rapid.T) {
		small := rapid.Custom(func(t *rapid.T) tokens.Amount { return tokens.Amount(rapid.Int64Range(0, 20).Draw(t, "utok")) })
		have := rapid.SliceOfN(small, 0, 5).Draw(t, "balances")
		amount := tokens.Amount(rapid.Int64Range(-3, 100).Draw(t, "amount"))
		parts := stake.Take(amount, have...)
		var sum, all tokens.Amount
		for i := range have {
			if parts[i] < 0 || parts[i] > have[i] || parts[i] > 0 && sum != all {
				t.Fatalf("%d of %v: %v", amount, have, parts)
			}
			sum, all = sum+parts[i], all+have[i]
		}
		if sum != max(0, min(amount, all)) {
			t.Fatalf("%d of %v: took %d", amount, have, sum)
		}
	})
	if got := stake.Take(7, 5, 0, 9); !slices.Equal(got, []tokens.Amount{5, 0, 2}) {
		t.Errorf("took %v", got)
	}
}

// check runs a property; SWARMSTAKE_TEST_CASES multiplies the cases.
func check(t *testing.T, f func(*rapid.T)) {
	t.Helper()
	times, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range max(1, times) {
		rapid.Check(t, f)
	}
}
