package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	walletPage   = 100 // transfers shown at once
	unbondingMax = 200 // entries shown: all under way, and the last that are done
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
	wallet, gate, err := s.standing(r, m)
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
	entries, err := s.Store.Unbondings(r.Context(), m, unbondingMax)
	if err != nil {
		return err
	}
	views := []lineView{}
	for _, l := range lines {
		views = append(views, lineView{l.ID, l.Code, l.Ref, Utok(l.Amount), utc(l.AtMs), l.Balance, string(l.Other)})
	}
	v := s.walletView(wallet)
	v["max_price_utok_per_gib"] = Utok(limit) // 0: the default rule
	v["gate"], v["gate_state"], v["unbonding"] = gateOf(wallet, gate), gateView(gate), unbondingViews(entries)
	v["transfers"], v["next"] = views, formatBefore(next)
	return answer(w, http.StatusOK, v)
}

func (s *site) walletView(w store.Wallet) map[string]any {
	return map[string]any{
		"symbol": s.Rules().Economy.Symbol, "tier": w.Tier,
		"available_utok": Utok(w.Available), "reserved_utok": Utok(w.Reserved), "quote_available": Utok(w.Quote),
		"staked_utok": Utok(w.Staked), "free_stake_utok": Utok(w.Free), "unbonding_utok": Utok(w.Unbonding),
		"locked_utok": Utok(w.Locked), "vesting_utok": Utok(w.Vesting), "held_utok": Utok(w.Held), "probation_utok": Utok(w.Probation),
		"allowance_bytes": w.Allowance, "allowance_reserved_bytes": w.Promised,
	}
}

// gateView is where the gate stands for who joins next.
func gateView(g store.Gate) map[string]any {
	v := map[string]any{"route": g.Route, "price_utok": Utok(g.Price), "join_fee_utok": Utok(g.JoinFee), "members": g.Members, "full": g.Full}
	if g.Route == store.RouteGate {
		v["seats"] = g.Seats
	}
	return v
}

// standing reads a member's wallet and where the gate stands.
func (s *site) standing(r *http.Request, m bt.MemberID) (store.Wallet, store.Gate, error) {
	w, err := s.Store.Wallet(r.Context(), m)
	if err != nil {
		return w, store.Gate{}, err
	}
	g, err := s.Store.GateState(r.Context())
	return w, g, err
}

// unbondingView is stake or released earnings on their way to available.
type unbondingView struct {
	ID       int64      `json:"id"`
	Transfer string     `json:"transfer"`
	Amount   Utok       `json:"amount_utok"`
	Left     Utok       `json:"left_utok"`
	At       time.Time  `json:"at"`
	DueAt    time.Time  `json:"due_at"`
	DoneAt   *time.Time `json:"done_at"`
}

func unbondingViews(list []store.Unbonding) []unbondingView {
	out := []unbondingView{}
	for _, u := range list {
		out = append(out, unbondingView{u.ID, u.Transfer, Utok(u.Amount), Utok(u.Left), utc(u.AtMs), utc(u.DueMs), utcOrNil(u.DoneMs)})
	}
	return out
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

// movedView is what every request that moved a member's money answers.
func movedView(m store.Moved) map[string]any {
	transfers := m.Transfers
	if transfers == nil {
		transfers = []string{}
	}
	return map[string]any{"transfers": transfers, "available_utok": Utok(m.Available), "staked_utok": Utok(m.Staked), "quote_available": Utok(m.Quote)}
}
