// Package lock computes what members earn who lock tokens away for weeks (ECONOMY §11).
//
// A lock has a weight, by a power law of its time. Fees that came into the lockers' pool are shared
// over the weights of the locks that earn: an index grows by fees·10^18/Σ weights, and a lock is
// owed its weight times the growth since it began to earn or was last claimed. What is claimed is
// released over a time, by a power law again.
//
// It promises: what all locks are owed never exceeds what the pool holds; nothing that came in is
// lost (what does not divide, and fractions that a claim left behind, are shared at the next
// accrual); every rounding is against the member: splitting a lock gives the parts no more weight
// than the whole had, claiming in parts no more than claiming once, and who claims first changes
// nothing for the others but such fractions of a micro-token.
package lock

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/swarmstake/swarmstake/tokens"
)

// Power is a power law: the part of a whole counts (part/Whole)^Exponent. Whole and Exponent are
// above 0.
type Power struct{ Whole, Exponent int64 }

// Of returns floor(a·(part/Whole)^Exponent), nothing for a part below 0 and a for one beyond the
// whole. It never falls with the part or with a.
func (p Power) Of(a tokens.Amount, part int64) tokens.Amount {
	if part >= p.Whole {
		return a
	}
	if part <= 0 {
		return 0
	}
	exponent := big.NewInt(p.Exponent)
	x := new(big.Int).Exp(big.NewInt(part), exponent, nil)
	x.Mul(x, big.NewInt(int64(a)))
	x.Quo(x, exponent.Exp(big.NewInt(p.Whole), exponent, nil))
	return tokens.Amount(x.Int64())
}

// scale is how finely the index counts: 10^18 to a micro-token and unit of weight.
var scale = big.NewInt(1_000_000_000_000_000_000)

// Index is what one unit of weight has earned since the beginning, in 10^-18 utok. It only grows.
// The zero value is 0.
type Index struct{ n *big.Int }

// ParseIndex reads what String wrote.
func ParseIndex(s string) (Index, error) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.Sign() < 0 {
		return Index{}, fmt.Errorf("index %q: want a whole number of at least 0", s)
	}
	return Index{n}, nil
}

// String formats the index as a decimal whole number.
func (x Index) String() string { return x.big().String() }

func (x Index) big() *big.Int {
	if x.n == nil {
		return new(big.Int)
	}
	return x.n
}

// Share is what a lock earns, or several locks with the same indices, whose weights are added: the
// growth of the index from From on, up to To, or up to now while it is Earning.
type Share struct {
	Weight   tokens.Amount
	From, To Index
	Earning  bool
}

// exact returns what the share has earned in 10^-18 utok.
func (s Share) exact(now Index) *big.Int {
	to := s.To
	if s.Earning {
		to = now
	}
	grown := new(big.Int).Sub(to.big(), s.From.big())
	return grown.Mul(grown, big.NewInt(int64(s.Weight)))
}

// Owed returns what one lock is owed, rounded down.
func (s Share) Owed(now Index) tokens.Amount {
	x := s.exact(now)
	return tokens.Amount(x.Quo(x, scale).Int64())
}

// Accrued is what an accrual did.
type Accrued struct {
	Index    Index         // after it
	Weight   tokens.Amount // that earned
	Fees     tokens.Amount // that no lock had earned before, without a fraction that did not divide
	Unearned tokens.Amount // Fees if no lock earned them; they are no lock's ever
}

// ErrUncovered: the pool holds less than its locks are owed; nothing may be paid.
var ErrUncovered = errors.New("lock: the lockers' pool does not cover what its locks are owed")

// Accrue shares what the pool holds beyond what its locks are owed over those that earn. The shares
// are all locks that are owed anything or earn. Errors wrap ErrUncovered.
func Accrue(pool tokens.Amount, now Index, shares []Share) (Accrued, error) {
	free := new(big.Int).Mul(big.NewInt(int64(pool)), scale)
	out := Accrued{Index: now}
	for _, s := range shares {
		free.Sub(free, s.exact(now))
		if s.Earning {
			out.Weight += s.Weight
		}
	}
	if free.Sign() < 0 {
		return out, fmt.Errorf("%w: it holds %d utok", ErrUncovered, pool)
	}
	out.Fees = tokens.Amount(new(big.Int).Quo(free, scale).Int64())
	if out.Weight == 0 {
		out.Unearned = out.Fees
		return out, nil
	}
	growth := free.Quo(free, big.NewInt(int64(out.Weight)))
	out.Index = Index{growth.Add(growth, now.big())}
	return out, nil
}
