package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// walletData is the wallet's first page: every balance, and every transfer that made them.
type walletData struct {
	W            store.Wallet
	Gate         Gate
	UnbondsMs    int64 // when the first of what is unbonding becomes available; 0: nothing is
	DecidedMs    int64 // when probation is over for the first of it at the latest; 0: nothing is on it
	Live         liveMoney
	Earned       *bars // of the last days; nil: nothing
	EarnedDays   int
	Lines        []store.Line
	More         string
	MaxPrice     tokens.Amount
	MaxPriceText string
}

func (s *site) pageWallet(_ http.ResponseWriter, r *http.Request) (*view, error) {
	before, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	m := visitorOf(r).member.ID
	d := &walletData{}
	var next int64
	if d.Lines, next, err = s.Store.Statement(r.Context(), m, tokens.Token, before, walletPage); err != nil {
		return nil, err
	}
	w, gate, err := s.standing(r, m)
	if err != nil {
		return nil, err
	}
	d.W, d.Gate = w, gateOf(w, gate)
	if d.MaxPrice, err = s.Store.MaxPrice(r.Context(), m); err != nil {
		return nil, err
	}
	d.MaxPriceText = showAmount(d.MaxPrice)
	if next > 0 {
		d.More = "/wallet?cursor=" + formatBefore(next) + "#moves"
	}
	if err := s.fillWallet(r, d); err != nil {
		return nil, err
	}
	return &view{name: "wallet", title: "Wallet", data: d}, nil
}

// fillWallet reads what runs, what was earned and when what is tied up becomes free.
func (s *site) fillWallet(r *http.Request, d *walletData) (err error) {
	m := visitorOf(r).member.ID
	if d.Live, err = s.liveOf(r.Context(), m); err != nil {
		return err
	}
	if d.Earned, err = s.earnedBars(r, m); err != nil {
		return err
	}
	d.EarnedDays = earnedDays
	if d.W.Unbonding > 0 {
		entries, err := s.Store.Unbondings(r.Context(), m, unbondingMax)
		if err != nil {
			return err
		}
		for _, u := range entries {
			if u.DoneMs == 0 && (d.UnbondsMs == 0 || u.DueMs < d.UnbondsMs) {
				d.UnbondsMs = u.DueMs
			}
		}
	}
	if d.W.Probation == 0 {
		return nil
	}
	oldest, err := s.Store.Probations(r.Context(), m, 1)
	if err == nil && len(oldest) > 0 {
		d.DecidedMs = oldest[0].AtMs + s.Rules().Settle.ProbationTime.Milliseconds()
	}
	return err
}

// heldData are earnings and penalties that are kept from a member for a time.
type heldData struct {
	W         store.Wallet
	Retained  tokens.Amount // by nodes, as collateral
	Disputed  tokens.Amount // in their appeal windows
	Probation []store.Probation
	Slashes   []store.Slash
	For       time.Duration // that probation lasts at most
}

const heldRows = 200 // of each kind shown

func (s *site) pageHeld(_ http.ResponseWriter, r *http.Request) (*view, error) {
	m := visitorOf(r).member.ID
	d := heldData{For: s.Rules().Settle.ProbationTime}
	var err error
	if d.W, err = s.Store.Wallet(r.Context(), m); err != nil {
		return nil, err
	}
	if d.Probation, err = s.Store.Probations(r.Context(), m, heldRows); err != nil {
		return nil, err
	}
	if d.Slashes, err = s.Store.Slashes(r.Context(), m, heldRows); err != nil {
		return nil, err
	}
	nodes, err := s.Store.MemberNodes(r.Context(), m)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		d.Retained += n.Retained
	}
	d.Disputed = d.W.Held - d.W.Probation - d.Retained
	return &view{name: "held", title: "Held earnings", data: d}, nil
}

// stakeData is what a member put up.
type stakeData struct {
	W         store.Wallet
	Gate      Gate
	Now       store.Gate
	Missing   tokens.Amount // to the gate
	Spendable tokens.Amount // available and not reserved
	Spare     tokens.Amount // can be unstaked without leaving
	ArrivesMs int64         // of what is unstaked now
	Entries   []store.Unbonding
}

func (s *site) stakeView(r *http.Request, _ url.Values) (*view, error) {
	m := visitorOf(r).member.ID
	w, gate, err := s.standing(r, m)
	if err != nil {
		return nil, err
	}
	e := s.Rules().Economy
	d := stakeData{W: w, Gate: gateOf(w, gate), Now: gate, Spendable: max(w.Available-w.Reserved, 0), Spare: min(w.Free, max(w.Staked-w.GatePrice, 0)),
		ArrivesMs: s.Now().Add(max(e.UnbondingTime, e.AppealWindow)).UnixMilli()}
	d.Missing = max(tokens.Amount(d.Gate.Required)-w.Staked, 0)
	if d.Entries, err = s.Store.Unbondings(r.Context(), m, unbondingMax); err != nil {
		return nil, err
	}
	return &view{name: "stake", title: "Stake", data: d}, nil
}

func (s *site) pageStake(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.stakeView(r, nil)
}

func (s *site) stakeForm(r *http.Request, next string) act {
	return amountForm(next, func(o store.Once, a tokens.Amount) error {
		_, err := s.Store.Stake(r.Context(), o, a)
		return err
	})
}

func (s *site) doStakeMore(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.stakeView, s.stakeForm(r, "/wallet/stake"))
}

func (s *site) doUnstake(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.stakeView, amountForm("/wallet/stake#unbonding", func(o store.Once, a tokens.Amount) error {
		_, err := s.Store.Unstake(r.Context(), o, a)
		return err
	}))
}
