package swarm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestBytesAfterACorroborationAreBilled: the first half was taken in silence and corroborated, the
// second half is admitted. Together they are the torrent.
func TestBytesAfterACorroborationAreBilled(t *testing.T) {
	const half = size / 2
	const tolerance = piece + size/1000
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.wait(5 * time.Minute)
	w.announce(say{member: 1, l: half})
	w.s.Corroborate(w.torrent, w.member(1), 1, half-tolerance, false)
	for done := bt.Bytes(10 << 20); done <= half; done += 10 << 20 {
		w.wait(5 * time.Minute)
		w.announce(say{member: 1, d: done, l: half - done})
	}
	if billed, _, _ := w.totals(1); billed < size-tolerance {
		t.Errorf("billed %d of %d bytes: %d were corroborated, %d admitted", billed, size, half-tolerance, half)
	}
}

// TestChargeOfAFullJournalIsNotLost: the journal was full for one announce, that client goes on, and
// the server is killed before it flushed.
func TestChargeOfAFullJournalIsNotLost(t *testing.T) {
	for _, flushed := range []bool{true, false} {
		chargeOfAFullJournal(t, flushed)
	}
}

func chargeOfAFullJournal(t *testing.T, flushed bool) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.collect()
	w.wait(5 * time.Minute)
	w.journal.full = true
	if res := w.announce(say{member: 1, d: size / 2, l: size / 2}); !res.Unstored {
		t.Fatal("the journal took it")
	}
	w.journal.full = false
	w.wait(time.Minute)
	if res := w.announce(say{member: 1, d: size/2 + 1<<20, l: size/2 - 1<<20}); !res.Unstored {
		t.Fatal("a record was kept behind a gap")
	}
	if flushed {
		w.collect()
	} else {
		w.s.Collect(1 << 20) // collected, and never stored
	}
	w.wait(time.Minute)
	if res := w.announce(say{member: 1, d: size/2 + 2<<20, l: size/2 - 2<<20}); res.Unstored {
		t.Fatal("the journal did not take it after the batch")
	}
	w.kill()
	w.wait(time.Minute)
	w.announce(say{member: 1, d: size})
	billed, _, charge := w.totals(1)
	if d := w.download(1); billed != size || charge != d.Charged {
		t.Errorf("usage %d bytes and %d utok; the download says %d bytes and %d utok", billed, charge, d.Billed, d.Charged)
	}
}

// TestReplayWithoutAJournal: server.journal = false. What was replayed is flushed; the server is
// killed before the journal's segments are given back.
func TestReplayWithoutAJournal(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.wait(5 * time.Minute)
	w.announce(say{member: 1, d: size / 2, l: size / 2})
	stored := swarm.Stored{Positions: map[int]int64{}}
	var charged tokens.Amount
	for range 2 { // two boots
		s := swarm.New(w.s.Params(), w.wallet)
		s.Load(stored, w.now, w.now)
		for pos, rec := range w.journal.records {
			if err := s.Replay(int64(pos), rec); err != nil {
				t.Fatal(err)
			}
		}
		s.Loaded()
		s.SetJournal(silentJournal{&w.journal}) // as with server.journal = false
		b, _ := s.Collect(1 << 20)
		if b == nil {
			continue
		}
		stored.Batch, stored.Downloads, stored.Sessions = b.Number, b.Downloads, b.Sessions
		for _, p := range b.Shards {
			stored.Positions[p.Shard] = p.Position
		}
		for _, u := range b.Usage {
			charged += u.Charge
		}
	}
	if want := cost(price, size/2); charged != want {
		t.Errorf("charged %d, cost is %d", charged, want)
	}
}

// silentJournal gives positions and keeps nothing.
type silentJournal struct{ *memJournal }

func (j silentJournal) Append([]byte) (int64, error) { return j.Next(), nil }

// TestLeecherWithoutNumwantIsIntroduced: it never asks for peers; a seeder is told of it and dials.
func TestLeecherWithoutNumwantIsIntroduced(t *testing.T) {
	w := newWorld(t)
	w.s.SetStanding(7, 2, 1)
	w.announce(say{member: 1, l: size, e: bt.Started, want: -1})
	res := w.announce(say{member: 2, e: bt.Started})
	if got := owners(t, res.Reply); !got[1] {
		t.Fatalf("the seeder was told of %v", got)
	}
	w.wait(5 * time.Minute)
	w.announce(say{member: 1, d: size / 2, l: size / 2, want: -1})
	if in := w.download(1).Introduced; !in.Has(2) {
		t.Error("the seeder got the leecher's address and is not introduced: it is not paid, and the leecher never a suspect")
	}
}

