package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/sale"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MaxSalePrices bounds the amounts of one price query (ECONOMY §8).
const MaxSalePrices = 16

// SalePrice is what an amount of tokens would cost now, and what it would bring.
type SalePrice struct {
	Tokens    tokens.Amount
	Cost      tokens.Amount // quote micro-units
	Err       error         // why it cannot be bought
	Refund    tokens.Amount // quote micro-units
	RefundErr error         // why it cannot be sold
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

// Sale tells where the curve stands and what the given amounts would cost and bring; ErrRange if
// there are more than MaxSalePrices.
func (s *Store) Sale(ctx context.Context, amounts ...tokens.Amount) (SaleState, error) {
	if len(amounts) > MaxSalePrices {
		return SaleState{}, fmt.Errorf("prices of %d amounts, at most %d: %w", len(amounts), MaxSalePrices, ErrRange)
	}
	row, st := saleRow{}, SaleState{}
	err := s.read(ctx, func(r *reader) (err error) {
		if row, err = readSale(r.QueryRowContext(ctx, selectSale), s.economy()); err != nil {
			return err
		}
		st.Reserve, err = r.balance(tokens.Quote, tokens.Reserve)
		return err
	})
	if err != nil {
		return st, fmt.Errorf("read the sale: %w", err)
	}
	c := row.curve
	st.Sold, st.Limit, st.Serial, st.Marginal = row.sold, c.Limit, row.serial, c.MarginalPrice(row.sold)
	for _, a := range amounts {
		p := SalePrice{Tokens: a}
		p.Cost, p.Err = c.CostOf(row.sold, a)
		p.Refund, p.RefundErr = c.RefundOf(row.sold, a)
		st.Prices = append(st.Prices, p)
	}
	return st, nil
}

// Order asks for tokens off the curve, for at most MaxCost quote micro-units.
type Order struct {
	Tokens  tokens.Amount
	MaxCost tokens.Amount
}

// Bought is the answer to an Order or an ExchangeOrder.
type Bought struct {
	Moved
	Serial int64 // of the sale
	Tokens tokens.Amount
	Cost   tokens.Amount
}

// Buy takes tokens off the curve: quote goes from the member to the reserve, tokens come from
// issuance. The price is that of the moment of the transaction; above order.MaxCost nothing happens.
func (s *Store) Buy(ctx context.Context, o Once, order Order) (Bought, error) {
	var out Bought
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.buy(o.Member, order.Tokens, order.Tokens, order.MaxCost)
			return err
		})
	})
	return out, err
}

// ExchangeOrder asks for as many tokens from Min to Max as cost at most MaxCost.
type ExchangeOrder struct {
	Serial   int64 // the member's own: above that of their last exchange
	Min, Max tokens.Amount
	MaxCost  tokens.Amount // quote micro-units
}

// ErrSerial: an exchange that is not newer than the member's last one. SerialError says which that is.
var ErrSerial = errors.New("the serial is out of order")

// SerialError is ErrSerial with the last serial.
type SerialError struct{ Serial, Last int64 }

func (e *SerialError) Error() string {
	return fmt.Sprintf("serial %d: the last one was %d, the next must be above it", e.Serial, e.Last)
}

func (e *SerialError) Unwrap() error { return ErrSerial }

// Exchange buys the most tokens that the order allows, or nothing: then the serial is not used up
// either. A serial that is not above the member's last one is a SerialError.
func (s *Store) Exchange(ctx context.Context, o Once, order ExchangeOrder) (Bought, error) {
	var out Bought
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			if err := t.nextSerial(o.Member, order.Serial); err != nil {
				return err
			}
			out, err = t.buy(o.Member, order.Min, order.Max, order.MaxCost)
			return err
		})
	})
	return out, err
}

func (t *tx) nextSerial(m bt.MemberID, serial int64) error {
	var last int64
	if err := t.row("SELECT coalesce(max(serial), 0) FROM exchange_serials WHERE member = ?", m).Scan(&last); err != nil {
		return fmt.Errorf("read the last serial: %w", err)
	}
	if serial <= last {
		return &SerialError{serial, last}
	}
	return t.exec("INSERT INTO exchange_serials (member, serial) VALUES (?, ?) ON CONFLICT DO UPDATE SET serial = excluded.serial", m, serial)
}

