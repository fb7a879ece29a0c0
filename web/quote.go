package web

import (
	"context"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Quote is what a torrent costs a member now, and whether they can begin. It promises nothing: the
// price that holds is that of the announce which begins the download, for QuoteFreeze.
type Quote struct {
	Price           Utok     `json:"price_utok_per_gib"`
	MultiplierPPM   int64    `json:"multiplier_ppm"`
	SaturationPPM   int64    `json:"saturation_ppm"`
	Size            bt.Bytes `json:"size_bytes"`
	Remaining       bt.Bytes `json:"remaining_bytes"`        // what is not metered yet
	Cost            Utok     `json:"cost_utok"`              // of what remains
	Budget          bt.Bytes `json:"budget_bytes"`           // what the member set for this torrent; 0: nothing
	Reserve         Utok     `json:"reserve_utok"`           // what must be free: the cost of what remains, at most of the budget
	MaxPrice        Utok     `json:"max_price_utok_per_gib"` // what the member set; 0: nothing
	Available       Utok     `json:"available_utok"`         // not held by other downloads
	AffordableBytes bt.Bytes `json:"affordable_bytes"`
	Affordable      bool     `json:"affordable"`
	Gate            Gate     `json:"gate"`
	Reason          string   `json:"reason"` // why not, and what to do; empty: nothing is in the way
	QuoteSeconds    int      `json:"quote_seconds"`
}

// Gate says whether a member's stake lets them download.
type Gate struct {
	Required Utok `json:"required_utok"`
	Staked   Utok `json:"staked_utok"`
	OK       bool `json:"ok"`
}

func (s *site) gate(w store.Wallet) Gate {
	g := Gate{Required: Utok(s.Economy.Gate), Staked: Utok(w.Staked)}
	if w.GatePrice > 0 {
		g.Required = Utok(w.GatePrice)
	}
	g.OK = w.GatePrice > 0 && w.Staked >= w.GatePrice
	return g
}

// quote computes what the announce path will ask for (ECONOMY §4): the price of everything that
// was not metered yet, at most of the budget, must be free.
func (s *site) quote(ctx context.Context, m bt.MemberID, t store.Torrent) (Quote, error) {
	w, err := s.Store.Wallet(ctx, m)
	if err != nil {
		return Quote{}, err
	}
	d, err := s.Store.Download(ctx, m, t.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Quote{}, err
	}
	budget, err := s.Store.BudgetOf(ctx, m, t.ID)
	if err != nil {
		return Quote{}, err
	}
	limit, err := s.Store.MaxPrice(ctx, m)
	if err != nil {
		return Quote{}, err
	}
	remaining := max(t.Size-d.Metered, 0)
	reserve := swarm.Reservable(remaining, budget)
	free := max(w.Available-w.Reserved+d.Reserved, 0)
	q := Quote{Price: Utok(t.Price.Price), MultiplierPPM: t.Price.MultiplierPPM, SaturationPPM: t.Price.SaturationPPM, Size: t.Size,
		Remaining: remaining, Cost: Utok(surge.Need(t.Price.Price, remaining)), Available: Utok(free), Gate: s.gate(w),
		Budget: budget, Reserve: Utok(surge.Need(t.Price.Price, reserve)), MaxPrice: Utok(limit), QuoteSeconds: int(s.Surge.QuoteFreeze.Seconds())}
	q.AffordableBytes = affordable(free, t.Price.Price, remaining)
	q.Affordable = free >= tokens.Amount(q.Reserve)
	q.Reason = s.reason(q)
	return q, nil
}

// affordable is how much of the bytes the funds pay for, rounded down.
func affordable(funds, price tokens.Amount, bytes bt.Bytes) bt.Bytes {
	if price == 0 || surge.Need(price, bytes) <= funds {
		return bytes
	}
	return bt.Bytes(tokens.MulDiv(int64(funds), int64(bt.GiB), int64(price))) // < bytes: it fits
}

func (s *site) reason(q Quote) string {
	switch {
	case !q.Gate.OK && q.Gate.Staked < q.Gate.Required:
		return fmt.Sprintf("Downloading needs a stake of %s; yours is %s. Stake %s more.", s.money(tokens.Amount(q.Gate.Required)),
			s.money(tokens.Amount(q.Gate.Staked)), s.money(tokens.Amount(q.Gate.Required-q.Gate.Staked)))
	case !q.Gate.OK:
		return "Your stake is high enough, but you have not joined yet: stake any amount to join."
	case q.MaxPrice > 0 && q.Price > q.MaxPrice:
		return fmt.Sprintf("The price is above your maximum of %s per GiB: wait until it falls, or raise your maximum in the wallet.", s.money(tokens.Amount(q.MaxPrice)))
	case !q.Affordable && q.Reserve < q.Cost:
		return fmt.Sprintf("Your budget for this download needs %s; you have %s free. Buy %s more.", s.money(tokens.Amount(q.Reserve)),
			s.money(tokens.Amount(q.Available)), s.money(tokens.Amount(q.Reserve-q.Available)))
	case !q.Affordable:
		return fmt.Sprintf("This download costs %s; you have %s free. Buy %s more.", s.money(tokens.Amount(q.Cost)),
			s.money(tokens.Amount(q.Available)), s.money(tokens.Amount(q.Cost-q.Available)))
	}
	return ""
}

// money is the one format of token amounts.
func (s *site) money(a tokens.Amount) string { return a.String() + " " + s.Economy.Symbol }

func (s *site) priceRule() string {
	p := s.Surge
	return fmt.Sprintf("price per GiB = %s x m; every %s, m moves by at most %s%% towards a saturation of %s%% (demand/capacity of the next %s, half-life %s), within %s..%s; a quote holds %s",
		s.money(p.Base), span(p.Step), percent(p.Delta), percent(p.Target), span(p.Window), span(p.HalfLife), tokens.Amount(p.MinMultiplier), tokens.Amount(p.MaxMultiplier), span(p.QuoteFreeze))
}

// percent writes parts per million as a percentage with what decimals it needs.
func percent(ppm int64) string { return tokens.Amount(ppm * 100).String() }
