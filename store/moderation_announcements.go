package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Limits of announcements.
const (
	MaxAnnouncements     = 5 // shown or to be shown: each is a line on every page
	MaxAnnouncementTitle = 120
	MaxAnnouncementText  = 4000 // characters
	AnnouncementNotice   = "notice"
	AnnouncementWarning  = "warning"
)

// ErrAnnouncements: there are enough lines on every page.
var ErrAnnouncements = errors.New("there are 5 announcements that are shown or will be: end one first")

// NewAnnouncement is what an operator tells everybody: plain text.
type NewAnnouncement struct {
	Kind        string // AnnouncementNotice or AnnouncementWarning
	Title, Text string
	From        time.Time // zero: now
	Until       time.Time // zero: until it is ended
}

// Announcement is one as it is shown. Times in unix ms.
type Announcement struct {
	ID          int64
	Kind        string
	Title, Text string
	FromMs      int64
	UntilMs     int64 // 0: until it is ended
	CreatedMs   int64
	CreatedBy   string // name
	EditedMs    int64  // when its words changed last; 0: never
	EndedMs     int64  // by an operator; 0: not
}

// Over is whether it is not shown any more.
func (a Announcement) Over(nowMs int64) bool {
	return a.EndedMs > 0 || a.UntilMs > 0 && nowMs >= a.UntilMs
}

// Shown is whether it is on every page now.
func (a Announcement) Shown(nowMs int64) bool { return nowMs >= a.FromMs && !a.Over(nowMs) }

func (n *NewAnnouncement) check(now time.Time) error {
	if n.From.IsZero() {
		n.From = now
	}
	title, text := utf8.RuneCountInString(n.Title), utf8.RuneCountInString(n.Text)
	switch {
	case n.Kind != AnnouncementNotice && n.Kind != AnnouncementWarning:
		return fmt.Errorf("%w: an announcement is a notice or a warning", ErrRange)
	case title == 0 || title > MaxAnnouncementTitle || !utf8.ValidString(n.Title):
		return fmt.Errorf("%w: a title has 1 to %d characters", ErrRange, MaxAnnouncementTitle)
	case text > MaxAnnouncementText || !utf8.ValidString(n.Text):
		return fmt.Errorf("%w: the text has at most %d characters", ErrRange, MaxAnnouncementText)
	case !n.Until.IsZero() && (!n.Until.After(n.From) || !n.Until.After(now)):
		return fmt.Errorf("%w: it must end after it begins, and not before now", ErrRange)
	}
	return nil
}

func (n NewAnnouncement) untilMs() int64 {
	if n.Until.IsZero() {
		return 0
	}
	return n.Until.UnixMilli()
}

// AddAnnouncement tells everybody something. ErrRange, ErrNotOperator, ErrAnnouncements.
func (s *Store) AddAnnouncement(ctx context.Context, by bt.MemberID, n NewAnnouncement) (id int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		if err := n.check(t.now); err != nil {
			return err
		}
		if err := t.mustOperate(by); err != nil {
			return err
		}
		var open int
		if err := t.row("SELECT count(*) FROM announcements WHERE ended_ms = 0 AND (until_ms = 0 OR until_ms > ?)", t.nowMs()).Scan(&open); err != nil {
			return err
		}
		if open >= MaxAnnouncements {
			return ErrAnnouncements
		}
		id, err = t.insert("INSERT INTO announcements (kind, title, text, from_ms, until_ms, created_ms, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
			n.Kind, n.Title, n.Text, n.From.UnixMilli(), n.untilMs(), t.nowMs(), by)
		if err != nil {
			return err
		}
		return t.logOperator(by, "announcement add", fmt.Sprintf("%d %s: %s", id, n.Kind, n.Title))
	})
	if err != nil {
		return 0, fmt.Errorf("add an announcement: %w", err)
	}
	return id, nil
}

// EditAnnouncement changes an announcement that is not over. Whoever put it away is shown it again if its words
// change. ErrRange, ErrNotFound, ErrNotOperator, ErrModerated (it is over).
func (s *Store) EditAnnouncement(ctx context.Context, by bt.MemberID, id int64, n NewAnnouncement) error {
	err := s.write(ctx, func(t *tx) error {
		have, err := t.openAnnouncement(by, id)
		if err != nil {
			return err
		}
		if n.From.IsZero() {
			n.From = time.UnixMilli(have.FromMs)
		}
		if err := n.check(t.now); err != nil {
			return err
		}
		edited := have.EditedMs
		if n.Title != have.Title || n.Text != have.Text {
			edited = t.nowMs()
		}
		return errors.Join(t.change("UPDATE announcements SET kind = ?, title = ?, text = ?, from_ms = ?, until_ms = ?, edited_ms = ? WHERE id = ?",
			n.Kind, n.Title, n.Text, n.From.UnixMilli(), n.untilMs(), edited, id),
			t.logOperator(by, "announcement edit", fmt.Sprintf("%d %s: %s, before it was %s", id, n.Kind, n.Title, have.Title)))
	})
	if err != nil {
		return fmt.Errorf("edit announcement %d: %w", id, err)
	}
	return nil
}

