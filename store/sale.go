package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/sale"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The facts in which the sale keeps its state: net tokens sold, and the number of the last sale.
const (
	factSold   = "sale_sold_utok"
	factSerial = "sale_serial"
)

// SalePrice is what an amount of tokens would cost now.
type SalePrice struct {
	Tokens tokens.Amount
	Cost   tokens.Amount // quote micro-units
	Err    error         // why it cannot be bought
}

// SaleState is where the sale curve stands. Prices are quote micro-units per whole token.
type SaleState struct {
	Sold     tokens.Amount
	Limit    tokens.Amount
	Marginal tokens.Amount
	Reserve  tokens.Amount // quote locked so far
	Serial   int64
	Prices   []SalePrice // in the order asked
}

// Order asks for tokens off the curve, for at most MaxCost quote micro-units.
type Order struct {
	Tokens  tokens.Amount
	MaxCost tokens.Amount
}

// Bought is the answer to an Order.
type Bought struct {
	Moved
	Serial int64
	Tokens tokens.Amount
	Cost   tokens.Amount
}

func (s *Store) curve() sale.Curve {
	return sale.Curve{Price: s.opt.Economy.SalePrice, Limit: s.opt.Economy.SaleLimit}
}

// Sale tells where the curve stands and what the given amounts would cost.
func (s *Store) Sale(ctx context.Context, amounts ...tokens.Amount) (SaleState, error) {
	st := SaleState{Limit: s.opt.Economy.SaleLimit}
	err := s.read(ctx, func(r *reader) error {
		err := r.QueryRowContext(ctx, `SELECT coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE name = ?), 0),
			coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE name = ?), 0) FROM facts`, factSold, factSerial).Scan(&st.Sold, &st.Serial)
		if err != nil {
			return err
		}
		st.Reserve, err = r.balance(tokens.Quote, tokens.Reserve)
		return err
	})
	if err != nil {
		return st, fmt.Errorf("read the sale: %w", err)
	}
	c := s.curve()
	st.Marginal = c.MarginalPrice(st.Sold)
	for _, a := range amounts {
		p := SalePrice{Tokens: a}
		p.Cost, p.Err = c.CostOf(st.Sold, a)
		st.Prices = append(st.Prices, p)
	}
	return st, nil
}

// Buy takes tokens off the curve: quote goes from the member to the reserve, tokens come from
// issuance. The price is that of the moment of the transaction; above order.MaxCost nothing happens.
func (s *Store) Buy(ctx context.Context, o Once, order Order) (Bought, error) {
	var out Bought
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.buy(o.Member, order)
			return err
		})
	})
	return out, err
}

func (t *tx) buy(m bt.MemberID, o Order) (Bought, error) {
	sold, err := t.factInt(factSold)
	if err != nil {
		return Bought{}, err
	}
	serial, err := t.factInt(factSerial)
	if err != nil {
		return Bought{}, err
	}
	serial++
	_, cost, err := t.store.curve().Exchange(tokens.Amount(sold), o.Tokens, o.Tokens, o.MaxCost)
	if err != nil {
		return Bought{}, err
	}
	if have, err := t.balance(tokens.Quote, tokens.Available(m)); err != nil || have < cost {
		return Bought{}, errors.Join(err, &FundsError{Asset: tokens.Quote, Need: cost, Have: have})
	}
	ref := fmt.Sprintf("sale/%d", serial)
	moved, err := t.moved(m,
		tokens.Transfer{ID: fmt.Sprintf("buy/%d/pay", serial), Asset: tokens.Quote, From: tokens.Available(m), To: tokens.Reserve,
			Amount: cost, Code: tokens.CodeBuy, Ref: ref},
		tokens.Transfer{ID: fmt.Sprintf("buy/%d/mint", serial), Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(m),
			Amount: o.Tokens, Code: tokens.CodeBuy, Ref: ref})
	if err != nil {
		return Bought{}, err
	}
	err = errors.Join(t.setFact(factSold, strconv.FormatInt(sold+int64(o.Tokens), 10)), t.setFact(factSerial, strconv.FormatInt(serial, 10)))
	return Bought{Moved: moved, Serial: serial, Tokens: o.Tokens, Cost: cost}, err
}
