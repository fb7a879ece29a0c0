package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// told lists what a member was told, newest first, as "kind ref amount", with "*" if it is unread.
func told(t *testing.T, s *Store, m bt.MemberID) (out []string) {
	t.Helper()
	list, _, err := s.Notifications(t.Context(), NotificationQuery{Member: m, Limit: MaxNotifications * 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		line := fmt.Sprintf("%s %s %d", n.Kind, n.Ref, n.Amount)
		if !n.Seen {
			line += " *"
		}
		out = append(out, line)
	}
	return out
}

func wantTold(t *testing.T, s *Store, m bt.MemberID, want ...string) {
	t.Helper()
	if got := told(t, s, m); !slices.Equal(got, want) {
		t.Errorf("member %d was told\n%s\nwant\n%s", m, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (w *world) notify(m bt.MemberID, kind, ref string, amount tokens.Amount, once string) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(t *tx) error { return t.notify(m, kind, ref, amount, once) }))
}

func TestNotificationsAreToldOnceAndKeptUnlessSwitchedOff(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.notify(1, NotifySlash, "audit/7", 5, "a")
	w.notify(1, NotifySlash, "audit/8", 6, "a") // the same event
	w.notify(2, NotifySlash, "audit/7", 5, "a") // another's
	w.must(w.SetNotificationsOff(ctx, 1, []string{NotifyComment, NotifyPayout}))
	w.notify(1, NotifyComment, "torrent/1", 0, "b")
	w.notify(2, NotifyComment, "torrent/1", 0, "b")
	wantTold(t, w.Store, 1, "slash audit/7 5 *")
	wantTold(t, w.Store, 2, "comment torrent/1 0 *", "slash audit/7 5 *")
	if off, err := w.NotificationsOff(ctx, 1); err != nil || !slices.Equal(off, []string{NotifyComment, NotifyPayout}) {
		t.Errorf("off: %v, %v", off, err)
	}
	for _, kind := range []string{NotifySignIn, NotifyFactor, NotifyKeyReset, "nonsense", ""} {
		if err := w.SetNotificationsOff(ctx, 1, []string{kind}); !errors.Is(err, ErrRange) {
			t.Errorf("switching %q off: %v", kind, err)
		}
	}
	if off, _ := w.NotificationsOff(ctx, 1); len(off) != 2 {
		t.Errorf("a refused change left %v", off)
	}
	w.must(w.SetNotificationsOff(ctx, 1, nil))
	w.notify(1, NotifyComment, "torrent/1", 0, "c")
	wantTold(t, w.Store, 1, "comment torrent/1 0 *", "slash audit/7 5 *")
}

// What cannot be told undoes nothing of the transaction that it happened in, and fails it for no reason of
// its own; what may have undone it is returned.
func TestUntellableNotificationsFailNothing(t *testing.T) {
	w := newWorld(t)
	for name, tell := range map[string]func(*tx) error{
		"nobody":     func(t *tx) error { return t.notify(99, NotifySlash, "audit/1", 1, "x") },
		"no kind":    func(t *tx) error { return t.notify(1, "", "audit/1", 1, "x") },
		"long kind":  func(t *tx) error { return t.notify(1, strings.Repeat("k", 33), "audit/1", 1, "x") },
		"not once":   func(t *tx) error { return t.notify(1, NotifySlash, "audit/1", 1, "") },
		"not a text": func(t *tx) error { return t.notify(1, NotifySlash, "\xff\x00", 1, "\xff") },
		"no torrent": func(t *tx) error { _, err := t.missing(1, 99, 1); return t.untellable(err) },
	} {
		id := "money/" + strings.ReplaceAll(name, " ", "-")
		err := w.write(t.Context(), func(t *tx) error {
			if err := t.post(grant(id, tokens.Available(1), 1)); err != nil {
				return err
			}
			return tell(t)
		})
		if err != nil || w.count("SELECT count(*) FROM transfers WHERE id = ?", id) != 1 {
			t.Errorf("%s: %v, or the money did not move", name, err)
		}
	}
	w.notify(1, NotifySlash, strings.Repeat("é", 150), 1, strings.Repeat("o", 300))
	if got := told(t, w.Store, 1); len(got[0]) > maxNotifyText+len("slash  1 *") {
		t.Errorf("kept %q", got[0])
	}
	full := sqlite3.Error{Code: sqlite3.ErrFull}
	if err := (&tx{store: w.Store}).untellable(fmt.Errorf("tell: %w", full)); !errors.Is(err, full) {
		t.Errorf("a full disk is %v", err)
	}
}

func TestNotificationsAreBoundedReadAndSwept(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.write(ctx, func(t *tx) error {
		for i := range MaxNotifications + 20 {
			if err := t.notify(1, NotifyComment, fmt.Sprintf("torrent/%d", i), 0, fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	}))
	unread := func(m bt.MemberID, want int) {
		t.Helper()
		if n, err := w.Unread(ctx, m); err != nil || n != want {
			t.Errorf("member %d has %d unread, %v, want %d", m, n, err, want)
		}
	}
	got := told(t, w.Store, 1)
	if len(got) != MaxNotifications || got[0] != "comment torrent/519 0 *" || got[MaxNotifications-1] != "comment torrent/20 0 *" {
		t.Errorf("%d are kept, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	unread(1, MaxUnread)
	unread(2, 0)

	newest, _, err := w.Notifications(ctx, NotificationQuery{Member: 1, Limit: 1})
	w.must(err)
	w.must(w.SeeNotifications(ctx, 2, newest[0].AtMs)) // of others
	unread(1, MaxUnread)
	w.now.Add(1000)
	w.notify(1, NotifySlash, "audit/1", 1, "late") // while the page is being looked at
	w.must(w.SeeNotifications(ctx, 1, newest[0].AtMs))
	unread(1, 1)
	page, next, err := w.Notifications(ctx, NotificationQuery{Member: 1, Unread: true, Limit: 10})
	if err != nil || len(page) != 1 || next.Set || page[0].Kind != NotifySlash {
		t.Errorf("unread: %+v, %v, %v", page, next, err)
	}
	if err := w.SeeNotification(ctx, 2, page[0].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("marking another's: %v", err)
	}
	for range 2 {
		w.must(w.SeeNotification(ctx, 1, page[0].ID))
	}
	unread(1, 0)

	w.now.Add(KeepNotifications.Milliseconds() - 500)
	w.notify(2, NotifyComment, "torrent/1", 0, "young")
	w.must(w.SweepNotifications(ctx))
	wantTold(t, w.Store, 1, "slash audit/1 1")
	w.now.Add(1000)
	w.must(w.SweepNotifications(ctx))
	wantTold(t, w.Store, 1)
	wantTold(t, w.Store, 2, "comment torrent/1 0 *")
}

func TestNotificationPages(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.now.Add(int64(i % 2)) // some at the same moment
		w.notify(1, NotifyComment, fmt.Sprintf("torrent/%d", i), 0, fmt.Sprint(i))
	}
	var got []string
	q := NotificationQuery{Member: 1, Limit: 7}
	for range 10 {
		page, next, err := w.Notifications(t.Context(), q)
		w.must(err)
		for _, n := range page {
			got = append(got, fmt.Sprintf("%s %s %d *", n.Kind, n.Ref, n.Amount))
		}
		if q.After = next; !next.Set {
			break
		}
	}
	if all := told(t, w.Store, 1); len(all) != 25 || !slices.Equal(got, all) {
		t.Errorf("pages give\n%v\nall at once\n%v", got, all)
	}
}

// One notification a day sums what was paid; reading it does not make the next sum news again.
func TestPayoutsAreSummedByDay(t *testing.T) {
	w := newWorld(t)
	post := func(id string, to tokens.Account, a tokens.Amount, code tokens.Code) {
		t.Helper()
		w.must(w.Post(t.Context(), tokens.Transfer{ID: id, Asset: tokens.Token, From: tokens.Issuance, To: to, Amount: a, Code: code, Ref: "test"}))
	}
	tell := func(epoch int64) {
		t.Helper()
		w.must(w.settlement(w.rules, Epoch{Number: epoch}).tellPaid(t.Context()))
	}
	tell(1)
	wantTold(t, w.Store, 1) // grants are nobody's pay
	post("a", tokens.Available(1), 10, tokens.CodeUpload)
	post("b", tokens.Available(1), 5, tokens.CodeHosting)
	post("c", tokens.Available(2), 7, tokens.CodeHot)
	post("sponsor/1/5/3", tokens.Available(3), 3, tokens.CodeSponsor)
	post("sponsor/1/back", tokens.Available(3), 100, tokens.CodeSponsor)
	post("d", tokens.Probation(1), 1000, tokens.CodeProbation)
	post("e", tokens.Treasury, 1000, tokens.CodeUpload)
	w.must(w.SetNotificationsOff(t.Context(), 2, []string{NotifyPayout}))
	tell(2)
	tell(2)
	wantTold(t, w.Store, 1, "payout epoch/2 15 *")
	wantTold(t, w.Store, 2)
	wantTold(t, w.Store, 3, "payout epoch/2 3 *")

	w.must(w.SeeNotifications(t.Context(), 1, w.now.Load()))
	w.now.Add(time.Hour.Milliseconds())
	post("f", tokens.Available(1), 1, tokens.CodeTrusted)
	tell(3)
	wantTold(t, w.Store, 1, "payout epoch/3 16")
	w.now.Add(24 * time.Hour.Milliseconds())
	post("g", tokens.Available(1), 2, tokens.CodeUpload)
	tell(4)
	wantTold(t, w.Store, 1, "payout epoch/4 2 *", "payout epoch/3 16")
}

// Whatever write of it fails, everybody is told the same once it is called again.
func TestTellingWhoWasPaidIsResumed(t *testing.T) {
	for writes := range 5 {
		w := newWorld(t)
		for m := bt.MemberID(5); m <= payoutsAtOnce+20; m++ { // two transactions
			w.must(w.write(t.Context(), func(t *tx) error {
				return t.exec("INSERT INTO members (id, name, key_secret, created_ms) VALUES (?, ?, zeroblob(32), 0)", m, fmt.Sprint("m", m))
			}))
		}
		w.must(w.write(t.Context(), func(t *tx) error {
			for m := bt.MemberID(1); m <= payoutsAtOnce+20; m++ {
				err := t.post(tokens.Transfer{ID: fmt.Sprint("up/", m), Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(m), Amount: tokens.Amount(m), Code: tokens.CodeUpload, Ref: "x"})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		e := Epoch{Number: 1}
		if err := w.interrupted(w.rules, e, writes).tellPayouts(t.Context()); (err == nil) != (writes >= 4) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		w.must(w.settlement(w.rules, e).tellPaid(t.Context()))
		var n int
		var sum, whole tokens.Amount
		w.must(w.r.QueryRow("SELECT count(*), sum(amount), sum(member) FROM notifications WHERE kind = ?", NotifyPayout).Scan(&n, &sum, &whole))
		if n != payoutsAtOnce+20 || sum != whole {
			t.Errorf("after %d writes and again: %d members were told %d, want %d", writes, n, sum, whole)
		}
	}
}

func TestNotificationPlans(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for query, bad := range map[string]string{
		countUnread: "SCAN notifications",
		"SELECT 1 FROM notifications WHERE member = ? ORDER BY at_ms DESC, id DESC LIMIT ?": "TEMP B-TREE",
		trimNotifications: "SCAN notifications",
		"SELECT id FROM notifications WHERE at_ms < ? LIMIT ?":                                            "SCAN",
		"UPDATE notifications SET seen_ms = 1 WHERE member = ? AND seen_ms = 0 AND at_ms <= ?":            "SCAN",
		selectSnatches + " ORDER BY d.first_ms DESC, d.torrent DESC LIMIT ?":                              "TEMP B-TREE",
		selectSnatches + " AND (d.first_ms, d.torrent) < (?, ?) ORDER BY d.first_ms DESC, d.torrent DESC": "TEMP B-TREE",
		selectOwnUploads: "TEMP B-TREE",
		selectOwnSwarm + ownSeeding + fromOwnSwarm: "SCAN peer_sessions",
		countOwn:    "SCAN peer_sessions",
		selectNames: "SCAN t",
		payoutsSQL:  "SCAN transfers",
	} {
		plan := planOf(t, s, query)
		if strings.Contains(plan, bad) {
			t.Errorf("%s:\n%s", query, plan)
		}
	}
}

func planOf(t *testing.T, s *Store, query string) string {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
		var id, parent, unused int
		return step, r.Scan(&id, &parent, &unused, &step)
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(steps, "\n") + "\n"
}
