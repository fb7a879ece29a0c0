package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// correctionAnswer is a correction that an operator made or proposed.
type correctionAnswer struct {
	ID         int64                 `json:"id"`
	Asset      tokens.Asset          `json:"asset"`
	Amount     Utok                  `json:"amount" doc:"of the asset's smallest unit"`
	From       tokens.Account        `json:"from"`
	To         tokens.Account        `json:"to"`
	Reason     string                `json:"reason"`
	State      store.CorrectionState `json:"state" doc:"proposed, made, refused, withdrawn or expired"`
	ProposedBy string                `json:"proposed_by"`
	ProposerID bt.MemberID           `json:"proposer_id"`
	At         time.Time             `json:"at"`
	DueAt      time.Time             `json:"due_at" doc:"a proposal expires then"`
	DecidedBy  string                `json:"decided_by" doc:"empty: nobody, or nobody had to"`
	DecidedAt  *time.Time            `json:"decided_at"`
	Why        string                `json:"why" doc:"it was refused"`
	Transfer   string                `json:"transfer" doc:"id of the transfer that it made; empty: none"`
}

func newCorrectionAnswer(c store.OperatorCorrection) correctionAnswer {
	return correctionAnswer{c.ID, c.Asset, Utok(c.Amount), c.From, c.To, c.Reason, c.State, c.ByName, c.By, utc(c.AtMs), utc(c.DueMs), c.Decider, utcOrNil(c.DecidedMs), c.Why, c.Transfer}
}

// correctionsPage is a page of corrections.
type correctionsPage struct {
	Corrections []correctionAnswer `json:"corrections"`
	Next        string             `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiCorrections(w http.ResponseWriter, r *http.Request) error {
	before, limit, err := treasuryPlace(r)
	if err != nil {
		return err
	}
	state := store.CorrectionState(r.URL.Query().Get("state"))
	if state != "" && !state.Valid() {
		return fail(http.StatusBadRequest, "state", "state is proposed, made, refused, withdrawn or expired.")
	}
	list, next, err := s.Store.OperatorCorrections(r.Context(), state, before, limit)
	if err != nil {
		return err
	}
	out := correctionsPage{Corrections: []correctionAnswer{}, Next: formatBefore(next)}
	for _, c := range list {
		out.Corrections = append(out.Corrections, newCorrectionAnswer(c))
	}
	return answer(w, http.StatusOK, out)
}

func (s *site) apiCorrection(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	c, err := s.Store.OperatorCorrection(r.Context(), id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newCorrectionAnswer(c))
}

// correctionBody is what a program wants to put right.
type correctionBody struct {
	Asset  tokens.Asset   `json:"asset" doc:"token, quote or byte"`
	Amount Utok           `json:"amount" doc:"of the asset's smallest unit"`
	From   tokens.Account `json:"from"`
	To     tokens.Account `json:"to"`
	Reason string         `json:"reason" doc:"public: the transfer's reference"`
}

func (b correctionBody) order() (o store.CorrectionOrder, err error) {
	o = store.CorrectionOrder{Asset: b.Asset, From: b.From, To: b.To}
	if o.Amount, err = positive(b.Amount, "amount"); err != nil {
		return o, err
	}
	o.Reason, err = treasuryReason(b.Reason)
	return o, err
}

// correctionCheck is what a correction would come to.
type correctionCheck struct {
	Alone     bool `json:"alone" doc:"it would be made at once; else it waits for a second operator"`
	AloneLeft Utok `json:"alone_left" doc:"what the operator may still correct alone, of the asset's smallest unit"`
	Own       bool `json:"own" doc:"the operator would get it: that takes a second one"`
	FromHas   Utok `json:"from_has" doc:"before it, of the asset's smallest unit"`
	ToHas     Utok `json:"to_has" doc:"likewise"`
}

func (s *site) apiCheckCorrection(w http.ResponseWriter, r *http.Request) error {
	var in correctionBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	o, err := in.order()
	if err != nil {
		return err
	}
	p, err := s.previewCorrection(r, o)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, correctionCheck{p.Alone, Utok(p.AloneLeft), p.Own, Utok(p.FromHas), Utok(p.ToHas)})
}

func (s *site) apiPropose(w http.ResponseWriter, r *http.Request) error {
	var in correctionBody
	once, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	o, err := in.order()
	if err != nil {
		return err
	}
	c, err := s.proposeCorrection(r, once, o)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newCorrectionAnswer(c))
}

func (s *site) apiApproveCorrection(w http.ResponseWriter, r *http.Request) error {
	id, once, err := s.onceAbout(r)
	if err != nil {
		return err
	}
	c, err := s.approveCorrection(r, once, id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newCorrectionAnswer(c))
}

func (s *site) apiRefuseCorrection(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	var in treasuryReasonBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	c, err := s.refuseCorrection(r, id, in.Reason)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newCorrectionAnswer(c))
}

func (s *site) apiWithdrawCorrection(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	c, err := s.Store.WithdrawCorrection(r.Context(), visitorOf(r).member.ID, id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newCorrectionAnswer(c))
}
