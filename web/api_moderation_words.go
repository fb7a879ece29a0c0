package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// reportView is a report. What operators alone see is left out for who sent it.
type reportView struct {
	ID        int64       `json:"id"`
	Kind      string      `json:"kind" doc:"torrent, comment, request or member"`
	Subject   int64       `json:"subject" doc:"number of the thing"`
	InfoHash  string      `json:"infohash,omitempty" doc:"of a torrent, and of the one that a comment is about"`
	Title     string      `json:"title" doc:"what the thing is called; the beginning of a comment"`
	Gone      bool        `json:"gone" doc:"the thing was taken away"`
	About     string      `json:"about" doc:"who answers for it"`
	AboutID   bt.MemberID `json:"about_id"`
	Reporter  string      `json:"reporter"`
	Reason    string      `json:"reason"`
	Text      string      `json:"text"`
	Verdict   string      `json:"verdict" doc:"empty: none yet"`
	Note      string      `json:"note" doc:"of the operator who decided"`
	Others    *int        `json:"others,omitempty" doc:"for operators: other open reports of the same thing"`
	CreatedAt time.Time   `json:"created_at"`
	DecidedAt *time.Time  `json:"decided_at"`
}

func newReportView(x store.MemberReport, operator bool) reportView {
	v := reportView{ID: x.ID, Kind: string(x.Kind), Subject: x.Subject, Title: x.Title, Gone: x.Gone, About: x.AboutName, AboutID: x.About, Reporter: x.MemberName, Reason: string(x.Reason), Text: x.Text,
		Verdict: string(x.Verdict), Note: x.Note, CreatedAt: utc(x.AtMs), DecidedAt: utcOrNil(x.DecidedMs)}
	if x.InfoHash != (bt.InfoHash{}) {
		v.InfoHash = x.InfoHash.String()
	}
	if operator {
		v.Others = &x.Others
	}
	return v
}

// reportsPage is a page of reports.
type reportsPage struct {
	Reports []reportView `json:"reports"`
	Next    string       `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) answerReports(w http.ResponseWriter, r *http.Request, q store.ReportQuery, operator bool) error {
	rows, next, err := s.findReports(r, q)
	if err != nil {
		return err
	}
	out := reportsPage{Reports: []reportView{}, Next: next}
	for _, x := range rows {
		out.Reports = append(out.Reports, newReportView(x.MemberReport, operator))
	}
	return answer(w, http.StatusOK, out)
}

func (s *site) apiOwnReports(w http.ResponseWriter, r *http.Request) error {
	return s.answerReports(w, r, store.ReportQuery{Member: visitorOf(r).member.ID}, false)
}

func (s *site) apiReportThing(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind   string `json:"kind"`
		ID     string `json:"id"`
		Reason string `json:"reason"`
		Text   string `json:"text"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	id, err := s.report(r, reportForm{in.Kind, in.ID, in.Reason, in.Text})
	if err != nil {
		return err
	}
	x, err := s.Store.MemberReport(r.Context(), id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newReportView(x, false))
}

func (s *site) apiAdminReports(w http.ResponseWriter, r *http.Request) error {
	q, _, err := reportQuery(r)
	if err != nil {
		return err
	}
	return s.answerReports(w, r, q, true)
}

// resolvedView says how many reports a verdict ended.
type resolvedView struct {
	Report   int64  `json:"report"`
	Verdict  string `json:"verdict"`
	Resolved int    `json:"resolved" doc:"how many reports were ended by it"`
}

func (s *site) apiResolve(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Verdict string `json:"verdict"`
		Note    string `json:"note"`
		All     bool   `json:"all"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	id, n, err := s.resolve(r, in.Verdict, in.Note, in.All)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, resolvedView{id, in.Verdict, n})
}

// announcementView is something that operators told everybody.
type announcementView struct {
	ID        int64      `json:"id"`
	Kind      string     `json:"kind" doc:"notice or warning"`
	Title     string     `json:"title"`
	Text      string     `json:"text"`
	State     string     `json:"state" doc:"shown, over or to come"`
	FromAt    time.Time  `json:"from_at"`
	UntilAt   *time.Time `json:"until_at" doc:"null: until an operator ends it"`
	EndedAt   *time.Time `json:"ended_at" doc:"by an operator"`
	EditedAt  *time.Time `json:"edited_at" doc:"when its words changed last"`
	CreatedAt time.Time  `json:"created_at"`
}

func (s *site) newAnnouncementView(a store.Announcement) announcementView {
	return announcementView{a.ID, a.Kind, a.Title, a.Text, stateOfAnnouncement(a, s.Now()), utc(a.FromMs), utcOrNil(a.UntilMs), utcOrNil(a.EndedMs), utcOrNil(a.EditedMs), utc(a.CreatedMs)}
}

// announcementsPage is a page of announcements.
type announcementsPage struct {
	Announcements []announcementView `json:"announcements"`
	Next          string             `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiAnnouncements(begun bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		rows, next, err := s.announcementRows(r, begun)
		if err != nil {
			return err
		}
		out := announcementsPage{Announcements: []announcementView{}, Next: next}
		for _, a := range rows {
			out.Announcements = append(out.Announcements, s.newAnnouncementView(a.Announcement))
		}
		return answer(w, http.StatusOK, out)
	}
}

func (s *site) apiDismiss(w http.ResponseWriter, r *http.Request) error {
	if err := s.dismiss(r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readAnnouncement reads a body, with the checks of the form.
func (s *site) readAnnouncement(r *http.Request) (n store.NewAnnouncement, err error) {
	var in struct {
		Kind    string     `json:"kind"`
		Title   string     `json:"title"`
		Text    string     `json:"text"`
		FromAt  *time.Time `json:"from_at"`
		UntilAt *time.Time `json:"until_at"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return n, err
	}
	if n, err = (announcementForm{Kind: in.Kind, Title: in.Title, Text: in.Text}).parse(s.Now()); err != nil {
		return n, err
	}
	if in.FromAt != nil {
		n.From, err = *in.FromAt, checkMoment(*in.FromAt, "from", s.Now())
	}
	if in.UntilAt != nil && err == nil {
		n.Until, err = *in.UntilAt, checkMoment(*in.UntilAt, "until", s.Now())
	}
	return n, err
}

func (s *site) apiAnnounce(w http.ResponseWriter, r *http.Request) error {
	n, err := s.readAnnouncement(r)
	if err != nil {
		return err
	}
	return s.answerAnnounced(w, r, 0, n, http.StatusCreated)
}

func (s *site) apiEditAnnouncement(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	n, err := s.readAnnouncement(r)
	if err != nil {
		return err
	}
	return s.answerAnnounced(w, r, id, n, http.StatusOK)
}

func (s *site) answerAnnounced(w http.ResponseWriter, r *http.Request, id int64, n store.NewAnnouncement, status int) error {
	id, err := s.announce(r, id, n)
	if err != nil {
		return err
	}
	a, err := s.Store.Announcement(r.Context(), id)
	if err != nil {
		return err
	}
	return answer(w, status, s.newAnnouncementView(a))
}

func (s *site) apiEndAnnouncement(w http.ResponseWriter, r *http.Request) error {
	if err := s.endAnnouncement(r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
