package server

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Somebody who lost the phone gets in with the password again, and nobody else stays in.
func TestFactorsAreResetOverTheSocket(t *testing.T) {
	conf, st, a := openSocket(t)
	a.serveMembers(st, func(context.Context, bt.MemberID) error { return nil })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx) }()
	defer func() { stop(); <-done }()
	m, err := st.RegisterMember(ctx, store.NewMember{Name: "alice"})
	secret := bytes.Repeat([]byte{1}, 20)
	for _, step := range []func() error{
		func() error { return err },
		func() error { return st.OfferTOTP(ctx, m.ID, secret) },
		func() error { return st.ConfirmTOTP(ctx, store.TOTP{Member: m.ID, Secret: secret}, 1, nil) },
		func() error { return st.StartSession(ctx, store.NewSession{Member: m.ID, Secret: "s", TTL: time.Hour}) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := AdministerMember(ctx, conf, ChangeMember{Do: MemberResetFactors, Name: "bob"}); err == nil || !strings.Contains(err.Error(), `no member called "bob"`) {
		t.Errorf("of nobody: %v", err)
	}
	answer, err := AdministerMember(ctx, conf, ChangeMember{Do: MemberResetFactors, Name: "Alice"})
	if err != nil || !strings.Contains(string(answer), `"done":"reset-factors"`) {
		t.Fatalf("%s %v", answer, err)
	}
	if f, err := st.Factors(ctx, m.ID); err != nil || f != (store.Factors{}) {
		t.Errorf("left: %+v %v", f, err)
	}
}
