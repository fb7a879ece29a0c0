package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

func (s *site) apiStake(w http.ResponseWriter, r *http.Request) error {
	o, amount, err := s.amountBody(r)
	if err != nil {
		return err
	}
	moved, err := s.Store.Stake(r.Context(), o, amount)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, movedView(moved))
}

// unstakedView is stake on its way back.
type unstakedView struct {
	movedAnswer
	Unbonding unbondingView `json:"unbonding"`
	Left      bool          `json:"left" doc:"the stake fell below the gate price: the member is a guest now"`
}

func (s *site) apiUnstake(w http.ResponseWriter, r *http.Request) error {
	o, amount, err := s.amountBody(r)
	if err != nil {
		return err
	}
	out, err := s.Store.Unstake(r.Context(), o, amount)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, unstakedView{movedView(out.Moved), unbondingViews([]store.Unbonding{out.Entry})[0], out.Left})
}

func (s *site) apiPledge(w http.ResponseWriter, r *http.Request) error {
	return s.apiCollateral(w, r, s.Store.Pledge)
}

func (s *site) apiUnpledge(w http.ResponseWriter, r *http.Request) error {
	return s.apiCollateral(w, r, s.Store.Unpledge)
}

// apiCollateral moves an amount between the stake and the node that the path names.
func (s *site) apiCollateral(w http.ResponseWriter, r *http.Request, move moveCollateral) error {
	n, err := nodeID(r)
	if err != nil {
		return err
	}
	o, amount, err := s.amountBody(r)
	if err != nil {
		return err
	}
	moved, err := move(r.Context(), o, n, amount)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, movedView(moved))
}

// amountIn is how much is to be moved.
type amountIn struct {
	Amount Utok `json:"amount_utok"`
}

// amountBody reads {"amount_utok"} with its Idempotency-Key.
func (s *site) amountBody(r *http.Request) (store.Once, tokens.Amount, error) {
	var in amountIn
	o, err := s.onceBody(r, &in)
	if err != nil {
		return o, 0, err
	}
	amount, err := positive(in.Amount, "amount_utok")
	return o, amount, err
}

// onceBody reads the JSON object of a request that moves money, and its Idempotency-Key.
func (s *site) onceBody(r *http.Request, into any) (store.Once, error) {
	body, err := readJSON(r, into)
	if err != nil {
		return store.Once{}, err
	}
	return s.onceAPI(r, body)
}
