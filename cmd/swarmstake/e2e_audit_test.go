package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// auditConfig has epochs of a second, hosting that earns, and audits drawn all the time.
const auditConfig = `
[server]
epoch_length = "1s"
settlement_delay = "300ms"
audit_interval = "100ms"
report_interval = "1s"

[tracker]
seeder_interval = "2s"
leecher_interval = "2s"
min_interval = "1s"
stale_window = "2s"
expiry_grace = "6s"

[settle]
inflation_ppm = 50000000
torrent_cap_ppm = 1000000
publisher_cap_ppm = 1000000
uncollateralised_ppm = 1000000
hosting_rate = 0

[availability]
blocks = 4
renewal_blocks = 2
entry_delay = "0s"
draw_interval = "1s"
draw_window = "500ms"
claim_lapse = "20s"
recheck_delay = "200ms"
retry_delay = "100ms"
retry_max = "200ms"

[probe]
source_addr = "%s"
budget = "5s"
`

// audited is a site with a member whose daemon hosts one torrent.
type audited struct {
	*site
	owner    *member
	content  *content
	infohash string
	node     bt.NodeID
	stop     func() // ends the daemon
}

func newAudited(t *testing.T, host int) *audited {
	t.Helper()
	a := &audited{site: newSite(t, fmt.Sprintf(auditConfig, hostAddr(host)))}
	a.owner = a.addMember(t, "owner", "10", "50")
	c := newContent(t, fmt.Sprintf("hosted%d.bin", host), 4<<20, "64KiB")
	a.content = c
	a.infohash = a.owner.upload(t, c.metainfo)
	a.change(t, "UPDATE torrents SET approved_ms = 1")
	_, answer := a.owner.do(t, http.MethodPost, "/api/v1/nodes/codes", "", nil)
	var code struct{ Code string }
	if err := json.Unmarshal(answer, &code); err != nil || code.Code == "" {
		t.Fatalf("a pairing code: %v: %s", err, answer)
	}
	state := t.TempDir()
	key, err := seeder.LoadOrCreateKey(state)
	if err != nil {
		t.Fatal(err)
	}
	client, err := seeder.NewClient(seeder.ClientConfig{Server: a.base, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	paired, err := client.Pair(t.Context(), code.Code, "the node")
	if err != nil {
		t.Fatal(err)
	}
	a.node = paired.NodeID
	if err := seeder.SaveNode(state, seeder.NodeInfo{Server: a.base, NodeID: paired.NodeID, Member: paired.Member}); err != nil {
		t.Fatal(err)
	}
	d, err := seeder.NewDaemon(seeder.Config{StateDir: state, DataDir: c.dir, ListenAddr: hostAddr(host+1) + ":0", Pinned: []string{a.infohash}, ReconcileEvery: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	ended := false
	a.stop = func() {
		if cancel(); !ended {
			ended = true
			if err := <-done; err != nil {
				t.Errorf("the daemon: %v", err)
			}
		}
	}
	t.Cleanup(a.stop)
	eventually(t, "the daemon to be proven", 15*time.Second, func() bool { return a.claim(t).State == availability.Proven })
	return a
}

// site.change writes to the database behind the server's back.
func (s *site) change(t *testing.T, query string, args ...any) {
	t.Helper()
	db := database(t, s.dir)
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

// number asks the database for one.
func (s *site) number(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	db := database(t, s.dir)
	defer db.Close()
	var x sql.NullInt64
	if err := db.QueryRow(query, args...).Scan(&x); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return x.Int64
}

// claim is the node's only claim as the database has it; the zero claim: none yet.
func (a *audited) claim(t *testing.T) (c availability.Claim) {
	t.Helper()
	db := database(t, a.dir)
	defer db.Close()
	var state []byte
	err := db.QueryRow("SELECT state FROM claims WHERE node = ? AND live = 1", a.node).Scan(&state)
	if err == sql.ErrNoRows {
		return c
	}
	if err == nil {
		err = json.Unmarshal(state, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settledWith waits for a settled epoch after another in which the node was proven and drawn audits took
// place, and returns its number.
func (a *audited) settledWith(t *testing.T, after int64) (epoch int64) {
	t.Helper()
	eventually(t, "an epoch with drawn audits to be settled", 15*time.Second, func() bool {
		epoch = a.number(t, `SELECT min(e.number) FROM epochs e WHERE e.number > ? AND e.settled_ms > 0
			AND (SELECT count(*) FROM audits x WHERE x.epoch = e.number AND x.kind = 'drawn' AND x.verdict = 'passed') > 0
			AND EXISTS (SELECT 1 FROM hosting h WHERE h.epoch = e.number AND h.node = ?)`, after, a.node)
		return epoch > 0
	})
	return epoch
}

// TestAuditReplay: whoever has the record of an epoch recomputes its draws, from the running server or
// from its folder; one changed byte of what was asked, or of the seed, is found and named.
func TestAuditReplay(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 101)
	epoch := a.settledWith(t, 1)
	var known struct {
		Commitments []struct {
			Epoch      int64
			Hash, Seed string
		} `json:"seed_commitments"`
	}
	_, answer := a.owner.do(t, http.MethodGet, "/.well-known/swarmstake.json", "", nil)
	if err := json.Unmarshal(answer, &known); err != nil || len(known.Commitments) == 0 {
		t.Fatalf("no commitments: %v: %s", err, answer)
	}
	next := known.Commitments[len(known.Commitments)-1]
	if next.Hash == "" || next.Seed != "" {
		t.Errorf("of the next epoch is published: %+v", next)
	}
	number := fmt.Sprint(epoch)
	for _, from := range [][]string{{"--url", a.base}, {"--data", a.dir}} {
		out := succeed(t, append([]string{"audit", "replay", number}, from...)...)
		if !strings.Contains(out, "every draw holds") || !strings.Contains(out, "asked for what the seed draws") || strings.Contains(out, "  0 asked for") {
			t.Errorf("%s: %s", from[0], out)
		}
	}
	refuse(t, "secret until", "audit", "replay", "999999", "--data", a.dir)
	refuse(t, "404", "audit", "replay", "999999", "--url", a.base)
	later := a.settledWith(t, max(epoch, next.Epoch-1))
	out := succeed(t, "audit", "replay", fmt.Sprint(later), "--url", a.base)
	if later == next.Epoch && !strings.Contains(out, next.Hash) {
		t.Errorf("the hash %s was published, the record of epoch %d says otherwise:\n%s", next.Hash, later, out)
	}
	record := filepath.Join(t.TempDir(), "record.json")
	_, answer = a.owner.do(t, http.MethodGet, "/api/v1/economy/epochs/"+number+"/audits", "", nil)
	if err := os.WriteFile(record, answer, 0o600); err != nil {
		t.Fatal(err)
	}
	succeed(t, "audit", "replay", number, "--file", record)
	a.stop()
	a.site.stop(t)
	audit := a.number(t, "SELECT max(id) FROM audits WHERE epoch = ? AND kind = 'drawn' AND verdict = 'passed'", epoch)
	for _, tt := range []struct{ name, trigger, change, want string }{
		{"what was asked", "", fmt.Sprintf("UPDATE audits SET targets = CAST(x'00' || substr(targets, 2) AS BLOB) WHERE id = %d", audit), fmt.Sprintf("Audit %d", audit)},
		{"how many", "", fmt.Sprintf("UPDATE audits SET asked = asked + 1 WHERE id = %d", audit), fmt.Sprintf("Audit %d", audit)},
		{"which draw", "", fmt.Sprintf("UPDATE audits SET draw = draw + 1 WHERE id = %d", audit), fmt.Sprintf("Audit %d", audit)},
		{"the seed", "", fmt.Sprintf("UPDATE epochs SET seed = CAST(substr(seed, 1, 31) || iif(substr(seed, 32) = x'00', x'01', x'00') AS BLOB) WHERE number = %d", epoch), "The hash of the seed"},
		{"the claims", "", "UPDATE frozen SET pieces = pieces - 1", "Audit "},
	} {
		bad := t.TempDir()
		copyDatabase(t, a.dir, bad)
		db := database(t, bad)
		res, err := db.Exec(tt.change)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if n, _ := res.RowsAffected(); n < 1 {
			t.Errorf("%s: nothing changed", tt.name)
		}
		db.Close()
		stdout, stderr, code := run(t, "audit", "replay", number, "--data", bad)
		if code != 1 || !strings.Contains(stdout, "fault: ") || !strings.Contains(stdout, tt.want) || strings.Contains(stdout, "every draw holds") {
			t.Errorf("%s changed: status %d\n%s%s", tt.name, code, stdout, stderr)
		}
	}
	a.verifyLedger(t)
}

// TestAuditsGoOnAfterKills: a server that is stopped, killed and frozen for longer than claims take to
// lapse comes back with every proof; time, pay and audits go on, and nobody lost anything by it.
func TestAuditsGoOnAfterKills(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 111)
	const away = 21 * time.Second            // longer than claim_lapse, which is longer than a client pauses after a failed announce
	sue := a.addMember(t, "sue", "10", "50") // with a standard client
	client := runPeer(t, seeder.PeerConfig{TorrentFile: sue.torrent(t, a.infohash), DataDir: a.content.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(113) + ":0"})
	earned := func(of *member) int64 {
		return a.number(t, "SELECT sum(gross_utok) FROM hosting WHERE member = ?", of.ID)
	}
	eventually(t, "the client to be paid", 15*time.Second, func() bool { return earned(sue) > 0 })
	before := a.claim(t)
	last := a.settledWith(t, 0)
	for _, how := range []struct {
		name string
		do   func()
	}{
		{"restart", func() { a.site.stop(t); a.serve(t) }},
		{"kill -9", func() { a.process.kill(); a.complaints(t); a.serve(t) }},
		{"freeze", func() {
			a.cmd.Process.Signal(syscall.SIGSTOP) //nolint:errcheck // what follows shows it
			time.Sleep(away)                      // nothing can be observed of a stopped process: this is the time it loses
			a.cmd.Process.Signal(syscall.SIGCONT) //nolint:errcheck // what follows shows it
		}},
	} {
		audits, paid := a.number(t, "SELECT max(id) FROM audits"), earned(sue)
		how.do()
		if c := a.claim(t); c.State != availability.Proven || c.EnteredMs != before.EnteredMs {
			t.Fatalf("%s: the claim is %+v, was %+v", how.name, c, before)
		}
		last = a.settledWith(t, max(last, a.number(t, "SELECT max(number) FROM epochs")-1))
		eventually(t, "the client to be paid after a "+how.name, 15*time.Second, func() bool { return earned(sue) > paid })
		if n := a.number(t, "SELECT count(*) FROM audits WHERE id > ? AND kind = 'entry'", audits); n > 0 {
			t.Errorf("%s: the proof was lost: %d entry audits; the last is of member %d, node %d, by %s", how.name, n,
				a.number(t, "SELECT member FROM audits WHERE kind = 'entry' ORDER BY id DESC LIMIT 1"),
				a.number(t, "SELECT coalesce(node, 0) FROM audits WHERE kind = 'entry' ORDER BY id DESC LIMIT 1"), sue.Member)
		}
	}
	a.stop()
	client.stop()
	a.site.stop(t)
	if n := a.number(t, "SELECT (SELECT count(*) FROM slashes) + (SELECT count(*) FROM forfeits) + (SELECT count(*) FROM audits WHERE verdict NOT IN ('passed', 'inconclusive'))"); n != 0 {
		t.Errorf("%d slashes, forfeits and faults of a node that did nothing wrong", n)
	}
	if n := a.number(t, "SELECT count(*) FROM proven p JOIN epochs e ON e.number = p.epoch WHERE p.proven_ms > e.end_ms - e.start_ms AND e.end_ms > 0"); n != 0 {
		t.Errorf("%d epochs have more proven time than time", n)
	}
	a.verifyLedger(t)
}
