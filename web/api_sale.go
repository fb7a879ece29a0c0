package web

import (
	"net/http"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// salePriceView is what an amount would cost and bring now; what cannot be has a reason instead.
type salePriceView struct {
	Tokens       Utok   `json:"tokens_utok"`
	Cost         *Utok  `json:"cost_quote"`
	Reason       string `json:"reason,omitempty"`
	Refund       *Utok  `json:"refund_quote"`
	RefundReason string `json:"refund_reason,omitempty"`
}

func (s *site) apiSale(w http.ResponseWriter, r *http.Request) error {
	amounts, err := parseAmounts(r.URL.Query().Get("amounts"))
	if err != nil {
		return err
	}
	st, err := s.Store.Sale(r.Context(), amounts...)
	if err != nil {
		return err
	}
	c, err := s.Store.SaleCapacity(r.Context())
	if err != nil {
		return err
	}
	prices := []salePriceView{}
	for _, p := range st.Prices {
		v := salePriceView{Tokens: Utok(p.Tokens)}
		v.Cost, v.Reason = s.priceOr(r, p.Cost, p.Err)
		v.Refund, v.RefundReason = s.priceOr(r, p.Refund, p.RefundErr)
		prices = append(prices, v)
	}
	return answer(w, http.StatusOK, map[string]any{
		"symbol": s.Rules().Economy.Symbol, "quote_symbol": s.QuoteSymbol, "serial": st.Serial,
		"sold_utok": Utok(st.Sold), "limit_utok": Utok(st.Limit), "marginal_price_quote": Utok(st.Marginal),
		"reserve_quote": Utok(st.Reserve), "prices": prices, "capacity": capacityView(c),
	})
}

func (s *site) priceOr(r *http.Request, price tokens.Amount, err error) (*Utok, string) {
	if err != nil {
		return nil, s.asProblem(r, err).Detail
	}
	return (*Utok)(&price), ""
}

// capacityView is what the sale can still give and take.
func capacityView(c store.SaleCapacity) map[string]any {
	return map[string]any{
		"available_utok": Utok(c.Available), "redeemable_utok": Utok(c.Sold), "supply_utok": Utok(c.Supply),
		"price_quote": Utok(c.Price), "floor_quote": Utok(c.Floor),
		"locked_quote": Utok(c.Locked), "buffer_quote": Utok(c.Buffer), "mature_buffer_quote": Utok(c.Mature),
	}
}

// parseAmounts reads whole tokens with up to 6 decimals, separated by commas.
func parseAmounts(text string) ([]tokens.Amount, error) {
	if text == "" {
		return nil, nil
	}
	words := strings.Split(text, ",")
	if len(words) > store.MaxSalePrices {
		return nil, fail(http.StatusBadRequest, "amounts", "Ask for at most %d amounts at once.", store.MaxSalePrices)
	}
	var out []tokens.Amount
	for _, word := range words {
		a, err := parseAmount(word)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// parseAmount reads what a person types.
func parseAmount(text string) (tokens.Amount, error) {
	a, err := tokens.ParseAmount(strings.TrimSpace(text))
	if err != nil || a == 0 {
		return 0, fail(http.StatusUnprocessableEntity, "amount", "Give an amount above 0, such as 12 or 0.5, with at most 6 decimals.")
	}
	return a, nil
}

// tokensIn are the fields in which a trade names its tokens: in the smallest unit, or whole ones
// with decimals.
type tokensIn struct {
	TokensUtok Utok   `json:"tokens_utok"`
	Tokens     string `json:"tokens"`
}

func (t tokensIn) amount() (tokens.Amount, error) {
	if t.Tokens != "" {
		return parseAmount(t.Tokens)
	}
	return positive(t.TokensUtok, "tokens_utok")
}

func (s *site) apiBuy(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		tokensIn
		MaxCost Utok `json:"max_cost"`
	}
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	order := store.Order{}
	if order.Tokens, err = in.amount(); err != nil {
		return err
	}
	if order.MaxCost, err = positive(in.MaxCost, "max_cost"); err != nil {
		return err
	}
	b, err := s.Store.Buy(r.Context(), o, order)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, boughtView(b))
}

func boughtView(b store.Bought) map[string]any {
	v := movedView(b.Moved)
	v["serial"], v["tokens_utok"], v["cost_quote"] = b.Serial, Utok(b.Tokens), Utok(b.Cost)
	return v
}

// apiExchange buys the most tokens from min to max that cost at most max_cost, or nothing. Serial
// is the member's own and rises from one exchange to the next.
func (s *site) apiExchange(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Serial  int64 `json:"serial"`
		Min     Utok  `json:"min_utok"`
		Max     Utok  `json:"max_utok"`
		MaxCost Utok  `json:"max_cost"`
	}
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	if in.Serial < 1 {
		return fail(http.StatusUnprocessableEntity, "serial", "serial must be a whole number from 1 on, higher than that of your last exchange.")
	}
	order := store.ExchangeOrder{Serial: in.Serial}
	for _, f := range []struct {
		in   Utok
		name string
		into *tokens.Amount
	}{{in.Min, "min_utok", &order.Min}, {in.Max, "max_utok", &order.Max}, {in.MaxCost, "max_cost", &order.MaxCost}} {
		if *f.into, err = positive(f.in, f.name); err != nil {
			return err
		}
	}
	b, err := s.Store.Exchange(r.Context(), o, order)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, boughtView(b))
}

func (s *site) apiSell(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		tokensIn
		MinRefund Utok `json:"min_refund"`
	}
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	order := store.SellOrder{}
	if order.Tokens, err = in.amount(); err != nil {
		return err
	}
	if order.MinRefund, err = positive(in.MinRefund, "min_refund"); err != nil {
		return err
	}
	sold, err := s.Store.Sell(r.Context(), o, order)
	if err != nil {
		return err
	}
	v := movedView(sold.Moved)
	v["serial"], v["tokens_utok"], v["refund_quote"] = sold.Serial, Utok(sold.Tokens), Utok(sold.Refund)
	return answer(w, http.StatusCreated, v)
}
