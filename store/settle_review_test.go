package store

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// TestUnpaidBytesTakeNobodysClaims: a member without funds admits far more than an honest one pays
// for. The uploader is paid for what was paid for, whoever is served first.
func TestUnpaidBytesTakeNobodysClaims(t *testing.T) {
	for seed := byte(1); seed < 9; seed++ {
		w := newWorld(t)
		w.noInflation()
		w.claim(3, 0, 1)
		w.proves(1, 3, 1)
		w.must(w.Post(t.Context(), tokens.Transfer{ID: "poor", Asset: tokens.Token, From: tokens.Available(2), To: tokens.Treasury, Amount: 1000*tokens.Unit - 1, Code: tokens.CodeGrant}))
		w.meter(w.took(1, 1, 1, gib, 10*tokens.Unit), w.took(1, 2, 1, 1<<50, 1<<40), w.gave(1, 3, 1, gib))
		e := w.nextEpoch(time.Hour)
		e.Seed = [32]byte{seed}
		w.settle(e)
		if got := w.has(tokens.Available(3)) - 1000*tokens.Unit; got < 7*tokens.Unit {
			t.Errorf("seed %d: paid %s for 1 GiB that cost 10", seed, got)
		}
	}
}

// TestUnpaidBytesProveNothing: what nobody paid for makes no claim honest.
func TestUnpaidBytesProveNothing(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	p := &w.rules.Settle
	p.HonestyDay = time.Hour
	w.claim(3, 0, 1)
	w.must(w.Post(t.Context(), tokens.Transfer{ID: "poor", Asset: tokens.Token, From: tokens.Available(2), To: tokens.Treasury, Amount: 1000 * tokens.Unit, Code: tokens.CodeGrant}))
	var e Epoch
	for epoch := int64(1); epoch <= 5; epoch++ {
		w.proves(epoch, 3, 1)
		w.meter(w.took(epoch, 2, 1, 100*gib, 1<<40), w.gave(epoch, 3, 1, 100*gib))
		e = w.nextEpoch(time.Hour)
		w.settle(e)
	}
	q, err := qualitiesAt(t.Context(), w.r, *p, e)
	w.must(err)
	if q.of(3) > 100_000 {
		t.Errorf("q is %d ppm after uploads that cost nobody anything", q.of(3))
	}
}

// TestHugeCountersStallNoSettlement: members say that they took and gave the largest torrent over and
// over, in every way the meter lets them.
func TestHugeCountersStallNoSettlement(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	p := &w.rules.Settle
	p.HonestyDay = 2 * time.Hour
	w.claim(3, 0, 1)
	w.claim(4, 0, 1)
	for epoch := int64(1); epoch <= 8; epoch++ {
		w.proves(epoch, 3, 1)
		w.proves(epoch, 4, 1)
		for range 3 {
			free := w.took(epoch, 3, 1, 0, 0)
			free.Free = 1 << 61
			w.meter(w.took(epoch, 1, 1, 1<<61, 1<<40), w.took(epoch, 2, 1, 1<<61, 1<<40), free, w.gave(epoch, 3, 1, 1<<61), w.gave(epoch, 4, 1, 1<<61))
		}
		w.settle(w.nextEpoch(time.Hour))
	}
	verified(t, w.Store, w.dir)
}

// TestSponsorOfTheLastHour: an even flow pays who hosts at the end for the end alone.
func TestSponsorOfTheLastHour(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	out, err := w.Sponsor(t.Context(), Once{Member: 1, Key: "k"}, 1, 48*tokens.Unit, 48*time.Hour)
	w.must(err)
	e := w.nextEpoch(47 * time.Hour)
	w.must(w.settlement(w.rules, e).paySponsors(t.Context()))
	a := w.claim(2, w.node(2, 0), 1)
	e = w.nextEpoch(time.Hour)
	w.prove(a, e.Number, time.Hour)
	w.must(w.settlement(w.rules, e).paySponsors(t.Context()))
	w.want(tokens.Available(2), 1001*tokens.Unit)
	w.want(tokens.Available(1), (1000-1)*tokens.Unit)
	w.want(tokens.Sponsor(out.ID), 0)
}
