package swarm

import (
	"math"
	"sync"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Wallet is what the announce path knows of one member's funds: the ledger's balances as last
// committed, less charges that are not flushed yet, less reservations. There is one per member,
// for as long as the server runs; it may be used by many torrents at once.
type Wallet struct {
	mu        sync.Mutex
	available tokens.Amount
	staked    tokens.Amount
	pending   tokens.Amount // charged by the meter, not yet in the ledger
	reserved  tokens.Amount // sum over the member's downloads
	free      freeFunds
}

// freeFunds are the same figures of the free allowance.
type freeFunds struct{ balance, pending, reserved bt.Bytes }

// left is what no other download but one that holds held has claimed.
func (f freeFunds) left(held bt.Bytes) bt.Bytes {
	return max(0, f.balance-f.pending-(f.reserved-held))
}

// Funds is a consistent view of a wallet.
type Funds struct {
	Available, Staked, Pending, Reserved tokens.Amount
	Allowance                            bt.Bytes // free bytes that nothing claims yet
}

// Hold is what a download has reserved.
type Hold struct {
	Tokens amount
	Free   bt.Bytes // of the allowance
}

// Free is what nothing claims yet; never below 0.
func (f Funds) Free() tokens.Amount { return max(0, f.Available-f.Pending-f.Reserved) }

// Set takes balances that a commit other than a flush changed (deposit, stake, sale).
func (w *Wallet) Set(available, staked tokens.Amount) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.available, w.staked = available, staked
}

// Flushed says that a flush moved charged of this member's pending charges into the ledger, and
// what the balances are since.
func (w *Wallet) Flushed(charged, available, staked tokens.Amount) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = max(0, w.pending-charged)
	w.available, w.staked = available, staked
}

// SetAllowance takes the balance of the free allowance, of which used was pending until now.
func (w *Wallet) SetAllowance(used, balance bt.Bytes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free.pending = max(0, w.free.pending-used)
	w.free.balance = balance
}

// Funds returns all figures at one moment.
func (w *Wallet) Funds() Funds {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Funds{w.available, w.staked, w.pending, w.reserved, w.free.left(0)}
}

// Free is Funds().Free().
func (w *Wallet) Free() tokens.Amount { return w.Funds().Free() }

// Reserve changes one download's hold from old to what the bytes to come need: the allowance first,
// and for what it does not cover cost of the paid bytes, if the funds allow it: available − pending
// − other reservations ≥ cost (ECONOMY §4). Shrinking always succeeds. A nil cost says that the
// member may not pay: the allowance covers all, or nothing is held. It returns the new hold, which
// is the old one if the funds do not suffice, and what is free for this one, so that a refusal can
// say what is missing.
func (w *Wallet) Reserve(old Hold, bytes bt.Bytes, cost func(paid bt.Bytes) amount) (hold, free Hold, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	free = Hold{max(0, w.available-w.pending-(w.reserved-old.Tokens)), w.free.left(old.Free)}
	hold.Free = min(bytes, free.Free)
	switch paid := bytes - hold.Free; {
	case paid > 0 && cost == nil:
		return old, free, false
	case paid > 0:
		hold.Tokens = cost(paid)
	}
	if hold.Tokens > old.Tokens && hold.Tokens > free.Tokens {
		return old, free, false
	}
	w.reserved += hold.Tokens - old.Tokens
	w.free.reserved += hold.Free - old.Free
	return hold, free, true
}

// covers reports whether the allowance has so many bytes for a download that holds held of it.
func (w *Wallet) covers(held, bytes bt.Bytes) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.free.left(held) >= bytes
}

// drawFree books how many of n bytes the allowance covers, the download's part of it first, which
// the next flush will carry.
func (w *Wallet) drawFree(d *download, n bt.Bytes) (free bt.Bytes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.free.balance == 0 && d.held.Free == 0 {
		return 0
	}
	held := min(n, d.held.Free)
	free = min(n, held+w.free.left(0))
	d.held.Free -= held
	w.free.reserved -= held
	w.free.pending += free
	return free
}

// draw books a charge that the next flush will carry and takes it out of the download's
// reservation as far as that goes.
func (w *Wallet) draw(d *download, amount tokens.Amount) {
	held := min(amount, d.held.Tokens)
	d.held.Tokens -= held
	w.charge(amount, held)
}

// charge books a charge that the next flush will carry and takes it out of the reservation.
func (w *Wallet) charge(amount, fromReserved tokens.Amount) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending += amount
	w.reserved -= fromReserved
}

// use books bytes of the allowance that the next flush will carry.
func (w *Wallet) use(n bt.Bytes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free.pending += n
}

// hold adds a reservation that was granted before (boot), without asking.
func (w *Wallet) hold(h Hold) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reserved += h.Tokens
	w.free.reserved += h.Free
}

// Earmark keeps downloads from reserving tokens of a member that a request is about to take from
// what is available, until release is called after the request's commit. More than there is cannot
// be taken, so no more than that is kept.
func (s *Swarms) Earmark(m bt.MemberID, amount tokens.Amount) (release func()) {
	w := s.wallets(m)
	if w == nil {
		return func() {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	held := Hold{Tokens: max(0, min(amount, w.available, math.MaxInt64/2-w.reserved))}
	w.reserved += held.Tokens
	return func() { w.release(held) }
}

// release takes a reservation away.
func (w *Wallet) release(h Hold) { w.hold(Hold{-h.Tokens, -h.Free}) }
