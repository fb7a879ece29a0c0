package web_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web"
)

const password = "correct horse battery"

// One person's way by API: register, deposit, buy, stake, upload, download, wallet.
func TestJoinBuyStakeUploadDownload(t *testing.T) {
	w := newWorld(t)
	guest := w.client("")
	joined := w.want(guest.post("/api/v1/members", `{"name":"alice","password":"`+password+`"}`), 201).json(t)
	alice := w.client(joined["api_token"].(string))
	if joined["member"] != "alice" || w.roster.members.Load() != 1 {
		t.Fatalf("joined %v, roster told %d times", joined, w.roster.members.Load())
	}
	w.problem(guest.post("/api/v1/members", `{"name":"ALICE","password":"`+password+`"}`), 409, "name_taken")

	w.want(alice.pay("/api/v1/deposits", "d1", `{"rail":"faucet","amount_quote":"1000000"}`), 201)
	prices := w.want(guest.get("/api/v1/sale?amounts=100"), 200).json(t)["prices"].([]any)[0].(map[string]any)
	bought := w.want(alice.pay("/api/v1/sale/buy", "b1", fmt.Sprintf(`{"tokens":"100","max_cost":"%s"}`, prices["cost_quote"])), 201).json(t)
	if bought["cost_quote"] != prices["cost_quote"] || bought["available_utok"] != "100000000" {
		t.Fatalf("bought %v at %v", bought, prices)
	}
	staked := w.want(alice.pay("/api/v1/stake", "s1", `{"amount_utok":"50000000"}`), 201).json(t)
	if staked["available_utok"] != "45000000" || staked["staked_utok"] != "50000000" {
		t.Fatalf("after stake and join fee: %v", staked)
	}

	up := w.want(alice.upload(torrentFile("demo.bin"), "description", "hello"), 201).json(t)
	if up["changed"] != true || up["name"] != "demo.bin" || up["size_bytes"] != 16384.0 {
		t.Fatalf("uploaded %v", up)
	}
	w.problem(alice.upload(torrentFile("demo.bin")), 409, "exists")
	ih := up["infohash"].(string)
	file := w.want(alice.get("/api/v1/torrents/"+ih+"/file"), 200)
	parsed, err := catalog.Parse(file.body)
	if err != nil || parsed.InfoHash.String() != ih || !parsed.Private || !bytes.Contains(file.body, []byte("http://tracker.test/announce/00000001")) {
		t.Fatalf("file: %v %q", err, file.body)
	}
	q := w.want(alice.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t)
	if q["affordable"] != true || q["cost_utok"] != "153" || q["reason"] != "" { // ceil(10e6·2^14/2^30)
		t.Fatalf("quote %v", q)
	}
}

func TestWalletContract(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 20*tokens.Unit, 60*tokens.Unit)
	v := w.want(alice.get("/api/v1/wallet"), 200).json(t)
	for key, want := range map[string]any{"symbol": "VIDYA", "available_utok": "20000000", "staked_utok": "60000000", "unbonding_utok": "0", "held_utok": "0", "next": ""} {
		if v[key] != want {
			t.Errorf("%s = %v, want %v", key, v[key], want)
		}
	}
	lines := v["transfers"].([]any)
	if len(lines) != 2 {
		t.Fatalf("%d transfers: %v", len(lines), lines)
	}
	first := lines[0].(map[string]any) // newest first
	for key, want := range map[string]any{"id": "grant/alice/stake", "code": "grant", "ref": "admin member add", "amount_utok": "60000000"} {
		if first[key] != want {
			t.Errorf("transfer %s = %v, want %v", key, first[key], want)
		}
	}
	if _, err := time.Parse(time.RFC3339, first["at"].(string)); err != nil || !strings.HasSuffix(first["at"].(string), "Z") {
		t.Errorf("at %v", first["at"])
	}
}

