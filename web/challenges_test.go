package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web"
)

// fakeChallenges plays the server's part with a real desk.
type fakeChallenges struct {
	desk     *challenge.Desk
	torrent  *catalog.Torrent
	targets  []availability.Target
	waited   time.Duration
	declared []web.MaintenanceSpan
	refuse   error // of a declaration
}

func (f *fakeChallenges) Challenges(_ context.Context, n store.Node, wait time.Duration) ([]challenge.Challenge, error) {
	f.waited = wait
	if f.desk == nil {
		return nil, nil
	}
	return f.desk.Take(time.Now(), n.ID), nil
}

func (f *fakeChallenges) AnswerChallenge(_ context.Context, n store.Node, id int64, body io.Reader) (string, error) {
	c, err := f.desk.Begin(time.Now(), n.ID, id)
	if err != nil {
		return "", err
	}
	a, err := challenge.ReadAnswer(body, c, f.torrent)
	if err != nil {
		return "", err
	}
	if c, err = f.desk.Answer(time.Now(), n.ID, id, c.Nonce); err != nil {
		return "", err
	}
	out := challenge.Check(c, f.torrent, func(int, int) (sum [32]byte, ok bool) { return sum, false }, f.targets, a)
	return out.Results[0].Verdict.String(), nil
}

func (f *fakeChallenges) DeclareMaintenance(_ context.Context, _ store.Node, from, until time.Time) (web.Maintenance, error) {
	if f.refuse != nil {
		return web.Maintenance{}, f.refuse
	}
	f.declared = append(f.declared, web.MaintenanceSpan{From: from, Until: until})
	return f.Maintenance(context.Background(), store.Node{})
}

func (f *fakeChallenges) Maintenance(context.Context, store.Node) (web.Maintenance, error) {
	return web.Maintenance{Declared: f.declared, LeftSeconds: 3600, MaxSeconds: 86400, PeriodSeconds: 30 * 86400}, nil
}

