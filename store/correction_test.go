package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
)

func TestCorrect(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	addMember(t, s, 1, 100*tokens.Unit, 0)
	addMember(t, s, 2, 0, 0)
	c := Correction{By: 2, Asset: tokens.Token, From: tokens.Available(1), To: tokens.Available(2), Amount: 7, Reason: " paid to the wrong account "}
	first, err := s.Correct(t.Context(), c)
	if err != nil || !first.New || first.Row == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := s.Correct(t.Context(), c)
	if err != nil || again.New || again.Row != first.Row || again.Transfer != first.Transfer {
		t.Errorf("again: %+v, %v", again, err)
	}
	r, err := s.Receipt(t.Context(), first.Transfer)
	if err != nil || r.Code != tokens.CodeCorrection || r.Ref != "paid to the wrong account" || len(r.Evidence) != 1 || r.Evidence[0].Kind != "operator-log" ||
		r.Evidence[0].Name != "ledger correct, by c" {
		t.Errorf("receipt %+v, %v", r, err)
	}
	acts, err := s.OperatorLog(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range acts {
		if a.Action == actCorrect {
			n++
			if !strings.HasPrefix(a.Detail, first.Transfer+" ") || !strings.Contains(a.Detail, "wrong account") || a.Operator != "c" {
				t.Errorf("operator log %+v", a)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d lines in the operators' log for one correction", n)
	}
	c.Key = "second"
	second, err := s.Correct(t.Context(), c)
	if err != nil || !second.New || second.Transfer == first.Transfer {
		t.Errorf("with another key: %+v, %v", second, err)
	}
	c.Amount = 8
	if _, err := s.Correct(t.Context(), c); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("the same key for another correction: %v", err)
	}
	if b, _ := s.Balance(t.Context(), tokens.Token, tokens.Available(2)); b != 14 {
		t.Errorf("the member got %d, want 14", b)
	}
	verified(t, s, dir)
}

// TestCorrectAmountsApart: corrections that differ in nothing but the amount are two, also large ones.
func TestCorrectAmountsApart(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	addMember(t, s, 1, 100*tokens.Unit, 0)
	ids := map[string]bool{}
	for _, a := range []tokens.Amount{3, 3_000_000, 3_000_001} {
		done, err := s.Correct(t.Context(), Correction{Asset: tokens.Token, From: tokens.Available(1), To: tokens.Treasury, Amount: a, Reason: "r"})
		if err != nil || !done.New || ids[done.Transfer] {
			t.Errorf("%d: %+v, %v", a, done, err)
		}
		ids[done.Transfer] = true
	}
}

func TestCorrectRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	addMember(t, s, 1, 100, 0)
	ok := Correction{Asset: tokens.Token, From: tokens.Available(1), To: tokens.Treasury, Amount: 1, Reason: "r"}
	epoch, err := s.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	reserve(t, s, 1, 40)
	for what, tt := range map[string]struct {
		change func(*Correction)
		want   error
	}{
		"no reason":         {func(c *Correction) { c.Reason = " " }, ErrCorrection},
		"a reason too long": {func(c *Correction) { c.Reason = strings.Repeat("x", tokens.MaxRef+1) }, tokens.ErrInvalid},
		"from issuance":     {func(c *Correction) { c.From, c.To = tokens.Issuance, tokens.Treasury }, ErrCorrection},
		"from a rail": {func(c *Correction) {
			c.Asset, c.From, c.To = tokens.Quote, tokens.External("faucet"), tokens.Available(1)
		}, ErrCorrection},
		"no such account":         {func(c *Correction) { c.To = "gold" }, ErrCorrection},
		"not with this asset":     {func(c *Correction) { c.To = tokens.Reserve }, ErrCorrection},
		"an asset unknown":        {func(c *Correction) { c.Asset = "gold" }, ErrCorrection},
		"no such member":          {func(c *Correction) { c.To = tokens.Available(99) }, ErrCorrection},
		"no such node":            {func(c *Correction) { c.To = tokens.Retained(1) }, ErrCorrection},
		"nobody's lock":           {func(c *Correction) { c.To = tokens.Locked(3) }, ErrCorrection},
		"no such epoch":           {func(c *Correction) { c.To = tokens.Pot(epoch.Number + 5) }, ErrCorrection},
		"to itself":               {func(c *Correction) { c.To = c.From }, tokens.ErrInvalid},
		"nothing":                 {func(c *Correction) { c.Amount = 0 }, tokens.ErrInvalid},
		"less than nothing":       {func(c *Correction) { c.Amount = -1 }, tokens.ErrInvalid},
		"more than there is":      {func(c *Correction) { c.Amount = 101 }, tokens.ErrFunds},
		"more than is unreserved": {func(c *Correction) { c.Amount = 61 }, tokens.ErrFunds},
		"from nobody":             {func(c *Correction) { c.From = tokens.Available(99) }, tokens.ErrFunds},
	} {
		c := ok
		tt.change(&c)
		if _, err := s.Correct(t.Context(), c); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", what, err, tt.want)
		}
	}
	ok.Amount = 60
	if _, err := s.Correct(t.Context(), ok); err != nil {
		t.Errorf("all that is free: %v", err)
	}
	verified(t, s, dir)
}
