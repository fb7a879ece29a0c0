package swarm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func TestFullDownloadIsBilledItsSize(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	if got, want := w.member(1).Wallet.Funds().Reserved, cost(price, size); got != want {
		t.Fatalf("reserved %d, want %d", got, want)
	}
	w.wait(time.Minute)
	w.announce(say{member: 1, d: size / 3, l: size - size/3})
	if d := w.download(1); d.Reserved+d.Charged != cost(price, size) {
		t.Errorf("reservation did not shrink: %+v", d)
	}
	w.wait(time.Minute)
	w.announce(say{member: 1, d: size, e: bt.Completed})
	billed, _, charge := w.totals(1)
	d := w.download(1)
	if billed != size || d.Billed != size || charge != cost(price, size) || d.Charged != charge {
		t.Errorf("billed %d, charge %d: %+v", billed, charge, d)
	}
	f := w.member(1).Wallet.Funds()
	if f.Reserved != 0 || f.Pending != charge || f.Free() != 1000*tokens.Unit-charge {
		t.Errorf("funds %+v", f)
	}
	w.member(1).Wallet.Flushed(charge, 1000*tokens.Unit-charge, 0)
	if f := w.member(1).Wallet.Funds(); f.Pending != 0 || f.Free() != 1000*tokens.Unit-charge {
		t.Errorf("funds after the flush %+v", f)
	}
}

func TestToleranceAndCap(t *testing.T) {
	tolerance := bt.Bytes(size/1000 + piece)
	for name, c := range map[string]struct{ metered, billed bt.Bytes }{
		"below":      {size - 1, size - 1},
		"size":       {size, size},
		"tolerated":  {size + tolerance, size},
		"one beyond": {size + tolerance + 1, size + 1},
		"capped":     {2 * size, size*103/100 + 2*piece},
	} {
		w := newWorld(t)
		w.announce(say{member: 1, l: size, e: bt.Started})
		w.wait(time.Minute)
		w.announce(say{member: 1, d: c.metered / 2, l: size})
		w.wait(time.Minute)
		w.announce(say{member: 1, d: c.metered, l: 1})
		if d := w.download(1); d.Billed != c.billed || d.Metered != c.metered {
			t.Errorf("%s: billed %d of %d, want %d", name, d.Billed, d.Metered, c.billed)
		}
	}
}

func TestSecondPassIsBilledAgain(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.wait(time.Minute)
	w.announce(say{member: 1, d: size, e: bt.Completed})
	w.wait(time.Minute)
	w.announce(say{member: 1, peer: "again", l: size, e: bt.Started})
	if d := w.download(1); d.Completed != 0 || d.PassMetered != size || d.Reserved+d.Charged != cost(price, 2*size) {
		t.Errorf("no new pass: %+v", d)
	}
	w.wait(time.Minute)
	w.announce(say{member: 1, peer: "again", d: size, e: bt.Completed})
	if d := w.download(1); d.Billed != 2*size || d.Charged != cost(price, 2*size) {
		t.Errorf("%+v", d)
	}
}

// TestSecondClientOfACompleteMember: one machine seeds, another fetches again; the seeding one
// neither completes the other's download nor begins a new one at each of its announces.
func TestSecondClientOfACompleteMember(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, peer: "A", e: bt.Started})
	w.announce(say{member: 1, peer: "B", l: size, e: bt.Started})
	for i := range 5 {
		w.wait(time.Minute)
		w.announce(say{member: 1, peer: "A"})
		w.announce(say{member: 1, peer: "B", d: bt.Bytes(i) * mb, l: size - bt.Bytes(i)*mb})
		if d := w.download(1); d.Completed != 0 || d.PassMetered != 0 || d.Reserved+d.Charged != cost(price, size) {
			t.Fatalf("round %d: %+v", i, d)
		}
	}
}

