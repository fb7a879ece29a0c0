package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/migrations"
)

// TestClaimsOfOldDatabasesStay: a proof goes on counting from when the old server last ran, a suspicion
// is looked at again, evidence can still be read, and a suspended node is.
func TestClaimsOfOldDatabasesStay(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, FileName), "immediate", "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 13); err != nil {
		t.Fatal(err)
	}
	old := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	old("INSERT INTO members (id, name, key_secret, created_ms) VALUES (3, 'm', zeroblob(32), 0)")
	old("INSERT INTO torrents (id, infohash, name, size_bytes, piece_bytes, files, metainfo, uploader, created_ms, price_utok_per_gib) VALUES (1, zeroblob(20), 't', 1, 1, 1, x'00', 3, 0, 1), (2, randomblob(20), 'u', 1, 1, 1, x'00', 3, 0, 1)")
	old("INSERT INTO nodes (id, member, name, public_key, created_ms, suspended_ms, last_report_ms, standing) VALUES (1, 3, 'n', randomblob(32), 0, 77, ?, ?)",
		now, `{"Audit":{"Alpha":20000000,"Beta":0},"Online":{"Alpha":20000000,"Beta":0},"Audits":30,"Faults":9,"Suspended":true}`)
	old("INSERT INTO epochs (number, start_ms, seed) VALUES (1, ?, randomblob(32))", now-3_600_000)
	old("INSERT INTO facts (name, value) VALUES ('alive_ms', ?)", fmt.Sprint(now-1000))
	// As the old server wrote them.
	claim := func(id, torrent, node int, state string) {
		old("INSERT INTO claims (id, torrent, member, node, bytes, peer_id, addr, network, rate_bytes_per_s, proven_ms, entered_ms, seen_ms, state) VALUES (?, ?, 3, ?, 1024, zeroblob(20), '127.0.0.1:1', '127.0.0.0/24', 55, ?, 0, ?, ?)",
			id, torrent, node, now-2000, now-2000, fmt.Sprintf(`{"ID":%d,"Torrent":%d,"Member":3,"Node":%d,"PeerID":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"Addr":"127.0.0.1:1","Bytes":1024,"PieceLength":512,"Pieces":2,"EnteredMs":5,"SeenMs":%d,"ProvenMs":%d,"LastAuditMs":6,"NextMs":0,"BusyUntilMs":0,"Retries":0,"Passed":1,"Faults":0,%s}`,
				id, torrent, node, now-2000, now-2000, state))
	}
	claim(1, 1, 1, `"State":1,"Pending":{"Piece":1,"First":2,"Bad":1,"Slow":0,"Attempts":0,"SinceMs":7,"DueMs":8}`)
	claim(2, 2, 0, `"State":2,"Pending":null`)
	old("INSERT INTO proven (epoch, claim, proven_ms) VALUES (1, 1, 5000)")
	old("INSERT INTO audits (claim, at_ms, kind, verdict, evidence) VALUES (1, 6, 'entry', 'passed', ?), (1, 7, 'drawn', 'corrupt', ?)",
		`{"Pieces":[{"Piece":0,"Verdict":1,"Want":[1,2],"Got":[1,2],"Reason":""}],"Unreachable":false,"OurSide":false,"Bytes":512,"Elapsed":9000000,"PeerClient":"-X-","Encrypted":false,"Reason":""}`,
		`{"Pieces":[{"Piece":0,"Verdict":1,"Want":[1,2],"Got":[1,2],"Reason":""},{"Piece":1,"Verdict":2,"Want":[255,16],"Got":[10,11],"Reason":"wrong"},{"Piece":1,"Verdict":0,"Want":[255,16],"Got":[0,0],"Reason":"choked"}],"Unreachable":false,"OurSide":false,"Bytes":1024,"Elapsed":9000000,"PeerClient":"-X-","Encrypted":true,"Reason":"r"}`)
	db.Close()

	w := &world{t: t, dir: dir, rules: Rules{Availability: availability.DefaultParams()}}
	w.rules.Availability.ConfirmLooks = 2
	w.now.Store(now)
	w.Store = open(t, dir, Options{Now: func() time.Time { return time.UnixMilli(w.now.Load()) }})
	rows, err := w.LoadClaims(t.Context())
	w.must(err)
	want := availability.Recheck{Target: availability.Target{Piece: 1, Block: availability.Whole}, First: availability.Corrupt, Bad: 1, SinceMs: 7, DueMs: 8}
	if len(rows) != 2 || rows[0].Pending == nil || *rows[0].Pending != want || rows[0].Rate != 55 || rows[0].Network.String() != "127.0.0.0/24" || rows[1].State != availability.Lapsed {
		t.Fatalf("%+v", rows)
	}
	first, err := w.AuditReport(t.Context(), 2)
	w.must(err)
	first.Outcome.Learned = nil
	got, err := json.Marshal(first.Outcome)
	w.must(err)
	if want := `{"results":[{"piece":0,"block":-1,"whole":true,"verdict":"passed","want":"0102","got":"0102"},{"piece":1,"block":-1,"whole":true,"verdict":"corrupt","want":"ff10","got":"0a0b","reason":"wrong"},{"piece":1,"block":-1,"whole":true,"verdict":"inconclusive","want":"ff10","reason":"choked"}],"bytes":1024,"elapsed_ns":9000000,"client":"-X-","encrypted":true,"reason":"r"}`; string(got) != want {
		t.Errorf("evidence %s\nwant     %s", got, want)
	}
	if first.Asked != 3 || first.Bytes != 1024 || first.Elapsed != 9*time.Millisecond || w.count("SELECT count(*) FROM audits WHERE evidence = ''") != 1 {
		t.Errorf("%+v", first)
	}

	w.now.Add(time.Minute.Milliseconds())
	w.nextEpoch(0)
	w.must(w.countProven(t.Context(), w.rules.Availability, 1, w.write))
	if got := w.proven(1, 1); got != 5000+1000+time.Minute.Milliseconds() {
		t.Errorf("%d ms proven", got)
	}
	if got := w.frozen(2); got != "1:0/2 " {
		t.Errorf("frozen: %q", got)
	}
	if j := w.audit(rows[0].Claim, availability.RecheckKind, availability.Corrupt); !j.Effects.Confirmed {
		t.Errorf("%+v", j)
	}
	if st, err := w.NodeStanding(t.Context(), w.rules.Availability, 1); err != nil || !st.Suspended || st.SuspendedMs != 77 {
		t.Errorf("%+v %v", st, err)
	}
	verified(t, w.Store, dir)
}
