package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MemberReport is a report as it is shown.
type MemberReport struct {
	ID int64
	NewReport
	MemberName string
	About      bt.MemberID // who answers for it
	AboutName  string
	Title      string      // what the thing is called: a name, a title, the beginning of a comment
	InfoHash   bt.InfoHash // of a torrent, and of the one that a comment is about
	Gone       bool        // it was taken away
	AtMs       int64
	Verdict    Verdict
	Note       string
	DecidedMs  int64
	DecidedBy  string // name
	Others     int    // other open reports of the same thing; at most MaxModerationCount
}

// ReportQuery asks for a page of reports: open ones the oldest first, others the newest.
type ReportQuery struct {
	Verdict Verdict
	Kind    ReportKind  // empty: all
	Member  bt.MemberID // what they reported themselves, whatever its verdict and kind, newest first; 0: by verdict
	After   int64       // the last one of the page before; 0: from the top
	Limit   int
}

const (
	selectReport = `SELECT x.id, x.member, m.name, x.kind, x.subject, x.about, a.name, x.reason, x.text, x.at_ms, x.verdict, x.note, x.decided_ms,
		coalesce((SELECT d.name FROM members d WHERE d.id = x.decided_by), '')
		FROM member_reports x CROSS JOIN members m ON m.id = x.member CROSS JOIN members a ON a.id = x.about`
	countReports = "SELECT count(*) FROM (SELECT 1 FROM member_reports WHERE verdict = '' AND kind = ? LIMIT ?)"
	countSame    = "SELECT count(*) FROM (SELECT 1 FROM member_reports WHERE kind = ? AND subject = ? AND verdict = '' AND id <> ? LIMIT ?)"
)

func readReport(r scanner) (x MemberReport, err error) {
	err = r.Scan(&x.ID, &x.Member, &x.MemberName, &x.Kind, &x.Subject, &x.About, &x.AboutName, &x.Reason, &x.Text, &x.AtMs, &x.Verdict, &x.Note, &x.DecidedMs, &x.DecidedBy)
	return x, notFound(err)
}

// oldest is whether the page begins with what has waited longest.
func (q ReportQuery) oldest() bool { return q.Member == 0 && q.Verdict == VerdictOpen }

func (q ReportQuery) sql() (string, []any) {
	where, args := []string{"x.verdict = ?"}, []any{q.Verdict}
	switch {
	case q.Member > 0:
		where, args = []string{"x.member = ?"}, []any{q.Member}
	case q.Kind != "":
		where, args = append(where, "x.kind = ?"), append(args, q.Kind)
	}
	bound, order, from := "x.id < ?", "x.id DESC", q.After
	if from == 0 {
		from = math.MaxInt64
	}
	if q.oldest() {
		bound, order, from = "x.id > ?", "x.id", q.After
	}
	return selectReport + " WHERE " + strings.Join(append(where, bound), " AND ") + " ORDER BY " + order + " LIMIT ?", append(args, from, q.Limit+1)
}

