package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// reportForm is what was typed.
type reportForm struct{ Kind, ID, Reason, Text string }

// reportData is the page on which something is reported.
type reportData struct {
	Form    reportForm
	Thing   reportThing
	Reasons []reportReason
	Limit   int
}

// reportReason is why something is reported, in words.
type reportReason struct {
	Value store.ReportReason
	Words string
}

func reportReasons() []reportReason {
	return []reportReason{
		{store.ReportFalse, "It is not what it says"}, {store.ReportHarmful, "It harms whoever opens it"}, {store.ReportUnlawful, "It breaks the law or the rules here"},
		{store.ReportAbuse, "It insults or threatens"}, {store.ReportSpam, "It is spam, or a duplicate"}, {store.ReportCheating, "Somebody cheats with it"}, {store.ReportOther, "Something else"},
	}
}

func reportWords(x store.ReportReason) string {
	for _, w := range reportReasons() {
		if w.Value == x {
			return w.Words
		}
	}
	return string(x)
}

// reportThing is a report, or what could be reported, as it is shown.
type reportThing struct {
	store.MemberReport
	Path string // empty: it is gone, or has no page
}

// Why is the reason in words.
func (t reportThing) Why() string { return reportWords(t.Reason) }

func newThing(x store.MemberReport) reportThing {
	t := reportThing{MemberReport: x}
	switch {
	case x.Gone:
	case x.Kind == store.ReportTorrent:
		t.Path = "/torrents/" + x.InfoHash.String()
	case x.Kind == store.ReportComment:
		t.Path = "/torrents/" + x.InfoHash.String() + commentLink(x.Subject)
	case x.Kind == store.ReportRequest:
		t.Path = requestPath(x.Subject)
	}
	return t
}

