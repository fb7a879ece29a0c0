package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/migrations"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// list adds a torrent; files are paths in it.
func (w *world) list(n NewTorrent, files ...string) bt.TorrentID {
	w.t.Helper()
	var have int
	w.must(w.r.QueryRow("SELECT count(*) FROM torrents").Scan(&have))
	n.InfoHash, n.Uploader, n.PieceBytes = bt.InfoHash{9, byte(have >> 8), byte(have)}, 4, 1<<14
	n.Size, n.Files = max(n.Size, 1), max(1, len(files))
	n.Metainfo = []byte{0}
	if len(files) > 0 {
		var parts strings.Builder
		for _, f := range files {
			fmt.Fprintf(&parts, "d6:lengthi1e4:pathl%d:%see", len(f), f)
		}
		n.Metainfo = fmt.Appendf(nil, "d4:infod5:filesl%se4:name1:n12:piece lengthi16384e6:pieces20:%020dee", parts.String(), have)
		if _, err := catalog.Parse(n.Metainfo); err != nil {
			w.t.Fatal(err)
		}
	}
	id, err := w.AddTorrent(w.t.Context(), n)
	w.must(err)
	return id
}

// pages asks for everything, page by page, and returns the names.
func (w *world) pages(t interface{ Fatalf(string, ...any) }, q TorrentQuery) (names []string) {
	for range 1000 {
		page, next, err := w.Torrents(w.t.Context(), q)
		if err != nil || len(page) > q.Limit {
			t.Fatalf("%+v: %d rows, %v", q, len(page), err)
		}
		for _, x := range page {
			names = append(names, x.Name)
		}
		if !next.Set {
			return names
		}
		q.After = next
	}
	t.Fatalf("%+v: no end", q)
	return nil
}

func (w *world) search(text string) string {
	return strings.Join(w.pages(w.t, TorrentQuery{Search: text, Sort: ByRelevance, Limit: 2}), ", ")
}

