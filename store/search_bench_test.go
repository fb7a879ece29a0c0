package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// The catalogue of the benchmark: common is in half of the names, the others by Zipf's law.
const (
	benchListed = 100_000
	benchWords  = 40_000
	benchCommon = "common"
	benchRare   = "rare"
)

// benchText makes texts of words that are used as words of a language are.
type benchText struct {
	rand *rand.Rand
	zipf *rand.Zipf
}

func newBenchText() *benchText {
	r := rand.New(rand.NewPCG(1, 2))
	return &benchText{r, rand.NewZipf(r, 1.1, 10, benchWords-1)}
}

// word number n; the beginnings of words are as unequal as those of a language.
func benchWord(n uint64) string {
	const letters = "etaoinshrdlucmfwypvbgkjqxz"
	var w strings.Builder
	for n = n*2654435761%1_000_003 + 26; n > 0; n /= 26 {
		w.WriteByte(letters[n%26])
	}
	return w.String()
}

func (b *benchText) text(words int) string {
	out := make([]string, words)
	for i := range out {
		out[i] = benchWord(b.zipf.Uint64())
	}
	return strings.Join(out, " ")
}

// torrent number i has 2 to 7 words in its name, 3 files, tags, and a description of 40 words.
func (b *benchText) torrent(i int) NewTorrent {
	name := b.text(2 + b.rand.IntN(6))
	if i%2 == 0 {
		name += " " + benchCommon
	}
	if i%30_000 == 7 {
		name += " " + benchRare
	}
	var files strings.Builder
	for f := range 3 {
		file := fmt.Sprintf("%s %d.bin", b.text(3), f)
		fmt.Fprintf(&files, "d6:lengthi5461e4:pathl%d:%see", len(file), file)
	}
	n := NewTorrent{Name: name, Description: b.text(40), Size: bt.Bytes(1 + b.rand.IntN(1<<36)), PieceBytes: 16 << 10, Files: 3, Uploader: 1,
		Category: catalog.Categories()[b.rand.IntN(10)], Tags: []string{benchWord(b.zipf.Uint64()) + "-x", "tag"},
		Metainfo: fmt.Appendf(nil, "d4:infod5:filesl%se4:name1:n12:piece lengthi16384e6:pieces20:%020dee", files.String(), i)}
	slices.Sort(n.Tags)
	binary.BigEndian.PutUint64(n.InfoHash[:], uint64(i+1))
	return n
}

// benchCatalogue is a store with a large catalogue, in which prices, claims and approvals differ.
func benchCatalogue(b *testing.B, torrents int) *Store {
	b.Helper()
	dir := b.TempDir()
	s, err := Open(b.Context(), dir, Options{Economy: DefaultEconomy()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	benchExec(b, s, "INSERT INTO members (id, name, key_secret, created_ms) VALUES (1, 'm1', zeroblob(32), 0)")
	text, began := newBenchText(), time.Now()
	for from := 0; from < torrents; from += 1000 {
		batch := make([]NewTorrent, 1000)
		for i := range batch {
			batch[i] = text.torrent(from + i)
		}
		if _, err := s.AddTorrents(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d torrents added in %v", torrents, time.Since(began))
	benchExec(b, s, `UPDATE torrents SET price_utok_per_gib = 1000000 + id % 7 * 250000, saturation_ppm = id % 997 * 2000, demand_bytes = iif(id % 5 = 0, id % 1009 << 20, 0),
		approved_ms = id % 3 > 0, free_until_ms = iif(id % 400 = 0, 9000000000000, 0)`)
	benchExec(b, s, `INSERT INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, state, live, proven_ms)
		SELECT t.id, 1, n.i, 1, x'', '', 0, 0, '{}', 1, 1 FROM torrents t CROSS JOIN (SELECT 1 AS i UNION SELECT 2 UNION SELECT 3) n WHERE t.id % 11 < n.i`)
	return s
}

// BenchmarkSearch100k asks for pages of a catalogue of 100,000 torrents, in which one word is in half of the names;
// then it adds torrents. p50-ms and p99-ms are of one request.
func BenchmarkSearch100k(b *testing.B) {
	s := benchCatalogue(b, benchListed)
	narrow := TorrentQuery{Free: true, SaturationBelowPPM: 20_000}
	wide := TorrentQuery{Approved: true, MinProven: 2, SaturationBelowPPM: 1_000_000}
	few := TorrentQuery{Approved: true, MinSaturationPPM: 300_000, SaturationBelowPPM: 310_000, MaxPrice: 1_500_000, MinProven: 3}
	category := TorrentQuery{Category: catalog.Other}
	for _, c := range []struct {
		name, words string
		q           TorrentQuery
		sort        Sort
	}{
		{"newest", "", TorrentQuery{}, ByNew}, {"cheapest", "", TorrentQuery{}, ByCheap}, {"tag", "", TorrentQuery{Tag: "tag"}, ByNew}, {"category by seeders", "", category, BySeeders},
		{"narrow filters", "", narrow, ByPrice}, {"wide filters", "", wide, ByEarns}, {"wide filters that leave few", "", few, BySize},
		{"rare word", benchRare, TorrentQuery{}, ByRelevance}, {"common word", benchCommon, TorrentQuery{}, ByRelevance}, {"two common words", benchCommon + " tag", TorrentQuery{}, ByRelevance},
		{"prefix", "com", TorrentQuery{}, ByRelevance}, {"prefix of one letter", "e", TorrentQuery{}, ByRelevance}, {"common word in a category", benchCommon, category, ByRelevance},
		{"common word, narrow filters", benchCommon, narrow, ByRelevance}, {"common word, wide filters", benchCommon, wide, ByCheap}, {"common word, few", benchCommon, few, ByRelevance},
		{"common word, tag", benchCommon, TorrentQuery{Tag: "tag"}, ByRelevance}, {"no such word", benchCommon + " nowhere", TorrentQuery{}, ByRelevance},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.q.Search, c.q.Sort, c.q.Limit = c.words, c.sort, 50
			benchTimes(b, func(int) error {
				_, _, err := s.Torrents(b.Context(), c.q)
				return err
			})
		})
	}
	b.Run("add a torrent", func(b *testing.B) {
		text := newBenchText()
		text.rand = rand.New(rand.NewPCG(uint64(b.N), 3))
		benchTimes(b, func(i int) error {
			n := text.torrent(i)
			binary.BigEndian.PutUint64(n.InfoHash[8:], text.rand.Uint64())
			_, err := s.AddTorrent(b.Context(), n)
			return err
		})
	})
}

// benchTimes reports the median and the slowest of a hundred calls.
func benchTimes(b *testing.B, call func(int) error) {
	var times []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		if err := call(i); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
}
