package web_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

// fakeRulebook knows some parameters: the parts of a torrent's pot are 1,000,000 together.
type fakeRulebook struct{}

// fakeRules are what its parameters are at first.
var fakeRules = map[string]string{"economy.gate": "50000000", "surge.step": "1m", "settle.uploaders_ppm": "900000", "settle.lockers_ppm": "100000"}

func (fakeRulebook) Canonical(key, value string) (string, error) {
	if key == "surge.step" {
		d, err := time.ParseDuration(value)
		if err != nil {
			return "", fmt.Errorf("configuration: %s = %q: want a duration such as 250ms, 5m or 72h", key, value)
		}
		return strings.TrimSuffix(d.String(), "0s"), nil
	}
	n, err := strconv.ParseUint(strings.ReplaceAll(value, "_", ""), 10, 62)
	if err != nil {
		return "", fmt.Errorf("configuration: %s = %q: want a whole number", key, value)
	}
	return strconv.FormatUint(n, 10), nil
}

func (fakeRulebook) Economy(values map[string]string) (store.Economy, error) {
	sum := 0
	for _, key := range []string{"settle.uploaders_ppm", "settle.lockers_ppm"} {
		n, _ := strconv.Atoi(values[key])
		sum += n
	}
	if sum != 1_000_000 {
		return store.Economy{}, fmt.Errorf("configuration: in [settle]: the shares are %d ppm together", sum)
	}
	return store.DefaultEconomy(), nil
}

// newTreasury is a site whose parameters operators can change, in its first epoch.
func newTreasury(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(c *web.Config, _ *store.Economy) {
		c.Rulebook = fakeRulebook{}
		c.Parameters = map[string]web.ParameterInfo{"economy.gate": {Unit: "utok", Accepts: "0 to 9", Meaning: "what joining takes"}, "surge.step": {Unit: "duration"}}
	})
	w.recordRules()
	return w
}

// recordRules records the parameters, and begins an epoch.
func (w *world) recordRules() {
	w.Helper()
	if _, err := w.store.SetParameters(w.Context(), fakeRules, "configuration"); err != nil {
		w.Fatal(err)
	}
	if _, err := w.store.NextEpoch(w.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
		w.Fatal(err)
	}
}

// secondOperator is another operator than boss, with an API token.
func (w *world) secondOperator(name string) *client {
	w.Helper()
	_, err := w.store.AddMember(w.Context(), store.Grant{NewMember: store.NewMember{Name: name, Operator: true}, APIToken: "swst_" + name, TokenTTL: time.Hour})
	if err != nil {
		w.Fatal(err)
	}
	return w.client("swst_" + name)
}

// treasured puts tokens into the treasury.
func (w *world) treasured(whole int64) {
	w.Helper()
	err := w.store.Post(w.Context(), tokens.Transfer{ID: fmt.Sprint("genesis/", whole), Asset: tokens.Token, From: tokens.Issuance, To: tokens.Treasury, Amount: tokens.Amount(whole) * tokens.Unit,
		Code: tokens.CodeGenesis, Ref: "genesis"})
	if err != nil {
		w.Fatal(err)
	}
}

// treasuryScenery has parameters recorded, and corrections wait for operators: some of another's, one of member 1's.
func (w *world) treasuryScenery() {
	w.Helper()
	if _, err := w.store.SetParameters(w.Context(), fakeRules, "configuration"); err != nil {
		w.Fatal(err)
	}
	w.secondOperator("other")
	other, err := w.store.MemberByName(w.Context(), "other")
	if err != nil {
		w.Fatal(err)
	}
	if _, err := w.store.ChangeRules(w.Context(), store.RulesOrder{By: other.ID, Values: map[string]string{"economy.gate": "60000000"}, Reason: "joining is worth more"}, fakeRulebook{}); err != nil {
		w.Fatal(err)
	}
	if _, err := w.store.NextEpoch(w.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
		w.Fatal(err)
	}
	w.treasured(99_000)
	for i := range 12 {
		by := other.ID
		if i == 0 {
			by = 1
		}
		order := store.CorrectionOrder{Asset: tokens.Token, From: tokens.Treasury, To: tokens.Available(2), Amount: 2000 * tokens.Unit, Reason: "lost"}
		if _, err := w.store.ProposeCorrection(w.Context(), store.Once{Member: by, Key: fmt.Sprint("scenery-", i)}, order); err != nil {
			w.Fatal(err)
		}
	}
}

