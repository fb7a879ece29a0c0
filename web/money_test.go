package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/web"
)

// badAmounts are what no amount in the smallest unit may be, with the problem's status and code.
var badAmounts = map[string]struct {
	status int
	code   string
}{
	`"0"`: {422, "amount"}, `"-5"`: {422, "amount"}, `"1000000000000000001"`: {422, "amount"},
	`"1.5"`: {400, "json"}, `"0.0000001"`: {400, "json"}, `5`: {400, "json"}, `"99999999999999999999"`: {400, "json"}, `""`: {400, "json"}, `"1e3"`: {400, "json"}, `null`: {422, "amount"},
}

// Every request that moves money refuses the same amounts, whatever field they are in, and nothing
// moves.
func TestBadAmounts(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 20*tokens.Unit, 60*tokens.Unit)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	node := w.pair(alice)
	before := string(w.want(alice.get("/api/v1/wallet"), 200).body)
	for path, body := range map[string]string{
		"/stake": `{"amount_utok":%s}`, "/stake/unstake": `{"amount_utok":%s}`,
		fmt.Sprintf("/nodes/%d/pledge", node): `{"amount_utok":%s}`, fmt.Sprintf("/nodes/%d/unpledge", node): `{"amount_utok":%s}`,
		"/sale/buy": `{"tokens_utok":%s,"max_cost":"1"}`, "/sale/sell": `{"tokens_utok":%s,"min_refund":"1"}`,
		"/sale/exchange": `{"serial":1,"min_utok":"1","max_utok":%s,"max_cost":"1"}`,
		"/deposits":      `{"rail":"faucet","amount_quote":%s}`, "/withdrawals": `{"rail":"voucher","amount_quote":%s}`,
		"/locks": `{"amount_utok":%s,"weeks":4}`, "/torrents/" + ih + "/sponsor": `{"amount_utok":%s,"hours":48}`,
	} {
		for amount, want := range badAmounts {
			r := alice.pay("/api/v1"+path, "k", fmt.Sprintf(body, amount))
			if r.status != want.status || r.json(t)["code"] != want.code {
				t.Errorf("%s with %s: %d %s, want %d %s", path, amount, r.status, r.body, want.status, want.code)
			}
		}
		w.problem(alice.post("/api/v1"+path, fmt.Sprintf(body, `"5000000"`)), 400, "idempotency_key")
		w.problem(w.client("").pay("/api/v1"+path, "k", "{}"), 401, "sign_in")
	}
	if after := string(w.want(alice.get("/api/v1/wallet"), 200).body); after != before {
		t.Errorf("something moved: %s, before %s", after, before)
	}
}

func TestUnstakeByAPI(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 10*tokens.Unit, 60*tokens.Unit)
	first := w.want(alice.pay("/api/v1/stake/unstake", "1", `{"amount_utok":"4000000"}`), 201).json(t)
	if first["staked_utok"] != "56000000" || first["left"] != false {
		t.Fatalf("%v", first)
	}
	again := w.want(alice.pay("/api/v1/stake/unstake", "1", `{"amount_utok":"4000000"}`), 201).json(t)
	if fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("again: %v, first %v", again, first)
	}
	w.problem(alice.pay("/api/v1/stake/unstake", "2", `{"amount_utok":"56000001"}`), 409, "insufficient_funds")
	if v := w.want(alice.pay("/api/v1/stake/unstake", "3", `{"amount_utok":"7000000"}`), 201).json(t); v["left"] != true {
		t.Errorf("below the gate is not leaving: %v", v)
	}
	v := w.want(alice.get("/api/v1/wallet"), 200).json(t)
	entries := v["unbonding"].([]any)
	if v["unbonding_utok"] != "11000000" || len(entries) != 2 || v["tier"] != "guest" || v["gate"].(map[string]any)["ok"] != false {
		t.Fatalf("wallet %v", v)
	}
	entry := entries[1].(map[string]any) // newest first
	at, _ := time.Parse(time.RFC3339, entry["at"].(string))
	due, err := time.Parse(time.RFC3339, entry["due_at"].(string))
	if err != nil || due.Sub(at) != 7*24*time.Hour || entry["left_utok"] != "4000000" || entry["done_at"] != nil {
		t.Errorf("entry %v", entry)
	}
	state := v["gate_state"].(map[string]any)
	if state["route"] != "surge-download" || state["price_utok"] != "50000000" || state["join_fee_utok"] != "5000000" || state["members"] != 0.0 {
		t.Errorf("gate %v", state)
	}
	w.clock.Store(int64(8 * 24 * time.Hour))
	if err := w.store.Mature(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v = w.want(w.member("bob", 0, 0).get("/api/v1/wallet"), 200).json(t); len(v["unbonding"].([]any)) != 0 {
		t.Errorf("bob sees alice's entries: %v", v["unbonding"])
	}
}

