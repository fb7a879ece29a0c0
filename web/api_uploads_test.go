package web_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// draft sends a torrent file to the drafts.
func (c *client) draft(file []byte, fields ...string) reply {
	c.w.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, _ := m.CreateFormFile("torrent", "x.torrent")
	part.Write(file)
	for i := 0; i+1 < len(fields); i += 2 {
		m.WriteField(fields[i], fields[i+1])
	}
	m.Close()
	return c.do("POST", "/api/v1/drafts", &body, "Content-Type", m.FormDataContentType())
}

// What is said about a torrent is changed by who may, kept, and only as far as it was asked for.
func TestTextByAPI(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob := w.operator(), w.member("alice", 0, 0), w.member("bob", 0, 0)
	ih := w.want(alice.upload(torrentFile("film"), "category", "video", "tags", "noir 1940s"), 201).json(t)["infohash"].(string)
	path := "/api/v1/torrents/" + ih
	v := w.want(alice.get(path+"/text"), 200).json(t)
	if only(v, "name", "category", "tags", "may") != "film video [1940s noir] map[edit:true rename:true withdraw:true]" {
		t.Errorf("%v", v)
	}
	if v := w.want(alice.get(path), 200).json(t); only(v, "tags", "category") != "[1940s noir] video" {
		t.Errorf("%v", v)
	}
	v = w.want(alice.patch(path+"/text", `{"description":"Restored.","tags":["noir"]}`), 200).json(t)
	if only(v, "name", "tags", "description") != "film [noir] Restored." {
		t.Errorf("%v", v)
	}
	for body, code := range map[string]string{`{"tags":["two words"]}`: "tags", `{"tags":[""]}`: "tags", `{"tags":["a,b"]}`: "tags", `{"name":" "}`: "name", `{"category":"nonsense"}`: "category",
		fmt.Sprintf(`{"description":%q}`, strings.Repeat("x", 10_001)): "description"} {
		w.problem(alice.patch(path+"/text", body), 422, code)
	}
	w.problem(alice.patch(path+"/text", `{"titel":"x"}`), 400, "json")
	w.problem(bob.patch(path+"/text", `{"tags":[]}`), 403, "not_uploader")
	if v := w.want(bob.get(path+"/text"), 200).json(t); fmt.Sprint(v["may"]) != "map[edit:false rename:false withdraw:false]" {
		t.Errorf("a stranger may %v", v["may"])
	}
	w.want(boss.post(path+"/approve", ""), 200)
	w.problem(alice.patch(path+"/text", `{"name":"another"}`), 409, "approved")
	w.want(alice.patch(path+"/text", `{"tags":[]}`), 200)
	w.want(boss.patch(path+"/text", `{"name":"The film"}`), 200)

	edits := w.rows(bob.get(path+"/edits"), "edits")
	if len(edits) != 3 || edits[0]["by"] != "boss" || fmt.Sprint(edits[0]["changes"]) != "[map[field:name is:The film was:film]]" || edits[2]["act"] != "edit" {
		t.Errorf("%v", edits)
	}
	if got := fmt.Sprint(bob.walk(path+"/edits", "edits", "id", 1)); got != "[3 2 1]" {
		t.Errorf("page by page %s", got)
	}
	w.problem(bob.post(path+"/withdraw", `{"reason":"no"}`), 403, "not_uploader")
	w.problem(boss.post(path+"/withdraw", `{}`), 422, "reason")
	w.want(boss.post(path+"/withdraw", `{"reason":"a copy of another"}`), 204)
	w.problem(alice.get(path+"/text"), 404, "not_found")
	w.problem(alice.get("/api/v1/torrents/nonsense/edits"), 404, "not_found")
}

