package sale_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/sale"
)

const month = 30 * 24 * time.Hour

func TestAdjust(t *testing.T) {
	curve := func(price, limit tokens.Amount) sale.Curve {
		return sale.Curve{Price: price * unit / 100, Limit: limit * unit}
	}
	old := curve(100, 1000) // price 1, limit 1000
	for _, c := range []struct {
		name string
		next sale.Curve
		sold tokens.Amount
		says string // empty: accepted
	}{
		{"the same", old, 900, ""},
		{"a lower price", curve(99, 1000), 900, ""},
		{"a higher price", curve(101, 1000), 1, "lower the price, or raise the limit"},
		{"a higher price, nothing sold", curve(500, 10), 0, ""},
		{"a higher limit", curve(100, 1001), 900, ""},
		{"a lower limit", curve(100, 999), 1, "first tokens dearer"},
		{"price and limit up alike", curve(200, 2000), 900, ""},
		{"the price up more than the limit", curve(201, 2000), 1, "first tokens dearer"},
		{"price and limit down alike", curve(50, 500), 250, ""}, // r = ½ of the new
		{"price and limit down alike, more sold", curve(50, 500), 445, "marginal price would rise from 0.89 to 2.272728"},
		{"a lower limit for a lower price", curve(40, 500), 300, ""},
		{"the same where it bends up, though C falls", curve(40, 500), 400, "marginal price would rise from 0.8 to 1:"},
		{"a limit below what is sold", curve(1, 500), 451, "raise the limit"},
		{"no price", curve(0, 1000), 1, "price is 0"},
		{"a floor", sale.Curve{Price: unit, Limit: 1000 * unit, Floor: 3 * unit}, 900, ""},
	} {
		err := old.Adjust(c.next, c.sold*unit)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
		if err != nil && c.next.Price > 0 && !errors.Is(err, sale.ErrAdjust) {
			t.Errorf("%s: %v is not ErrAdjust", c.name, err)
		}
	}
}

// Half the price and half the limit: the same line up to 250 tokens, where the new curve bends up.
func TestAdjustComparesExactly(t *testing.T) {
	next := sale.Curve{Price: unit / 2, Limit: 500 * unit}
	if err := example.Adjust(next, 250*unit); err != nil {
		t.Error(err)
	}
	if err := example.Adjust(next, 250*unit+1); !errors.Is(err, sale.ErrAdjust) {
		t.Errorf("a utok beyond: %v", err)
	}
}

func TestIdle(t *testing.T) {
	for _, c := range []struct {
		sold tokens.Amount
		want time.Duration
	}{{0, time.Hour}, {250, time.Hour / 2}, {500, 0}, {900, 0}, {1, time.Hour * 998 / 1000}} {
		if got := example.Idle(c.sold*unit, time.Hour); got != c.want {
			t.Errorf("an hour with %d sold counts as %s, want %s", c.sold, got, c.want)
		}
	}
	if example.Idle(0, -time.Hour) != 0 {
		t.Error("a clock that goes back counts")
	}
}

func TestDrifted(t *testing.T) {
	for _, c := range []struct {
		price tokens.Amount
		ppm   int64
		idle  time.Duration
		want  tokens.Amount
	}{
		{unit, 0, month, unit},
		{unit, 100_000, 0, unit},
		{unit, 1_000_000, month, 367_880},           // 1/e = 0.36787944…
		{unit, 100_000, month, 904_838},             // e^-0.1 = 0.90483741…
		{unit, 100_000, 2 * month, 818_731},         // e^-0.2 = 0.81873075…
		{unit, 100_000, 25 * time.Second, unit},     // 0.99999904…
		{unit, 100_000, 26 * time.Second, unit - 1}, // 0.99999899…
		{1, 1_000_000, 100 * month, 1},
		{tokens.MaxAmount, 1_000_000, 100_000 * time.Hour, 1},
	} {
		if got := sale.Drifted(c.price, c.ppm, c.idle); got != c.want {
			t.Errorf("%d with %d ppm after %s: %d, want %d", c.price, c.ppm, c.idle, got, c.want)
		}
	}
}

// trader is one of several users of the model; quote is what they got less what they paid.
type trader struct{ tokens, quote tokens.Amount }

// model is a sale with users, an operator and a clock, as package store runs it.
type model struct {
	curve     sale.Curve
	sold      tokens.Amount
	reserve   tokens.Amount
	revenue   tokens.Amount
	idle      time.Duration
	driftFrom tokens.Amount
	ppm       int64
	traders   []trader
}

func (m *model) buy(t *rapid.T) {
	who, left := m.who(t), m.curve.Available(m.sold)
	if left == 0 {
		return
	}
	amount := part(t, left)
	cost, err := m.curve.CostOf(m.sold, amount)
	if err != nil {
		t.Fatal(err)
	}
	m.sold, m.reserve = m.sold+amount, m.reserve+cost
	who.tokens, who.quote = who.tokens+amount, who.quote-cost
}

func (m *model) sell(t *rapid.T) {
	if who := m.who(t); who.tokens > 0 {
		m.give(t, who, part(t, who.tokens))
	}
}

func (m *model) give(t *rapid.T, who *trader, amount tokens.Amount) {
	refund, err := m.curve.RefundOf(m.sold, amount)
	if err != nil {
		t.Fatal(err)
	}
	m.sold, m.reserve = m.sold-amount, m.reserve-refund
	who.tokens, who.quote = who.tokens-amount, who.quote+refund
}

