package store

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
)

// Whatever members and operators do in whatever order: nothing is lost, nothing is decided twice, and each penalty
// ends where the last word says.
func TestAppealsModel(t *testing.T) {
	type state struct{ appealed, decided, closed, returned bool }
	const slashes, each, pledged = 3, tokens.Amount(700), tokens.Amount(10_000)
	w := newWorld(t)
	w.sql("UPDATE members SET operator = 1 WHERE id = 4")
	first := int64(1) // slash of a run
	rapid.Check(t, func(rt *rapid.T) {
		n := w.node(3, pledged)
		w.claim(3, n, 1)
		states := make([]state, slashes)
		for range slashes {
			w.slashed(n, 3, each)
		}
		due, burned := w.now.Load()+w.economy().AppealWindow.Milliseconds(), w.has(tokens.Burned)
		step := func(what string, i int) {
			x, id, open := &states[i], first+int64(i), w.now.Load() < due
			switch what {
			case "appeal":
				_, err := w.AddAppeal(t.Context(), NewAppeal{Member: 3, Slash: id, Text: "x"})
				if want := x.appealed || open && !x.closed; (err == nil) != want {
					rt.Fatalf("appeal of %+v: %v", *x, err)
				}
				x.appealed = x.appealed || err == nil
			case "grant":
				decideModel(rt, w, id, true, x.appealed && !x.decided, func() { x.decided, x.closed, x.returned = true, true, true })
			case "refuse":
				decideModel(rt, w, id, false, x.appealed && !x.decided, func() { x.decided = true })
			case "return":
				_, err := w.ReturnSlash(t.Context(), 4, id, "r")
				waits := x.appealed && !x.decided
				if want := x.returned || !x.closed && (open || waits); (err == nil) != want {
					rt.Fatalf("return of %+v: %v", *x, err)
				}
				if err == nil {
					x.closed, x.returned, x.decided = true, true, x.decided || waits
				}
			case "wait":
				w.now.Add(w.economy().AppealWindow.Milliseconds() / 2)
			case "close":
				w.must(w.CloseSlashes(t.Context()))
				for j := range states {
					states[j].closed = states[j].closed || !open && (!states[j].appealed || states[j].decided)
				}
			}
		}
		check := func() {
			back, burnt := tokens.Amount(0), burned
			for i, x := range states {
				held := each
				if x.closed {
					held = 0
				}
				w.want(tokens.Disputed(first+int64(i)), held)
				if x.returned {
					back += each
				} else if x.closed {
					burnt += each / 2
				}
			}
			w.want(tokens.Collateral(n), pledged-slashes*each+back)
			w.want(tokens.Burned, burnt)
			w.want(tokens.PoolHosting, burnt)
			if t.Failed() {
				rt.Fatalf("states %+v", states)
			}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			step(rapid.SampledFrom([]string{"appeal", "grant", "refuse", "return", "wait", "close"}).Draw(rt, "step"), rapid.IntRange(0, slashes-1).Draw(rt, "slash"))
		}
		check()
		for i, x := range states { // the next run is to find nothing open
			if x.appealed && !x.decided {
				step("refuse", i)
			}
		}
		for _, what := range []string{"wait", "wait", "close"} {
			step(what, 0)
		}
		check()
		first += slashes
	})
	verified(t, w.Store, w.dir)
}

// decideModel decides on the appeal against a penalty, and notes it if it had to succeed.
func decideModel(rt *rapid.T, w *world, slash int64, grant, want bool, done func()) {
	a, err := w.AppealOf(w.t.Context(), slash)
	if err == nil {
		_, err = w.DecideAppeal(w.t.Context(), w.rules.Availability, a.ID, AppealDecision{By: 4, Grant: grant, Reason: fmt.Sprintf("%t %d", grant, w.now.Add(1))})
	}
	if (err == nil) != want {
		rt.Fatalf("decide on penalty %d: %v", slash, err)
	}
	if err == nil {
		done()
	}
}
