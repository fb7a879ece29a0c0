package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/badge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// awardWorld is a store with members 1 to 3, torrents 1 to 3, a collection of the first two, and settled
// epochs of an hour each from an hour before a period of ten hours to an hour after it. Nothing is proven.
type awardWorld struct {
	t testing.TB
	*Store
	p     availability.Params
	key   badge.Key
	start int64 // of the period, unix ms
}

const hourMs = int64(time.Hour / time.Millisecond)

func newAwardWorld(t testing.TB, s *Store) *awardWorld {
	w := &awardWorld{t: t, Store: s, p: availability.DefaultParams(), start: 50_000 * 10 * hourMs}
	w.p.BadgePeriod = 10 * time.Hour
	w.run(`INSERT INTO members (id, name, key_secret, created_ms) VALUES (1, 'ann', zeroblob(32), 0), (2, 'bob', zeroblob(32), 0), (3, 'cid', zeroblob(32), 0)`)
	w.run(`INSERT INTO torrents (id, infohash, name, size_bytes, piece_bytes, files, uploader, created_ms, price_utok_per_gib)
		VALUES (1, randomblob(20), 'one', 100, 1, 1, 1, 0, 0), (2, randomblob(20), 'two', 20, 1, 1, 1, 0, 0), (3, randomblob(20), 'three', 3, 1, 1, 1, 0, 0)`)
	w.run(`INSERT INTO collections (id, name, title, created_by, created_ms) VALUES (1, 'c', 'C', 1, 0)`)
	w.run(`INSERT INTO collection_torrents (collection, torrent, from_ms) VALUES (1, 1, ?1), (1, 2, ?1)`, w.start)
	for i := range int64(12) {
		w.epoch(i+1, w.start+(i-1)*hourMs, w.start+i*hourMs)
	}
	w.run(`INSERT INTO epochs (number, start_ms, seed) VALUES (13, ?, zeroblob(32))`, w.start+11*hourMs)
	return w
}

