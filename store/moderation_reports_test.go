package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// reportStore has members 1 (an operator who uploaded two torrents) to 4.
func reportStore(t *testing.T) (*Store, func(time.Duration), []bt.TorrentID) {
	t.Helper()
	s, pass, ids := commentStore(t)
	addMember(t, s, 4, 0, 0)
	if err := s.write(t.Context(), func(t *tx) error { return t.change("UPDATE members SET operator = 1 WHERE id = 1") }); err != nil {
		t.Fatal(err)
	}
	return s, pass, ids
}

func report(t *testing.T, s *Store, m bt.MemberID, kind ReportKind, subject int64) int64 {
	t.Helper()
	id, err := s.AddReport(t.Context(), NewReport{Member: m, Kind: kind, Subject: subject, Reason: ReportSpam, Text: "look at it"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// reportsOf lists reports as "id kind title verdict", read in pages of two.
func reportsOf(t *testing.T, s *Store, q ReportQuery) (out []string) {
	t.Helper()
	for q.Limit = 2; ; {
		page, next, err := s.MemberReports(t.Context(), q)
		if err != nil || len(page) > 2 {
			t.Fatal(page, err)
		}
		for _, x := range page {
			out = append(out, strings.TrimSpace(fmt.Sprint(x.ID, " ", x.Kind, " ", x.Title, " ", x.Verdict)))
		}
		if next == 0 {
			return out
		}
		q.After = next
	}
}

func TestReportsAndTheirVerdicts(t *testing.T) {
	s, _, ids := reportStore(t)
	ctx := t.Context()
	said := say(t, s, ids[0], 2, "buy my watches")
	first := report(t, s, 2, ReportTorrent, int64(ids[0]))
	comment := report(t, s, 3, ReportComment, said)
	second := report(t, s, 3, ReportTorrent, int64(ids[0]))
	member := report(t, s, 4, ReportMember, 3)
	open := []string{"1 torrent t0", "2 comment buy my watches", "3 torrent t0", "4 member d"}
	if got := reportsOf(t, s, ReportQuery{}); !slices.Equal(got, open) {
		t.Errorf("%q, want %q", got, open)
	}
	if got := reportsOf(t, s, ReportQuery{Kind: ReportTorrent}); !slices.Equal(got, []string{"1 torrent t0", "3 torrent t0"}) {
		t.Errorf("%q", got)
	}
	if got := reportsOf(t, s, ReportQuery{Member: 3}); !slices.Equal(got, []string{"3 torrent t0", "2 comment buy my watches"}) {
		t.Errorf("%q", got)
	}
	x, err := s.MemberReport(ctx, first)
	if err != nil || x.Others != 1 || x.About != 1 || x.AboutName != "b" || x.MemberName != "c" || x.InfoHash != (bt.InfoHash{1}) || x.Gone {
		t.Errorf("%+v, %v", x, err)
	}
	if c, err := s.ModerationCounts(ctx); err != nil || c.AllReports() != 4 || c.Reports[ReportTorrent] != 2 || c.Reports[ReportRequest] != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if n, err := s.ResolveReport(ctx, Resolution{By: 1, Report: first, Verdict: VerdictUpheld, Note: "it is gone", All: true}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if err := s.RemoveComment(ctx, 1, said, "spam"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.ResolveReport(ctx, Resolution{By: 1, Report: comment, Verdict: VerdictUnfounded, Note: "it was a joke"}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if got := reportsOf(t, s, ReportQuery{Verdict: VerdictUpheld}); !slices.Equal(got, []string{"3 torrent t0 upheld", "1 torrent t0 upheld"}) {
		t.Errorf("%q", got)
	}
	if x, err = s.MemberReport(ctx, comment); err != nil || !x.Gone || x.Note != "it was a joke" || x.DecidedBy != "b" {
		t.Errorf("%+v, %v", x, err)
	}
	wantTold(t, s, 2, "report-resolved report/1 0 *")
	wantTold(t, s, 3, "report-resolved report/2 0 *", "report-resolved report/3 0 *")
	why, err := s.Explain(ctx, nil, []int64{second, member})
	if err != nil || why.Reports[second].Note != "it is gone" || why.Reports[member].Verdict != VerdictOpen {
		t.Errorf("%+v, %v", why, err)
	}
	wantLog(t, s, "report unfounded 2, comment 1: it was a joke", "comment remove comment 1 of member 2 on torrent 1: spam", "report upheld 1, torrent 1: it is gone")
	if r, err := s.MemberRecord(ctx, 1); err != nil || r.Upheld != 2 || r.About != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestReportsAreRefused(t *testing.T) {
	s, pass, ids := reportStore(t)
	ctx := t.Context()
	said := say(t, s, ids[0], 2, "hello")
	torrent := int64(ids[0])
	ok := NewReport{Member: 3, Kind: ReportTorrent, Subject: torrent, Reason: ReportOther, Text: "x"}
	id, err := s.AddReport(ctx, ok)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		change func(*NewReport)
		want   error
	}{
		{func(*NewReport) {}, ErrExists},
		{func(n *NewReport) { n.Member = 1 }, ErrSelf},
		{func(n *NewReport) { n.Kind, n.Subject = ReportMember, 3 }, ErrSelf},
		{func(n *NewReport) { n.Member, n.Kind, n.Subject = 2, ReportComment, said }, ErrSelf},
		{func(n *NewReport) { n.Subject = 99 }, ErrNotFound},
		{func(n *NewReport) { n.Kind, n.Subject = ReportComment, 99 }, ErrNotFound},
		{func(n *NewReport) { n.Kind, n.Subject = ReportRequest, 1 }, ErrNotFound},
		{func(n *NewReport) { n.Kind = "node" }, ErrRange},
		{func(n *NewReport) { n.Reason = "because" }, ErrRange},
		{func(n *NewReport) { n.Text = strings.Repeat("é", MaxReportText+1) }, ErrRange},
		{func(n *NewReport) { n.Text = "\xff" }, ErrRange},
	} {
		n := ok
		x.change(&n)
		if _, err := s.AddReport(ctx, n); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v, want %v", n, err, x.want)
		}
	}
	for _, x := range []struct {
		r    Resolution
		want error
	}{
		{Resolution{By: 1, Report: id, Verdict: VerdictUpheld}, ErrWhy},
		{Resolution{By: 1, Report: id, Note: "x"}, ErrRange},
		{Resolution{By: 1, Report: id, Note: "x", Verdict: "maybe"}, ErrRange},
		{Resolution{By: 2, Report: id, Note: "x", Verdict: VerdictUpheld}, ErrNotOperator},
		{Resolution{By: 1, Report: 99, Note: "x", Verdict: VerdictUpheld}, ErrNotFound},
		{Resolution{By: 1, Report: id, Note: "x", Verdict: VerdictUpheld}, nil},
		{Resolution{By: 1, Report: id, Note: "x", Verdict: VerdictUpheld}, ErrModerated},
	} {
		if _, err := s.ResolveReport(ctx, x.r); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v, want %v", x.r, err, x.want)
		}
	}
	report(t, s, 3, ReportTorrent, torrent) // again, after the verdict
	for i := range MaxReports - 2 {
		c := say(t, s, ids[1], 2, fmt.Sprint("comment ", i))
		report(t, s, 3, ReportComment, c)
	}
	more := NewReport{Member: 3, Kind: ReportMember, Subject: 2, Reason: ReportAbuse}
	if _, err := s.AddReport(ctx, more); !errors.Is(err, ErrReports) {
		t.Error(err)
	}
	pass(24 * time.Hour)
	if _, err := s.AddReport(ctx, more); err != nil {
		t.Error(err)
	}
}

// A report about an operator is another's to decide, as long as there is another.
func TestNobodyResolvesReportsAboutThemselves(t *testing.T) {
	s, _, ids := reportStore(t)
	ctx := t.Context()
	setOperator := func(m bt.MemberID, banned string) {
		t.Helper()
		if err := s.write(ctx, func(t *tx) error {
			return t.change("UPDATE members SET operator = 1, banned_reason = ? WHERE id = ?", banned, m)
		}); err != nil {
			t.Fatal(err)
		}
	}
	setOperator(4, "")
	x := Resolution{By: 1, Report: report(t, s, 2, ReportTorrent, int64(ids[0])), Verdict: VerdictUnfounded, Note: "not me"}
	if _, err := s.ResolveReport(ctx, x); !errors.Is(err, ErrSelf) {
		t.Errorf("%v", err)
	}
	setOperator(4, "gone")
	if _, err := s.ResolveReport(ctx, x); err != nil {
		t.Errorf("the only operator: %v", err)
	}
}
