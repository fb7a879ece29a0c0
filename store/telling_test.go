package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func TestUploadersAreToldOfApproval(t *testing.T) {
	w := newWorld(t) // which approves both
	for range 2 {
		w.must(w.ApproveTorrent(t.Context(), 1, 0))
	}
	wantTold(t, w.Store, 4, "torrent-approved torrent/2 0 *", "torrent-approved torrent/1 0 *")
}

func TestHostsAreToldOfFailedAuditsPenaltiesAndSuspension(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 100*tokens.Unit)
	row := w.report(n, 1, 2)[0]
	w.audit(row.Claim, availability.EntryKind, availability.Passed)
	wantTold(t, w.Store, 3)
	first := w.audit(row.Claim, availability.DrawnKind, availability.Corrupt)
	second := w.audit(row.Claim, availability.RecheckKind, availability.Corrupt)
	if second.Slashed == 0 {
		t.Fatal("the fault was not confirmed")
	}
	slash := fmt.Sprintf("slash audit/%d %d *", second.Audit, second.Slashed)
	failed := fmt.Sprintf("audit-failed audit/%d 0 *", first.Audit)
	wantTold(t, w.Store, 3, slash, failed) // the second failure of the day is not told
	back, err := w.ReturnSlash(t.Context(), 0, 1, "the disk of the tracker")
	w.must(err)
	wantTold(t, w.Store, 3, fmt.Sprintf("slash-back audit/%d %d *", second.Audit, back), slash, failed)

	w.now.Add(25 * time.Hour.Milliseconds())
	w.suspend(n)
	if got := told(t, w.Store, 3); !slices.Contains(got, fmt.Sprintf("suspended node/%d 0 *", n)) {
		t.Errorf("after the suspension: %v", got)
	}
}

// session is a leecher's whose last announce was not funded.
func session(m bt.MemberID, torrent bt.TorrentID, change func(*swarm.SessionRow)) swarm.SessionRow {
	r := swarm.SessionRow{SessionKey: swarm.SessionKey{Member: m, Torrent: torrent, PeerID: bt.PeerID{1}}, Generation: 1, Left: gib, Seq: 1, LastMs: 1}
	if change != nil {
		change(&r)
	}
	return r
}

func TestMembersAreToldWhenFundsDoNotCoverADownload(t *testing.T) {
	price := DefaultEconomy().BasePrice
	for name, c := range map[string]struct {
		have     tokens.Amount
		reserved tokens.Amount // by another download
		free     bt.Bytes      // allowance
		budget   bt.Bytes
		change   func(*swarm.SessionRow)
		missing  tokens.Amount
	}{
		"nothing there":         {missing: price},
		"not enough":            {have: price - 1, missing: 1},
		"enough: too dear":      {have: price},
		"held by another":       {have: price, reserved: 10, missing: 10},
		"allowance covers half": {free: gib / 2, missing: price / 2},
		"allowance covers it":   {free: gib},
		"a budget":              {have: price / 2, budget: gib / 2},
		"funded":                {change: func(r *swarm.SessionRow) { r.Funded = true }},
		"refused by the gate":   {change: func(r *swarm.SessionRow) { r.Refused = true }},
		"a partial seed":        {change: func(r *swarm.SessionRow) { r.Paused = true }},
		"stopped":               {change: func(r *swarm.SessionRow) { r.Stopped = true }},
		"seeding":               {change: func(r *swarm.SessionRow) { r.Left, r.SeedingMs = 0, 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			addMember(t, w.Store, 9, c.have, 0)
			if c.free > 0 {
				w.must(w.Post(t.Context(), tokens.Transfer{ID: "free", Asset: tokens.Byte, From: tokens.Issuance, To: tokens.Allowance(9), Amount: tokens.Amount(c.free), Code: tokens.CodeAllowance, Ref: "x"}))
			}
			for torrent := bt.TorrentID(1); c.budget > 0 && torrent <= 2; torrent++ {
				w.must(w.SetBudget(t.Context(), Budget{Member: 9, Torrent: torrent, Bytes: c.budget}))
			}
			b := &swarm.Batch{Number: 1, Sessions: []swarm.SessionRow{session(9, 1, c.change), session(9, 2, c.change)},
				Downloads: []swarm.DownloadRow{{DownloadKey: swarm.DownloadKey{Member: 9, Torrent: 3}, Reserved: c.reserved, Seq: 1}}}
			w.must(w.Flush(t.Context(), b))
			var want []string
			if c.missing > 0 {
				want = []string{fmt.Sprintf("low-balance torrent/1 %d *", c.missing)}
			}
			wantTold(t, w.Store, 9, want...)
		})
	}
}

