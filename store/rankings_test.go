package store

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestRankingsAreTheSumsOfTheirDays: after each of many settlements, of which some are counted late, the sums
// are those of the epochs of the last week and month.
func TestRankingsAreTheSumsOfTheirDays(t *testing.T) {
	w, r := newWorld(t), rand.New(rand.NewPCG(1, 2))
	w.claim(3, 0, 1)
	w.must(w.KeepRankings(t.Context())) // nothing is settled yet
	for n := int64(1); n <= 55; n++ {
		for torrent := bt.TorrentID(1); torrent <= 2; torrent++ {
			took := bt.Bytes(r.IntN(3)) * 1000 // some epochs have nothing
			w.meter(w.took(n, 1, torrent, took, tokens.Amount(took/2)), w.gave(n, 3, torrent, took))
		}
		w.accrue(n)
		w.settle(w.nextEpoch(16 * time.Hour))
		if n%7 == 3 {
			continue // the server was stopped before it counted
		}
		w.must(w.KeepRankings(t.Context()))
		w.must(w.KeepRankings(t.Context()))
		closed := n - OpenEpochs
		w.same(fmt.Sprint("torrents after ", n), "SELECT torrent, bytes FROM torrent_weeks WHERE bytes > 0 ORDER BY torrent",
			`SELECT u.torrent, sum(u.billed_bytes) FROM usage u JOIN epochs e ON e.number = u.epoch, (SELECT end_ms / 86400000 AS day FROM epochs WHERE number = ?1) x
			WHERE u.epoch <= ?1 AND e.end_ms / 86400000 > x.day - 7 GROUP BY u.torrent HAVING sum(u.billed_bytes) > 0 ORDER BY 1`, closed)
		w.same(fmt.Sprint("members after ", n), "SELECT member, upload_bytes, upload_utok, host_utok FROM member_months WHERE upload_bytes + host_utok > 0 ORDER BY member",
			`SELECT member, sum(b), sum(p), sum(h) FROM (SELECT epoch, member, bytes AS b, pay_utok AS p, 0 AS h FROM awards UNION ALL SELECT epoch, member, 0, 0, gross_utok FROM hosting) a
			JOIN epochs e ON e.number = a.epoch, (SELECT end_ms / 86400000 AS day FROM epochs WHERE number = ?1) x
			WHERE a.epoch <= ?1 AND e.end_ms / 86400000 > x.day - 30 GROUP BY member HAVING sum(b) + sum(h) > 0 ORDER BY 1`, closed)
	}
	if days := w.count("SELECT count(DISTINCT day) FROM torrent_days"); days == 0 || days > weekDays {
		t.Errorf("%d days of torrents are kept", days)
	}
	work, listed, err := w.MemberWork(t.Context(), 3)
	w.must(err)
	if listed || work.Uploaded == 0 || work.Upload == 0 || work.Hosting == 0 || work.Hosted < 30*gib*40/86400 {
		t.Errorf("the seeder did %+v, listed %v", work, listed)
	}
	if w, _, err := w.MemberWork(t.Context(), 4); err != nil || w != (Work{}) {
		t.Errorf("who did nothing did %+v, %v", w, err)
	}
}

