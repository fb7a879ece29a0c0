package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// BenchmarkPost measures transfers of single callers, many at a time, between members that exist:
// each is on disk (WAL, synchronous=FULL), chained, and told to OnFunds before its caller goes on.
//
//	go test -run - -bench BenchmarkPost -benchtime 400000x -count 5 ./store
func BenchmarkPost(b *testing.B) {
	const members, callers = 10_000, maxBatch
	s, err := Open(b.Context(), b.TempDir(), Options{Economy: DefaultEconomy(), OnFunds: func([]Funds) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	addFunded(b, s, members)
	var next atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := s.Post(b.Context(), charge(n, members)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transfers/s")
}

// addFunded makes n members with tokens to spend.
func addFunded(tb testing.TB, s *Store, n int) {
	tb.Helper()
	for i := 0; i < n; {
		err := s.write(tb.Context(), func(t *tx) error {
			for end := min(i+1000, n); i < end; i++ {
				m, err := t.addMember(NewMember{Name: fmt.Sprintf("member%d", i)})
				if err != nil {
					return err
				}
				if err := t.grant("grant/"+m.Name, tokens.Available(m.ID), 1_000_000*tokens.Unit); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// charge is the n-th charge of a flush, as the meter posts them.
func charge(n, members int64) tokens.Transfer {
	m, flush, epoch := bt.MemberID(n*7919%members+1), n/5000, n/500_000
	return tokens.Transfer{ID: fmt.Sprintf("charge/%d/%d/%d/%d", flush, m, epoch, n), Asset: tokens.Token, From: tokens.Available(m), To: tokens.Pot(epoch),
		Amount: tokens.Amount(n%9000 + 1), Code: tokens.CodeCharge, Ref: fmt.Sprintf("flush/%d", flush)}
}
