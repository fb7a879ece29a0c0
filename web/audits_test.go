package web_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// fakeRecords knows the record of epoch 1.
type fakeRecords struct{}

func (fakeRecords) AuditRecord(_ context.Context, epoch int64) (availability.Record, error) {
	if epoch != 1 {
		return availability.Record{}, store.ErrNotFound
	}
	return availability.Record{Epoch: epoch}, nil
}

// exec writes to the database what the tracker would.
func (w *world) exec(query string, args ...any) {
	w.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(w.dir, store.FileName))
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		w.Fatal(err)
	}
}

// host enters a claim; node 0 is a standard client. What is proven has passed an audit, what passed
// before is not proven any more.
func (w *world) host(id int64, t bt.TorrentID, m bt.MemberID, n int, size bt.Bytes, proven, before bool) {
	w.Helper()
	c := availability.Claim{ID: id, Torrent: t, Member: m, Node: bt.NodeID(n), Bytes: size}
	now := w.now().UnixMilli()
	counting := int64(0)
	if proven {
		c.State, c.ProvenMs, counting = availability.Proven, now, now
	}
	if proven || before {
		c.Passed = 3
	}
	state, err := json.Marshal(c)
	if err != nil {
		w.Fatal(err)
	}
	w.exec(`INSERT INTO claims (id, torrent, member, node, bytes, peer_id, addr, proven_ms, entered_ms, seen_ms, counting_ms, state)
		VALUES (?, ?, ?, ?, ?, x'00', '192.0.2.9:6881', ?, ?, ?, ?, ?)`, id, t, m, n, size, c.ProvenMs, now, now, counting, string(state))
}

// auditRow writes an audit of a claim.
func (w *world) auditRow(id, claim int64, kind string, v availability.Verdict, o availability.Outcome) {
	w.Helper()
	evidence := []byte(nil)
	if v != availability.Passed {
		var err error
		if evidence, err = json.Marshal(o); err != nil {
			w.Fatal(err)
		}
	}
	w.exec(`INSERT INTO audits (id, claim, at_ms, kind, verdict, evidence, epoch, draw, asked, targets, bytes, elapsed_ms) VALUES (?, ?, ?, ?, ?, ?, 1, 4, 30, x'0102030405060708', 491520, 1234)`,
		id, claim, w.now().UnixMilli(), kind, v.String(), string(evidence))
}

// corrupt is an outcome in which one block was wrong.
func corrupt() availability.Outcome {
	return availability.Outcome{RTT: 12 * time.Millisecond, PeerClient: "-qB5050-", Reason: "192.0.2.9:6881 closed the connection",
		Results: []availability.Result{
			{Target: availability.Target{Piece: 7, Block: 3}, Verdict: availability.Corrupt, Want: availability.Sum{0xaa, 0xbb}, Got: availability.Sum{0xcc}, Reason: "from 192.0.2.9"},
			{Target: availability.Target{Piece: 9, Block: availability.Whole}, Whole: true, Verdict: availability.Passed, Want: availability.Sum{1}, Got: availability.Sum{1}},
		}}
}

// hosts makes a member with a node that hosts torrent 1, and an audit (7) that found a fault.
func (w *world) hosts() (alice *client, node int, infohash string) {
	w.Helper()
	alice = w.member("alice", 0, 60*tokens.Unit)
	infohash = w.want(alice.upload(torrentFile("debian.iso")), 201).json(w)["infohash"].(string)
	node = w.pair(alice)
	w.want(alice.pay(fmt.Sprintf("/api/v1/nodes/%d/pledge", node), "p", `{"amount_utok":"20000000"}`), 201)
	w.host(1, 1, 1, node, 16<<10, true, false)
	w.auditRow(7, 1, "drawn", availability.Corrupt, corrupt())
	return alice, node, infohash
}

