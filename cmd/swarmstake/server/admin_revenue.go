package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// TakeRevenue asks to move buffer of the sale's reserve to revenue. Amount in quote micro-units.
type TakeRevenue struct {
	Amount tokens.Amount
	Key    string // of the request, so that a repeated one takes nothing twice
}

// TakenRevenue says what became of it.
type TakenRevenue struct {
	Transfer string `json:"transfer"`
	Amount   string `json:"amount_quote"`
	Left     string `json:"left_quote"` // may become revenue as well
}

// AdministerRevenue carries out req as Administer does.
func AdministerRevenue(ctx context.Context, conf Config, amount tokens.Amount) (json.RawMessage, error) {
	req := TakeRevenue{Amount: amount, Key: rand.Text()}
	return administer(ctx, conf, "/sale/revenue", req, func(ctx context.Context, st *store.Store) (any, error) { return takeRevenue(ctx, st, req) })
}

func (a *adminServer) serveRevenue(st *store.Store) {
	command(a, "/sale/revenue", func(ctx context.Context, req TakeRevenue) (TakenRevenue, error) { return takeRevenue(ctx, st, req) })
}

func takeRevenue(ctx context.Context, st *store.Store, req TakeRevenue) (TakenRevenue, error) {
	done, err := st.Revenue(ctx, store.Once{Key: req.Key}, req.Amount)
	var short *store.FundsError
	if errors.As(err, &short) {
		return TakenRevenue{}, fmt.Errorf("only %s of the reserve may become revenue: buffer older than economy.buffer_age; all else is locked for who sells tokens back", short.Have)
	}
	return TakenRevenue{done.Transfer, utok(done.Amount), utok(done.Left)}, err
}
