package web_test

import (
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestBudgetByForm(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	ih := w.want(alice.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	path := "/torrents/" + ih
	budget := func() bt.Bytes {
		t.Helper()
		n, err := w.store.BudgetOf(t.Context(), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	set := func(status int, gib string) reply {
		t.Helper()
		return w.want(alice.form(path+"/budget", map[string]string{"gib": gib}), status)
	}
	for gib, want := range map[string]bt.Bytes{"1.5": 3 << 29, "0.000001": 1073, " 4 ": 4 << 30, "8388608": bt.MaxCounter} {
		if r := set(303, gib); r.header.Get("Location") != path+"#budget" || budget() != want {
			t.Errorf("%s GiB: budget %d, want %d", gib, budget(), want)
		}
		page := text(w.want(alice.get(path), 200))
		if shown := `name="gib" inputmode="decimal" value="` + strings.TrimSpace(gib) + `"`; !strings.Contains(page, shown) {
			t.Errorf("the form does not hold %s", shown)
		}
	}
	for _, bad := range []string{"0", "-1", "1e9", "8388608.000001", "0.0000001", "999999999999", "99999999999999999999", "NaN", `"><b>`} {
		r := set(422, bad)
		if budget() == 0 || strings.Contains(string(r.body), `"><b>`) {
			t.Errorf("%q changed the budget or broke the page", bad)
		}
	}
	w.want(alice.form(path+"/budget", map[string]string{"gib": "1", "clear": "1"}), 303)
	if budget() != 0 {
		t.Errorf("cleared: %d", budget())
	}
	set(303, "2")
	set(303, "")
	if n := w.roster.budgets.Load(); budget() != 0 || n != 7 {
		t.Errorf("budget %d; the announce path was told %d times", budget(), n)
	}
	w.want(w.browser().form(path+"/budget", map[string]string{"gib": "1"}), 401)
	w.want(alice.form("/torrents/"+strings.Repeat("0", 40)+"/budget", map[string]string{"gib": "1"}), 404)
}

func TestBudgetByAPILowersWhatMustBeFree(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 12*tokens.Unit, 60*tokens.Unit)
	ih := w.want(alice.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	path := "/api/v1/torrents/" + ih
	put := func(body string) reply { return alice.do("PUT", path+"/budget", strings.NewReader(body)) }
	quote := func() map[string]any { t.Helper(); return w.want(alice.get(path+"/quote"), 200).json(t) }
	q := quote() // 4 GiB at 10 tokens
	if q["affordable"] != false || q["reserve_utok"] != "40000000" || q["budget_bytes"] != 0.0 {
		t.Errorf("without a budget: %v", q)
	}
	got := w.want(put(`{"budget_bytes":1073741824}`), 200).json(t)
	if got["budget_bytes"] != float64(bt.GiB) || got["size_bytes"] != float64(4*bt.GiB) || got["infohash"] != ih {
		t.Errorf("answer %v", got)
	}
	if q = quote(); q["affordable"] != true || q["reserve_utok"] != "10000000" || q["cost_utok"] != "40000000" || q["reason"] != "" {
		t.Errorf("with a budget: %v", q)
	}
	w.want(put(`{"budget_bytes":2147483648}`), 200)
	if q = quote(); q["affordable"] != false || !strings.Contains(q["reason"].(string), "Your budget for this download needs 20 VIDYA; you have 12 VIDYA free. Buy 8 VIDYA more.") {
		t.Errorf("with too large a budget: %v", q)
	}
	w.want(put(`{"budget_bytes":9007199254740992}`), 200)
	if q = quote(); q["reserve_utok"] != "40000000" {
		t.Errorf("with a budget beyond the size: %v", q)
	}
	w.want(put(`{"budget_bytes":0}`), 200)
	if q = quote(); q["budget_bytes"] != 0.0 {
		t.Errorf("removed: %v", q)
	}
	w.problem(put(`{"budget_bytes":-1}`), 422, "range")
	w.problem(put(`{"budget_bytes":9007199254740993}`), 422, "range")
	w.problem(put(`{"budget_bytes":1.5}`), 400, "json")
	w.problem(put(`{}`), 422, "budget")
	w.problem(w.client("").do("PUT", path+"/budget", strings.NewReader(`{"budget_bytes":1}`)), 401, "sign_in")
}

func TestMaximumPrice(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	_, err := w.store.AddMember(t.Context(), store.Grant{NewMember: store.NewMember{Name: "bob"}, Tokens: 50 * tokens.Unit, Stake: 60 * tokens.Unit, APIToken: "swst_bob", TokenTTL: 1e12})
	if err != nil {
		t.Fatal(err)
	}
	bob := w.client("swst_bob")
	ih := w.want(bob.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	told := w.roster.members.Load()
	limit := func(m bt.MemberID) tokens.Amount {
		t.Helper()
		a, err := w.store.MaxPrice(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	form := func(status int, price string) reply {
		t.Helper()
		return w.want(alice.form("/wallet/max-price", map[string]string{"price": price}), status)
	}
	form(303, "12.5")
	if page := text(alice.get("/wallet")); limit(1) != 12_500_000 || !strings.Contains(page, "12.5 VIDYA per GiB") || !strings.Contains(page, `value="12.5"`) {
		t.Errorf("maximum %d", limit(1))
	}
	for _, bad := range []string{"0", "-1", "x", "99999999999999999999", `"><b>`} {
		if r := form(422, bad); limit(1) != 12_500_000 || strings.Contains(string(r.body), `"><b>`) {
			t.Errorf("%q changed the maximum or broke the page", bad)
		}
	}
	form(303, "")
	if limit(1) != 0 {
		t.Errorf("cleared: %d", limit(1))
	}
	put := func(body string) reply { return bob.do("PUT", "/api/v1/wallet/max-price", strings.NewReader(body)) }
	w.want(put(`{"max_price_utok_per_gib":"9999999"}`), 200)
	q := w.want(bob.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t)
	if !strings.Contains(q["reason"].(string), "above your maximum of 9.999999 VIDYA per GiB") || w.want(bob.get("/api/v1/wallet"), 200).json(t)["max_price_utok_per_gib"] != "9999999" {
		t.Errorf("below the price: %v", q)
	}
	w.want(put(`{"max_price_utok_per_gib":"10000000"}`), 200)
	if q = w.want(bob.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t); q["reason"] != "" {
		t.Errorf("at the price: %v", q)
	}
	w.want(put(`{"max_price_utok_per_gib":"0"}`), 200)
	w.problem(put(`{"max_price_utok_per_gib":"-1"}`), 422, "range")
	w.problem(put(`{"max_price_utok_per_gib":"9223372036854775807"}`), 422, "range")
	w.problem(put(`{}`), 422, "max_price")
	if n := w.roster.members.Load() - told; n != 5 {
		t.Errorf("the announce path was told %d times", n)
	}
}
