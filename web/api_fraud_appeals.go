package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// appealView is an appeal against a penalty or a suspension.
type appealView struct {
	ID          int64       `json:"id"`
	Member      bt.MemberID `json:"member_id"`
	Name        string      `json:"member"`
	Node        bt.NodeID   `json:"node"`
	Slash       *int64      `json:"slash" doc:"the penalty; null: it is against a suspension"`
	Audit       *int64      `json:"audit" doc:"that the penalty rests on"`
	Amount      Utok        `json:"amount_utok" doc:"the penalty"`
	SuspendedAt *time.Time  `json:"suspended_at" doc:"since when the node was suspended; null: it is against a penalty"`
	Text        string      `json:"text"`
	At          time.Time   `json:"created_at"`
	Outcome     string      `json:"outcome" doc:"granted or refused; empty: it is not decided"`
	Reason      string      `json:"reason" doc:"of the decision"`
	Returned    Utok        `json:"returned_utok"`
	DecidedAt   *time.Time  `json:"decided_at"`
}

// appealsView is a page of them.
type appealsView struct {
	Appeals []appealView `json:"appeals"`
	Next    string       `json:"next"`
}

func newAppealView(a store.Appeal) appealView {
	v := appealView{ID: a.ID, Member: a.Member, Name: a.Name, Node: a.Node, Amount: Utok(a.Amount), SuspendedAt: utcOrNil(a.SuspendedMs),
		Text: a.Text, At: utc(a.AtMs), Outcome: a.Outcome, Reason: a.Reason, Returned: Utok(a.Returned), DecidedAt: utcOrNil(a.DecidedMs)}
	if a.Slash > 0 {
		v.Slash, v.Audit = &a.Slash, &a.Audit
	}
	return v
}

func (s *site) apiAppealSlash(w http.ResponseWriter, r *http.Request) error {
	n, err := slashInPath(r)
	if err != nil {
		return err
	}
	return s.takeAppeal(w, r, n)
}

func (s *site) apiAppealNode(w http.ResponseWriter, r *http.Request) error {
	n, err := nodeToAppeal(r)
	if err != nil {
		return err
	}
	return s.takeAppeal(w, r, n)
}

func (s *site) takeAppeal(w http.ResponseWriter, r *http.Request, n store.NewAppeal) error {
	var in struct {
		Text string `json:"text"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	n.Text = in.Text
	a, err := s.appeal(r, n)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newAppealView(a))
}

func (s *site) apiSlashAppeal(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	a, err := visible(r)(s.Store.AppealOf(r.Context(), id))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newAppealView(a))
}

func (s *site) apiAppeal(w http.ResponseWriter, r *http.Request) error {
	a, err := s.appealInPath(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newAppealView(a))
}

func (s *site) apiAppeals(w http.ResponseWriter, r *http.Request) error {
	q := store.AppealQuery{Member: visitorOf(r).member.ID}
	var err error
	if q.From, err = parseBefore(r); err != nil {
		return err
	}
	return s.answerAppeals(w, r, q)
}

func (s *site) apiAdminAppeals(w http.ResponseWriter, r *http.Request) error {
	q, err := appealQuery(r, 0)
	if err != nil {
		return err
	}
	return s.answerAppeals(w, r, q)
}

func (s *site) answerAppeals(w http.ResponseWriter, r *http.Request, q store.AppealQuery) (err error) {
	if q.Limit, err = pageLimit(r); err != nil {
		return err
	}
	list, next, err := s.Store.Appeals(r.Context(), q)
	if err != nil {
		return err
	}
	v := appealsView{Appeals: []appealView{}, Next: formatBefore(next)}
	for _, a := range list {
		v.Appeals = append(v.Appeals, newAppealView(a))
	}
	return answer(w, http.StatusOK, v)
}

func (s *site) apiDecideAppeal(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	a, err := s.decideAppeal(r, decisionForm{in.Outcome, in.Reason})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newAppealView(a))
}