func TestUnpledgeByAPI(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.member("alice", 0, 60*tokens.Unit), w.member("bob", 0, 60*tokens.Unit)
	node := w.pair(alice)
	path := fmt.Sprintf("/api/v1/nodes/%d/", node)
	w.want(alice.pay(path+"pledge", "p", `{"amount_utok":"20000000"}`), 201)
	w.problem(alice.pay("/api/v1/stake/unstake", "u", `{"amount_utok":"41000000"}`), 409, "insufficient_funds")
	w.problem(bob.pay(path+"unpledge", "u", `{"amount_utok":"1000000"}`), 404, "not_found")
	w.problem(alice.pay(path+"unpledge", "over", `{"amount_utok":"20000001"}`), 409, "insufficient_funds")
	if v := w.want(alice.pay(path+"unpledge", "u", `{"amount_utok":"20000000"}`), 201).json(t); v["staked_utok"] != "60000000" {
		t.Errorf("%v", v)
	}
	if v := w.want(alice.get("/api/v1/wallet"), 200).json(t); v["free_stake_utok"] != "60000000" || v["tier"] != "host" {
		t.Errorf("%v", v)
	}
}

func TestSellAndExchange(t *testing.T) {
	w := newWorld(t, func(_ *web.Config, e *store.Economy) { e.SaleLimit = 1000 * tokens.Unit })
	alice := w.member("alice", 7*tokens.Unit, 0)
	w.want(alice.pay("/api/v1/deposits", "d", `{"rail":"faucet","amount_quote":"500000000"}`), 201)
	w.problem(alice.pay("/api/v1/sale/exchange", "0", `{"serial":0,"min_utok":"1","max_utok":"2","max_cost":"3"}`), 422, "serial")
	v := w.want(alice.pay("/api/v1/sale/exchange", "1", `{"serial":5,"min_utok":"1000000","max_utok":"400000000","max_cost":"62500000"}`), 201).json(t)
	if v["tokens_utok"] != "250000000" || v["cost_quote"] != "62500000" { // ECONOMY §8: 0→250 costs 62.5
		t.Fatalf("exchanged %v", v)
	}
	w.problem(alice.pay("/api/v1/sale/exchange", "2", `{"serial":5,"min_utok":"1","max_utok":"2","max_cost":"3"}`), 409, "serial")
	w.problem(alice.pay("/api/v1/sale/exchange", "3", `{"serial":4,"min_utok":"1","max_utok":"2","max_cost":"3"}`), 409, "serial")
	w.problem(alice.pay("/api/v1/sale/exchange", "4", `{"serial":6,"min_utok":"10000000","max_utok":"20000000","max_cost":"3"}`), 409, "price_moved")
	w.problem(alice.pay("/api/v1/sale/exchange", "5", `{"serial":6,"min_utok":"20","max_utok":"10","max_cost":"3"}`), 422, "amount")

	sale := w.want(w.client("").get("/api/v1/sale?amounts=250,251"), 200).json(t)
	capacity, prices := sale["capacity"].(map[string]any), sale["prices"].([]any)
	if capacity["redeemable_utok"] != "250000000" || capacity["supply_utok"] != "257000000" || capacity["available_utok"] != "650000000" ||
		capacity["locked_quote"] != "62500000" || capacity["buffer_quote"] != "0" {
		t.Errorf("capacity %v", capacity)
	}
	if p := prices[0].(map[string]any); p["refund_quote"] != "62500000" || p["cost_quote"] == nil {
		t.Errorf("250: %v", p)
	}
	if p := prices[1].(map[string]any); p["refund_quote"] != nil || p["refund_reason"] == "" {
		t.Errorf("251, of which 250 are sold: %v", p)
	}
	w.problem(alice.pay("/api/v1/sale/sell", "6", `{"tokens":"250","min_refund":"62500001"}`), 409, "price_moved")
	w.problem(alice.pay("/api/v1/sale/sell", "7", `{"tokens":"251","min_refund":"1"}`), 409, "not_sold")
	w.problem(alice.pay("/api/v1/sale/sell", "8", `{"tokens":"1.0000001","min_refund":"1"}`), 422, "amount")
	sold := w.want(alice.pay("/api/v1/sale/sell", "9", `{"tokens":"250","min_refund":"62500000"}`), 201).json(t)
	if sold["refund_quote"] != "62500000" || sold["available_utok"] != "7000000" || sold["quote_available"] != "500000000" {
		t.Errorf("sold %v", sold)
	}
	w.problem(alice.pay("/api/v1/sale/sell", "10", `{"tokens_utok":"1","min_refund":"1"}`), 409, "not_sold")
}