func TestManyAnnouncesCostTheSame(t *testing.T) {
	odd := 10*tokens.Unit + 7
	w := newWorld(t)
	w.torrent.SetPrice(odd, 1_000_000)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.announce(say{member: 2, l: size, e: bt.Started})
	w.wait(time.Minute)
	w.announce(say{member: 1, d: size, l: 1})
	for d := bt.Bytes(0); d < size; {
		d = min(size, d+9973)
		w.announce(say{member: 2, d: d, l: size - d + 1})
	}
	one, many := w.download(1), w.download(2)
	if one.Charged != many.Charged || one.Charged != cost(odd, size) {
		t.Errorf("one announce costs %d, many %d", one.Charged, many.Charged)
	}
	if _, _, charge := w.totals(2); charge != many.Charged {
		t.Errorf("batches sum to %d, want %d", charge, many.Charged)
	}
}

func TestQuotes(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.torrent.SetPrice(15*tokens.Unit, 1_500_000)
	w.wait(time.Minute)
	res := w.announce(say{member: 1, d: 10 * mb, l: size})
	if want := "price now 15 VIDYA/GiB (x1.5); yours stays 10 until"; !strings.HasPrefix(res.Reply.Warning, want) {
		t.Errorf("warning %q, want %q…", res.Reply.Warning, want)
	}
	if d := w.download(1); d.Charged != cost(price, 10*mb) {
		t.Errorf("not billed at the frozen quote: %+v", d)
	}
	w.wait(15 * time.Minute) // the quote ended less than two intervals ago: it still bills
	w.announce(say{member: 1, d: 20 * mb, l: size})
	if d := w.download(1); d.Charged != cost(price, 20*mb) || d.Quote != 15*tokens.Unit {
		t.Errorf("%+v", d)
	}
	w.torrent.SetPrice(18*tokens.Unit, 1_800_000)
	w.wait(time.Hour) // long ended: max(quote, current)
	before := w.download(1)
	w.announce(say{member: 1, d: 21 * mb, l: size})
	d := w.download(1)
	if got := d.Charged - before.Charged; got < cost(18*tokens.Unit, mb)-1 || got > cost(18*tokens.Unit, mb)+1 {
		t.Errorf("late bytes cost %d, want about %d", got, cost(18*tokens.Unit, mb))
	}
}

func TestConsent(t *testing.T) {
	w := newWorld(t)
	w.member(1).MaxPrice = 12 * tokens.Unit
	w.announce(say{member: 2, e: bt.Started})
	w.torrent.SetPrice(13*tokens.Unit, 1_300_000)
	res := w.announce(say{member: 1, l: size, e: bt.Started})
	if res.Refusal == "" || len(res.Reply.Peers) != 0 || !strings.Contains(string(res.Refusal), "above your maximum of 12") {
		t.Fatalf("%+v", res)
	}
	w.wait(time.Hour)
	w.announce(say{member: 1, d: mb, l: size})
	if d := w.download(1); d.Charged != cost(12*tokens.Unit, mb) {
		t.Errorf("bytes that still arrive bill at the maximum: %+v", d)
	}
	w.torrent.SetPrice(11*tokens.Unit, 1_100_000)
	if res := w.announce(say{member: 1, d: mb, l: size}); res.Refusal != "" || w.download(1).Quote != 11*tokens.Unit {
		t.Errorf("%+v", res)
	}
}

func TestDefaultMaximumPrice(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.torrent.SetPrice(21*tokens.Unit, 2_100_000)
	w.wait(16 * time.Minute)
	if res := w.announce(say{member: 1, l: size}); !strings.Contains(string(res.Refusal), "above your maximum of 20") {
		t.Errorf("%+v", res)
	}
}

func TestReservation(t *testing.T) {
	w := newWorld(t)
	need := cost(price, size)
	w.announce(say{member: 9, e: bt.Started}) // a seeder
	w.member(1).Wallet.Set(need-1, 0)
	res := w.announce(say{member: 1, l: size, e: bt.Started})
	if want := "you have 0.97 VIDYA free, 0.98 needed"; !strings.Contains(string(res.Refusal), want) || !strings.Contains(string(res.Refusal), "add funds at https://t/wallet") {
		t.Errorf("refusal %q, want %q", res.Refusal, want)
	}
	if len(res.Reply.Peers) != 0 || res.Reply.Interval == 0 || !res.Changed {
		t.Errorf("%+v", res)
	}
	if res := w.announce(say{member: 2, l: size, e: bt.Started}); len(res.Reply.Peers) != 1 {
		t.Errorf("an unfunded leecher was handed out, or the seeder was not: %v", res.Reply.Peers)
	}
	w.member(1).Wallet.Set(need, 0)
	if res := w.announce(say{member: 1, l: size}); res.Refusal != "" || len(res.Reply.Peers) != 2 {
		t.Errorf("%+v", res)
	}
	if !strings.Contains(w.announce(say{member: 1, l: size}).Reply.Warning, "0 VIDYA are left beyond it") {
		t.Error("low funds were not said")
	}
}

