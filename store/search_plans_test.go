package store

import (
	"database/sql"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// grows are plans that would get slower with every torrent: a table or index gone through from its beginning with
// nothing to end it, and a sort of something that is not a bounded set.
var grows = regexp.MustCompile(`SCAN (l|listing|g|torrent_tags|x|collection_torrents|torrents|claims|d|p|downloads|peer_sessions|members|m)( |$)`)

func searchPlan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
		var id, parent, unused int
		return step, r.Scan(&id, &parent, &unused, &step)
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil || len(steps) == 0 {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(steps, "\n")
}

// Whatever is searched, filtered and sorted, SQLite goes to where it is in an index, or through a bounded part of
// one in the order of the page.
func TestSearchPlans(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	all := TorrentQuery{Category: "video", Tag: "x", Collection: "y", MaxPrice: 1, MinSaturationPPM: 1, SaturationBelowPPM: 1, MinProven: 1, Free: true, Approved: true}.filters(1)
	if len(all) != 9 {
		t.Fatalf("%d filters", len(all))
	}
	for _, f := range all {
		if plan := searchPlan(t, s, f.set.text+" LIMIT 5", f.set.args...); grows.MatchString(plan) || strings.Contains(plan, "TEMP B-TREE FOR ORDER") {
			t.Errorf("%s:\n%s", f.set.text, plan)
		}
		const row = "SELECT 1 FROM (SELECT 1 AS torrent) c CROSS JOIN listing l ON l.torrent = c.torrent WHERE 1"
		if plan := searchPlan(t, s, row+conditions([]filter{f}), f.where.args...); grows.MatchString(plan) {
			t.Errorf("%s:\n%s", f.where.text, plan)
		}
	}
	for _, sort := range []Sort{ByRelevance, ByNew, ByPrice, ByCheap, BySeeders, BySize, ByDemand, ByEarns} {
		o, ok := sort.order()
		if !ok {
			t.Fatal(sort)
		}
		first := o.next(Cursor{}, 10, 0)
		plan := searchPlan(t, s, first.text, first.args...)
		if strings.Contains(plan, "TEMP B-TREE") || !strings.HasPrefix(plan, "SCAN l") {
			t.Errorf("%s does not follow its index:\n%s", sort, plan)
		}
		next := o.next(Cursor{Set: true, Key: 1, ID: 5}, 10, 0)
		plan = searchPlan(t, s, next.text, next.args...)
		if strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN") {
			t.Errorf("%s does not go on where it was:\n%s", sort, plan)
		}
	}
	part := matches{query: `"x"`, before: math.MaxInt64}.set()
	if plan := searchPlan(t, s, part.text+" ORDER BY docid DESC LIMIT 1", part.args...); strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("matches are not in order:\n%s", plan)
	}
	for _, query := range []string{selectListed, selectMarks} {
		if plan := searchPlan(t, s, query, 1, 2, "[]"); grows.MatchString(plan) {
			t.Errorf("%s:\n%s", query, plan)
		}
	}
}

func TestMarks(t *testing.T) {
	w := newWorld(t)
	var ids []bt.TorrentID
	for range 6 {
		ids = append(ids, w.list(NewTorrent{Name: "t"}))
	}
	w.must(w.write(t.Context(), func(t *tx) error {
		const download = `INSERT INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok, cost_rem, charged_utok,
			reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq) VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, ?, 0)`
		const session = `INSERT INTO peer_sessions (member, torrent, peer_id, generation, uploaded_bytes, downloaded_bytes, left_bytes, stopped, seq, last_ms, addr, seeding_ms, flags)
			VALUES (1, ?, zeroblob(20), 0, 0, 0, ?, ?, 0, ?, '', 0, 0)`
		for _, x := range []struct {
			query string
			args  []any
		}{
			{download, []any{1, ids[0], 5, 7}}, {download, []any{1, ids[1], 5, 0}}, {download, []any{1, ids[2], 0, 0}}, {download, []any{2, ids[3], 5, 7}},
			{session, []any{ids[0], 0, 0, w.now.Load() - markFor.Milliseconds()}}, {session, []any{ids[1], 1, 0, w.now.Load()}}, {session, []any{ids[4], 0, 0, w.now.Load()}}, {session, []any{ids[5], 0, 1, w.now.Load()}},
		} {
			if err := t.exec(x.query, x.args...); err != nil {
				return err
			}
		}
		return nil
	}))
	marks, err := w.Marks(t.Context(), 1, ids)
	w.must(err)
	if len(marks) != 3 || marks[ids[0]] != MarkHave || marks[ids[1]] != MarkDownloading || marks[ids[4]] != MarkSeeding {
		t.Errorf("%v", marks)
	}
	w.now.Add(time.Minute.Milliseconds())
	if marks, err = w.Marks(t.Context(), 1, nil); err != nil || len(marks) > 0 {
		t.Errorf("%v, %v", marks, err)
	}
}