// signed is a client whose token is for one body.
func (w *world) signed(jti string, body []byte) *client {
	w.Helper()
	c := w.claims(jti)
	if body != nil {
		sum := sha256.Sum256(body)
		c["body"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return w.client(sign(w.T, jwt.SigningMethodEdDSA, nodeKey(), "1", c))
}

// TestSignedBodies: what a node sends is what it signed.
func TestSignedBodies(t *testing.T) {
	w := newWorld(t)
	w.pair(w.member("alice", 0, 0))
	const report = `{"port":51413,"challenges":true,"claims":[{"infohash":"` + "0123456789012345678901234567890123456789" + `","peer_id":"","bytes":1,"complete":false,"pieces":"wA=="}]}`
	const path = "/api/v1/node/report"
	c := w.signed("a", []byte(report))
	answer := w.want(c.post(path, report), 200).json(t)
	last := w.hosting.last
	if string(last.Body) != report || last.Token != c.token || !last.Challenges || !bytes.Equal(last.Claims[0].Pieces, []byte{0xc0}) {
		t.Errorf("the report arrived as %+v", last)
	}
	if answer["rechecking"] == nil {
		t.Errorf("answer %v", answer)
	}
	w.hosting.last = web.Report{}
	wrong := w.claims("c")
	for name, body := range map[string]any{"missing": nil, "not base64": "!!!", "too short": "AAAA", "of another body": base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "a number": 7} {
		wrong["jti"] = strings.ReplaceAll(name, " ", "-")
		if wrong["body"] = body; body == nil {
			delete(wrong, "body")
		}
		r := w.want(w.client(sign(t, jwt.SigningMethodEdDSA, nodeKey(), "1", wrong)).post(path, report), 401)
		if name != "a number" && r.json(t)["code"] != "node_body" {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	w.problem(w.signed("d", []byte(report)).post(path, strings.Replace(report, "51413", "51414", 1)), 401, "node_body")
	w.problem(w.signed("e", []byte(report)).post(path, report+" "), 401, "node_body")
	w.problem(w.signed("f", []byte(report)).post(path, ""), 401, "node_body")
	w.problem(w.signed("g", nil).post("/api/v1/node/maintenance", `{}`), 401, "node_body")
	if w.hosting.last.Port != 0 {
		t.Error("an altered report was taken")
	}
	w.want(w.signed("h", nil).get("/api/v1/node/status"), 200) // reading needs none
}

// challenged is a world with one challenge for node 1 on the desk, and its right answer.
func challenged(t *testing.T) (*world, []byte) {
	w := newWorld(t)
	w.pair(w.member("alice", 0, 0))
	path := filepath.Join(t.TempDir(), "data")
	data := bytes.Repeat([]byte("swarm"), 20_000)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	raw, err := catalog.Create(t.Context(), path, catalog.CreateOptions{Version: catalog.V2, PieceLength: 64 << 10, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	h := &w.hosting
	if h.torrent, err = catalog.Parse(raw); err != nil {
		t.Fatal(err)
	}
	h.desk, h.targets = challenge.NewDesk(10), []availability.Target{{Piece: 0, Block: 2}}
	c := challenge.Challenge{ID: 5, Nonce: challenge.Nonce{1}, Node: 1, InfoHash: h.torrent.InfoHash, Epoch: 3, Time: 30 * time.Second, Deadline: time.Now().Add(time.Minute)}
	c.Items, c.Bytes = challenge.Ask(h.torrent, nil, h.targets, 1<<20, 1)
	if err := h.desk.Issue(time.Now(), c); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Challenges []challenge.Challenge `json:"challenges"`
		Again      int                   `json:"again_seconds"`
	}
	if err := json.Unmarshal(w.want(w.signed("poll", nil).get("/api/v1/node/challenges?wait=15"), 200).body, &got); err != nil || len(got.Challenges) != 1 || got.Again != 1 || h.waited != 15*time.Second {
		t.Fatalf("%v %+v", err, got)
	}
	var body bytes.Buffer
	read := func(piece int, begin, n bt.Bytes) ([]byte, error) {
		at := bt.Bytes(piece)*64<<10 + begin
		return data[at : at+n], nil
	}
	if err := challenge.WriteAnswer(&body, got.Challenges[0], h.torrent, func(it challenge.Item) challenge.Given { return challenge.Give(h.torrent, it, read) }); err != nil {
		t.Fatal(err)
	}
	return w, body.Bytes()
}

func TestChallengeOverHTTP(t *testing.T) {
	w, right := challenged(t)
	const path = "/api/v1/node/challenges/5"
	send := func(jti string, body []byte) reply { return w.signed(jti, body).post(path, string(body)) }
	altered := bytes.Clone(right)
	altered[200] ^= 1
	nonce := bytes.Clone(right)
	nonce[4] ^= 1
	w.problem(w.signed("1", right).post(path, string(altered)), 401, "node_body") // on its way, by somebody else
	w.problem(send("2", right[:300]), 422, "answer_truncated")
	w.problem(send("3", nonce), 422, "challenge_other")
	w.problem(send("4", right), 409, "challenge_used") // three tries are all
	w.problem(w.signed("5", right).post("/api/v1/node/challenges/6", string(right)), 404, "challenge_unknown")
	w.problem(w.signed("6", right).post("/api/v1/node/challenges/x", string(right)), 404, "not_found")
	w.want(w.client("").post(path, string(right)), 401)

	w, right = challenged(t)
	if v := w.want(send("7", right), 200).json(t); v["verdict"] != "passed" {
		t.Errorf("%v", v)
	}
	w.problem(send("8", right), 409, "challenge_used")

	w, right = challenged(t)
	right[200] ^= 1
	if v := w.want(send("9", right), 200).json(t); v["verdict"] != "corrupt" {
		t.Errorf("%v", v)
	}
	for _, wait := range []string{"16", "-1", "x", "1.5"} {
		w.problem(w.signed("wait"+wait, nil).get("/api/v1/node/challenges?wait="+wait), 400, "wait")
	}
	if v := w.want(w.signed("idle", nil).get("/api/v1/node/challenges"), 200).json(t); fmt.Sprint(v["challenges"], v["again_seconds"]) != "[] 10" {
		t.Errorf("%v", v)
	}
}

func TestMaintenanceAPI(t *testing.T) {
	w := newWorld(t)
	w.pair(w.member("alice", 0, 0))
	const path = "/api/v1/node/maintenance"
	n := 0
	send := func(body string) reply { n++; return w.signed(fmt.Sprint(n), []byte(body)).post(path, body) }
	const good = `{"from":"2030-01-02T03:04:05Z","until":"2030-01-02T05:04:05+01:00"}`
	v := w.want(send(good), 201).json(t)
	if fmt.Sprint(v["left_seconds"], v["max_seconds"], len(v["declared"].([]any))) != "3600 86400 1" {
		t.Errorf("%v", v)
	}
	if v := w.want(w.signed("list", nil).get(path), 200).json(t); len(v["declared"].([]any)) != 1 {
		t.Errorf("%v", v)
	}
	for _, bad := range []string{`{}`, `{"from":"2030-01-02T03:04:05Z"}`, `{"from":"2030-01-02T03:04:05Z","until":"2030-01-02T03:04:05Z"}`} {
		w.problem(send(bad), 422, "maintenance")
	}
	w.problem(send(`{"from":"tomorrow"}`), 400, "json")
	for _, err := range []error{availability.ErrSpanPast, availability.ErrSpanFar, availability.ErrSpanOverlap, availability.ErrSpanLong} {
		w.hosting.refuse = fmt.Errorf("declare maintenance: %w", err)
		r := send(good)
		if w.problem(r, 422, "maintenance"); !strings.Contains(string(r.body), err.Error()) {
			t.Errorf("%s", r.body)
		}
	}
}
