package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// named makes members of these names.
func named(t *testing.T, names ...string) (*Store, []bt.MemberID) {
	t.Helper()
	s, _, _ := clockStore(t)
	var ids []bt.MemberID
	for _, name := range names {
		g, err := s.AddMember(t.Context(), Grant{NewMember: NewMember{Name: name, Operator: name == "Boss"}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, g.Member.ID)
	}
	return s, ids
}

// namesOf lists the members of a query, read in pages of two.
func namesOf(t *testing.T, s *Store, q MemberQuery) (out []string) {
	t.Helper()
	for q.Limit = 2; ; {
		page, next, err := s.Members(t.Context(), q)
		if err != nil || len(page) > 2 {
			t.Fatal(page, err)
		}
		for _, m := range page {
			out = append(out, m.Name)
		}
		if !next.Set {
			return out
		}
		q.After = next
	}
}

func TestMembersAreFound(t *testing.T) {
	s, ids := named(t, "Boss", "alice", "Alina", "bob", "al", "carol", "ALBERT")
	ctx := t.Context()
	for _, act := range []struct {
		m   bt.MemberID
		act MemberAct
	}{{ids[3], ActClose}, {ids[2], ActVerify}, {ids[5], ActPromote}} {
		if _, err := s.ActOnMember(ctx, ids[0], act.m, act.act, "a reason"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.write(ctx, func(t *tx) error { return t.change("UPDATE members SET gate_price_utok = 5 WHERE name = 'al'") }); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		q    MemberQuery
		want []string
	}{
		{MemberQuery{}, []string{"ALBERT", "carol", "al", "bob", "Alina", "alice", "Boss"}},
		{MemberQuery{Prefix: "AL"}, []string{"al", "ALBERT", "alice", "Alina"}},
		{MemberQuery{Prefix: "ali"}, []string{"alice", "Alina"}},
		{MemberQuery{Prefix: "x"}, nil},
		{MemberQuery{Prefix: "%"}, nil},
		{MemberQuery{Filter: MembersClosed}, []string{"bob"}},
		{MemberQuery{Filter: MembersOperators}, []string{"carol", "Boss"}},
		{MemberQuery{Filter: MembersGuests}, []string{"ALBERT", "carol", "bob", "Alina", "alice", "Boss"}},
		{MemberQuery{Filter: MembersUnverified}, []string{"ALBERT", "carol", "al", "alice", "Boss"}},
		{MemberQuery{Prefix: "al", Filter: MembersUnverified}, []string{"al", "ALBERT", "alice"}},
		{MemberQuery{Prefix: "b", Filter: MembersClosed}, []string{"bob"}},
	} {
		if got := namesOf(t, s, x.q); !slices.Equal(got, x.want) {
			t.Errorf("%+v: %q, want %q", x.q, got, x.want)
		}
	}
}

// A filter that nobody passes looks at a bounded part of the members, and the cursor goes on from there.
func TestMembersWalkIsBounded(t *testing.T) {
	s, ids := named(t, "Boss")
	if err := s.write(t.Context(), func(t *tx) error {
		return t.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO members (name, key_secret, created_ms) SELECT 'm' || i, zeroblob(32), 0 FROM n`, memberWalk+10)
	}); err != nil {
		t.Fatal(err)
	}
	q := MemberQuery{Prefix: "m", Filter: MembersOperators, Limit: 5}
	page, next, err := s.Members(t.Context(), q)
	if err != nil || len(page) != 0 || !next.Set {
		t.Fatal(page, next, err)
	}
	q.After = next
	if page, next, err = s.Members(t.Context(), q); err != nil || len(page) != 0 || next.Set {
		t.Fatal(page, next, err)
	}
	if page, _, err = s.Members(t.Context(), MemberQuery{Filter: MembersOperators, Limit: 5}); err != nil || len(page) != 1 || page[0].ID != ids[0] {
		t.Error(page, err)
	}
}

func TestActsOnMembers(t *testing.T) {
	s, ids := named(t, "Boss", "alice", "bob")
	boss, alice, bob := ids[0], ids[1], ids[2]
	ctx := t.Context()
	act := func(by, m bt.MemberID, a MemberAct, wantChanged bool, want error) {
		t.Helper()
		if changed, err := s.ActOnMember(ctx, by, m, a, " it must be "); changed != wantChanged || !errors.Is(err, want) {
			t.Errorf("%d %s %d: %v, %v, want %v", by, a, m, changed, err, want)
		}
	}
	for _, why := range []string{"", " ", strings.Repeat("x", MaxActReason+1)} {
		if _, err := s.ActOnMember(ctx, boss, alice, ActClose, why); !errors.Is(err, ErrActReason) {
			t.Errorf("%q: %v", why, err)
		}
	}
	act(alice, bob, ActClose, false, ErrNotOperator)
	act(boss, 99, ActClose, false, ErrNotFound)
	act(boss, alice, "kill", false, ErrRange)
	for _, a := range []MemberAct{ActClose, ActDemote, ActReset} {
		act(boss, boss, a, false, ErrSelf)
	}
	act(boss, alice, ActClose, true, nil)
	act(boss, alice, ActClose, false, nil)
	act(boss, alice, ActPromote, false, ErrIsClosed)
	if m, err := s.Member(ctx, alice); err != nil || m.Banned != "it must be" {
		t.Errorf("%+v, %v", m, err)
	}
	act(boss, alice, ActReopen, true, nil)
	act(boss, alice, ActReopen, false, nil)
	act(boss, alice, ActPromote, true, nil)
	act(alice, boss, ActDemote, true, nil)
	act(boss, alice, ActDemote, false, ErrNotOperator)
	act(alice, boss, ActDemote, false, nil)
	act(alice, bob, ActVerify, true, nil)
	act(alice, bob, ActVerify, false, nil)
	act(alice, bob, ActClear, false, ErrNotFound)
	act(alice, bob, ActReset, true, nil)
	wantLog(t, s, "member reset-factors 3 bob: it must be", "member verify 3 bob: it must be", "member demote 1 Boss: it must be", "member promote 2 alice: it must be",
		"member unban 2 alice: it must be", "member ban 2 alice: it must be")
	wantTold(t, s, boss, "account You are no operator any more: it must be 0 *")
	wantTold(t, s, bob, "account An operator reset how you sign in: it must be 0 *", "factor-changed an operator removed the authenticator and all passkeys 0 *",
		"account An operator gave you the free allowance: it must be 0 *")
}

// Whatever operators do to each other, and however their acts interleave, somebody can go on.
func TestThereIsAlwaysAnOperator(t *testing.T) {
	s, ids := named(t, "Boss", "alice", "bob", "carol")
	rapid.Check(t, func(r *rapid.T) {
		by, m := rapid.SampledFrom(ids).Draw(r, "by"), rapid.SampledFrom(ids).Draw(r, "member")
		a := rapid.SampledFrom([]MemberAct{ActClose, ActReopen, ActPromote, ActDemote}).Draw(r, "act")
		_, err := s.ActOnMember(t.Context(), by, m, a, fmt.Sprint("reason ", rapid.IntRange(0, 2).Draw(r, "why")))
		for _, known := range []error{ErrNotOperator, ErrSelf, ErrIsClosed, ErrLastOperator} {
			if errors.Is(err, known) {
				err = nil
			}
		}
		var open int
		if e := s.r.QueryRow("SELECT count(*) FROM members WHERE operator = 1 AND banned_reason = ''").Scan(&open); e != nil || err != nil || open == 0 {
			r.Fatalf("%d operators, %v, %v", open, e, err)
		}
	})
}

func TestGrantedInvitations(t *testing.T) {
	s, ids := named(t, "Boss", "alice")
	ctx := t.Context()
	if _, err := s.Invite(ctx, ids[1], "a", 1e9); !errors.Is(err, ErrMayNotInvite) {
		t.Fatal(err)
	}
	for i := range MaxGrantedInvites + 1 {
		changed, err := s.ActOnMember(ctx, ids[0], ids[1], ActInvite, "a good member")
		if full := i == MaxGrantedInvites; changed == full || full != errors.Is(err, ErrTooMany) {
			t.Fatal(i, changed, err)
		}
	}
	if _, err := s.Invite(ctx, ids[1], "a", 1e9); err != nil {
		t.Fatal(err)
	}
	if n, err := s.GrantedInvites(ctx, ids[1]); err != nil || n != MaxGrantedInvites-1 {
		t.Error(n, err)
	}
	// Who may invite by the rules uses those first.
	if err := s.Post(ctx, grant("stake", tokens.Staked(ids[1]), 500*tokens.Unit)); err != nil {
		t.Fatal(err)
	}
	if err := s.write(ctx, func(t *tx) error { return t.change("UPDATE members SET gate_price_utok = 1 WHERE id = ?", ids[1]) }); err != nil {
		t.Fatal(err)
	}
	for i, left := range []int{MaxGrantedInvites - 2, MaxGrantedInvites - 3} { // one was made just now: the interval has begun
		if _, err := s.Invite(ctx, ids[1], fmt.Sprint("b", i), 1e9); err != nil {
			t.Fatal(err)
		}
		if n, err := s.GrantedInvites(ctx, ids[1]); err != nil || n != left {
			t.Error(n, err)
		}
	}
	if _, err := s.ActOnMember(ctx, ids[0], ids[1], ActClose, "no"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Invite(ctx, ids[1], "c", 1e9); !errors.Is(err, ErrMayNotInvite) {
		t.Error(err)
	}
}

func TestMemberNotes(t *testing.T) {
	s, ids := named(t, "Boss", "alice")
	ctx := t.Context()
	for i := range 3 {
		if err := s.AddMemberNote(ctx, ids[0], ids[1], fmt.Sprint("note ", i)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.MemberNotes(ctx, ids[1], 0, 2)
	if err != nil || len(list) != 2 || list[0].Text != "note 2" || list[0].Operator != "Boss" {
		t.Fatalf("%+v, %v", list, err)
	}
	if list, err = s.MemberNotes(ctx, ids[1], list[1].ID, 2); err != nil || len(list) != 1 || list[0].Text != "note 0" {
		t.Errorf("%+v, %v", list, err)
	}
	for _, x := range []struct {
		by, m bt.MemberID
		text  string
		want  error
	}{{ids[0], 99, "x", ErrNotFound}, {ids[1], ids[0], "x", ErrNotOperator}, {ids[0], ids[1], "", ErrRange}, {ids[0], ids[1], strings.Repeat("é", MaxNote+1), ErrRange}} {
		if err := s.AddMemberNote(ctx, x.by, x.m, x.text); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v", x, err)
		}
	}
	for _, q := range []string{"UPDATE member_notes SET text = 'x'", "DELETE FROM member_notes", "REPLACE INTO member_notes (id, member, operator, at_ms, text) VALUES (1, 2, 1, 0, 'x')"} {
		if _, err := s.w.Exec(q); err == nil {
			t.Errorf("%s: allowed", q)
		}
	}
	wantLog(t, s, "member note 2 alice")
}