func TestFilesAndPeersByAPI(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	file := []byte("d4:infod5:filesld6:lengthi9e4:pathl1:b5:2.txteed6:lengthi7e4:pathl5:a.txteee4:name4:pack12:piece lengthi16384e6:pieces20:" + strings.Repeat("x", 20) + "ee")
	ih := w.want(alice.upload(file), 201).json(t)["infohash"].(string)
	v := w.want(alice.get("/api/v1/torrents/"+ih+"/files"), 200).json(t)
	if fmt.Sprint(v["files"]) != "[map[path:pack/b/2.txt size_bytes:9] map[path:pack/a.txt size_bytes:7]]" || v["hidden"] != 0.0 || v["pieces"] != 1.0 || v["format"] != "v1" {
		t.Errorf("%v", v)
	}
	single := w.want(alice.upload(torrentFile("one.iso")), 201).json(t)["infohash"].(string)
	if v := w.want(alice.get("/api/v1/torrents/"+single+"/files"), 200).json(t); fmt.Sprint(v["files"]) != "[map[path:one.iso size_bytes:16384]]" {
		t.Errorf("%v", v)
	}
	w.live.peers = map[bt.TorrentID][]swarm.Peer{1: {{Member: 9, Left: 8, Seen: w.now()}, {Member: 1, Since: w.now()}}}
	r := w.want(alice.get("/api/v1/torrents/"+ih+"/peers"), 200)
	peers := w.rows(r, "peers")
	if len(peers) != 2 || peers[0]["you"] != true || peers[0]["seeding"] != true || peers[0]["seen_at"] != nil || peers[1]["done_ppm"] != 500_000.0 || r.json(t)["seeders"] != 3.0 {
		t.Errorf("%s", r.body)
	}
	w.problem(w.client("").get("/api/v1/torrents/"+ih+"/peers"), 401, "sign_in")
}

// A draft is its owner's alone until it is published.
func TestDraftsByAPI(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.member("alice", 0, 0), w.member("bob", 0, 0)
	v := w.want(alice.draft(torrentFile("one"), "tags", "be a1"), 201).json(t)
	if only(v, "id", "name", "tags", "changed") != "1 one [a1 be] true" {
		t.Errorf("%v", v)
	}
	w.problem(alice.draft(torrentFile("one")), 409, "exists")
	w.problem(alice.draft([]byte("nonsense")), 422, "torrent_refused")
	w.problem(alice.post("/api/v1/drafts", "{}"), 400, "multipart")
	for _, name := range []string{"two", "three"} {
		w.want(alice.draft(torrentFile(name)), 201)
	}
	if got := fmt.Sprint(alice.walk("/api/v1/drafts", "drafts", "name", 2)); got != "[three two one]" {
		t.Errorf("drafts %s", got)
	}
	if got := w.rows(bob.get("/api/v1/drafts"), "drafts"); len(got) != 0 {
		t.Errorf("bob sees %v", got)
	}
	w.problem(bob.get("/api/v1/drafts/1"), 404, "not_found")
	w.problem(bob.patch("/api/v1/drafts/1", `{"name":"x"}`), 404, "not_found")
	w.problem(bob.post("/api/v1/drafts/1/publish", ""), 404, "not_found")
	w.problem(bob.drop("/api/v1/drafts/1"), 404, "not_found")
	if v := w.want(alice.patch("/api/v1/drafts/1", `{"name":"First","description":"said"}`), 200).json(t); only(v, "name", "tags", "description") != "First [a1 be] said" {
		t.Errorf("%v", v)
	}
	w.problem(alice.patch("/api/v1/drafts/1", `{"name":""}`), 422, "name")
	if v := w.want(alice.get("/api/v1/drafts/1"), 200).json(t); v["name"] != "First" {
		t.Errorf("%v", v)
	}
	before := w.roster.torrents.Load()
	out := w.want(alice.post("/api/v1/drafts/1/publish", ""), 201).json(t)
	if v := w.want(bob.get("/api/v1/torrents/"+out["infohash"].(string)), 200).json(t); v["name"] != "First" || w.roster.torrents.Load() != before+1 {
		t.Errorf("%v, and the tracker was told %d times", v, w.roster.torrents.Load()-before)
	}
	w.problem(alice.post("/api/v1/drafts/1/publish", ""), 404, "not_found")
	w.want(alice.drop("/api/v1/drafts/2"), 204)
	if got := fmt.Sprint(alice.walk("/api/v1/drafts", "drafts", "name", 9)); got != "[three]" {
		t.Errorf("drafts %s", got)
	}
}