func TestTreasuryParametersByAPI(t *testing.T) {
	w := newTreasury(t)
	boss, alice := w.operator(), w.member("alice", 0, 0)
	for _, path := range []string{"/api/v1/admin/parameters", "/api/v1/admin/ledger", "/api/v1/admin/corrections", "/api/v1/admin/sponsorships"} {
		w.problem(alice.get(path), 403, "operator_only")
	}
	w.problem(alice.post("/api/v1/admin/parameters", `{"values":{"economy.gate":"1"},"reason":"r"}`), 403, "operator_only")
	for body, code := range map[string]string{
		`{"values":{"economy.gate":"x"},"reason":"r"}`:                                  "parameter",
		`{"values":{"economy.gates":"1"},"reason":"r"}`:                                 "parameter",
		`{"values":{},"reason":"r"}`:                                                    "parameter",
		`{"values":{"settle.lockers_ppm":"200000"},"reason":"r"}`:                       "parameter",
		`{"values":{"economy.gate":"1"},"reason":" "}`:                                  "reason",
		`{"values":{"economy.gate":"1"},"reason":"r","from_at":"2020-01-01T00:00:00Z"}`: "parameter",
		`{"values":{"economy.gate":"` + strings.Repeat("1", 201) + `"},"reason":"r"}`:   "value",
	} {
		w.problem(boss.post("/api/v1/admin/parameters", body), 422, code)
	}
	body := `{"values":{"economy.gate":"60_000_000"},"reason":"joining was too cheap"}`
	seen := w.want(boss.post("/api/v1/admin/parameters/preview", body), 200).json(t)
	if x := fmt.Sprint(seen["values"]); x != "[map[by_percent:+20 % from:50000000 key:economy.gate to:60000000]]" || seen["id"] != 0.0 {
		t.Errorf("%v", seen)
	}
	made := w.want(boss.post("/api/v1/admin/parameters", body), 201).json(t)
	if made["state"] != "dated" || made["from_epoch"] != 2.0 || made["operator"] != "boss" {
		t.Errorf("%v", made)
	}
	w.problem(boss.post("/api/v1/admin/parameters", body), 422, "parameter")
	at := w.now().Add(48 * time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	later := w.want(boss.post("/api/v1/admin/parameters", `{"values":{"settle.lockers_ppm":"200000","settle.uploaders_ppm":"800000"},"reason":"r","from_at":"`+at+`"}`), 201).json(t)
	if later["state"] != "waiting" || later["from_at"] != at {
		t.Errorf("%v", later)
	}
	now := w.want(boss.get("/api/v1/admin/parameters"), 200).json(t)
	pending := now["pending"].([]any)
	if len(pending) != 1 || pending[0].(map[string]any)["reason"] != "joining was too cheap" || pending[0].(map[string]any)["configured"] != "50000000" || len(now["planned"].([]any)) != 1 {
		t.Errorf("%v", now)
	}
	public := w.want(alice.get("/api/v1/economy/parameters"), 200).json(t)
	if p := public["planned"].([]any); len(p) != 1 || p[0].(map[string]any)["from_at"] != at || public["pending"].([]any)[0].(map[string]any)["reason"] != "joining was too cheap" {
		t.Errorf("everybody sees %v", public)
	}
	page := string(w.want(alice.get("/economy/parameters"), 200).body)
	if !strings.Contains(page, "joining was too cheap") || !strings.Contains(page, "settle.lockers_ppm</code>: ") {
		t.Error("what changes, and why, is not on the page for everybody")
	}
	back := w.want(boss.post("/api/v1/admin/parameters/changes/1/withdraw", `{"reason":"not yet"}`), 200).json(t)
	if back["id"] != 3.0 {
		t.Errorf("%v", back)
	}
	w.problem(boss.post("/api/v1/admin/parameters/changes/2/withdraw", `{"reason":""}`), 422, "reason")
	w.want(boss.post("/api/v1/admin/parameters/changes/2/withdraw", `{"reason":"nor that"}`), 200)
	w.problem(boss.post("/api/v1/admin/parameters/changes/2/withdraw", `{"reason":"again"}`), 422, "parameter")
	w.problem(boss.post("/api/v1/admin/parameters/changes/9/withdraw", `{"reason":"r"}`), 404, "not_found")
	w.problem(boss.post("/api/v1/admin/parameters/configured/withdraw", `{"reason":"r"}`), 422, "parameter")
	if _, err := w.store.SetParameters(t.Context(), map[string]string{"economy.gate": "70000000"}, "configuration"); err != nil {
		t.Fatal(err)
	}
	w.want(boss.post("/api/v1/admin/parameters/configured/withdraw", `{"reason":"not what the file says"}`), 200)
	if now = w.want(boss.get("/api/v1/admin/parameters"), 200).json(t); len(now["pending"].([]any)) != 0 || len(now["planned"].([]any)) != 0 {
		t.Errorf("%v", now)
	}
	first := w.want(boss.get("/api/v1/admin/parameters/changes?limit=3"), 200).json(t)
	rest := w.want(boss.get("/api/v1/admin/parameters/changes?limit=3&cursor="+first["next"].(string)), 200).json(t)
	if len(first["changes"].([]any)) != 3 || len(rest["changes"].([]any)) != 1 || rest["next"] != "" {
		t.Errorf("%v, then %v", first, rest)
	}
	w.clock.Add(int64(time.Hour)) // nobody has proved lately who they are
	w.problem(boss.post("/api/v1/admin/parameters", body), 403, "fresh_factor")
}

func TestTreasuryParametersByForms(t *testing.T) {
	w := newTreasury(t)
	boss := w.operator()
	if page := text(w.want(boss.get("/admin/parameters"), 200)); !strings.Contains(page, "50 VIDYA") || !strings.Contains(page, "Nothing changes with the next epoch") {
		t.Error("the page lacks what is in force")
	}
	page := text(w.want(boss.get("/admin/parameters/change?add=economy.gate"), 200))
	if !strings.Contains(page, `value="50000000"`) || strings.Contains(page, "Announce it") {
		t.Errorf("%s", page)
	}
	page = text(w.want(boss.get("/admin/parameters/change?key=economy.gate&value=40000000&add=surge.step"), 200))
	if !strings.Contains(page, `value="40000000"`) || !strings.Contains(page, `value="1m"`) {
		t.Errorf("%s", page)
	}
	page = text(w.want(boss.get("/admin/parameters/change?key=economy.gate&value=40000000&key=surge.step&value=2m&show=1"), 200))
	for _, want := range []string{"Announce it", "−20 %", "+100 %", "50 VIDYA → 40 VIDYA"} {
		if !strings.Contains(page, want) {
			t.Errorf("the preview lacks %q", want)
		}
	}
	if page = text(w.want(boss.get("/admin/parameters/change?key=surge.step&value=soon&show=1"), 422)); !strings.Contains(page, "want a duration") || !strings.Contains(page, `value="soon"`) {
		t.Errorf("%s", page)
	}
	form := "key=economy.gate&value=40000000&key=surge.step&value=2m&from="
	send := func(path, form string) reply {
		return boss.post(path, form, "Content-Type", "application/x-www-form-urlencoded")
	}
	w.want(send("/admin/parameters", form), 422)
	w.want(send("/admin/parameters", form+"&reason=cheaper"), 303)
	w.want(send("/admin/parameters", "key=economy.gate&value=30000000&reason=later&from="+w.now().Add(72*time.Hour).UTC().Format("2006-01-02T15:04")), 303)
	page = text(w.want(boss.get("/admin/parameters"), 200))
	for _, want := range []string{"Change 1 by boss: cheaper", "Change 2 by boss", "from epoch 2"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	w.want(boss.form("/admin/parameters/withdraw", map[string]string{"change": "2", "reason": ""}), 422)
	w.want(boss.form("/admin/parameters/withdraw", map[string]string{"change": "2", "reason": "no"}), 303)
	w.want(boss.form("/admin/parameters/withdraw", map[string]string{"change": "x", "reason": "no"}), 404)
	w.clock.Add(int64(time.Hour))
	w.want(boss.form("/admin/parameters/withdraw", map[string]string{"change": "1", "reason": "no"}), 403)
	w.want(boss.form("/admin/parameters/withdraw", map[string]string{"change": "1", "reason": "no", "confirm_password": password}), 303)
	w.want(w.signUp("alice").get("/admin/parameters"), 403)
}

// A site without a rulebook shows the parameters and changes none.
func TestTreasuryParametersThatAreFixed(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Rulebook = nil })
	w.recordRules()
	boss := w.operator()
	if page := text(w.want(boss.get("/admin/parameters"), 200)); !strings.Contains(page, "from its configuration only") || strings.Contains(page, "/admin/parameters/change") {
		t.Error("the page offers changes")
	}
	w.problem(boss.post("/api/v1/admin/parameters", `{"values":{"economy.gate":"1"},"reason":"r"}`), 409, "parameters_fixed")
	w.problem(boss.post("/api/v1/admin/parameters/preview", `{"values":{"economy.gate":"1"}}`), 409, "parameters_fixed")
	w.problem(boss.post("/api/v1/admin/parameters/configured/withdraw", `{"reason":"r"}`), 409, "parameters_fixed")
}