// What running downloads reserved cannot be sold, locked or given away.
func TestReservedDoesNotLeave(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 10*tokens.Unit, 0)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	w.want(alice.pay("/api/v1/deposits", "d", `{"rail":"faucet","amount_quote":"500000000"}`), 201)
	w.want(alice.pay("/api/v1/sale/buy", "b", `{"tokens":"10","max_cost":"500000000"}`), 201)
	reserve(w, 1, 1, 16*tokens.Unit)
	for path, body := range map[string]string{"/sale/sell": `{"tokens":"%d","min_refund":"1"}`, "/locks": `{"amount_utok":"%d000000","weeks":4}`,
		"/torrents/" + ih + "/sponsor": `{"amount_utok":"%d000000","hours":48}`} {
		w.problem(alice.pay("/api/v1"+path, "5"+path, fmt.Sprintf(body, 5)), 409, "insufficient_funds")
		w.want(alice.pay("/api/v1"+path, "1"+path, fmt.Sprintf(body, 1)), 201)
	}
}

func TestVouchers(t *testing.T) {
	w := newWorld(t)
	alice, bob, boss := w.member("alice", 0, 0), w.member("bob", 0, 0), w.operator()
	w.problem(alice.post("/api/v1/admin/vouchers", `{"label":"x","amount_quote":"5","count":1}`), 403, "operator_only")
	w.problem(alice.get("/api/v1/admin/vouchers"), 403, "operator_only")
	for _, bad := range []string{`{"label":"","amount_quote":"5","count":1}`, `{"label":"x","amount_quote":"0","count":1}`, `{"label":"x","amount_quote":"5","count":0}`,
		`{"label":"x","amount_quote":"5","count":10001}`, `{"label":"x","amount_quote":"5","count":1,"expires_at":"2001-01-01T00:00:00Z"}`} {
		w.problem(boss.post("/api/v1/admin/vouchers", bad), 422, "range")
	}
	made := w.want(boss.post("/api/v1/admin/vouchers", `{"label":"fair","amount_quote":"25000000","count":3}`), 201).json(t)
	codes := made["codes"].([]any)
	deposit := func(c *client, key string, code any) reply {
		return c.pay("/api/v1/deposits", key, fmt.Sprintf(`{"rail":"voucher","code":%q}`, code))
	}
	v := w.want(deposit(alice, "1", strings.ToLower(codes[0].(string))), 201).json(t)
	if v["quote_available"] != "25000000" || v["amount_quote"] != "25000000" {
		t.Fatalf("redeemed %v", v)
	}
	w.want(deposit(alice, "1", strings.ToLower(codes[0].(string))), 201) // the same request again
	w.problem(deposit(alice, "2", codes[0]), 422, "voucher_used")
	w.problem(deposit(bob, "2", codes[0]), 422, "voucher_used")
	w.problem(deposit(bob, "3", "AAAAA-AAAAA-AAAAA-AAAAB"), 422, "voucher_mistyped")
	w.problem(deposit(bob, "4", ""), 422, "voucher_mistyped")
	w.problem(deposit(bob, "5", "00000-00000-00000-00000"), 422, "voucher_unknown")
	w.problem(bob.pay("/api/v1/deposits", "6", `{"rail":"gold","code":"x"}`), 422, "rail")

	w.problem(alice.post("/api/v1/admin/vouchers/revoke", `{"code":"x"}`), 403, "operator_only")
	w.want(boss.post("/api/v1/admin/vouchers/revoke", fmt.Sprintf(`{"code":%q}`, codes[1])), 200)
	w.problem(deposit(bob, "7", codes[1]), 422, "voucher_revoked")
	if v := w.want(boss.post("/api/v1/admin/vouchers/1/revoke", ""), 200).json(t); v["revoked"] != 1.0 {
		t.Errorf("revoked %v of the batch: one was used, one revoked", v)
	}
	w.problem(boss.post("/api/v1/admin/vouchers/9/revoke", ""), 404, "not_found")
	batch := w.want(boss.get("/api/v1/admin/vouchers"), 200).json(t)["batches"].([]any)[0].(map[string]any)
	if batch["label"] != "fair" || batch["used"] != 1.0 || batch["revoked"] != 2.0 || batch["count"] != 3.0 || batch["created_by"] != "boss" {
		t.Errorf("batch %v", batch)
	}
}

