package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/stake"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const unit = tokens.Unit

// teller makes a member's requests, each under a key of its own.
type teller struct {
	*Store
	t    *testing.T
	keys int
}

func (c *teller) once(m bt.MemberID) Once {
	c.keys++
	return Once{Member: m, Key: fmt.Sprint(c.keys)}
}

func (c *teller) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *teller) stake(m bt.MemberID, a tokens.Amount) Moved {
	c.t.Helper()
	out, err := c.Stake(c.t.Context(), c.once(m), a)
	c.must(err)
	return out
}

func (c *teller) unstake(m bt.MemberID, a tokens.Amount) Unstaked {
	c.t.Helper()
	out, err := c.Unstake(c.t.Context(), c.once(m), a)
	c.must(err)
	return out
}

func (c *teller) wallet(m bt.MemberID) Wallet {
	c.t.Helper()
	w, err := c.Wallet(c.t.Context(), m)
	c.must(err)
	return w
}

func (c *teller) join(name string, have tokens.Amount) bt.MemberID {
	c.t.Helper()
	g, err := c.AddMember(c.t.Context(), Grant{NewMember: NewMember{Name: name}, Tokens: have})
	c.must(err)
	return g.Member.ID
}

// TestJoiningRestoringAndLeaving: one fee a joining; a charge below the gate can be made good
// without one; unstaking below it is leaving.
func TestJoiningRestoringAndLeaving(t *testing.T) {
	dir := t.TempDir()
	now := time.UnixMilli(1e12)
	c := &teller{Store: open(t, dir, Options{Now: func() time.Time { return now }}), t: t}
	m := c.join("alice", 200*unit)
	fees := func(want int) {
		t.Helper()
		if got, _ := c.Balance(t.Context(), tokens.Token, tokens.PoolLockers); got != tokens.Amount(want)*5*unit {
			t.Errorf("%s of fees, want %d", got, want)
		}
	}
	gate := func(price, staked, unbonding tokens.Amount, tier stake.Tier) {
		t.Helper()
		if w := c.wallet(m); w.GatePrice != price || w.Staked != staked || w.Unbonding != unbonding || w.Tier != tier {
			t.Errorf("%+v; want a gate of %s, %s staked, %s unbonding, %s", w, price, staked, unbonding, tier)
		}
	}
	c.stake(m, 20*unit)
	gate(0, 20*unit, 0, stake.Guest)
	fees(0)
	if u := c.unstake(m, unit); u.Left {
		t.Error("a guest left")
	}
	c.stake(m, 31*unit)
	gate(50*unit, 50*unit, unit, stake.Member)
	fees(1)
	if a, err := c.Member(t.Context(), m); err != nil || !a.Verified {
		t.Errorf("above the gate and not verified: %+v %v", a, err)
	}

	charge := tokens.Transfer{ID: "c", Asset: tokens.Token, From: tokens.Staked(m), To: tokens.Pot(1), Amount: 10 * unit, Code: tokens.CodeCharge}
	c.must(c.Post(t.Context(), charge))
	gate(50*unit, 40*unit, unit, stake.Guest)
	dear := *c.inForce.Load()
	dear.Gate = 80 * unit
	c.SetEconomy(dear)
	c.stake(m, 10*unit)
	gate(50*unit, 50*unit, unit, stake.Member)
	fees(1)
	c.stake(m, 5*unit)
	if u := c.unstake(m, 5*unit); u.Left || u.Staked != 50*unit || u.Entry.DueMs != now.Add(7*24*time.Hour).UnixMilli() || len(u.Transfers) != 1 {
		t.Errorf("%+v", u)
	}
	if u := c.unstake(m, 1); !u.Left {
		t.Error("unstaking below the gate is leaving, and was not said")
	}
	gate(0, 50*unit-1, 6*unit+1, stake.Guest)
	c.stake(m, 30*unit+1)
	gate(80*unit, 80*unit, 6*unit+1, stake.Member)
	fees(2)
	c.unstake(m, 80*unit)
	c.stake(m, 80*unit)
	fees(3)
	for n, id := range []string{fmt.Sprintf("join/%d", m), fmt.Sprintf("join/%d/2", m), fmt.Sprintf("join/%d/3", m)} {
		var have int
		c.must(c.r.QueryRow("SELECT count(*) FROM transfers WHERE id = ?", id).Scan(&have))
		if have != 1 {
			t.Errorf("joining %d has no transfer %s", n+1, id)
		}
	}
	verified(t, c.Store, dir)
}

