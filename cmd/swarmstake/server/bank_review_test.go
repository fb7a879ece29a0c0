package server

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// What an announce reserves after the meter was collected for a request, and before the request moves
// the tokens, must not be moved away as well.
func TestTokensAreNotReservedAndMovedAtOnce(t *testing.T) {
	conf := quick(t.TempDir())
	conf.Server.FlushInterval, conf.Server.EpochLength = time.Hour, time.Hour
	r := openServer(t, conf) // nothing runs: the test writes the meter
	const have = 100 * tokens.Unit
	m := r.member("greedy", have, 0)
	done := make(chan error, 1)
	go func() {
		_, err := bank{r.store, r.flusher}.Stake(t.Context(), store.Once{Member: m, Key: "all"}, have-conf.Economy.JoinFee)
		done <- err
	}()
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
		r.flusher.mu.Lock()
		waiting = len(r.flusher.waiters)
		r.flusher.mu.Unlock()
	}
	all := func(bt.Bytes) tokens.Amount { return have }
	_, _, reserved := r.roster.dir.Wallet(m).Reserve(swarm.Hold{}, 1, all)
	if err := r.flusher.flushNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil && reserved {
		t.Error("the same tokens were reserved for a download and staked")
	}
	if f := r.roster.dir.Wallet(m).Funds(); !reserved && f.Reserved != 0 {
		t.Errorf("%d are still held after the request", f.Reserved)
	}
}
