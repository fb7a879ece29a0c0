package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web/webtest"
)

// typed fills a field in place of what is there.
func typed(sel, value string) webtest.Action { return webtest.Type(sel, value) }

// phone makes the window as wide as a phone, and stays so.
func phone() webtest.Action { return webtest.Wide(webtest.Phone) }

// The whole life of somebody's money on a phone: voucher, tokens, stake, lock, unstake, sale.
func TestMoneyOnAPhone(t *testing.T) {
	w := newWorld(t)
	w.settled()
	_, codes, err := w.store.AddVouchers(t.Context(), 0, store.NewVouchers{Label: "kiosk", Amount: 60 * tokens.Unit, Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	w.member("early", 40*tokens.Unit, 80*tokens.Unit)
	seen := map[string]*string{}
	keep := func(name string) webtest.Action {
		seen[name] = new(string)
		return chromedp.Steps(read(seen[name]), shoot("phone-"+name), fits(t, name), phone())
	}
	ctx := chromium(t)
	err = chromedp.Do(ctx, phone(),
		chromedp.Navigate(w.url+"/sign-up"), chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password), keep("sign-up"),
		press("main form button"),
		typed("#tokens", "200"), press("main form[action='/buy'] button"), loaded("#redeem"), keep("buy"),
		typed("#code", string(codes[0])), press("#redeem"), loaded("#buy"), keep("redeemed"),
		press("#buy"), loaded("#do-stake"), press("#do-stake"), loaded("#moves"), keep("wallet"),
		chromedp.Navigate(w.url+"/wallet/lock"), typed("#lock-amount", "20"), typed("#weeks", "26"), press("#plan"), loaded("#do-lock"), keep("lock-quote"),
		press("#do-lock"), loaded("section[aria-labelledby=locks] table"), keep("lock"),
		chromedp.Navigate(w.url+"/wallet/stake"), typed("#unstake-amount", "1"), press("#do-unstake"), loaded("section[aria-labelledby=unbonding] table"), keep("stake"),
		chromedp.Navigate(w.url+"/wallet/sell"), typed("#tokens", "100"), press("#quote"), loaded("#sell"), keep("sell"),
		press("#sell"), loaded("#withdraw"), typed("#out-amount", "0.5"), press("#withdraw"), loaded(".code"), keep("pay"),
		chromedp.Navigate(w.url+"/wallet"), press("section[aria-labelledby=moves] tbody a"), loaded("#chain"), keep("receipt"),
		chromedp.Navigate(w.url+"/wallet/held"), loaded("#probation"), keep("held"),
		chromedp.Navigate(w.url+"/wallet/invites"), loaded("#made"), keep("invites"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for page, words := range map[string]string{
		"buy": "You need", "redeemed": "You have 60 credits paid in", "wallet": "you may download", "lock-quote": "Lock 20 VIDYA for 26 weeks",
		"lock": "earns from the next epoch", "stake": "under way", "sell": "100 VIDYA bring", "pay": "It is shown only now", "receipt": "Sold to the curve",
	} {
		if !strings.Contains(*seen[page], words) {
			t.Errorf("%s does not say %q: %s", page, words, *seen[page])
		}
	}
	v, err := w.store.Wallet(t.Context(), 2)
	if err != nil || v.Staked != 49*tokens.Unit || v.Unbonding != tokens.Unit || v.Locked != 20*tokens.Unit || v.Available != 25*tokens.Unit || v.GatePrice != 0 {
		t.Errorf("%+v %v", v, err)
	}
}

// The pages of the whole economy, and operators'.
func TestEconomyInABrowser(t *testing.T) {
	w := newWorld(t)
	if err := w.store.AddSetupLink(t.Context(), "operator", time.Hour); err != nil {
		t.Fatal(err)
	}
	alice := w.member("alice", 40*tokens.Unit, 80*tokens.Unit)
	node := w.pair(alice)
	w.want(alice.pay("/api/v1/nodes/1/pledge", "p", `{"amount_utok":"20000000"}`), 201)
	w.slash(1, node, w.now().Add(48*time.Hour), 2*tokens.Unit)
	ih := w.want(alice.upload(bigTorrent("debian-13.2-amd64-netinst.iso")), 201).json(t)["infohash"].(string)
	w.want(alice.pay("/api/v1/locks", "l", `{"amount_utok":"9000000","weeks":52}`), 201)
	w.want(alice.pay("/api/v1/torrents/"+ih+"/sponsor", "s", `{"amount_utok":"5000000","hours":72}`), 201)
	if _, err := w.store.SetParameters(t.Context(), map[string]string{"economy.gate": "50", "surge.base": "10"}, "configuration"); err != nil {
		t.Fatal(err)
	}
	w.settled()
	w.paidEpoch(1)
	if _, err := w.store.SetParameters(t.Context(), map[string]string{"economy.gate": "60"}, "configuration"); err != nil {
		t.Fatal(err)
	}
	ctx := chromium(t)
	var epoch string
	visit := func(name, path, sel string) webtest.Action {
		return chromedp.Steps(chromedp.Navigate(w.url+path), loaded(sel), shoot(name), fits(t, name))
	}
	err := chromedp.Do(ctx,
		chromedp.Navigate(w.url+"/setup/operator"), loaded("#password"), chromedp.SendKeys("#name", "boss"), chromedp.SendKeys("#password", password),
		press("main form button"), loaded(".search"),
		visit("op-economy", "/economy", "#lockers"), visit("op-parameters", "/economy/parameters", "#history"),
		chromedp.Navigate(w.url+"/economy/epochs/2"), loaded("details"), press("details summary"), read(&epoch), shoot("op-epoch"), fits(t, "epoch"),
		chromedp.Navigate(w.url+"/torrents/"+ih), typed("#free-days", "5"), press("form[action$='/free'] button"), loaded(".big small time"), shoot("op-torrent-free"), fits(t, "torrent"),
		chromedp.Navigate(w.url+"/admin/vouchers"), chromedp.SendKeys("#label", "fair"), chromedp.SendKeys("#amount", "25"), chromedp.SendKeys("#count", "3"), press("#make-vouchers"), loaded(".codes"), shoot("op-vouchers"), fits(t, "vouchers"),
		visit("op-members", "/admin/members", ".tabs"), visit("op-slashes", "/admin/slashes", "#reason-1"),
		chromedp.Navigate(w.url+"/wallet/invites"), press("#invite"), loaded(".code"), shoot("op-invites"), fits(t, "invites"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(epoch, "member 2") || !strings.Contains(epoch, "debian") {
		t.Errorf("epoch: %s", epoch)
	}
}

// paidEpoch lets a leecher pay for a torrent in the running epoch, and settles it.
func (w *world) paidEpoch(torrent bt.TorrentID) {
	w.Helper()
	m, err := w.store.AddMember(w.Context(), store.Grant{NewMember: store.NewMember{Name: "leecher"}, Tokens: 100 * tokens.Unit})
	if err != nil {
		w.Fatal(err)
	}
	w.usage(torrent, m.Member.ID)
	w.settled()
}
