package store

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// The swarm of the benchmarks: every torrent is taken by benchTakers members and seeded by
// benchSeeds, three quarters of whose claims are admitted.
const (
	benchTorrents = 10_000
	benchMembers  = 20_000
	benchTakers   = 8
	benchSeeds    = 3
	benchSessions = 1_000_000
	benchRows     = 2000 // of a flush, as the server's
)

// benchStore opens a store with members, torrents, standing claims and a first epoch.
func benchStore(b *testing.B) (*Store, *atomic.Int64) {
	b.Helper()
	var epochs atomic.Int64 // begun: one an hour
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := Open(b.Context(), b.TempDir(), Options{Economy: DefaultEconomy(), Now: func() time.Time { return start.Add(time.Duration(epochs.Load()) * time.Hour) }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if _, err := s.NextEpoch(b.Context(), availability.DefaultParams(), [32]byte{1}); err != nil {
		b.Fatal(err)
	}
	benchExec(b, s, fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO members (id, name, key_secret, created_ms) SELECT i, 'm' || i, zeroblob(32), 0 FROM n`, benchMembers))
	benchExec(b, s, fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO torrents (id, infohash, name, size_bytes, piece_bytes, files, uploader, created_ms, price_utok_per_gib, approved_ms)
		SELECT i, CAST(printf('%%020d', i) AS BLOB), 't', 1 << 30, 1 << 20, 1, 1, 0, 10000000, 1 FROM n`, benchTorrents))
	benchExec(b, s, `INSERT INTO accounts (asset, name, balance) SELECT 'token', 'member/' || id || '/available', 1000000000 FROM members`)
	benchExec(b, s, `INSERT INTO accounts (asset, name, balance) SELECT 'token', 'issuance', -sum(balance) FROM accounts`)
	return s, &epochs
}

func benchExec(b *testing.B, s *Store, query string, args ...any) {
	b.Helper()
	if err := s.write(b.Context(), func(t *tx) error { return t.exec(query, args...) }); err != nil {
		b.Fatal(err)
	}
}

// benchUse fills the current epoch with usage and the proofs of its seeders, and ends it.
func benchUse(b *testing.B, s *Store, epochs *atomic.Int64, epoch int64) Epoch {
	b.Helper()
	// Takers of torrent t are the members 8t…8t+7, seeders the next ones, around.
	benchExec(b, s, fmt.Sprintf(`WITH RECURSIVE k (j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM k WHERE j < %d)
		INSERT INTO usage (epoch, torrent, member, billed_bytes, charged_utok, claimed_bytes, from_ms, to_ms, network)
		SELECT ?1, t.id, 1 + (t.id * 8 + j) %% ?2, iif(j < ?3, 30000000 + t.id, 0), iif(j < ?3, 300000 + t.id %% 100, 0), iif(j < ?3, 0, 60000000),
			1, 1800001, '20.' || (j * 20 + t.id %% 20) || '.' || (t.id %% 256) || '.0/24' FROM torrents t CROSS JOIN k`, benchTakers+benchSeeds-1),
		epoch, benchMembers, benchTakers)
	benchExec(b, s, `INSERT OR IGNORE INTO claims (torrent, member, bytes, peer_id, addr, entered_ms, seen_ms, state)
		SELECT torrent, member, 1 << 30, x'', '', 0, 0, '{}' FROM usage WHERE epoch = ? AND claimed_bytes > 0`, epoch)
	benchExec(b, s, `INSERT INTO proven (epoch, claim, proven_ms) SELECT ?, id, 1800000 FROM claims`, epoch)
	benchExec(b, s, `INSERT OR IGNORE INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok,
			cost_rem, charged_utok, reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq, introduced)
		SELECT member, torrent, billed_bytes, 0, billed_bytes, 1 << 30, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, x'01' FROM usage WHERE epoch = ? AND billed_bytes > 0`, epoch)
	var charged tokens.Amount
	if err := s.r.QueryRow("SELECT sum(charged_utok) FROM usage WHERE epoch = ?", epoch).Scan(&charged); err != nil {
		b.Fatal(err)
	}
	err := s.Post(b.Context(), tokens.Transfer{ID: fmt.Sprintf("bench/%d", epoch), Asset: tokens.Token, From: tokens.Issuance, To: tokens.Pot(epoch), Amount: charged, Code: tokens.CodeGrant})
	if err != nil {
		b.Fatal(err)
	}
	epochs.Add(1)
	if _, err := s.NextEpoch(b.Context(), availability.DefaultParams(), [32]byte{byte(epoch)}); err != nil {
		b.Fatal(err)
	}
	last, err := s.Epochs(b.Context(), 2)
	if err != nil {
		b.Fatal(err)
	}
	return last[0]
}

// callers post small transfers all the time until stop is called, which returns how long the
// slowest of a hundred waited.
func callers(b *testing.B, s *Store) (stop func() (p99 time.Duration, n int)) {
	const many = 8
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(b.Context())
	waits := make([][]time.Duration, many)
	run := time.Now().UnixNano()
	for i := range many {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				err := s.Post(context.Background(), tokens.Transfer{ID: fmt.Sprintf("caller/%d/%d/%d", run, i, n), Asset: tokens.Token,
					From: tokens.Issuance, To: tokens.Treasury, Amount: 1, Code: tokens.CodeGrant})
				if err != nil {
					b.Error(err)
					return
				}
				waits[i] = append(waits[i], time.Since(began))
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return func() (time.Duration, int) {
		cancel()
		wg.Wait()
		all := slices.Sorted(slices.Values(slices.Concat(waits...)))
		return all[len(all)*99/100], len(all)
	}
}

// BenchmarkSettle10k settles epochs of 10,000 torrents, each of which reopens two as large: the third
// alone (writer-s), the fourth while others write (p99-ms is theirs).
func BenchmarkSettle10k(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s, epochs := benchStore(b)
		rules := Rules{Settle: settle.DefaultParams(), Availability: availability.DefaultParams(), Surge: surge.DefaultParams()}
		rules.Settle.HonestyDay = time.Hour
		run := func(epoch int64) (writing time.Duration) {
			st := s.settlement(rules, benchUse(b, s, epochs, epoch))
			st.commit = func(ctx context.Context, fn func(*tx) error) error {
				began := time.Now()
				defer func() { writing += time.Since(began) }()
				return s.write(ctx, fn)
			}
			b.StartTimer()
			defer b.StopTimer()
			if _, err := st.run(b.Context()); err != nil {
				b.Fatal(err)
			}
			return writing
		}
		run(1)
		run(2)
		b.ResetTimer()
		b.ReportMetric(run(3).Seconds(), "writer-s")
		stop := callers(b, s)
		run(4)
		p99, _ := stop()
		b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
		s.Close()
		b.StartTimer()
	}
}

// BenchmarkFlush1M flushes a million sessions: new ones alone (writer-s), then the same with new
// counters while others write (p99-ms is theirs).
func BenchmarkFlush1M(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s, _ := benchStore(b)
		rows := make([]swarm.SessionRow, benchSessions)
		for i := range rows {
			m := bt.MemberID(1 + i/(benchSessions/benchMembers))
			rows[i] = swarm.SessionRow{SessionKey: swarm.SessionKey{Member: m, Torrent: bt.TorrentID(1 + i%benchTorrents), PeerID: bt.PeerID{'-', byte(i), byte(i >> 8), byte(i >> 16)}},
				Uploaded: bt.Bytes(i), Downloaded: 5, Left: 6, LastMs: 8, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(i), byte(i >> 8), byte(i >> 16)}), 6881)}
		}
		number := int64(0)
		flush := func() time.Duration {
			b.StartTimer()
			defer b.StopTimer()
			began := time.Now()
			for chunk := range slices.Chunk(rows, benchRows) {
				number++
				for i := range chunk {
					chunk[i].Seq, chunk[i].Uploaded = number, chunk[i].Uploaded+1
				}
				if err := s.Flush(b.Context(), &swarm.Batch{Number: number, Sessions: chunk}); err != nil {
					b.Fatal(err)
				}
			}
			return time.Since(began)
		}
		b.ReportMetric(flush().Seconds(), "writer-s")
		stop := callers(b, s)
		flush()
		p99, _ := stop()
		b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
		s.Close()
		b.StartTimer()
	}
}