// Every balance is the sum of its lines, whatever page size and however the money moved.
func TestWalletIsTheSumOfItsLines(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 500*tokens.Unit, 10*tokens.Unit)
	node := w.pair(alice)
	for i := range 70 {
		w.want(alice.pay("/api/v1/stake", fmt.Sprint("s", i), `{"amount_utok":"1000000"}`), 201)
		w.want(alice.pay(fmt.Sprintf("/api/v1/nodes/%d/pledge", node), fmt.Sprint("p", i), `{"amount_utok":"500000"}`), 201)
	}
	sums, cursor, pages := map[string]int64{}, "", 0
	for {
		v := w.want(alice.get("/api/v1/wallet?cursor="+cursor), 200).json(t)
		for _, l := range v["transfers"].([]any) {
			line := l.(map[string]any)
			n, _ := strconv.ParseInt(line["amount_utok"].(string), 10, 64)
			sums[line["balance"].(string)] += n
		}
		pages++
		if cursor = v["next"].(string); cursor == "" {
			for balance, sum := range sums {
				if v[balance+"_utok"] != fmt.Sprint(sum) {
					t.Errorf("%s: lines sum to %d, wallet says %v", balance, sum, v[balance+"_utok"])
				}
			}
			break
		}
	}
	if pages < 2 || len(sums) != 2 {
		t.Fatalf("%d pages, balances %v", pages, slices.Collect(maps.Keys(sums)))
	}
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 200*tokens.Unit, 0)
	w.problem(alice.post("/api/v1/stake", `{"amount_utok":"1000000"}`), 400, "idempotency_key")
	first := w.want(alice.pay("/api/v1/stake", "k", `{"amount_utok":"1000000"}`), 201)
	w.want(alice.pay("/api/v1/stake", "other", `{"amount_utok":"2000000"}`), 201)
	again := w.want(alice.pay("/api/v1/stake", "k", `{"amount_utok":"1000000"}`), 201)
	if !bytes.Equal(first.body, again.body) {
		t.Errorf("first %s, again %s", first.body, again.body)
	}
	w.problem(alice.pay("/api/v1/stake", "k", `{"amount_utok":"1000001"}`), 409, "idempotency_key_reused")
	w.problem(alice.pay("/api/v1/deposits", "k", `{"rail":"faucet","amount_quote":"1"}`), 409, "idempotency_key_reused")
	// A failed request does not use its key up.
	w.problem(alice.pay("/api/v1/stake", "big", `{"amount_utok":"900000000000"}`), 409, "insufficient_funds")
	bob := w.member("bob", 5*tokens.Unit, 0)
	w.want(bob.pay("/api/v1/stake", "k", `{"amount_utok":"1000000"}`), 201)
}

func TestConcurrentMoney(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 100*tokens.Unit, 0)
	status := parallel(64, func(int) int { return alice.pay("/api/v1/stake", "same", `{"amount_utok":"1000000"}`).status })
	if status[201] != 64 {
		t.Fatalf("same key: %v", status)
	}
	if wallet := w.want(alice.get("/api/v1/wallet"), 200).json(t); wallet["staked_utok"] != "1000000" || len(wallet["transfers"].([]any)) != 3 {
		t.Fatalf("64 posts with one key: %v", wallet)
	}
	bob := w.member("bob", tokens.Unit, 0)
	status = parallel(64, func(i int) int {
		return bob.pay("/api/v1/stake", fmt.Sprint("k", i), `{"amount_utok":"1000000"}`).status
	})
	if status[201] != 1 || status[409] != 63 {
		t.Fatalf("64 for the last token: %v", status)
	}
}

func parallel(n int, f func(i int) int) map[int]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := map[int]int{}
	for i := range n {
		wg.Go(func() {
			s := f(i)
			mu.Lock()
			defer mu.Unlock()
			count[s]++
		})
	}
	wg.Wait()
	return count
}

