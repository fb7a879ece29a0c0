package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// voucherWorld is a railWorld of vouchers.
func voucherWorld(t *testing.T) *railWorld {
	t.Helper()
	return newRailWorld(t, subjects["vouchers"]())
}

func (w *railWorld) batch(t *testing.T, n NewVouchers) (int64, []rail.Code) {
	t.Helper()
	id, codes, err := w.s.AddVouchers(w.ctx, 0, n)
	if err != nil || len(codes) != n.Count {
		t.Fatalf("%d codes, %v", len(codes), err)
	}
	return id, codes
}

func (w *railWorld) use(m bt.MemberID, key, code string) error {
	_, err := w.s.Deposit(w.ctx, w.once(m, key), RailVoucher, rail.Evidence{Code: code})
	return err
}

// reason is why a voucher was not accepted; empty: it was, or failed otherwise.
func reason(err error) rail.Reason {
	var v *rail.VoucherError
	if errors.As(err, &v) {
		return v.Reason
	}
	return ""
}

// A voucher used by 64 requests at once, of two members, is credited to one of them.
func TestVoucherUsedAtOnce(t *testing.T) {
	w := voucherWorld(t)
	_, codes := w.batch(t, NewVouchers{Label: "one", Amount: 5, Count: 1})
	errs := make([]error, 64)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = w.use([]bt.MemberID{w.alice, w.bob}[i%2], fmt.Sprint(i), string(codes[0])) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if reason(err) != rail.Used {
			t.Error(err)
		}
	}
	came, err := w.s.Balance(w.ctx, tokens.Quote, tokens.External(RailVoucher))
	if won != 1 || came != -5 || err != nil {
		t.Errorf("%d of 64 were credited, %s came in, %v", won, -came, err)
	}
	verified(t, w.s, w.dir)
}

func TestVoucherReasons(t *testing.T) {
	w := voucherWorld(t)
	soon, codes := w.batch(t, NewVouchers{Label: "soon", Amount: 5, Count: 4, Expires: w.now.Add(time.Hour)})
	foreign, others := voucherWorld(t), []rail.Code(nil)
	_, others = foreign.batch(t, NewVouchers{Label: "foreign", Amount: 5, Count: 1})
	if err := w.use(w.alice, "first", strings.ToLower(string(codes[0]))); err != nil {
		t.Fatal(err)
	}
	if err := w.use(w.alice, "first", string(codes[0])); err != nil {
		t.Errorf("a repeated request: %v", err)
	}
	if err := w.s.RevokeVoucher(w.ctx, 0, string(codes[1])); err != nil {
		t.Fatal(err)
	}
	expect := func(what string, code string, want rail.Reason) {
		t.Helper()
		if err := w.use(w.bob, what, code); reason(err) != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	expect("used", string(codes[0]), rail.Used)
	expect("revoked", string(codes[1]), rail.Revoked)
	expect("of another installation", string(others[0]), rail.Unknown)
	expect("mistyped", string(codes[2][:19])+"0A", rail.Mistyped)
	expect("empty", "", rail.Mistyped)
	w.now = w.now.Add(time.Hour - time.Millisecond)
	expect("in the last moment", string(codes[2]), "")
	w.now = w.now.Add(time.Millisecond)
	expect("expired", string(codes[3]), rail.Expired)
	for what, c := range map[string]struct {
		code rail.Code
		want rail.Reason
	}{"used": {codes[0], rail.Used}, "revoked": {codes[1], rail.Revoked}, "foreign": {others[0], rail.Unknown}, "mistyped": {"X", rail.Mistyped}} {
		if err := w.s.RevokeVoucher(w.ctx, 0, string(c.code)); reason(err) != c.want {
			t.Errorf("revoke one that is %s: %v", what, err)
		}
	}
	if n, err := w.s.RevokeVouchers(w.ctx, 0, soon); err != nil || n != 1 {
		t.Errorf("%d left to revoke, %v", n, err)
	}
	if _, err := w.s.RevokeVouchers(w.ctx, 0, soon+1); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such batch: %v", err)
	}
	b, err := w.s.VoucherBatches(w.ctx, 10)
	if err != nil || len(b) != 1 || b[0].Label != "soon" || b[0].Count != 4 || b[0].Used != 2 || b[0].Revoked != 2 || b[0].Amount != 5 {
		t.Errorf("%+v, %v", b, err)
	}
	if err := errors.Join(w.has(w.alice, 5), w.has(w.bob, 5)); err != nil {
		t.Error(err)
	}
	log, _ := w.s.OperatorLog(w.ctx, 3)
	if len(log) != 3 || log[0].Action != "vouchers revoke" || log[0].Detail != "batch 1: 1" || log[2].Detail != `batch 1 "soon": 4 of 0.000005 each` {
		t.Errorf("log %+v", log)
	}
	verified(t, w.s, w.dir)
}

// Nobody finds codes in the database, nor do two batches share one.
func TestCodesAreKeptAsHashes(t *testing.T) {
	w := voucherWorld(t)
	_, a := w.batch(t, NewVouchers{Label: "a", Amount: 1, Count: MaxVouchers})
	_, b := w.batch(t, NewVouchers{Label: "b", Amount: 1, Count: 100})
	all := slices.Concat(a, b)
	slices.Sort(all)
	if len(slices.Compact(all)) != MaxVouchers+100 {
		t.Error("a code is there twice")
	}
	var found int
	if err := w.s.r.QueryRow("SELECT count(*) FROM vouchers WHERE instr(code_hash, ?) OR instr(hex(code_hash), hex(?))", string(a[0]), string(a[0])).Scan(&found); err != nil || found > 0 {
		t.Errorf("%d codes are kept, %v", found, err)
	}
}

