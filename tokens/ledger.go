package tokens

import (
	"fmt"
	"math"
	"math/big"
	"slices"
)

// Ledger is the reference ledger: all of ECONOMY §1 in memory, with nothing but the rules. Property
// tests run it beside the SQLite ledger; it is not safe for concurrent use.
type Ledger struct {
	balances map[balance]Amount
	position map[string]int // transfer id → index in log
	log      []Transfer
	head     Head
	buf      []byte
}

type balance struct {
	asset   Asset
	account Account
}

// NewLedger returns an empty ledger, whose head is all zeros.
func NewLedger() *Ledger {
	return &Ledger{balances: map[balance]Amount{}, position: map[string]int{}}
}

// Post applies a batch in order, all of it or nothing. A transfer whose id is known with the same
// contents is a no-op, also within one batch. Every transfer must be covered at its turn: a later
// one of the same batch cannot repair an overdraft.
//
// Errors wrap ErrInvalid (malformed, or a balance would leave the range of int64), ErrConflict or
// ErrFunds.
func (l *Ledger) Post(batch []Transfer) error {
	s := staged{ledger: l, balances: map[balance]Amount{}, position: map[string]int{}}
	for _, t := range batch {
		if err := s.add(t); err != nil {
			return err
		}
	}
	s.commit()
	return nil
}

// Balance returns what the account holds of the asset; 0 for an account never used.
func (l *Ledger) Balance(asset Asset, account Account) Amount {
	return l.balances[balance{asset, account}]
}

// Imbalance returns the sum of all balances of the asset, which is 0 in every ledger that is
// intact.
func (l *Ledger) Imbalance(asset Asset) (sum Amount) {
	// Partial sums may wrap, in whichever order the map gives; modulo 2^64 the total is right.
	for k, v := range l.balances {
		if k.asset == asset {
			sum += v
		}
	}
	return sum
}

// Supply returns the tokens in being: issued and not burned (ECONOMY §1).
func (l *Ledger) Supply() Amount {
	return -l.Balance(Token, Issuance) - l.Balance(Token, Burned)
}

// Head returns the state of the hash chain after the last transfer.
func (l *Ledger) Head() Head { return l.head }

// Transfers returns a copy of everything posted, in order, each transfer once.
func (l *Ledger) Transfers() []Transfer { return slices.Clone(l.log) }

// staged is a batch on trial: what it would change, laid over a ledger that it does not touch.
type staged struct {
	ledger   *Ledger
	balances map[balance]Amount
	position map[string]int
	log      []Transfer
}

func (s *staged) add(t Transfer) error {
	if err := t.Check(); err != nil {
		return err
	}
	if known, ok := s.known(t.ID); ok {
		if !known.Same(t) {
			return fmt.Errorf("post %s: %w", t.ID, ErrConflict)
		}
		return nil
	}
	if err := s.move(t); err != nil {
		return fmt.Errorf("post %s: %w", t.ID, err)
	}
	s.position[t.ID] = len(s.log)
	s.log = append(s.log, t)
	return nil
}

func (s *staged) known(id string) (Transfer, bool) {
	if i, ok := s.position[id]; ok {
		return s.log[i], true
	}
	if i, ok := s.ledger.position[id]; ok {
		return s.ledger.log[i], true
	}
	return Transfer{}, false
}

func (s *staged) move(t Transfer) error {
	from, to := balance{t.Asset, t.From}, balance{t.Asset, t.To}
	has, gets := s.balance(from), s.balance(to)
	if !t.From.MayOverdraw() && has < t.Amount {
		return fmt.Errorf("%w: %s has %s, needs %s", ErrFunds, t.From, has, t.Amount)
	}
	// -MaxInt64, not MinInt64: a balance can always be negated, as Supply does.
	if has < -math.MaxInt64+t.Amount || gets > math.MaxInt64-t.Amount {
		return fmt.Errorf("%w: moving %s from %s to %s overflows a balance", ErrInvalid, t.Amount, t.From, t.To)
	}
	s.balances[from], s.balances[to] = has-t.Amount, gets+t.Amount
	return nil
}

func (s *staged) balance(k balance) Amount {
	if v, ok := s.balances[k]; ok {
		return v
	}
	return s.ledger.balances[k]
}

func (s *staged) commit() {
	l := s.ledger
	for k, v := range s.balances {
		l.balances[k] = v
	}
	for _, t := range s.log {
		l.position[t.ID] = len(l.log)
		l.log = append(l.log, t)
		l.head, l.buf = l.head.Next(t, l.buf)
	}
}

// Split shares total in proportion to weights by largest remainder: each part is the exact share
// rounded down or up, equal remainders favour the lower index, and the parts sum to total. A
// caller that must not depend on the order of its input sorts it first. Weights may be any
// non-negative int64, their sum may be larger than one.
//
// It panics, as MulDiv does, if total or a weight is negative, or if there is something to share
// and no weight to share it by.
func Split[W ~int64](total Amount, weights []W) []Amount {
	sum := new(big.Int)
	for _, w := range weights {
		if w < 0 {
			panic(fmt.Sprintf("tokens: Split: negative weight %d", w))
		}
		sum.Add(sum, big.NewInt(int64(w)))
	}
	if total < 0 || total > 0 && sum.Sign() == 0 {
		panic(fmt.Sprintf("tokens: Split(%d) over a weight of %s", total, sum))
	}
	parts := make([]Amount, len(weights))
	if total == 0 {
		return parts
	}
	rest, remainders := total, make([]*big.Int, len(weights))
	for i, w := range weights {
		share := new(big.Int).Mul(big.NewInt(int64(total)), big.NewInt(int64(w)))
		share, remainders[i] = share.QuoRem(share, sum, new(big.Int))
		parts[i] = Amount(share.Int64())
		rest -= parts[i]
	}
	for _, i := range byRemainder(remainders)[:rest] {
		parts[i]++
	}
	return parts
}

// byRemainder lists the indices, largest remainder first, ties by index.
func byRemainder(remainders []*big.Int) []int {
	order := make([]int, len(remainders))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return remainders[b].Cmp(remainders[a]) })
	return order
}