// The join fee is due once, at the stake that first reaches the gate, or nothing is staked.
func TestGate(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 52*tokens.Unit, 0)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	gate := func() map[string]any {
		return w.want(alice.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t)
	}
	if q := gate(); q["gate"].(map[string]any)["ok"] != false || !strings.Contains(q["reason"].(string), "Stake 50 VIDYA more") {
		t.Fatalf("without stake: %v", q)
	}
	w.want(alice.pay("/api/v1/stake", "1", `{"amount_utok":"40000000"}`), 201)
	w.problem(alice.pay("/api/v1/stake", "2", `{"amount_utok":"10000000"}`), 409, "insufficient_funds") // 10 + 5, of 12
	if w, _ := w.store.Wallet(t.Context(), 1); w.Staked != 40*tokens.Unit || w.GatePrice != 0 {
		t.Fatalf("a refused stake left traces: %+v", w)
	}
	if err := w.store.Post(t.Context(), tokens.Transfer{ID: "g", Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(1), Amount: 20 * tokens.Unit, Code: tokens.CodeGrant}); err != nil {
		t.Fatal(err)
	}
	w.want(alice.pay("/api/v1/stake", "2", `{"amount_utok":"10000000"}`), 201)
	w.want(alice.pay("/api/v1/stake", "3", `{"amount_utok":"1000000"}`), 201)
	if fees, _ := w.store.Balance(t.Context(), tokens.Token, tokens.PoolLockers); fees != 5*tokens.Unit {
		t.Fatalf("lockers' pool holds %s", fees)
	}
	if q := gate(); q["gate"].(map[string]any)["ok"] != true || q["reason"] != "" {
		t.Fatalf("with stake: %v", q)
	}
}

func TestSaleMovesAndRefuses(t *testing.T) {
	w := newWorld(t, func(_ *web.Config, e *store.Economy) { e.SaleLimit = 1000 * tokens.Unit })
	alice := w.member("alice", 0, 0)
	w.want(alice.pay("/api/v1/deposits", "d", `{"rail":"faucet","amount_quote":"500000000"}`), 201)
	w.problem(alice.pay("/api/v1/sale/buy", "0", `{"tokens":"250","max_cost":"62499999"}`), 409, "price_moved")
	b := w.want(alice.pay("/api/v1/sale/buy", "1", `{"tokens_utok":"250000000","max_cost":"62500000"}`), 201).json(t)
	if b["cost_quote"] != "62500000" { // ECONOMY §8: 0→250 costs 62.5
		t.Fatalf("bought %v", b)
	}
	w.problem(alice.pay("/api/v1/sale/buy", "2", `{"tokens":"651","max_cost":"999000000"}`), 409, "sold_out")
	w.problem(alice.pay("/api/v1/sale/buy", "3", `{"tokens":"600","max_cost":"999000000"}`), 409, "insufficient_funds")
	sale := w.want(alice.get("/api/v1/sale?amounts=1,9999"), 200).json(t)
	prices := sale["prices"].([]any)
	if sale["sold_utok"] != "250000000" || sale["marginal_price_quote"] != "500000" || prices[1].(map[string]any)["cost_quote"] != nil {
		t.Fatalf("sale %v", sale)
	}
	w.want(alice.get("/api/v1/sale?amounts="+strings.Repeat("1,", 16)+"1"), 400)
	reserve, _ := w.store.Balance(t.Context(), tokens.Quote, tokens.Reserve)
	if reserve != 62_500_000 {
		t.Fatalf("reserve %s", reserve)
	}
}

func TestLists(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 60*tokens.Unit)
	for i := range 7 {
		w.want(alice.upload(torrentFile(fmt.Sprintf("100%%_file%d", i))), 201)
	}
	w.want(alice.upload(torrentFile("plain")), 201)
	for _, sort := range []string{"", "relevance", "new", "price", "cheap", "seeders", "wanted", "size", "earns"} {
		seen, cursor := map[string]bool{}, ""
		for range 10 {
			v := w.want(alice.get("/api/v1/torrents?limit=3&sort="+sort+"&cursor="+cursor), 200).json(t)
			for _, row := range v["torrents"].([]any) {
				r := row.(map[string]any)
				seen[r["infohash"].(string)] = true
				if r["seeders"] != 3.0 || r["leechers"] != 2.0 || r["price_utok_per_gib"] != "10000000" || r["multiplier_ppm"] != 1e6 || r["approved"] != false {
					t.Fatalf("row %v", r)
				}
			}
			if cursor = v["next"].(string); cursor == "" {
				break
			}
		}
		if len(seen) != 8 {
			t.Errorf("sort %s: %d of 8", sort, len(seen))
		}
	}
	// Signs only part words: what has no words filters nothing.
	for q, want := range map[string]int{"100%25_": 7, "FILE3": 1, "%25": 8, "_": 8, "plain": 1, "%5C": 8, "'%20OR%201=1--": 0} {
		v := w.want(alice.get("/api/v1/torrents?q="+q), 200).json(t)
		if got := len(v["torrents"].([]any)); got != want {
			t.Errorf("search %s: %d, want %d", q, got, want)
		}
	}
	w.problem(alice.get("/api/v1/torrents?sort=x"), 400, "sort")
	w.problem(alice.get("/api/v1/torrents?cursor=x"), 400, "cursor")
}

