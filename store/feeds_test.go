package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// A member keeps searches of their own, up to a bound; a number is never used again.
func TestSavedSearches(t *testing.T) {
	s, _, _ := clockStore(t)
	addMember(t, s, 1, 0, 0)
	addMember(t, s, 2, 0, 0)
	ctx := t.Context()
	first, err := s.SaveSearch(ctx, 1, SavedSearch{Name: "films", Query: "category=video"})
	if err != nil || first.ID == 0 || first.CreatedMs != 1e12 {
		t.Fatalf("%+v %v", first, err)
	}
	if got, err := s.SavedSearch(ctx, 1, first.ID); err != nil || got != first {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := s.SaveSearch(ctx, 1, SavedSearch{Name: "films", Query: "q=x"}); !errors.Is(err, ErrExists) {
		t.Errorf("a second one of the name: %v", err)
	}
	if _, err := s.SavedSearch(ctx, 2, first.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another member reads it: %v", err)
	}
	if err := s.RemoveSearch(ctx, 2, first.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another member removes it: %v", err)
	}
	if err := s.RemoveSearch(ctx, 1, first.ID); err != nil {
		t.Fatal(err)
	}
	for i := range MaxSavedSearches {
		x, err := s.SaveSearch(ctx, 1, SavedSearch{Name: fmt.Sprintf("n%02d", i), Query: "q=x"})
		if err != nil || x.ID <= first.ID {
			t.Fatalf("%d: %+v %v", i, x, err)
		}
	}
	if _, err := s.SaveSearch(ctx, 1, SavedSearch{Name: "more", Query: "q=x"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	list, err := s.SavedSearches(ctx, 1)
	if err != nil || len(list) != MaxSavedSearches || list[0].Name != "n00" || list[49].Name != "n49" {
		t.Fatalf("%d %v", len(list), err)
	}
	if list, err := s.SavedSearches(ctx, 2); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}

// feedStore has two torrents of member 1, and sets prices as the repricing does.
func feedStore(t *testing.T) (s *Store, price func(id bt.TorrentID, utok tokens.Amount, multiplier int64)) {
	t.Helper()
	s, pass, _ := clockStore(t)
	addMember(t, s, 1, 0, 0)
	for i := range 2 {
		feedTorrent(t, s, byte(i+1))
	}
	at := int64(1e12)
	return s, func(id bt.TorrentID, utok tokens.Amount, multiplier int64) {
		t.Helper()
		pass(time.Minute)
		at += time.Minute.Milliseconds()
		row := PriceRow{Torrent: id, AtMs: at, Price: utok, MultiplierPPM: multiplier}
		if err := s.SetPrices(t.Context(), []PriceRow{row}, func(PriceRow) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
}

func feedTorrent(t *testing.T, s *Store, n byte) bt.TorrentID {
	t.Helper()
	id, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{n}, Name: fmt.Sprint("t", n), Size: bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{n}, Uploader: 1})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// feedTold writes events in short.
func feedTold(t *testing.T, s *Store, after int64) string {
	t.Helper()
	n, err := s.FeedEvents(t.Context(), after, 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range n.List {
		out = append(out, fmt.Sprintf("%d %s %s %d<%d", e.ID, e.Kind, e.Name, e.Price, e.Was))
	}
	return strings.Join(out, ", ")
}

// A price is told when it moved by a twentieth since it was told last, however small the steps were, or when it
// goes to another tier.
func TestFeedEventsTellSteps(t *testing.T) {
	s, price := feedStore(t)
	base := s.opt.Economy.BasePrice
	if got, want := feedTold(t, s, 0), fmt.Sprintf("1 torrent t1 %d<%[1]d, 2 torrent t2 %[1]d<%[1]d", base); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	price(1, base, 1e6) // nothing
	price(1, 1_000_000, 1e6)
	from, err := s.NewestFeedEvent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []tokens.Amount{1_020_000, 1_049_999, 1_050_000, 1_000_000, 997_500} {
		price(1, p, 1e6)
	}
	price(1, 997_500, 1_000_001) // surge
	price(1, 997_500, 1_200_000) // still
	price(1, 997_500, 999_999)   // discount
	price(1, 997_500, 1e6)       // base
	n := from + 1
	want := fmt.Sprintf("%d price t1 1050000<1000000, %d price t1 997500<1050000, %d price t1 997500<997500, %d price t1 997500<997500, %d price t1 997500<997500", n, n+1, n+2, n+3, n+4)
	if got := feedTold(t, s, from); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if n, err := s.FeedEvents(t.Context(), from, 2); err != nil || len(n.List) != 2 || n.First != from+1 || n.Last != from+2 || n.List[0].AtMs <= 1e12 || n.List[1].InfoHash != (bt.InfoHash{1}) {
		t.Errorf("%+v %v", n, err)
	}
}

// What was withdrawn is not told any more, and does not hold up what comes after it.
func TestFeedEventsPassWithdrawn(t *testing.T) {
	s, price := feedStore(t)
	if err := s.write(t.Context(), func(t *tx) error { return t.exec("UPDATE torrents SET withdrawn_ms = 5 WHERE id = 1") }); err != nil {
		t.Fatal(err)
	}
	price(1, 9_000_000, 2e6)
	if n, err := s.FeedEvents(t.Context(), 0, 1); err != nil || len(n.List) != 0 || n.First != 1 || n.Last != 1 {
		t.Errorf("%+v %v", n, err)
	}
	if n, err := s.FeedEvents(t.Context(), 0, 9); err != nil || len(n.List) != 1 || n.List[0].Name != "t2" || n.Last != 2 {
		t.Errorf("%+v %v", n, err)
	}
	if n, err := s.FeedEvents(t.Context(), 2, 9); err != nil || len(n.List) != 0 || n.First != 0 || n.Last != 0 {
		t.Errorf("behind the last: %+v %v", n, err)
	}
}

// The ring keeps as many as it says, and numbers go on.
func TestFeedRing(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	if newest, err := s.NewestFeedEvent(t.Context()); err != nil || newest != 0 {
		t.Fatal(newest, err)
	}
	addMember(t, s, 1, 0, 0)
	id := feedTorrent(t, s, 1)
	err := s.write(t.Context(), func(t *tx) error {
		for i := range MaxFeedEvents + 10 {
			if err := t.exec("UPDATE torrents SET price_utok_per_gib = ? WHERE id = ?", 1_000_000+i%2*500_000, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	newest, err := s.NewestFeedEvent(t.Context())
	if err != nil || newest < MaxFeedEvents+10 {
		t.Fatal(newest, err)
	}
	if n, err := s.FeedEvents(t.Context(), 0, 1); err != nil || newest-n.First+1 != MaxFeedEvents {
		t.Errorf("%d to %d, %v", n.First, newest, err)
	}
}

// News are found by their numbers, however much there is.
func TestFeedPlans(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for query, args := range map[string][]any{
		selectSearches + " ORDER BY name":              {1},
		selectSearches + " AND id = ?":                 {1, 1},
		"DELETE FROM feed_events WHERE id <= ? - 5000": {7},
	} {
		if plan := searchPlan(t, s, query, args...); strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s:\n%s", query, plan)
		}
	}
	plan := searchPlan(t, s, selectFeedEvents, 1, 5) // the page is a scan of what a search by number found
	if !strings.Contains(plan, "SEARCH feed_events USING INTEGER PRIMARY KEY") || !strings.Contains(plan, "SEARCH l USING INTEGER PRIMARY KEY") {
		t.Errorf("%s:\n%s", selectFeedEvents, plan)
	}
}
