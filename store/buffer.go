package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// bufferGrew notes when the reserve's buffer grew. A buffer that became smaller needs no note: its
// youngest part counts as still there.
func (t *tx) bufferGrew(by tokens.Amount) error {
	if by <= 0 {
		return nil
	}
	err := t.exec(`INSERT INTO sale_buffer (hour, grown_quote, last_ms) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET grown_quote = grown_quote + excluded.grown_quote, last_ms = max(last_ms, excluded.last_ms)`,
		t.nowMs()/time.Hour.Milliseconds(), by, t.nowMs())
	if err != nil {
		return fmt.Errorf("record the buffer: %w", err)
	}
	return nil
}

// mature is how much of a buffer is older than age. An hour's growth is as old as its youngest part.
func mature(ctx context.Context, q rowQuerier, buffer tokens.Amount, now time.Time, age time.Duration) (tokens.Amount, error) {
	since := now.Add(-age).UnixMilli()
	var young tokens.Amount
	err := q.QueryRowContext(ctx, "SELECT coalesce(sum(grown_quote), 0) FROM sale_buffer WHERE hour >= ? AND last_ms >= ?",
		since/time.Hour.Milliseconds(), since).Scan(&young)
	if err != nil {
		return 0, fmt.Errorf("read the buffer's age: %w", err)
	}
	return max(0, buffer-young), nil
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// SaleCapacity is what the sale can still give and take. Prices are quote micro-units per whole
// token.
type SaleCapacity struct {
	Price     tokens.Amount // P in force
	Floor     tokens.Amount
	Limit     tokens.Amount // L in force
	Sold      tokens.Amount // T: this much can be redeemed
	Supply    tokens.Amount // of this many tokens in being
	Available tokens.Amount // this much can be bought
	Marginal  tokens.Amount
	Serial    int64

	Reserve tokens.Amount // quote micro-units
	Locked  tokens.Amount // C: of the reserve, for the tokens sold
	Buffer  tokens.Amount // of the reserve, beyond that
	Mature  tokens.Amount // of the buffer, old enough to become revenue
}

// SaleCapacity tells where the sale stands, all of one commit.
func (s *Store) SaleCapacity(ctx context.Context) (SaleCapacity, error) {
	var out SaleCapacity
	err := s.read(ctx, func(r *reader) error {
		row, err := readSale(r.QueryRowContext(ctx, selectSale), s.economy())
		if err != nil {
			return err
		}
		c := row.curve
		out = SaleCapacity{Price: c.Price, Floor: c.Floor, Limit: c.Limit, Sold: row.sold, Available: c.Available(row.sold),
			Marginal: c.MarginalPrice(row.sold), Serial: row.serial, Locked: c.Locked(row.sold)}
		if out.Reserve, err = r.balance(tokens.Quote, tokens.Reserve); err != nil {
			return err
		}
		out.Buffer = max(0, out.Reserve-out.Locked)
		if out.Mature, err = mature(ctx, r, min(out.Buffer, row.buffer), s.opt.Now(), s.economy().BufferAge); err != nil {
			return err
		}
		return r.QueryRowContext(ctx, "SELECT coalesce(-sum(balance), 0) FROM accounts WHERE asset = 'token' AND name IN ('issuance', 'burned')").Scan(&out.Supply)
	})
	if err != nil {
		return out, fmt.Errorf("read the sale's capacity: %w", err)
	}
	return out, nil
}

// RevenueTaken is the answer to Revenue.
type RevenueTaken struct {
	Transfer string
	Amount   tokens.Amount
	Left     tokens.Amount // quote micro-units that may become revenue as well
}

// Revenue moves buffer from the reserve to the operator's revenue, and logs it. Only buffer older
// than BufferAge can be taken (ECONOMY §8); more is a FundsError that says how much there is.
func (s *Store) Revenue(ctx context.Context, operator Once, amount tokens.Amount) (RevenueTaken, error) {
	var out RevenueTaken
	err := s.write(ctx, func(t *tx) error {
		return once(t, operator, &out, func() (err error) {
			out, err = t.revenue(operator, amount)
			return err
		})
	})
	return out, err
}

func (t *tx) revenue(o Once, amount tokens.Amount) (RevenueTaken, error) {
	if amount <= 0 {
		return RevenueTaken{}, fmt.Errorf("revenue of %s: %w", amount, ErrRange)
	}
	row, err := t.sale()
	if err != nil {
		return RevenueTaken{}, err
	}
	free, err := mature(t.ctx, t, row.buffer, t.now, t.economy().BufferAge)
	if err != nil {
		return RevenueTaken{}, err
	}
	if free < amount {
		return RevenueTaken{}, &FundsError{Asset: tokens.Quote, Need: amount, Have: free}
	}
	out := RevenueTaken{Transfer: "revenue/" + o.id(), Amount: amount, Left: free - amount}
	err = t.post(tokens.Transfer{ID: out.Transfer, Asset: tokens.Quote, From: tokens.Reserve, To: tokens.Revenue, Amount: amount,
		Code: tokens.CodeRevenue, Ref: "buffer"})
	if err != nil {
		return RevenueTaken{}, err
	}
	if err := t.saveSale(row); err != nil {
		return RevenueTaken{}, err
	}
	return out, t.logOperator(o.Member, "sale revenue", fmt.Sprintf("%s of the reserve's buffer", amount))
}
