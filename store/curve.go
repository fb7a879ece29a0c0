package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/sale"
)

// saleRow is the row of table sale: the curve in force, how far it is sold, its drift and its buffer.
type saleRow struct {
	curve    sale.Curve
	sold     tokens.Amount
	serial   int64
	setPrice tokens.Amount // the parameter that the price came from

	driftFrom tokens.Amount // what the price drifted from
	driftPPM  int64
	idleMs    int64 // that it drifted for
	idleAtMs  int64 // until when that was counted

	buffer tokens.Amount // reserve beyond C, as far as it is in sale_buffer
}

// ErrUncovered: what would happen leaves less in the reserve than is locked for the tokens sold.
var ErrUncovered = errors.New("the sale's reserve would not cover what is locked")

const selectSale = `SELECT sold_utok, serial, price_quote, limit_utok, set_price_quote, drift_price_quote, drift_ppm, idle_ms, idle_at_ms, buffer_quote
	FROM sale WHERE id = 1`

// readSale reads the sale; one that was never used begins with the parameters given. The floor is
// always that of the parameters, because what is locked does not depend on it.
func readSale(r scanner, e Economy) (s saleRow, err error) {
	err = r.Scan(&s.sold, &s.serial, &s.curve.Price, &s.curve.Limit, &s.setPrice, &s.driftFrom, &s.driftPPM, &s.idleMs, &s.idleAtMs, &s.buffer)
	if err != nil {
		return s, fmt.Errorf("read the sale: %w", err)
	}
	if s.curve.Price == 0 {
		s.curve.Price, s.curve.Limit = e.SalePrice, e.SaleLimit
		s.setPrice, s.driftFrom, s.driftPPM = e.SalePrice, e.SalePrice, e.SaleDriftPPM
	}
	s.curve.Floor = e.SaleFloor
	if err := s.curve.Validate(); err != nil {
		return s, err
	}
	if most := s.curve.Available(0); s.sold > most {
		return s, fmt.Errorf("sale: %s tokens are sold, a limit of %s ends at %s: raise the limit", s.sold, s.curve.Limit, most)
	}
	return s, nil
}

// sale reads the sale for a change, with the time that counts for its drift up to now.
func (t *tx) sale() (saleRow, error) {
	s, err := readSale(t.row(selectSale), t.economy())
	if err != nil {
		return s, err
	}
	if now := t.nowMs(); s.idleAtMs == 0 {
		s.idleAtMs = now
	} else if now > s.idleAtMs {
		s.idleMs += s.curve.Idle(s.sold, time.Duration(now-s.idleAtMs)*time.Millisecond).Milliseconds()
		s.idleAtMs = now
	}
	return s, nil
}

// saveSale writes what a change made of the sale, and what it left in the buffer. It reports
// ErrUncovered, which undoes the change, if the reserve is below C.
func (t *tx) saveSale(s saleRow) error {
	reserve, err := t.balance(tokens.Quote, tokens.Reserve)
	if err != nil {
		return err
	}
	buffer := reserve - s.curve.Locked(s.sold)
	if buffer < 0 {
		return fmt.Errorf("%w: it holds %s, %s missing", ErrUncovered, reserve, -buffer)
	}
	if err := t.bufferGrew(buffer - s.buffer); err != nil {
		return err
	}
	err = t.change(`UPDATE sale SET sold_utok = ?, serial = ?, price_quote = ?, limit_utok = ?, set_price_quote = ?, drift_price_quote = ?,
		drift_ppm = ?, idle_ms = ?, idle_at_ms = ?, buffer_quote = ? WHERE id = 1`,
		s.sold, s.serial, s.curve.Price, s.curve.Limit, s.setPrice, s.driftFrom, s.driftPPM, s.idleMs, s.idleAtMs, buffer)
	if err != nil {
		return fmt.Errorf("write the sale: %w", err)
	}
	return nil
}

// wish is the sale with the price and limit of the parameters. A price that drifted from the
// parameter stays while the parameter does.
func (s saleRow) wish(e Economy) saleRow {
	if e.SalePrice != s.setPrice {
		s.curve.Price, s.setPrice, s.driftFrom, s.idleMs = e.SalePrice, e.SalePrice, e.SalePrice, 0
	}
	s.curve.Limit, s.curve.Floor = e.SaleLimit, e.SaleFloor
	return s
}

// CheckSale reports whether the sale could go over to the price, limit and floor of e now: nil, or
// an error that says why not, of kind sale.ErrAdjust if its figures are possible as such.
func (s *Store) CheckSale(ctx context.Context, e Economy) error {
	row, err := readSale(s.r.QueryRowContext(ctx, selectSale), s.economy())
	if err != nil {
		return err
	}
	return row.curve.Adjust(row.wish(e).curve, row.sold)
}

// AdjustSale brings the sale's price and limit to those of the parameters in force, and logs it. A
// change by which somebody could gain is refused as a whole (sale.ErrAdjust): the sale goes on as it
// was. It is called when an epoch begins, before DriftSale.
func (s *Store) AdjustSale(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		row, err := t.sale()
		if err != nil {
			return err
		}
		next := row.wish(t.economy())
		if next.curve == row.curve && next.setPrice == row.setPrice {
			return t.saveSale(row)
		}
		if err := row.curve.Adjust(next.curve, row.sold); err != nil {
			return fmt.Errorf("the sale stays at price %s and limit %s: %w", row.curve.Price, row.curve.Limit, err)
		}
		change := fmt.Sprintf("price %s, limit %s; before: price %s, limit %s; sold %s", next.curve.Price, next.curve.Limit,
			row.curve.Price, row.curve.Limit, row.sold)
		return errors.Join(t.saveSale(next), t.logOperator(0, "sale adjust", change))
	})
}

// DriftSale lowers the price by what the drift brought since it was last called (ECONOMY §8). It is
// called when an epoch begins; how often makes no difference to where the price comes to.
func (s *Store) DriftSale(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		row, err := t.sale()
		ppm := t.economy().SaleDriftPPM
		if err != nil || ppm == 0 && row.driftPPM == 0 {
			return err
		}
		row.curve.Price = sale.Drifted(row.driftFrom, row.driftPPM, time.Duration(row.idleMs)*time.Millisecond)
		if ppm != row.driftPPM {
			row.driftFrom, row.driftPPM, row.idleMs = row.curve.Price, ppm, 0
		}
		return t.saveSale(row)
	})
}