// The map counts hosts and bytes by tier, the least replicated torrent first, page by page, and names
// nobody.
func TestAvailabilityMap(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	const torrents = 53 // more than a page
	for i := range torrents {
		w.want(alice.upload(torrentFile(fmt.Sprintf("t%02d", i+1))), 201)
	}
	node := w.pair(alice)
	w.member("bob", 0, 0)
	const size = 16 << 10
	w.host(1, 1, 1, 0, size, true, false)
	w.host(2, 1, 2, 0, size/2, true, false)
	w.host(3, 1, 1, node, size, false, true) // silent: it never reported
	w.host(4, 2, 2, 0, size, false, true)
	w.host(5, 2, 1, 0, size, false, false)
	w.exec("UPDATE claims SET seen_ms = 1 WHERE id = 3")
	v := w.want(alice.get("/api/v1/availability"), 200).json(t)
	show := func(x any) string {
		m := x.(map[string]any)
		tier := func(name string) string {
			h := m[name].(map[string]any)
			return fmt.Sprintf("%v/%v", h["hosts"], h["bytes"])
		}
		return tier("proven_now") + " " + tier("can_fetch") + " " + tier("claimed_only") + fmt.Sprint(" ", m["proven_share_ppm"])
	}
	if got := show(v["hosted"]); got != "2/24576 1/16384 2/32768 333333" {
		t.Errorf("hosted: %s", got)
	}
	page := v["torrents"].([]any)
	guest := w.client("")
	sums := w.want(guest.get("/api/v1/availability"), 200)
	if g := sums.json(t); show(g["hosted"]) != show(v["hosted"]) || len(g["torrents"].([]any)) != 0 || strings.Contains(text(w.want(guest.get("/availability"), 200)), "t02") {
		t.Errorf("a guest sees %s", sums.body)
	}
	rest := w.want(alice.get("/api/v1/availability?cursor="+v["next"].(string)), 200).json(t)
	all := append(page, rest["torrents"].([]any)...)
	if len(page) != 50 || len(all) != torrents || rest["next"] != "" {
		t.Fatalf("%d, then %d torrents, then %v", len(page), len(all)-len(page), rest["next"])
	}
	first, last := all[0].(map[string]any), all[torrents-1].(map[string]any)
	if first["name"] != "t02" || first["replication_ppm"] != 0.0 || show(first) != "0/0 1/16384 1/16384 0" {
		t.Errorf("first %v", first)
	}
	if last["name"] != "t01" || last["replication_ppm"] != 1500000.0 || show(last) != "2/24576 0/0 1/16384 600000" {
		t.Errorf("last %v", last)
	}
	for _, bad := range []string{"x", "1", "1.x"} {
		w.problem(guest.get("/api/v1/availability?cursor="+bad), 400, "cursor")
	}
	if html := text(w.want(w.signUp("dora").get("/availability"), 200)); !strings.Contains(html, "t02") || strings.Contains(html, "alice") || strings.Contains(html, "192.0.2") {
		t.Error("the page lacks a torrent, or names a host")
	}
}

// The map is kept for some seconds: asking often costs nothing.
func TestAvailabilityMapIsKeptForAWhile(t *testing.T) {
	w := newWorld(t)
	alice, guest := w.member("alice", 0, 0), w.client("")
	w.want(alice.upload(torrentFile("a")), 201)
	proven := func() any {
		t.Helper()
		return w.want(guest.get("/api/v1/availability"), 200).json(t)["hosted"].(map[string]any)["proven_now"].(map[string]any)["hosts"]
	}
	if proven() != 0.0 {
		t.Fatal(proven())
	}
	w.host(1, 1, 1, 0, 16<<10, true, false)
	if proven() != 0.0 {
		t.Error("the map was made again at once")
	}
	w.clock.Add(int64(time.Hour))
	if proven() != 1.0 {
		t.Error("the map was not made again")
	}
	w.clock.Add(-int64(2 * time.Hour))
	if proven() != 1.0 {
		t.Error("a clock that went back")
	}
}

// A torrent's page has its counts for members, and hosts by name for operators.
func TestTorrentPageShowsWhoKeepsIt(t *testing.T) {
	w := newWorld(t)
	alice, _, ih := w.hosts()
	boss := w.operator()
	w.host(2, 1, 1, 0, 16<<10, false, true)
	for _, who := range []*client{w.signUp("carol"), boss} {
		page := text(w.want(who.get("/torrents/"+ih), 200))
		if !strings.Contains(page, "1 host · 16.00 KiB") || !strings.Contains(page, "keep it <strong>×1") {
			t.Error("the page lacks the counts")
		}
		named := strings.Contains(page, "192.0.2.9:6881") && strings.Contains(page, "/hosting/nodes/1") && strings.Contains(page, "clients of alice")
		if named != (who == boss) || strings.Contains(page, "192.0.2.9") != (who == boss) {
			t.Errorf("hosts named: %v, to the operator: %v", named, who == boss)
		}
	}
	_ = alice
}