func TestTreasuryCorrectionsByAPI(t *testing.T) {
	w := newTreasury(t)
	boss := w.operator()
	other := w.secondOperator("other")
	alice := w.member("alice", 0, 0)
	w.treasured(50_000)
	body := func(utok, reason string) string {
		return fmt.Sprintf(`{"asset":"token","amount":%q,"from":"treasury","to":"member/3/available","reason":%q}`, utok, reason)
	}
	has := func() any { t.Helper(); return w.want(alice.get("/api/v1/wallet"), 200).json(t)["available_utok"] }
	for b, code := range map[string]string{body("0", "r"): "amount", body("1", " "): "correction", body("-1", "r"): "amount", `{"asset":"token","amount":"1","from":"gold","to":"treasury","reason":"r"}`: "correction",
		`{"asset":"gold","amount":"1","from":"treasury","to":"member/3/available","reason":"r"}`: "correction", `{"asset":"token","amount":"1","from":"treasury","to":"treasury","reason":"r"}`: "correction"} {
		w.problem(boss.post("/api/v1/admin/corrections/check", b), 422, code)
		w.problem(boss.pay("/api/v1/admin/corrections", "k-"+b, b), 422, code)
	}
	w.problem(boss.post("/api/v1/admin/corrections", body("1", "r")), 400, "idempotency_key")
	w.problem(boss.pay("/api/v1/admin/corrections", "f", body("60000000000", "r")), 409, "insufficient_funds")
	w.problem(alice.pay("/api/v1/admin/corrections", "k", body("1", "r")), 403, "operator_only")
	if v := w.want(boss.post("/api/v1/admin/corrections/check", body("700000000", "r")), 200).json(t); v["alone"] != true || v["alone_left"] != "1000000000" || v["from_has"] != "50000000000" {
		t.Errorf("%v", v)
	}
	small := w.want(boss.pay("/api/v1/admin/corrections", "a", body("700000000", "paid twice")), 201).json(t)
	w.want(boss.pay("/api/v1/admin/corrections", "a", body("700000000", "paid twice")), 201)
	if small["state"] != "made" || small["transfer"] == "" || has() != "700000000" {
		t.Errorf("%v, %v", small, has())
	}
	w.problem(boss.pay("/api/v1/admin/corrections", "a", body("1", "paid twice")), 409, "idempotency_key_reused")
	large := w.want(boss.pay("/api/v1/admin/corrections", "b", body("5000000000", "lost")), 201).json(t)
	if large["state"] != "proposed" || has() != "700000000" {
		t.Errorf("%v, %v", large, has())
	}
	w.problem(boss.pay("/api/v1/admin/corrections/2/approve", "c", ""), 403, "second_operator")
	w.problem(boss.post("/api/v1/admin/corrections/2/refuse", `{"reason":"r"}`), 403, "second_operator")
	w.problem(other.post("/api/v1/admin/corrections/2/withdraw", ""), 403, "proposer")
	w.problem(other.post("/api/v1/admin/corrections/2/refuse", `{"reason":" "}`), 422, "reason")
	w.problem(other.pay("/api/v1/admin/corrections/9/approve", "c", ""), 404, "not_found")
	w.problem(other.post("/api/v1/admin/corrections/2/approve", ""), 400, "idempotency_key")
	for range 2 {
		if v := w.want(other.pay("/api/v1/admin/corrections/2/approve", "d", ""), 200).json(t); v["state"] != "made" || v["decided_by"] != "other" || v["proposed_by"] != "boss" {
			t.Errorf("%v", v)
		}
	}
	if has() != "5700000000" {
		t.Errorf("has %v", has())
	}
	w.problem(other.pay("/api/v1/admin/corrections/2/approve", "e", ""), 409, "correction_over")
	w.want(boss.pay("/api/v1/admin/corrections", "g", body("5000000000", "again")), 201)
	w.want(boss.pay("/api/v1/admin/corrections", "h", body("5000000000", "once more")), 201)
	if v := w.want(other.post("/api/v1/admin/corrections/3/refuse", `{"reason":"why"}`), 200).json(t); v["state"] != "refused" || v["why"] != "why" {
		t.Errorf("%v", v)
	}
	w.want(boss.post("/api/v1/admin/corrections/4/withdraw", ""), 200)
	if v := w.want(boss.get("/api/v1/admin/corrections/4"), 200).json(t); v["state"] != "withdrawn" {
		t.Errorf("%v", v)
	}
	page := w.want(boss.get("/api/v1/admin/corrections?state=made&limit=1"), 200).json(t)
	next := w.want(boss.get("/api/v1/admin/corrections?state=made&limit=1&cursor="+page["next"].(string)), 200).json(t)
	if page["corrections"].([]any)[0].(map[string]any)["id"] != 2.0 || next["corrections"].([]any)[0].(map[string]any)["id"] != 1.0 || next["next"] != "" {
		t.Errorf("%v %v", page, next)
	}
	w.problem(boss.get("/api/v1/admin/corrections?state=odd"), 400, "state")
	w.want(boss.get("/transfers/"+large["transfer"].(string)+small["transfer"].(string)), 200)
	w.clock.Add(int64(time.Hour))
	w.problem(boss.pay("/api/v1/admin/corrections", "i", body("1", "r")), 403, "fresh_factor")
}

