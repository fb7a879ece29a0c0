package web_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

// fakeServing grants what it is told to, and remembers what it was asked.
type fakeServing struct {
	asked  []web.PeerQuery
	asker  store.Node
	grants []web.Grant
	fails  error
	dialed netip.AddrPort
	reason string // why a port cannot be reached; empty: it can
}

func (f *fakeServing) Access(_ context.Context, n store.Node, peers []web.PeerQuery) ([]web.Grant, error) {
	f.asked, f.asker = peers, n
	if f.grants != nil {
		return f.grants, f.fails
	}
	return make([]web.Grant, len(peers)), f.fails
}

func (f *fakeServing) TestPort(_ context.Context, _ store.Node, addr netip.AddrPort) (bool, string) {
	f.dialed = addr
	return f.reason == "", f.reason
}

// node sends a signed request of node 1.
func (w *world) node(jti, path, body string) reply {
	w.Helper()
	return w.signed(jti, []byte(body)).post(path, body)
}

const (
	accessPath = "/api/v1/node/access"
	portPath   = "/api/v1/node/port"
)

var (
	hashHex = strings.Repeat("0a", 20)
	peerHex = strings.Repeat("fF", 20)
)

func ask(hash, peer, addr string) string {
	return fmt.Sprintf(`{"infohash":%q,"peer_id":%q,"addr":%q}`, hash, peer, addr)
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	w.pair(w.member("alice", 0, 0))
	w.serving.grants = []web.Grant{{Granted: true, Rate: 65536, Valid: 5 * time.Minute}, {Valid: 30 * time.Second}}
	body := `{"peers":[` + ask(hashHex, peerHex, "[::ffff:192.0.2.7]:6881") + "," + ask(hashHex, peerHex, "[2001:db8::1%eth0]:0") + `]}`
	got := w.want(w.node("a", accessPath, body), 200)
	var out struct {
		Grants []map[string]any `json:"grants"`
		Again  int              `json:"again_seconds"`
	}
	if err := json.Unmarshal(got.body, &out); err != nil || len(out.Grants) != 2 || out.Again != 1 {
		t.Fatalf("%v: %s", err, got.body)
	}
	for i, want := range []map[string]any{
		{"infohash": hashHex, "peer_id": peerHex, "addr": "[::ffff:192.0.2.7]:6881", "granted": true, "bytes_per_second": 65536.0, "valid_seconds": 300.0},
		{"infohash": hashHex, "peer_id": peerHex, "addr": "[2001:db8::1%eth0]:0", "granted": false, "bytes_per_second": 0.0, "valid_seconds": 30.0},
	} {
		if fmt.Sprint(out.Grants[i]) != fmt.Sprint(want) {
			t.Errorf("grant %d: %v, want %v", i, out.Grants[i], want)
		}
	}
	q := web.PeerQuery{InfoHash: bt.InfoHash(repeat(10)), PeerID: bt.PeerID(repeat(255)), Addr: netip.MustParseAddr("192.0.2.7")}
	if w.serving.asker.ID != 1 || len(w.serving.asked) != 2 || w.serving.asked[0] != q || w.serving.asked[1].Addr != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("node %d asked %+v", w.serving.asker.ID, w.serving.asked)
	}
	w.serving.grants = nil
	if got := w.want(w.node("b", accessPath, `{"peers":[]}`), 200).json(t); len(got["grants"].([]any)) != 0 {
		t.Errorf("nobody: %v", got)
	}
	w.serving.fails = errors.New("no")
	w.problem(w.node("c", accessPath, body), 500, "internal")
}

func repeat(b byte) (out [20]byte) {
	for i := range out {
		out[i] = b
	}
	return out
}

