package swarm_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestNoHoldLeaks: whatever clients, settlements and kills do, once nobody downloads any more nothing
// is held, of the funds or of the allowance, and what left the allowance is what usage says.
func TestNoHoldLeaks(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		w.allowance = bt.Bytes(r.IntN(3)) * size
		w.announce(say{member: 9, e: bt.Started})
		d := [4]bt.Bytes{}
		for range 40 {
			w.wait(time.Duration(r.IntN(400)) * time.Second)
			m := bt.MemberID(1 + r.IntN(3))
			x := say{member: m, peer: fmt.Sprint("p", m, r.IntN(2)), guest: true, free: r.IntN(6) == 0, budget: bt.Bytes(r.IntN(3)) << 20}
			if m == 3 || r.IntN(4) == 0 {
				x.stake = "no stake"
			}
			d[m] += bt.Bytes(r.IntN(size / 3))
			x.d, x.l = d[m], bt.Bytes(r.IntN(4))*size/4
			switch r.IntN(8) {
			case 0:
				x.e = bt.Stopped
			case 1:
				x.e, x.d = bt.Started, 0
			case 2:
				w.s.Corroborate(w.torrent, w.member(m), 1, size/5, r.IntN(2) == 0)
			case 3:
				w.s.Release(swarm.DownloadKey{Member: m, Torrent: 7}, 1000)
			case 4:
				w.s.ReleaseStopped(w.now)
			case 5:
				if r.IntN(2) == 0 {
					w.kill()
				} else {
					w.reload()
				}
			case 6:
				w.expire()
			}
			w.announce(x)
		}
		w.wait(24 * time.Hour)
		w.expire()
		w.s.ReleaseStopped(w.now)
		w.collect()
		for m := bt.MemberID(1); m <= 3; m++ {
			var used bt.Bytes
			for _, b := range w.batches {
				for _, u := range b.Usage {
					if u.Member == m {
						used += u.Allowed
					}
				}
			}
			if f := w.member(m).Wallet.Funds(); f.Reserved != 0 || f.Allowance != w.allowance-used || used > w.allowance {
				t.Fatalf("seed %d: member %d: %+v, used %d of %d", seed, m, f, used, w.allowance)
			}
		}
	}
}