// EndAnnouncement takes an announcement from the pages. ErrNotFound, ErrNotOperator, ErrModerated (it is over).
func (s *Store) EndAnnouncement(ctx context.Context, by bt.MemberID, id int64) error {
	err := s.write(ctx, func(t *tx) error {
		have, err := t.openAnnouncement(by, id)
		if err != nil {
			return err
		}
		return errors.Join(t.change("UPDATE announcements SET ended_ms = ? WHERE id = ?", t.nowMs(), id),
			t.logOperator(by, "announcement end", fmt.Sprintf("%d: %s", id, have.Title)))
	})
	if err != nil {
		return fmt.Errorf("end announcement %d: %w", id, err)
	}
	return nil
}

func (t *tx) openAnnouncement(by bt.MemberID, id int64) (a Announcement, err error) {
	if err := t.mustOperate(by); err != nil {
		return a, err
	}
	if a, err = readAnnouncement(t.row(selectAnnouncement+" WHERE a.id = ?", id)); err == nil && a.Over(t.nowMs()) {
		err = ErrModerated
	}
	return a, err
}

const selectAnnouncement = `SELECT a.id, a.kind, a.title, a.text, a.from_ms, a.until_ms, a.created_ms, m.name, a.edited_ms, a.ended_ms
	FROM announcements a CROSS JOIN members m ON m.id = a.created_by`

func readAnnouncement(r scanner) (a Announcement, err error) {
	err = r.Scan(&a.ID, &a.Kind, &a.Title, &a.Text, &a.FromMs, &a.UntilMs, &a.CreatedMs, &a.CreatedBy, &a.EditedMs, &a.EndedMs)
	return a, notFound(err)
}

// Announcement returns one; ErrNotFound.
func (s *Store) Announcement(ctx context.Context, id int64) (Announcement, error) {
	return readAnnouncement(s.r.QueryRowContext(ctx, selectAnnouncement+" WHERE a.id = ?", id))
}

// CurrentAnnouncements are those that are shown or will be, newest first.
func (s *Store) CurrentAnnouncements(ctx context.Context) ([]Announcement, error) {
	return scan(ctx, s.r, rowsOf(readAnnouncement), selectAnnouncement+" WHERE a.ended_ms = 0 AND (a.until_ms = 0 OR a.until_ms > ?) ORDER BY a.id DESC LIMIT ?",
		s.opt.Now().UnixMilli(), MaxAnnouncements)
}

// AnnouncementQuery asks for a page of announcements, those that begin last first.
type AnnouncementQuery struct {
	Begun bool   // only those that have begun
	After Cursor // of the page before; zero: from the top
	Limit int
}

// Announcements returns a page of all there were, and where the next one begins; next.Set is false at the end.
func (s *Store) Announcements(ctx context.Context, q AnnouncementQuery) (page []Announcement, next Cursor, err error) {
	from, id := int64(math.MaxInt64), int64(math.MaxInt64)
	if q.After.Set {
		from, id = q.After.Key, q.After.ID
	}
	if now := s.opt.Now().UnixMilli(); q.Begun && from > now { // also after a place that no page gave
		from, id = now, math.MaxInt64
	}
	page, err = scan(ctx, s.r, rowsOf(readAnnouncement), selectAnnouncement+" WHERE (a.from_ms, a.id) < (?, ?) ORDER BY a.from_ms DESC, a.id DESC LIMIT ?", from, id, q.Limit+1)
	if err != nil {
		return nil, next, fmt.Errorf("read announcements: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[q.Limit-1]
		next = Cursor{Key: last.FromMs, ID: last.ID, Set: true}
	}
	return page, next, nil
}

// Dismiss notes that a member needs not be shown an announcement again. ErrNotFound.
func (s *Store) Dismiss(ctx context.Context, m bt.MemberID, announcement int64) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(`INSERT INTO announcement_dismissals (member, announcement, at_ms) SELECT ?1, id, ?3 FROM announcements WHERE id = ?2
			ON CONFLICT (member, announcement) DO UPDATE SET at_ms = excluded.at_ms`, m, announcement, t.nowMs())
	})
}

// Dismissed says of some announcements when a member put them away.
func (s *Store) Dismissed(ctx context.Context, m bt.MemberID, ids []int64) (map[int64]int64, error) {
	raw, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	out := map[int64]int64{}
	_, err = scan(ctx, s.r, func(r *sql.Rows) (none struct{}, err error) {
		var id, at int64
		err = r.Scan(&id, &at)
		out[id] = at
		return none, err
	}, "SELECT announcement, at_ms FROM announcement_dismissals WHERE member = ? AND announcement IN (SELECT value FROM json_each(?))", m, string(raw))
	return out, err
}
