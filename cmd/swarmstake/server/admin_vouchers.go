package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// What an administrative command does with vouchers.
const (
	VouchersCreate = "create"
	VouchersList   = "list"
	VouchersRevoke = "revoke"
)

// maxBatches bounds the list of batches.
const maxBatches = 1000

// ChangeVouchers asks for vouchers.
type ChangeVouchers struct {
	Do      string // VouchersCreate, VouchersList or VouchersRevoke
	Label   string // with VouchersCreate, as the three below
	Value   tokens.Amount
	Count   int
	Expires time.Time // zero: never
	Batch   int64     // with VouchersRevoke: the whole batch; 0: Code
	Code    string    // with VouchersRevoke: this one
}

// Vouchers says what became of it.
type Vouchers struct {
	Batch   int64          `json:"batch,omitempty"`
	Codes   []rail.Code    `json:"codes,omitempty"` // of the new batch: shown once, kept nowhere
	Revoked int64          `json:"revoked,omitempty"`
	Batches []VoucherBatch `json:"batches,omitempty"`
}

// VoucherBatch is a line of the list. Amounts are quote micro-units.
type VoucherBatch struct {
	Batch     int64         `json:"batch"`
	Label     string        `json:"label"`
	Value     tokens.Amount `json:"value_quote"`
	Count     int           `json:"count"`
	Used      int           `json:"used"`
	Revoked   int           `json:"revoked"`
	ExpiresAt *time.Time    `json:"expires_at"` // null: never
	CreatedAt time.Time     `json:"created_at"`
	CreatedBy string        `json:"created_by"` // name of the operator; empty: a command
}

// AdministerVouchers carries out req as Administer does.
func AdministerVouchers(ctx context.Context, conf Config, req ChangeVouchers) (Vouchers, error) {
	raw, err := administer(ctx, conf, "/vouchers", req, func(ctx context.Context, st *store.Store) (any, error) {
		return changeVouchers(ctx, st, req)
	})
	if err != nil {
		return Vouchers{}, err
	}
	var out Vouchers
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("read the server's answer: %w", err)
	}
	return out, nil
}

// serveVouchers answers AdministerVouchers.
func (a *adminServer) serveVouchers(st *store.Store) {
	command(a, "/vouchers", func(ctx context.Context, req ChangeVouchers) (Vouchers, error) {
		out, err := changeVouchers(ctx, st, req)
		if err == nil && req.Do != VouchersList {
			a.log.Info("vouchers changed by an administrative command", "do", req.Do, "batch", out.Batch, "made", len(out.Codes), "revoked", out.Revoked)
		}
		return out, err
	})
}

func changeVouchers(ctx context.Context, st *store.Store, req ChangeVouchers) (out Vouchers, err error) {
	switch req.Do {
	case VouchersCreate:
		out.Batch, out.Codes, err = st.AddVouchers(ctx, 0, store.NewVouchers{Label: req.Label, Amount: req.Value, Count: req.Count, Expires: req.Expires})
	case VouchersList:
		out.Batches, err = listVouchers(ctx, st)
	case VouchersRevoke:
		out, err = revokeVouchers(ctx, st, req)
	default:
		err = fmt.Errorf("vouchers: no command %q: create, list or revoke", req.Do)
	}
	return out, err
}

func revokeVouchers(ctx context.Context, st *store.Store, req ChangeVouchers) (Vouchers, error) {
	if req.Batch == 0 {
		return Vouchers{Revoked: 1}, st.RevokeVoucher(ctx, 0, req.Code)
	}
	n, err := st.RevokeVouchers(ctx, 0, req.Batch)
	if errors.Is(err, store.ErrNotFound) {
		return Vouchers{}, fmt.Errorf("there is no batch %d: 'swarmstake admin vouchers list' shows them all", req.Batch)
	}
	return Vouchers{Batch: req.Batch, Revoked: n}, err
}

func listVouchers(ctx context.Context, st *store.Store) ([]VoucherBatch, error) {
	batches, err := st.VoucherBatches(ctx, maxBatches)
	if err != nil {
		return nil, err
	}
	var out []VoucherBatch
	for _, b := range batches {
		v := VoucherBatch{Batch: b.ID, Label: b.Label, Value: b.Amount, Count: b.Count, Used: b.Used, Revoked: b.Revoked,
			CreatedAt: time.UnixMilli(b.CreatedMs).UTC(), CreatedBy: b.CreatedBy}
		if b.ExpiresMs > 0 {
			at := time.UnixMilli(b.ExpiresMs).UTC()
			v.ExpiresAt = &at
		}
		out = append(out, v)
	}
	return out, nil
}