// same fails unless two queries, of which the second has arguments, have the same rows.
func (w *world) same(what, got, want string, args ...any) {
	w.t.Helper()
	read := func(query string, args ...any) []string {
		rows, err := scan(w.t.Context(), w.r, func(r *sql.Rows) (string, error) {
			columns, _ := r.Columns()
			values, into := make([]int64, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			return fmt.Sprint(values), errors.Join(r.Scan(into...))
		}, query, args...)
		w.must(err)
		return rows
	}
	if a, b := read(got), read(want, args...); !reflect.DeepEqual(a, b) {
		w.t.Fatalf("%s: %v, want %v", what, a, b)
	}
}

// TestManyOldDaysGoInParts: more rows than one transaction takes back.
func TestManyOldDaysGoInParts(t *testing.T) {
	w := newWorld(t)
	const rows = 2*expiredAtOnce + 10
	w.must(w.write(t.Context(), func(t *tx) error {
		var days, weeks []any
		for i := range rows {
			days, weeks = append(days, i%3, i/3, i+1), append(weeks, i, 0)
		}
		if err := t.insertRows("INSERT INTO torrent_days (day, torrent, bytes) VALUES ", 3, "", days); err != nil {
			return err
		}
		if err := t.insertRows("INSERT INTO torrent_weeks (torrent, bytes) VALUES ", 2, "", weeks); err != nil {
			return err
		}
		return t.exec("UPDATE torrent_weeks SET bytes = coalesce((SELECT sum(bytes) FROM torrent_days d WHERE d.torrent = torrent_weeks.torrent), 0)")
	}))
	w.must(w.expire(t.Context(), "torrent_days", "torrent_weeks", "torrent", 1, "bytes"))
	w.same("after it", "SELECT torrent, bytes FROM torrent_weeks WHERE bytes > 0 ORDER BY 1", "SELECT torrent, bytes FROM torrent_days WHERE day = 2 ORDER BY 1")
	if n := w.count("SELECT count(*) FROM torrent_days"); n != rows/3 {
		t.Errorf("%d rows are left of %d", n, rows)
	}
}

// TestFiguresOfEpochs: what is kept is what the tables add up to, and the supply is what the ledger had then.
func TestFiguresOfEpochs(t *testing.T) {
	w := newWorld(t)
	supply := map[int64]tokens.Amount{}
	w.claim(3, 0, 1)
	for n := int64(1); n <= 5; n++ {
		w.meter(w.took(n, 1, 1, 600, 500), w.gave(n, 3, 1, 600))
		w.accrue(n)
		w.must(w.Post(t.Context(), tokens.Transfer{ID: fmt.Sprint("mint/", n), Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(1), Amount: 7000, Code: tokens.CodeGrant},
			tokens.Transfer{ID: fmt.Sprint("burn/", n), Asset: tokens.Token, From: tokens.Available(1), To: tokens.Burned, Amount: tokens.Amount(n), Code: tokens.CodeSlashBurn}))
		o, err := w.Overview(t.Context())
		w.must(err)
		supply[n] = o.Supply
		w.settle(w.nextEpoch(time.Hour))
		before, err := w.EpochFigures(t.Context(), 2)
		w.must(err)
		if n != 4 {
			w.must(w.KeepRankings(t.Context()))
		}
		after, err := w.EpochFigures(t.Context(), 2)
		w.must(err)
		a, b := before[1], after[1]
		if a.Kept || a.Billed != 600 || a.Charged != 500 || a.Upload == 0 || a.Upload != b.Upload || a.Charged != b.Charged || a.Billed != b.Billed || a.Hosting != b.Hosting {
			t.Errorf("epoch %d: %+v, then %+v", n, a, b)
		}
		if b.Kept != (n != 4) || b.Kept && (b.Median != w.economy().BasePrice || b.Lockers+b.Treasury+b.Upload != b.Charged) {
			t.Errorf("epoch %d: %+v", n, b)
		}
	}
	all, err := w.EpochFigures(t.Context(), 10)
	w.must(err)
	for _, f := range all[1:] { // the newest runs
		minted := tokens.Amount(7000)
		if f.Number > 1 {
			minted = supply[f.Number] - supply[f.Number-1] + tokens.Amount(f.Number)
		} else {
			minted += 4000 * tokens.Unit // the first members'
		}
		if !f.Kept || f.Supply != supply[f.Number] || f.Burned != tokens.Amount(f.Number) || f.Minted != minted {
			t.Errorf("epoch %d: %+v, want a supply of %d and %d minted", f.Number, f, supply[f.Number], minted)
		}
		if known := f.Number != 4; (f.Median > 0) != known {
			t.Errorf("epoch %d: a median of %d", f.Number, f.Median)
		}
	}
}

// TestOnlyWhoWantsIsListed: members are ranked by each figure, without those who did not ask for it or are banned.
func TestOnlyWhoWantsIsListed(t *testing.T) {
	w := newWorld(t)
	w.must(w.write(t.Context(), func(t *tx) error {
		return t.rankMembers(1, []memberSum{{1, 10, 40, 20, 30}, {2, 20, 30, 10, 0}, {3, 30, 20, 40, 10}, {4, 40, 10, 30, 20}})
	}))
	if list, err := w.Standings(t.Context(), ByUploadPay, 10); err != nil || len(list) != 0 {
		t.Fatalf("nobody asked for it: %v, %v", list, err)
	}
	for _, m := range []bt.MemberID{1, 2, 3, 4} {
		w.must(w.SetListed(t.Context(), m, true))
	}
	w.must(w.SetListed(t.Context(), 3, false))
	w.must(w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE members SET banned_reason = 'spam' WHERE id = 4") }))
	for by, want := range map[StandingsBy]string{ByUploadPay: "[1 2]", ByUploadedBytes: "[2 1]", ByHostingPay: "[1]", ByHostedBytes: "[1 2]"} {
		list, err := w.Standings(t.Context(), by, 10)
		w.must(err)
		var got []bt.MemberID
		for _, x := range list {
			got = append(got, x.Member)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("by %s: %v, want %s", by, got, want)
		}
	}
	if _, err := w.Standings(t.Context(), "member; DROP TABLE members", 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("a column that there is not: %v", err)
	}
	if _, listed, err := w.MemberWork(t.Context(), 1); err != nil || !listed {
		t.Errorf("listed %v, %v", listed, err)
	}
	w.must(w.SetListed(t.Context(), 1, false))
	if list, err := w.Standings(t.Context(), ByHostingPay, 10); err != nil || len(list) != 0 {
		t.Errorf("who changed their mind is listed: %v, %v", list, err)
	}
}

// TestWantedLately: what was downloaded most in the last week, without what was withdrawn.
func TestWantedLately(t *testing.T) {
	w := newWorld(t)
	for i := byte(3); i <= 5; i++ {
		_, err := w.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{i}, Name: "t", Size: gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 4})
		w.must(err)
	}
	w.must(w.write(t.Context(), func(t *tx) error {
		return errors.Join(t.exec("UPDATE torrents SET withdrawn_ms = 1 WHERE id = 5"), t.rankTorrents(1, []torrentSum{{1, 5}, {2, 90}, {5, 99}, {4, 0}, {3, 5}}))
	}))
	list, err := w.WantedLately(t.Context(), 10)
	w.must(err)
	var got string
	for _, x := range list {
		got += fmt.Sprintf("%d:%d ", x.ID, x.Bytes)
	}
	if got != "2:90 1:5 3:5 " {
		t.Errorf("lately: %s", got)
	}
}

