package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// modelTorrent is a torrent as the model of the catalogue knows it.
type modelTorrent struct {
	NewTorrent
	id         bt.TorrentID
	price      tokens.Amount
	saturation int64
	demand     int64
	proven     int
	earns      int64
	free       bool
	approved   bool
	collected  bool
	files      []string
}

func (m modelTorrent) key(o Sort) int64 {
	switch o {
	case ByPrice:
		return int64(m.price)
	case ByCheap:
		return -int64(m.price)
	case BySeeders:
		return int64(m.proven)
	case BySize:
		return int64(m.Size)
	case ByDemand:
		return m.demand
	case ByEarns:
		return m.earns
	}
	return int64(m.id)
}

// hits looks for words in the model's texts; ok: all are there.
func (m modelTorrent) hits(words []string) (out []hit, ok bool) {
	fields := [searchFields][]string{catalog.Words(m.Name), catalog.Words(strings.Join(m.Tags, " ")), catalog.Words(strings.Join(m.files, " ")), catalog.Words(m.Description)}
	for i, w := range words {
		var h hit
		for f, text := range fields {
			for _, x := range text {
				switch {
				case x == w:
					h[f] = wordWhole
				case i == len(words)-1 && strings.HasPrefix(x, w):
					h[f] = max(h[f], wordBegun)
				}
			}
		}
		if h == (hit{}) {
			return nil, false
		}
		out = append(out, h)
	}
	return out, true
}

func (m modelTorrent) passes(q TorrentQuery) bool {
	return (q.Category == "" || m.Category == q.Category) && (q.Tag == "" || slices.Contains(m.Tags, q.Tag)) && (q.Collection == "" || m.collected) &&
		(q.MaxPrice == 0 || m.price <= q.MaxPrice) && m.saturation >= q.MinSaturationPPM && (q.SaturationBelowPPM == 0 || m.saturation < q.SaturationBelowPPM) &&
		m.proven >= q.MinProven && (!q.Free || m.free) && (!q.Approved || m.approved)
}

// expected are the names that a query finds, in order.
func expected(all []modelTorrent, q TorrentQuery) (names []string) {
	words := searchWords(q.Search)
	type match struct {
		key  int64
		id   bt.TorrentID
		name string
	}
	var found []match
	for _, m := range all {
		hits, ok := m.hits(words)
		if !ok || !m.passes(q) {
			continue
		}
		key := m.key(q.Sort)
		if q.Sort == ByRelevance && len(words) > 0 {
			key = rank(words, hits, searched(m.Name), m.proven)
		}
		found = append(found, match{key, m.id, m.Name})
	}
	slices.SortFunc(found, func(a, b match) int { return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(b.id, a.id)) })
	for _, m := range found {
		names = append(names, m.name)
	}
	return names
}

