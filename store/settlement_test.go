package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

var errKilled = errors.New("killed")

// interrupted is a settlement that writes in the smallest parts and dies after so many of them; fewer
// than 0: never.
func (s *Store) interrupted(r Rules, e Epoch, writes int) *settlement {
	st := s.settlement(r, e)
	st.stepRows = 1
	st.commit = func(ctx context.Context, fn func(*tx) error) error {
		if writes == 0 {
			return errKilled
		}
		writes--
		return s.write(ctx, fn)
	}
	return st
}

// die begins a settlement that dies after so many writes.
func (w *world) die(e Epoch, writes int) {
	w.t.Helper()
	if _, err := w.interrupted(w.rules, e, writes).run(w.t.Context()); !errors.Is(err, errKilled) {
		w.t.Fatalf("after %d writes: %v", writes, err)
	}
}

// trusts has a member be as honest as the given claims and their excess make it, from now on.
func (w *world) trusts(m bt.MemberID, claimed, excess bt.Bytes) {
	w.t.Helper()
	yesterday := dayOf(w.rules.Settle, w.now.Load()) - w.rules.Settle.HonestyDay.Milliseconds()
	w.must(w.write(w.t.Context(), func(t *tx) error {
		return t.exec("INSERT INTO honesty (day_ms, torrent, member, claimed_bytes, excess_bytes, settlement) VALUES (?, 999, ?, ?, ?, 0)", yesterday, m, claimed, excess)
	}))
}

// count is how many rows a query counts.
func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.r.QueryRow(query, args...).Scan(&n))
	return n
}

// content is everything in a store's tables but the heads of its chain, of which there is one for
// each commit.
func content(t *testing.T, s *Store) []string {
	t.Helper()
	tables, err := collect[string](t.Context(), s.r, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('heads', 'goose_db_version', 'sqlite_sequence') ORDER BY name")
	if err != nil || len(tables) < 30 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	var out []string
	for _, table := range tables {
		rows, err := s.r.Query("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		var lines []string
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprint(table, values))
		}
		rows.Close()
		slices.Sort(lines)
		out = append(out, lines...)
	}
	return out
}

// differ names the first line that only one of two contents has.
func differ(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(want):
			t.Errorf("%s: %s is too much", what, got[i])
		case i >= len(got) || got[i] != want[i]:
			t.Errorf("%s: want %.500s, got %.500s", what, want[i], strings.Join(got[min(i, len(got)):min(i+1, len(got))], ""))
		default:
			continue
		}
		return
	}
}

// busyWorld is a world about to settle its fourth epoch, each a day of its own, in which everything
// that a settlement does is to be done: a pot of three torrents, claims of every kind of member,
// suspense of two earlier epochs, late claims, excess, a member whose probation ends well and one
// whose ends badly, prices above the base price, work that hosts proved, and a silent member.
func busyWorld(t *testing.T) (*world, Epoch) {
	w := newSilentWorld(t).world
	p := &w.rules.Settle
	p.HonestPPM, p.HonestyDay, p.ProbationTime, p.InflationPPM = 500_000, time.Hour, 2*time.Hour, 50_000_000
	p.TorrentCapPPM, p.PublisherCapPPM = 20_000, 20_000
	w.rules.Surge.Base = tokens.Unit
	sw := silentWorld{w}
	w.must(w.ApproveTorrent(t.Context(), seeded[0], 0))
	w.trusts(11, 100*gib, gib)
	w.trusts(12, 10*gib, 9*gib)
	for epoch := int64(1); epoch <= 4; epoch++ {
		if epoch == 2 {
			w.trusts(12, 1000*gib, 0)
		}
		for _, torrent := range seeded {
			sw.down(1, torrent, 0, 5*tokens.Unit)
			sw.down(2, torrent, bt.Bytes(epoch)*gib, 5*tokens.Unit)
			sw.use(w.took(epoch, 2, torrent, gib, 2*tokens.Unit+tokens.Amount(epoch)), w.took(epoch, 1, torrent, 0, 0))
			lies := gib / 4
			if torrent == seeded[2] {
				lies = 3 * gib
			}
			sw.use(w.gave(epoch, 11, torrent, gib/4), w.gave(epoch, 12, torrent, gib/8), w.gave(epoch, 13, torrent, lies))
			if epoch > 1 {
				sw.use(w.gave(epoch-1, 11, torrent, gib/8))
			}
		}
		if e := w.nextEpoch(time.Hour); epoch == 4 {
			sw.prove()
			return w, e
		} else {
			sw.prove()
			w.settle(e)
		}
	}
	panic("unreachable")
}