// TestUnbondingMatures: entries are paid out when due, each once, and listed.
func TestUnbondingMatures(t *testing.T) {
	dir := t.TempDir()
	now := time.UnixMilli(1e12)
	c := &teller{Store: open(t, dir, Options{Now: func() time.Time { return now }}), t: t}
	m := c.join("alice", 100*unit)
	c.stake(m, 90*unit)
	short := *c.inForce.Load()
	short.UnbondingTime = time.Hour // shorter than the appeal window: it does not count
	c.SetEconomy(short)
	for i := range 3 {
		now = time.UnixMilli(1e12).Add(time.Duration(i) * time.Hour)
		c.unstake(m, tokens.Amount(i+1)*unit)
	}
	now = time.UnixMilli(1e12).Add(7*24*time.Hour + time.Hour)
	for range 2 {
		c.must(c.Mature(t.Context()))
		if w := c.wallet(m); w.Available != 8*unit || w.Unbonding != 3*unit {
			t.Fatalf("%s available, %s unbonding", w.Available, w.Unbonding)
		}
	}
	list, err := c.Unbondings(t.Context(), m, 10)
	if err != nil || len(list) != 3 || list[0].Left != 3*unit || list[0].DoneMs != 0 || list[1].DoneMs != now.UnixMilli() || list[1].Left != 0 || list[1].Amount != 2*unit {
		t.Errorf("%+v %v", list, err)
	}
	now = now.Add(time.Hour)
	c.must(c.Mature(t.Context()))
	if w := c.wallet(m); w.Available != 11*unit || w.Unbonding != 0 {
		t.Errorf("%s available, %s unbonding", w.Available, w.Unbonding)
	}
	verified(t, c.Store, dir)
}

func TestUnstakingIsBounded(t *testing.T) {
	c := &teller{Store: open(t, t.TempDir(), Options{}), t: t}
	m := c.join("alice", 1000*unit)
	c.stake(m, 200*unit)
	for range maxUnbondings {
		c.unstake(m, unit)
	}
	if _, err := c.Unstake(t.Context(), c.once(m), unit); !errors.Is(err, ErrTooMany) {
		t.Errorf("one request too many: %v", err)
	}
	for _, a := range []tokens.Amount{0, -1, -1 << 63} {
		if _, err := c.Unstake(t.Context(), c.once(m), a); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("%d: %v", a, err)
		}
	}
	// The answer to a request is kept for a while; its transfer for ever.
	o := c.once(m)
	_, err := c.Stake(t.Context(), o, unit)
	c.must(err)
	c.must(c.write(t.Context(), func(t *tx) error { return t.exec("DELETE FROM idempotency") }))
	if _, err := c.Stake(t.Context(), o, unit); !errors.Is(err, ErrIdemReuse) {
		t.Errorf("an old key: %v", err)
	}
}

