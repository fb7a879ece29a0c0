package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/swarmstake/swarmstake/store"
)

// previousAppeals are how many other appeals of a member are shown beside one.
const previousAppeals = 5

// showDecided as the parameter show lists the appeals that are decided.
const showDecided = "decided"

// adminAppealsData is the operators' queue.
type adminAppealsData struct {
	Appeals []appealData
	Decided bool
	More    string
}

// adminAppeals is how many appeals the queue shows with their evidence.
const adminAppeals = 10

func appealQuery(r *http.Request, limit int) (q store.AppealQuery, err error) {
	q = store.AppealQuery{Decided: r.URL.Query().Get("show") == showDecided, Limit: limit}
	q.From, err = parseBefore(r)
	return q, err
}

func (s *site) pageAdminAppeals(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q, err := appealQuery(r, adminAppeals)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.Appeals(r.Context(), q)
	if err != nil {
		return nil, err
	}
	d := adminAppealsData{Decided: q.Decided}
	for _, a := range list {
		x, err := s.withEvidence(r, a)
		if err != nil {
			return nil, err
		}
		d.Appeals = append(d.Appeals, x)
	}
	if next > 0 {
		more := url.Values{"cursor": {formatBefore(next)}}
		if q.Decided {
			more.Set("show", showDecided)
		}
		d.More = "/admin/appeals?" + more.Encode()
	}
	return &view{name: "admin-appeals", title: "Appeals", data: d}, nil
}

// decisionForm is what was typed.
type decisionForm struct{ Outcome, Reason string }

func (s *site) adminAppeal(r *http.Request, f decisionForm) (*view, error) {
	a, err := s.appealInPath(r)
	if err != nil {
		return nil, err
	}
	d, err := s.withEvidence(r, a)
	if err != nil {
		return nil, err
	}
	d.Form = f
	previous, _, err := s.Store.Appeals(r.Context(), store.AppealQuery{Member: a.Member, Limit: previousAppeals + 1})
	for _, p := range previous {
		if p.ID != a.ID && len(d.Previous) < previousAppeals {
			d.Previous = append(d.Previous, p)
		}
	}
	return &view{name: "admin-appeals-one", title: fmt.Sprintf("Appeal %d", a.ID), data: d}, err
}

func (s *site) pageAdminAppeal(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.adminAppeal(r, decisionForm{})
}

func (s *site) doDecide(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	f := decisionForm{r.PostForm.Get("outcome"), r.PostForm.Get("reason")}
	a, err := s.decideAppeal(r, f)
	if err != nil {
		v, viewErr := s.adminAppeal(r, f)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, fmt.Sprintf("/admin/appeals/%d", a.ID), http.StatusSeeOther)
	return nil, nil
}

// decideAppeal decides on the appeal that the path names. The reason is kept in the log, and the member is told.
func (s *site) decideAppeal(r *http.Request, f decisionForm) (store.Appeal, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return store.Appeal{}, err
	}
	if f.Outcome != store.AppealGranted && f.Outcome != store.AppealRefused {
		return store.Appeal{}, fail(http.StatusUnprocessableEntity, "outcome", "Say what the decision is: %s or %s.", store.AppealGranted, store.AppealRefused)
	}
	reason, err := cleanText([]byte(f.Reason), "reason", maxReason)
	if err != nil {
		return store.Appeal{}, err
	}
	by := visitorOf(r).member.ID
	a, err := s.Store.DecideAppeal(r.Context(), s.Rules().Availability, id,
		store.AppealDecision{By: by, Grant: f.Outcome == store.AppealGranted, Reason: strings.Join(strings.Fields(reason), " ")})
	if err == nil {
		s.Log.Info("appeal decided", "appeal", id, "outcome", a.Outcome, "by", by)
	}
	return a, appealFault(err)
}