// modelCatalogue fills a world with torrents that differ in everything that a list is filtered and ordered by.
func modelCatalogue(w *world, n int) (all []modelTorrent) {
	vocabulary := []string{"red", "redder", "Öl", "blue", "13", "1", "deep-sea", "進"}
	pick := func(seed, n int) string {
		var words []string
		for i := range n {
			words = append(words, vocabulary[(seed+i*i*3+seed*i)%len(vocabulary)])
		}
		return strings.Join(words, " ")
	}
	w.must(w.write(w.t.Context(), func(t *tx) error {
		return t.exec("INSERT INTO collections (id, name, title, created_by, created_ms) VALUES (1, 'set', 'Set', 1, 0)")
	}))
	for i := range n {
		m := modelTorrent{price: tokens.Amount(1 + i*7%5), saturation: int64(i * 3 % 7 * 100), demand: int64(i * 5 % 3), proven: i * 11 % 4, earns: int64(i * 13 % 6),
			free: i%3 == 0, approved: i%4 > 0, collected: i%5 < 2, files: []string{pick(i/3, 1) + ".bin"}}
		m.NewTorrent = NewTorrent{Name: fmt.Sprintf("%s n%d", pick(i, i%4), i), Description: pick(i/2, i%3), Size: bt.Bytes(1 + i*17%9), Category: catalog.Categories()[i%3]}
		if i%2 == 0 {
			m.Tags = []string{"deep", "tag"}[i%4/2:]
		}
		m.id = w.list(m.NewTorrent, m.files...)
		m.Size = max(m.Size, 1)
		w.must(w.write(w.t.Context(), func(t *tx) error {
			free := 0
			if m.free {
				free = 1 << 50
			}
			err := t.exec("UPDATE torrents SET price_utok_per_gib = ?, saturation_ppm = ?, demand_bytes = ?, free_until_ms = ?, approved_ms = ? WHERE id = ?",
				m.price, m.saturation, m.demand, free, m.approved, m.id)
			for c := range m.proven {
				err = cmp.Or(err, t.exec(`INSERT INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, state, proven_ms) VALUES (?, 1, ?, 1, x'', '', 0, 0, '{}', 1)`, m.id, c))
			}
			if err = cmp.Or(err, t.exec("UPDATE listing SET earns_utok = ? WHERE torrent = ?", m.earns, m.id)); m.collected {
				err = cmp.Or(err, t.exec("INSERT INTO collection_torrents (collection, torrent, from_ms) VALUES (1, ?, 0)", m.id))
			}
			return err
		}))
		all = append(all, m)
	}
	return all
}

// Every search, filter and order shows what a simple model of the catalogue says, whatever the size of pages; with
// a short reach it goes on until everything was shown.
func TestSearchModel(t *testing.T) {
	w := emptyWorld(t)
	all := modelCatalogue(w, 40)
	orders := []Sort{ByRelevance, ByNew, ByPrice, ByCheap, BySeeders, BySize, ByDemand, ByEarns}
	rapid.Check(t, func(t *rapid.T) {
		maybe := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) == 0 }
		q := TorrentQuery{Sort: rapid.SampledFrom(orders).Draw(t, "sort"), Limit: rapid.IntRange(1, 15).Draw(t, "limit"), Free: maybe("free"), Approved: maybe("approved")}
		if !maybe("no words") {
			q.Search = strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"red", "re", "öl", "BLUE", "1", "13", "sea", "deep-sea", "n1", "bin", "n"}), 1, 3).Draw(t, "words"), " ")
		}
		if maybe("category") {
			q.Category = rapid.SampledFrom(catalog.Categories()[:4]).Draw(t, "which")
		}
		if maybe("tag") {
			q.Tag = rapid.SampledFrom([]string{"deep", "tag", "none"}).Draw(t, "tagged")
		}
		if maybe("collection") {
			q.Collection = rapid.SampledFrom([]string{"set", "no"}).Draw(t, "collected")
		}
		if maybe("price") {
			q.MaxPrice = tokens.Amount(rapid.IntRange(1, 5).Draw(t, "most"))
		}
		if maybe("saturated") {
			q.MinSaturationPPM = int64(rapid.IntRange(0, 6).Draw(t, "from") * 100)
		}
		if maybe("unsaturated") {
			q.SaturationBelowPPM = int64(rapid.IntRange(1, 7).Draw(t, "to") * 100)
		}
		if maybe("proven") {
			q.MinProven = rapid.IntRange(1, 4).Draw(t, "seeders")
		}
		want := expected(all, q)
		if q.Collection == "no" {
			want = nil
		}
		if got := w.pages(t, q); !slices.Equal(got, want) {
			t.Fatalf("%+v finds\n%q, want\n%q", q, got, want)
		}
		q.reach = reach{rapid.IntRange(1, 3).Draw(t, "first"), rapid.IntRange(1, 9).Draw(t, "narrow"), rapid.IntRange(1, 6).Draw(t, "ranked"), rapid.IntRange(0, 9).Draw(t, "read")}
		got := w.pages(t, q)
		if len(searchWords(q.Search)) > 0 {
			slices.Sort(got) // in parts, each of which is in order
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v finds\n%q in parts, want\n%q", q, got, want)
		}
	})
}
