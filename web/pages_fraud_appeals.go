package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/swarmstake/swarmstake/store"
)

const (
	appealPage   = 30 // appeals that are listed at once
	appealFaults = 10 // audits of the node that found something, beside an appeal
	appealShown  = 10 // results of the penalty's audit
)

// appealsData is a member's page of appeals.
type appealsData struct {
	store.Appealable
	Appeals []store.Appeal
	More    string
}

func (s *site) pageAppeals(_ http.ResponseWriter, r *http.Request) (*view, error) {
	m := visitorOf(r).member.ID
	list, next, err := s.ownAppeals(r)
	if err != nil {
		return nil, err
	}
	d := appealsData{Appeals: list}
	if next > 0 {
		d.More = "/appeals?cursor=" + formatBefore(next)
	}
	d.Appealable, err = s.Store.Appealable(r.Context(), m)
	return &view{name: "appeals", title: "Appeals", data: d}, err
}

func (s *site) ownAppeals(r *http.Request) ([]store.Appeal, int64, error) {
	from, err := parseBefore(r)
	if err != nil {
		return nil, 0, err
	}
	return s.Store.Appeals(r.Context(), store.AppealQuery{Member: visitorOf(r).member.ID, From: from, Limit: appealPage})
}

// appealData is an appeal with the evidence beside it.
type appealData struct {
	store.Appeal
	Report   *store.AuditReport // that the penalty rests on; nil: it is against a suspension
	Beyond   int                // results that are not shown
	Faults   auditList          // the node's last audits that found something
	Previous []store.Appeal     // the member's other appeals, the last ones
	Form     decisionForm
	Max      int // bytes of a reason
}

// appealInPath finds the appeal that the path names, for its member and for operators. Others do not learn that it
// is there.
func (s *site) appealInPath(r *http.Request) (store.Appeal, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return store.Appeal{}, err
	}
	return visible(r)(s.Store.Appeal(r.Context(), id))
}

func visible(r *http.Request) func(store.Appeal, error) (store.Appeal, error) {
	return func(a store.Appeal, err error) (store.Appeal, error) {
		if err == nil && !inspects(r, a.Member) {
			return store.Appeal{}, store.ErrNotFound
		}
		return a, err
	}
}

// withEvidence reads what an appeal is about.
func (s *site) withEvidence(r *http.Request, a store.Appeal) (d appealData, err error) {
	d = appealData{Appeal: a, Max: maxLogged}
	if a.Audit > 0 {
		report, err := s.Store.AuditReport(r.Context(), a.Audit)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return d, err
		}
		if n := len(report.Outcome.Results); n > appealShown {
			report.Outcome.Results, d.Beyond = report.Outcome.Results[:appealShown], n-appealShown
		}
		if err == nil {
			d.Report = &report
		}
	}
	d.Faults.Audits, _, err = s.Store.Audits(r.Context(), store.AuditQuery{Node: a.Node, Faulty: true, Limit: appealFaults})
	d.Faults.Faulty, d.Faults.Path = true, nodePath(a.Node)
	return d, err
}

func (s *site) pageAppeal(_ http.ResponseWriter, r *http.Request) (*view, error) {
	a, err := s.appealInPath(r)
	if err != nil {
		return nil, err
	}
	d, err := s.withEvidence(r, a)
	return &view{name: "appeal", title: fmt.Sprintf("Appeal %d", a.ID), data: d}, err
}

// newAppealData is the form of an appeal.
type newAppealData struct {
	Action string
	What   string // that it is against
	Slash  store.Slash
	Text   string
	Max    int
}

// appealForm shows the form for what the path names.
func (s *site) appealForm(r *http.Request, n store.NewAppeal) (*view, error) {
	may, err := s.Store.Appealable(r.Context(), n.Member)
	if err != nil {
		return nil, err
	}
	d := newAppealData{Action: r.URL.Path, Text: n.Text, Max: store.MaxAppeal}
	for _, x := range may.Slashes {
		if n.Slash > 0 && x.ID == n.Slash {
			d.What, d.Slash = fmt.Sprintf("penalty %d", x.ID), x
		}
	}
	for _, x := range may.Suspended {
		if n.Slash == 0 && x.ID == n.Node {
			d.What = "the suspension of " + x.Name
		}
	}
	if d.What == "" {
		return nil, fail(http.StatusNotFound, "not_found", "There is nothing to appeal against here: it is not yours, its time is over, or there is an appeal already. Your appeals are at /appeals.")
	}
	return &view{name: "appeal-new", title: "Appeal", data: d}, nil
}

// slashInPath and nodeToAppeal say what the path names.
func slashInPath(r *http.Request) (store.NewAppeal, error) {
	id, err := numberInPath(r, "id")
	return store.NewAppeal{Member: visitorOf(r).member.ID, Slash: id}, err
}

func nodeToAppeal(r *http.Request) (store.NewAppeal, error) {
	n, err := nodeID(r)
	return store.NewAppeal{Member: visitorOf(r).member.ID, Node: n}, err
}

func (s *site) pageAppealSlash(_ http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := slashInPath(r)
	if err != nil {
		return nil, err
	}
	return s.appealForm(r, n)
}

func (s *site) pageAppealNode(_ http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := nodeToAppeal(r)
	if err != nil {
		return nil, err
	}
	return s.appealForm(r, n)
}

func (s *site) doAppealSlash(w http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := slashInPath(r)
	if err != nil {
		return nil, err
	}
	return s.doAppeal(w, r, n)
}

func (s *site) doAppealNode(w http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := nodeToAppeal(r)
	if err != nil {
		return nil, err
	}
	return s.doAppeal(w, r, n)
}

func (s *site) doAppeal(w http.ResponseWriter, r *http.Request, n store.NewAppeal) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	n.Text = r.PostForm.Get("text")
	a, err := s.appeal(r, n)
	if err != nil {
		v, viewErr := s.appealForm(r, n)
		if viewErr != nil {
			return nil, err
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, fmt.Sprintf("/appeals/%d", a.ID), http.StatusSeeOther)
	return nil, nil
}

// maxAppealBytes is above what the store takes, so that it says what is too long.
const maxAppealBytes = 8 * store.MaxAppeal

// appeal takes in what a member says.
func (s *site) appeal(r *http.Request, n store.NewAppeal) (store.Appeal, error) {
	text, err := cleanText([]byte(n.Text), "text", maxAppealBytes)
	if err != nil {
		return store.Appeal{}, err
	}
	n.Text = text
	a, err := s.Store.AddAppeal(r.Context(), n)
	return a, appealFault(err)
}

// appealFault explains why an appeal or a decision on it is not taken.
func appealFault(err error) error {
	switch {
	case errors.Is(err, store.ErrAppealText):
		return fail(http.StatusUnprocessableEntity, "text", "Say why it is wrong, in 1 to %d characters.", store.MaxAppeal)
	case errors.Is(err, store.ErrAppealed):
		return fail(http.StatusConflict, "exists", "There is an appeal against this already, and there is one only: it is at /appeals.")
	case errors.Is(err, store.ErrAppealLate):
		return fail(http.StatusConflict, "appeal_over", "The time to appeal against this suspension is over.")
	case errors.Is(err, store.ErrAppealDecided):
		return fail(http.StatusConflict, "decided", "This appeal was decided, and that is final.")
	case errors.Is(err, store.ErrOwnAppeal):
		return fail(http.StatusConflict, "own", "This concerns your own node: another operator must decide about it.")
	}
	return err
}