// 64 requests for one voucher at once: one gets it.
func TestVoucherUsedByManyAtOnce(t *testing.T) {
	w := newWorld(t)
	alice, boss := w.member("alice", 0, 0), w.operator()
	code := w.want(boss.post("/api/v1/admin/vouchers", `{"label":"one","amount_quote":"1000000","count":1}`), 201).json(t)["codes"].([]any)[0]
	status := parallel(64, func(i int) int {
		return alice.pay("/api/v1/deposits", fmt.Sprint("k", i), fmt.Sprintf(`{"rail":"voucher","code":%q}`, code)).status
	})
	if status[201] != 1 || status[422] != 63 {
		t.Fatalf("%v", status)
	}
	if v := w.want(alice.get("/api/v1/wallet"), 200).json(t); v["quote_available"] != "1000000" {
		t.Errorf("%v", v["quote_available"])
	}
}

// Wrong codes are counted for the member and for the network; right ones are not.
func TestWrongVoucherCodesAreLimited(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev, c.BaseURL = false, "https://tracker.example" })
	alice, bob := w.member("alice", 0, 0), w.member("bob", 0, 0)
	_, codes, err := w.store.AddVouchers(t.Context(), 0, store.NewVouchers{Label: "x", Amount: tokens.Unit, Count: 15})
	if err != nil {
		t.Fatal(err)
	}
	use := func(c *client, key string, code any) reply {
		return c.pay("/api/v1/deposits", key, fmt.Sprintf(`{"rail":"voucher","code":%q}`, code))
	}
	for i, code := range codes[:12] { // more than the limit
		w.want(use(alice, fmt.Sprint("right", i), code), 201)
	}
	for i := range 10 {
		w.problem(use(alice, fmt.Sprint("wrong", i), "wrong"), 422, "voucher_mistyped")
	}
	w.problem(use(alice, "wrong10", "wrong"), 429, "slow_down")
	w.problem(use(alice, "late", codes[12]), 429, "slow_down")
	w.problem(use(bob, "other", codes[13]), 429, "slow_down") // from the same network
	w.clock.Store(int64(11 * time.Minute))
	w.want(use(alice, "later", codes[12]), 201)
}

