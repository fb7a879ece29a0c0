package web_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// nodeKey is the same in every test: what is tested does not depend on it.
func nodeKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32))) }

func publicKey() string {
	return base64.RawURLEncoding.EncodeToString(nodeKey().Public().(ed25519.PublicKey))
}

// pair pairs a node for the member and returns its number.
func (w *world) pair(c *client) int {
	w.Helper()
	code := w.want(c.post("/api/v1/nodes/codes", ""), 201).json(w)["code"].(string)
	v := w.want(w.client("").post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":%q,"public_key":%q,"name":"box"}`, code, publicKey())), 201).json(w)
	return int(v["node_id"].(float64))
}

// reserve writes a download's reservation as the meter does.
func reserve(w *world, m bt.MemberID, t bt.TorrentID, a tokens.Amount) {
	w.Helper()
	row := swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: m, Torrent: t}, Reserved: a, Seq: 1}
	if err := w.store.Flush(w.Context(), &swarm.Batch{Number: 1, Downloads: []swarm.DownloadRow{row}}); err != nil {
		w.Fatal(err)
	}
}

func TestPairing(t *testing.T) {
	w := newWorld(t)
	alice, daemon := w.member("alice", 0, 0), w.client("")
	code := w.want(alice.post("/api/v1/nodes/codes", ""), 201).json(t)["code"].(string)
	body := fmt.Sprintf(`{"code":%q,"public_key":%q,"name":"box"}`, strings.ToLower(code), publicKey())
	first := w.want(daemon.post("/api/v1/nodes/pair", body), 201).json(t)
	if first["node_id"] != 1.0 || first["member"] != "alice" {
		t.Fatalf("%v", first)
	}
	w.want(daemon.post("/api/v1/nodes/pair", body), 201) // its answer got lost: the same node
	other := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("o", 32)))
	w.problem(daemon.post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":%q,"public_key":%q,"name":""}`, code, other)), 422, "code")
	w.problem(daemon.post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":"AAAA-AAAA","public_key":%q,"name":""}`, other)), 422, "code")
	w.problem(daemon.post("/api/v1/nodes/pair", `{"code":"AAAA-AAAA","public_key":"short","name":""}`), 422, "public_key")

	old := w.want(alice.post("/api/v1/nodes/codes", ""), 201).json(t)["code"].(string)
	w.problem(daemon.post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":%q,"public_key":%q,"name":""}`, old, publicKey())), 409, "exists")
	w.clock.Store(int64(15 * time.Minute))
	w.problem(daemon.post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":%q,"public_key":%q,"name":""}`, old, other)), 422, "code")

	nodes := w.want(alice.get("/api/v1/nodes"), 200).json(t)["nodes"].([]any)
	if len(nodes) != 1 || nodes[0].(map[string]any)["state"] != "active" {
		t.Fatalf("%v", nodes)
	}
}

// claims are those of a good token; change makes it a bad one.
func (w *world) claims(jti string) jwt.MapClaims {
	return jwt.MapClaims{"iss": "node/1", "aud": w.url, "iat": w.now().Unix(), "exp": w.now().Add(5 * time.Minute).Unix(), "jti": jti}
}

func sign(t *testing.T, method jwt.SigningMethod, key any, kid any, claims jwt.MapClaims, headers ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != nil {
		token.Header["kid"] = kid
	}
	for i := 0; i+1 < len(headers); i += 2 {
		token.Header[headers[i]] = headers[i+1]
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNodeTokens(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	w.pair(alice)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	good := func(jti string) string { return sign(t, jwt.SigningMethodEdDSA, nodeKey(), "1", w.claims(jti)) }
	report := fmt.Sprintf(`{"port":51413,"claims":[{"infohash":%q,"peer_id":%q,"bytes":16384,"complete":true}]}`, ih, strings.Repeat("41", 20))

	answer := w.want(w.signed("a", []byte(report)).post("/api/v1/node/report", report), 200).json(t)
	if answer["report_again_seconds"] != 60.0 || len(w.hosting.last.Claims) != 1 || !w.hosting.last.Addr.IsLoopback() {
		t.Fatalf("answer %v, report %+v", answer, w.hosting.last)
	}
	if s := w.want(w.client(good("b")).get("/api/v1/node/status"), 200).json(t); s["state"] != "active" || s["collateral_utok"] != "5" {
		t.Fatalf("status %v", s)
	}
	w.want(w.client(good("c")).get("/api/v1/torrents"), 200)
	w.want(w.client(good("d")).get("/api/v1/torrents/"+ih+"/file"), 200)
	w.want(w.client(good("e")).get("/api/v1/wallet"), 401) // nodes do not act for their member
	w.problem(alice.get("/api/v1/node/status"), 401, "node_token")

	with := func(name string, value any) jwt.MapClaims {
		c := w.claims("x" + name + fmt.Sprint(value))
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	ed, public := jwt.SigningMethodEdDSA, nodeKey().Public().(ed25519.PublicKey)
	mallory := ed25519.NewKeyFromSeed([]byte(strings.Repeat("m", 32)))
	now := w.now()
	parts := strings.Split(good("parts"), ".")
	for name, token := range map[string]string{
		"replayed jti":       good("a"),
		"alg none":           sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "1", w.claims("1")),
		"HS256 with the key": sign(t, jwt.SigningMethodHS256, []byte(public), "1", w.claims("2")),
		"another key":        sign(t, ed, mallory, "1", w.claims("3")),
		"embedded jwk":       sign(t, ed, mallory, "1", w.claims("4"), "jwk", publicKey(), "jku", "http://evil.invalid/", "x5u", "http://evil.invalid/"),
		"wrong audience":     sign(t, ed, nodeKey(), "1", with("aud", "https://other.example")),
		"no audience":        sign(t, ed, nodeKey(), "1", with("aud", nil)),
		"wrong issuer":       sign(t, ed, nodeKey(), "1", with("iss", "node/2")),
		"no expiry":          sign(t, ed, nodeKey(), "1", with("exp", nil)),
		"expired":            sign(t, ed, nodeKey(), "1", with("exp", now.Add(-time.Minute).Unix())),
		"too long":           sign(t, ed, nodeKey(), "1", with("exp", now.Add(6*time.Minute).Unix())),
		"no issue time":      sign(t, ed, nodeKey(), "1", with("iat", nil)),
		"issued tomorrow":    sign(t, ed, nodeKey(), "1", with("iat", now.Add(time.Hour).Unix())),
		"no jti":             sign(t, ed, nodeKey(), "1", with("jti", nil)),
		"no kid":             sign(t, ed, nodeKey(), nil, w.claims("5")),
		"kid a number":       sign(t, ed, nodeKey(), 1, w.claims("6")),
		"kid padded":         sign(t, ed, nodeKey(), "01", w.claims("7")),
		"kid a path":         sign(t, ed, nodeKey(), "../../etc/passwd", w.claims("8")),
		"kid an injection":   sign(t, ed, nodeKey(), "1' OR '1'='1", w.claims("9")),
		"kid of nobody":      sign(t, ed, nodeKey(), "77", w.claims("10")),
		"extra part":         good("p4") + "." + parts[2],
		"missing signature":  parts[0] + "." + parts[1] + ".",
		"altered claims":     parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"node/1"}`)) + "." + parts[2],
		"trailing bits":      parts[0] + "." + parts[1] + "." + parts[2] + "=",
		"huge":               good("h") + strings.Repeat("A", 5000),
		"empty":              "..",
	} {
		if r := w.client(token).get("/api/v1/node/status"); r.status != 401 {
			t.Errorf("%s: status %d", name, r.status)
		}
	}
	// RFC 8037 A.4's own token: a true signature of somebody else's key, without our claims.
	const rfc = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	w.want(w.client(rfc).get("/api/v1/node/status"), 401)
}
