package store

import (
	"errors"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// prove notes proven seconds of a claim in an epoch.
func (w *world) prove(c ClaimRow, epoch int64, d time.Duration) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(t *tx) error {
		return t.exec("INSERT INTO proven (epoch, claim, proven_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET proven_ms = excluded.proven_ms", epoch, c.ID, d.Milliseconds())
	}))
}

func (w *world) inTx(f func(t *tx) error) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), f))
}

// TestSponsorPaysProvenSeedersAndGivesBack: two days of budget; on the first two members prove, on
// the second nobody does.
func TestSponsorPaysProvenSeedersAndGivesBack(t *testing.T) {
	w := newWorld(t)
	out, err := w.Sponsor(t.Context(), Once{Member: 1, Key: "k"}, 1, 48*tokens.Unit, 48*time.Hour)
	w.must(err)
	if again, err := w.Sponsor(t.Context(), Once{Member: 1, Key: "k"}, 1, 48*tokens.Unit, 48*time.Hour); err != nil || again.ID != out.ID {
		t.Fatalf("again: %+v, %v", again, err)
	}
	w.want(tokens.Sponsor(out.ID), 48*tokens.Unit)
	a, b := w.claim(2, w.node(2, 0), 1), w.claim(3, w.node(3, 0), 1)
	e := w.nextEpoch(24 * time.Hour)
	w.prove(a, e.Number, 2*time.Hour)
	w.prove(b, e.Number, time.Hour)
	w.must(w.settlement(w.rules, e).paySponsors(t.Context()))
	w.want(tokens.Available(2), 1016*tokens.Unit)
	w.want(tokens.Available(3), 1008*tokens.Unit)
	if left, err := w.Sponsors(t.Context(), 1); err != nil || len(left) != 1 || left[0].Left != 24*tokens.Unit {
		t.Fatalf("running: %+v, %v", left, err)
	}
	e = w.nextEpoch(24 * time.Hour)
	w.must(w.settlement(w.rules, e).paySponsors(t.Context()))
	w.want(tokens.Available(1), (1000-24)*tokens.Unit)
	if left, err := w.Sponsors(t.Context(), 1); err != nil || len(left) != 0 {
		t.Fatalf("still running: %+v, %v", left, err)
	}
}

func TestSponsorRefuses(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name    string
		torrent bt.TorrentID
		amount  tokens.Amount
		d       time.Duration
		want    error
	}{
		{"too short", 1, 10 * tokens.Unit, time.Hour, ErrSponsor},
		{"too little", 1, 1, 48 * time.Hour, ErrSponsor},
		{"negative", 1, -tokens.Unit, 48 * time.Hour, ErrSponsor},
		{"no such torrent", 9, 10 * tokens.Unit, 48 * time.Hour, ErrNotFound},
		{"more than there is", 1, 1001 * tokens.Unit, 48 * time.Hour, tokens.ErrFunds},
	} {
		if _, err := w.Sponsor(t.Context(), Once{Member: 1, Key: c.name}, c.torrent, c.amount, c.d); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	w.want(tokens.Available(1), 1000*tokens.Unit)
	if _, err := w.SponsorFromTreasury(t.Context(), 1, tokens.Unit, 48*time.Hour, 0); !errors.Is(err, tokens.ErrFunds) {
		t.Errorf("an empty treasury: %v", err)
	}
}

// TestSubsidyLastsTheMonth: as much as the treasury has, evenly over the month's epochs; the rest at
// the next month's first.
func TestSubsidyLastsTheMonth(t *testing.T) {
	w := newWorld(t) // 2030-01-01
	w.must(w.Post(t.Context(), grant("t", tokens.Treasury, 310*tokens.Unit)))
	e := w.nextEpoch(24 * time.Hour)
	w.inTx(func(t *tx) error { return t.subsidise(e) })
	w.want(tokens.Treasury, 0)
	w.want(tokens.PoolHosting, 10*tokens.Unit)
	w.must(w.Post(t.Context(), grant("t2", tokens.Treasury, 5000*tokens.Unit)))
	e = w.nextEpoch(15 * 24 * time.Hour)
	w.inTx(func(t *tx) error { return t.subsidise(e) })
	w.want(tokens.PoolHosting, 160*tokens.Unit)
	w.nextEpoch(20 * 24 * time.Hour) // begins in January, ends in February: not looked at
	e = w.nextEpoch(24 * time.Hour)
	w.inTx(func(t *tx) error { return t.subsidise(e) })
	february := tokens.Amount(1000 * tokens.Unit)
	w.want(tokens.Treasury, 4000*tokens.Unit)
	w.want(tokens.Subsidy("2030-01"), 0)
	left := w.has(tokens.Subsidy("2030-02"))
	w.want(tokens.PoolHosting, 310*tokens.Unit+february-left)
	if left <= 900*tokens.Unit || left >= february {
		t.Errorf("%s of %s are left after a day", left, february)
	}
}

func TestFreeTorrentIsLogged(t *testing.T) {
	w := newWorld(t)
	until := time.UnixMilli(w.now.Load()).Add(time.Hour)
	w.must(w.SetFree(t.Context(), 1, until, 0))
	rows, err := w.RosterTorrents(t.Context(), 1)
	w.must(err)
	if rows[0].FreeUntilMs != until.UnixMilli() {
		t.Errorf("free until %d, want %d", rows[0].FreeUntilMs, until.UnixMilli())
	}
	acts, err := w.OperatorLog(t.Context(), 10)
	w.must(err)
	if acts[0].Action != "torrent free" {
		t.Errorf("log: %+v", acts)
	}
	if err := w.SetFree(t.Context(), 99, until, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such torrent: %v", err)
	}
}
