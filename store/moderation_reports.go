package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ReportKind is what a report is about.
type ReportKind string

// The kinds. The subject of a report is the number of one of them.
const (
	ReportTorrent ReportKind = "torrent"
	ReportComment ReportKind = "comment"
	ReportRequest ReportKind = "request"
	ReportMember  ReportKind = "member"
)

// ReportKinds are all of them.
func ReportKinds() []ReportKind {
	return []ReportKind{ReportTorrent, ReportComment, ReportRequest, ReportMember}
}

// ReportReason is why something is reported.
type ReportReason string

// The reasons.
const (
	ReportFalse    ReportReason = "false"    // it is not what it says
	ReportHarmful  ReportReason = "harmful"  // it harms whoever opens it
	ReportUnlawful ReportReason = "unlawful" // against the law or the rules of the place
	ReportAbuse    ReportReason = "abuse"    // insults, threats
	ReportSpam     ReportReason = "spam"
	ReportCheating ReportReason = "cheating"
	ReportOther    ReportReason = "other"
)

// ReportReasons are all of them, in the order in which they are offered.
func ReportReasons() []ReportReason {
	return []ReportReason{ReportFalse, ReportHarmful, ReportUnlawful, ReportAbuse, ReportSpam, ReportCheating, ReportOther}
}

// Verdict is what an operator found about a report.
type Verdict string

// The verdicts.
const (
	VerdictOpen      Verdict = "" // none yet
	VerdictUpheld    Verdict = "upheld"
	VerdictUnfounded Verdict = "unfounded"
)

const (
	// MaxReportText bounds what a report says, in characters.
	MaxReportText = 2000
	// MaxReports is how many a member sends within ReportWindow.
	MaxReports = 20
	// maxSameReports is how many open reports of one thing are resolved in one step.
	maxSameReports = 200

	reportWindowMs = dayMs
)

// ErrReports: a member reported too much.
var ErrReports = errors.New("at most 20 reports a day")

// NewReport is what a member reports.
type NewReport struct {
	Member  bt.MemberID // who reports
	Kind    ReportKind
	Subject int64
	Reason  ReportReason
	Text    string
}

func (n NewReport) check() error {
	if !slices.Contains(ReportKinds(), n.Kind) || !slices.Contains(ReportReasons(), n.Reason) {
		return fmt.Errorf("%w: no such kind or reason of reports", ErrRange)
	}
	if c := utf8.RuneCountInString(n.Text); c > MaxReportText || !utf8.ValidString(n.Text) {
		return fmt.Errorf("%w: a report has at most %d characters", ErrRange, MaxReportText)
	}
	return nil
}

// AddReport brings something before the operators. A member has one open report of a thing.
//
// Errors: ErrRange, ErrNotFound (there is no such thing, or it was taken away), ErrSelf (it is the member's own),
// ErrExists, ErrReports.
func (s *Store) AddReport(ctx context.Context, n NewReport) (id int64, err error) {
	if err := n.check(); err != nil {
		return 0, err
	}
	err = s.write(ctx, func(t *tx) error {
		about, err := t.answersFor(n.Kind, n.Subject)
		if err != nil {
			return err
		}
		if about == n.Member {
			return ErrSelf
		}
		var open bool
		if err := t.row("SELECT EXISTS (SELECT 1 FROM member_reports WHERE member = ? AND kind = ? AND subject = ? AND verdict = '')", n.Member, n.Kind, n.Subject).Scan(&open); err != nil {
			return err
		}
		if open {
			return ErrExists
		}
		var lately int
		if err := t.row("SELECT count(*) FROM member_reports WHERE member = ? AND at_ms > ?", n.Member, t.nowMs()-reportWindowMs).Scan(&lately); err != nil {
			return err
		}
		if lately >= MaxReports {
			return ErrReports
		}
		id, err = t.insert("INSERT INTO member_reports (member, kind, subject, about, reason, text, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
			n.Member, n.Kind, n.Subject, about, n.Reason, n.Text, t.nowMs())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("report %s %d: %w", n.Kind, n.Subject, err)
	}
	return id, nil
}

// answersFor is the member whose thing it is, if it is there. ErrNotFound.
func (t *tx) answersFor(kind ReportKind, subject int64) (m bt.MemberID, err error) {
	query := map[ReportKind]string{
		ReportTorrent: "SELECT uploader FROM torrents WHERE id = ? AND withdrawn_ms = 0",
		ReportComment: "SELECT member FROM comments WHERE id = ? AND removed_ms = 0",
		ReportRequest: "SELECT member FROM requests WHERE id = ?",
		ReportMember:  "SELECT id FROM members WHERE id = ?",
	}[kind]
	return m, notFound(t.row(query, subject).Scan(&m))
}

// Resolution is what an operator found about a report.
type Resolution struct {
	By      bt.MemberID
	Report  int64
	Verdict Verdict
	Note    string // that the reporters read
	All     bool   // of all open reports of the same thing
}

// ResolveReport ends a report and tells who sent it. It returns how many were ended.
//
// Errors: ErrWhy (no note, or too much), ErrRange (no verdict), ErrNotFound, ErrNotOperator, ErrModerated, ErrSelf
// (it is about the operator, and there is another one).
func (s *Store) ResolveReport(ctx context.Context, x Resolution) (n int, err error) {
	if err := checkWhy(x.Note); err != nil {
		return 0, err
	}
	if x.Verdict != VerdictUpheld && x.Verdict != VerdictUnfounded {
		return 0, fmt.Errorf("%w: a report is upheld or unfounded", ErrRange)
	}
	err = s.write(ctx, func(t *tx) error {
		if err := t.mustOperate(x.By); err != nil {
			return err
		}
		var kind ReportKind
		var subject int64
		var about bt.MemberID
		var verdict Verdict
		if err := t.row("SELECT kind, subject, about, verdict FROM member_reports WHERE id = ?", x.Report).Scan(&kind, &subject, &about, &verdict); err != nil {
			return notFound(err)
		}
		if verdict != VerdictOpen {
			return ErrModerated
		}
		if about == x.By { // where there is one operator only, the reports would wait for ever
			if err := t.otherOperator(x.By); !errors.Is(err, ErrLastOperator) {
				return cmp.Or(err, ErrSelf)
			}
		}
		ids := []int64{x.Report}
		if x.All {
			if ids, err = collect[int64](t.ctx, t.Tx, "SELECT id FROM member_reports WHERE kind = ? AND subject = ? AND verdict = '' ORDER BY id LIMIT ?", kind, subject, maxSameReports); err != nil {
				return err
			}
		}
		n = len(ids)
		for _, id := range ids {
			if err := t.endReport(id, x); err != nil {
				return err
			}
		}
		return t.logOperator(x.By, "report "+string(x.Verdict), fmt.Sprintf("%d, %s %d: %s", x.Report, kind, subject, x.Note))
	})
	if err != nil {
		return 0, fmt.Errorf("resolve report %d: %w", x.Report, err)
	}
	return n, nil
}

func (t *tx) endReport(id int64, x Resolution) error {
	var reporter bt.MemberID
	if err := t.row("SELECT member FROM member_reports WHERE id = ?", id).Scan(&reporter); err != nil {
		return err
	}
	if err := t.change("UPDATE member_reports SET verdict = ?, note = ?, decided_ms = ?, decided_by = ? WHERE id = ?", x.Verdict, x.Note, t.nowMs(), x.By, id); err != nil {
		return err
	}
	ref := fmt.Sprintf("report/%d", id)
	return t.notify(reporter, NotifyReport, ref, 0, ref)
}