// TestSurgeGate: the price rises with the seats, is fixed for who joins, and the last seats stay
// empty.
func TestSurgeGate(t *testing.T) {
	eco := DefaultEconomy()
	eco.Route, eco.Seats = RouteGate, 20
	c := &teller{Store: open(t, t.TempDir(), Options{Economy: eco}), t: t}
	state := func(members int64, price tokens.Amount, full bool) {
		t.Helper()
		want := Gate{Route: RouteGate, Price: price, JoinFee: 5 * unit, Members: members, Seats: 20, Full: full}
		if got, err := c.GateState(t.Context()); err != nil || got != want {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
	state(0, 50*unit, false)
	var last bt.MemberID
	for i := range 19 {
		last = c.join(fmt.Sprintf("m%d", i), 2000*unit)
		c.stake(last, 500*unit)
	}
	state(19, 500*unit, true)
	if w := c.wallet(last); w.GatePrice != 250*unit { // r = 18/20
		t.Errorf("the last seat cost %s", w.GatePrice)
	}
	late := c.join("late", 2000*unit)
	if _, err := c.Stake(t.Context(), c.once(late), 500*unit); !errors.Is(err, stake.ErrFull) {
		t.Errorf("no seat: %v", err)
	}
	c.stake(late, 499*unit) // no gate is reached: a host may put up collateral
	if u := c.unstake(last, 251*unit); !u.Left {
		t.Error("did not leave")
	}
	state(18, 250*unit, false)
	c.stake(late, 1)
	if w := c.wallet(late); w.GatePrice != 250*unit {
		t.Errorf("joined at %s", w.GatePrice)
	}
	if _, err := c.AddMember(t.Context(), Grant{NewMember: NewMember{Name: "friend"}, Stake: 500 * unit}); !errors.Is(err, stake.ErrFull) {
		t.Errorf("granted a stake without a seat: %v", err)
	}
}

// TestUnpledgeLeavesWhatClaimsNeed: collateral that live claims need stays, so that it is there
// when an audit fails.
func TestUnpledgeLeavesWhatClaimsNeed(t *testing.T) {
	w := newWorld(t)
	c := &teller{Store: w.Store, t: t}
	n, other := w.node(3, 0), w.node(1, 0)
	c.stake(3, 60*unit)
	_, err := w.Pledge(t.Context(), c.once(3), n, 10*unit)
	w.must(err)
	w.claim(3, n, 1)
	w.claim(3, n, 2)
	var funds *FundsError
	if _, err := w.Unpledge(t.Context(), c.once(3), n, 8*unit+1); !errors.As(err, &funds) || funds.Have != 8*unit || funds.Claims != 2*unit {
		t.Errorf("unpledged what two claims of 1 GiB need: %v", err)
	}
	if _, err := w.Unstake(t.Context(), c.once(3), 50*unit+1); !errors.As(err, &funds) || funds.Have != 50*unit || funds.Pledged != 10*unit {
		t.Errorf("unstaked collateral: %v", err)
	}
	for _, foreign := range []bt.NodeID{other, 99} {
		if _, err := w.Unpledge(t.Context(), c.once(3), foreign, 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("node %d: %v", foreign, err)
		}
	}
	moved, err := w.Unpledge(t.Context(), c.once(3), n, 8*unit)
	if err != nil || moved.Staked != 60*unit {
		t.Errorf("%+v %v", moved, err)
	}
	w.report(n, 1)
	_, err = w.Unpledge(t.Context(), c.once(3), n, unit)
	w.must(err)
	w.want(tokens.Collateral(n), unit)
	w.want(tokens.Staked(3), 59*unit)
	verified(t, w.Store, w.dir)
}

// TestUnstakingBeforeASlashSavesNothing (SECURITY, money 9): a node that sees its faults coming
// unpledges and unstakes what it can. It loses what one loses that stays, and its owner joins
// under a new name for a gate and a fee, while the old stake is out of reach.
func TestUnstakingBeforeASlashSavesNothing(t *testing.T) {
	run := func(flees bool) (lost tokens.Amount) {
		w := newWorld(t)
		c := &teller{Store: w.Store, t: t}
		n := w.node(3, 0)
		c.stake(3, 60*unit)
		_, err := w.Pledge(t.Context(), c.once(3), n, unit)
		w.must(err)
		claim := w.claim(3, n, 1)
		if flees {
			if _, err := w.Unpledge(t.Context(), c.once(3), n, 1); !errors.Is(err, tokens.ErrFunds) {
				t.Errorf("unpledged: %v", err)
			}
			c.unstake(3, 59*unit)
		}
		w.now.Add(w.economy().AppealWindow.Milliseconds() - 1) // the latest that a fault of then can be confirmed at
		w.must(w.Mature(t.Context()))
		for range 2 {
			w.audit(claim.Claim, availability.EntryKind, availability.Missing)
			lost += w.audit(claim.Claim, availability.RecheckKind, availability.Missing).Slashed
		}
		// And beyond the collateral, as far as the stake reaches.
		lost += w.slashed(n, 3, 100*unit)
		w.want(tokens.Staked(3), 0)
		w.want(tokens.Unbonding(3), 0)
		return lost
	}
	stays, flees := run(false), run(true)
	if stays != 60*unit || flees != stays {
		t.Errorf("who stays loses %s, who flees %s", stays, flees)
	}
}

// slashed takes a penalty of a node, as an audit would.
func (w *world) slashed(n bt.NodeID, m bt.MemberID, amount tokens.Amount) (taken tokens.Amount) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(t *tx) error {
		c, err := t.claim("node = ?", n)
		if err != nil {
			return err
		}
		audit, err := t.saveAudit(judgement(c.ID, availability.DrawnKind, availability.Missing), availability.Missing, 0)
		if err != nil {
			return err
		}
		taken, err = t.slash(c.Claim, audit, amount)
		return err
	}))
	return taken
}

