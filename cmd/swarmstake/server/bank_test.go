package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestReservationsOfAMomentAgoCannotLeave: by no door that the website has. Each is tried on a
// server of its own, because the first flush lets the ledger know for all of them.
func TestReservationsOfAMomentAgoCannotLeave(t *testing.T) {
	const have = 100 * tokens.Unit
	for name, leave := range map[string]func(context.Context, bank, store.Once) error{
		"sell": func(ctx context.Context, b bank, o store.Once) error {
			_, err := b.Sell(ctx, o, store.SellOrder{Tokens: have, MinRefund: 1})
			return err
		},
		"lock": func(ctx context.Context, b bank, o store.Once) error {
			_, err := b.Lock(ctx, o, have, 4)
			return err
		},
		"request": func(ctx context.Context, b bank, o store.Once) error {
			_, err := b.AddRequest(ctx, o, store.NewRequest{Title: "t", Category: "other", Bounty: have})
			return err
		},
		"bounty": func(ctx context.Context, b bank, o store.Once) error {
			asked, err := b.AddRequest(ctx, store.Once{Member: o.Member, Key: "asked"}, store.NewRequest{Title: "t", Category: "other"})
			if err != nil {
				return err
			}
			_, err = b.AddBounty(ctx, o, asked.Request, have)
			return err
		},
		"sponsor": func(ctx context.Context, b bank, o store.Once) error {
			_, err := b.Sponsor(ctx, o, bt.TorrentID(1), have, 48*time.Hour)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, leecher := reserving(t, have)
			err := leave(t.Context(), bank{r.store, r.flusher}, store.Once{Member: leecher, Key: name})
			if !errors.Is(err, tokens.ErrFunds) {
				t.Fatalf("what a download reserved left: %v", err)
			}
		})
	}
}

// reserving is a server with a member who bought so many tokens, and whose download reserved some of
// them a moment ago: the meter knows, the ledger does not.
func reserving(t *testing.T, have tokens.Amount) (*rig, bt.MemberID) {
	t.Helper()
	conf := quick(t.TempDir())
	conf.Server.FlushInterval, conf.Server.EpochLength = time.Hour, time.Hour // nothing is written unless somebody asks
	r := openServer(t, conf)
	publisher, leecher := r.member("publisher", 0, 0), r.member("leecher", 0, 50*tokens.Unit)
	h := r.torrent(publisher)
	quote := tokens.Transfer{ID: "quote", Asset: tokens.Quote, From: tokens.External("test"), To: tokens.Available(leecher), Amount: have, Code: tokens.CodeDeposit, Ref: "test"}
	if err := r.store.Post(t.Context(), quote); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Buy(t.Context(), store.Once{Member: leecher, Key: "buy"}, store.Order{Tokens: have, MaxCost: have}); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.announce(leecher, h, 0, 0, testSize, "started")
	if f := r.roster.dir.Wallet(leecher).Funds(); f.Reserved != testDue {
		t.Fatalf("reserved %d of %d: the test would prove nothing", f.Reserved, testDue)
	}
	if w, err := r.store.Wallet(t.Context(), leecher); err != nil || w.Reserved != 0 || w.Available != have {
		t.Fatalf("the ledger knows of it already (%+v, %v): the test would prove nothing", w, err)
	}
	return r, leecher
}
