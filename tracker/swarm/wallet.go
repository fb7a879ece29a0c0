package swarm

import (
	"sync"

	"github.com/swarmstake/swarmstake/tokens"
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
}

// Funds is a consistent view of a wallet.
type Funds struct {
	Available, Staked, Pending, Reserved tokens.Amount
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

// Funds returns all figures at one moment.
func (w *Wallet) Funds() Funds {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Funds{w.available, w.staked, w.pending, w.reserved}
}

// Free is Funds().Free().
func (w *Wallet) Free() tokens.Amount { return w.Funds().Free() }

// Replace changes one reservation from old to want if the funds allow it: available − pending −
// other reservations ≥ want (ECONOMY §4). Shrinking always succeeds. It returns what is free for
// this reservation, so that a refusal can say what is missing.
func (w *Wallet) Replace(old, want tokens.Amount) (free tokens.Amount, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	free = max(0, w.available-w.pending-(w.reserved-old))
	if want > old && want > free {
		return free, false
	}
	w.reserved += want - old
	return free, true
}

// draw books a charge that the next flush will carry and takes it out of the download's
// reservation as far as that goes.
func (w *Wallet) draw(d *download, amount tokens.Amount) {
	held := min(amount, d.reserved)
	d.reserved -= held
	w.charge(amount, held)
}

// charge books a charge that the next flush will carry and takes it out of the reservation.
func (w *Wallet) charge(amount, fromReserved tokens.Amount) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending += amount
	w.reserved -= fromReserved
}

// hold adds a reservation that was granted before (boot), or takes one away, without asking.
func (w *Wallet) hold(amount tokens.Amount) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reserved += amount
}
