package bt_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// libtorrent is a regular announce in the form of qBittorrent 4.5.2.
const libtorrent = "info_hash=M%93%da%b6%eb%2f%c5%17%f4%2f%f6Z%eds%acPy%daJD&peer_id=-qB4520-Y)3F1Zht4b-5&port=51002" +
	"&uploaded=18350080&downloaded=20971520&left=1048576&corrupt=0&key=CDAEE676&numwant=200&compact=1&no_peer_id=1&supportcrypto=1&redundant=0"

// fullReply has 50 peers, of which ten have IPv6 addresses.
func fullReply() *bt.Reply {
	r := &bt.Reply{
		Interval: 30 * time.Minute, MinInterval: time.Minute, Complete: 1234, Incomplete: 56,
		Peers4: bytes.Repeat([]byte{192, 0, 2, 1, 0x1a, 0xe1}, 40), Peers6: bytes.Repeat(make([]byte, bt.CompactPeer6), 10),
		ExternalIP: netip.MustParseAddr("192.0.2.7"),
	}
	r.Peers = append(unpack(r.Peers4, 4), unpack(r.Peers6, 16)...)
	return r
}

// TestNoAllocations holds the announce path to what its comments promise.
func TestNoAllocations(t *testing.T) {
	r, dst, hashes := fullReply(), make([]byte, 0, 16<<10), make([]bt.InfoHash, 0, bt.MaxScrapeHashes)
	r.Warning = "low on funds"
	scrape := "info_hash=M%93%da%b6%eb%2f%c5%17%f4%2f%f6Z%eds%acPy%daJD"
	sorted := []bt.ScrapeEntry{{InfoHash: bt.InfoHash{1}}, {InfoHash: bt.InfoHash{2}}}
	for name, c := range map[string]struct {
		allowed float64
		f       func()
	}{
		"announce":         {0, func() { bt.ParseAnnounce(libtorrent, remote) }},
		"escaped name":     {0, func() { bt.ParseAnnounce(libtorrent+"&%65vent=paused", remote) }},
		"scrape":           {1, func() { bt.ParseScrape(scrape) }},
		"scrape into":      {0, func() { bt.AppendScrapeHashes(hashes, scrape) }},
		"compact reply":    {0, func() { bt.AppendReply(dst, bt.Announce{Compact: true}, r) }},
		"long reply":       {0, func() { bt.AppendReply(dst, bt.Announce{}, r) }},
		"failure":          {0, func() { bt.AppendFailure(dst, "no stake", time.Minute, time.Minute) }},
		"scrape, in order": {0, func() { bt.AppendScrape(dst, sorted) }},
	} {
		if got := testing.AllocsPerRun(100, c.f); got > c.allowed {
			t.Errorf("%s: %v allocations, want at most %v", name, got, c.allowed)
		}
	}
}

func BenchmarkParseAnnounce(b *testing.B) {
	queries := map[string]string{"libtorrent": libtorrent}
	for _, q := range captured(b) {
		if name := strings.Split(q.client, "/")[0]; q.kind == "announce" && queries[name] == "" {
			queries[name] = q.query
		}
	}
	for name, q := range queries {
		b.Run(fmt.Sprintf("%s-%d", name, len(q)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bt.ParseAnnounce(q, remote); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseScrape(b *testing.B) {
	for _, n := range []int{1, bt.MaxScrapeHashes} {
		var q strings.Builder
		for i := range n {
			fmt.Fprintf(&q, "info_hash=%%%02x%%93%%da%%b6%%eb%%2f%%c5%%17%%f4%%2f%%f6Z%%eds%%acPy%%daJD&", i)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bt.ParseScrape(q.String()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendReply(b *testing.B) {
	r, dst := fullReply(), make([]byte, 0, 16<<10)
	for name, a := range map[string]bt.Announce{"compact": {Compact: true}, "long": {}, "no_peer_id": {NoPeerID: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = bt.AppendReply(dst[:0], a, r)
			}
		})
	}
}