// emptyWorld is a world with members and without torrents.
func emptyWorld(t *testing.T) *world {
	w := newWorld(t)
	w.must(w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE torrents SET withdrawn_ms = 1") }))
	return w
}

func TestSearchFinds(t *testing.T) {
	w := emptyWorld(t)
	w.list(NewTorrent{Name: "debian-13.2_amd64", Tags: []string{"linux", "os-image"}})
	w.list(NewTorrent{Name: "Débian handbook", Description: "How to install amd64 systems. ÜBER alles."}, "chapter one.pdf", "Anhang-Größe.txt")
	w.list(NewTorrent{Name: "進撃の巨人 BD", Description: "debian is not in here by name"})
	w.list(NewTorrent{Name: "O'Reilly \"NEAR\" OR name:x* -y (z)"})
	for text, want := range map[string]string{
		"debian 13.2 amd64": "debian-13.2_amd64",
		"DEBIAN":            "Débian handbook, debian-13.2_amd64, 進撃の巨人 BD",
		"dé":                "Débian handbook, debian-13.2_amd64, 進撃の巨人 BD",
		"deb amd64":         "", // the last word only may be a beginning
		"amd64 deb":         "debian-13.2_amd64, Débian handbook",
		"amd":               "debian-13.2_amd64, Débian handbook",
		"uber":              "Débian handbook",
		"GROSSE txt":        "Débian handbook",
		"chapter":           "Débian handbook",
		"linux":             "debian-13.2_amd64",
		"os-image":          "debian-13.2_amd64",
		"巨人":                "進撃の巨人 BD",
		"nothing":           "",
		"debian nothing":    "",
		`"NEAR" OR`:         `O'Reilly "NEAR" OR name:x* -y (z)`,
		"name:x*":           `O'Reilly "NEAR" OR name:x* -y (z)`,
		"o'reilly (z":       `O'Reilly "NEAR" OR name:x* -y (z)`,
	} {
		if got := w.search(text); got != want {
			t.Errorf("%q finds %s; want %s", text, got, want)
		}
	}
	all := "O'Reilly \"NEAR\" OR name:x* -y (z), 進撃の巨人 BD, Débian handbook, debian-13.2_amd64"
	for _, text := range []string{"", " ", "!!!", "*", "\"", "-", "'", "()", "\x00", "\u202e", "AND\"", "NOT", "a OR", "^a", "\xff\xfe", strings.Repeat("\"(", 50), strings.Repeat("a ", 50)} {
		if got := w.search(text); len(catalog.Words(text)) == 0 && got != all {
			t.Errorf("%q finds %s; want everything", text, got)
		}
	}
}

// What changes is found by what it is now; what was withdrawn is not found, and found again when it is back.
func TestSearchFollowsEdits(t *testing.T) {
	w := emptyWorld(t)
	id := w.list(NewTorrent{Name: "first", Tags: []string{"alpha"}}, "inside.bin")
	edit := func(name, about string, tags ...string) error {
		return w.write(t.Context(), func(t *tx) error {
			if err := t.change("UPDATE torrents SET name = ?, description = ? WHERE id = ?", name, about, id); err != nil {
				return err
			}
			if err := t.setTags(id, tags); err != nil {
				return err
			}
			return t.indexTorrent(id)
		})
	}
	w.must(edit("second", "about it", "beta", "gamma"))
	for text, want := range map[string]string{"first": "", "alpha": "", "second": "second", "about": "second", "gamma": "second", "inside": "second"} {
		if got := w.search(text); got != want {
			t.Errorf("%q finds %q; want %q", text, got, want)
		}
	}
	if tags, err := w.Tags(t.Context(), id); err != nil || !slices.Equal(tags, []string{"beta", "gamma"}) {
		t.Errorf("tags %q, %v", tags, err)
	}
	for _, bad := range []string{"", "x", "UPPER", "a_b", strings.Repeat("x", 25), "1,2"} {
		if err := edit("third", "", "good", bad); err == nil {
			t.Errorf("tag %q is taken", bad)
		}
	}
	if got := w.search("second"); got != "second" {
		t.Errorf("an edit that failed left %q", got)
	}
	withdraw := func(ms int) {
		w.must(w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE torrents SET withdrawn_ms = ? WHERE id = ?", ms, id) }))
	}
	if withdraw(5); w.search("second") != "" || w.search("") != "" {
		t.Error("a withdrawn torrent is found")
	}
	if withdraw(0); w.search("second") != "second" {
		t.Error("a torrent that is back is not found")
	}
}

// Of a torrent with very many files the first ones are found.
func TestSearchBoundsFiles(t *testing.T) {
	w := emptyWorld(t)
	var files []string
	for i := range searchFiles + 5 {
		files = append(files, fmt.Sprintf("file%d %s", i, strings.Repeat("x", 60+i%9)))
	}
	w.list(NewTorrent{Name: "many"}, files...)
	if w.search("file0") != "many" || w.search(fmt.Sprint("file", searchFiles-1)) != "many" || w.search(fmt.Sprint("file", searchFiles)) != "" {
		t.Error("not the first files are found")
	}
	for i := range files {
		files[i] = fmt.Sprint(i, strings.Repeat(string(rune('a'+i%26)), 200-len(fmt.Sprint(i))))
		files[i] = strings.ReplaceAll(files[i], "aaaa", "aa a")
	}
	if n := len(fileWords(w.metainfo(w.list(NewTorrent{Name: "long"}, files...)))); n == 0 || n > searchFileBytes {
		t.Errorf("%d bytes of file names", n)
	}
}

func (w *world) metainfo(id bt.TorrentID) []byte {
	w.t.Helper()
	b, err := w.Metainfo(w.t.Context(), id)
	w.must(err)
	return b
}

func TestRank(t *testing.T) {
	in := func(name, tags, files, about found) hit { return hit{name, tags, files, about} }
	type doc struct {
		name   string
		hits   []hit
		proven int
	}
	one := func(h hit) []hit { return []hit{h} }
	// Each is worth more than the next, when the words are searched for.
	for words, docs := range map[string][]doc{
		"debian": {
			{"debian", one(in(wordWhole, 0, 0, 0)), 0},
			{"debian 13", one(in(wordWhole, 0, 0, 0)), 5},
			{"debian 13", one(in(wordWhole, 0, 0, 0)), 0},
			{"debianism today", one(in(wordBegun, 0, 0, 0)), 999},
			{"more debianism", one(in(wordBegun, 0, 0, 0)), 999},
			{"x", one(in(0, wordWhole, 0, 0)), 2000},
			{"x", one(in(0, wordWhole, 0, 0)), 998},
			{"x", one(in(0, wordBegun, 0, 0)), 0},
			{"x", one(in(0, 0, wordWhole, wordWhole)), 0},
			{"x", one(in(0, 0, wordBegun, wordWhole)), 0},
			{"x", one(in(0, 0, 0, wordWhole)), 0},
			{"x", one(in(0, 0, 0, wordBegun)), 999},
		},
		"old man": {
			{"old man", []hit{in(wordWhole, 0, 0, 0), in(wordWhole, 0, 0, 0)}, 0},
			{"old man and sea", []hit{in(wordWhole, 0, 0, 0), in(wordWhole, 0, 0, 0)}, 0},
			{"the old man", []hit{in(wordWhole, 0, 0, 0), in(wordWhole, 0, 0, 0)}, 0},
			{"the old manual", []hit{in(wordWhole, 0, 0, 0), in(wordBegun, 0, 0, 0)}, 0},
			{"man and old", []hit{in(wordWhole, 0, 0, 0), in(wordWhole, 0, 0, 0)}, 999},
			{"man", []hit{in(0, wordWhole, 0, 0), in(wordWhole, 0, 0, 0)}, 999},
			{"x", []hit{in(0, 0, wordWhole, 0), in(0, 0, wordWhole, 0)}, 999},
		},
	} {
		query := strings.Fields(words)
		for i := 1; i < len(docs); i++ {
			a, b := docs[i-1], docs[i]
			if x, y := rank(query, a.hits, a.name, a.proven), rank(query, b.hits, b.name, b.proven); x <= y {
				t.Errorf("%s: %v is worth %d, %v is worth %d", words, a, x, b, y)
			}
		}
	}
}

// The listing says what the torrents and claims say, whoever changes them.
func TestListingFollows(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.list(NewTorrent{Name: fmt.Sprint("t", i)})
	}
	const truth = `SELECT t.id, t.category, t.size_bytes, t.approved_ms > 0, t.free_until_ms, t.price_utok_per_gib, t.multiplier_ppm, t.saturation_ppm, t.demand_bytes,
		` + provenCount + `, t.infohash, t.uploader, t.files, t.created_ms, t.name FROM torrents t WHERE t.withdrawn_ms = 0`
	const kept = `SELECT torrent, category, size_bytes, approved, free_until_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes,
		proven, infohash, uploader, files, created_ms, name FROM listing`
	changes := []string{
		"UPDATE torrents SET price_utok_per_gib = :n, multiplier_ppm = :n + 1, saturation_ppm = :n + 2, demand_bytes = :n + 3 WHERE id = :id",
		"UPDATE torrents SET approved_ms = :n WHERE id = :id", "UPDATE torrents SET free_until_ms = :n WHERE id = :id",
		"UPDATE torrents SET name = 'x' || :n, category = 'c' || :n, description = 'd' WHERE id = :id",
		"UPDATE torrents SET withdrawn_ms = :n WHERE id = :id", "UPDATE torrents SET withdrawn_ms = 0 WHERE id = :id",
		"INSERT OR IGNORE INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, state, proven_ms, live) VALUES (:id, 1, :n, 1, x'', '', 0, 0, '{}', :n % 3, :n % 2)",
		"UPDATE claims SET live = 1 - live WHERE torrent = :id", "UPDATE claims SET proven_ms = :n WHERE torrent = :id AND node % 2 = 0", "DELETE FROM claims WHERE torrent = :id AND node = :n",
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 8 {
			query, id, n := rapid.SampledFrom(changes).Draw(t, "change"), rapid.IntRange(1, 8).Draw(t, "torrent"), rapid.IntRange(0, 6).Draw(t, "n")
			if err := w.write(w.t.Context(), func(t *tx) error { return t.exec(query, sql.Named("id", id), sql.Named("n", n)) }); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		}
		if n := w.count("SELECT count(*) FROM (SELECT * FROM (" + truth + " EXCEPT " + kept + ") UNION ALL SELECT * FROM (" + kept + " EXCEPT " + truth + "))"); n > 0 {
			t.Fatalf("%d rows differ", n)
		}
	})
}

