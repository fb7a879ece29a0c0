package store

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The wallet of the benchmark: so many of the ledger's transfers of the last 30 days touch it.
const (
	benchWalletRows = 20_000
	benchLedgerDays = 90
)

// BenchmarkWallet measures what a busy member's wallet page asks, in a ledger of 1,000,000 transfers of 90
// days, or as many as SWARMSTAKE_BENCH_TRANSFERS says.
//
//	SWARMSTAKE_BENCH_TRANSFERS=5000000 go test -run - -bench BenchmarkWallet ./store
func BenchmarkWallet(b *testing.B) {
	n := int64(1_000_000)
	if v, err := strconv.ParseInt(os.Getenv("SWARMSTAKE_BENCH_TRANSFERS"), 10, 64); err == nil {
		n = v
	}
	s, _ := benchStore(b)
	busy := bt.MemberID(7)
	benchLedger(b, s, n, busy)
	since := s.opt.Now().AddDate(0, 0, -29)
	var last int64
	b.Run("earnings of 30 days", func(b *testing.B) {
		for b.Loop() {
			days, row, err := s.MemberDays(b.Context(), busy, since, 0)
			if last = row; err != nil || len(days) != 30 || days[15].Upload == 0 {
				b.Fatal(days, err)
			}
		}
	})
	b.Run("earnings since a minute ago", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := s.MemberDays(b.Context(), busy, since, last-100); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("statement", func(b *testing.B) {
		for b.Loop() {
			lines, _, err := s.Statement(b.Context(), busy, tokens.Token, 0, 100)
			if err != nil || len(lines) != 100 {
				b.Fatal(len(lines), err)
			}
		}
	})
	b.Run("balances", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Wallet(b.Context(), busy); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchLedger fills the ledger with n transfers of 90 days, evenly, without its chain: those of the busy
// member are evenly among the others'. Balances are not kept.
func benchLedger(b *testing.B, s *Store, n int64, busy bt.MemberID) {
	b.Helper()
	benchExec(b, s, "INSERT INTO accounts (asset, name, balance) VALUES ('token', 'pot/1', 0)")
	every := n * 30 / benchLedgerDays / benchWalletRows
	start := s.opt.Now().Add(-benchLedgerDays*24*time.Hour + time.Minute).UnixMilli()
	const batch = 200_000
	for from := int64(1); from <= n; from += batch {
		benchExec(b, s, fmt.Sprintf(`WITH RECURSIVE k (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM k WHERE i < %d)
			INSERT INTO transfers (seq, id, source, dest, amount, code, ref, at_ms, tag)
			SELECT i, 'settle/' || (i / 50000) || '/' || (i %% 5000) || '/upload/' || i, (SELECT id FROM accounts WHERE name = 'pot/1'),
				(SELECT id FROM accounts WHERE asset = 'token' AND name = 'member/' || iif(i %% %d = 0, %d, 8 + i * 104729 %% %d) || '/available'),
				1000 + i %% 1000, 'upload', 'torrent/' || (i %% 5000) || ' epoch/' || (i / 50000), %d + i * %d / %d, i FROM k`,
			from, min(from+batch-1, n), every, busy, benchMembers-8, start, benchLedgerDays*dayMs, n))
	}
}