// reported finds what a form is about. Torrents are named by their info-hashes, the rest by numbers.
func (s *site) reported(r *http.Request, f reportForm) (x store.MemberReport, err error) {
	kind := store.ReportKind(f.Kind)
	if !slices.Contains(store.ReportKinds(), kind) {
		return x, fail(http.StatusUnprocessableEntity, "kind", "kind must be torrent, comment, request or member.")
	}
	missing := fail(http.StatusNotFound, "not_found", "What you want to report is not here, or not any more.")
	id, err := strconv.ParseInt(f.ID, 10, 64)
	if kind == store.ReportTorrent {
		h, e := bt.ParseInfoHash(f.ID)
		if e != nil {
			return x, missing
		}
		var t store.Torrent
		t, err = s.Store.TorrentByHash(r.Context(), h)
		id = int64(t.ID)
	} else if err != nil || id < 1 {
		return x, missing
	}
	if err == nil {
		x, err = s.Store.ReportSubject(r.Context(), kind, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return x, missing
	}
	return x, err
}

func (s *site) reportView(r *http.Request, f reportForm) (*view, error) {
	x, err := s.reported(r, f)
	if err != nil {
		return nil, err
	}
	return &view{name: "report", title: "Report", data: reportData{Form: f, Thing: newThing(x), Reasons: reportReasons(), Limit: store.MaxReportText}}, nil
}

func (s *site) pageReport(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q := r.URL.Query()
	return s.reportView(r, reportForm{Kind: showable(q.Get("kind")), ID: showable(q.Get("id"))})
}

// report brings something before the operators.
func (s *site) report(r *http.Request, f reportForm) (int64, error) {
	x, err := s.reported(r, f)
	if err != nil {
		return 0, err
	}
	n := store.NewReport{Member: visitorOf(r).member.ID, Kind: x.Kind, Subject: x.Subject, Reason: store.ReportReason(f.Reason)}
	if !slices.Contains(store.ReportReasons(), n.Reason) {
		return 0, fail(http.StatusUnprocessableEntity, "reason", "Choose a reason.")
	}
	if n.Text, err = cleanText([]byte(f.Text), "text", 4*store.MaxReportText); err != nil {
		return 0, err
	}
	if len([]rune(n.Text)) > store.MaxReportText {
		return 0, fail(http.StatusUnprocessableEntity, "text", "A report has at most %d characters; shorten it.", store.MaxReportText)
	}
	if n.Text == "" && n.Reason == store.ReportOther {
		return 0, fail(http.StatusUnprocessableEntity, "text", "Say in some words what is wrong with it.")
	}
	id, err := s.Store.AddReport(r.Context(), n)
	switch {
	case errors.Is(err, store.ErrExists):
		err = fail(http.StatusConflict, "exists", "You reported this already; an operator will look at it.")
	case errors.Is(err, store.ErrSelf):
		err = fail(http.StatusConflict, "own", "This is your own: change it, or take it away.")
	}
	return id, err
}

func (s *site) doReport(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	typed := reportForm{typedIn(r.PostForm, "kind"), typedIn(r.PostForm, "id"), typedIn(r.PostForm, "reason"), typedIn(r.PostForm, "text")}
	id, err := s.report(r, reportForm{typed.Kind, typed.ID, typed.Reason, r.PostForm.Get("text")})
	if err != nil {
		return s.modAgain(r, func() (*view, error) { return s.reportView(r, typed) }, err)
	}
	return modGo(w, r, fmt.Sprintf("/reports#report-%d", id))
}

// reportsData is a page of reports.
type reportsData struct {
	Rows    []reportThing
	More    string
	Paged   bool
	State   string
	Kind    store.ReportKind
	Kinds   []reportCount
	All     int
	MaxWhy  int
	Typed   int64 // the report whose form was not taken …
	Note    string
	Verdict string
}

// reportCount is how many reports of a kind are open.
type reportCount struct {
	Kind store.ReportKind
	N    int
}

// findReports reads a page of reports.
func (s *site) findReports(r *http.Request, q store.ReportQuery) ([]reportThing, string, error) {
	after, limit, err := modPlace(r, modRows)
	if err != nil {
		return nil, "", err
	}
	q.After, q.Limit = after.ID, limit
	list, next, err := s.Store.MemberReports(r.Context(), q)
	if err != nil {
		return nil, "", err
	}
	rows := []reportThing{}
	for _, x := range list {
		rows = append(rows, newThing(x))
	}
	return rows, modNext(next), nil
}

func (s *site) pageReports(_ http.ResponseWriter, r *http.Request) (*view, error) {
	rows, next, err := s.findReports(r, store.ReportQuery{Member: visitorOf(r).member.ID})
	if err != nil {
		return nil, err
	}
	d := &reportsData{Rows: rows, More: modMore("/reports", next, nil), Paged: r.URL.Query().Get("cursor") != ""}
	return &view{name: "reports", title: "What you reported", data: d}, nil
}

// stateOpen is how addresses call reports without a verdict.
const stateOpen = "open"

// reportQuery reads which reports an operator wants to see.
func reportQuery(r *http.Request) (q store.ReportQuery, state string, err error) {
	form := r.URL.Query()
	switch state = form.Get("state"); store.Verdict(state) {
	case "", stateOpen:
		state = stateOpen
	case store.VerdictUpheld, store.VerdictUnfounded:
		q.Verdict = store.Verdict(state)
	default:
		return q, "", fail(http.StatusBadRequest, "state", "state must be open, upheld or unfounded.")
	}
	if q.Kind = store.ReportKind(form.Get("kind")); q.Kind != "" && !slices.Contains(store.ReportKinds(), q.Kind) {
		return q, "", fail(http.StatusBadRequest, "kind", "kind must be torrent, comment, request or member.")
	}
	return q, state, nil
}

func (s *site) adminReportsView(r *http.Request) (*view, error) {
	q, state, err := reportQuery(r)
	if err != nil {
		return nil, err
	}
	d := &reportsData{State: state, Kind: q.Kind, MaxWhy: store.MaxWhy, Paged: r.URL.Query().Get("cursor") != ""}
	rows, next, err := s.findReports(r, q)
	if err != nil {
		return nil, err
	}
	d.Rows, d.More = rows, modMore("/admin/reports", next, url.Values{"state": {state}, "kind": {string(q.Kind)}})
	c, err := s.Store.ModerationCounts(r.Context())
	for _, k := range store.ReportKinds() {
		d.Kinds = append(d.Kinds, reportCount{k, c.Reports[k]})
	}
	d.All = c.AllReports()
	return &view{name: "admin-reports", title: "Reports", data: d}, err
}

func (s *site) pageAdminReports(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.adminReportsView(r)
}

// resolve ends a report with a verdict, and others of the same thing with it.
func (s *site) resolve(r *http.Request, verdict, text string, all bool) (int64, int, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return 0, 0, err
	}
	x := store.Resolution{By: visitorOf(r).member.ID, Report: id, Verdict: store.Verdict(verdict), All: all}
	if x.Verdict != store.VerdictUpheld && x.Verdict != store.VerdictUnfounded {
		return id, 0, fail(http.StatusUnprocessableEntity, "verdict", "verdict must be upheld or unfounded.")
	}
	if x.Note, err = modReason(text); err != nil {
		return id, 0, err
	}
	n, err := s.Store.ResolveReport(r.Context(), x)
	if err == nil {
		s.Log.Info("report resolved", "report", id, "verdict", verdict, "reports", n, "by", x.By)
	}
	return id, n, err
}

func (s *site) doResolve(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	verdict := r.PostForm.Get("verdict")
	id, _, err := s.resolve(r, verdict, r.PostForm.Get("note"), r.PostForm.Get("all") != "")
	if err != nil {
		return s.modAgain(r, func() (*view, error) {
			v, err := s.adminReportsView(r)
			if err == nil {
				d := v.data.(*reportsData)
				d.Typed, d.Note, d.Verdict = id, typedIn(r.PostForm, "note"), showable(verdict)
			}
			return v, err
		}, err)
	}
	return modGo(w, r, "/admin/reports")
}