// Members see what was asked and what came; only owner and operators who was asked, where, and how
// fast the answer was; guests nothing, for a torrent has a name.
func TestAuditShowsItsEvidence(t *testing.T) {
	w := newWorld(t)
	w.settled()
	alice, node, ih := w.hosts()
	w.slash(1, node, w.now().Add(time.Hour), 2*tokens.Unit)
	w.auditRow(8, 1, "recheck", availability.Passed, availability.Outcome{})
	w.exec("UPDATE audits SET rechecks = 7 WHERE id = 8")
	w.exec("INSERT INTO forfeits (epoch, node, audit) VALUES (1, 1, 7)")
	boss := w.operator()
	for name, who := range map[string]*client{"owner": alice, "operator": boss, "member": w.member("bob", 0, 0)} {
		inside := name == "owner" || name == "operator"
		r := w.want(who.get("/api/v1/audits/7"), 200)
		v := r.json(t)
		results := fmt.Sprint(v["results"])
		if v["verdict"] != "corrupt" || v["infohash"] != ih || v["asked"] != 30.0 || v["recheck"] != 8.0 || v["forfeits"] != true || v["digest"] != "0102030405060708" ||
			!strings.Contains(results, "want:aabb") || !strings.Contains(results, "got:cc") || !strings.Contains(results, "block:-1") {
			t.Errorf("%s: %s", name, r.body)
		}
		for _, secret := range []string{"192.0.2.9", "alice", "qB5050", "1234", "rtt_ms", "2000000", "box"} {
			if strings.Contains(string(r.body), secret) != inside {
				t.Errorf("%s sees %s: %v", name, secret, !inside)
			}
		}
		page := text(w.want(who.get("/audits/7"), 200))
		for _, words := range []string{"block 3 of piece 7", "whole piece fetched", "aabb", "epoch 1", "audit 8"} {
			if !strings.Contains(page, words) {
				t.Errorf("%s: the page lacks %q", name, words)
			}
		}
		for _, secret := range []string{"192.0.2.9", "qB5050", "1.234s", "2 VIDYA", "/hosting/nodes/1"} {
			if strings.Contains(page, secret) != inside {
				t.Errorf("%s sees %s on the page: %v", name, secret, !inside)
			}
		}
	}
	if r := w.want(alice.get("/api/v1/transfers/slash/1/0"), 200); !strings.Contains(string(r.body), `"url":"/audits/7"`) || !strings.Contains(string(r.body), `"url":"/hosting/nodes/1"`) {
		t.Errorf("the penalty's receipt does not lead to its evidence: %s", r.body)
	}
	w.problem(w.client("").get("/api/v1/audits/7"), 401, "sign_in")
	if page := text(w.want(alice.get("/audits/8"), 200)); !strings.Contains(page, "swarmstake audit replay 1") || !strings.Contains(page, "audit 7") {
		t.Error("a passed audit does not say how to see what was asked")
	}
	for _, unknown := range []string{"9", "0", "-1", "x", "99999999999999999999"} {
		w.problem(alice.get("/api/v1/audits/"+unknown), 404, "not_found")
		w.want(alice.get("/audits/"+unknown), 404)
	}
}

// A node's audits are listed newest first, page by page, for its owner and operators.
func TestNodeAudits(t *testing.T) {
	w := newWorld(t)
	alice, node, _ := w.hosts()
	boss, bob := w.operator(), w.member("bob", 0, 0)
	w.host(2, 1, 3, 0, 16<<10, true, false)
	for i := int64(10); i < 70; i++ {
		w.auditRow(i, 1, "drawn", availability.Passed, availability.Outcome{})
		w.auditRow(1000+i, 2, "drawn", availability.Offline, availability.Outcome{}) // somebody else's
	}
	path := fmt.Sprintf("/api/v1/nodes/%d/audits", node)
	ids := func(v map[string]any) (out []int64) {
		for _, a := range v["audits"].([]any) {
			out = append(out, int64(a.(map[string]any)["audit"].(float64)))
		}
		return out
	}
	first := w.want(alice.get(path), 200).json(t)
	rest := w.want(alice.get(path+"?cursor="+first["next"].(string)), 200).json(t)
	all := append(ids(first), ids(rest)...)
	if len(ids(first)) != 50 || len(all) != 61 || rest["next"] != "" || all[0] != 69 || all[60] != 7 || !slices.IsSortedFunc(all, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("%v, then %v", ids(first), ids(rest))
	}
	if got := ids(w.want(boss.get(path+"?show=faults"), 200).json(t)); len(got) != 1 || got[0] != 7 {
		t.Errorf("faults: %v", got)
	}
	w.problem(bob.get(path), 404, "not_found")
	w.problem(w.client("").get(path), 401, "sign_in")
	w.problem(alice.get(path+"?cursor=x"), 400, "cursor")
	w.problem(alice.get("/api/v1/nodes/9/audits"), 404, "not_found")
	if got := ids(w.want(boss.get("/api/v1/admin/audits?show=faults"), 200).json(t)); len(got) != 50 || got[0] != 1069 {
		t.Errorf("everybody's faults: %v", got)
	}
	w.problem(alice.get("/api/v1/admin/audits"), 403, "operator_only")
	if page := text(w.want(boss.get("/admin/audits"), 200)); !strings.Contains(page, "clients of bob") || !strings.Contains(page, "/admin/audits?cursor=") {
		t.Error("the operators' page lacks a host, or its next page")
	}
}

