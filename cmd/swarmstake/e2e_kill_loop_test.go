package main

import (
	"database/sql"
	"fmt"
	"io/fs"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// killLoop is a server under the load of simulated clients that is killed and started again, and
// what was seen of it.
type killLoop struct {
	*site
	members []*member
	sim     *simulation
	acked   []bt.Bytes // per client, at the kill
	seen    progress   // looked up before the kill
	aimed   int64      // number of the flush whose commit was waited for; 0: none

	kills       int
	behind      int // kills after which acknowledged bytes were in the journal alone
	flushes     int // kills at the commit of a flush
	settlements int // kills in the middle of a settlement
	replays     int // boots that found records in the journal …
	records     int // … and how many
	boots       []time.Duration
}

func newKillLoop(t *testing.T, config string) *killLoop {
	t.Helper()
	l := &killLoop{site: newSite(t, config)}
	for _, name := range []string{"ann", "bob", "cay"} {
		l.members = append(l.members, l.addMember(t, name, "5000", "50"))
	}
	var torrents []string
	for _, name := range []string{"first", "second", "third", "fourth"} {
		torrents = append(torrents, l.members[0].upload(t, hugeTorrent(name)))
	}
	l.sim = simulate(t, l.members, torrents) // several downloads each: their charges share transfers
	return l
}

// kill kills the server at some moment and looks at what it left.
func (l *killLoop) kill(t *testing.T, at moment) {
	t.Helper()
	l.seen = l.progress(t)
	at(t, l)
	l.process.kill()
	l.sim.generation.Add(1)
	l.kills++
	l.examine(t)
}

// moment returns when it is time to kill.
type moment func(t *testing.T, l *killLoop)

// anytime is within so long, as an announce is in flight.
func anytime(most time.Duration) moment {
	return func(t *testing.T, l *killLoop) {
		time.Sleep(mrand.N(most))
		for deadline := time.Now().Add(10 * time.Second); l.sim.inFlight.Load() == 0; time.Sleep(50 * time.Microsecond) {
			if time.Now().After(deadline) {
				t.Fatal("no announce was in flight for 10 s")
			}
		}
	}
}

// whenAnswered is when so many announces were answered in all.
func whenAnswered(n int64) moment {
	return func(t *testing.T, l *killLoop) {
		eventually(t, "announces to be answered", 30*time.Second, func() bool { return l.sim.answered.Load() >= n })
	}
}

// aimPatience is how long a chosen moment is waited for.
const aimPatience = time.Second

// duringFlush is as a transaction begins to be written to SQLite's log: mostly a flush's.
func duringFlush(t *testing.T, l *killLoop) {
	wal := filepath.Join(l.dir, store.FileName+"-wal")
	stat := func() (int64, time.Time) {
		i, err := os.Stat(wal)
		if err != nil {
			t.Fatal(err)
		}
		return i.Size(), i.ModTime()
	}
	time.Sleep(mrand.N(30 * time.Millisecond))
	size, at := stat()
	l.aimed = l.progress(t).flush + 1
	for deadline := time.Now().Add(aimPatience); time.Now().Before(deadline); time.Sleep(50 * time.Microsecond) {
		if s, a := stat(); s != size || !a.Equal(at) {
			return
		}
	}
}

// duringSettlement is when some torrent of an epoch was just settled and others not yet.
func duringSettlement(t *testing.T, l *killLoop) {
	db := readOnly(t, l.dir)
	defer db.Close()
	for deadline := time.Now().Add(aimPatience); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		if readProgress(t, db).settling > l.seen.settling {
			return
		}
	}
}

// progress is what the database says of loops that a kill may hit.
type progress struct {
	flush    int64 // number of the last one
	settling int64 // torrents settled of epochs that are not
}

