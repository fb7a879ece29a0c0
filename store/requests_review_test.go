package store

import (
	"errors"
	"math"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// An operator does not take back the bounty of their own request while somebody waits for it.
func TestOperatorsAnswerOffersForTheirRequests(t *testing.T) {
	w := newWorld(t)
	id := w.wish(1, 5*tokens.Unit)
	fill := w.offered(3, id, w.bring(3, 1))
	if err := w.CloseRequestFor(t.Context(), 1, id, "mine"); !errors.Is(err, ErrInReview) {
		t.Errorf("closed by its own requester: %v", err)
	}
	w.want(tokens.Request(id), 5*tokens.Unit)
	w.must(w.RejectFill(t.Context(), 1, fill, "wrong"))
	w.must(w.CloseRequestFor(t.Context(), 1, id, "mine"))
	w.want(tokens.Available(1), 1000*tokens.Unit)
}

// A cursor that no list gave finds nothing that is not there, and hinders nobody.
func TestCursorsOfOthers(t *testing.T) {
	w := newWorld(t)
	for n := range byte(4) {
		w.bring(1, n)
	}
	numbers := []int64{math.MinInt64, -1, 0, 3, math.MaxInt64}
	for _, search := range []string{"", "film", "fi", `"film" OR *`, "film NEAR/1 x -y name:z"} {
		for _, sort := range []Sort{ByRelevance, ByNew, ByCheap, BySize} {
			for _, key := range numbers {
				for _, before := range numbers {
					for _, free := range []bool{false, true} {
						q := TorrentQuery{Search: search, Sort: sort, Approved: free, After: Cursor{Key: key, ID: before, Before: key, Set: true}, Limit: 2}
						if _, _, err := w.Torrents(t.Context(), q); err != nil {
							t.Fatalf("%+v: %v", q, err)
						}
					}
				}
			}
		}
	}
}
