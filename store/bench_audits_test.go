package store

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// benchClaims enters claims of 1,000 nodes, 100 each, and returns a judgement of each, passed.
func benchClaims(b *testing.B, s *Store) []Judgement {
	b.Helper()
	p := availability.DefaultParams()
	benchExec(b, s, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO nodes (id, member, name, public_key, created_ms) SELECT i, 1 + i % 50, 'n', randomblob(32), 0 FROM n`)
	var out []Judgement
	for n := range 1000 {
		var r NodeReport
		for t := range 100 {
			r.Claims = append(r.Claims, ClaimReport{Torrent: bt.TorrentID(1 + t), PeerID: bt.PeerID{byte(n)}, Addr: netip.MustParseAddrPort("203.0.113.9:6881"),
				Bytes: gib, PieceLength: 1 << 20, Pieces: 1024})
		}
		rows, err := s.Report(b.Context(), p, bt.NodeID(1+n), r)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range rows {
			j := judgement(c.ID, availability.EntryKind, availability.Passed)
			for i := range 29 {
				x := availability.Target{Piece: 6 + i, Block: i}
				j.Audit.Targets = append(j.Audit.Targets, x)
				j.Outcome.Results = append(j.Outcome.Results, availability.Result{Target: x, Verdict: availability.Passed, Want: make([]byte, 32), Got: make([]byte, 32)})
			}
			out = append(out, j)
		}
	}
	return out
}

// BenchmarkJudgeAudits judges passed audits of 30 blocks, 100 in a transaction, on a file.
func BenchmarkJudgeAudits(b *testing.B) {
	s, _ := benchStore(b)
	p, all := availability.DefaultParams(), benchClaims(b, s)
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint(size, " at once"), func(b *testing.B) {
			next := 0
			for b.Loop() {
				batch := make([]Judgement, size)
				for i := range batch { // claims of different nodes
					batch[i] = all[next%len(all)]
					next += 101
				}
				if _, err := s.JudgeAudits(b.Context(), p, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/audit")
		})
	}
}

// BenchmarkReport takes in a node's report of 100 torrents of which nothing changed.
func BenchmarkReport(b *testing.B) {
	s, _ := benchStore(b)
	p := availability.DefaultParams()
	benchClaims(b, s)
	r := NodeReport{Body: make([]byte, 15_000)}
	for t := range 100 {
		r.Claims = append(r.Claims, ClaimReport{Torrent: bt.TorrentID(1 + t), PeerID: bt.PeerID{7}, Bytes: gib, PieceLength: 1 << 20, Pieces: 1024})
	}
	for b.Loop() {
		if rows, err := s.Report(b.Context(), p, 8, r); err != nil || len(rows) > 0 {
			b.Fatal(len(rows), err)
		}
	}
}

// BenchmarkCountProven adds up an epoch's proven time of 100,000 claims.
func BenchmarkCountProven(b *testing.B) {
	s, epochs := benchStore(b)
	p, all := availability.DefaultParams(), benchClaims(b, s)
	if _, err := s.JudgeAudits(b.Context(), p, all); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		epochs.Add(1)
		benchExec(b, s, "UPDATE nodes SET last_report_ms = ?", s.opt.Now().Add(-time.Minute).UnixMilli())
		begun := time.Now()
		e, err := s.NextEpoch(b.Context(), p, [32]byte{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/epoch")
		if err := s.countProven(b.Context(), p, e.Number-1, s.write); err != nil {
			b.Fatal(err)
		}
	}
}
