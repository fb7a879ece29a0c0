package tokens

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryCodeHasAMeaning reads the constants from the source, so that none is forgotten.
func TestEveryCodeHasAMeaning(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "transfer.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Code" {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, Code(text))
		}
		return true
	})
	if len(codes) < 40 {
		t.Fatalf("only %d codes found in the source", len(codes))
	}
	said := map[string]Code{}
	for _, c := range codes {
		m := c.Meaning()
		if !strings.HasSuffix(m, ".") || strings.Count(m, ". ") > 0 || m[:1] != strings.ToUpper(m[:1]) {
			t.Errorf("code %s means %q: want one sentence", c, m)
		}
		if other, twice := said[m]; twice {
			t.Errorf("codes %s and %s mean the same", c, other)
		}
		said[m] = c
	}
	slices.Sort(codes)
	if got := Codes(); !slices.Equal(got, codes) {
		t.Errorf("Codes() = %v, the source has %v", got, codes)
	}
	if Code("new").Meaning() != "" {
		t.Error("a code that does not exist means something")
	}
}

func TestParseAccount(t *testing.T) {
	for account, want := range map[Account]struct {
		link  Link
		words string
	}{
		Treasury:             {words: "the treasury"},
		Issuance:             {words: "issuance"},
		PoolHot:              {words: "the hot pool"},
		External("faucet"):   {Link{"rail", "faucet"}, "outside, over the rail faucet"},
		Pot(12):              {Link{"epoch", "12"}, "the pot of epoch 12"},
		Suspense(3):          {Link{"torrent", "3"}, "what is unclaimed of torrent 3"},
		Disputed(4):          {Link{"slash", "4"}, "the disputed penalty of slash 4"},
		Subsidy("2026-11"):   {Link{"subsidy", "2026-11"}, "the subsidy of 2026-11"},
		Sponsor(5):           {Link{"sponsor", "5"}, "the budget of sponsor 5"},
		Request(5):           {Link{"request", "5"}, "the bounty of request 5"},
		Locked(6):            {Link{"lock", "6"}, "lock 6"},
		Vesting(7):           {Link{"claim", "7"}, "the vesting fees of claim 7"},
		Probation(8):         {Link{"member", "8"}, "pay of member 8 on probation"},
		Available(9):         {Link{"member", "9"}, "what member 9 can spend"},
		Staked(4294967295):   {Link{"member", "4294967295"}, "the stake of member 4294967295"},
		Unbonding(1):         {Link{"member", "1"}, "the unbonding stake of member 1"},
		Allowance(1):         {Link{"member", "1"}, "the free allowance of member 1"},
		Collateral(2):        {Link{"node", "2"}, "the collateral of node 2"},
		Retained(2):          {Link{"node", "2"}, "what node 2 earned and keeps as collateral"},
		Account("order/123"): {Link{"order", "123"}, "order 123"},
	} {
		got, err := ParseAccount(string(account))
		link, named := got.Subject()
		if err != nil || got != account || link != want.link || named != (want.link != Link{}) || got.Words() != want.words {
			t.Errorf("%s: %q, %v, %v, %q, %v", account, got, link, named, got.Words(), err)
		}
	}
	for _, text := range []string{"", "gold", "Treasury", "treasury/", "pot", "pot/", "pot/x", "pot/-1", "pot/01", "pot/1/2", "pot/99999999999999999999", "member/1",
		"member/1/stake", "member//available", "member/1/2/available", "member/available", "node/1", "external/", "external/A", "external/a/b", "subsidy/2026-13",
		"subsidy/2026", " treasury", "pool/hosting ", "external/" + strings.Repeat("x", MaxAccount)} {
		if got, err := ParseAccount(text); !errors.Is(err, ErrAccount) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestAccountsHoldTheirAssets(t *testing.T) {
	for account, want := range map[Account][]Asset{
		Treasury: {Token}, Burned: {Token}, PoolHot: {Token}, Pot(1): {Token}, Staked(1): {Token}, Collateral(1): {Token}, Locked(1): {Token},
		Available(1): {Token, Quote}, Reserve: {Quote}, Revenue: {Quote}, External("faucet"): {Quote}, Allowance(1): {Byte}, Spent: {Byte}, Issuance: {Token, Byte},
	} {
		for _, asset := range []Asset{Token, Quote, Byte} {
			if got := account.Holds(asset); got != slices.Contains(want, asset) {
				t.Errorf("%s holds %s: %v", account, asset, got)
			}
		}
	}
}

func TestWordsAndEvidence(t *testing.T) {
	for _, tt := range []struct {
		tr    Transfer
		words string
		links []Link
	}{
		{Transfer{Asset: Token, From: Available(5), To: Pot(7), Amount: 12_500_000, Code: CodeCharge, Ref: "flush/31"},
			"12.5 tokens from what member 5 can spend to the pot of epoch 7", []Link{{"flush", "31"}}},
		{Transfer{Asset: Token, From: Pot(7), To: Available(6), Amount: 1, Code: CodeUpload, Ref: "torrent/3 epoch/7"},
			"0.000001 tokens from the pot of epoch 7 to what member 6 can spend", []Link{{"torrent", "3"}, {"epoch", "7"}}},
		{Transfer{Asset: Byte, From: Allowance(5), To: Spent, Amount: 1 << 30, Code: CodeDownload, Ref: "flush/2"},
			"1073741824 bytes of allowance from the free allowance of member 5 to the used allowance", []Link{{"flush", "2"}}},
		{Transfer{Asset: Quote, From: External("voucher"), To: Available(5), Amount: 1_000_000, Code: CodeDeposit, Ref: "voucher AB-12"},
			"1 of quote money from outside, over the rail voucher to what member 5 can spend", nil},
		{Transfer{Asset: Token, From: Issuance, To: Treasury, Amount: 1_000_000, Code: CodeGrant, Ref: "see torrent/3"},
			"1 tokens from issuance to the treasury", nil},
	} {
		if got := tt.tr.Words(); got != tt.words {
			t.Errorf("words %q, want %q", got, tt.words)
		}
		if got := tt.tr.Evidence(); !slices.Equal(got, tt.links) {
			t.Errorf("%s: evidence %v, want %v", tt.tr.Ref, got, tt.links)
		}
	}
}

func TestParseHead(t *testing.T) {
	var h Head
	h, _ = h.Next(Transfer{ID: "x"}, nil)
	got, err := ParseHead(h.String())
	if err != nil || got != h || len(h.String()) != 64 {
		t.Errorf("%s: %s, %v", h, got, err)
	}
	if got, err := ParseHead(strings.ToUpper(h.String())); err != nil || got != h {
		t.Errorf("capital digits: %v", err)
	}
	for _, text := range []string{"", "00", h.String()[1:], h.String() + "0", "g" + h.String()[1:], " " + h.String()[1:]} {
		if got, err := ParseHead(text); !errors.Is(err, ErrHead) || got != (Head{}) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}
