package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// payData is the page of what tokens are bought with: in, out, and every transfer of it.
type payData struct {
	W           store.Wallet
	Rails       []string
	Elsewhere   bool // some rail asks where to
	Withdrawals []withdrawalRow
	Lines       []store.Line
	More        string
	Code        string // of a withdrawal that was just made: shown once
	Amount      tokens.Amount
}

// withdrawalRow is a withdrawal with what can still be done about it.
type withdrawalRow struct {
	rail.Withdrawal
	Open bool // it may be taken back
}

func (s *site) payView(r *http.Request, before int64) (*view, error) {
	m := visitorOf(r).member.ID
	d := &payData{Rails: s.rails()}
	for _, name := range d.Rails {
		d.Elsewhere = d.Elsewhere || name != store.RailVoucher && name != store.RailFaucet
	}
	var err error
	if d.W, err = s.Store.Wallet(r.Context(), m); err != nil {
		return nil, err
	}
	list, err := s.Store.Withdrawals(r.Context(), m, withdrawalRows)
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		d.Withdrawals = append(d.Withdrawals, withdrawalRow{w, !w.State.Final()})
	}
	var next int64
	if d.Lines, next, err = s.Store.Statement(r.Context(), m, tokens.Quote, before, walletPage); err != nil {
		return nil, err
	}
	if next > 0 {
		d.More = "/wallet/pay?cursor=" + formatBefore(next)
	}
	return &view{name: "pay", title: "Pay in and out", data: d}, nil
}

func (s *site) backToPay(r *http.Request, _ url.Values) (*view, error) { return s.payView(r, 0) }

func (s *site) pagePay(_ http.ResponseWriter, r *http.Request) (*view, error) {
	before, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	return s.payView(r, before)
}

// doPayIn takes quote in by the rail that the form names.
func (s *site) doPayIn(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.backToPay, func(o store.Once, form url.Values) (string, error) {
		e := rail.Evidence{Code: strings.TrimSpace(form.Get("code"))}
		if text := form.Get("amount"); text != "" || form.Get("rail") == store.RailFaucet {
			var err error
			if e.Amount, err = parseAmount(text); err != nil {
				return "", err
			}
		}
		_, err := s.deposit(r, o, form.Get("rail"), e)
		return "/wallet/pay", err
	})
}

// doWithdraw answers with the page itself if there is a code to show, once.
func (s *site) doWithdraw(w http.ResponseWriter, r *http.Request) (*view, error) {
	var out store.Withdrawn
	v, err := s.moneyPage(w, r, s.backToPay, func(o store.Once, form url.Values) (string, error) {
		amount, err := parseAmount(form.Get("amount"))
		if err != nil {
			return "", err
		}
		out, err = s.withdraw(r, o, store.WithdrawOrder{Rail: form.Get("rail"), Amount: amount, To: strings.TrimSpace(form.Get("to"))})
		if out.Code != "" {
			return "", err
		}
		return "/wallet/pay#withdrawals", err
	})
	if v != nil || err != nil || out.Code == "" {
		return v, err
	}
	if v, err = s.payView(r, 0); err != nil {
		return nil, err
	}
	d := v.data.(*payData)
	d.Code, d.Amount = out.Code, out.Withdrawal.Amount
	return v, nil
}

func (s *site) doTakeBack(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	return s.moneyPage(w, r, s.backToPay, func(o store.Once, _ url.Values) (string, error) {
		_, err := s.Store.TakeBack(r.Context(), o, id)
		return "/wallet/pay#withdrawals", err
	})
}