func TestAccessRefuses(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	w.pair(alice)
	one := ask(hashHex, peerHex, "192.0.2.7:6881")
	most := "[" + strings.Repeat(one+",", 499) + ask(strings.ToUpper(hashHex), peerHex, "[2001:0db8:0000:0000:0000:0000:0000:0001]:65535") + "]"
	if w.want(w.node("most", accessPath, `{"peers":`+most+`}`), 200); len(w.serving.asked) != 500 {
		t.Errorf("%d of 500 arrived", len(w.serving.asked))
	}
	w.serving.asked = nil
	for name, c := range map[string]struct{ body, says string }{
		"too many":       {`{"peers":` + strings.Replace(most, "[", "["+one+",", 1) + `}`, "at most 500"},
		"short infohash": {`{"peers":[` + one + `,` + ask("0a", peerHex, "192.0.2.7:6881") + `]}`, "peers[1]: infohash"},
		"short peer id":  {`{"peers":[` + ask(hashHex, "ff", "192.0.2.7:6881") + `]}`, "peers[0]: peer_id"},
		"odd peer id":    {`{"peers":[` + ask(hashHex, strings.Repeat("zz", 20), "192.0.2.7:6881") + `]}`, "peers[0]: peer_id"},
		"no port":        {`{"peers":[` + ask(hashHex, peerHex, "192.0.2.7") + `]}`, "peers[0]: addr"},
		"a name":         {`{"peers":[` + ask(hashHex, peerHex, "localhost:6881") + `]}`, "peers[0]: addr"},
	} {
		r := w.node(strings.ReplaceAll(name, " ", "-"), accessPath, c.body)
		if w.problem(r, 422, "peers"); !strings.Contains(string(r.body), c.says) {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	w.problem(w.node("unknown", accessPath, `{"peers":[],"all":true}`), 400, "json")
	w.problem(w.node("huge", accessPath, `{"peers":[`+strings.Repeat(" ", 256<<10)+`]}`), 413, "too_large")
	w.problem(w.signed("altered", []byte("{}")).post(accessPath, `{"peers":[]}`), 401, "node_body")
	w.problem(alice.post(accessPath, `{"peers":[]}`), 401, "node_token")
	w.problem(alice.post(portPath, `{"port":1}`), 401, "node_token")
	if w.serving.asked != nil || w.serving.dialed.IsValid() {
		t.Error("something refused was asked all the same")
	}
}

func TestPortTest(t *testing.T) {
	w := newWorld(t)
	w.pair(w.member("alice", 0, 0))
	if got := w.want(w.node("a", portPath, `{"port":6881}`), 200).json(t); fmt.Sprint(got) != "map[addr:127.0.0.1 reachable:true reason:]" {
		t.Errorf("%v", got)
	}
	if w.serving.dialed != netip.MustParseAddrPort("127.0.0.1:6881") {
		t.Errorf("%s was dialled", w.serving.dialed)
	}
	w.serving.reason = "nobody answered"
	if got := w.want(w.node("b", portPath, `{"port":6881}`), 200).json(t); got["reachable"] != false || got["reason"] != "nobody answered" {
		t.Errorf("%v", got)
	}
	w.problem(w.node("c", portPath, `{"port":0}`), 422, "port")
	w.problem(w.node("d", portPath, `{"port":65536}`), 400, "json")
	w.problem(w.node("e", portPath, `{"port":6881,"addr":"192.0.2.1"}`), 400, "json") // only where it asks from
}

// A node's questions are limited.
func TestServingIsLimited(t *testing.T) {
	now := time.Now()
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev, c.Now = false, func() time.Time { return now } })
	w.pair(w.member("alice", 0, 0))
	for path, c := range map[string]struct {
		body  string
		burst int
	}{accessPath: {`{"peers":[]}`, 20}, portPath: {`{"port":6881}`, 6}} {
		for i := range c.burst {
			w.want(w.node(fmt.Sprint(path, i), path, c.body), 200)
		}
		w.problem(w.node(path+"more", path, c.body), 429, "slow_down")
	}
}

// Who shares an address with others does not map its ports with many nodes.
func TestPortTestsOfAnAddressAreLimited(t *testing.T) {
	now := time.Now()
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev, c.Now = false, func() time.Time { return now } })
	w.pair(w.member("alice", 0, 0))
	const burst, nodes, body = 6, 4, `{"port":6881}`
	test := func(node, i int) reply {
		key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(fmt.Sprint(node), 32)))
		if i == 0 {
			w.exec("INSERT INTO nodes (id, member, name, public_key, created_ms) VALUES (?, 1, 'box', ?, 0)", node, []byte(key.Public().(ed25519.PublicKey)))
		}
		c, sum := w.claims(fmt.Sprint(node, "/", i)), sha256.Sum256([]byte(body))
		c["iss"], c["body"] = fmt.Sprint("node/", node), base64.RawURLEncoding.EncodeToString(sum[:])
		return w.client(sign(t, jwt.SigningMethodEdDSA, key, fmt.Sprint(node), c)).post(portPath, body)
	}
	for node := range nodes {
		for i := range burst {
			w.want(test(node+2, i), 200)
		}
	}
	w.problem(test(nodes+2, 0), 429, "slow_down")
}
