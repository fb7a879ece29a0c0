package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

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
	Full        bool          // nobody can join
	Unbonding   time.Duration // that taking the stake out takes
	CanJoin     bool          // what is available covers both: step 3 is next
	W           store.Wallet
	Presets     []buyPreset
	Has         buyWorth
	Next        string // page to lead back to; empty: none
}

// Chosen reports whether steps 1 and 2 are behind the member, who asks for no further tokens.
func (p buyPage) Chosen() bool { return p.Has.Given == "" && (p.CanJoin || p.Gate.OK) }

// headroomPPM is how much more than the quoted cost a purchase on the page may cost.
const headroomPPM = 10_000

func (s *site) buyView(r *http.Request, text, next string) (*view, error) {
	w, gate, err := s.standing(r, visitorOf(r).member.ID)
	if err != nil {
		return nil, err
	}
	e := s.Rules().Economy
	p := buyPage{W: w, Gate: gateOf(w, gate), Full: gate.Full && w.GatePrice == 0, Unbonding: max(e.UnbondingTime, e.AppealWindow)}
	if w.GatePrice == 0 {
		p.JoinFee = gate.JoinFee
	}
	p.StakeMore = max(tokens.Amount(p.Gate.Required)-w.Staked, 0)
	p.CanJoin = p.StakeMore > 0 && !p.Full && w.Available-w.Reserved >= p.StakeMore+p.JoinFee
	p.Next = localPath(next, "")
	p.Tokens = p.suggestion(e)
	p.Presets = presets(p.Tokens, p.StakeMore > 0 && !p.CanJoin)
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
	if p.Has, err = s.worth(r, p, text); err != nil {
		return nil, err
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
	q := r.URL.Query()
	v, err := s.buyView(r, q.Get("tokens"), q.Get("next"))
	if err == nil {
		return v, nil
	}
	p := err
	if v, err = s.buyView(r, "", q.Get("next")); err != nil {
		return nil, err
	}
	return s.again(r, v, p)
}

// backToBuy shows the buying page again, with the amount that was typed if it can be.
func (s *site) backToBuy(r *http.Request, form url.Values) (*view, error) {
	if v, err := s.buyView(r, form.Get("tokens"), form.Get("next")); err == nil {
		return v, nil
	}
	return s.buyView(r, "", form.Get("next"))
}

// buyURL is the buying page with the amount and the page to go on with that a form remembers.
func buyURL(form url.Values) string {
	q := url.Values{"tokens": {form.Get("tokens")}}
	if next := localPath(form.Get("next"), ""); next != "" {
		q.Set("next", next)
	}
	return "/buy?" + q.Encode()
}

// boughtURL is the buying page at its last step.
func boughtURL(form url.Values) string {
	if next := localPath(form.Get("next"), ""); next != "" {
		return "/buy?" + url.Values{"next": {next}}.Encode() + "#stake"
	}
	return "/buy#stake"
}

func (s *site) doDeposit(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.backToBuy, func(o store.Once, form url.Values) (string, error) {
		amount, err := parseAmount(form.Get("amount"))
		if err != nil {
			return "", err
		}
		_, err = s.deposit(r, o, store.RailFaucet, rail.Evidence{Amount: amount})
		return buyURL(form), err
	})
}

func (s *site) doVoucher(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.backToBuy, func(o store.Once, form url.Values) (string, error) {
		_, err := s.deposit(r, o, store.RailVoucher, rail.Evidence{Code: form.Get("code")})
		return buyURL(form), err
	})
}

func (s *site) doBuy(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.backToBuy, func(o store.Once, form url.Values) (string, error) {
		var order store.Order
		var err error
		if order.Tokens, err = parseAmount(form.Get("tokens")); err != nil {
			return "", err
		}
		if order.MaxCost, err = parseAmount(form.Get("max_cost")); err != nil {
			return "", err
		}
		_, err = s.Store.Buy(r.Context(), o, order)
		return boughtURL(form), err
	})
}

func (s *site) doStake(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.backToBuy, func(o store.Once, form url.Values) (string, error) {
		return s.stakeForm(r, localPath(form.Get("next"), "/wallet"))(o, form)
	})
}