// TestSlashIsReturnedOnAppeal: to where it came from, once, within the window, with a reason.
func TestSlashIsReturnedOnAppeal(t *testing.T) {
	w := newWorld(t)
	c := &teller{Store: w.Store, t: t}
	n := w.node(3, 2*unit)
	w.claim(3, n, 1)
	w.must(w.Post(t.Context(), grant("r", tokens.Retained(n), 3*unit)))
	c.stake(3, 60*unit)
	c.unstake(3, 4*unit)
	w.now.Add(time.Hour.Milliseconds())
	c.unstake(3, 6*unit)
	before := w.balances()
	if got := w.slashed(n, 3, 63*unit); got != 63*unit {
		t.Fatalf("took %s", got)
	}
	if left, err := w.Unbondings(t.Context(), 3, 9); err != nil || left[0].Left != 2*unit || left[1].Left != 0 {
		t.Errorf("after the slash: %+v %v: the entry due first goes first", left, err)
	}
	if v := c.wallet(3); v.Tier != stake.Host || v.GatePrice != 50*unit || v.Held != 63*unit {
		t.Errorf("%+v", v)
	}
	for reason, want := range map[string]error{"": ErrReason, "  ": ErrReason, string(make([]byte, maxReason+1)): ErrReason} {
		if _, err := w.ReturnSlash(t.Context(), 4, 1, reason); !errors.Is(err, want) {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	if _, err := w.ReturnSlash(t.Context(), 4, 9, "r"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such slash: %v", err)
	}
	slashed := w.now.Load()
	w.now.Add(time.Hour.Milliseconds())
	for range 2 {
		if got, err := w.ReturnSlash(t.Context(), 4, 1, "our disk, not theirs"); err != nil || got != 63*unit {
			t.Fatalf("returned %s, %v", got, err)
		}
	}
	if back, err := w.Unbondings(t.Context(), 3, 9); err != nil || back[0].Left != 8*unit || back[0].DueMs != slashed+w.economy().UnbondingTime.Milliseconds() {
		t.Errorf("after the return: %+v %v", back, err)
	}
	after := w.balances()
	for name, a := range before {
		if after[name] != a {
			t.Errorf("%s holds %d, before the slash %d", name, after[name], a)
		}
	}
	if log, err := w.OperatorLog(t.Context(), 9); err != nil || log[0].Detail != "1, 63: our disk, not theirs" || log[1].Action == log[0].Action {
		t.Errorf("logged %+v %v", log, err)
	}
	list, err := w.Slashes(t.Context(), 3, 9)
	if err != nil || len(list) != 1 || list[0].Amount != 63*unit || list[0].ReturnedMs == 0 {
		t.Errorf("%+v %v", list, err)
	}
	if st, err := w.NodeStanding(t.Context(), w.rules.Availability, n); err != nil || st.Slashed != 0 {
		t.Errorf("a returned slash still counts: %+v %v", st, err)
	}
	if v := c.wallet(3); v.GatePrice != 50*unit || v.Staked != 52*unit {
		t.Errorf("%+v", v)
	}
	w.now.Add(w.economy().AppealWindow.Milliseconds())
	w.must(w.CloseSlashes(t.Context()))
	w.must(w.Mature(t.Context()))
	w.want(tokens.Unbonding(3), 0)
	w.want(tokens.Burned, 0)

	w.slashed(n, 3, unit)
	w.now.Add(w.economy().AppealWindow.Milliseconds())
	if _, err := w.ReturnSlash(t.Context(), 4, 2, "too late"); !errors.Is(err, ErrAppeal) {
		t.Errorf("after the window: %v", err)
	}
	verified(t, w.Store, w.dir)
}

// TestRetainedIsReleased: what claims need stays, what they do not goes to unbonding once an epoch.
func TestRetainedIsReleased(t *testing.T) {
	w := newWorld(t)
	release := func(epoch int64, n bt.NodeID, retained, unbonding tokens.Amount) {
		t.Helper()
		w.must(w.write(t.Context(), func(t *tx) error { return t.releaseRetained(epoch, unit) }))
		w.want(tokens.Retained(n), retained)
		w.want(tokens.Unbonding(3), unbonding)
	}
	n := w.node(3, unit/2)
	w.node(3, 0) // retained nothing ever
	w.claim(3, n, 1)
	w.claim(3, n, 2)
	w.must(w.Post(t.Context(), grant("r", tokens.Retained(n), unit)))
	release(1, n, unit, 0)
	w.must(w.Post(t.Context(), grant("r2", tokens.Retained(n), unit)))
	release(2, n, 3*unit/2, unit/2)
	w.report(n, 1)
	release(3, n, unit/2, 3*unit/2)
	release(4, n, unit/2, 3*unit/2)
	w.report(n)
	release(5, n, 0, 2*unit)
	w.want(tokens.Collateral(n), unit/2) // pledged, not earned: its owner takes it back
	list, err := w.Unbondings(t.Context(), 3, 9)
	if err != nil || len(list) != 3 || list[2].Transfer != fmt.Sprintf("release/2/%d", n) || list[2].DueMs != w.now.Load()+w.economy().UnbondingTime.Milliseconds() {
		t.Errorf("%+v %v", list, err)
	}
	verified(t, w.Store, w.dir)
}

// TestWalletFigures: every balance in its place, in the statement too.
func TestWalletFigures(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 2*unit)
	w.must(w.Post(t.Context(), grant("p", tokens.Probation(3), 7), grant("r", tokens.Retained(n), 5),
		tokens.Transfer{ID: "b", Asset: tokens.Byte, From: tokens.Issuance, To: tokens.Allowance(3), Amount: 9, Code: tokens.CodeAllowance}))
	locked, err := w.Lock(t.Context(), Once{Member: 3, Key: "l"}, 11*unit, 52)
	w.must(err)
	w.must(w.write(t.Context(), func(t *tx) error {
		_, err := t.insert("INSERT INTO vestings (id, member, lock, amount_utok, at_ms, length_ms, exponent) VALUES (7, 3, ?, 13, 0, 1, 1)", locked.Lock)
		return err
	}))
	w.must(w.Post(t.Context(), grant("v", tokens.Vesting(7), 13)))
	got, err := w.Wallet(t.Context(), 3)
	if err != nil || got.Locked != 11*unit || got.Vesting != 13 || got.Held != 12 || got.Probation != 7 || got.Allowance != 9 || got.Staked != 2*unit || got.Free != 0 || got.Tier != stake.Host {
		t.Errorf("%+v %v", got, err)
	}
	lines, _, err := w.Statement(t.Context(), 3, tokens.Byte, 0, 9)
	if err != nil || len(lines) != 1 || lines[0].Balance != InAllowance || lines[0].Amount != 9 {
		t.Errorf("%+v %v", lines, err)
	}
	if lines, _, err := w.Statement(t.Context(), 3, tokens.Token, 0, 99); err != nil || lines[0].Balance != InVesting || lines[1].Balance != InAvailable || lines[2].Balance != InLocked || lines[4].Balance != InHeld || lines[4].Amount != 7 {
		t.Errorf("%+v %v", lines, err)
	}
}