// frozen is a busy world's database, to be settled again and again.
type frozen struct {
	t     *testing.T
	file  []byte
	rules Rules
	epoch Epoch
	now   func() time.Time
}

func freeze(t *testing.T) frozen {
	w, e := busyWorld(t)
	w.Close()
	file, err := os.ReadFile(filepath.Join(w.dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return frozen{t, file, w.rules, e, w.opt.Now}
}

// thaw opens a copy.
func (f frozen) thaw() (s *Store, dir string) {
	f.t.Helper()
	dir = f.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), f.file, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return open(f.t, dir, Options{Now: f.now}), dir
}

// settled is the content after a settlement that nothing disturbs.
func (f frozen) settled() []string {
	f.t.Helper()
	s, dir := f.thaw()
	if _, err := s.SettleEpoch(f.t.Context(), f.rules, f.epoch); err != nil {
		f.t.Fatal(err)
	}
	out := content(f.t, s)
	verified(f.t, s, dir)
	return out
}

// TestKilledBetweenAnyTwoWrites: a settlement that dies after any number of writes and is called
// again leaves the same rows, transfers and chain as one that ran through.
func TestKilledBetweenAnyTwoWrites(t *testing.T) {
	f := freeze(t)
	want := f.settled()
	run := func(writes int) (died bool) {
		s, dir := f.thaw()
		_, err := s.interrupted(f.rules, f.epoch, writes).run(t.Context())
		if died = errors.Is(err, errKilled); died {
			s.Close()
			s = open(t, dir, Options{Now: f.now})
			_, err = s.interrupted(f.rules, f.epoch, -1).run(t.Context())
		}
		if err != nil {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		differ(t, fmt.Sprintf("killed after %d writes", writes), content(t, s), want)
		verified(t, s, dir)
		return died
	}
	writes := 0
	for run(writes) {
		writes++
	}
	if writes < 20 {
		t.Errorf("the settlement made %d writes: the test shows little", writes)
	}
}

// TestBusyWorldIsBusy: what the tests of interruptions rely on does happen.
func TestBusyWorldIsBusy(t *testing.T) {
	w, e := busyWorld(t)
	done := w.settle(e)
	if done.Pot == 0 || done.Upload == 0 || done.Probation == 0 || done.Hot == 0 || done.Hosting == 0 {
		t.Errorf("settled %+v", done)
	}
	for what, query := range map[string]string{
		"released":        "SELECT count(*) FROM probation WHERE closed = 2 AND trusted = 1",
		"returned":        "SELECT count(*) FROM probation WHERE closed = 4 AND trusted = 0",
		"excess":          "SELECT count(*) FROM honesty WHERE settlement = 4 AND excess_bytes > 0",
		"reopened awards": "SELECT count(*) FROM transfers WHERE id GLOB 'settle/[23]/*/reopened/4/upload/*'",
		"unclaimed":       "SELECT count(*) FROM transfers WHERE id GLOB 'settle/2/*/unclaimed'",
		"unexplained":     "SELECT count(*) FROM unexplained WHERE epoch = 2",
		"treasury share":  "SELECT count(*) FROM transfers WHERE id GLOB 'settle/4/*/treasury'",
		"lockers' share":  "SELECT count(*) FROM transfers t JOIN accounts a ON a.id = t.dest WHERE t.id GLOB 'settle/4/*/lockers' AND a.name = 'pool/lockers'",
	} {
		if w.count(query) == 0 {
			t.Errorf("%s: none", what)
		}
	}
	verified(t, w.Store, w.dir)
}

// TestSettlementsStartedTogether: one of them settles the epoch, the others find it settled.
func TestSettlementsStartedTogether(t *testing.T) {
	f := freeze(t)
	s, dir := f.thaw()
	const callers = 64
	var wg sync.WaitGroup
	results := make([]Settled, callers)
	for i := range callers {
		wg.Go(func() {
			var err error
			if results[i], err = s.SettleEpoch(t.Context(), f.rules, f.epoch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	settled := 0
	for _, r := range results {
		if r.Pot > 0 {
			settled++
		} else if r.Upload != 0 || r.Probation != 0 || r.Hot != 0 || r.Hosting != 0 {
			t.Errorf("paid without settling: %+v", r)
		}
	}
	if settled != 1 {
		t.Errorf("%d of %d calls settled the epoch", settled, callers)
	}
	differ(t, "together", content(t, s), f.settled())
	verified(t, s, dir)
}

// TestFullDiskLosesNothing: a settlement on a disk that is full says so, and goes on where it was
// once there is room.
func TestFullDiskLosesNothing(t *testing.T) {
	f := freeze(t)
	s, dir := f.thaw()
	var pages, failed int
	if err := s.w.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	for {
		if err := s.w.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages+failed)).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
		_, err := s.interrupted(f.rules, f.epoch, -1).run(t.Context())
		if err == nil {
			break
		}
		var full sqlite3.Error
		if !errors.As(err, &full) || full.Code != sqlite3.ErrFull {
			t.Fatalf("a full disk is reported as %v", err)
		}
		failed++
	}
	if failed < 2 {
		t.Errorf("the disk was full %d times: the test shows nothing", failed)
	}
	differ(t, "after a full disk", content(t, s), f.settled())
	verified(t, s, dir)
}

// TestSplitCanBeRecomputed: from what is published of an epoch anybody gets the same split.
func TestSplitCanBeRecomputed(t *testing.T) {
	w, e := busyWorld(t)
	w.settle(e)
	splits, reopened := 0, 0
	for n := int64(1); n <= e.Number; n++ {
		report, err := w.EpochReport(t.Context(), n)
		w.must(err)
		var after bt.TorrentID
		for {
			page, err := w.EpochTorrents(t.Context(), n, after, 2)
			w.must(err)
			if len(page) == 0 {
				break
			}
			for _, torrent := range page {
				after = torrent.Torrent
				splits += len(torrent.Splits)
				reopened += recompute(w, report, torrent)
			}
		}
	}
	if splits < 12 || reopened < 4 {
		t.Errorf("%d splits, %d of suspense: the test shows too little", splits, reopened)
	}
}

// recompute compares a torrent's splits with the rules' results, and returns how many were of
// suspense.
func recompute(w *world, report EpochReport, torrent TorrentReport) (reopened int) {
	w.t.Helper()
	seed, err := hex.DecodeString(report.Seed)
	w.must(err)
	for _, s := range torrent.Splits {
		rules, err := w.EpochReport(w.t.Context(), s.Settlement)
		w.must(err)
		in := s.Input(report.Number, torrent.Torrent, [32]byte(seed), rules.Rules)
		var again Split
		if len(s.Offered) > 0 {
			reopened++
			res, err := settle.Reopen(in, s.Due())
			w.must(err)
			again = newReopened(s.Settlement, in, s.Due(), res)
		} else {
			res, err := settle.Torrent(in)
			w.must(err)
			again = newSplit(s.Settlement, in, res)
		}
		if got, want := fmt.Sprint(again.Awards, again.Probation, again.Suspense, again.Lockers, again.Treasury),
			fmt.Sprint(s.Awards, s.Probation, s.Suspense, s.Lockers, s.Treasury); got != want {
			w.t.Errorf("epoch %d, torrent %d, settlement %d: recomputed %s, published %s", report.Number, torrent.Torrent, s.Settlement, got, want)
		}
	}
	return reopened
}

// TestRandomSplitsAreRecomputed: in swarms of related, unknown and dishonest members too, and from
// networks that some share, what is published gives what was paid.
func TestRandomSplitsAreRecomputed(t *testing.T) {
	networks := []string{"", "10.0.0.0/24", "203.0.113.0/24", "198.51.100.0/24", "2001:db8:1::/48"}
	members := []bt.MemberID{1, 2, 3, 11, 12, 13}
	probation, kept := 0, 0
	for seed := range uint64(6) {
		w := newSilentWorld(t)
		w.rules.Settle.HonestPPM, w.rules.Settle.HonestyDay = 500_000, time.Hour
		r := rand.New(rand.NewPCG(seed, 3))
		for _, m := range members {
			w.trusts(m, bt.Bytes(r.IntN(5))*gib, 0)
			if inviter := members[r.IntN(len(members))]; inviter < m {
				w.must(w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE members SET invited_by = ? WHERE id = ?", inviter, m) }))
			}
		}
		for epoch := int64(1); epoch <= 4; epoch++ {
			for _, torrent := range seeded {
				var rows []swarm.UsageRow
				for _, m := range members {
					row := w.took(epoch, m, torrent, 0, 0)
					if r.IntN(2) == 0 {
						row.Billed, row.Allowed = bt.Bytes(r.IntN(3000))<<20, bt.Bytes(r.IntN(100))<<20
						row.Charge = tokens.Amount(row.Billed >> 10)
					}
					row.Claimed = bt.Bytes(r.IntN(2000)) << 20
					row.ToMs = row.FromMs + int64(r.IntN(5000))
					row.Network = parsePrefix(networks[r.IntN(len(networks))])
					rows = append(rows, row)
					var told swarm.IntroSet
					for _, other := range members {
						if r.IntN(3) > 0 {
							told.Add(other)
						}
					}
					w.put([]swarm.DownloadRow{{DownloadKey: row.DownloadKey, Seq: w.flush + 2, Introduced: told}}, nil)
				}
				w.use(rows...)
			}
			w.settle(w.nextEpoch(time.Hour))
			w.prove()
		}
		for n := int64(1); n <= 4; n++ {
			report, err := w.EpochReport(t.Context(), n)
			w.must(err)
			page, err := w.EpochTorrents(t.Context(), n, 0, 10)
			w.must(err)
			for _, torrent := range page {
				recompute(w.world, report, torrent)
				var bytes bt.Bytes
				for _, s := range torrent.Splits {
					probation += len(s.Probation)
					for _, a := range append(s.Awards, s.Probation...) {
						bytes += a.Bytes
					}
					for _, d := range s.Downloads {
						kept += len(d.Served)
					}
				}
				if got := bt.Bytes(w.count("SELECT coalesce(sum(bytes), 0) FROM awards WHERE epoch = ? AND torrent = ?", n, torrent.Torrent)); got != bytes {
					t.Errorf("seed %d, epoch %d, torrent %d: %d bytes awarded, %d reported", seed, n, torrent.Torrent, got, bytes)
				}
			}
		}
		verified(t, w.Store, w.dir)
	}
	if probation == 0 || kept == 0 {
		t.Errorf("%d awards into probation, %d bytes of who could have served whom: the test shows nothing", probation, kept)
	}
}

// TestReopeningAppliesTheEpochsOwnRules: what an epoch left open is shared by the parameters that were
// in force in it, whatever they are by then.
func TestReopeningAppliesTheEpochsOwnRules(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	w.claim(3, 0, 1)
	w.accrue(1)
	w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 600))
	w.settle(w.nextEpoch(time.Hour))
	w.meter(w.gave(1, 3, 1, 100)) // a claim that arrived late
	second := w.nextEpoch(time.Hour)
	w.rules.Settle.LinkCap = 1
	if done := w.settle(second); done.Upload != 80 {
		t.Errorf("%d paid for 100 late bytes of an epoch without such a link cap, want 80", done.Upload)
	}
}