func TestTreasuryCorrectionsByForms(t *testing.T) {
	w := newTreasury(t)
	boss := w.operator()
	alice := w.member("alice", 0, 0)
	w.treasured(50_000)
	if page := text(w.want(boss.get("/admin/corrections"), 200)); !strings.Contains(page, "Operators corrected nothing yet") || !strings.Contains(page, "1000 VIDYA") {
		t.Error("the page lacks what to do")
	}
	const q = "/admin/corrections?check=1&asset=token&from=treasury&to=member%2F2%2Favailable&reason=lost&amount="
	if page := text(w.want(boss.get(q+"2.5"), 200)); !strings.Contains(page, "Make the correction") || !strings.Contains(page, "50000 VIDYA → 49997.5 VIDYA") {
		t.Errorf("%s", page)
	}
	if page := text(w.want(boss.get(q+"1001"), 200)); !strings.Contains(page, "Propose it") {
		t.Errorf("%s", page)
	}
	w.want(boss.get(q+"none"), 422)
	w.want(boss.get(q+"60000"), 409)
	form := map[string]string{"key": "a", "asset": "token", "from": "treasury", "to": "member/2/available", "amount": "1001", "reason": "lost"}
	r := w.want(boss.form("/admin/corrections", form), 303)
	if r.header.Get("Location") != "/admin/corrections/1" {
		t.Errorf("leads to %s", r.header.Get("Location"))
	}
	page := text(w.want(boss.get("/admin/corrections/1"), 200))
	if !strings.Contains(page, "waits for another operator") || strings.Contains(page, "Approve and make it") {
		t.Errorf("%s", page)
	}
	w.want(boss.form("/admin/corrections/1/approve", map[string]string{"key": "b"}), 403)
	w.secondOperator("other")
	other := w.client("swst_other")
	if page := text(w.want(other.get("/admin/corrections"), 200)); !strings.Contains(page, "approve or refuse it") {
		t.Error("the page does not say what waits")
	}
	if page := text(w.want(other.get("/admin/corrections/1"), 200)); !strings.Contains(page, "Approve and make it") {
		t.Errorf("%s", page)
	}
	other.http = boss.http
	w.want(other.form("/admin/corrections/1/refuse", map[string]string{"reason": ""}), 422)
	w.want(other.form("/admin/corrections/1/approve", map[string]string{"key": "c"}), 303)
	if v := w.want(alice.get("/api/v1/wallet"), 200).json(t); v["available_utok"] != "1001000000" {
		t.Errorf("%v", v["available_utok"])
	}
	form["key"], form["amount"] = "d", "2000"
	w.want(boss.form("/admin/corrections", form), 303)
	form["key"] = "e"
	w.want(boss.form("/admin/corrections", form), 303)
	w.want(boss.form("/admin/corrections/2/withdraw", nil), 303)
	w.want(other.form("/admin/corrections/3/refuse", map[string]string{"reason": "not lost"}), 303)
	if page := text(w.want(boss.get("/admin/corrections/3"), 200)); !strings.Contains(page, "not lost") {
		t.Error("the page does not say why")
	}
	if page := text(w.want(boss.get("/admin/corrections?state=refused"), 200)); !strings.Contains(page, "/admin/corrections/3") || strings.Contains(page, "/admin/corrections/2\"") {
		t.Error("the state does not filter")
	}
	w.want(boss.get("/admin/corrections/99"), 404)
	w.clock.Add(int64(time.Hour))
	form["key"] = "f"
	w.want(boss.form("/admin/corrections", form), 403)
}

