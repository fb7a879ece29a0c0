// Package rail says what a way for quote into and out of the members' accounts is (ECONOMY §8,
// "Rails"): the interface that adapters implement, the states of a withdrawal, and the form of
// voucher codes. The ledger's side of it, which credits, debits and remembers, is package store.
//
// Together they promise: a deposit is credited once, however often it is seen; a withdrawal is
// debited before it is sent, sent once, and ends confirmed or returned, however often the program
// is killed in between. One suite of tests in package store holds every adapter to its part.
package rail

import (
	"context"
	"errors"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Rail is an adapter to one way in and out. Its methods may be slow and may fail; none of them
// touches the ledger.
type Rail interface {
	// See tells what the evidence that a member shows is worth. Asked again about the same evidence
	// it answers the same: the answer's Reference is what makes the credit happen once.
	See(context.Context, Evidence) (Deposit, error)

	// Send sends out a withdrawal that is debited. It may be called again with the same ID, also at
	// the same time, when nobody knows whether it was sent before; it must send once. An error of
	// kind ErrRefused says that it was not and never will be sent; after any other it is called
	// again later.
	Send(context.Context, Withdrawal) (Shipment, error)

	// Outcome tells what became of a withdrawal that was sent: Sent while nothing is known,
	// Confirmed or Returned.
	Outcome(context.Context, Withdrawal) (State, error)
}

// Evidence is what a member shows for a deposit. Which fields count is the rail's affair.
type Evidence struct {
	Member bt.MemberID
	Key    string        // of the request, its own; plain ASCII
	Code   string        // such as a voucher's, or the number of a payment
	Amount tokens.Amount // quote micro-units
}

// Deposit is quote that came in over a rail.
type Deposit struct {
	Reference string        // by which the rail knows it: plain ASCII, at most MaxReference bytes
	Amount    tokens.Amount // quote micro-units
}

// MaxReference bounds references, which become parts of transfer ids.
const MaxReference = 100

// Shipment is what a rail says of a withdrawal that it sent.
type Shipment struct {
	Reference string // by which the rail knows it
	Code      string // shown to the member once, and kept nowhere; empty: none, or it was shown before
}

// Withdrawal is quote on its way out. It left the member's account when it was debited.
type Withdrawal struct {
	ID        int64
	Member    bt.MemberID
	Rail      string
	To        string        // where to, in the rail's own words
	Amount    tokens.Amount // quote micro-units
	State     State
	Reference string // from when it was sent
	Why       string // it was returned
	CreatedMs int64
	ChangedMs int64
}

// State is where a withdrawal stands.
type State string

// The states: Debited → Sent → Confirmed or Returned. Whoever knows the end may skip Sent.
const (
	Debited   State = "debited"   // taken from the member; whether it was sent is not known
	Sent      State = "sent"      // on its way
	Confirmed State = "confirmed" // arrived
	Returned  State = "returned"  // given back to the member
)

// Final reports whether nothing can happen any more.
func (s State) Final() bool { return s == Confirmed || s == Returned }

// Before reports whether a withdrawal may go from one state to the other.
func (s State) Before(next State) bool {
	switch next {
	case Sent:
		return s == Debited
	case Confirmed, Returned:
		return !s.Final()
	}
	return false
}

var (
	// ErrRefused: the rail does not send this withdrawal, now or later.
	ErrRefused = errors.New("the withdrawal is refused")
	// ErrUnknown: there is no rail of this name here.
	ErrUnknown = errors.New("no such way to pay here")
)