func TestReservationIsPerMemberOverTorrents(t *testing.T) {
	w := newWorld(t)
	w.member(1).Wallet.Set(cost(price, size), 0)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.torrent = swarm.NewTorrent(8, size, piece, price, 1_000_000)
	if res := w.announce(say{member: 1, l: size, e: bt.Started}); res.Refusal == "" {
		t.Error("the same funds were reserved twice")
	}
}

func TestReservationEnds(t *testing.T) {
	w := newWorld(t)
	free := func() tokens.Amount { return w.member(1).Wallet.Free() }
	all := free()
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.wait(time.Minute)
	w.announce(say{member: 1, l: size, e: bt.Stopped})
	if free() == all {
		t.Error("stopping alone released the reservation: bytes may still be unexplained")
	}
	w.s.ReleaseStopped(w.now)
	if free() == all {
		t.Error("released by a settlement of the time before the stop")
	}
	w.s.ReleaseStopped(w.now.Add(time.Millisecond))
	if free() != all || w.download(1).Reserved != 0 {
		t.Error("not released")
	}
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.s.ReleaseStopped(w.now.Add(time.Minute))
	if free() == all {
		t.Error("a live download was released")
	}
	w.s.ReleaseStopped(w.now.Add(time.Hour)) // it fell silent long before
	if free() != all {
		t.Error("a silent download was not released")
	}
}

func TestRefusedIsMeteredAndBilled(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 2, e: bt.Started})
	res := w.announce(say{member: 1, d: mb, l: size, refuse: "no stake"})
	if res.Refusal != "no stake" || len(res.Reply.Peers) != 0 || res.Reply.Interval == 0 {
		t.Errorf("%+v", res)
	}
	if d := w.download(1); d.Charged != cost(price, mb) || d.Reserved != 0 {
		t.Errorf("%+v", d)
	}
	if res := w.announce(say{member: 2}); len(res.Reply.Peers) != 0 || res.Reply.Incomplete != 0 {
		t.Error("a refused peer was handed out or counted")
	}
}

func TestFreeIsMeteredNotBilled(t *testing.T) {
	w := newWorld(t)
	w.member(1).Wallet.Set(0, 0)
	if res := w.announce(say{member: 1, d: mb, l: size, free: true}); res.Refusal != "" {
		t.Errorf("%+v", res)
	}
	w.member(1).Wallet.Set(100*tokens.Unit, 0)
	w.wait(time.Minute)
	w.announce(say{member: 1, d: 3 * mb, l: size})
	if d := w.download(1); d.Metered != 3*mb || d.Billed != 2*mb {
		t.Errorf("%+v", d)
	}
}

func TestUsageIsSpreadOverEpochs(t *testing.T) {
	w := newWorld(t)
	at := func(min int) int64 { return start.Add(time.Duration(min) * time.Minute).UnixMilli() }
	w.setEpochs([]swarm.Epoch{{Number: 5, StartMs: at(0)}, {Number: 6, StartMs: at(10), Charges: true}, {Number: 7, StartMs: at(20), Charges: true}})
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.wait(25 * time.Minute)
	w.announce(say{member: 1, d: 25 * mb, u: 50 * mb, l: size - 25*mb})
	got := map[int64]swarm.UsageRow{}
	for _, u := range w.collect().Usage {
		got[u.Epoch] = u
	}
	for epoch, want := range map[int64]struct{ billed, claimed bt.Bytes }{5: {0, 20 * mb}, 6: {20 * mb, 20 * mb}, 7: {5 * mb, 10 * mb}} {
		if u := got[epoch]; u.Billed != want.billed || u.Claimed != want.claimed {
			t.Errorf("epoch %d: billed %d claimed %d, want %v", epoch, u.Billed, u.Claimed, want)
		}
	}
	if u := got[6]; u.FromMs != at(10) || u.ToMs != at(20) || !u.Network.IsValid() {
		t.Errorf("presence %+v", u)
	}
	if u := got[7]; u.FromMs != at(20) || u.ToMs != at(25) {
		t.Errorf("presence %+v", u)
	}
	var sum tokens.Amount
	for _, u := range got {
		sum += u.Charge
	}
	if sum != cost(price, 25*mb) {
		t.Errorf("charges sum to %d, want %d", sum, cost(price, 25*mb))
	}
}