// A database of before has its torrents listed and found when it is opened, and what an interrupted indexing
// left is indexed by the next Open.
func TestSearchOfOldDatabases(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, FileName), "immediate", "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 15); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"INSERT INTO members (id, name, key_secret, created_ms) VALUES (3, 'm', zeroblob(32), 0)",
		`INSERT INTO torrents (id, infohash, name, size_bytes, piece_bytes, files, metainfo, uploader, created_ms, price_utok_per_gib, withdrawn_ms)
			VALUES (1, zeroblob(20), 'gone', 1, 1, 1, x'00', 3, 0, 1, 5), (2, randomblob(20), 'here one', 1, 1, 1, x'00', 3, 0, 1, 0)`,
		fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO torrents (id, infohash, name, size_bytes, piece_bytes, files, metainfo, uploader, created_ms, price_utok_per_gib)
			SELECT i, randomblob(20), 'number ' || i, 1, 1, 1, x'00', 3, 0, 1 FROM n`, fillAtOnce+50),
		"INSERT INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, state, proven_ms) VALUES (2, 3, 0, 1, x'', '', 0, 0, '{}', 7), (2, 3, 1, 1, x'', '', 0, 0, '{}', 0)",
	} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	w := &world{t: t, dir: dir, Store: open(t, dir, Options{})}
	page, _, err := w.Torrents(t.Context(), TorrentQuery{Sort: BySeeders, Limit: 1})
	if err != nil || len(page) != 1 || page[0].Name != "here one" || page[0].Proven != 1 || page[0].UploaderName != "m" {
		t.Fatalf("%+v, %v", page, err)
	}
	if w.search("here") != "here one" || w.search("gone") != "" || w.search(fmt.Sprint("number ", fillAtOnce+50)) == "" {
		t.Error("not everything is found")
	}
	for _, id := range []bt.TorrentID{1, 2, fillAtOnce + 50} { // withdrawn ones too
		if file, err := w.Metainfo(t.Context(), id); err != nil || string(file) != "\x00" {
			t.Errorf("the file of torrent %d: %x, %v", id, file, err)
		}
	}
	w.must(w.write(t.Context(), func(t *tx) error {
		if err := t.exec("DELETE FROM search WHERE docid = 2"); err != nil {
			return err
		}
		return t.exec("UPDATE listing SET indexed = 0 WHERE torrent = 2")
	}))
	if w.search("here") != "" {
		t.Fatal("it is still indexed")
	}
	w.must(w.Close())
	w.Store = open(t, dir, Options{})
	if w.search("here") != "here one" {
		t.Error("what was left is not indexed")
	}
}
