package availability

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const benchNodes, benchClaims = 10_000, 100 // of each node

// benchBook is a community of 10,000 nodes with 100 claims each, on 50,000 torrents, all proven at
// some time of the last three days.
func benchBook(b *testing.B, p Params) (book *Book, d *Draws, perClaim float64) {
	b.Helper()
	before := heapBytes(b)
	book = NewBook()
	var frozen []Frozen
	for i := range int64(benchNodes * benchClaims) {
		c := nodeClaim()
		c.ID, c.Torrent, c.Node, c.Member = i+1, bt.TorrentID(i%50_000), bt.NodeID(i/benchClaims+1), bt.MemberID(i/benchClaims+1)
		c.ProvenMs -= i * 63 * 3600 * 1000 / (benchNodes * benchClaims)
		c.LastAuditMs, c.Draws = c.ProvenMs, i%50
		c.Addr, c.Network = netip.MustParseAddrPort("192.0.2.7:6881"), netip.MustParsePrefix("192.0.2.0/24")
		book.Put(p, c)
		frozen = append(frozen, freeze(c)...)
	}
	d = NewDraws(p, Seed{1}, start.UnixMilli(), frozen)
	frozen = nil
	return book, d, float64(heapBytes(b)-before) / (benchNodes * benchClaims)
}

func heapBytes(b *testing.B) uint64 {
	b.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkBookMinute is a minute of 10,000 nodes with 100 claims each: twelve rounds that schedule and
// judge what is due, and the announces of a minute.
func BenchmarkBookMinute(b *testing.B) {
	p := DefaultParams()
	p.MaxPerRound = 100_000
	book, d, perClaim := benchBook(b, p)
	now, audits := start, 0
	b.ResetTimer()
	for b.Loop() {
		for range 12 {
			now = now.Add(5 * time.Second)
			for _, a := range book.Due(p, now, d, p.MaxPerRound) {
				c, _ := book.Get(a.Claim)
				c, _, _ = Judge(p, now, c, a, outcome(a, Passed))
				book.Put(p, c)
				audits++
			}
			book.Overdue(p, now, 1000)
		}
		for id := range int64(2000) {
			book.Hear(p, id*500+1, now.UnixMilli(), netip.AddrPort{}, bt.PeerID{})
		}
	}
	b.ReportMetric(float64(audits)/float64(b.N), "audits/min")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(audits), "µs/audit")
	b.ReportMetric(perClaim, "B/claim")
}

// BenchmarkBookIdle is a round in which nothing is due.
func BenchmarkBookIdle(b *testing.B) {
	p := DefaultParams()
	p.MaxPerRound = 1_000_000
	book, d, _ := benchBook(b, p)
	book.Due(p, start, d, p.MaxPerRound)
	b.ResetTimer()
	for b.Loop() {
		if due := book.Due(p, start, d, p.MaxPerRound); len(due) > 0 {
			b.Fatal(len(due))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/round")
}

// BenchmarkBookPut is one claim entered or refreshed.
func BenchmarkBookPut(b *testing.B) {
	p := DefaultParams()
	book, _, _ := benchBook(b, p)
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		c, _ := book.Get(int64(i%(benchNodes*benchClaims) + 1))
		book.Put(p, c)
	}
}
