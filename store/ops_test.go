package store

import (
	"maps"
	"sync/atomic"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// TestImbalanceOfManyAccounts spans more accounts than are added up at a time, and balances whose partial
// sums overflow.
func TestImbalanceOfManyAccounts(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	change := func(query string) {
		if err := s.write(t.Context(), func(t *tx) error { return t.exec(query) }); err != nil {
			t.Fatal(err)
		}
	}
	change(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
		INSERT INTO accounts (asset, name, balance) SELECT iif(i % 3 = 0, 'quote', 'token'), 'external/' || i, iif(i <= 22500, -1, 1) * 4611686018427387904 FROM n`)
	for _, want := range []tokens.Amount{0, 7} {
		sum, err := s.Imbalance(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if sums := map[tokens.Asset]tokens.Amount{tokens.Token: want, tokens.Quote: 0}; !maps.Equal(sum, sums) {
			t.Errorf("imbalance %v, want %v", sum, sums)
		}
		change("UPDATE accounts SET balance = balance + 7 WHERE name = 'external/44999'")
	}
}

func TestCommitsAreTold(t *testing.T) {
	var commits, failed, jobs atomic.Int64
	s, err := Open(t.Context(), t.TempDir(), Options{Economy: DefaultEconomy(), OnCommit: func(c Commit) {
		commits.Add(1)
		jobs.Add(int64(c.Jobs))
		if c.Err != nil {
			failed.Add(1)
		}
		if c.Took < 0 {
			t.Errorf("a commit took %s", c.Took)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		if _, err := s.MarkAlive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if commits.Load() != 3 || jobs.Load() != 3 || failed.Load() != 0 {
		t.Errorf("told of %d commits with %d writes, %d failed; want 3, 3, 0", commits.Load(), jobs.Load(), failed.Load())
	}
	if n := s.WritesWaiting(); n != 0 {
		t.Errorf("%d writes wait", n)
	}
}
