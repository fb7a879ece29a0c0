package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

const (
	walletPage = 100 // transfers shown at once
	maxQueries = 16  // amounts of one price query (ECONOMY §8)
	railFaucet = "faucet"
	maxDeposit = 1_000_000 * tokens.Unit // what the faucet gives at once
)

// lineView is a transfer in the API: one of the member's balances, signed from their point of view.
type lineView struct {
	ID      string      `json:"id"`
	Code    tokens.Code `json:"code"`
	Ref     string      `json:"ref"`
	Amount  Utok        `json:"amount_utok"`
	At      time.Time   `json:"at"`
	Balance string      `json:"balance"`
	Other   string      `json:"other"`
}

func (s *site) apiWallet(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member.ID
	before, err := parseBefore(r)
	if err != nil {
		return err
	}
	wallet, err := s.Store.Wallet(r.Context(), m)
	if err != nil {
		return err
	}
	lines, next, err := s.Store.Statement(r.Context(), m, tokens.Token, before, walletPage)
	if err != nil {
		return err
	}
	limit, err := s.Store.MaxPrice(r.Context(), m)
	if err != nil {
		return err
	}
	views := []lineView{}
	for _, l := range lines {
		views = append(views, lineView{l.ID, l.Code, l.Ref, Utok(l.Amount), utc(l.AtMs), l.Balance, string(l.Other)})
	}
	return answer(w, http.StatusOK, map[string]any{
		"symbol":         s.Economy.Symbol,
		"available_utok": Utok(wallet.Available), "staked_utok": Utok(wallet.Staked),
		"unbonding_utok": Utok(wallet.Unbonding), "held_utok": Utok(wallet.Held),
		"reserved_utok": Utok(wallet.Reserved), "quote_available": Utok(wallet.Quote),
		"max_price_utok_per_gib": Utok(limit), // 0: the default rule
		"gate":                   s.gate(wallet), "transfers": views, "next": formatBefore(next),
	})
}

func parseBefore(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("cursor")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, errCursor
	}
	return n, nil
}

func formatBefore(next int64) string {
	if next == 0 {
		return ""
	}
	return strconv.FormatInt(next, 10)
}

func (s *site) apiDeposit(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Rail   string `json:"rail"`
		Amount Utok   `json:"amount_quote"`
	}
	body, err := readJSON(r, &in)
	if err != nil {
		return err
	}
	o, err := onceAPI(r, body)
	if err != nil {
		return err
	}
	amount, err := positive(in.Amount, "amount_quote")
	if err != nil {
		return err
	}
	moved, err := s.deposit(r.Context(), o, in.Rail, amount)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, movedView(moved))
}

// deposit takes quote in. The only rail so far is the faucet, which exists for development.
func (s *site) deposit(ctx context.Context, o store.Once, rail string, amount tokens.Amount) (store.Moved, error) {
	if rail != railFaucet || !s.Dev {
		return store.Moved{}, fail(http.StatusUnprocessableEntity, "rail", "There is no such way to pay here. The faucet exists only with --dev.")
	}
	if amount > maxDeposit {
		return store.Moved{}, fail(http.StatusUnprocessableEntity, "amount", "The faucet gives at most %s %s at once.", maxDeposit, s.QuoteSymbol)
	}
	return s.Store.Deposit(ctx, o, rail, amount)
}

func movedView(m store.Moved) map[string]any {
	return map[string]any{"transfers": m.Transfers, "available_utok": Utok(m.Available), "staked_utok": Utok(m.Staked), "quote_available": Utok(m.Quote)}
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
	type price struct {
		Tokens Utok   `json:"tokens_utok"`
		Cost   *Utok  `json:"cost_quote"`
		Reason string `json:"reason,omitempty"`
	}
	prices := []price{}
	for _, p := range st.Prices {
		v := price{Tokens: Utok(p.Tokens)}
		if p.Err != nil {
			v.Reason = s.asProblem(r, p.Err).Detail
		} else {
			v.Cost = (*Utok)(&p.Cost)
		}
		prices = append(prices, v)
	}
	return answer(w, http.StatusOK, map[string]any{
		"symbol": s.Economy.Symbol, "quote_symbol": s.QuoteSymbol, "serial": st.Serial,
		"sold_utok": Utok(st.Sold), "limit_utok": Utok(st.Limit), "marginal_price_quote": Utok(st.Marginal),
		"reserve_quote": Utok(st.Reserve), "prices": prices,
	})
}