func TestWithdrawals(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.member("alice", 0, 0), w.member("bob", 0, 0)
	w.want(alice.pay("/api/v1/deposits", "d", `{"rail":"faucet","amount_quote":"30000000"}`), 201)
	w.problem(alice.pay("/api/v1/withdrawals", "1", `{"rail":"voucher","amount_quote":"30000001"}`), 409, "insufficient_funds")
	w.problem(alice.pay("/api/v1/withdrawals", "1", `{"rail":"gold","amount_quote":"1"}`), 422, "rail")
	w.problem(alice.pay("/api/v1/withdrawals", "1", `{"rail":"voucher","amount_quote":"1","to":"`+strings.Repeat("x", 201)+`"}`), 422, "range")
	first := w.want(alice.pay("/api/v1/withdrawals", "1", `{"rail":"voucher","amount_quote":"10000000"}`), 201).json(t)
	code := first["code"].(string)
	if first["quote_available"] != "20000000" || code == "" {
		t.Fatalf("%v", first)
	}
	if again := w.want(alice.pay("/api/v1/withdrawals", "1", `{"rail":"voucher","amount_quote":"10000000"}`), 201).json(t); again["code"] != nil || again["quote_available"] != "20000000" {
		t.Errorf("the code is shown again, or the money left twice: %v", again)
	}
	w.want(bob.pay("/api/v1/deposits", "v", fmt.Sprintf(`{"rail":"voucher","code":%q}`, code)), 201)
	w.problem(alice.pay("/api/v1/withdrawals/1/take-back", "t", ""), 409, "gone")
	w.want(alice.pay("/api/v1/withdrawals", "2", `{"rail":"voucher","amount_quote":"5000000"}`), 201)
	w.problem(bob.pay("/api/v1/withdrawals/2/take-back", "t", ""), 404, "not_found")
	w.problem(alice.pay("/api/v1/withdrawals/x/take-back", "t", ""), 404, "not_found")
	if v := w.want(alice.pay("/api/v1/withdrawals/2/take-back", "t", ""), 200).json(t); v["quote_available"] != "20000000" {
		t.Errorf("taken back: %v", v)
	}
	list := w.want(alice.get("/api/v1/withdrawals"), 200).json(t)["withdrawals"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["state"] != "returned" || list[1].(map[string]any)["state"] != "confirmed" {
		t.Errorf("%v", list)
	}
	if strings.Contains(fmt.Sprint(list), code) {
		t.Error("the list shows a voucher's code")
	}
}

// Every movement of money is a row for ever: a member cannot make them without end.
func TestMoneyRequestsAreLimited(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev, c.BaseURL = false, "https://tracker.example" })
	alice, bob := w.member("alice", 100*tokens.Unit, 0), w.member("bob", 100*tokens.Unit, 0)
	stake := func(c *client, i int) reply { return c.pay("/api/v1/stake", fmt.Sprint("s", i), `{"amount_utok":"1"}`) }
	for i := range 60 {
		w.want(stake(alice, i), 201)
	}
	w.problem(stake(alice, 60), 429, "slow_down")
	w.want(stake(bob, 0), 201)
	w.clock.Store(int64(3 * time.Second))
	w.want(stake(alice, 60), 201)
}

// The faucet pays in and out in development only.
func TestFaucetIsNoRailInProduction(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev = false })
	alice := w.member("alice", 0, 0)
	w.problem(alice.pay("/api/v1/withdrawals", "w", `{"rail":"faucet","amount_quote":"1"}`), 422, "rail")
	if v := w.want(alice.get("/api/v1/withdrawals"), 200).json(t); fmt.Sprint(v["rails"]) != "[voucher]" {
		t.Errorf("rails %v", v["rails"])
	}
}