// TestHostedFollowsClaims: what is hosted is the sum of the proven claims, whatever becomes of them.
func TestHostedFollowsClaims(t *testing.T) {
	w, r := newWorld(t), rand.New(rand.NewPCG(3, 4))
	for i := range 200 {
		id := r.IntN(20) + 1
		var query string
		switch r.IntN(6) {
		case 0, 1:
			query = "INSERT OR IGNORE INTO claims (id, torrent, member, node, bytes, peer_id, addr, live, proven_ms, entered_ms, seen_ms, state) VALUES (?1, 1, 3, ?1, ?1 * 100, x'00', '', 1, ?1 % 2, 1, 1, '{}')"
		case 2:
			query = "DELETE FROM claims WHERE id = ?"
		case 3:
			query = "UPDATE claims SET live = 1 - live WHERE id = ?"
		case 4:
			query = "UPDATE claims SET proven_ms = iif(proven_ms > 0, 0, 7) WHERE id = ?"
		case 5:
			query = "UPDATE claims SET bytes = bytes + 5, proven_ms = iif(proven_ms > 0, proven_ms + 1, 0) WHERE id = ?"
		}
		w.must(w.write(t.Context(), func(t *tx) error { return t.exec(query, id) }))
		o, err := w.Overview(t.Context())
		w.must(err)
		if want := w.count("SELECT coalesce(sum(bytes), 0) FROM claims WHERE live = 1 AND proven_ms > 0"); o.Hosted != bt.Bytes(want) {
			t.Fatalf("after %d changes, the last of them %s of %d: %d bytes, want %d", i, query, id, o.Hosted, want)
		}
	}
}

// TestRankingsReadIndexes: what everybody may ask for reads what it shows.
func TestRankingsReadIndexes(t *testing.T) {
	w := newWorld(t)
	queries := []string{selectMedian, "SELECT count(*) FROM listing", selectHosted,
		"SELECT torrent, bytes FROM torrent_weeks WHERE bytes > 0 ORDER BY bytes DESC, torrent LIMIT 5",
		"SELECT " + epochSums + " FROM epochs e WHERE e.number = 5"}
	for _, by := range workColumns {
		query, _ := standingsBy(StandingsBy(by))
		queries = append(queries, query)
	}
	for _, query := range queries {
		steps, err := scan(t.Context(), w.r, func(r *sql.Rows) (step string, err error) {
			var id, parent, unused int
			return step, r.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+strings.ReplaceAll(query, "?", "5"))
		w.must(err)
		for _, step := range steps {
			walks := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "INDEX") && !strings.Contains(step, "CONSTANT")
			if walks || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s:\n%s", query, strings.Join(steps, "\n"))
			}
		}
	}
}
