package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/lock"
)

const (
	week         = 7 * day
	recentEpochs = 24 // whose fees a forecast goes by
)

// lockData is the page of a member's locks and of what they earned.
type lockData struct {
	W         store.Wallet
	Free      tokens.Amount // not reserved
	All       store.Lockers
	MaxWeeks  int64
	Exponent  int64
	VestTime  time.Duration
	Locks     []store.Lock
	Vestings  []store.Vesting
	Due       tokens.Amount // of all vestings
	Form      lockForm
	Planned   lockPlan
	RecentFee tokens.Amount // of the last epochs, to all lockers
	Recent    int           // epochs
}

// lockForm is what was typed.
type lockForm struct{ Amount, Weeks string }

// lockPlan is a lock as it would be now; zero: none was asked for.
type lockPlan struct {
	Amount   tokens.Amount
	Weeks    int64
	Weight   tokens.Amount
	EndMs    int64
	SharePPM int64         // of all lockers' weight
	Earns    tokens.Amount // had it been there for the last epochs
}

func (s *site) lockView(r *http.Request, f lockForm) (*view, error) {
	m := visitorOf(r).member.ID
	e := s.Rules().Economy
	d := &lockData{MaxWeeks: e.LockWeeksMax, Exponent: e.LockExponent, VestTime: e.VestingTime, Form: f}
	var err error
	if d.W, err = s.Store.Wallet(r.Context(), m); err != nil {
		return nil, err
	}
	d.Free = max(d.W.Available-d.W.Reserved, 0)
	if d.All, err = s.Store.Lockers(r.Context(), recentEpochs); err != nil {
		return nil, err
	}
	if d.Locks, err = s.Store.Locks(r.Context(), m); err != nil {
		return nil, err
	}
	if d.Vestings, err = s.Store.Vestings(r.Context(), m); err != nil {
		return nil, err
	}
	for _, v := range d.Vestings {
		d.Due += v.Due
	}
	for _, a := range d.All.Recent {
		d.RecentFee += a.Fees
	}
	d.Recent = len(d.All.Recent)
	v := &view{name: "lock", title: "Lock", data: d}
	if f == (lockForm{}) {
		return v, nil
	}
	if d.Planned, err = s.plan(d, f); err != nil {
		return s.again(r, v, err)
	}
	return v, nil
}

// plan computes what a lock would be. It is the store that decides.
func (s *site) plan(d *lockData, f lockForm) (lockPlan, error) {
	amount, weeks, err := f.parse(d.MaxWeeks)
	if err != nil {
		return lockPlan{}, err
	}
	p := lockPlan{Amount: amount, Weeks: weeks, EndMs: s.Now().Add(time.Duration(weeks) * week).UnixMilli()}
	p.Weight = lock.Power{Whole: d.MaxWeeks, Exponent: d.Exponent}.Of(amount, weeks)
	if p.Weight == 0 {
		return lockPlan{}, fail(http.StatusUnprocessableEntity, "range", "So little for so short a time earns nothing: lock more, or for longer.")
	}
	p.SharePPM = tokens.MulDiv(int64(p.Weight), surge.PPM, int64(d.All.Weight+p.Weight))
	p.Earns = tokens.PPM(d.RecentFee, p.SharePPM)
	return p, nil
}

func (f lockForm) parse(maxWeeks int64) (tokens.Amount, int64, error) {
	amount, err := parseAmount(f.Amount)
	if err != nil {
		return 0, 0, err
	}
	weeks, err := strconv.ParseInt(strings.TrimSpace(f.Weeks), 10, 64)
	if err != nil || weeks < 1 || weeks > maxWeeks {
		return 0, 0, fail(http.StatusUnprocessableEntity, "range", "Lock for a whole number of weeks, 1 to %d.", maxWeeks)
	}
	return amount, weeks, nil
}

func (s *site) pageLock(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q := r.URL.Query()
	return s.lockView(r, lockForm{q.Get("amount"), q.Get("weeks")})
}

func (s *site) backToLock(r *http.Request, form url.Values) (*view, error) {
	return s.lockView(r, lockForm{form.Get("amount"), form.Get("weeks")})
}

func (s *site) doLock(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.backToLock, func(o store.Once, form url.Values) (string, error) {
		amount, weeks, err := lockForm{form.Get("amount"), form.Get("weeks")}.parse(s.Rules().Economy.LockWeeksMax)
		if err == nil {
			_, err = s.Store.Lock(r.Context(), o, amount, weeks)
		}
		return "/wallet/lock#locks", err
	})
}

func (s *site) doClaim(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	return s.moneyPage(w, r, s.backToLock, func(o store.Once, _ url.Values) (string, error) {
		_, err := s.Store.ClaimFees(r.Context(), o, id)
		return "/wallet/lock#vesting", err
	})
}

func (s *site) doRelease(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyPage(w, r, s.backToLock, func(o store.Once, _ url.Values) (string, error) {
		_, err := s.Store.ReleaseVested(r.Context(), o)
		return "/wallet/lock#vesting", err
	})
}
