package store

import (
	"testing"
	"time"
)

// A link sets one member's password once, in time, and only the newest one does; any new password ends it.
func TestPasswordLinks(t *testing.T) {
	d := newDoors(t)
	add := func(secret string) { d.must(d.AddPasswordLink(t.Context(), d.alice, secret, time.Hour, d.bob)) }
	whose := func(secret string) error { _, err := d.PasswordLink(t.Context(), secret); return err }
	use := func(secret string) error { _, err := d.UsePasswordLink(t.Context(), secret, "new "+secret); return err }

	d.want(d.AddPasswordLink(t.Context(), 99, "x", time.Hour, 0), ErrNotFound)
	add("first")
	add("second")
	d.want(whose("first"), ErrNotFound)
	d.want(use("first"), ErrNotFound)
	if m, err := d.PasswordLink(t.Context(), "second"); err != nil || m.ID != d.alice {
		t.Fatalf("whose link: %+v, %v", m, err)
	}
	d.must(d.StartSession(t.Context(), NewSession{Member: d.alice, Secret: "browser", TTL: time.Hour, PasswordHash: "x"}))
	if m, err := d.UsePasswordLink(t.Context(), "second", "new"); err != nil || m.ID != d.alice || m.PasswordHash != "new" {
		t.Fatalf("used: %+v, %v", m, err)
	}
	if _, err := d.Session(t.Context(), "browser"); err == nil {
		t.Error("a session outlives the password")
	}
	if d.told(d.alice, NotifyFactor) != 1 || d.told(d.bob, NotifyFactor) != 0 {
		t.Error("the member was not told of the new password, or somebody else was")
	}
	d.want(use("second"), ErrNotFound)

	add("late")
	d.now = d.now.Add(time.Hour)
	d.want(whose("late"), ErrExpired)
	d.want(use("late"), ErrExpired)
	add("older")
	d.must(d.SetPassword(t.Context(), d.alice, "by themselves"))
	d.want(use("older"), ErrNotFound)

	var logged int
	d.must(d.r.QueryRow("SELECT count(*) FROM operator_log WHERE action = 'member password-link' AND operator = ?", d.bob).Scan(&logged))
	if logged != 4 {
		t.Errorf("%d links are in the operators' log, 4 were made", logged)
	}
}