// part is some of a positive whole: of all sizes, where rapid's own ranges prefer small numbers.
func part(t *rapid.T, whole tokens.Amount) tokens.Amount {
	ppm := rapid.SampledFrom([]int64{1, 1000, 30_000, 200_000, 400_000, 600_000, 800_000, 950_000, 999_000, 1_000_000}).Draw(t, "part")
	return min(whole, tokens.PPM(whole, ppm)+tokens.Amount(rapid.IntRange(1, 2).Draw(t, "more")))
}

func (m *model) who(t *rapid.T) *trader {
	return &m.traders[rapid.IntRange(0, len(m.traders)-1).Draw(t, "who")]
}

// hand gives tokens from one user to another: trading among themselves brings the set nothing.
func (m *model) hand(t *rapid.T) {
	from, to := m.who(t), m.who(t)
	amount := tokens.Amount(rapid.Int64Range(0, int64(from.tokens)).Draw(t, "handed"))
	from.tokens -= amount
	to.tokens += amount
}

// adjust is an operator's wish, granted if the rule allows it. Some of the tokens may have been
// bought just before it, to be sold just after.
func (m *model) adjust(t *rapid.T) {
	next := m.wish(t)
	err := m.curve.Adjust(next, m.sold)
	if m.sold > 0 && next.Price <= m.curve.Price && next.Limit >= m.curve.Limit && err != nil {
		t.Fatalf("a lower price or a higher limit is refused: %v", err)
	}
	if err != nil {
		return
	}
	if m.sold > 0 {
		fresh := part(t, m.sold)
		old := m.curve
		old.Floor = 0
		paid, _ := old.CostOf(m.sold-fresh, fresh)
		got, _ := next.RefundOf(m.sold, fresh)
		if got > paid || next.Locked(fresh) > old.Locked(fresh) {
			t.Fatalf("%d tokens bought for %d before the change bring %d after it; C(%d) goes from %d to %d",
				fresh, paid, got, fresh, old.Locked(fresh), next.Locked(fresh))
		}
	}
	m.curve, m.driftFrom, m.idle = next, next.Price, 0
}

// wish is another price and limit: by common factors, or a limit that what is sold nearly exhausts.
func (m *model) wish(t *rapid.T) sale.Curve {
	next := m.curve
	scale := rapid.SampledFrom([]int64{250_000, 500_000, 900_000, 999_999, 1_000_000, 1_000_001, 1_100_000, 2_000_000})
	next.Price = max(1, tokens.PPM(next.Price, scale.Draw(t, "price")))
	next.Limit = max(10, tokens.PPM(next.Limit, scale.Draw(t, "limit")))
	if rapid.Bool().Draw(t, "tight") {
		next.Limit = max(10, tokens.PPM(m.sold, rapid.SampledFrom([]int64{1_100_000, 1_112_000, 1_150_000, 1_250_000, 1_500_000}).Draw(t, "tight limit")))
	}
	return next
}

func (m *model) setFloor(t *rapid.T) {
	floored := m.curve
	floored.Floor = tokens.Amount(rapid.Int64Range(0, 6*int64(m.curve.Price)).Draw(t, "floor"))
	if floored.Validate() == nil {
		m.curve = floored
	}
}

func (m *model) drift(t *rapid.T) {
	m.idle += m.curve.Idle(m.sold, time.Duration(rapid.Int64Range(0, int64(2*month)).Draw(t, "time")))
	m.curve.Price = sale.Drifted(m.driftFrom, m.ppm, m.idle)
}

// takeRevenue takes what the reserve needs no more, as far as an operator may.
func (m *model) takeRevenue(t *rapid.T) {
	buffer := m.reserve - m.curve.Locked(m.sold)
	amount := tokens.Amount(rapid.Int64Range(0, int64(buffer)).Draw(t, "revenue"))
	m.reserve, m.revenue = m.reserve-amount, m.revenue+amount
}

func (m *model) check(t *rapid.T) {
	if need := m.curve.Locked(m.sold); m.reserve < need {
		t.Fatalf("the reserve holds %d, %d are locked for %d sold", m.reserve, need, m.sold)
	}
	var all trader
	for _, u := range m.traders {
		all.tokens, all.quote = all.tokens+u.tokens, all.quote+u.quote
	}
	if all.quote != -m.reserve-m.revenue || all.tokens != m.sold || all.quote > 0 {
		t.Fatalf("the users hold %d tokens of %d sold and are up by %d, reserve %d", all.tokens, m.sold, all.quote, m.reserve)
	}
}

// No sequence of purchases, sales and changes of the sale (price, limit, floor, drift, revenue), by
// several users, leaves the users together with a profit or the reserve uncovered.
func TestNoSequenceOfChangesProfits(t *testing.T) {
	check(t, func(t *rapid.T) {
		c := drawCurve(t)
		m := &model{curve: c, driftFrom: c.Price, traders: make([]trader, 3), ppm: rapid.Int64Range(0, 1_000_000).Draw(t, "drift")}
		steps := []func(*rapid.T){m.buy, m.buy, m.sell, m.hand, m.adjust, m.adjust, m.setFloor, m.drift, m.takeRevenue}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			rapid.SampledFrom(steps).Draw(t, "step")(t)
			m.check(t)
		}
		for i := range m.traders { // whoever holds tokens can always redeem them
			if u := &m.traders[i]; u.tokens > 0 {
				m.give(t, u, u.tokens)
				m.check(t)
			}
		}
	})
}

// check runs a property; SWARMSTAKE_TEST_CASES multiplies the cases.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	times, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range 10 * max(times, 1) { // a hundred cases each
		rapid.Check(t, property)
	}
}
