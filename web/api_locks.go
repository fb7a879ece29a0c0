package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// lockView is what a member locked away.
type lockView struct {
	ID      int64      `json:"id"`
	Amount  Utok       `json:"amount_utok"`
	Weeks   int64      `json:"weeks"`
	Weight  Utok       `json:"weight_utok" doc:"by which fees are shared"`
	StartAt time.Time  `json:"start_at"`
	EndAt   time.Time  `json:"end_at"`
	DoneAt  *time.Time `json:"done_at" doc:"when the tokens came back; null: not yet"`
	Earning bool       `json:"earning"`
	Owed    Utok       `json:"owed_utok" doc:"fees to be claimed"`
	Claimed Utok       `json:"claimed_utok"`
}

// vestingView is a claim of fees that is released with time.
type vestingView struct {
	ID       int64     `json:"id"`
	Lock     int64     `json:"lock"`
	Amount   Utok      `json:"amount_utok"`
	Released Utok      `json:"released_utok"`
	Due      Utok      `json:"due_utok" doc:"could be released now"`
	At       time.Time `json:"at"`
	EndAt    time.Time `json:"end_at"`
}

// lockBody locks tokens away.
type lockBody struct {
	Amount Utok  `json:"amount_utok"`
	Weeks  int64 `json:"weeks"`
}

// lockedView is a lock that began.
type lockedView struct {
	movedAnswer
	Lock   int64     `json:"lock"`
	Weight Utok      `json:"weight_utok"`
	EndAt  time.Time `json:"end_at"`
}

// locksView is a member's locks and claims, and what all lock.
type locksView struct {
	Locks     []lockView    `json:"locks"`
	Vestings  []vestingView `json:"vestings"`
	MaxWeeks  int64         `json:"max_weeks"`
	AllLocked Utok          `json:"all_locked_utok" doc:"by all members"`
	AllWeight Utok          `json:"all_weight_utok" doc:"of all members"`
	Next      string        `json:"next" doc:"cursor of the next page of the locks; empty: this was the last"`
}

// claimedView is a claim of fees.
type claimedView struct {
	movedAnswer
	Claim  int64 `json:"claim"`
	Amount Utok  `json:"amount_utok"`
}

func (s *site) apiLock(w http.ResponseWriter, r *http.Request) error {
	var in lockBody
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	amount, err := positive(in.Amount, "amount_utok")
	if err != nil {
		return err
	}
	l, err := s.Store.Lock(r.Context(), o, amount, in.Weeks)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, lockedView{movedView(l.Moved), l.Lock, Utok(l.Weight), utc(l.EndMs)})
}

func (s *site) apiLocks(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member.ID
	locks, err := s.Store.Locks(r.Context(), m)
	if err != nil {
		return err
	}
	claims, err := s.Store.Vestings(r.Context(), m)
	if err != nil {
		return err
	}
	all, err := s.Store.Lockers(r.Context(), 1)
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, locks, func(l store.Lock) string { return numberKey(l.ID) })
	if err != nil {
		return err
	}
	own := views(page, func(l store.Lock) lockView {
		return lockView{l.ID, Utok(l.Amount), l.Weeks, Utok(l.Weight), utc(l.StartMs), utc(l.EndMs), utcOrNil(l.DoneMs), l.Earning, Utok(l.Owed), Utok(l.Claimed)}
	})
	vesting := views(claims, func(v store.Vesting) vestingView {
		return vestingView{v.ID, v.Lock, Utok(v.Amount), Utok(v.Released), Utok(v.Due), utc(v.AtMs), utc(v.EndMs)}
	})
	return answer(w, http.StatusOK, locksView{own, vesting, s.Rules().Economy.LockWeeksMax, Utok(all.Locked), Utok(all.Weight), next})
}

func (s *site) apiClaim(w http.ResponseWriter, r *http.Request) error {
	id, o, err := s.onceAbout(r)
	if err != nil {
		return err
	}
	c, err := s.Store.ClaimFees(r.Context(), o, id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, claimedView{movedView(c.Moved), c.Claim, Utok(c.Amount)})
}

func (s *site) apiRelease(w http.ResponseWriter, r *http.Request) error {
	o, err := s.onceAPI(r, nil)
	if err != nil {
		return err
	}
	moved, err := s.Store.ReleaseVested(r.Context(), o)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, movedView(moved))
}