// TestPartialSeedsStayListed: it comes back when it was told to.
func TestPartialSeedsStayListed(t *testing.T) {
	w := newWorld(t, func(p *swarm.Params) { p.JitterPPM = 0 })
	res := w.announce(say{member: 1, l: size, e: bt.Started, paused: true})
	w.wait(res.Reply.Interval)
	w.s.Expire(w.now, func() {})
	if got := w.s.Scrape(7); got.Incomplete != 1 {
		t.Errorf("gone before its interval of %v was over: %+v", res.Reply.Interval, got)
	}
}

// TestHugeCountersDoNotMakeTheNextPassFree: the sum of what was metered must not stop growing.
func TestHugeCountersDoNotMakeTheNextPassFree(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	for i := range 256 {
		w.wait(time.Second)
		w.announce(say{member: 1, peer: fmt.Sprint("x", i), d: bt.MaxCounter, l: size, e: bt.Started})
		w.announce(say{member: 1, peer: fmt.Sprint("x", i), d: bt.MaxCounter, l: size, e: bt.Stopped})
	}
	w.wait(time.Second)
	w.announce(say{member: 1, d: 0, l: 0, e: bt.Completed})
	before, _, _ := w.totals(1)
	w.wait(time.Minute)
	w.announce(say{member: 1, peer: "fresh", l: size, e: bt.Started})
	w.wait(5 * time.Minute)
	w.announce(say{member: 1, peer: "fresh", d: size})
	if after, _, _ := w.totals(1); after-before != size {
		t.Errorf("a second pass of %d bytes was billed %d", size, after-before)
	}
}

// TestBudgetOfOneByte: what a member can take who reserved nothing.
func TestBudgetOfOneByte(t *testing.T) {
	w := newWorld(t)
	w.member(1).Wallet.Set(1, 0) // one millionth of a token
	w.announce(say{member: 2, e: bt.Started})
	res := w.announce(say{member: 1, l: size, e: bt.Started, budget: 1})
	if res.Refusal == "" && len(owners(t, res.Reply)) > 0 {
		t.Errorf("with 1 utok of %d a member got peers for the whole torrent", cost(price, size))
	}
}

// TestReservationOfASilentSwarmAfterSeederAnnounce …: sum of reservations equals the wallet.
func TestWalletEqualsDownloads(t *testing.T) {
	w := newWorld(t)
	check := func(when string) {
		t.Helper()
		if got, want := w.member(1).Wallet.Funds().Reserved, w.download(1).Reserved; got != want {
			t.Errorf("%s: wallet %d, download %d", when, got, want)
		}
	}
	w.announce(say{member: 1, l: size, e: bt.Started})
	check("started")
	w.s.Release(swarm.DownloadKey{Member: 1, Torrent: 7}, 1000)
	check("released")
	w.announce(say{member: 1, d: 10 << 20, l: size - 10<<20, budget: 1 << 20})
	check("budget")
	w.s.Corroborate(w.torrent, w.member(1), 1, 30<<20, false)
	check("corroborated")
	w.kill()
	check("killed")
	w.announce(say{member: 1, d: 10 << 20, l: 0})
	check("completed")
	w.announce(say{member: 1, d: 10 << 20, l: size})
	check("again")
	w.announce(say{member: 1, d: 10 << 20, l: size, e: bt.Stopped})
	w.wait(2 * time.Hour)
	w.s.ReleaseStopped(w.now)
	check("stopped")
	w.reload()
	check("reloaded")
}

// TestRecordsFitTheJournal: epochs of a minute, settled 45 minutes after their end as by default; a
// client that slept for an hour tells what it did. The journal takes records of 4 KiB.
func TestRecordsFitTheJournal(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started})
	var epochs []swarm.Epoch
	for i := range int64(48) {
		epochs = append(epochs, swarm.Epoch{Number: i + 1, StartMs: start.Add(time.Duration(i) * time.Minute).UnixMilli(), Charges: i > 1})
	}
	w.setEpochs(epochs)
	w.wait(time.Hour)
	w.announce(say{member: 1, u: size, d: size / 2, l: size / 2})
	for _, rec := range w.journal.records {
		if len(rec) > 4<<10 {
			t.Errorf("a record of %d bytes", len(rec))
		}
	}
}
