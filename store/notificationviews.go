package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// KeepNotifications is how long notifications are kept.
	KeepNotifications = 180 * 24 * time.Hour
	// MaxUnread is the highest number that Unread tells.
	MaxUnread = 99
	// sweepRows bounds the rows that one transaction deletes.
	sweepRows = 1000
)

// Notification is something that a member was told. The kinds say what Ref and Amount mean.
type Notification struct {
	ID     int64
	Kind   string
	Ref    string
	Amount tokens.Amount
	AtMs   int64
	Seen   bool
}

// NotificationQuery asks for a page of a member's notifications.
type NotificationQuery struct {
	Member bt.MemberID
	Unread bool   // only those
	After  Cursor // of the page before: time and number; zero: from the newest
	Limit  int
}

// Notifications returns a page, newest first, and where the next one begins; next.Set is false at the end.
func (s *Store) Notifications(ctx context.Context, q NotificationQuery) (page []Notification, next Cursor, err error) {
	where, args := "member = ?", []any{q.Member}
	if q.Unread {
		where += " AND seen_ms = 0"
	}
	if q.After.Set {
		where, args = where+" AND (at_ms, id) < (?, ?)", append(args, q.After.Key, q.After.ID)
	}
	page, err = scan(ctx, s.r, func(r *sql.Rows) (n Notification, err error) {
		return n, r.Scan(&n.ID, &n.Kind, &n.Ref, &n.Amount, &n.AtMs, &n.Seen)
	}, "SELECT id, kind, ref, amount, at_ms, seen_ms > 0 FROM notifications WHERE "+where+" ORDER BY at_ms DESC, id DESC LIMIT ?", append(args, q.Limit+1)...)
	if err != nil {
		return nil, next, fmt.Errorf("read the notifications of member %d: %w", q.Member, err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[q.Limit-1]
		next = Cursor{Key: last.AtMs, ID: last.ID, Set: true}
	}
	return page, next, nil
}

const countUnread = "SELECT count(*) FROM (SELECT 1 FROM notifications WHERE member = ? AND seen_ms = 0 LIMIT ?)"

// Unread counts what a member was told and has not seen, up to MaxUnread.
func (s *Store) Unread(ctx context.Context, m bt.MemberID) (n int, err error) {
	if err = s.r.QueryRowContext(ctx, countUnread, m, MaxUnread).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the notifications of member %d: %w", m, err)
	}
	return n, nil
}

// SeeNotification marks one of a member's notifications as read; ErrNotFound. A second time changes nothing.
func (s *Store) SeeNotification(ctx context.Context, m bt.MemberID, id int64) error {
	return s.write(ctx, func(t *tx) error {
		return t.change("UPDATE notifications SET seen_ms = iif(seen_ms > 0, seen_ms, ?) WHERE id = ? AND member = ?", t.nowMs(), id, m)
	})
}

// SeeNotifications marks what a member was told up to a time as read: what came while the page was being
// looked at stays new.
func (s *Store) SeeNotifications(ctx context.Context, m bt.MemberID, untilMs int64) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec("UPDATE notifications SET seen_ms = ? WHERE member = ? AND seen_ms = 0 AND at_ms <= ?", t.nowMs(), m, untilMs)
	})
}

// NotificationsOff returns the kinds that a member does not want to be told of.
func (s *Store) NotificationsOff(ctx context.Context, m bt.MemberID) ([]string, error) {
	return collect[string](ctx, s.r, "SELECT kind FROM notifications_off WHERE member = ? ORDER BY kind", m)
}

// SetNotificationsOff replaces the kinds that a member does not want to be told of. ErrRange: there is no
// such kind, or it is always told.
func (s *Store) SetNotificationsOff(ctx context.Context, m bt.MemberID, kinds []string) error {
	may := map[string]bool{}
	for _, k := range NotificationKinds() {
		may[k.Kind] = !k.Always
	}
	return s.write(ctx, func(t *tx) error {
		if err := t.exec("DELETE FROM notifications_off WHERE member = ?", m); err != nil {
			return err
		}
		for _, k := range kinds {
			if !may[k] {
				return fmt.Errorf("switch off notifications of kind %.40q: %w", k, ErrRange)
			}
			if err := t.exec("INSERT OR IGNORE INTO notifications_off (member, kind) VALUES (?, ?)", m, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// SweepNotifications forgets what is older than KeepNotifications, some rows at a time.
func (s *Store) SweepNotifications(ctx context.Context) error {
	for {
		var more bool
		err := s.write(ctx, func(t *tx) error {
			r, err := t.ExecContext(t.ctx, "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE at_ms < ? LIMIT ?)",
				t.nowMs()-KeepNotifications.Milliseconds(), sweepRows)
			if err != nil {
				return err
			}
			n, err := r.RowsAffected()
			more = n == sweepRows
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep notifications: %w", err)
		}
		if !more {
			return nil
		}
	}
}
