package server

import (
	"context"
	"strconv"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// correcting runs a correction after what the meter saw is written, so that nothing that a running
// download is charged or has reserved is taken away.
func correcting[T any](ctx context.Context, b bank, o store.CorrectionOrder, do func() (T, error)) (T, error) {
	if m, ok := spender(o); ok {
		return spend(ctx, b.meter, m, o.Amount, "a correction", do)
	}
	return flushed(ctx, b.meter, "a correction", do)
}

// spender is the member from whose available tokens a correction takes.
func spender(o store.CorrectionOrder) (bt.MemberID, bool) {
	of, _ := o.From.Subject()
	n, err := strconv.ParseUint(of.ID, 10, 32)
	m := bt.MemberID(n)
	return m, err == nil && o.Asset == tokens.Token && o.From == tokens.Available(m)
}

func (b bank) ProposeCorrection(ctx context.Context, o store.Once, order store.CorrectionOrder) (store.OperatorCorrection, error) {
	return correcting(ctx, b, order, func() (store.OperatorCorrection, error) { return b.Store.ProposeCorrection(ctx, o, order) })
}

func (b bank) ApproveCorrection(ctx context.Context, o store.Once, id int64) (store.OperatorCorrection, error) {
	c, err := b.Store.OperatorCorrection(ctx, id)
	if err != nil {
		return c, err
	}
	return correcting(ctx, b, c.CorrectionOrder, func() (store.OperatorCorrection, error) { return b.Store.ApproveCorrection(ctx, o, id) })
}
