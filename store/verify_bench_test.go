package store

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// BenchmarkVerify measures the verification of a ledger of 1,000,000 transfers, or as many as
// SWARMSTAKE_BENCH_TRANSFERS says, with the texts that an epoch's charges and awards have.
//
//	go test -run - -bench BenchmarkVerify -count 5 ./store
func BenchmarkVerify(b *testing.B) {
	n := int64(1_000_000)
	if v, err := strconv.ParseInt(os.Getenv("SWARMSTAKE_BENCH_TRANSFERS"), 10, 64); err == nil {
		n = v
	}
	dir := b.TempDir()
	fillLedger(b, dir, n)
	for b.Loop() {
		v, err := VerifyLedger(b.Context(), dir, Check{Progress: func(int64, int64) {}})
		if err != nil || !v.OK() || v.Transfers < n {
			b.Fatal(v, err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "transfers/s")
}

// fillLedger makes a ledger with n charges and awards of 10,000 members, in batches as large as a
// flush's.
func fillLedger(tb testing.TB, dir string, n int64) {
	tb.Helper()
	const members, batch = 10_000, 2000
	s, err := Open(tb.Context(), dir, Options{Economy: DefaultEconomy()})
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	addFunded(tb, s, members)
	for i := int64(0); i < n; {
		err := s.write(tb.Context(), func(t *tx) error {
			for end := min(i+batch, n); i < end; i++ {
				tr := charge(i, members)
				if i%2 == 1 {
					tr = award(i, members)
				}
				if err := t.post(tr); err != nil {
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

// award is an uploader's pay for the n-th charge, as a settlement posts it.
func award(n, members int64) tokens.Transfer {
	m, torrent, epoch := bt.MemberID(n*104729%members+1), n%5000, (n-1)/500_000
	return tokens.Transfer{ID: fmt.Sprintf("settle/%d/%d/upload/%d/%d", epoch, torrent, m, n), Asset: tokens.Token, From: tokens.Pot(epoch), To: tokens.Available(m),
		Amount: 1, Code: tokens.CodeUpload, Ref: fmt.Sprintf("torrent/%d epoch/%d", torrent, epoch)}
}
