package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/stake"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	walletPage   = 100 // transfers shown at once
	unbondingMax = 200 // entries shown: all under way, and the last that are done
)

// lineView is a transfer in the API: one of the member's balances, signed from their point of view.
type lineView struct {
	ID      string      `json:"id"`
	Code    tokens.Code `json:"code" doc:"why it was made"`
	Ref     string      `json:"ref" doc:"what it is about"`
	Amount  Utok        `json:"amount_utok" doc:"negative: it went"`
	At      time.Time   `json:"at"`
	Balance string      `json:"balance" doc:"which of the member's balances it changed"`
	Other   string      `json:"other" doc:"the account on the other side"`
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
	v.MaxPrice, v.Gate, v.GateState, v.UnbondingEntries = Utok(limit), gateOf(wallet, gate), gateView(gate), unbondingViews(entries)
	v.Transfers, v.Next = views, formatBefore(next)
	return answer(w, http.StatusOK, v)
}

// walletAnswer is what a member has, and the last that happened to it.
type walletAnswer struct {
	Symbol           string          `json:"symbol" doc:"of the token"`
	Tier             stake.Tier      `json:"tier" enum:"guest,member,host"`
	Available        Utok            `json:"available_utok" doc:"can be spent now"`
	Reserved         Utok            `json:"reserved_utok" doc:"held for running downloads"`
	Quote            Utok            `json:"quote_available" doc:"of what tokens are bought with"`
	Staked           Utok            `json:"staked_utok"`
	Free             Utok            `json:"free_stake_utok" doc:"staked, and pledged to no node"`
	Unbonding        Utok            `json:"unbonding_utok" doc:"on its way to available"`
	Locked           Utok            `json:"locked_utok"`
	Vesting          Utok            `json:"vesting_utok" doc:"claimed fees that are released with time"`
	Held             Utok            `json:"held_utok" doc:"collateral, retained earnings and what is disputed"`
	Probation        Utok            `json:"probation_utok" doc:"earned, and paid once it is believed"`
	Allowance        bt.Bytes        `json:"allowance_bytes" doc:"that cost nothing, left"`
	Promised         bt.Bytes        `json:"allowance_reserved_bytes" doc:"of them held for running downloads"`
	MaxPrice         Utok            `json:"max_price_utok_per_gib" doc:"what the member consents to pay; 0: the default rule"`
	Gate             Gate            `json:"gate" doc:"whether the stake lets the member download"`
	GateState        gateAnswer      `json:"gate_state" doc:"where the gate stands for who joins next"`
	UnbondingEntries []unbondingView `json:"unbonding" doc:"those under way, and the last that are done"`
	Transfers        []lineView      `json:"transfers" doc:"of tokens, newest first"`
	Next             string          `json:"next" doc:"cursor of the next page of transfers; empty: this was the last"`
}

func (s *site) walletView(w store.Wallet) walletAnswer {
	return walletAnswer{Symbol: s.Rules().Economy.Symbol, Tier: w.Tier, Available: Utok(w.Available), Reserved: Utok(w.Reserved), Quote: Utok(w.Quote),
		Staked: Utok(w.Staked), Free: Utok(w.Free), Unbonding: Utok(w.Unbonding), Locked: Utok(w.Locked), Vesting: Utok(w.Vesting), Held: Utok(w.Held),
		Probation: Utok(w.Probation), Allowance: w.Allowance, Promised: w.Promised}
}

// gateAnswer is where the gate stands for who joins next.
type gateAnswer struct {
	Route   string `json:"route" enum:"surge-download,surge-gate" doc:"whether the price of downloads moves, or that of joining"`
	Price   Utok   `json:"price_utok" doc:"the stake that is wanted"`
	JoinFee Utok   `json:"join_fee_utok"`
	Members int64  `json:"members"`
	Full    bool   `json:"full" doc:"nobody can join"`
	Seats   *int64 `json:"seats,omitempty" doc:"that are left, where the route is the gate"`
}

func gateView(g store.Gate) gateAnswer {
	v := gateAnswer{Route: g.Route, Price: Utok(g.Price), JoinFee: Utok(g.JoinFee), Members: g.Members, Full: g.Full}
	if g.Route == store.RouteGate {
		v.Seats = &g.Seats
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
	Transfer string     `json:"transfer" doc:"that made it"`
	Amount   Utok       `json:"amount_utok"`
	Left     Utok       `json:"left_utok" doc:"still to come: penalties reach it until then"`
	At       time.Time  `json:"at"`
	DueAt    time.Time  `json:"due_at"`
	DoneAt   *time.Time `json:"done_at" doc:"when what was left became available; null: not yet"`
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

// movedAnswer is what every request that moved a member's money answers.
type movedAnswer struct {
	Transfers []string `json:"transfers" doc:"ids of the transfers that were made"`
	Available Utok     `json:"available_utok" doc:"what the member can spend after it"`
	Staked    Utok     `json:"staked_utok" doc:"likewise, of the stake"`
	Quote     Utok     `json:"quote_available" doc:"likewise, of what tokens are bought with"`
}

func movedView(m store.Moved) movedAnswer {
	transfers := m.Transfers
	if transfers == nil {
		transfers = []string{}
	}
	return movedAnswer{transfers, Utok(m.Available), Utok(m.Staked), Utok(m.Quote)}
}
