package web_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/web"
)

// rich signs in a member who has tokens, stake and quote, and is above the gate.
func (w *world) rich(name string) *client {
	w.Helper()
	b := w.signUp(name)
	m, err := w.store.MemberByName(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	if err := w.store.Post(w.Context(), tokens.Transfer{ID: "rich/" + name, Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(m.ID), Amount: 100 * tokens.Unit, Code: tokens.CodeGrant, Ref: "test"}); err != nil {
		w.Fatal(err)
	}
	w.want(b.form("/deposit", map[string]string{"key": "rich-d", "amount": "1000", "tokens": "20"}), 303)
	w.want(b.form("/buy", map[string]string{"key": "rich-b", "tokens": "20", "max_cost": "900"}), 303)
	w.want(b.form("/wallet/stake", map[string]string{"key": "rich-s", "amount": "55"}), 303)
	return b
}

// Every form that moves money, once, and again with the same key: it moves once.
func TestWalletByForms(t *testing.T) {
	w := newWorld(t)
	b := w.rich("alice")
	balance := func(name string) any { t.Helper(); return w.want(b.get("/api/v1/wallet"), 200).json(t)[name] }
	twice := func(path, next string, form map[string]string) {
		t.Helper()
		form["key"] = path
		for range 2 {
			if r := w.want(b.form(path, form), 303); r.header.Get("Location") != next {
				t.Errorf("%s leads to %s", path, r.header.Get("Location"))
			}
		}
	}
	twice("/wallet/unstake", "/wallet/stake#unbonding", map[string]string{"amount": "2"})
	page := text(w.want(b.get("/wallet/stake"), 200))
	due := w.now().Add(7 * 24 * time.Hour).UTC().Format("2006-01-02")
	for _, words := range []string{"53 VIDYA", "Up to 3 VIDYA you stay a member", "Going below 50 VIDYA is leaving", "fee of 5 VIDYA again", due, "under way"} {
		if !strings.Contains(strings.NewReplacer("<strong>", "", "</strong>", "").Replace(page), words) {
			t.Errorf("the page of the stake does not say %q", words)
		}
	}
	twice("/wallet/sell", "/wallet/pay", map[string]string{"tokens": "5", "min_refund": "0.000001"})
	twice("/wallet/lock", "/wallet/lock#locks", map[string]string{"amount": "7.5", "weeks": "52"})
	twice("/wallet/pay-in", "/wallet/pay", map[string]string{"rail": "faucet", "amount": "3"})
	if balance("locked_utok") != "7500000" || balance("unbonding_utok") != "2000000" || balance("available_utok") != fmt.Sprint(int64(120-55-5-5)*1e6-7_500_000) {
		t.Errorf("after the forms: %s", b.get("/api/v1/wallet").body)
	}

	shown := regexp.MustCompile(`[0-9A-Z]{5}(-[0-9A-Z]{5}){3}`)
	form := map[string]string{"key": "w", "rail": "voucher", "amount": "1.5"}
	first := w.want(b.form("/wallet/withdraw", form), 200)
	code := shown.Find(first.body)
	if code == nil {
		t.Fatalf("no code: %s", first.body)
	}
	if again := w.want(b.form("/wallet/withdraw", form), 303); strings.Contains(string(again.body), string(code)) {
		t.Error("the code is shown twice")
	}
	twice("/voucher", "/buy?tokens=4", map[string]string{"code": string(code), "tokens": "4"})
	w.want(b.form("/wallet/withdraw", map[string]string{"key": "w2", "rail": "voucher", "amount": "1"}), 200)
	twice("/wallet/withdrawals/2/take-back", "/wallet/pay#withdrawals", map[string]string{})
	for _, path := range []string{"/wallet", "/wallet/pay"} {
		for _, m := range regexp.MustCompile(`href="(/transfers/[^"]+)"`).FindAllStringSubmatch(string(w.want(b.get(path), 200).body), -1) {
			w.want(b.get(m[1]), 200)
		}
	}
}

// What a form refuses leaves everything as it was, with words that say what to do.
func TestWalletFormsRefuse(t *testing.T) {
	w := newWorld(t)
	b := w.rich("alice")
	node := w.pair(b)
	ih := w.want(b.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	before := string(b.get("/api/v1/wallet").body)
	amounts := []string{"", "0", "-1", "0.0000001", "1e3", "NaN", "99999999999999999999", "1000000000001", "1,5", `"><b>`}
	type form = map[string]string
	for path, with := range map[string]func(amount string) form{
		"/wallet/stake":                           func(a string) form { return form{"amount": a} },
		"/wallet/unstake":                         func(a string) form { return form{"amount": a} },
		"/wallet/sell":                            func(a string) form { return form{"tokens": a, "min_refund": "1"} },
		"/wallet/lock":                            func(a string) form { return form{"amount": a, "weeks": "4"} },
		"/wallet/pay-in":                          func(a string) form { return form{"rail": "faucet", "amount": a} },
		"/wallet/withdraw":                        func(a string) form { return form{"rail": "voucher", "amount": a} },
		"/torrents/" + ih + "/sponsor":            func(a string) form { return form{"amount": a, "days": "3"} },
		fmt.Sprintf("/hosting/%d/unpledge", node): func(a string) form { return form{"amount": a} },
	} {
		for i, a := range amounts {
			f := with(a)
			f["key"] = fmt.Sprint("k", i)
			if r := b.form(path, f); r.status != 422 || strings.Contains(string(r.body), `"><b>`) || !strings.Contains(string(r.body), `role="alert"`) {
				t.Errorf("%s with %q: %d", path, a, r.status)
			}
		}
		f := with("5000")
		f["key"] = "much"
		if r := b.form(path, f); path != "/wallet/pay-in" && r.status != 409 {
			t.Errorf("%s with more than there is: %d", path, r.status)
		}
		w.want(b.form(path, with("1")), 400) // without a key
		w.want(w.browser().form(path, with("1")), 401)
	}
	w.want(b.form("/wallet/lock", form{"key": "w0", "amount": "5", "weeks": "0"}), 422)
	w.want(b.form("/wallet/lock", form{"key": "w53", "amount": "5", "weeks": "53"}), 422)
	w.want(b.form("/wallet/pay-in", form{"key": "v", "rail": "voucher", "code": "nonsense"}), 422)
	w.want(b.form("/wallet/pay-in", form{"key": "r", "rail": "gold", "code": "x"}), 422)
	w.want(b.form("/torrents/"+ih+"/sponsor", form{"key": "d", "amount": "5", "days": "0"}), 422)
	w.want(b.form("/wallet/locks/9/claim", form{"key": "c"}), 404)
	w.want(b.form("/wallet/withdrawals/9/take-back", form{"key": "t"}), 404)
	w.want(b.form("/wallet/release", form{"key": "r2"}), 409)
	w.want(b.form("/wallet/sell", form{"key": "moved", "tokens": "5", "min_refund": "999"}), 409)
	var after, was any
	after, was = w.want(b.get("/api/v1/wallet"), 200).json(t)["available_utok"], reply{body: []byte(before)}.json(t)["available_utok"]
	if after != was {
		t.Errorf("available %v, before %v", after, was)
	}
}

// Selling and locking show first what they bring.
func TestQuotesBeforeSellingAndLocking(t *testing.T) {
	w := newWorld(t, func(_ *web.Config, e *store.Economy) { e.SaleLimit = 100 * tokens.Unit })
	b := w.rich("alice") // who bought 20 of 100: C = P·L·r² = 4
	page := text(w.want(b.get("/wallet/sell?tokens=20"), 200))
	for _, words := range []string{"20 VIDYA bring", "4 credits", "Redeemable", "20 VIDYA of a supply of 120 VIDYA", `id="sell"`} {
		if !strings.Contains(page, words) {
			t.Errorf("selling does not say %q", words)
		}
	}
	for query, words := range map[string]string{"21": "no more tokens than it has sold", "0.000001": "bring nothing", "500": "500 VIDYA needed", "x": "Give an amount above 0"} {
		page = text(b.get("/wallet/sell?tokens=" + query))
		if !strings.Contains(page, words) || strings.Contains(page, `id="sell"`) {
			t.Errorf("selling %s does not say %q, or offers it all the same", query, words)
		}
	}
	page = text(w.want(b.get("/wallet/lock?amount=8&weeks=26"), 200))
	until := w.now().Add(26 * 7 * 24 * time.Hour).UTC().Format("2006-01-02")
	for _, words := range []string{until, "2 VIDYA", "100 %", `id="do-lock"`, "Lock 8 VIDYA for 26 weeks"} {
		if !strings.Contains(page, words) {
			t.Errorf("locking does not say %q", words)
		}
	}
	for _, bad := range []string{"amount=8&weeks=0", "amount=8&weeks=53", "amount=x&weeks=4", "amount=0.000001&weeks=1", "amount=8", "weeks=4"} {
		if page = text(w.want(b.get("/wallet/lock?"+bad), 422)); strings.Contains(page, `id="do-lock"`) {
			t.Errorf("%s is offered", bad)
		}
	}
}

func TestVoucherPages(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	good := map[string]string{"label": "fair", "amount": "12.5", "count": "3", "days": "30"}
	page := w.want(boss.form("/admin/vouchers", good), 201)
	codes := regexp.MustCompile(`[0-9A-Z]{5}(-[0-9A-Z]{5}){3}`).FindAllString(string(page.body), -1)
	if len(codes) != 3 || !strings.Contains(string(page.body), "fair") {
		t.Fatalf("%d codes", len(codes))
	}
	if list := string(w.want(boss.get("/admin/vouchers"), 200).body); strings.Contains(list, codes[0]) || !strings.Contains(list, "12.5 credits") {
		t.Error("the list shows codes, or not the value")
	}
	for field, bad := range map[string]string{"label": "", "amount": "0.0000001", "count": "0", "days": "0"} {
		f := map[string]string{}
		for k, v := range good {
			f[k] = v
		}
		f[field] = bad
		w.want(boss.form("/admin/vouchers", f), 422)
	}
	b := w.signUp("alice")
	w.want(b.form("/admin/vouchers", good), 403)
	w.want(b.get("/admin/vouchers"), 403)
	w.want(b.get("/admin/slashes"), 403)
	w.want(b.get("/admin/members"), 403)
	w.want(b.form("/voucher", map[string]string{"key": "1", "code": codes[0], "tokens": "7"}), 303)
	if page := text(w.want(b.form("/voucher", map[string]string{"key": "2", "code": codes[0], "tokens": "7"}), 422)); !strings.Contains(page, "used already") || !strings.Contains(page, `value="7"`) {
		t.Error("the page does not say that it was used, or forgot the amount")
	}
	w.want(boss.form("/admin/vouchers/revoke", map[string]string{"code": codes[1]}), 303)
	w.want(boss.form("/admin/vouchers/revoke", map[string]string{"code": "x"}), 422)
	w.want(boss.form("/admin/vouchers/1/revoke", nil), 303)
	w.want(boss.form("/admin/vouchers/9/revoke", nil), 404)
	w.want(b.form("/wallet/pay-in", map[string]string{"key": "3", "rail": "voucher", "code": codes[2]}), 422)
}

// The economy's pages are public, and say what an epoch paid to whom.
func TestEconomyPages(t *testing.T) {
	w := newWorld(t)
	b := w.rich("alice")
	w.want(b.form("/wallet/lock", map[string]string{"key": "l", "amount": "10", "weeks": "52"}), 303)
	w.settled()
	guest := w.browser()
	page := text(w.want(guest.get("/economy"), 200))
	for _, words := range []string{"Redeemable: 20 VIDYA of a supply of 120 VIDYA", "10 VIDYA are locked in 1 lock", `href="/economy/epochs/1"`, `href="/economy/parameters"`} {
		if !strings.Contains(page, words) {
			t.Errorf("the economy does not say %q", words)
		}
	}
	if page = text(w.want(guest.get("/economy/epochs/1"), 200)); !strings.Contains(page, "Seed") || !strings.Contains(page, "Nothing was downloaded or hosted for pay") {
		t.Errorf("epoch 1: %s", page)
	}
	if page = text(w.want(b.get("/economy/epochs/1"), 200)); !strings.Contains(page, "yours is 1") {
		t.Error("a member does not learn their number")
	}
	if page = text(w.want(guest.get("/economy/epochs/2"), 200)); !strings.Contains(page, "This epoch is running") || strings.Contains(page, "Seed") {
		t.Error("epoch 2 shows what nobody may know yet")
	}
	for _, unknown := range []string{"9", "0", "-1", "x"} {
		w.want(guest.get("/economy/epochs/"+unknown), 404)
	}
	if _, err := w.store.SetParameters(t.Context(), map[string]string{"economy.gate": "70"}, "configuration"); err != nil {
		t.Fatal(err)
	}
	if page = text(w.want(guest.get("/economy/parameters"), 200)); !strings.Contains(page, "economy.gate") || !strings.Contains(page, "by configuration") {
		t.Error("the parameters lack one")
	}
	w.want(guest.get("/economy/parameters?cursor=x"), 400)
}
