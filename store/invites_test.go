package store

import (
	"errors"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestInvites: one per member above the gate and interval; each makes one account, verified and
// tied to who invited it.
func TestInvites(t *testing.T) {
	now := time.UnixMilli(1e12)
	eco := DefaultEconomy()
	eco.Registration = RegisterInvite
	c := &teller{Store: open(t, t.TempDir(), Options{Economy: eco, Now: func() time.Time { return now }}), t: t}
	ctx := t.Context()
	m := c.join("alice", 100*unit)
	invite := func(m bt.MemberID, code string) error {
		_, err := c.Invite(ctx, m, code, 24*time.Hour)
		return err
	}
	if err := invite(m, "early"); !errors.Is(err, ErrMayNotInvite) {
		t.Errorf("a guest invited: %v", err)
	}
	c.stake(m, 50*unit)
	c.must(invite(m, "first"))
	var wait *InviteWaitError
	if err := invite(m, "second"); !errors.As(err, &wait) || wait.NextMs != now.Add(90*24*time.Hour).UnixMilli() {
		t.Errorf("two at once: %v", err)
	}
	op, err := c.AddMember(ctx, Grant{NewMember: NewMember{Name: "op", Operator: true}})
	c.must(err)
	for _, code := range []string{"o1", "o2", "o3"} {
		c.must(invite(op.Member.ID, code))
	}
	if err := invite(99, "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody invited: %v", err)
	}

	register := func(name, code string) (Member, error) {
		return c.RegisterMember(ctx, NewMember{Name: name, Invite: code})
	}
	for code, want := range map[string]error{"": ErrNoInvite, "wrong": ErrNotFound} {
		var invalid *InviteError
		if _, err := register("bob", code); !errors.Is(err, want) || !errors.As(err, &invalid) {
			t.Errorf("code %q: %v", code, err)
		}
	}
	bob, err := register("bob", "first")
	if err != nil || !bob.Verified || bob.InvitedBy != m {
		t.Errorf("%+v %v", bob, err)
	}
	if again, err := c.Member(ctx, bob.ID); err != nil || again != bob {
		t.Errorf("read back %+v %v", again, err)
	}
	if _, err := register("carl", "first"); !errors.Is(err, ErrUsed) {
		t.Errorf("one code for two: %v", err)
	}
	if _, err := register("bob", "o1"); !errors.Is(err, ErrExists) {
		t.Errorf("a name twice: %v", err)
	}
	if _, err := register("carl", "o1"); err != nil { // the refused name did not use it up
		t.Error(err)
	}
	now = now.Add(24 * time.Hour)
	if _, err := register("dora", "o2"); !errors.Is(err, ErrExpired) {
		t.Errorf("an old code: %v", err)
	}
	list, err := c.Invites(ctx, op.Member.ID, 9)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v %v", list, err)
	}
	used := 0
	for _, i := range list {
		if i.UsedMs > 0 && i.UsedBy == "carl" {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%+v", list)
	}

	now = time.UnixMilli(1e12).Add(90 * 24 * time.Hour)
	c.must(c.SetBan(ctx, m, "test", 0))
	if err := invite(m, "third"); !errors.Is(err, ErrMayNotInvite) {
		t.Errorf("a banned member invited: %v", err)
	}
	c.must(c.SetBan(ctx, m, "", 0))
	c.must(invite(m, "third"))
}

func TestVerifyMember(t *testing.T) {
	c := &teller{Store: open(t, t.TempDir(), Options{}), t: t}
	m := c.join("alice", 0)
	for range 2 {
		c.must(c.VerifyMember(t.Context(), m, 0))
	}
	if a, err := c.Member(t.Context(), m); err != nil || !a.Verified {
		t.Errorf("%+v %v", a, err)
	}
	if err := c.VerifyMember(t.Context(), 99, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	n := 0
	log, err := c.OperatorLog(t.Context(), 9)
	for _, l := range log {
		if l.Action == "member verify" {
			n++
		}
	}
	if err != nil || n != 1 {
		t.Errorf("logged %d times, %v", n, err)
	}
}
