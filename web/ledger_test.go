package web_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// A receipt is for the parties of its transfer and for operators; what is nobody's is everybody's.
func TestReceipts(t *testing.T) {
	w := newWorld(t)
	alice, bob, boss := w.member("alice", 10*tokens.Unit, 0), w.member("bob", 0, 0), w.operator()
	id := w.want(alice.pay("/api/v1/stake", "s", `{"amount_utok":"1000000"}`), 201).json(t)["transfers"].([]any)[0].(string)
	w.fees("pool/1", tokens.Unit)
	v := w.want(alice.get("/api/v1/transfers/"+id), 200).json(t)
	for key, want := range map[string]any{"id": id, "amount": "1000000", "asset": "token", "code": "stake", "from": "member/1/available", "to": "member/1/staked"} {
		if v[key] != want {
			t.Errorf("%s = %v, want %v", key, v[key], want)
		}
	}
	if v["why"] == "" || v["what"] == "" || len(v["parties"].([]any)) == 0 || v["head"].(map[string]any)["head"] == "" {
		t.Errorf("receipt %v", v)
	}
	w.want(alice.get("/api/v1/transfers/"+strings.ReplaceAll(id, "/", "%2F")), 200)
	w.problem(bob.get("/api/v1/transfers/"+id), 404, "not_found")
	w.want(boss.get("/api/v1/transfers/"+id), 200)
	w.want(bob.get("/api/v1/transfers/pool/1"), 200) // between system accounts
	for _, path := range []string{"nothing", "", "grant/nobody", "%00", "%2e%2e/%2e%2e", "%25"} {
		if r := alice.get("/api/v1/transfers/" + path); r.status != 404 && r.status != 400 {
			t.Errorf("%q: %d %s", path, r.status, r.body)
		}
	}
	w.problem(w.client("").get("/api/v1/transfers/"+id), 401, "sign_in")

	carol := w.signUp("carol")
	w.want(carol.get("/transfers/"+id), 404)
	page := text(w.want(boss.get("/transfers/"+id), 200))
	for _, words := range []string{"Staked.", "1 VIDYA", "the stake of member 1", id, v["head"].(map[string]any)["head"].(string)} {
		if !strings.Contains(page, words) {
			t.Errorf("the receipt does not say %q", words)
		}
	}
}

// What is a member's beside their own accounts: nodes' collateral, locks, vesting.
func TestReceiptsOfWhatIsNamedOtherwise(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.member("alice", 10*tokens.Unit, 60*tokens.Unit), w.member("bob", 0, 0)
	node := w.pair(alice)
	for _, r := range []reply{alice.pay(fmt.Sprintf("/api/v1/nodes/%d/pledge", node), "p", `{"amount_utok":"5"}`), alice.pay("/api/v1/locks", "l", `{"amount_utok":"1000000","weeks":52}`)} {
		id := w.want(r, 201).json(t)["transfers"].([]any)[0].(string)
		w.want(alice.get("/api/v1/transfers/"+id), 200)
		w.problem(bob.get("/api/v1/transfers/"+id), 404, "not_found")
	}
}

func TestLedgerHeadIsPublic(t *testing.T) {
	w := newWorld(t)
	guest := w.client("")
	if v := w.want(guest.get("/api/v1/ledger/head"), 200).json(t); v["row"] != 0.0 || v["at"] != nil {
		t.Errorf("of an empty ledger: %v", v)
	}
	w.member("alice", tokens.Unit, 0)
	v := w.want(guest.get("/api/v1/ledger/head"), 200).json(t)
	if head := v["head"].(string); v["row"] != 1.0 || len(head) != 64 || strings.Trim(head, "0") == "" {
		t.Errorf("%v", v)
	}
}

// An export is everything that the member has or had, and nobody else's.
func TestExport(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 5000*tokens.Unit, 0)
	w.member("bob", 77*tokens.Unit, 0)
	w.want(alice.pay("/api/v1/deposits", "d", `{"rail":"faucet","amount_quote":"3000000"}`), 201)
	formula := tokens.Transfer{ID: "evil", Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(1), Amount: 1, Code: tokens.CodeGrant, Ref: "=HYPERLINK(1)"}
	if err := w.store.Post(t.Context(), formula); err != nil {
		t.Fatal(err)
	}
	var many []tokens.Transfer
	for i := range 2100 { // more than a page of the store
		many = append(many, tokens.Transfer{ID: fmt.Sprint("many/", i), Asset: tokens.Token, From: tokens.Available(1), To: tokens.Staked(1), Amount: 3, Code: tokens.CodeStake, Ref: "stake"})
	}
	if err := w.store.Post(t.Context(), many...); err != nil {
		t.Fatal(err)
	}
	r := w.want(alice.get("/api/v1/wallet/export?format=csv"), 200)
	if !strings.Contains(r.header.Get("Content-Disposition"), "swarmstake-alice.csv") || !strings.HasPrefix(r.header.Get("Content-Type"), "text/csv") {
		t.Errorf("headers %v", r.header)
	}
	rows, err := csv.NewReader(strings.NewReader(string(r.body))).ReadAll()
	if err != nil || len(rows) != 1+1+1+1+2*2100 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := strings.Join(rows[1][2:], " "); got != "grant/alice/tokens grant admin member add token 5000000000 available issuance" {
		t.Errorf("first row %s", got)
	}
	if rows[3][4] != "'=HYPERLINK(1)" {
		t.Errorf("a formula: %q", rows[3][4])
	}
	v := w.want(alice.get("/api/v1/wallet/export"), 200).json(t)
	lines := v["transfers"].([]any)
	if len(lines) != len(rows)-1 || lines[1].(map[string]any)["asset"] != "quote" || lines[1].(map[string]any)["amount"] != "3000000" {
		t.Errorf("%d lines, %v", len(lines), lines[1])
	}
	if empty := w.want(w.signUp("carol").get("/wallet/export?format=json"), 200).json(t); len(empty["transfers"].([]any)) != 0 {
		t.Errorf("%v", empty)
	}
	w.problem(alice.get("/api/v1/wallet/export?format=xml"), 400, "format")
	w.problem(w.client("").get("/api/v1/wallet/export"), 401, "sign_in")
}
