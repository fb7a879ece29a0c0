package web

import (
	"net/http"
	"net/url"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// sellData is the selling page: how much, what it brings now, then the confirmation.
type sellData struct {
	W         store.Wallet
	Free      tokens.Amount // not reserved
	Capacity  store.SaleCapacity
	Text      string        // typed
	Tokens    tokens.Amount // 0: nothing was asked yet
	Refund    tokens.Amount
	MinRefund tokens.Amount // a little below the refund, so that a neighbour's sale does not spoil it
	Why       string        // why it cannot be sold; empty: it can
}

func (s *site) sellView(r *http.Request, text string) (*view, error) {
	d := &sellData{Text: text}
	v := &view{name: "sell", title: "Sell", data: d}
	var err error
	if d.W, err = s.Store.Wallet(r.Context(), visitorOf(r).member.ID); err != nil {
		return nil, err
	}
	d.Free = max(d.W.Available-d.W.Reserved, 0)
	if d.Capacity, err = s.Store.SaleCapacity(r.Context()); err != nil || text == "" {
		return v, err
	}
	amount, err := parseAmount(text)
	if err != nil {
		return s.again(r, v, err)
	}
	st, err := s.Store.Sale(r.Context(), amount)
	if err != nil {
		return nil, err
	}
	d.Tokens = amount
	s.offer(r, d, st.Prices[0])
	return v, nil
}

// offer says what the amount brings, or why it cannot be sold.
func (s *site) offer(r *http.Request, d *sellData, p store.SalePrice) {
	switch {
	case d.Tokens > d.Free:
		d.Why = s.asProblem(r, &store.FundsError{Asset: tokens.Token, Need: d.Tokens, Have: d.Free, Reserved: d.W.Reserved}).Detail
	case p.RefundErr != nil:
		d.Why = s.asProblem(r, p.RefundErr).Detail
	case p.Refund == 0:
		d.Why = "So few tokens bring nothing: sell more at once."
	default:
		d.Refund = p.Refund
		d.MinRefund = max(p.Refund-tokens.PPM(p.Refund, headroomPPM)-1, 1)
	}
}

func (s *site) pageSell(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.sellView(r, r.URL.Query().Get("tokens"))
}

func (s *site) doSell(w http.ResponseWriter, r *http.Request) (*view, error) {
	again := func(r *http.Request, form url.Values) (*view, error) { return s.sellView(r, form.Get("tokens")) }
	return s.moneyPage(w, r, again, func(o store.Once, form url.Values) (string, error) {
		var order store.SellOrder
		var err error
		if order.Tokens, err = parseAmount(form.Get("tokens")); err != nil {
			return "", err
		}
		if order.MinRefund, err = parseAmount(form.Get("min_refund")); err != nil {
			return "", err
		}
		_, err = s.Store.Sell(r.Context(), o, order)
		return "/wallet/pay", err
	})
}
