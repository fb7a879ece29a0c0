package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// auditData is one audit with its evidence.
type auditData struct {
	store.AuditReport
	Inside  bool // the visitor may know who was asked
	Settled bool // its epoch is: the seed is known
	Open    bool // the penalty may still be returned
	Passed  int  // of the results
}

func (s *site) pageAudit(_ http.ResponseWriter, r *http.Request) (*view, error) {
	a, inside, err := s.auditReport(r)
	if err != nil {
		return nil, err
	}
	d := auditData{AuditReport: a, Inside: inside, Open: s.isOpen(a.Slash)}
	for _, x := range a.Outcome.Results {
		if x.Verdict == availability.Passed {
			d.Passed++
		}
	}
	if a.Epoch > 0 {
		e, err := s.Store.EpochReport(r.Context(), a.Epoch)
		if err != nil {
			return nil, err
		}
		d.Settled = e.SettledMs > 0
	}
	return &view{name: "audit", title: "Audit " + strconv.FormatInt(a.ID, 10), data: d}, nil
}

// isOpen reports whether an operator may still return a penalty.
func (s *site) isOpen(x store.Slash) bool {
	return x.ID > 0 && x.ClosedMs == 0 && s.Now().UnixMilli() < x.DueMs
}

// auditList is a page of audits with the way to the next one, and to those that found something.
type auditList struct {
	Audits []store.AuditRow
	Faulty bool
	Path   string
	More   string
	Hosts  bool // with a column of who was asked
}

// auditsAt lists audits for the page at path.
func (s *site) auditsAt(r *http.Request, path string, n bt.NodeID) (l auditList, err error) {
	q, err := auditQuery(r)
	if err != nil {
		return l, err
	}
	q.Node = n
	list, next, err := s.Store.Audits(r.Context(), q)
	if err != nil {
		return l, err
	}
	l = auditList{Audits: list, Faulty: q.Faulty, Path: path, Hosts: n == 0}
	if next > 0 {
		more := url.Values{"cursor": {formatBefore(next)}}
		if q.Faulty {
			more.Set("show", showFaults)
		}
		l.More = path + "?" + more.Encode() + "#audits"
	}
	return l, nil
}

func (s *site) pageAdminAudits(_ http.ResponseWriter, r *http.Request) (*view, error) {
	list, err := s.auditsAt(r, "/admin/audits", 0)
	return &view{name: "admin-audits", title: "Audits", data: list}, err
}

func (s *site) apiAdminAudits(w http.ResponseWriter, r *http.Request) error {
	q, err := auditQuery(r)
	if err != nil {
		return err
	}
	return s.answerAudits(w, r, q)
}

const (
	nodePage      = 50
	hintRows      = 50
	showSuspended = "suspended"
)

// nodesData is the operators' page of nodes.
type nodesData struct {
	Nodes     []store.NodeRow
	Suspended bool
	More      string
	Hints     []store.SeederHint
}

func nodeQuery(r *http.Request) (q store.NodeQuery, err error) {
	q.Limit, q.Suspended = nodePage, r.URL.Query().Get("show") == showSuspended
	before, err := parseBefore(r)
	if before > maxMemberID { // numbers of nodes are as wide as those of members
		err = errCursor
	}
	q.Before = bt.NodeID(before)
	return q, err
}

func (s *site) pageAdminNodes(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.adminNodes(r)
}

func (s *site) adminNodes(r *http.Request) (*view, error) {
	q, err := nodeQuery(r)
	if err != nil {
		return nil, err
	}
	d := nodesData{Suspended: q.Suspended}
	var next bt.NodeID
	if d.Nodes, next, err = s.Store.Nodes(r.Context(), s.Rules().Availability, q); err != nil {
		return nil, err
	}
	if next > 0 {
		more := url.Values{"cursor": {formatBefore(int64(next))}}
		if q.Suspended {
			more.Set("show", showSuspended)
		}
		d.More = "/admin/nodes?" + more.Encode()
	}
	d.Hints, err = s.Store.SeederHints(r.Context(), hintRows)
	return &view{name: "admin-nodes", title: "Nodes", data: d}, err
}

func (s *site) doLift(w http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := nodeID(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if err := s.lift(r, n, r.PostForm.Get("reason")); err != nil {
		v, viewErr := s.nodeView(r, url.Values{})
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, nodePath(n), http.StatusSeeOther)
	return nil, nil
}

// lift ends a node's suspension. The reason is kept in the operators' log.
func (s *site) lift(r *http.Request, n bt.NodeID, reason string) error {
	reason, err := cleanText([]byte(reason), "reason", maxReason)
	if err != nil {
		return err
	}
	m := visitorOf(r).member
	err = s.Store.LiftSuspension(r.Context(), s.Rules().Availability, m.ID, n, strings.Join(strings.Fields(reason), " "))
	if err == nil {
		s.Log.Info("suspension lifted", "node", n, "by", m.ID)
	}
	return appealFault(err)
}

// liftedView is a node that counts again.
type liftedView struct {
	Node  bt.NodeID `json:"node"`
	State string    `json:"state" enum:"active"`
}

func (s *site) apiLift(w http.ResponseWriter, r *http.Request) error {
	n, err := nodeID(r)
	if err != nil {
		return err
	}
	var in operatorReason
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.lift(r, n, in.Reason); err != nil {
		return err
	}
	return answer(w, http.StatusOK, liftedView{n, "active"})
}

// nodeRowView is a node in operators' list.
type nodeRowView struct {
	Node      bt.NodeID   `json:"node"`
	Name      string      `json:"name"`
	Member    bt.MemberID `json:"member"`
	Owner     string      `json:"owner"`
	State     string      `json:"state"`
	AuditPPM  int64       `json:"audit_score_ppm"`
	OnlinePPM int64       `json:"online_score_ppm"`
	Held      Utok        `json:"held_utok" doc:"collateral and retained"`
	Claims    int         `json:"claims"`
	Claimed   bt.Bytes    `json:"claimed_bytes"`
}

// nodeRowsView is a page of operators' list of nodes.
type nodeRowsView struct {
	Nodes []nodeRowView `json:"nodes"`
	Next  string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiAdminNodes(w http.ResponseWriter, r *http.Request) error {
	q, err := nodeQuery(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.Nodes(r.Context(), s.Rules().Availability, q)
	if err != nil {
		return err
	}
	out := []nodeRowView{}
	for _, n := range list {
		out = append(out, nodeRowView{n.ID, n.Name, n.Member, n.MemberName, nodeState(n.Node), n.Standing.Audit.PPM(), n.Standing.Online.PPM(), Utok(n.Held), n.Claims, n.Claimed})
	}
	return answer(w, http.StatusOK, nodeRowsView{out, formatBefore(int64(next))})
}

// auditPages are those of who hosts what, and of what was asked of them.
func (s *site) auditPages(r chi.Router) {
	r.Get("/availability", s.page(s.pageAvailability))
	r.Get("/audits/{audit}", s.members(s.pageAudit))
	r.Get("/hosting/nodes/{node}", s.members(s.pageNode))
	r.Post("/hosting/nodes/{node}/maintenance", s.members(s.doMaintenance))
}