func readProgress(t *testing.T, db *sql.DB) (p progress) {
	t.Helper()
	err := db.QueryRow(`SELECT (SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM facts WHERE name = 'flush'),
		(SELECT count(*) FROM settlements s JOIN epochs e ON e.number = s.epoch WHERE e.settled_ms = 0)`).Scan(&p.flush, &p.settling)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (l *killLoop) progress(t *testing.T) progress {
	t.Helper()
	db := readOnly(t, l.dir)
	defer db.Close()
	return readProgress(t, db)
}

// readOnly opens the database beside the server, or as a killed server left it. It must be closed
// before the next one starts: recovery is the business of whoever comes first.
func readOnly(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, store.FileName)+"?mode=ro&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func (l *killLoop) settledEpochs(t *testing.T) (n int) {
	t.Helper()
	db := readOnly(t, l.dir)
	defer db.Close()
	if err := db.QueryRow("SELECT count(*) FROM epochs WHERE settled_ms > 0").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// examine looks at what a killed server said and left.
func (l *killLoop) examine(t *testing.T) {
	t.Helper()
	l.complaints(t)
	l.acked = l.sim.acknowledged()
	left := l.progress(t)
	if l.aimed > 0 && left.flush == l.aimed {
		l.flushes++
	}
	if left.settling > l.seen.settling {
		l.settlements++
	}
	l.seen, l.aimed = left, 0
	rows := l.stored(t)
	for i, c := range l.sim.clients {
		if rows[c.String()].metered < l.acked[i] {
			l.behind++
			break
		}
	}
	l.checkSize(t)
}

const journalLimit = 256 << 20 // journal_bytes

// checkSize holds the journal's folder to its limit.
func (l *killLoop) checkSize(t *testing.T) {
	t.Helper()
	var size int64
	err := filepath.WalkDir(filepath.Join(l.dir, "journal"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > journalLimit {
		t.Errorf("the journal's folder has %d bytes, its limit is %d", size, journalLimit)
	}
}

var replayedRecords = regexp.MustCompile(`the journal was replayed" records=(\d+)`)

// serve starts the server again and notes how that went.
func (l *killLoop) serve(t *testing.T) {
	t.Helper()
	l.sim.generation.Add(1)
	began := time.Now()
	l.site.serve(t)
	l.boots = append(l.boots, time.Since(began))
	if m := replayedRecords.FindStringSubmatch(l.stderr.String()); m != nil {
		n, _ := strconv.Atoi(m[1])
		l.replays, l.records = l.replays+1, l.records+n
	}
}

// segments are the files with the journal's records.
func (l *killLoop) segments(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(l.dir, "journal", "*.journal"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// awaitSegment waits until a starting server made a segment that is not among those before: then it
// replays.
func (l *killLoop) awaitSegment(t *testing.T, before []string) {
	t.Helper()
	for slices.Equal(l.segments(t), before) {
		if !l.alive() || announced.MatchString(l.stdout.String()) {
			t.Fatalf("the server made no segment:\n%s", l.stderr.String())
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// storedRow is a download as the database has it, and the sums of its rows of all epochs.
type storedRow struct {
	metered, billed, usedBytes bt.Bytes
	charged, usedSum, unpaid   tokens.Amount
}

// stored reads all downloads at one moment, also while the server works.
func (l *killLoop) stored(t *testing.T) map[string]storedRow {
	t.Helper()
	db := readOnly(t, l.dir)
	defer db.Close()
	rows, err := db.Query(`SELECT d.member, lower(hex(t.infohash)), d.metered_bytes, d.billed_bytes, d.charged_utok,
			coalesce(sum(u.billed_bytes), 0), coalesce(sum(u.charged_utok), 0), coalesce(sum(u.unpaid_utok), 0)
		FROM downloads d JOIN torrents t ON t.id = d.torrent LEFT JOIN usage u ON u.member = d.member AND u.torrent = d.torrent
		GROUP BY d.member, d.torrent`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]storedRow{}
	for rows.Next() {
		var r storedRow
		var member bt.MemberID
		var infohash string
		if err := rows.Scan(&member, &infohash, &r.metered, &r.billed, &r.charged, &r.usedBytes, &r.usedSum, &r.unpaid); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(l.sim.clients, func(c *simClient) bool { return c.member.ID == member && c.infohash == infohash })
		if i < 0 {
			t.Fatalf("nobody downloads %s as member %d", infohash, member)
		}
		out[l.sim.clients[i].String()] = r
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// compare holds the database of a server that started again to what the clients know: missing are
// bytes that had been acknowledged, wrong is everything else.
func (l *killLoop) compare(t *testing.T) (missing, wrong []string) {
	t.Helper()
	rows := l.stored(t)
	for i, c := range l.sim.clients {
		r := rows[c.String()]
		c.mu.Lock()
		sent := c.sent // read last: it only grows
		c.mu.Unlock()
		if r.metered < l.acked[i] {
			missing = append(missing, fmt.Sprintf("%s: %d bytes were acknowledged, %d are stored", c, l.acked[i], r.metered))
		}
		if r.metered > sent {
			wrong = append(wrong, fmt.Sprintf("%s: %d bytes were sent, %d are stored", c, sent, r.metered))
		}
		if r.billed != r.metered || r.usedBytes != r.billed || r.charged != due(r.billed) || r.usedSum != r.charged || r.unpaid != 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d bytes cost %d; the rows say %+v", c, r.metered, due(r.metered), r))
		}
	}
	return missing, wrong
}

// finish has the clients say goodbye and the server end, and holds the books to the truth.
func (l *killLoop) finish(t *testing.T) {
	t.Helper()
	l.sim.end()
	l.stop(t)
	charged := map[bt.MemberID]tokens.Amount{}
	rows := l.stored(t)
	for _, c := range l.sim.clients {
		want := storedRow{metered: c.truth, billed: c.truth, usedBytes: c.truth, charged: due(c.truth), usedSum: due(c.truth)}
		if r := rows[c.String()]; r != want || c.truth == 0 {
			t.Errorf("%s: downloaded %d bytes that cost %d; the rows say %+v", c, c.truth, due(c.truth), r)
		}
		charged[c.member.ID] += due(c.truth)
	}
	l.verifyLedger(t)
	l.checkSize(t)
	l.site.serve(t)
	for _, m := range l.members {
		w := m.wallet(t)
		if got := m.charges(t); got != charged[m.ID] || w.Available != fmt.Sprint(int64(m.granted-got)) {
			t.Errorf("%s: charges of %d were transferred, downloads cost %d; granted %d, available %s", m.Member, got, charged[m.ID], m.granted, w.Available)
		}
	}
	l.stop(t)
}

func (l *killLoop) report(t *testing.T) {
	t.Helper()
	kills, announces := l.sim.cut()
	slices.Sort(l.boots)
	t.Logf("%d kills, %d of them cut off announces in flight, %d in all; %d announces were answered", l.kills, kills, announces, l.sim.answered.Load())
	t.Logf("after %d kills acknowledged bytes were in the journal alone; %d hit the commit of a flush, %d a settlement under way", l.behind, l.flushes, l.settlements)
	t.Logf("%d boots read %d records in the journal; median boot %s, slowest %s", l.replays, l.records, l.boots[len(l.boots)/2].Round(time.Millisecond), l.boots[len(l.boots)-1].Round(time.Millisecond))
}
