package web

import (
	"net/http"
	"time"
)

// lockView is what a member locked away.
type lockView struct {
	ID      int64      `json:"id"`
	Amount  Utok       `json:"amount_utok"`
	Weeks   int64      `json:"weeks"`
	Weight  Utok       `json:"weight_utok"`
	StartAt time.Time  `json:"start_at"`
	EndAt   time.Time  `json:"end_at"`
	DoneAt  *time.Time `json:"done_at"` // when the tokens came back
	Earning bool       `json:"earning"`
	Owed    Utok       `json:"owed_utok"`
	Claimed Utok       `json:"claimed_utok"`
}

// vestingView is a claim of fees that is released with time.
type vestingView struct {
	ID       int64     `json:"id"`
	Lock     int64     `json:"lock"`
	Amount   Utok      `json:"amount_utok"`
	Released Utok      `json:"released_utok"`
	Due      Utok      `json:"due_utok"`
	At       time.Time `json:"at"`
	EndAt    time.Time `json:"end_at"`
}

func (s *site) apiLock(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Amount Utok  `json:"amount_utok"`
		Weeks  int64 `json:"weeks"`
	}
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
	v := movedView(l.Moved)
	v["lock"], v["weight_utok"], v["end_at"] = l.Lock, Utok(l.Weight), utc(l.EndMs)
	return answer(w, http.StatusCreated, v)
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
	own, vesting := []lockView{}, []vestingView{}
	for _, l := range locks {
		own = append(own, lockView{l.ID, Utok(l.Amount), l.Weeks, Utok(l.Weight), utc(l.StartMs), utc(l.EndMs), utcOrNil(l.DoneMs), l.Earning, Utok(l.Owed), Utok(l.Claimed)})
	}
	for _, v := range claims {
		vesting = append(vesting, vestingView{v.ID, v.Lock, Utok(v.Amount), Utok(v.Released), Utok(v.Due), utc(v.AtMs), utc(v.EndMs)})
	}
	return answer(w, http.StatusOK, map[string]any{"locks": own, "vestings": vesting, "max_weeks": s.Rules().Economy.LockWeeksMax,
		"all_locked_utok": Utok(all.Locked), "all_weight_utok": Utok(all.Weight)})
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
	v := movedView(c.Moved)
	v["claim"], v["amount_utok"] = c.Claim, Utok(c.Amount)
	return answer(w, http.StatusCreated, v)
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