func (w *awardWorld) run(query string, args ...any) {
	w.t.Helper()
	if err := w.write(w.t.Context(), func(t *tx) error { return t.exec(query, args...) }); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

func (w *awardWorld) epoch(number, from, to int64) {
	w.t.Helper()
	w.run("INSERT INTO epochs (number, start_ms, end_ms, settled_ms, seed) VALUES (?, ?, ?, 1, zeroblob(32))", number, from, to)
}

// claim makes a claim with the id member·100 + node·10 + torrent.
func (w *awardWorld) claim(m bt.MemberID, node, torrent int64) int64 {
	w.t.Helper()
	id := int64(m)*100 + node*10 + torrent
	w.run(`INSERT OR IGNORE INTO claims (id, torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, state) VALUES (?, ?, ?, ?, 1, x'', '', 0, 0, '')`, id, torrent, m, node)
	return id
}

// prove notes proven minutes of a claim in each of the epochs.
func (w *awardWorld) prove(claim int64, minutes int64, epochs ...int64) {
	w.t.Helper()
	for _, e := range epochs {
		w.run("INSERT INTO proven (epoch, claim, proven_ms) VALUES (?, ?, ?)", e, claim, minutes*60_000)
	}
}

// whole are the epochs of the period.
var whole = []int64{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}

// hosts has a member prove both torrents for all of the period.
func (w *awardWorld) hosts(m bt.MemberID) {
	w.t.Helper()
	for _, torrent := range []int64{1, 2} {
		w.prove(w.claim(m, 0, torrent), 60, whole...)
	}
}

func (w *awardWorld) award() (int, error) {
	return w.AwardBadges(w.t.Context(), w.p, func(c badge.Claims) (string, error) {
		c.Issuer = "https://tracker.example"
		return w.key.Sign(c)
	})
}

// earned awards, and returns the names of those with a badge.
func (w *awardWorld) earned() string {
	w.t.Helper()
	if _, err := w.award(); err != nil {
		w.t.Fatal(err)
	}
	names, err := collect[string](w.t.Context(), w.r, "SELECT m.name FROM badges b JOIN members m ON m.id = b.member ORDER BY b.from_ms, m.id")
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func openAwardWorld(t *testing.T) *awardWorld {
	t.Helper()
	key, err := badge.LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(50_000*10*hourMs + 12*hourMs)
	w := newAwardWorld(t, open(t, t.TempDir(), Options{Now: func() time.Time { return now }}))
	w.key = key
	return w
}

// Ann hosts both torrents for the whole period; each case changes something.
func TestWhoEarnsABadge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(w *awardWorld)
		want   string
	}{
		{"all of it", func(*awardWorld) {}, "ann"},
		{"two members", func(w *awardWorld) { w.hosts(3) }, "ann cid"},
		{"a claim of one torrent only", func(w *awardWorld) { w.prove(w.claim(2, 0, 1), 60, whole...) }, "ann"},
		{"95 % exactly", func(w *awardWorld) { w.run("UPDATE proven SET proven_ms = 3420000 WHERE claim = 101") }, "ann"},
		{"a millisecond less", func(w *awardWorld) {
			w.run("UPDATE proven SET proven_ms = 3420000 - (epoch = 5) WHERE claim = 101")
		}, ""},
		{"more proven than there was time", func(w *awardWorld) {
			w.run("UPDATE proven SET proven_ms = iif(epoch = 5, 7200000, iif(epoch = 6, 0, proven_ms)) WHERE claim = 101")
		}, ""},
		{"what is proven outside of the period does not count", func(w *awardWorld) {
			w.run("UPDATE proven SET epoch = iif(epoch = 2, 1, iif(epoch = 3, 12, epoch)) WHERE claim = 101")
		}, ""},
		{"two halves at once", func(w *awardWorld) {
			w.run("UPDATE proven SET proven_ms = 1800000 WHERE claim = 101")
			w.prove(w.claim(1, 1, 1), 30, whole...)
		}, ""},
		{"one claim after another", func(w *awardWorld) {
			w.run("DELETE FROM proven WHERE claim = 101 AND epoch > 6")
			w.prove(w.claim(1, 1, 1), 60, 7, 8, 9, 10, 11)
		}, "ann"},
		{"a part of a torrent", func(w *awardWorld) { w.run("UPDATE claims SET have = x'80' WHERE id = 101") }, ""},
		{"a part of it for one epoch", func(w *awardWorld) {
			w.run("INSERT INTO frozen (claim, from_epoch, to_epoch, torrent, bytes, piece_bytes, pieces, have) VALUES (101, 5, 6, 1, 1, 1, 2, x'80')")
		}, ""},
		{"a part of it before the period", func(w *awardWorld) {
			w.run("INSERT INTO frozen (claim, from_epoch, to_epoch, torrent, bytes, piece_bytes, pieces, have) VALUES (101, 1, 2, 1, 1, 1, 2, x'80')")
		}, "ann"},
		{"frozen whole", func(w *awardWorld) {
			w.run("INSERT INTO frozen (claim, from_epoch, torrent, bytes, piece_bytes, pieces) VALUES (101, 1, 1, 1, 1, 1)")
		}, "ann"},
		{"a torrent that came later is not asked for", func(w *awardWorld) {
			w.run("INSERT INTO collection_torrents (collection, torrent, from_ms) VALUES (1, 3, ?)", w.start+1)
		}, "ann"},
		{"one that was there from the beginning is", func(w *awardWorld) {
			w.run("INSERT INTO collection_torrents (collection, torrent, from_ms) VALUES (1, 3, ?)", w.start)
		}, ""},
		{"one that was taken out is not", func(w *awardWorld) {
			w.run("INSERT INTO collection_torrents (collection, torrent, from_ms, to_ms) VALUES (1, 3, 1, ?)", w.start+10*hourMs-1)
		}, "ann"},
		{"one that was taken out at the end is", func(w *awardWorld) {
			w.run("INSERT INTO collection_torrents (collection, torrent, from_ms, to_ms) VALUES (1, 3, 1, ?)", w.start+10*hourMs)
		}, ""},
		{"one that was withdrawn from the tracker is not", func(w *awardWorld) {
			w.run("INSERT INTO collection_torrents (collection, torrent, from_ms) VALUES (1, 3, 1)")
			w.run("UPDATE torrents SET withdrawn_ms = ? WHERE id = 3", w.start+5)
		}, "ann"},
		{"an emptied collection", func(w *awardWorld) { w.run("UPDATE collection_torrents SET to_ms = ?", w.start+1) }, ""},
		{"a closed account", func(w *awardWorld) { w.run("UPDATE members SET banned_reason = 'x' WHERE id = 1") }, ""},
		{"the tracker was down for an hour", func(w *awardWorld) {
			w.run("DELETE FROM proven WHERE epoch = 5")
			w.noted(w.start+3*hourMs, w.start+4*hourMs)
		}, "ann"},
		{"that hour counted once", func(w *awardWorld) {
			w.run("DELETE FROM proven WHERE epoch IN (5, 6)")
			w.noted(w.start+3*hourMs, w.start+4*hourMs)
			w.noted(w.start+3*hourMs+1, w.start+4*hourMs)
		}, ""},
		{"it was not down when she was away", func(w *awardWorld) {
			w.run("DELETE FROM proven WHERE epoch = 5")
			w.noted(w.start-5*hourMs, w.start)
			w.noted(w.start+10*hourMs, w.start+11*hourMs)
		}, ""},
		{"it was down for more than half", func(w *awardWorld) { w.noted(w.start, w.start+5*hourMs+1) }, ""},
		{"an epoch over the beginning counts in part: 30 minutes lack", func(w *awardWorld) {
			w.run("UPDATE epochs SET start_ms = ? WHERE number = 2", w.start-hourMs) // 60 of 120 minutes are proven
		}, "ann"},
		{"an epoch over the beginning counts in part: a bit more lacks", func(w *awardWorld) {
			w.run("UPDATE epochs SET start_ms = ? WHERE number = 2", w.start-hourMs)
			w.run("UPDATE proven SET proven_ms = proven_ms - 2 WHERE epoch = 2")
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := openAwardWorld(t)
			w.hosts(1)
			c.change(w)
			if got := w.earned(); got != c.want {
				t.Errorf("earned by %q, want %q", got, c.want)
			}
		})
	}
}