func TestMembersAreToldOfLowFundsOnceADay(t *testing.T) {
	w := newWorld(t)
	addMember(t, w.Store, 9, 3, 100)
	flush := func(n int64) {
		t.Helper()
		w.must(w.Flush(t.Context(), &swarm.Batch{Number: n, Usage: []swarm.UsageRow{usage(9, 1, 5)}, Sessions: []swarm.SessionRow{session(9, 2, nil)}}))
	}
	flush(1)
	wantTold(t, w.Store, 9, "low-balance torrent/1 2 *") // what was charged to the stake; the other is not told too
	flush(2)
	if got := told(t, w.Store, 9); len(got) != 1 {
		t.Errorf("on the same day: %v", got)
	}
	w.now.Add(24 * time.Hour.Milliseconds())
	flush(3)
	if got := told(t, w.Store, 9); len(got) != 2 {
		t.Errorf("on the next day: %v", got)
	}
}

// Sent and returned withdrawals are told; one that its member took back is not.
func TestMembersAreToldOfWithdrawals(t *testing.T) {
	w := newRailWorld(t, newChain().subject())
	out, err := w.debited(t)
	if err != nil {
		t.Fatal(err)
	}
	ref := fmt.Sprintf("withdrawal/%d %d *", out.Withdrawal.ID, out.Withdrawal.Amount)
	step := func(to rail.State) {
		t.Helper()
		if _, err := w.s.advance(w.ctx, out.Withdrawal.ID, onward{to: to}); err != nil {
			t.Fatal(err)
		}
	}
	was := told(t, w.s, w.alice)
	if out.Withdrawal.State == rail.Debited {
		step(rail.Sent)
		was = told(t, w.s, w.alice)
	}
	if want := []string{"withdrawal-sent " + ref}; !slices.Equal(was, want) {
		t.Fatalf("told %v, want %v", was, want)
	}
	step(rail.Returned)
	step(rail.Returned)
	wantTold(t, w.s, w.alice, "withdrawal-back "+ref, "withdrawal-sent "+ref)
}

func TestKeyReset(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	roster := func() RosterMember {
		t.Helper()
		list, err := w.RosterMembers(ctx, 1)
		w.must(err)
		return list[0]
	}
	old := roster()
	if k, err := w.KeyReset(ctx, 1); err != nil || k != (KeyReset{}) {
		t.Errorf("before: %+v, %v", k, err)
	}
	w.must(w.ResetKey(ctx, 1, [32]byte{7}))
	now := w.now.Load()
	m := roster()
	if m.Secret != [32]byte{7} || m.OldSecret != old.Secret || m.OldUntilMs != now+OldKeyAnswers.Milliseconds() {
		t.Errorf("roster has %+v", m)
	}
	if k, _ := w.KeyReset(ctx, 1); k != (KeyReset{AtMs: now, UntilMs: m.OldUntilMs}) {
		t.Errorf("reset is %+v", k)
	}
	wantTold(t, w.Store, 1, "key-reset  0 *")
	if err := w.ResetKey(ctx, 1, [32]byte{8}); !errors.Is(err, ErrKeyAge) || roster().Secret != [32]byte{7} {
		t.Errorf("again at once: %v", err)
	}
	w.now.Add(MinKeyAge.Milliseconds())
	w.must(w.ResetKey(ctx, 1, [32]byte{9}))
	if m := roster(); m.Secret != [32]byte{9} || m.OldSecret != [32]byte{7} {
		t.Errorf("after the second: %+v", m)
	}
	if err := w.ResetKey(ctx, 99, [32]byte{1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}