// parseAmounts reads whole tokens with up to 6 decimals, separated by commas.
func parseAmounts(text string) ([]tokens.Amount, error) {
	if text == "" {
		return nil, nil
	}
	words := strings.Split(text, ",")
	if len(words) > maxQueries {
		return nil, fail(http.StatusBadRequest, "amounts", "Ask for at most %d amounts at once.", maxQueries)
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

func (s *site) apiBuy(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		TokensUtok Utok   `json:"tokens_utok"`
		Tokens     string `json:"tokens"` // the same in whole tokens
		MaxCost    Utok   `json:"max_cost"`
	}
	body, err := readJSON(r, &in)
	if err != nil {
		return err
	}
	o, err := onceAPI(r, body)
	if err != nil {
		return err
	}
	if in.Tokens != "" {
		a, err := parseAmount(in.Tokens)
		if err != nil {
			return err
		}
		in.TokensUtok = Utok(a)
	}
	order := store.Order{}
	if order.Tokens, err = positive(in.TokensUtok, "tokens_utok"); err != nil {
		return err
	}
	if order.MaxCost, err = positive(in.MaxCost, "max_cost"); err != nil {
		return err
	}
	b, err := s.Store.Buy(r.Context(), o, order)
	if err != nil {
		return err
	}
	view := movedView(b.Moved)
	view["serial"], view["tokens_utok"], view["cost_quote"] = b.Serial, Utok(b.Tokens), Utok(b.Cost)
	return answer(w, http.StatusCreated, view)
}

func (s *site) apiStake(w http.ResponseWriter, r *http.Request) error {
	o, amount, err := amountBody(r)
	if err != nil {
		return err
	}
	moved, err := s.Store.Stake(r.Context(), o, amount)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, movedView(moved))
}

// amountBody reads {"amount_utok"} with its Idempotency-Key.
func amountBody(r *http.Request) (store.Once, tokens.Amount, error) {
	var in struct {
		Amount Utok `json:"amount_utok"`
	}
	body, err := readJSON(r, &in)
	if err != nil {
		return store.Once{}, 0, err
	}
	o, err := onceAPI(r, body)
	if err != nil {
		return o, 0, err
	}
	amount, err := positive(in.Amount, "amount_utok")
	return o, amount, err
}

func (s *site) apiParameters(w http.ResponseWriter, _ *http.Request) error {
	e, p := s.Economy, s.Surge
	out := map[string]any{
		"symbol": e.Symbol, "quote_symbol": s.QuoteSymbol, "gate_utok": Utok(e.Gate), "join_fee_utok": Utok(e.JoinFee),
		"sale_price_quote": Utok(e.SalePrice), "sale_limit_utok": Utok(e.SaleLimit), "appeal_seconds": e.AppealWindow.Seconds(),
		"epoch_seconds": s.Epoch.Seconds(), "price_rule": s.priceRule(),
		"surge": map[string]any{"base_utok_per_gib": Utok(p.Base), "window_seconds": p.Window.Seconds(), "half_life_seconds": p.HalfLife.Seconds(),
			"step_seconds": p.Step.Seconds(), "wanted_rate_bytes_per_second": p.WantedRate, "delta_ppm": p.Delta, "target_ppm": p.Target,
			"max_saturation_ppm": p.MaxSaturation, "min_multiplier_ppm": p.MinMultiplier, "max_multiplier_ppm": p.MaxMultiplier,
			"quote_freeze_seconds": p.QuoteFreeze.Seconds()},
	}
	for name, value := range s.Parameters {
		out[name] = value
	}
	return answer(w, http.StatusOK, out)
}