// MemberReports returns a page and the After of the next one; 0: it was the last.
func (s *Store) MemberReports(ctx context.Context, q ReportQuery) (page []MemberReport, next int64, err error) {
	query, args := q.sql()
	err = s.read(ctx, func(r *reader) error {
		if page, err = scan(ctx, r.Tx, rowsOf(readReport), query, args...); err != nil {
			return err
		}
		if len(page) > q.Limit {
			page = page[:q.Limit]
			next = page[q.Limit-1].ID
		}
		for i := range page {
			if err := r.subject(&page[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read reports: %w", err)
	}
	return page, next, nil
}

// MemberReport returns one; ErrNotFound.
func (s *Store) MemberReport(ctx context.Context, id int64) (x MemberReport, err error) {
	err = s.read(ctx, func(r *reader) error {
		if x, err = readReport(r.QueryRowContext(ctx, selectReport+" WHERE x.id = ?", id)); err != nil {
			return err
		}
		return r.subject(&x)
	})
	if err != nil {
		return MemberReport{}, fmt.Errorf("read report %d: %w", id, err)
	}
	return x, nil
}

// ReportSubject says what a thing that could be reported is, and whose. ErrNotFound.
func (s *Store) ReportSubject(ctx context.Context, kind ReportKind, subject int64) (x MemberReport, err error) {
	x.Kind, x.Subject = kind, subject
	err = s.read(ctx, func(r *reader) error {
		query := map[ReportKind]string{
			ReportTorrent: "SELECT m.id, m.name FROM torrents x JOIN members m ON m.id = x.uploader WHERE x.id = ?",
			ReportComment: "SELECT m.id, m.name FROM comments x JOIN members m ON m.id = x.member WHERE x.id = ?",
			ReportRequest: "SELECT m.id, m.name FROM requests x JOIN members m ON m.id = x.member WHERE x.id = ?",
			ReportMember:  "SELECT m.id, m.name FROM members m WHERE m.id = ?",
		}[kind]
		if err := r.QueryRowContext(ctx, query, subject).Scan(&x.About, &x.AboutName); err != nil {
			return notFound(err)
		}
		return r.subject(&x)
	})
	if err == nil && x.Gone {
		err = ErrNotFound
	}
	if err != nil {
		return MemberReport{}, fmt.Errorf("look for %s %d: %w", kind, subject, err)
	}
	return x, nil
}

// commentBeginning is how much of a comment stands for it, in characters.
const commentBeginning = 200

// subject reads what a report is about.
func (r *reader) subject(x *MemberReport) error {
	var hash []byte
	query, into := "", []any{&x.Title}
	switch x.Kind {
	case ReportTorrent:
		query, into = "SELECT name, infohash, withdrawn_ms > 0 FROM torrents WHERE id = ?", append(into, &hash, &x.Gone)
	case ReportComment:
		query = "SELECT substr(c.text, 1, ?2), t.infohash, c.removed_ms > 0 OR t.withdrawn_ms > 0 FROM comments c JOIN torrents t ON t.id = c.torrent WHERE c.id = ?1"
		into = append(into, &hash, &x.Gone)
	case ReportRequest:
		query = "SELECT title FROM requests WHERE id = ?"
	default:
		x.Title = x.AboutName
	}
	if query != "" {
		args := []any{x.Subject, commentBeginning}
		if x.Kind != ReportComment {
			args = args[:1]
		}
		if err := r.QueryRowContext(r.ctx, query, args...).Scan(into...); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	copy(x.InfoHash[:], hash)
	return r.QueryRowContext(r.ctx, countSame, x.Kind, x.Subject, x.ID, MaxModerationCount).Scan(&x.Others)
}

// Explanations are the words behind notifications: the reasons of decisions about torrents, and what became of
// reports.
type Explanations struct {
	Decisions map[int64]string
	Reports   map[int64]MemberReport // Verdict and Note only
}

// Explain reads the words behind some notifications; what is not there is left out.
func (s *Store) Explain(ctx context.Context, decisions, reports []int64) (x Explanations, err error) {
	x = Explanations{map[int64]string{}, map[int64]MemberReport{}}
	err = s.read(ctx, func(r *reader) error {
		for _, id := range decisions {
			var reason string
			if err := r.QueryRowContext(ctx, "SELECT reason FROM torrent_decisions WHERE id = ?", id).Scan(&reason); err == nil {
				x.Decisions[id] = reason
			} else if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		for _, id := range reports {
			var p MemberReport
			if err := r.QueryRowContext(ctx, "SELECT verdict, note FROM member_reports WHERE id = ?", id).Scan(&p.Verdict, &p.Note); err == nil {
				x.Reports[id] = p
			} else if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Explanations{}, fmt.Errorf("read the words behind notifications: %w", err)
	}
	return x, nil
}