func (t *tx) buy(m bt.MemberID, least, most, maxCost tokens.Amount) (Bought, error) {
	row, err := t.sale()
	if err != nil {
		return Bought{}, err
	}
	out := Bought{Serial: row.serial + 1}
	if out.Tokens, out.Cost, err = row.curve.Exchange(row.sold, least, most, maxCost); err != nil {
		return Bought{}, err
	}
	if have, err := t.balance(tokens.Quote, tokens.Available(m)); err != nil || have < out.Cost {
		return Bought{}, errors.Join(err, &FundsError{Asset: tokens.Quote, Need: out.Cost, Have: have})
	}
	ref := fmt.Sprintf("sale/%d", out.Serial)
	out.Moved, err = t.moved(m,
		tokens.Transfer{ID: fmt.Sprintf("buy/%d/pay", out.Serial), Asset: tokens.Quote, From: tokens.Available(m), To: tokens.Reserve,
			Amount: out.Cost, Code: tokens.CodeBuy, Ref: ref},
		tokens.Transfer{ID: fmt.Sprintf("buy/%d/mint", out.Serial), Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(m),
			Amount: out.Tokens, Code: tokens.CodeBuy, Ref: ref})
	if err != nil {
		return Bought{}, err
	}
	row.sold, row.serial = row.sold+out.Tokens, out.Serial
	return out, t.saveSale(row)
}

// SellOrder offers tokens to the curve, for at least MinRefund quote micro-units.
type SellOrder struct {
	Tokens    tokens.Amount
	MinRefund tokens.Amount
}

// Sold is the answer to a SellOrder.
type Sold struct {
	Moved
	Serial int64 // of the sale
	Tokens tokens.Amount
	Refund tokens.Amount
}

// Sell gives tokens back to the curve: they are burned, and the member is paid from the reserve at
// the price of the moment of the transaction. Below order.MinRefund nothing happens; nor if the
// refund is less than a micro-unit (both sale.ErrRefund), or for more tokens than the curve has
// sold (sale.ErrNotSold). Only members can sell: treasury and pools have no way to.
func (s *Store) Sell(ctx context.Context, o Once, order SellOrder) (Sold, error) {
	var out Sold
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.sell(o.Member, order)
			return err
		})
	})
	return out, err
}

func (t *tx) sell(m bt.MemberID, o SellOrder) (Sold, error) {
	row, err := t.sale()
	if err != nil {
		return Sold{}, err
	}
	out := Sold{Serial: row.serial + 1, Tokens: o.Tokens}
	if out.Refund, err = row.curve.RefundOf(row.sold, o.Tokens); err != nil {
		return Sold{}, err
	}
	if least := max(o.MinRefund, 1); out.Refund < least {
		return Sold{}, fmt.Errorf("%s tokens bring %s, at least %s: %w", o.Tokens, out.Refund, least, sale.ErrRefund)
	}
	ref := fmt.Sprintf("sale/%d", out.Serial)
	burn := tokens.Transfer{ID: fmt.Sprintf("sell/%d/burn", out.Serial), Asset: tokens.Token, From: tokens.Available(m), To: tokens.Burned,
		Amount: o.Tokens, Code: tokens.CodeSell, Ref: ref}
	if err := t.unreserved(m, []tokens.Transfer{burn}); err != nil {
		return Sold{}, err
	}
	out.Moved, err = t.moved(m, burn, tokens.Transfer{ID: fmt.Sprintf("sell/%d/refund", out.Serial), Asset: tokens.Quote, From: tokens.Reserve,
		To: tokens.Available(m), Amount: out.Refund, Code: tokens.CodeSell, Ref: ref})
	if err != nil {
		return Sold{}, err
	}
	row.sold, row.serial = row.sold-o.Tokens, out.Serial
	return out, t.saveSale(row)
}
