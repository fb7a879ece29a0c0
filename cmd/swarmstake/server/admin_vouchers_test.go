package server

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

func TestVouchersOverTheSocket(t *testing.T) {
	conf, st, a := openSocket(t)
	a.serveVouchers(st)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx) }()
	made, err := AdministerVouchers(ctx, conf, ChangeVouchers{Do: VouchersCreate, Label: "all", Value: tokens.Unit, Count: store.MaxVouchers, Expires: time.Now().Add(time.Hour)})
	if err != nil || made.Batch != 1 || len(made.Codes) != store.MaxVouchers {
		t.Fatalf("batch %d of %d codes, %v", made.Batch, len(made.Codes), err)
	}
	if out, err := AdministerVouchers(ctx, conf, ChangeVouchers{Do: VouchersRevoke, Code: string(made.Codes[0])}); err != nil || out.Revoked != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	list, err := AdministerVouchers(ctx, conf, ChangeVouchers{Do: VouchersList})
	if err != nil || len(list.Batches) != 1 || list.Batches[0].Revoked != 1 || list.Batches[0].Count != store.MaxVouchers || list.Batches[0].ExpiresAt == nil {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := AdministerVouchers(ctx, conf, ChangeVouchers{Do: "print"}); err == nil || !strings.Contains(err.Error(), "create, list or revoke") {
		t.Errorf("another command: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The longest list and the largest batch fit into the socket's answer.
func TestVouchersFitTheAnswer(t *testing.T) {
	var all Vouchers
	at := time.Now()
	for range maxBatches {
		all.Batches = append(all.Batches, VoucherBatch{Batch: 1 << 50, Label: strings.Repeat("<", store.MaxVoucherLabel), Value: tokens.MaxAmount, // <: 6 bytes in JSON
			Count: 1e4, Used: 1e4, Revoked: 1e4, ExpiresAt: &at, CreatedAt: at, CreatedBy: strings.Repeat("n", 32)})
	}
	codes := Vouchers{Codes: make([]rail.Code, store.MaxVouchers)}
	for i := range codes.Codes {
		codes.Codes[i] = rail.NewCode([rail.RandomBytes]byte{})
	}
	for _, v := range []Vouchers{all, codes} {
		if raw, err := json.Marshal(v); err != nil || len(raw) > maxAdminAnswer {
			t.Errorf("%d bytes, %d are read: %v", len(raw), maxAdminAnswer, err)
		}
	}
}
