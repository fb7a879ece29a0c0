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
	Cost         *Utok  `json:"cost_quote" doc:"null: it cannot be bought"`
	Reason       string `json:"reason,omitempty" doc:"why not"`
	Refund       *Utok  `json:"refund_quote" doc:"null: it cannot be sold back"`
	RefundReason string `json:"refund_reason,omitempty" doc:"why not"`
}

// saleAnswer is where the sale stands.
type saleAnswer struct {
	Symbol      string          `json:"symbol" doc:"of the token"`
	QuoteSymbol string          `json:"quote_symbol" doc:"of what it is bought with"`
	Serial      int64           `json:"serial" doc:"of the last trade"`
	Sold        Utok            `json:"sold_utok"`
	Limit       Utok            `json:"limit_utok" doc:"the most that is ever sold"`
	Marginal    Utok            `json:"marginal_price_quote" doc:"of the next token"`
	Reserve     Utok            `json:"reserve_quote"`
	Prices      []salePriceView `json:"prices" doc:"of the amounts that were asked for"`
	Capacity    capacityAnswer  `json:"capacity"`
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
	return answer(w, http.StatusOK, saleAnswer{s.Rules().Economy.Symbol, s.QuoteSymbol, st.Serial, Utok(st.Sold), Utok(st.Limit), Utok(st.Marginal), Utok(st.Reserve), prices, capacityView(c)})
}

func (s *site) priceOr(r *http.Request, price tokens.Amount, err error) (*Utok, string) {
	if err != nil {
		return nil, s.asProblem(r, err).Detail
	}
	return (*Utok)(&price), ""
}

// capacityView is what the sale can still give and take.
type capacityAnswer struct {
	Available  Utok `json:"available_utok" doc:"can still be bought"`
	Redeemable Utok `json:"redeemable_utok" doc:"can be sold back"`
	Supply     Utok `json:"supply_utok"`
	Price      Utok `json:"price_quote"`
	Floor      Utok `json:"floor_quote"`
	Locked     Utok `json:"locked_quote"`
	Buffer     Utok `json:"buffer_quote"`
	Mature     Utok `json:"mature_buffer_quote"`
}

func capacityView(c store.SaleCapacity) capacityAnswer {
	return capacityAnswer{Utok(c.Available), Utok(c.Sold), Utok(c.Supply), Utok(c.Price), Utok(c.Floor), Utok(c.Locked), Utok(c.Buffer), Utok(c.Mature)}
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
	TokensUtok Utok   `json:"tokens_utok,omitempty" doc:"or tokens"`
	Tokens     string `json:"tokens,omitempty" doc:"whole tokens with at most 6 decimals, such as 0.5; or tokens_utok"`
}

func (t tokensIn) amount() (tokens.Amount, error) {
	if t.Tokens != "" {
		return parseAmount(t.Tokens)
	}
	return positive(t.TokensUtok, "tokens_utok")
}

// buyBody is an order to buy.
type buyBody struct {
	tokensIn
	MaxCost Utok `json:"max_cost" doc:"in quote; if it costs more by then, nothing happens"`
}

func (s *site) apiBuy(w http.ResponseWriter, r *http.Request) error {
	var in buyBody
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

// boughtAnswer is what was bought.
type boughtAnswer struct {
	movedAnswer
	Serial int64 `json:"serial" doc:"of the trade"`
	Tokens Utok  `json:"tokens_utok"`
	Cost   Utok  `json:"cost_quote"`
}

func boughtView(b store.Bought) boughtAnswer {
	return boughtAnswer{movedView(b.Moved), b.Serial, Utok(b.Tokens), Utok(b.Cost)}
}

// exchangeBody is an order for as much as a sum buys.
type exchangeBody struct {
	Serial  int64 `json:"serial" doc:"the member's own; it rises from one exchange to the next"`
	Min     Utok  `json:"min_utok" doc:"if it would buy less, nothing happens"`
	Max     Utok  `json:"max_utok"`
	MaxCost Utok  `json:"max_cost" doc:"in quote"`
}

// apiExchange buys the most tokens from min to max that cost at most max_cost, or nothing. Serial
// is the member's own and rises from one exchange to the next.
func (s *site) apiExchange(w http.ResponseWriter, r *http.Request) error {
	var in exchangeBody
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

// sellBody is an order to sell back.
type sellBody struct {
	tokensIn
	MinRefund Utok `json:"min_refund" doc:"in quote; if it brings less by then, nothing happens"`
}

// soldView is what was sold back.
type soldView struct {
	movedAnswer
	Serial int64 `json:"serial" doc:"of the trade"`
	Tokens Utok  `json:"tokens_utok"`
	Refund Utok  `json:"refund_quote"`
}

func (s *site) apiSell(w http.ResponseWriter, r *http.Request) error {
	var in sellBody
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
	return answer(w, http.StatusCreated, soldView{movedView(sold.Moved), sold.Serial, Utok(sold.Tokens), Utok(sold.Refund)})
}
