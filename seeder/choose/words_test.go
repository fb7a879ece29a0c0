package choose_test

import (
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		in   choose.Input
		want string
	}{
		{rich(1, busy(1, 25)), "Expected 80.1 VIDYA a day: 0.096 for being one of 2 hosts, 80 for serving. Fetching it takes 1 GiB of the free allowance."},
		{func() choose.Input {
			in := rich(1, busy(1, 0))
			in.Torrents[0].Hosts, in.Economy.Symbol = 0, ""
			return in
		}(), "Expected 0.096 tokens a day for being its only host."},
		{func() choose.Input {
			in := rich(1, busy(1, 25))
			in.Allowance, in.MayPay, in.Spend = 0, true, 50*tokens.Unit
			return in
		}(), "Fetching it costs 10 VIDYA."},
		{func() choose.Input {
			in := rich(1, busy(1, 25))
			in.Pinned = []bt.InfoHash{hash(1)}
			return in
		}(), "You pinned it. Expected 80.1 VIDYA a day"},
		{func() choose.Input {
			in := rich(1, busy(1, 25))
			in.Interests = []choose.Interest{{Kind: choose.Uploader, Value: "Ann\x1b"}, {Kind: choose.Uploader, Value: "Ann"}}
			return in
		}(), `You chose the uploader "Ann". Expected`},
		{func() choose.Input {
			in := rich(1, busy(1, 25))
			in.Held = []choose.Held{held(1, 71*time.Hour)}
			return in
		}(), "Chosen lately, kept at least until 2026-03-01 13:00 UTC. Expected"},
		{func() choose.Input {
			in := rich(1, busy(1, 25))
			in.Allowance = 0
			return in
		}(), "To fetch it costs 10 VIDYA, which this account may not spend on downloads yet: stake up to the gate"},
		{func() choose.Input {
			in := rich(1, busy(1, 0))
			in.Allowance, in.MayPay, in.Spend = 0, true, 50*tokens.Unit
			return in
		}(), "To fetch it costs 10 VIDYA, and in 30 days it would bring 2.88 VIDYA."},
		{func() choose.Input {
			in := rich(1, busy(1, 25))
			in.Torrents[0].Size = 2 * bt.GiB
			return in
		}(), "It needs 2 GiB, and 1 GiB can be made free of the 1 GiB offered."},
		{func() choose.Input {
			in := rich(1, busy(1, 1), busy(2, 99))
			in.Held = []choose.Held{held(1, long)}
			return in
		}(), `It gives way to "torrent 2".`},
	} {
		p := choose.Decide(c.in)
		var all []string
		for _, l := range [][]choose.Choice{p.Add, p.Keep, p.Drop, p.Passed} {
			for _, x := range l {
				all = append(all, x.Words)
			}
		}
		if !strings.Contains(strings.Join(all, "\n"), c.want) {
			t.Errorf("%q is not in %q", c.want, all)
		}
	}
}
