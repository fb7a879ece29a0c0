package store

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/migrations"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tokens/sale"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const vidya = tokens.Unit

// saleWorld is a store with two members who have 10,000 of quote each.
type saleWorld struct {
	*railWorld
	requests int
}

func newSaleWorld(t *testing.T) *saleWorld {
	t.Helper()
	w := &saleWorld{railWorld: newRailWorld(t, subjects["faucet"]())}
	w.set(func(e *Economy) { e.SaleLimit = 1000 * vidya })
	for _, m := range []bt.MemberID{w.alice, w.bob} {
		if _, err := w.s.Deposit(w.ctx, w.once(m, "fund"), RailFaucet, rail.Evidence{Amount: 10_000 * vidya}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// set changes parameters, as the beginning of an epoch does.
func (w *saleWorld) set(change func(*Economy)) error {
	e := w.s.economy()
	change(&e)
	w.s.SetEconomy(e)
	return errors.Join(w.s.AdjustSale(w.ctx), w.s.DriftSale(w.ctx))
}

// fresh identifies a request like no other.
func (w *saleWorld) fresh(m bt.MemberID) Once {
	w.requests++
	return w.once(m, fmt.Sprint("request ", w.requests))
}

func (w *saleWorld) buy(t *testing.T, m bt.MemberID, amount tokens.Amount) Bought {
	t.Helper()
	b, err := w.s.Buy(w.ctx, w.fresh(m), Order{Tokens: amount, MaxCost: tokens.MaxAmount})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *saleWorld) capacity(t *testing.T) SaleCapacity {
	t.Helper()
	c, err := w.s.SaleCapacity(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The check values of ECONOMY §8, through the ledger and back.
func TestBuyAndSell(t *testing.T) {
	w := newSaleWorld(t)
	for _, c := range []struct{ tokens, cost tokens.Amount }{{250, 62_500_000}, {250, 187_500_000}, {250, 346_573_591}, {150, 458_145_366}} {
		if b := w.buy(t, w.alice, c.tokens*vidya); b.Cost != c.cost {
			t.Errorf("%d cost %s, want %s", c.tokens, b.Cost, c.cost)
		}
	}
	c := w.capacity(t)
	if c.Sold != 900*vidya || c.Available != 0 || c.Marginal != 5*vidya || c.Locked != 1_054_718_957 || c.Reserve != c.Locked || c.Supply != 900*vidya || c.Serial != 4 {
		t.Errorf("sold out: %+v", c)
	}
	st, err := w.s.Sale(w.ctx, 1, 900*vidya, 901*vidya)
	if err != nil || !errors.Is(st.Prices[0].Err, sale.ErrSoldOut) || st.Prices[1].Refund != 1_054_718_956 || !errors.Is(st.Prices[2].RefundErr, sale.ErrNotSold) {
		t.Errorf("prices %+v, %v", st.Prices, err)
	}
	o := w.fresh(w.alice)
	for range 2 { // the second is the same request
		s, err := w.s.Sell(w.ctx, o, SellOrder{Tokens: 150 * vidya, MinRefund: 458_145_365})
		if err != nil || s.Refund != 458_145_365 || s.Available != 750*vidya || s.Serial != 5 || len(s.Transfers) != 2 {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if c := w.capacity(t); c.Sold != 750*vidya || c.Supply != 750*vidya || c.Available != 150*vidya || c.Reserve < c.Locked {
		t.Errorf("after a sale: %+v", c)
	}
	burned, _ := w.s.Balance(w.ctx, tokens.Token, tokens.Burned)
	if burned != 150*vidya {
		t.Errorf("%s burned", burned)
	}
	if o, err := w.s.Overview(w.ctx); err != nil || o.Sold != 750*vidya {
		t.Errorf("the overview says %s sold, %v", o.Sold, err)
	}
	verified(t, w.s, w.dir)
}

func TestTradesThatCannotBe(t *testing.T) {
	w := newSaleWorld(t)
	w.buy(t, w.alice, 100*vidya)
	if err := w.s.Post(w.ctx, grant("g", tokens.Available(w.bob), 200*vidya)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		order SellOrder
		want  error
	}{
		"nothing":             {SellOrder{}, sale.ErrAmount},
		"less than nothing":   {SellOrder{Tokens: -1}, sale.ErrAmount},
		"beyond what is sold": {SellOrder{Tokens: 100*vidya + 1}, sale.ErrNotSold},
		"all there could be":  {SellOrder{Tokens: math.MaxInt64}, sale.ErrNotSold},
		"for too much":        {SellOrder{Tokens: 100 * vidya, MinRefund: 10_000_001}, sale.ErrRefund},
		"for nothing":         {SellOrder{Tokens: 1}, sale.ErrRefund}, // 0.2 micro-units
	} {
		if _, err := w.s.Sell(w.ctx, w.fresh(w.bob), c.order); !errors.Is(err, c.want) {
			t.Errorf("sell %s: %v", name, err)
		}
	}
	if _, err := w.s.Sell(w.ctx, w.fresh(99), SellOrder{Tokens: vidya}); !errors.Is(err, tokens.ErrFunds) {
		t.Errorf("sell what one has not: %v", err)
	}
	for name, c := range map[string]struct {
		order Order
		want  error
	}{
		"nothing":               {Order{MaxCost: vidya}, sale.ErrAmount},
		"less than nothing":     {Order{Tokens: -1, MaxCost: vidya}, sale.ErrAmount},
		"beyond the sale":       {Order{Tokens: 800*vidya + 1, MaxCost: tokens.MaxAmount}, sale.ErrSoldOut},
		"all there could be":    {Order{Tokens: math.MaxInt64, MaxCost: math.MaxInt64}, sale.ErrSoldOut},
		"for too little":        {Order{Tokens: vidya, MaxCost: 1}, sale.ErrCost},
		"for less than nothing": {Order{Tokens: vidya, MaxCost: -1}, sale.ErrAmount},
	} {
		if _, err := w.s.Buy(w.ctx, w.fresh(w.alice), c.order); !errors.Is(err, c.want) {
			t.Errorf("buy %s: %v", name, err)
		}
	}
	if _, err := w.s.Buy(w.ctx, w.fresh(99), Order{Tokens: vidya, MaxCost: vidya}); !errors.Is(err, tokens.ErrFunds) {
		t.Errorf("buy without money: %v", err)
	}
	if _, err := w.s.Sale(w.ctx, make([]tokens.Amount, MaxSalePrices+1)...); !errors.Is(err, ErrRange) {
		t.Errorf("too many prices: %v", err)
	}
	if c := w.capacity(t); c.Serial != 1 || c.Sold != 100*vidya {
		t.Errorf("refused trades left %+v", c)
	}
}

// Tokens that a running download reserved are not sold.
func TestReservedTokensAreNotSold(t *testing.T) {
	w := newSaleWorld(t)
	w.buy(t, w.alice, 100*vidya)
	reserve(t, w.s, w.alice, 60*vidya)
	var f *FundsError
	if _, err := w.s.Sell(w.ctx, w.fresh(w.alice), SellOrder{Tokens: 41 * vidya}); !errors.As(err, &f) || f.Reserved != 60*vidya || f.Have != 40*vidya {
		t.Errorf("sell 41 of 100, 60 reserved: %v", err)
	}
	if _, err := w.s.Sell(w.ctx, w.fresh(w.alice), SellOrder{Tokens: 40 * vidya}); err != nil {
		t.Error(err)
	}
}

// reserve has a running download hold tokens.
func reserve(t *testing.T, s *Store, m bt.MemberID, a tokens.Amount) {
	t.Helper()
	err := s.write(t.Context(), func(t *tx) error {
		return t.exec(`INSERT INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok, cost_rem,
			charged_utok, reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq)
			VALUES (?, 1, 0, 0, 0, 0, 0, 0, 0, 0, ?, 0, 0, 0, 0, 0, 0)`, m, a)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestExchange(t *testing.T) {
	w := newSaleWorld(t)
	all := ExchangeOrder{Serial: 5, Min: vidya, Max: 1000 * vidya, MaxCost: 250 * vidya}
	o := w.fresh(w.alice)
	for range 2 { // the second is the same request
		b, err := w.s.Exchange(w.ctx, o, all)
		if err != nil || b.Tokens != 500*vidya || b.Cost != 250*vidya || b.Available != 500*vidya || b.Quote != 9750*vidya {
			t.Fatalf("%+v, %v", b, err)
		}
	}
	var s *SerialError
	for _, serial := range []int64{5, 4, 0, -1, math.MinInt64} {
		again := all
		again.Serial = serial
		if _, err := w.s.Exchange(w.ctx, w.fresh(w.alice), again); !errors.As(err, &s) || s.Last != 5 || !errors.Is(err, ErrSerial) {
			t.Errorf("serial %d after 5: %v", serial, err)
		}
	}
	for name, c := range map[string]struct {
		order ExchangeOrder
		want  error
	}{
		"too dear":    {ExchangeOrder{6, 100 * vidya, 200 * vidya, 100 * vidya}, sale.ErrCost},
		"upside down": {ExchangeOrder{6, 2, 1, vidya}, sale.ErrAmount},
		"nothing":     {ExchangeOrder{6, 0, 1, vidya}, sale.ErrAmount},
		"sold out":    {ExchangeOrder{6, 401 * vidya, 402 * vidya, tokens.MaxAmount}, sale.ErrSoldOut},
	} {
		if _, err := w.s.Exchange(w.ctx, w.fresh(w.alice), c.order); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := w.s.Exchange(w.ctx, w.fresh(w.alice), ExchangeOrder{6, 1, 1000 * vidya, tokens.MaxAmount}); err != nil || b.Tokens != 400*vidya {
		t.Errorf("refused exchanges used up their serial, or the rest is not sold: %+v, %v", b, err)
	}
	if _, err := w.s.Exchange(w.ctx, w.fresh(w.bob), ExchangeOrder{1, 1, 1, vidya}); !errors.Is(err, sale.ErrSoldOut) {
		t.Errorf("sold out: %v", err)
	}
	if _, err := w.s.Sell(w.ctx, w.fresh(w.alice), SellOrder{Tokens: 400 * vidya}); err != nil {
		t.Fatal(err)
	}
	poor, err := w.s.RegisterMember(w.ctx, NewMember{Name: "poor"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Exchange(w.ctx, w.fresh(poor.ID), ExchangeOrder{1, 1, 1, vidya}); !errors.Is(err, tokens.ErrFunds) {
		t.Errorf("without money: %v", err)
	}
	if c := w.capacity(t); c.Sold != 500*vidya || c.Reserve < c.Locked {
		t.Errorf("%+v", c)
	}
}

// Of 64 exchanges with one serial at once, one happens.
func TestExchangeSerialAtOnce(t *testing.T) {
	w := newSaleWorld(t)
	errs := make([]error, 64)
	var wg sync.WaitGroup
	for i := range errs {
		o := w.fresh(w.alice)
		wg.Go(func() {
			_, errs[i] = w.s.Exchange(w.ctx, o, ExchangeOrder{Serial: 1, Min: vidya, Max: vidya, MaxCost: vidya})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, ErrSerial) {
			t.Error(err)
		}
	}
	if c := w.capacity(t); won != 1 || c.Sold != vidya {
		t.Errorf("%d happened, %s sold", won, c.Sold)
	}
}

// Who sells at a floor price leaves a buffer, which becomes revenue when it is old enough.
func TestBufferBecomesRevenue(t *testing.T) {
	w := newSaleWorld(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.set(func(e *Economy) { e.SaleFloor = vidya / 2 }))
	if b := w.buy(t, w.alice, 100*vidya); b.Cost != 50*vidya { // 10 by the curve
		t.Errorf("100 cost %s", b.Cost)
	}
	if c := w.capacity(t); c.Buffer != 40*vidya || c.Mature != 0 || c.Locked != 10*vidya {
		t.Errorf("%+v", c)
	}
	w.now = w.now.Add(15 * 24 * time.Hour)
	must(w.set(func(e *Economy) { e.SalePrice = vidya / 2 })) // C halves
	w.now = w.now.Add(15 * 24 * time.Hour)
	if c := w.capacity(t); c.Buffer != 45*vidya || c.Mature != 0 { // not older than 30 days yet
		t.Errorf("after 30 days: %+v", c)
	}
	w.now = w.now.Add(time.Millisecond)
	if c := w.capacity(t); c.Mature != 40*vidya {
		t.Errorf("after more than 30 days: %+v", c)
	}
	var f *FundsError
	if _, err := w.s.Revenue(w.ctx, w.fresh(w.bob), 41*vidya); !errors.As(err, &f) || f.Have != 40*vidya {
		t.Errorf("young buffer was taken: %v", err)
	}
	for _, bad := range []tokens.Amount{0, -1} {
		if _, err := w.s.Revenue(w.ctx, w.fresh(w.bob), bad); !errors.Is(err, ErrRange) {
			t.Errorf("revenue of %d: %v", bad, err)
		}
	}
	o := w.fresh(w.bob)
	for range 2 {
		if r, err := w.s.Revenue(w.ctx, o, 30*vidya); err != nil || r.Left != 10*vidya {
			t.Errorf("%+v, %v", r, err)
		}
	}
	revenue, _ := w.s.Balance(w.ctx, tokens.Quote, tokens.Revenue)
	if c := w.capacity(t); c.Mature != 10*vidya || c.Buffer != 15*vidya || revenue != 30*vidya {
		t.Errorf("%s taken, left %+v", revenue, c)
	}
	log, _ := w.s.OperatorLog(w.ctx, 2)
	if len(log) != 2 || log[0].Operator != "bob" || log[0].Detail != "30 of the reserve's buffer" || !strings.HasPrefix(log[1].Detail, "price 0.5, limit 1000; before: price 1") {
		t.Errorf("log %+v", log)
	}
	verified(t, w.s, w.dir)
}

func TestAdjustSale(t *testing.T) {
	w := newSaleWorld(t)
	if err := w.set(func(e *Economy) { e.SalePrice, e.SaleLimit = 2*vidya, 500*vidya }); err != nil {
		t.Errorf("while nothing is sold anything goes: %v", err)
	}
	w.buy(t, w.alice, 200*vidya)
	up := w.s.economy()
	up.SalePrice++
	if err := w.s.CheckSale(w.ctx, up); !errors.Is(err, sale.ErrAdjust) {
		t.Errorf("asked before: %v", err)
	}
	if err := w.set(func(e *Economy) { *e = up }); !errors.Is(err, sale.ErrAdjust) || !strings.Contains(err.Error(), "the sale stays at price 2 and limit 500") {
		t.Errorf("a higher price: %v", err)
	}
	if c := w.capacity(t); c.Price != 2*vidya || c.Limit != 500*vidya {
		t.Errorf("a refused change left %+v", c)
	}
	down := w.s.economy()
	down.SalePrice, down.SaleLimit = vidya, 600*vidya
	if err := errors.Join(w.s.CheckSale(w.ctx, down), w.set(func(e *Economy) { *e = down })); err != nil {
		t.Error(err)
	}
	w.killed(t) // what is in force is kept, whatever the configuration of the next start says
	if c := w.capacity(t); c.Price != vidya || c.Limit != 600*vidya || c.Buffer == 0 {
		t.Errorf("after a restart: %+v", c)
	}
}

// The drift depends on how much was sold when, not on how often it is applied, nor on restarts.
func TestDriftSale(t *testing.T) {
	const day = 24 * time.Hour
	end := func(steps int) tokens.Amount {
		w := newSaleWorld(t)
		drifting := func(e *Economy) { e.SaleDriftPPM = 500_000 }
		for _, step := range []func(){
			func() { w.now = w.now.Add(20 * day) }, // before it drifts
			func() {
				if err := w.set(drifting); err != nil {
					t.Fatal(err)
				}
			},
			func() { w.pass(t, 15*day, steps) },
			func() { w.buy(t, w.alice, 250*vidya) }, // half the speed
			func() { w.pass(t, 30*day, steps) },
			func() { w.buy(t, w.alice, 250*vidya) }, // none
			func() { w.pass(t, 300*day, steps) },
		} {
			step()
		}
		c := w.capacity(t)
		if c.Reserve < c.Locked || c.Buffer == 0 {
			t.Errorf("%+v", c)
		}
		return c.Price
	}
	// e^(−0.5·(½ + ½)), rounded up
	once, often := end(1), end(50)
	if once != 606_531 || often != once {
		t.Errorf("drifted to %d in one step, %d in fifty, want 606531", once, often)
	}
	w := newSaleWorld(t)
	w.pass(t, 100*day, 3)
	if c := w.capacity(t); c.Price != vidya {
		t.Errorf("it drifts by itself to %s", c.Price)
	}
	w.set(func(e *Economy) { e.SaleDriftPPM = 1_000_000 })
	w.pass(t, 30*day, 1)
	w.set(func(e *Economy) { e.SaleDriftPPM = 0 })
	w.pass(t, 30*day, 1)
	if c := w.capacity(t); c.Price != 367_880 {
		t.Errorf("drift that was stopped came to %s", c.Price)
	}
	if err := w.set(func(e *Economy) { e.SaleLimit += vidya }); err != nil || w.capacity(t).Price != 367_880 {
		t.Errorf("another limit makes the price %s, %v", w.capacity(t).Price, err)
	}
	w.set(func(e *Economy) { e.SalePrice, e.SaleDriftPPM = 500_000, 1_000_000 }) // nothing is sold: it may rise
	w.pass(t, 30*day, 2)
	if c := w.capacity(t); c.Price != 183_940 {
		t.Errorf("drift from a new price came to %s", c.Price)
	}
}

// pass lets time pass in steps, each ended by the beginning of an epoch.
func (w *saleWorld) pass(t *testing.T, d time.Duration, steps int) {
	t.Helper()
	for range steps {
		w.now = w.now.Add(d / time.Duration(steps))
		if err := w.set(func(*Economy) {}); err != nil {
			t.Fatal(err)
		}
	}
}

// A database of before has its sale in facts; its price and limit are those of the configuration it
// had, and from then on they cannot be raised.
func TestSaleOfAnOldDatabase(t *testing.T) {
	w := newSaleWorld(t)
	w.buy(t, w.alice, 100*vidya)
	if _, err := w.s.w.Exec("UPDATE sale SET price_quote = 0, limit_utok = 0, set_price_quote = 0, drift_price_quote = 0, idle_at_ms = 0, buffer_quote = 0; DELETE FROM sale_buffer"); err != nil {
		t.Fatal(err)
	}
	if err := w.set(func(*Economy) {}); err != nil {
		t.Fatal(err)
	}
	if err := w.set(func(e *Economy) { e.SalePrice *= 2 }); !errors.Is(err, sale.ErrAdjust) {
		t.Errorf("doubled: %v", err)
	}
	w.s.w.Exec("UPDATE sale SET price_quote = 0")
	if err := w.set(func(e *Economy) { e.SalePrice = 2 * vidya }); !errors.Is(err, ErrUncovered) {
		t.Errorf("a configuration that the reserve does not cover: %v", err)
	}
	if err := w.set(func(e *Economy) { e.SaleLimit = 100 * vidya }); err == nil || !strings.Contains(err.Error(), "raise the limit") {
		t.Errorf("a limit below what is sold: %v", err)
	}
	if _, err := w.s.Sale(w.ctx, 1); err == nil {
		t.Error("prices of a sale that cannot be")
	}
}

// No sequence of trades, changes of parameters, drift and revenue uncovers the reserve or leaves the
// members with more than they had; the books agree with a simple count.
func TestRandomSales(t *testing.T) {
	empty := emptyDatabase(t)
	times, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range max(times, 1) {
		rapid.Check(t, func(r *rapid.T) { randomSales(t, r, empty) })
	}
}

func randomSales(parent *testing.T, t *rapid.T, empty []byte) {
	const each = 5000 * vidya
	dir := parent.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), empty, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &saleWorld{railWorld: &railWorld{subject: subjects["faucet"](), ctx: parent.Context(), dir: dir, now: time.UnixMilli(1.7e12)}}
	eco := DefaultEconomy()
	eco.SaleLimit = 1000 * vidya
	s, err := Open(w.ctx, dir, Options{Now: func() time.Time { return w.now }, Economy: eco})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.s = s
	members := []bt.MemberID{1, 2, 3}
	for _, m := range members {
		err := s.Post(w.ctx, tokens.Transfer{ID: fmt.Sprint("fund/", m), Asset: tokens.Quote, From: tokens.External("test"), To: tokens.Available(m), Amount: each, Code: tokens.CodeDeposit})
		if _, err2 := s.RegisterMember(w.ctx, NewMember{Name: fmt.Sprint("member", m)}); errors.Join(err, err2) != nil {
			t.Fatal(err, err2)
		}
	}
	amount := func(what string) tokens.Amount {
		return tokens.Amount(rapid.SampledFrom([]int64{1, 7, 333_333, 1e6, 40e6, 200e6, 450e6, 899e6}).Draw(t, what))
	}
	var sold tokens.Amount
	var serial int64
	for range rapid.IntRange(1, 20).Draw(t, "steps") {
		m := rapid.SampledFrom(members).Draw(t, "member")
		switch rapid.IntRange(0, 6).Draw(t, "step") {
		case 0:
			if b, err := s.Buy(w.ctx, w.fresh(m), Order{Tokens: amount("tokens"), MaxCost: each}); err == nil {
				sold += b.Tokens
			}
		case 1:
			serial++
			if b, err := s.Exchange(w.ctx, w.fresh(m), ExchangeOrder{serial, 1, amount("tokens"), amount("pay")}); err == nil {
				sold += b.Tokens
			}
		case 2:
			if b, err := s.Sell(w.ctx, w.fresh(m), SellOrder{Tokens: amount("tokens")}); err == nil {
				sold -= b.Tokens
			}
		case 3:
			w.set(func(e *Economy) {
				e.SalePrice = tokens.Amount(rapid.SampledFrom([]int64{100_000, 500_000, 1e6, 3e6}).Draw(t, "price"))
				e.SaleLimit = tokens.Amount(rapid.SampledFrom([]int64{500e6, 1000e6, 1001e6, 5000e6}).Draw(t, "limit"))
			})
		case 4:
			w.set(func(e *Economy) {
				e.SaleFloor = tokens.Amount(rapid.SampledFrom([]int64{0, 10_000, 600_000, 2e6}).Draw(t, "floor"))
				e.SaleDriftPPM = rapid.SampledFrom([]int64{0, 1000, 1_000_000}).Draw(t, "drift")
			})
		case 5:
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int64{1, 3600, 864_000, 2_592_001}).Draw(t, "seconds")) * time.Second)
			w.set(func(*Economy) {})
		case 6:
			s.Revenue(w.ctx, w.fresh(m), amount("revenue"))
		}
		checkSale(t, w, members, each, sold)
	}
	s.Close()
	if v, err := Verify(w.ctx, dir, nil); err != nil || !v.OK() {
		t.Fatalf("verify: %v %v", v.Faults, err)
	}
}

func checkSale(t *rapid.T, w *saleWorld, members []bt.MemberID, each, sold tokens.Amount) {
	c, err := w.s.SaleCapacity(w.ctx)
	if err != nil || c.Reserve < c.Locked || c.Sold != sold || c.Supply != sold || c.Buffer != c.Reserve-c.Locked || c.Mature > c.Buffer {
		t.Fatalf("%+v with %s sold, %v", c, sold, err)
	}
	revenue, _ := w.s.Balance(w.ctx, tokens.Quote, tokens.Revenue)
	var quote, held tokens.Amount
	for _, m := range members {
		q, _ := w.s.Balance(w.ctx, tokens.Quote, tokens.Available(m))
		h, _ := w.s.Balance(w.ctx, tokens.Token, tokens.Available(m))
		quote, held = quote+q, held+h
	}
	if held != sold || quote+c.Reserve+revenue != each*tokens.Amount(len(members)) || quote > each*tokens.Amount(len(members)) {
		t.Fatalf("members have %s and %s tokens, reserve %s, revenue %s, sold %s", quote, held, c.Reserve, revenue, sold)
	}
}

// The facts in which the sale was kept before become its row.
func TestSaleComesOutOfFacts(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, FileName), "immediate", "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO facts (name, value) VALUES ('sale_sold_utok', '7000000'), ('sale_serial', '3')"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	s := open(t, dir, Options{})
	st, err := s.Sale(t.Context())
	if err != nil || st.Sold != 7*vidya || st.Serial != 3 || st.Limit != s.economy().SaleLimit {
		t.Errorf("%+v, %v", st, err)
	}
	var left int
	if err := s.r.QueryRow("SELECT count(*) FROM facts WHERE name LIKE 'sale%'").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d facts are left, %v", left, err)
	}
}