func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, d: 3 * mb, l: size, e: bt.Started})
	w.announce(say{member: 2, e: bt.Started})
	before := w.download(1)
	free := w.member(1).Wallet.Free()
	w.reload()
	if w.download(1) != before || w.member(1).Wallet.Free() != free {
		t.Errorf("%+v free %d, want %+v free %d", w.download(1), w.member(1).Wallet.Free(), before, free)
	}
	w.wait(time.Minute)
	res := w.announce(say{member: 1, d: 4 * mb, l: size})
	if d := w.download(1); d.Metered != 4*mb || len(res.Reply.Peers) != 1 {
		t.Errorf("%+v %+v", d, res)
	}
	if n := w.collect().Number; n <= w.batches[0].Number {
		t.Errorf("batch %d after %d", n, w.batches[0].Number)
	}
}

func TestChargesSkipAllSettledEpochs(t *testing.T) {
	w := newWorld(t)
	at := func(min int) int64 { return start.Add(time.Duration(min) * time.Minute).UnixMilli() }
	w.setEpochs([]swarm.Epoch{{Number: 1, StartMs: at(0)}, {Number: 2, StartMs: at(10)}, {Number: 3, StartMs: at(20), Charges: true}, {Number: 4, StartMs: at(30), Charges: true}})
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.wait(40 * time.Minute)
	w.announce(say{member: 1, d: 40 * mb, l: size - 40*mb})
	got := map[int64]bt.Bytes{}
	for _, u := range w.collect().Usage {
		got[u.Epoch] = u.Billed
	}
	if got[1] != 0 || got[2] != 0 || got[3] != 30*mb || got[4] != 10*mb {
		t.Errorf("billed by epoch: %v", got)
	}
}

func TestReservationShrinksAlsoWithoutFunds(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.member(1).Wallet.Set(0, 0) // for example a charge that another flush took
	w.wait(time.Minute)
	if res := w.announce(say{member: 1, d: 50 * mb, l: size - 50*mb}); res.Refusal != "" {
		t.Errorf("a granted reservation was refused: %q", res.Refusal)
	}
	d := w.download(1)
	if d.Reserved+d.Charged != cost(price, size) {
		t.Errorf("reserved %d and charged %d, want %d together", d.Reserved, d.Charged, cost(price, size))
	}
}

// TestExactFundsLastToTheEnd: whoever owns exactly the price of the file gets all of it, in
// however many announces.
func TestExactFundsLastToTheEnd(t *testing.T) {
	odd := 10*tokens.Unit + 7
	w := newWorld(t)
	w.torrent.SetPrice(odd, 1_000_000)
	w.member(1).Wallet.Set(cost(odd, size), 0)
	for d := bt.Bytes(0); d < size; d = min(size, d+1_234_567) {
		if res := w.announce(say{member: 1, d: d, l: size - d}); res.Refusal != "" {
			t.Fatalf("at %d: %q", d, res.Refusal)
		}
	}
	w.announce(say{member: 1, d: size})
	if f := w.member(1).Wallet.Funds(); f.Pending != f.Available || f.Reserved != 0 {
		t.Errorf("%+v", f)
	}
}

func TestUnfundedLeecherStaysHiddenAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.member(1).Wallet.Set(0, 0)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.reload()
	if res := w.announce(say{member: 2, l: size, e: bt.Started}); len(res.Reply.Peers) != 0 {
		t.Errorf("handed out %v", res.Reply.Peers)
	}
}
