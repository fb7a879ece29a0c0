package web

import (
	"net/http"
	"net/url"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

func (s *site) pageWallet(_ http.ResponseWriter, r *http.Request) (*view, error) {
	before, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	m := visitorOf(r).member.ID
	lines, next, err := s.Store.Statement(r.Context(), m, tokens.Token, before, walletPage)
	if err != nil {
		return nil, err
	}
	quotes, _, err := s.Store.Statement(r.Context(), m, tokens.Quote, 0, walletPage)
	if err != nil {
		return nil, err
	}
	w, err := s.Store.Wallet(r.Context(), m)
	if err != nil {
		return nil, err
	}
	limit, err := s.Store.MaxPrice(r.Context(), m)
	if err != nil {
		return nil, err
	}
	more := ""
	if next > 0 {
		more = "/wallet?cursor=" + formatBefore(next)
	}
	return &view{name: "wallet", title: "Wallet", data: map[string]any{"Lines": lines, "Quotes": quotes, "More": more, "W": w, "Gate": s.gate(w),
		"MaxPrice": limit, "MaxPriceText": showAmount(limit)}}, nil
}

// buyPage is the whole way to access on one page: amount, price, payment, stake.
type buyPage struct {
	Tokens      tokens.Amount // wanted
	Price       store.SalePrice
	Why         string // why it cannot be bought; empty: it can
	Sale        store.SaleState
	MaxCost     tokens.Amount // a little above the price, so that a neighbour's purchase does not spoil it
	Missing     tokens.Amount // quote to pay in first
	QuoteAfter  tokens.Amount
	TokensAfter tokens.Amount
	Gate        Gate
	StakeMore   tokens.Amount // to reach the gate; 0: reached
	JoinFee     tokens.Amount // due with it
	CanJoin     bool          // what is available covers both: step 3 is next
	W           store.Wallet
}

// headroomPPM is how much more than the quoted cost a purchase on the page may cost.
const headroomPPM = 10_000

func (s *site) buyView(r *http.Request, text string) (*view, error) {
	w, err := s.Store.Wallet(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return nil, err
	}
	p := buyPage{W: w, Gate: s.gate(w)}
	if w.GatePrice == 0 {
		p.JoinFee = s.Economy.JoinFee
	}
	p.StakeMore = max(tokens.Amount(p.Gate.Required)-w.Staked, 0)
	p.CanJoin = p.StakeMore > 0 && w.Available-w.Reserved >= p.StakeMore+p.JoinFee
	p.Tokens = p.suggestion(s.Economy)
	if text != "" {
		if p.Tokens, err = parseAmount(text); err != nil {
			return nil, err
		}
	}
	if p.Sale, err = s.Store.Sale(r.Context(), p.Tokens); err != nil {
		return nil, err
	}
	p.Price = p.Sale.Prices[0]
	if p.Price.Err != nil {
		p.Why = s.asProblem(r, p.Price.Err).Detail
	} else {
		p.MaxCost = p.Price.Cost + tokens.PPM(p.Price.Cost, headroomPPM) + 1
		p.Missing = wholeUnits(max(p.MaxCost-w.Quote, 0))
		p.QuoteAfter, p.TokensAfter = w.Quote+p.Missing-p.Price.Cost, w.Available+p.Tokens
	}
	return &view{name: "buy", title: "Buy access", data: p}, nil
}

// wholeUnits rounds up: nobody pays in a fraction.
func wholeUnits(a tokens.Amount) tokens.Amount {
	return (a + tokens.Unit - 1) / tokens.Unit * tokens.Unit
}

// suggestion is enough to join and to download a few GiB.
func (p buyPage) suggestion(e store.Economy) tokens.Amount {
	const gib = 5
	need := p.StakeMore + p.JoinFee + gib*e.BasePrice
	return max(need-p.W.Available, e.BasePrice, tokens.Unit)
}

func (s *site) pageBuy(_ http.ResponseWriter, r *http.Request) (*view, error) {
	v, err := s.buyView(r, r.URL.Query().Get("tokens"))
	if err == nil {
		return v, nil
	}
	p := err
	if v, err = s.buyView(r, ""); err != nil {
		return nil, err
	}
	return s.again(r, v, p)
}

// moneyForm reads a form that moves money: its key and what it asks.
func moneyForm(r *http.Request) (store.Once, url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return store.Once{}, nil, badForm(err)
	}
	key := r.PostForm.Get("key")
	if key == "" || len(key) > maxKey {
		return store.Once{}, nil, fail(http.StatusBadRequest, "idempotency_key", "The form is incomplete; load the page again.")
	}
	form := url.Values{}
	for name, v := range r.PostForm {
		if name != "key" {
			form[name] = v
		}
	}
	return onceFor(r, key, []byte(form.Encode())), form, nil
}

// moneyPage runs a form that moves money and goes back to the buying page, with what was wrong.
func (s *site) moneyPage(w http.ResponseWriter, r *http.Request, do func(o store.Once, form url.Values) (next string, err error)) (*view, error) {
	o, form, err := moneyForm(r)
	if err != nil {
		return nil, err
	}
	next, err := do(o, form)
	if err == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := s.buyView(r, form.Get("tokens"))
	if viewErr != nil {
		if v, viewErr = s.buyView(r, ""); viewErr != nil {
			return nil, viewErr
		}
	}
	return s.again(r, v, err)
}

func (s *site) doDeposit(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, func(o store.Once, form url.Values) (string, error) {
		amount, err := parseAmount(form.Get("amount"))
		if err != nil {
			return "", err
		}
		_, err = s.deposit(r.Context(), o, railFaucet, amount)
		return "/buy?" + url.Values{"tokens": {form.Get("tokens")}}.Encode(), err
	})
}

func (s *site) doBuy(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, func(o store.Once, form url.Values) (string, error) {
		var order store.Order
		var err error
		if order.Tokens, err = parseAmount(form.Get("tokens")); err != nil {
			return "", err
		}
		if order.MaxCost, err = parseAmount(form.Get("max_cost")); err != nil {
			return "", err
		}
		_, err = s.Store.Buy(r.Context(), o, order)
		return "/buy#stake", err
	})
}

func (s *site) doStake(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, func(o store.Once, form url.Values) (string, error) {
		amount, err := parseAmount(form.Get("amount"))
		if err != nil {
			return "", err
		}
		_, err = s.Store.Stake(r.Context(), o, amount)
		return "/wallet", err
	})
}

func (s *site) hostingView(r *http.Request, code string, expiresMs int64) (*view, error) {
	nodes, err := s.Store.MemberNodes(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return nil, err
	}
	return &view{name: "hosting", title: "Hosting", data: map[string]any{"Nodes": nodes, "Code": code, "Expires": expiresMs, "BaseURL": s.BaseURL}}, nil
}

func (s *site) pageHosting(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.hostingView(r, "", 0)
}

func (s *site) doCode(_ http.ResponseWriter, r *http.Request) (*view, error) {
	code, expires, err := s.pairingCode(r)
	if err != nil {
		return nil, err
	}
	return s.hostingView(r, code, expires)
}

func (s *site) doPledge(w http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := nodeID(r)
	if err != nil {
		return nil, err
	}
	o, form, err := moneyForm(r)
	if err != nil {
		return nil, err
	}
	amount, err := parseAmount(form.Get("amount"))
	if err == nil {
		_, err = s.Store.Pledge(r.Context(), o, n, amount)
	}
	if err != nil {
		v, viewErr := s.hostingView(r, "", 0)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/hosting", http.StatusSeeOther)
	return nil, nil
}
