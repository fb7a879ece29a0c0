package store

import (
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// retargeting is a world whose rules retarget once a day, and whose settlements begin to count.
func retargeting(t *testing.T) *world {
	w := newWorld(t)
	w.rules.Surge = surge.DefaultParams()
	w.settleAfter(time.Hour)
	return w
}

// settleAfter ends the epoch after some time and settles it.
func (w *world) settleAfter(d time.Duration) Epoch {
	w.t.Helper()
	e := w.nextEpoch(d)
	_, err := w.SettleEpoch(w.t.Context(), w.rules, e)
	w.must(err)
	return e
}

func (w *world) retargets(kind string) (out []Retargeted) {
	w.t.Helper()
	all, err := w.Retargets(w.t.Context(), 1000)
	w.must(err)
	for _, d := range slices.Backward(all) {
		if d.Kind == kind {
			out = append(out, d)
		}
	}
	return out
}

func (w *world) wantBase(a tokens.Amount) {
	w.t.Helper()
	if got, err := w.BasePrice(w.t.Context()); err != nil || got != a {
		w.t.Fatalf("the base price is %s (%v), want %s", got, err, a)
	}
}

func (w *world) wantRate(a tokens.Amount) {
	w.t.Helper()
	if got, err := w.HostingRate(w.t.Context(), w.rules.Settle); err != nil || got != a {
		w.t.Fatalf("the hosting rate is %s (%v), want %s", got, err, a)
	}
}

func TestRetargetOncePerDayOfEpochs(t *testing.T) {
	w := retargeting(t)
	w.wantBase(10 * tokens.Unit)
	w.wantRate(tokens.Unit)
	for range 7 {
		w.settleAfter(8 * time.Hour)
	}
	got := w.retargets(RetargetBase)
	if len(got) != 3 || got[0].Epoch != 1 || got[1].Epoch != 4 || got[2].Epoch != 7 {
		t.Errorf("retargeted at %+v, want epochs 1, 4 and 7", got)
	}
	if got[2].FactorPPM != surge.PPM || got[2].Actual != 0 {
		t.Errorf("moved without data: %+v", got)
	}
}

// Everybody downloads faster than is wanted: downloads become cheaper, and stay so.
func TestBasePriceFollowsTheMedianRate(t *testing.T) {
	w := retargeting(t)
	fast := w.took(2, 1, 1, bt.GiB, 10) // in a minute
	slow := w.took(2, 2, 1, bt.GiB/4, 10)
	slow.ToMs = slow.FromMs + (10 * time.Hour).Milliseconds()
	w.meter(fast, slow)
	w.wantBase(10 * tokens.Unit)
	w.settleAfter(24 * time.Hour)
	w.wantBase(8 * tokens.Unit)
	d := w.retargets(RetargetBase)[1]
	if d.Actual != int64(bt.GiB/60) || d.Target != 512<<10 {
		t.Errorf("decided on %+v", d)
	}
	w.settleAfter(24 * time.Hour) // nobody downloads
	w.wantBase(8 * tokens.Unit)
	slow = w.took(4, 2, 1, bt.GiB/4, 10)
	slow.ToMs = slow.FromMs + (10 * time.Hour).Milliseconds()
	w.meter(slow)
	w.settleAfter(24 * time.Hour)
	w.wantBase(10 * tokens.Unit)
	if got := w.economy().BasePrice; got != 10*tokens.Unit {
		t.Errorf("the configured price became %s", got)
	}
	eco := w.economy()
	eco.BasePrice = 0
	w.SetEconomy(eco)
	w.wantBase(0)
}

// What a client is there for after its download is complete does not make the download slow.
func TestSeedingIsNoSlowDownload(t *testing.T) {
	w := retargeting(t)
	r := w.took(2, 1, 1, bt.GiB, 10)
	r.ToMs = r.FromMs + (20 * time.Hour).Milliseconds()
	w.meter(r)
	w.must(w.write(t.Context(), func(x *tx) error {
		return x.exec("UPDATE downloads SET completed_ms = ? WHERE member = 1", r.FromMs+60_000)
	}))
	w.settleAfter(24 * time.Hour)
	if d := w.retargets(RetargetBase)[1]; d.Actual != int64(bt.GiB/60) {
		t.Errorf("decided on %+v", d)
	}
}

// More is hosted than is wanted: hosting is paid less from the next settlement on.
func TestHostingRateFollowsTheWork(t *testing.T) {
	w := retargeting(t)
	w.rules.Settle.Replicas, w.rules.Settle.HostingRate = 1, 1000
	w.rules.Settle.TorrentCapPPM, w.rules.Settle.PublisherCapPPM = 1_000_000, 1_000_000
	w.must(w.Post(t.Context(), grant("pool", tokens.PoolHosting, 1000*tokens.Unit)))
	var claims []ClaimRow
	for m := bt.MemberID(1); m <= 2; m++ {
		claims = append(claims, w.claim(m, w.node(m, 100*tokens.Unit), 1), w.claim(m, bt.NodeID(m), 2))
	}
	settle := func(epoch int64, claims []ClaimRow) tokens.Amount {
		for _, c := range claims {
			w.prove(c, epoch, 24*time.Hour)
		}
		before := w.has(tokens.Available(1))
		if e := w.settleAfter(24 * time.Hour); e.Number != epoch {
			t.Fatalf("settled %d", e.Number)
		}
		return w.has(tokens.Available(1)) - before
	}
	paid := settle(2, claims) // two copies of two torrents, of which one is wanted
	d := w.retargets(RetargetHosting)[1]
	if d.Target != 2*24*1024 || d.Actual != 4*24*1024 || d.FactorPPM != 800_000 {
		t.Errorf("decided on %+v", d)
	}
	w.wantRate(800)
	if next := settle(3, claims); paid != 24*1000 || next != 24*800 {
		t.Errorf("paid %d, then %d: want 24 hours of half a share of 2 GiB, at 1000 and at 800", paid, next)
	}
	for epoch := int64(4); epoch < 50; epoch++ {
		for _, c := range claims {
			w.prove(c, epoch, 24*time.Hour)
		}
		w.settleAfter(24 * time.Hour)
	}
	w.wantRate(1) // a thousandth of what is configured
	w.rules.Settle.HostingRate = 0
	w.wantRate(0)
}

// A settlement that is called again decides nothing again, and rules without an interval nothing.
func TestRetargetHappensOnce(t *testing.T) {
	w := retargeting(t)
	w.meter(w.took(2, 1, 1, bt.GiB, 10))
	e := w.settleAfter(24 * time.Hour)
	_, err := w.SettleEpoch(t.Context(), w.rules, e)
	w.must(err)
	if got := w.retargets(RetargetBase); len(got) != 2 || got[1].FactorPPM != 800_000 {
		t.Errorf("%+v", got)
	}
	w.rules.Surge.RetargetInterval = 0
	w.settleAfter(48 * time.Hour)
	if got := w.retargets(RetargetBase); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	w.wantBase(8 * tokens.Unit)
}