func TestCommentsByAPI(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob := w.operator(), w.member("alice", 0, 0), w.member("bob", 0, 0)
	ih := w.want(alice.upload(torrentFile("film")), 201).json(t)["infohash"].(string)
	other := w.want(alice.upload(torrentFile("other")), 201).json(t)["infohash"].(string)
	path := "/api/v1/torrents/" + ih + "/comments"
	v := w.want(bob.post(path, `{"text":"  Thank\u0000 you  "}`), 201).json(t)
	if only(v, "id", "text", "member", "mine", "editable", "uploader") != "1 Thank you bob true true false" {
		t.Errorf("%v", v)
	}
	w.problem(bob.post(path, `{"text":" \u200b "}`), 422, "comment")
	w.problem(bob.post(path, fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", store.MaxComment+1))), 422, "comment")
	for i := range 4 {
		w.want(alice.post(path, fmt.Sprintf(`{"text":"comment %d"}`, i+2)), 201)
	}
	if got := fmt.Sprint(bob.walk(path, "comments", "id", 2)); got != "[5 4 3 2 1]" {
		t.Errorf("comments %s", got)
	}
	if v := w.want(bob.put(path+"/1", `{"text":"Thanks"}`), 200).json(t); v["text"] != "Thanks" || v["edited_at"] == nil {
		t.Errorf("%v", v)
	}
	w.problem(alice.put(path+"/1", `{"text":"mine"}`), 404, "not_found")
	w.problem(alice.drop(path+"/1"), 404, "not_found")
	w.problem(bob.put("/api/v1/torrents/"+other+"/comments/1", `{"text":"x"}`), 404, "not_found")
	w.problem(alice.post(path+"/1/remove", `{"reason":"x"}`), 403, "operator_only")
	w.want(alice.drop(path+"/2"), 204)
	w.want(boss.post(path+"/3/remove", `{"reason":"an address in it"}`), 204)
	w.problem(boss.post(path+"/3/remove", `{"reason":"again"}`), 404, "not_found")
	if r := boss.post(path+"/4/remove", `{"reason":"  "}`); r.status != 422 {
		t.Errorf("without a reason: %d %s", r.status, r.body)
	}
	list := w.rows(bob.get(path), "comments")
	if list[3]["text"] != "" || list[3]["removed_at"] == nil || list[3]["reason"] != "" || list[2]["reason"] != "an address in it" || list[2]["editable"] != false {
		t.Errorf("%v", list)
	}
	w.later(store.CommentEditable + time.Second)
	w.problem(bob.put(path+"/1", `{"text":"late"}`), 409, "comment_late")
	if v := w.rows(bob.get(path), "comments"); v[4]["editable"] != false {
		t.Errorf("%v", v[4])
	}
}

// A request from the wish to the bounty, by programs; what moves money is sent twice and happens once.
func TestRequestsByAPI(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob, carol := w.operator(), w.member("alice", 20*tokens.Unit, 0), w.member("bob", 20*tokens.Unit, 0), w.member("carol", 0, 0)
	twice := func(c *client, path, body string, status int) map[string]any {
		t.Helper()
		first := w.want(c.pay(path, path, body), status)
		if again := w.want(c.pay(path, path, body), status); string(again.body) != string(first.body) {
			t.Errorf("%s once %s, again %s", path, first.body, again.body)
		}
		return first.json(t)
	}
	v := twice(alice, "/api/v1/requests", `{"title":"A film","category":"video","bounty_utok":"5000000"}`, 201)
	if v["request"] != 1.0 || v["available_utok"] != "15000000" {
		t.Errorf("%v", v)
	}
	w.problem(alice.pay("/api/v1/requests", "k2", `{"title":""}`), 422, "title")
	w.problem(alice.pay("/api/v1/requests", "k3", `{"title":"x","bounty_utok":"5"}`), 422, "bounty")
	w.problem(alice.pay("/api/v1/requests", "k4", `{"title":"x","bounty_utok":"-5"}`), 422, "amount")
	w.problem(alice.pay("/api/v1/requests", "k5", `{"title":"x","bounty_utok":"500000000"}`), 409, "insufficient_funds")
	w.problem(alice.post("/api/v1/requests", `{"title":"x"}`), 400, "idempotency_key")
	for _, title := range []string{"two", "three"} {
		w.want(alice.pay("/api/v1/requests", title, fmt.Sprintf(`{"title":%q}`, title)), 201)
	}
	if got := fmt.Sprint(bob.walk("/api/v1/requests", "requests", "title", 2)); got != "[three two A film]" {
		t.Errorf("requests %s", got)
	}
	if got := bob.walk("/api/v1/requests?state=mine", "requests", "title", 2); len(got) != 0 {
		t.Errorf("bob's %q", got)
	}
	w.problem(bob.get("/api/v1/requests?state=lost"), 400, "state")
	if v := twice(bob, "/api/v1/requests/1/bounty", `{"amount_utok":"2000000"}`, 200); v["available_utok"] != "18000000" {
		t.Errorf("%v", v)
	}

	ih := w.want(carol.upload(torrentFile("film")), 201).json(t)["infohash"].(string)
	d := w.want(carol.get("/api/v1/requests/1"), 200).json(t)
	if d["may_fill"] != true || d["bounty_utok"] != "7000000" || len(d["shares"].([]any)) != 2 || d["candidates"].([]any)[0].(map[string]any)["infohash"] != ih {
		t.Errorf("%v", d)
	}
	fill := fmt.Sprintf(`{"infohash":%q}`, ih)
	w.problem(bob.post("/api/v1/requests/1/fills", fill), 409, "own_bounty")
	w.problem(carol.post("/api/v1/requests/1/fills", `{"infohash":"x"}`), 422, "offer")
	w.problem(carol.post("/api/v1/requests/1/fills", fmt.Sprintf(`{"infohash":%q}`, strings.Repeat("0", 40))), 404, "not_found")
	w.want(carol.post("/api/v1/requests/1/fills", fill), 204)
	w.problem(alice.post("/api/v1/requests/1/fills/1/reject", `{}`), 422, "reason")
	w.problem(bob.post("/api/v1/requests/1/fills/1/reject", `{"reason":"x"}`), 403, "not_requester")
	w.problem(alice.post("/api/v1/requests/2/fills/1/reject", `{"reason":"x"}`), 404, "not_found") // an offer for another one
	w.want(alice.post("/api/v1/requests/1/fills/1/reject", `{"reason":"the sound is missing"}`), 204)
	second := w.want(carol.upload(torrentFile("film with sound")), 201).json(t)["infohash"].(string)
	w.want(carol.post("/api/v1/requests/1/fills", fmt.Sprintf(`{"infohash":%q}`, second)), 204)
	w.problem(alice.pay("/api/v1/requests/1/close", "c", ""), 409, "in_review")
	w.problem(bob.pay("/api/v1/requests/1/fills/2/accept", "x", ""), 403, "not_requester")
	twice(alice, "/api/v1/requests/1/fills/2/accept", "", 200)
	if v := w.want(carol.get("/api/v1/wallet"), 200).json(t)["available_utok"]; v != "7000000" {
		t.Errorf("carol has %v", v)
	}
	d = w.want(alice.get("/api/v1/requests/1"), 200).json(t)
	fills := d["fills"].([]any)
	if d["state"] != "filled" || d["may_fill"] != false || fills[0].(map[string]any)["verdict"] != "accepted" || fills[1].(map[string]any)["reason"] != "the sound is missing" {
		t.Errorf("%v", d)
	}

	if v := twice(alice, "/api/v1/requests/2/close", "", 200); v["available_utok"] != "15000000" {
		t.Errorf("%v", v)
	}
	w.problem(bob.pay("/api/v1/requests/3/close", "x", ""), 403, "not_requester")
	w.problem(alice.post("/api/v1/requests/3/end", `{"reason":"x"}`), 403, "operator_only")
	w.problem(boss.post("/api/v1/requests/3/end", `{"reason":""}`), 422, "reason")
	w.want(boss.post("/api/v1/requests/3/end", `{"reason":"asked for twice"}`), 204)
	w.problem(alice.get("/api/v1/requests/99"), 404, "not_found")
}
