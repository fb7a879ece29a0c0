package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Quote is what a torrent costs a member now, and whether they can begin. It promises nothing: the
// price that holds is that of the announce which begins the download, for QuoteFreeze, and the free
// allowance may be taken by another download first.
type Quote struct {
	Price           Utok       `json:"price_utok_per_gib"`
	MultiplierPPM   int64      `json:"multiplier_ppm"`
	SaturationPPM   int64      `json:"saturation_ppm"`
	Size            bt.Bytes   `json:"size_bytes"`
	Remaining       bt.Bytes   `json:"remaining_bytes"`        // what is not metered yet
	FreeUntil       *time.Time `json:"free_until"`             // freeleech: nothing of it costs anything; null: it does
	Allowance       bt.Bytes   `json:"allowance_bytes"`        // free, and not held by other downloads
	Covered         bt.Bytes   `json:"covered_bytes"`          // of what remains, by the allowance
	Cost            Utok       `json:"cost_utok"`              // of the rest
	Budget          bt.Bytes   `json:"budget_bytes"`           // what the member set for this torrent; 0: nothing
	Reserve         Utok       `json:"reserve_utok"`           // what must be free: the cost of what remains, at most of the budget
	MaxPrice        Utok       `json:"max_price_utok_per_gib"` // what the member set; 0: nothing
	Available       Utok       `json:"available_utok"`         // not held by other downloads
	AffordableBytes bt.Bytes   `json:"affordable_bytes"`
	Affordable      bool       `json:"affordable"`
	Gate            Gate       `json:"gate"`
	Reason          string     `json:"reason"` // why not, and what to do; empty: nothing is in the way
	QuoteSeconds    int        `json:"quote_seconds"`

	reserving bt.Bytes // of what remains, as much as is to be reserved
	full      bool     // nobody can join
	joined    bool     // the fee for joining is paid
}

// free reports whether nothing needs to be paid, so that neither gate nor price are in the way: a
// torrent that is free, or an allowance that covers all that is to be reserved (ECONOMY §2).
func (q Quote) free() bool { return q.FreeUntil != nil || q.Covered >= q.reserving }

// Gate says whether a member's stake lets them download.
type Gate struct {
	Required Utok `json:"required_utok"`
	Staked   Utok `json:"staked_utok"`
	OK       bool `json:"ok"`
}

// gateOf is the gate as a member meets it: at the price they passed, or where it stands now.
func gateOf(w store.Wallet, now store.Gate) Gate {
	g := Gate{Required: Utok(now.Price), Staked: Utok(w.Staked)}
	if w.GatePrice > 0 {
		g.Required = Utok(w.GatePrice)
	}
	g.OK = w.GatePrice > 0 && w.Staked >= w.GatePrice
	return g
}

// isFree reports whether a torrent costs nothing now.
func (s *site) isFree(t store.Torrent) bool { return s.Now().UnixMilli() < t.FreeUntilMs }

// taken is what the meter says a download has already (as package swarm reckons it).
func taken(d swarm.DownloadRow) bt.Bytes {
	admitted := d.Metered - d.PassMetered
	return max(admitted, min(admitted+d.Corroborated, d.MaxLeft-d.MinLeft))
}

// quote computes what the announce path will ask for (ECONOMY §4): the price of everything that
// was not metered yet and the allowance does not cover, at most of the budget, must be free.
func (s *site) quote(ctx context.Context, m bt.MemberID, t store.Torrent) (Quote, error) {
	w, err := s.Store.Wallet(ctx, m)
	if err != nil {
		return Quote{}, err
	}
	gate, err := s.Store.GateState(ctx)
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
	q := Quote{Price: Utok(t.Price.Price), MultiplierPPM: t.Price.MultiplierPPM, SaturationPPM: t.Price.SaturationPPM, Size: t.Size,
		Remaining: max(t.Size-taken(d), 0), Gate: gateOf(w, gate), Budget: budget, MaxPrice: Utok(limit), full: gate.Full, joined: w.GatePrice > 0,
		Available: Utok(max(w.Available-w.Reserved+d.Reserved, 0)), Allowance: max(w.Allowance-w.Promised+d.ReservedFree, 0),
		QuoteSeconds: int(s.Rules().Surge.QuoteFreeze.Seconds())}
	if s.isFree(t) {
		q.FreeUntil = utcOrNil(t.FreeUntilMs)
	}
	q.fill(t.Price.Price)
	q.Reason = s.reason(q)
	return q, nil
}

// fill computes the sums of a quote.
func (q *Quote) fill(price tokens.Amount) {
	if q.FreeUntil != nil {
		q.AffordableBytes, q.Affordable = q.Remaining, true
		return
	}
	if q.reserving = q.Remaining; q.Gate.OK { // a guest's budget does not count
		q.reserving = swarm.Reservable(q.Remaining, q.Budget)
	}
	q.Covered = min(q.Remaining, q.Allowance)
	q.Cost = Utok(surge.Need(price, q.Remaining-q.Covered))
	q.Reserve = Utok(surge.Need(price, max(q.reserving-q.Covered, 0)))
	q.AffordableBytes = q.Covered + affordable(tokens.Amount(q.Available), price, q.Remaining-q.Covered)
	q.Affordable = q.Available >= q.Reserve
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
	case q.free():
		return ""
	case !q.Gate.OK:
		return s.gateReason(q) + s.allowanceReason(q)
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

// gateReason says what is missing to pass the gate.
func (s *site) gateReason(q Quote) string {
	switch {
	case q.Gate.Staked < q.Gate.Required && q.full:
		return "All seats are taken: nobody can join until somebody leaves."
	case q.Gate.Staked < q.Gate.Required:
		return fmt.Sprintf("Downloading needs a stake of %s; yours is %s. Stake %s more.", s.money(tokens.Amount(q.Gate.Required)),
			s.money(tokens.Amount(q.Gate.Staked)), s.money(tokens.Amount(q.Gate.Required-q.Gate.Staked)))
	}
	return "Your stake is high enough, but you have not joined yet: stake any amount to join."
}

// allowanceReason says what the allowance could do without a stake, if anything.
func (s *site) allowanceReason(q Quote) string {
	if q.Allowance > 0 {
		return fmt.Sprintf(" Your free allowance of %s is enough for smaller torrents without a stake.", showBytes(q.Allowance))
	}
	return ""
}

// money is the one format of token amounts.
func (s *site) money(a tokens.Amount) string { return a.String() + " " + s.Rules().Economy.Symbol }

func (s *site) priceRule() string {
	p := s.Rules().Surge
	return fmt.Sprintf("price per GiB = %s x m; every %s, m moves by at most %s%% towards a saturation of %s%% (demand/capacity of the next %s, half-life %s), within %s..%s; a quote holds %s",
		s.money(p.Base), span(p.Step), percent(p.Delta), percent(p.Target), span(p.Window), span(p.HalfLife), tokens.Amount(p.MinMultiplier), tokens.Amount(p.MaxMultiplier), span(p.QuoteFreeze))
}

// percent writes parts per million as a percentage with what decimals it needs.
func percent(ppm int64) string { return tokens.Amount(ppm * 100).String() }