func TestApprove(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	w.problem(alice.post("/api/v1/torrents/"+ih+"/approve", ""), 403, "operator_only")
	if _, err := w.store.AddMember(t.Context(), store.Grant{NewMember: store.NewMember{Name: "op", Operator: true}, APIToken: "swst_op", TokenTTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	w.want(w.client("swst_op").post("/api/v1/torrents/"+ih+"/approve", ""), 200)
	if v := w.want(alice.get("/api/v1/torrents/"+ih), 200).json(t); v["approved"] != true {
		t.Fatalf("%v", v)
	}
	rows := []store.PriceRow{{Torrent: 1, AtMs: 1, Price: 5, MultiplierPPM: 1}, {Torrent: 1, AtMs: 2, Price: 7, MultiplierPPM: 1}}
	if err := w.store.SetPrices(t.Context(), rows, func(store.PriceRow) bool { return true }); err != nil {
		t.Fatal(err)
	}
	prices := w.want(alice.get("/api/v1/torrents/"+ih+"/prices"), 200).json(t)["prices"].([]any)
	if len(prices) != 2 || prices[1].(map[string]any)["price_utok_per_gib"] != "7" {
		t.Fatalf("%v", prices)
	}
}

// What running downloads reserved cannot be staked.
func TestReservedIsNotStaked(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 10*tokens.Unit, 0)
	w.want(alice.upload(torrentFile("a")), 201)
	reserve(w, 1, 1, 4*tokens.Unit)
	w.problem(alice.pay("/api/v1/stake", "1", `{"amount_utok":"7000000"}`), 409, "insufficient_funds")
	w.want(alice.pay("/api/v1/stake", "2", `{"amount_utok":"6000000"}`), 201)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	guest, alice := w.client(""), w.member("alice", tokens.Unit, 0)
	w.problem(guest.get("/api/v1/wallet"), 401, "sign_in")
	w.problem(w.client("swst_wrong").get("/api/v1/wallet"), 401, "sign_in")
	w.problem(guest.get("/api/v1/nothing"), 404, "not_found")
	w.problem(guest.do("PUT", "/api/v1/wallet", nil), 405, "method_not_allowed")
	w.problem(alice.get("/api/v1/torrents/"+strings.Repeat("0", 40)), 404, "not_found")
	w.problem(alice.get("/api/v1/torrents/xyz/quote"), 404, "not_found")
	w.problem(alice.upload([]byte("d4:infoe")), 422, "torrent_refused")
	w.problem(alice.upload(nil), 400, "multipart")
	w.problem(alice.post("/api/v1/torrents", "x"), 400, "multipart")
	w.problem(alice.upload(make([]byte, catalog.MaxFileBytes+1<<20)), 413, "too_large")
	for _, body := range []string{`{"amount_utok":"0"}`, `{"amount_utok":"-5"}`, `{"amount_utok":"1000000000000000001"}`, `{}`} {
		w.problem(alice.pay("/api/v1/stake", "k", body), 422, "amount")
	}
	for _, body := range []string{`{"amount_utok":5}`, `{"amount":"5"}`, `{"amount_utok":"5"}{}`, `[]`, ``, `{"amount_utok":"99999999999999999999"}`} {
		w.problem(alice.pay("/api/v1/stake", "k", body), 400, "json")
	}
	for _, name := range []string{"", "a", "-a", "a b", "ä", strings.Repeat("a", 33), "a/b", "a\u0000b"} {
		w.problem(guest.post("/api/v1/members", fmt.Sprintf(`{"name":%q,"password":"%s"}`, name, password)), statusOfName(name), codeOfName(name))
	}
	w.problem(guest.post("/api/v1/members", `{"name":"bob","password":"short"}`), 422, "password")
	w.problem(guest.post("/api/v1/members", `{"name":"bob","password":"`+password+`","invite":"x"}`), 403, "invitation_unknown")
	w.problem(alice.pay("/api/v1/nodes/99/pledge", "k", `{"amount_utok":"5"}`), 404, "not_found")
}

// A NUL written as Go writes it is no JSON.
func statusOfName(name string) int {
	if strings.Contains(name, "\x00") {
		return 400
	}
	return 422
}

func codeOfName(name string) string {
	if strings.Contains(name, "\x00") {
		return "json"
	}
	return "name"
}

func TestFaucetIsForDevelopment(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev = false })
	alice := w.member("alice", 0, 0)
	w.problem(alice.pay("/api/v1/deposits", "d", `{"rail":"faucet","amount_quote":"1"}`), 422, "rail")
	w.problem(w.client("").post("/api/v1/session", `{"name":"alice","password":"`+password+`"}`), 403, "tls_required")
	w.problem(w.client("").post("/api/v1/members", `{"name":"bob","password":"`+password+`"}`), 403, "tls_required")
}

