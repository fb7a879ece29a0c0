package server

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// What is remembered of a node's earnings and what came since is what all of the ledger comes to, however many days
// are asked for, and when.
func TestEarnedIsWhatTheLedgerHas(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	payer, m := r.member("payer", 100*tokens.Unit, 0), r.member("earner", 100*tokens.Unit, 0)
	n := store.Node{ID: 1, Member: m}
	var e earned
	post := func(i int) {
		for k, tr := range []tokens.Transfer{{From: tokens.Available(payer), To: tokens.Available(m), Amount: tokens.Amount(i + 1)}, {From: tokens.Available(m), To: tokens.Available(payer), Amount: 1}} {
			tr.ID, tr.Asset, tr.Code, tr.Ref = fmt.Sprint("t/", i, "/", k), tokens.Token, tokens.CodeUnexplained, "torrent/1 epoch/1"
			if err := r.store.Post(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := r.now()
	for i, c := range []struct {
		days int
		at   time.Duration
	}{{2, 0}, {2, time.Minute}, {14, time.Minute}, {2, 2 * time.Minute}, {90, time.Hour}, {31, time.Hour}, {14, earnedFor + 2*time.Hour}, {14, -time.Hour}} {
		post(i)
		got, err := e.days(t.Context(), r.store, n, now.Add(c.at), c.days)
		if err != nil {
			t.Fatal(err)
		}
		since := now.Add(c.at).UTC().Truncate(marketDay).AddDate(0, 0, 1-c.days)
		want, _, err := r.store.EarningsDays(t.Context(), n, since, 0)
		if err != nil || !slices.Equal(got, want) || slices.IndexFunc(want, func(d store.EarningsDay) bool { return d.Upload > 0 && d.Spent > 0 }) < 0 {
			t.Errorf("%d days, after %s: %+v, want %+v, %v", c.days, c.at, got, want, err)
		}
	}
}

func TestEarnedIsBounded(t *testing.T) {
	var e earned
	for n := range bt.NodeID(maxEarned + 1) {
		e.remember(n+1, sumUp{days: make([]store.EarningsDay, 1)})
	}
	if len(e.of) != 1 {
		t.Errorf("%d nodes are remembered", len(e.of))
	}
	made := time.UnixMilli(1e12)
	e.remember(1, sumUp{days: []store.EarningsDay{{Start: made}}, row: 7, made: made})
	if e.known(1, made, made.Add(earnedFor-1)).row != 7 || e.known(1, made, made.Add(earnedFor)).row != 0 || e.known(1, made.Add(-1), made).row != 0 {
		t.Error("what is remembered is used too long, not long enough, or for more days than it has")
	}
}
