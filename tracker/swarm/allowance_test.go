package swarm_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// allowed sums the free bytes of all batches: those of the allowance, and those of free torrents.
func (w *world) allowed(m bt.MemberID) (allowed, free bt.Bytes) {
	w.collect()
	for _, b := range w.batches {
		for _, u := range b.Usage {
			if u.Member == m {
				allowed, free = allowed+u.Allowed, free+u.Free
			}
		}
	}
	return allowed, free
}

func TestAllowanceIsTakenFirst(t *testing.T) {
	const have = size / 4
	w := newWorld(t)
	w.allowance = have
	w.announce(say{member: 1, l: size, e: bt.Started})
	if d := w.download(1); d.ReservedFree != have || d.Reserved != cost(price, size-have) {
		t.Fatalf("reserved %d bytes and %s, want %d and %s", d.ReservedFree, d.Reserved, have, cost(price, size-have))
	}
	for done := bt.Bytes(10 << 20); done <= size; done += 10 << 20 {
		w.wait(5 * time.Minute)
		w.announce(say{member: 1, d: done, l: size - done})
	}
	billed, _, charge := w.totals(1)
	if allowed, free := w.allowed(1); allowed != have || free != 0 || billed != size-have || charge != cost(price, size-have) {
		t.Errorf("%d bytes of the allowance, %d free, %d billed, %s charged", allowed, free, billed, charge)
	}
	if f := w.member(1).Wallet.Funds(); f.Allowance != 0 || f.Reserved != 0 {
		t.Errorf("afterwards: %+v", f)
	}
}

func TestGuestsFetchWhatTheAllowanceCovers(t *testing.T) {
	const gate = "stake 50 first"
	for _, c := range []struct {
		name      string
		allowance bt.Bytes
		budget    bt.Bytes
		refusal   string
	}{
		{"none", 0, 0, gate},
		{"too little", size - 1, 0, "your free allowance of 0.098 GiB is too little for the 0.098 GiB to go"},
		{"enough", size, 0, ""},
		{"a budget is no help", size - 1, 1, "too little"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.allowance = c.allowance
			w.member(1).Wallet.Set(0, 0)
			res := w.announce(say{member: 1, l: size, stake: gate, guest: true, budget: c.budget, e: bt.Started})
			if c.refusal == "" != (res.Refusal == "") || !strings.Contains(string(res.Refusal), c.refusal) {
				t.Errorf("refusal %q, want %q", res.Refusal, c.refusal)
			}
			if d := w.download(1); d.ReservedFree > 0 != (c.refusal == "") || d.Reserved != 0 {
				t.Errorf("reserved %d bytes, %s", d.ReservedFree, d.Reserved)
			}
		})
	}
}

// TestAllowanceIsReservedOnce: two downloads of a guest cannot count on the same free bytes.
func TestAllowanceIsReservedOnce(t *testing.T) {
	w := newWorld(t)
	w.allowance = size + size/2
	first := say{member: 1, l: size, stake: "stake first", guest: true, e: bt.Started}
	if res := w.announce(first); res.Refusal != "" {
		t.Fatalf("the first: %s", res.Refusal)
	}
	w.torrent = swarm.NewTorrent(8, size, piece, price, 1_000_000)
	if res := w.announce(first); !strings.Contains(string(res.Refusal), "too little") {
		t.Fatalf("the second: %q", res.Refusal)
	}
	w.torrent = swarm.NewTorrent(7, size, piece, price, 1_000_000)
	w.announce(say{member: 1, d: size, e: bt.Completed})
	w.torrent = swarm.NewTorrent(8, size, piece, price, 1_000_000)
	if res := w.announce(first); !strings.Contains(string(res.Refusal), "0.049 GiB is too little") {
		t.Fatalf("what the first used is free again: %q", res.Refusal)
	}
}

// TestFreeBytesAreNoDemand: otherwise allowances of many accounts could move a price.
func TestFreeBytesAreNoDemand(t *testing.T) {
	for _, free := range []bool{false, true} {
		w := newWorld(t)
		if !free {
			w.allowance = size
		}
		w.announce(say{member: 1, l: size, e: bt.Started, free: free})
		w.wait(5 * time.Minute)
		w.announce(say{member: 1, d: size / 2, l: size / 2, free: free})
		if l := w.leechers(); len(l) != 1 || l[0].BilledRecent != 0 {
			t.Errorf("free torrent %v: leechers %+v", free, l)
		}
		allowed, ofFree := w.allowed(1)
		if allowed+ofFree == 0 || (ofFree > 0) != free {
			t.Errorf("free torrent %v: %d bytes of the allowance, %d free", free, allowed, ofFree)
		}
	}
}

// TestAllowanceSums: whatever clients say and whenever the server is killed, each billable byte is
// either paid or taken from the allowance, never more of it than there was, and the wallet adds up.
func TestAllowanceSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.allowance = bt.Bytes(rapid.IntRange(0, size+size/2).Draw(t, "allowance"))
		var done bt.Bytes
		for range rapid.IntRange(1, 25).Draw(t, "announces") {
			done = min(size, done+bt.Bytes(rapid.IntRange(0, size/6).Draw(t, "bytes")))
			x := say{member: 1, d: done, l: size - done, e: bt.Event(rapid.SampledFrom([]int{0, 0, 0, 3}).Draw(t, "event"))}
			if rapid.IntRange(0, 4).Draw(t, "guest") == 0 {
				x.stake, x.guest = "stake first", true
			}
			w.announce(x)
			switch rapid.IntRange(0, 5).Draw(t, "then") {
			case 0:
				w.collect()
			case 1:
				w.kill()
			}
			w.wait(time.Duration(rapid.SampledFrom([]int{61, 300, 900}).Draw(t, "wait")) * time.Second)
		}
		f := w.member(1).Wallet.Funds()
		w.kill()
		w.announce(say{member: 1, d: done, l: size - done, e: bt.Stopped})
		after := w.member(1).Wallet.Funds()
		billed, _, charge := w.totals(1)
		allowed, _ := w.allowed(1)
		d := w.download(1)
		if billed+allowed != d.Billed || charge != cost(price, billed) || d.Charged != charge {
			t.Fatalf("%d billed + %d of the allowance, charged %s; the download says %+v", billed, allowed, charge, d)
		}
		if allowed > w.allowance || allowed < min(w.allowance, d.Billed) {
			t.Fatalf("%d bytes of an allowance of %d for %d", allowed, w.allowance, d.Billed)
		}
		if f.Allowance+d.ReservedFree+allowed != w.allowance {
			t.Fatalf("%d left + %d reserved + %d used of %d", f.Allowance, d.ReservedFree, allowed, w.allowance)
		}
		if f.Reserved != after.Reserved {
			t.Fatalf("before the kill %+v, after it %+v", f, after)
		}
	})
}