// A node's page says what is at risk and why, to its owner and to operators.
func TestNodePage(t *testing.T) {
	w := newWorld(t)
	alice, node, _ := w.hosts()
	w.settled()
	w.slash(1, node, w.now().Add(time.Hour), 2*tokens.Unit)
	w.exec("INSERT INTO forfeits (epoch, node, audit) VALUES (1, 1, 7)")
	st := availability.NewStanding(availability.DefaultParams())
	st.Audits, st.Faults, st.AbsentMs, st.Charged = 40, 2, int64(95*60_000), []int64{w.now().UnixMilli(), 1}
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	w.exec("UPDATE nodes SET standing = ?", string(raw))
	boss, bob := w.operator(), w.signUp("bob")
	page := text(w.want(boss.get("/hosting/nodes/1"), 200))
	for _, words := range []string{"box", "2 confirmed faults in 40 audits (5 %)", "away for 1 h 35 min", "1 % of at most 30 %", "9 VIDYA", "18 VIDYA", "audit 7", "/audits/7", "epoch 1", "proven now", "3 / 0", "3.6 VIDYA"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if strings.Contains(page, "id=\"declare\"") {
		t.Error("an operator declares maintenance for somebody else's node")
	}
	w.want(bob.get("/hosting/nodes/1"), 404)
	w.want(boss.get("/hosting/nodes/2"), 404)
	w.want(boss.form("/hosting/nodes/1/maintenance", map[string]string{"from": "2030-01-02T03:04", "hours": "2"}), 403)
	if list := fmt.Sprint(w.want(alice.get("/api/v1/slashes"), 200).json(t)["slashes"]); !strings.Contains(list, "amount_utok:2000000") || !strings.Contains(list, "audit:7") {
		t.Errorf("own penalties: %s", list)
	}
	if list := fmt.Sprint(w.want(bob.get("/api/v1/slashes"), 200).json(t)["slashes"]); list != "[]" {
		t.Errorf("somebody else's penalties: %s", list)
	}
}

// The owner declares maintenance by a form; what is typed wrong is shown again.
func TestDeclareMaintenanceByForm(t *testing.T) {
	w := newWorld(t)
	b := w.signUp("alice")
	w.pair(b)
	const path = "/hosting/nodes/1/maintenance"
	for _, bad := range []map[string]string{{"from": "tomorrow", "hours": "2"}, {"from": "2030-01-02T03:04", "hours": "0"}, {"from": "2030-01-02T03:04", "hours": "2.5"}, {"from": "2030-01-02T03:04", "hours": "99999"}, nil} {
		r := w.want(b.form(path, bad), 422)
		if bad != nil && !strings.Contains(text(r), `value="`+bad["from"]+`"`) {
			t.Errorf("%v: the form is not shown again", bad)
		}
	}
	r := w.want(b.form(path, map[string]string{"from": "2030-01-02T03:04", "hours": "2"}), 303)
	if r.header.Get("Location") != "/hosting/nodes/1#maintenance" {
		t.Errorf("leads to %s", r.header.Get("Location"))
	}
	page := text(w.want(b.get("/hosting/nodes/1"), 200))
	if !strings.Contains(page, "2030-01-02 03:04 UTC") || !strings.Contains(page, "2030-01-02 05:04 UTC") {
		t.Error("the page lacks what was declared")
	}
}

// Operators lift a suspension with a reason.
func TestLiftSuspension(t *testing.T) {
	w := newWorld(t)
	alice, _, _ := w.hosts()
	st := availability.NewStanding(availability.DefaultParams())
	st.Suspended = true
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	w.exec("UPDATE nodes SET standing = ?, suspended_ms = ?", string(raw), w.now().UnixMilli())
	boss := w.operator()
	suspended := func() int {
		t.Helper()
		return len(w.want(boss.get("/api/v1/admin/nodes?show=suspended"), 200).json(t)["nodes"].([]any))
	}
	if page := text(w.want(boss.get("/hosting/nodes/1"), 200)); suspended() != 1 || !strings.Contains(page, "0 of 20 passed so far") {
		t.Errorf("%d suspended, or the page does not say how it ends", suspended())
	}
	w.problem(alice.post("/api/v1/admin/nodes/1/lift", `{"reason":"please"}`), 403, "operator_only")
	w.problem(boss.post("/api/v1/admin/nodes/1/lift", `{"reason":" "}`), 422, "reason")
	w.want(boss.form("/admin/nodes/1/lift", map[string]string{"reason": ""}), 422)
	w.problem(boss.post("/api/v1/admin/nodes/9/lift", `{"reason":"x"}`), 404, "not_found")
	w.want(boss.form("/admin/nodes/1/lift", map[string]string{"reason": "the disk was replaced"}), 303)
	if suspended() != 0 {
		t.Error("it is still suspended")
	}
	log, err := w.store.OperatorLog(t.Context(), 1)
	if err != nil || len(log) != 1 || !strings.Contains(log[0].Detail, "the disk was replaced") {
		t.Errorf("log %v %v", log, err)
	}
	if page := text(w.want(boss.get("/admin/nodes"), 200)); !strings.Contains(page, "alice") || strings.Contains(page, `<span class="tag bad">suspended`) {
		t.Error("the list lacks the node, or still says that it is suspended")
	}
}

// Operators see seeders that serve nobody.
func TestSeedersThatServeNobody(t *testing.T) {
	w := newWorld(t)
	w.hosts()
	boss := w.operator()
	w.exec("INSERT INTO serving (member, node, tried_ms, tried_epoch, failures, withheld_from, state) VALUES (1, 1, ?, 3, 2, 4, '{}'), (2, 0, ?, 3, 1, 0, '{}')", w.now().UnixMilli(), w.now().UnixMilli())
	page := text(w.want(boss.get("/admin/nodes"), 200))
	if !strings.Contains(page, "withheld</span> from") || !strings.Contains(page, "/economy/epochs/4") || !strings.Contains(page, "clients of boss") || !strings.Contains(page, "paid so far") {
		t.Errorf("the page lacks a hint")
	}
}

// What anybody needs to draw an epoch's audits again is public once it is settled.
func TestEpochAudits(t *testing.T) {
	w := newWorld(t)
	w.settled()
	guest := w.client("")
	if v := w.want(guest.get("/api/v1/economy/epochs/1/audits"), 200).json(t); fmt.Sprint(v["epoch"]) != "1" {
		t.Errorf("%v", v)
	}
	w.problem(guest.get("/api/v1/economy/epochs/2/audits"), 409, "epoch_under_way")
	for _, unknown := range []string{"9", "0", "x"} {
		w.problem(guest.get("/api/v1/economy/epochs/"+unknown+"/audits"), 404, "not_found")
	}
}

// The hash of an epoch's seed is public from before the epoch on, the seed once the epoch is settled.
func TestSeedsAreCommittedTo(t *testing.T) {
	w := newWorld(t)
	w.settled() // epoch 1; epoch 2 is under way
	guest := w.client("")
	byEpoch := map[float64]map[string]any{}
	for _, x := range w.want(guest.get("/.well-known/swarmstake.json"), 200).json(t)["seed_commitments"].([]any) {
		c := x.(map[string]any)
		byEpoch[c["epoch"].(float64)] = c
	}
	seed, err := hex.DecodeString(fmt.Sprint(byEpoch[1]["seed"]))
	if err != nil || byEpoch[1]["hash"] != fmt.Sprintf("%x", sha256.Sum256(seed)) {
		t.Errorf("the settled epoch: %v %v", byEpoch[1], err)
	}
	for _, secret := range []float64{2, 3} {
		if c := byEpoch[secret]; len(fmt.Sprint(c["hash"])) != 64 || c["seed"] != nil {
			t.Errorf("epoch %v: %v", secret, c)
		}
	}
	running := text(w.want(guest.get("/economy/epochs/2"), 200))
	if !strings.Contains(running, fmt.Sprint(byEpoch[2]["hash"])) {
		t.Error("the running epoch's page lacks the hash of its seed")
	}
	if v := w.want(guest.get("/api/v1/economy/epochs/1"), 200).json(t)["commitment"]; fmt.Sprint(v.(map[string]any)["hash"]) != byEpoch[1]["hash"] {
		t.Errorf("the epoch's figures: %v", v)
	}
}

// Who hosts what, and what came of the audits, in a browser: for guests, the owner and operators.
func TestAvailabilityInABrowser(t *testing.T) {
	w := newWorld(t)
	w.settled()
	if err := w.store.AddSetupLink(t.Context(), "operator", time.Hour); err != nil {
		t.Fatal(err)
	}
	alice := w.member("alice", 0, 90*tokens.Unit)
	var first string
	for i, name := range []string{"debian-13.2-amd64-netinst.iso", "big-buck-bunny-4k", "A very long name of a torrent that somebody chose without thinking of phones at all (2026) [FLAC]"} {
		ih := w.want(alice.upload(bigTorrent(name)), 201).json(t)["infohash"].(string)
		if i == 0 {
			first = ih
		}
	}
	node := w.pair(alice)
	w.want(alice.pay(fmt.Sprintf("/api/v1/nodes/%d/pledge", node), "p", `{"amount_utok":"20000000"}`), 201)
	w.host(1, 1, 1, node, 4<<30, true, false)
	w.host(2, 2, 1, node, 1<<30, false, true)
	w.host(3, 1, 1, 0, 4<<30, true, false)
	w.host(4, 3, 1, node, 4<<30, false, false)
	for i, v := range []availability.Verdict{availability.Passed, availability.Inconclusive, availability.Offline, availability.Missing, availability.Passed} {
		w.auditRow(int64(i+1), int64(i%2+1), "drawn", v, availability.Outcome{Reason: "choked for 45s"})
	}
	evidence := corrupt()
	evidence.Results[0].Want, evidence.Results[0].Got = make(availability.Sum, 32), make(availability.Sum, 32)
	w.auditRow(7, 1, "recheck", availability.Corrupt, evidence)
	w.exec("UPDATE audits SET rechecks = 4, carrier = 'challenge' WHERE id = 7")
	w.slash(1, node, w.now().Add(48*time.Hour), 2*tokens.Unit)
	w.exec("INSERT INTO serving (member, node, tried_ms, tried_epoch, failures, withheld_from, state) VALUES (1, 1, ?, 1, 2, 1, '{}')", w.now().UnixMilli())
	st := availability.NewStanding(availability.DefaultParams())
	st.Audits, st.Faults, st.Suspended, st.Revet = 40, 5, true, 7
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	w.exec("UPDATE nodes SET standing = ?, suspended_ms = ?, last_report_ms = ?", string(raw), w.now().UnixMilli(), w.now().UnixMilli())
	ctx := chromium(t)
	seen := map[string]*string{}
	visit := func(name, path, sel string) chromedp.Action[chromedp.Void] {
		seen[name] = new(string)
		return chromedp.Steps(chromedp.Navigate(w.url+path), loaded(sel), read(seen[name]), shoot("av-"+name), fits(t, name))
	}
	err = chromedp.Do(ctx,
		visit("map-guest", "/availability", "#means"),
		chromedp.Navigate(w.url+"/setup/operator"), loaded("#password"), chromedp.SendKeys("#name", "boss"), chromedp.SendKeys("#password", password),
		press("main form button"), loaded(".search"),
		visit("map", "/availability", "#means"), visit("audit", "/audits/7", "#penalty"), visit("audit-passed", "/audits/1", "#results"),
		visit("node", "/hosting/nodes/1", "#audits"), visit("admin-audits", "/admin/audits", ".tabs"), visit("admin-nodes", "/admin/nodes", "#hints"),
		chromedp.Navigate(w.url+"/torrents/"+first), loaded("#hosting"), press("details summary"), shoot("av-torrent"), fits(t, "torrent"),
		visit("slashes", "/admin/slashes", "a[href='/audits/7']"), visit("epoch", "/economy/epochs/1", "#torrents"),
		chromedp.Navigate(w.url+"/hosting/nodes/1"), typed("#reason", "the disk was replaced"), press("#lift"), loaded("main:not(:has(#suspended))"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for page, words := range map[string]string{"map": "×2", "map-guest": "Sign in", "audit": "192.0.2.9:6881", "node": "7 of 20 passed", "admin-nodes": "withheld", "audit-passed": "audit replay 1"} {
		if !strings.Contains(*seen[page], words) {
			t.Errorf("%s does not say %q: %s", page, words, *seen[page])
		}
	}
}