func TestSessionsAndTokens(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.want(b.post("/api/v1/members", `{"name":"alice","password":"`+password+`"}`), 201)
	w.problem(b.post("/api/v1/session", `{"name":"alice","password":"wrong wrong wrong"}`), 401, "wrong_password")
	w.problem(b.post("/api/v1/session", `{"name":"nobody","password":"wrong wrong wrong"}`), 401, "wrong_password")
	r := w.want(b.post("/api/v1/session", `{"name":"Alice","password":"`+password+`"}`), 201)
	if c := r.header.Get("Set-Cookie"); !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") {
		t.Errorf("cookie %q", c)
	}
	token := w.want(b.post("/api/v1/tokens", `{"label":"script"}`), 201).json(t)["api_token"].(string)
	w.want(w.client(token).get("/api/v1/session"), 200)
	// A form on another site cannot use the cookie.
	w.want(b.post("/api/v1/tokens", `{"label":"evil"}`, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
	w.want(b.do("DELETE", "/api/v1/session", nil), 204)
	w.want(b.get("/api/v1/session"), 401)
	w.clock.Store(int64(366 * 24 * time.Hour))
	w.want(w.client(token).get("/api/v1/session"), 401)
}

func TestSecureCookieAndLimits(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev, c.BaseURL = false, "https://tracker.example" })
	guest := w.client("")
	w.want(guest.post("/api/v1/members", `{"name":"alice","password":"`+password+`"}`), 201)
	r := w.want(guest.post("/api/v1/session", `{"name":"alice","password":"`+password+`"}`), 201)
	if c := r.header.Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-session=") || !strings.Contains(c, "Secure") {
		t.Errorf("cookie %q", c)
	}
	if r.header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS")
	}
	var last reply
	for range 5 {
		last = guest.post("/api/v1/session", `{"name":"alice","password":"wrong wrong wrong"}`)
	}
	w.problem(last, 429, "slow_down")
	for i := range 3 {
		last = guest.post("/api/v1/members", fmt.Sprintf(`{"name":"m%d","password":"%s"}`, i, password))
	}
	w.problem(last, 429, "slow_down")
	w.clock.Store(int64(time.Hour))
	w.want(guest.post("/api/v1/session", `{"name":"alice","password":"`+password+`"}`), 201)
}

func TestPublicEndpoints(t *testing.T) {
	w := newWorld(t)
	guest := w.client("")
	w.want(guest.get("/healthz"), 200)
	d := w.want(guest.get("/.well-known/swarmstake.json"), 200).json(t)
	if d["announce_base"] != w.url+"/announce" || d["api_base"] != w.url+"/api/v1" || d["epoch_seconds"] != 3600.0 || d["report_interval_seconds"] != 60.0 || d["symbol"] != "VIDYA" {
		t.Errorf("discovery %v", d)
	}
}