func TestVouchersThatCannotBe(t *testing.T) {
	w := voucherWorld(t)
	good := NewVouchers{Label: "ä", Amount: 1, Count: 1}
	for name, change := range map[string]func(*NewVouchers){
		"no label":             func(n *NewVouchers) { n.Label = "" },
		"a long label":         func(n *NewVouchers) { n.Label = strings.Repeat("x", MaxVoucherLabel+1) },
		"a label of two lines": func(n *NewVouchers) { n.Label = "a\nb" },
		"a broken label":       func(n *NewVouchers) { n.Label = "\xff" },
		"no value":             func(n *NewVouchers) { n.Amount = 0 },
		"a negative value":     func(n *NewVouchers) { n.Amount = -1 },
		"a value out of range": func(n *NewVouchers) { n.Amount = tokens.MaxAmount + 1 },
		"none":                 func(n *NewVouchers) { n.Count = 0 },
		"too many":             func(n *NewVouchers) { n.Count = MaxVouchers + 1 },
		"expired":              func(n *NewVouchers) { n.Expires = w.now },
	} {
		bad := good
		change(&bad)
		if _, _, err := w.s.AddVouchers(w.ctx, 0, bad); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.batch(t, good)
}

// What was taken back stays so, whatever a rail that was busy with it says afterwards.
func TestTakenBackWhileItIsSent(t *testing.T) {
	w := voucherWorld(t)
	out, err := w.debited(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.TakeBack(w.ctx, w.once(w.alice, "back"), out.Withdrawal.ID); err != nil {
		t.Fatal(err)
	}
	if sent, err := (vouchers{w.s}).Send(w.ctx, out.Withdrawal); !errors.Is(err, rail.ErrRefused) || sent.Code != "" {
		t.Errorf("a voucher was made all the same: %+v, %v", sent, err)
	}
	for _, late := range []onward{{to: rail.Sent, reference: "1"}, {to: rail.Confirmed}, {to: rail.Returned, why: "again"}} {
		if now, err := w.s.advance(w.ctx, out.Withdrawal.ID, late); err != nil || now.State != rail.Returned || now.Why != "taken back" {
			t.Errorf("late %s: %+v, %v", late.to, now, err)
		}
	}
	if err := w.has(w.alice, 100); err != nil {
		t.Error(err)
	}
}

// A withdrawal is a voucher that anybody can use, until it is taken back or an operator revokes it.
func TestWithdrawalByVoucher(t *testing.T) {
	w := voucherWorld(t)
	if err := w.fund(); err != nil {
		t.Fatal(err)
	}
	out := func(key string) Withdrawn {
		t.Helper()
		got, err := w.s.Withdraw(w.ctx, w.once(w.alice, key), WithdrawOrder{Rail: RailVoucher, Amount: 20})
		if err != nil || got.Withdrawal.State != rail.Sent || got.Code == "" || strings.Contains(fmt.Sprintf("%+v", got.Withdrawal), got.Code) {
			t.Fatalf("%+v, %v", got, err)
		}
		return got
	}
	used, back, revoked := out("1"), out("2"), out("3")
	if again, err := w.s.Withdraw(w.ctx, w.once(w.alice, "1"), WithdrawOrder{Rail: RailVoucher, Amount: 20}); err != nil || again.Code != "" || again.Withdrawal.ID != used.Withdrawal.ID {
		t.Errorf("a repeated request: %+v, %v", again, err)
	}
	if err := w.use(w.bob, "use", used.Code); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.TakeBack(w.ctx, w.once(w.alice, "b1"), used.Withdrawal.ID); !errors.Is(err, ErrGone) {
		t.Errorf("to take back what bob has: %v", err)
	}
	for range 2 { // the second is the same request
		if got, err := w.s.TakeBack(w.ctx, w.once(w.alice, "b2"), back.Withdrawal.ID); err != nil || got.Withdrawal.State != rail.Returned || got.Quote != 60 {
			t.Errorf("taken back: %+v, %v", got, err)
		}
	}
	if err := w.use(w.bob, "late", back.Code); reason(err) != rail.Revoked {
		t.Errorf("the code of what was taken back: %v", err)
	}
	if err := w.s.RevokeVoucher(w.ctx, 0, revoked.Code); err != nil {
		t.Fatal(err)
	}
	list, err := w.s.Withdrawals(w.ctx, w.alice, 10)
	if err != nil || len(list) != 3 || list[0].Why != "an operator revoked the voucher" || list[1].Why != "taken back" || list[2].State != rail.Confirmed {
		t.Errorf("%+v, %v", list, err)
	}
	if err := errors.Join(w.has(w.alice, 80), w.has(w.bob, 20)); err != nil {
		t.Error(err)
	}
	var answers string
	if err := w.s.r.QueryRow("SELECT group_concat(answer) FROM idempotency").Scan(&answers); err != nil || strings.Contains(answers, used.Code) {
		t.Errorf("a code is kept in an answer, %v", err)
	}
	verified(t, w.s, w.dir)
}