func (w *awardWorld) noted(from, to int64) {
	w.t.Helper()
	if err := w.write(w.t.Context(), func(t *tx) error { return t.noteOutage(from, to) }); err != nil {
		w.t.Fatal(err)
	}
}

// What a badge says, and that it is awarded once, however often the awarding is repeated.
func TestBadgeIsPermanent(t *testing.T) {
	w := openAwardWorld(t)
	w.hosts(1)
	if n, err := w.award(); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	list, err := w.Badges(t.Context(), 1, 9)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	b := list[0]
	if b.Collection != "c" || b.Title != "C" || b.MemberName != "ann" || b.FromMs != w.start || b.ToMs != w.start+10*hourMs || b.Torrents != 2 || b.Bytes != 120 || len(b.ID) < 20 {
		t.Errorf("%+v", b)
	}
	torrents, err := w.BadgeTorrents(t.Context(), b)
	if err != nil || len(torrents) != 2 || torrents[0].Name != "one" || torrents[1].Name != "two" {
		t.Fatalf("%v, %v", torrents, err)
	}
	c, err := badge.Verify(b.Credential, badge.Keys{}.With(w.key.Public()))
	want := badge.Claims{ID: b.ID, Issuer: "https://tracker.example", Member: "ann", IssuedAt: time.UnixMilli(b.AtMs).UTC(), Hosted: badge.Hosted{
		Collection: "c", Title: "C", From: time.UnixMilli(b.FromMs).UTC(), Until: time.UnixMilli(b.ToMs).UTC(), Torrents: 2, Bytes: 120, InfoHashes: badge.Sum([]bt.InfoHash{torrents[1].InfoHash, torrents[0].InfoHash})}}
	if err != nil || c != want {
		t.Errorf("%+v, %v", c, err)
	}
	for range 2 {
		if n, err := w.award(); err != nil || n != 0 {
			t.Errorf("again: %d, %v", n, err)
		}
		w.run("DELETE FROM facts WHERE name = ?", factBadges) // as if the last step had been cut off
	}
	// What changes later changes nothing of it.
	w.run("UPDATE collection_torrents SET to_ms = ? WHERE torrent = 1", w.start+11*hourMs)
	w.run("UPDATE torrents SET withdrawn_ms = ? WHERE id = 2", b.AtMs+1)
	if now, err := w.BadgeTorrents(t.Context(), b); err != nil || !slices.Equal(now, torrents) {
		t.Errorf("%v, %v", now, err)
	}
	if same, err := w.Badge(t.Context(), b.ID); err != nil || same != b {
		t.Errorf("%+v, %v", same, err)
	}
	for _, query := range []string{"UPDATE badges SET member = 2", "DELETE FROM badges"} {
		if err := w.write(t.Context(), func(t *tx) error { return t.exec(query) }); err == nil || !strings.Contains(err.Error(), "permanent") {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := w.Badge(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// A period waits until all its epochs are settled; after a pause all that are over are awarded.
func TestBadgePeriods(t *testing.T) {
	w := openAwardWorld(t)
	w.hosts(1)
	w.run("UPDATE epochs SET settled_ms = 0 WHERE number = 11")
	if got := w.earned(); got != "" {
		t.Errorf("before the last epoch is settled: %s", got)
	}
	w.run("UPDATE epochs SET settled_ms = 1 WHERE number = 11")
	w.run("DELETE FROM epochs WHERE number = 13")
	for e := int64(13); e <= 52; e++ { // to the end of the fifth period
		w.epoch(e, w.start+(e-2)*hourMs, w.start+(e-1)*hourMs)
	}
	w.run("INSERT INTO epochs (number, start_ms, seed) VALUES (53, ?, zeroblob(32))", w.start+51*hourMs)
	for _, c := range []int64{101, 102} {
		w.prove(c, 60, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41) // the fourth period
	}
	if got := w.earned(); got != "ann ann" {
		t.Errorf("of the first and the fourth period: %s", got)
	}
	if n, err := w.award(); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
	var done int64
	if err := w.r.QueryRow("SELECT CAST(value AS INTEGER) FROM facts WHERE name = ?", factBadges).Scan(&done); err != nil || done != w.start+50*hourMs {
		t.Errorf("done until %d, %v; want %d", done, err, w.start+50*hourMs)
	}
	// Another length of periods awards nothing twice: it goes on after what is done.
	w.p.BadgePeriod = 5 * time.Hour
	if n, err := w.award(); err != nil || n != 0 {
		t.Errorf("with shorter periods: %d, %v", n, err)
	}
}

// If the signature fails, nothing is lost.
func TestBadgeSigningFails(t *testing.T) {
	w := openAwardWorld(t)
	w.hosts(1)
	w.hosts(2)
	broken := errors.New("no key")
	if n, err := w.AwardBadges(t.Context(), w.p, func(badge.Claims) (string, error) { return "", broken }); !errors.Is(err, broken) || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	if got := w.earned(); got != "ann bob" {
		t.Errorf("afterwards: %s", got)
	}
}

// Who earns is the same as in the plain words of the rule, minute by minute.
func TestAwardsLikeTheModel(t *testing.T) {
	w := openAwardWorld(t)
	for _, m := range []bt.MemberID{1, 2} {
		for _, x := range [][2]int64{{0, 1}, {0, 2}, {1, 1}, {1, 2}} {
			w.claim(m, x[0], x[1])
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		w.p.BadgeSharePPM = rapid.SampledFrom([]int64{300_000, 500_000, 700_000}).Draw(r, "share")
		best := map[[3]int64]int64{} // minutes by member, torrent and epoch
		err := w.write(t.Context(), func(tx *tx) error {
			err := tx.exec("DELETE FROM proven")
			for range rapid.IntRange(3, 8).Draw(r, "claims") {
				m, node, torrent := rapid.Int64Range(1, 2).Draw(r, "member"), rapid.Int64Range(0, 1).Draw(r, "node"), rapid.Int64Range(1, 2).Draw(r, "torrent")
				for e := int64(1); e <= 12; e++ {
					n := rapid.SampledFrom([]int64{0, 20, 40, 60, 60}).Draw(r, "minutes")
					best[[3]int64{m, torrent, e}] = max(n, best[[3]int64{m, torrent, e}])
					err = errors.Join(err, tx.execMany(`INSERT INTO proven (epoch, claim, proven_ms) VALUES (?, ?, ?)
						ON CONFLICT DO UPDATE SET proven_ms = max(proven_ms, excluded.proven_ms)`, e, m*100+node*10+torrent, n*60_000))
				}
			}
			return err
		})
		if err != nil {
			r.Fatal(err)
		}
		var want []bt.MemberID
		for m := int64(1); m <= 2; m++ {
			sums := [3]int64{}
			for torrent := int64(1); torrent <= 2; torrent++ {
				for _, e := range whole {
					sums[torrent] += best[[3]int64{m, torrent, e}]
				}
			}
			if min(sums[1], sums[2])*1_000_000 >= 600*w.p.BadgeSharePPM {
				want = append(want, bt.MemberID(m))
			}
		}
		list, err := w.earnedIn(t.Context(), w.p, period{w.start, w.start + 10*hourMs})
		var got []bt.MemberID
		for _, e := range list {
			for _, h := range e.members {
				got = append(got, h.id)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			r.Fatalf("earned by %v, want %v: %v, %v", got, want, best, err)
		}
	})
}

func TestKeepBadgeKey(t *testing.T) {
	s, pass, _ := clockStore(t)
	var keys []badge.JWK
	for range 3 {
		k, err := badge.LoadOrCreateKey(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.Public())
	}
	for i, k := range []badge.JWK{keys[0], keys[1], keys[2], keys[1]} {
		got, err := s.KeepBadgeKey(t.Context(), k)
		pass(time.Second)
		want := slices.Clone(keys[:min(i+1, 3)])
		slices.Reverse(want)
		if err != nil || fmt.Sprint(got.Keys) != fmt.Sprint(want) {
			t.Errorf("after %d: %v, %v", i, got, err)
		}
	}
}

// An outage that is excused is one that no badge asks proofs of.
func TestExcusedOutageIsNoted(t *testing.T) {
	s, pass, _ := clockStore(t)
	pass(time.Hour)
	if err := s.ExcuseOutage(t.Context(), availability.DefaultParams(), 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	var from, to int64
	if err := s.r.QueryRow("SELECT from_ms, to_ms FROM outages").Scan(&from, &to); err != nil || to-from != 600_000 || to != s.opt.Now().UnixMilli() {
		t.Errorf("from %d to %d, %v", from, to, err)
	}
}