func TestTreasuryLedger(t *testing.T) {
	w := newTreasury(t)
	boss := w.operator()
	w.member("alice", 500*tokens.Unit, 60*tokens.Unit)
	w.treasured(9)
	all := w.want(boss.get("/api/v1/admin/ledger"), 200).json(t)
	n := len(all["transfers"].([]any))
	if n < 3 || all["next"] != "" {
		t.Fatalf("%v", all)
	}
	count := func(query string) int {
		t.Helper()
		return len(w.want(boss.get("/api/v1/admin/ledger?"+query), 200).json(t)["transfers"].([]any))
	}
	for query, want := range map[string]int{"account=treasury": 1, "account=member/2": n - 1, "member=alice": n - 1, "member=2": n - 1, "code=genesis": 1, "asset=quote": 0, "asset=token&min=9&max=9": 1,
		"id=genesis": 1, "ref=genesis": 1, "since=2020-01-01": n, "until=2020-01-01": 0, "account=member*&code=grant": n - 1, "account=nobody": 0} {
		if got := count(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	first := w.want(boss.get("/api/v1/admin/ledger?limit=1"), 200).json(t)
	if second := w.want(boss.get("/api/v1/admin/ledger?limit=1&cursor="+first["next"].(string)), 200).json(t); fmt.Sprint(second["transfers"]) == fmt.Sprint(first["transfers"]) {
		t.Error("the cursor goes nowhere")
	}
	for query, code := range map[string]string{"code=odd": "code", "asset=gold": "asset", "member=nobody": "member", "min=5": "min", "asset=byte&max=1.5": "max", "since=now": "since", "until=x": "until",
		"id=" + strings.Repeat("x", 201): "id", "ref=%00": "ref", "cursor=-1": "cursor", "limit=0": "limit"} {
		w.problem(boss.get("/api/v1/admin/ledger?"+query), 400, code)
		if code != "limit" {
			w.want(boss.get("/admin/ledger?"+query), 400)
		}
	}
	page := text(w.want(boss.get("/admin/ledger?member=alice"), 200))
	if !strings.Contains(page, "/admin/ledger?account=issuance") || !strings.Contains(page, `href="/transfers/`) || !strings.Contains(page, "500 VIDYA") {
		t.Errorf("%s", page)
	}
	if page := text(w.want(boss.get("/admin/ledger?account=nobody"), 200)); !strings.Contains(page, "No transfer fits") {
		t.Errorf("%s", page)
	}
	for _, path := range []string{"/admin/ledger.csv", "/api/v1/admin/ledger.csv"} {
		r := w.want(boss.get(path+"?account=treasury"), 200)
		if lines := strings.Split(strings.TrimSpace(string(r.body)), "\n"); len(lines) != 2 || !strings.Contains(lines[1], ",9000000,issuance,treasury") || !strings.HasPrefix(r.header.Get("Content-Type"), "text/csv") {
			t.Errorf("%s", r.body)
		}
	}
	w.want(boss.get("/admin/ledger.csv?code=odd"), 400)
}

func TestTreasurySponsors(t *testing.T) {
	w := newTreasury(t)
	boss := w.operator()
	alice := w.member("alice", 500*tokens.Unit, 60*tokens.Unit)
	hash := w.want(alice.upload(torrentFile("wanted")), 201).json(t)["infohash"].(string)
	for _, path := range []string{"/admin/sponsors", "/admin/sponsors?show=over"} {
		w.want(boss.get(path), 200)
	}
	w.want(alice.pay("/api/v1/torrents/"+hash+"/sponsor", "s", `{"amount_utok":"5000000","hours":48}`), 201)
	w.treasured(9)
	h, err := bt.ParseInfoHash(hash)
	if err != nil {
		t.Fatal(err)
	}
	x, err := w.store.TorrentByHash(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.SponsorFromTreasury(t.Context(), x.ID, 2*tokens.Unit, 48*time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	w.want(boss.do("PUT", "/api/v1/admin/torrents/"+hash+"/free", strings.NewReader(fmt.Sprintf(`{"until":%q}`, w.now().Add(time.Hour).UTC().Format(time.RFC3339)))), 200)
	list := w.want(boss.get("/api/v1/admin/sponsorships"), 200).json(t)["sponsorships"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["sponsor"] != "treasury" || list[1].(map[string]any)["sponsor"] != "alice" || list[1].(map[string]any)["left_utok"] != "5000000" || list[1].(map[string]any)["closed_at"] != nil {
		t.Errorf("%v", list)
	}
	if over := w.want(boss.get("/api/v1/admin/sponsorships?state=over"), 200).json(t)["sponsorships"].([]any); len(over) != 0 {
		t.Errorf("%v", over)
	}
	w.problem(boss.get("/api/v1/admin/sponsorships?state=odd"), 400, "state")
	free := w.want(boss.get("/api/v1/admin/free"), 200).json(t)["torrents"].([]any)
	if len(free) != 1 || free[0].(map[string]any)["by"] != "boss" || free[0].(map[string]any)["since_at"] == nil {
		t.Errorf("%v", free)
	}
	if v := w.want(boss.get("/api/v1/admin/treasury"), 200).json(t); v["treasury_utok"] != "7000000" {
		t.Errorf("%v", v)
	}
	w.want(boss.get("/api/v1/admin/subsidies"), 200)
	for _, bad := range []string{"/api/v1/admin/subsidies?cursor=2026-13", "/api/v1/admin/free?cursor=x", "/api/v1/admin/sponsorships?cursor=x"} {
		w.problem(boss.get(bad), 400, "cursor")
	}
	page := text(w.want(boss.get("/admin/sponsors"), 200))
	for _, want := range []string{"wanted", "alice", "the treasury", "by boss", "5 VIDYA"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	w.want(boss.get("/admin/sponsors?month=x"), 400)
}
