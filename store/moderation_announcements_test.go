package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnnouncements(t *testing.T) {
	s, pass, _ := clockStore(t)
	ctx := t.Context()
	for _, name := range []string{"Boss", "alice"} {
		if _, err := s.AddMember(ctx, Grant{NewMember: NewMember{Name: name, Operator: name == "Boss"}}); err != nil {
			t.Fatal(err)
		}
	}
	add := func(n NewAnnouncement) int64 {
		t.Helper()
		n.Kind = AnnouncementNotice
		id, err := s.AddAnnouncement(ctx, 1, n)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	now := s.opt.Now()
	first := add(NewAnnouncement{Title: "first", Until: now.Add(time.Hour)})
	later := add(NewAnnouncement{Title: "later", From: now.Add(2 * time.Hour)})
	for i := range MaxAnnouncements - 2 {
		add(NewAnnouncement{Title: fmt.Sprint("more ", i)})
	}
	if _, err := s.AddAnnouncement(ctx, 1, NewAnnouncement{Kind: AnnouncementWarning, Title: "too many"}); !errors.Is(err, ErrAnnouncements) {
		t.Error(err)
	}
	shown := func() (out []string) {
		t.Helper()
		list, err := s.CurrentAnnouncements(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if a.Shown(s.opt.Now().UnixMilli()) {
				out = append(out, a.Title)
			}
		}
		return out
	}
	all := func(begun bool) (out []string) {
		t.Helper()
		for after := (Cursor{}); ; {
			page, next, err := s.Announcements(ctx, AnnouncementQuery{Begun: begun, After: after, Limit: 2})
			if err != nil || len(page) > 2 {
				t.Fatal(page, err)
			}
			for _, a := range page {
				out = append(out, a.Title)
			}
			if !next.Set {
				return out
			}
			after = next
		}
	}
	if got := shown(); !slices.Equal(got, []string{"more 2", "more 1", "more 0", "first"}) {
		t.Errorf("%q", got)
	}
	if got := all(true); !slices.Equal(got, []string{"more 2", "more 1", "more 0", "first"}) {
		t.Errorf("%q", got)
	}
	if got := all(false); !slices.Equal(got, []string{"later", "more 2", "more 1", "more 0", "first"}) {
		t.Errorf("%q", got)
	}
	pass(2 * time.Hour)
	if got := shown(); !slices.Equal(got, []string{"more 2", "more 1", "more 0", "later"}) {
		t.Errorf("%q", got)
	}
	if err := s.EndAnnouncement(ctx, 1, first); !errors.Is(err, ErrModerated) {
		t.Error(err)
	}
	if err := s.EndAnnouncement(ctx, 1, later+1); err != nil {
		t.Error(err)
	}
	if err := s.Dismiss(ctx, 2, later); err != nil {
		t.Fatal(err)
	}
	if err := s.Dismiss(ctx, 2, 99); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	gone, err := s.Dismissed(ctx, 2, []int64{later, first})
	if err != nil || len(gone) != 1 || gone[later] != s.opt.Now().UnixMilli() {
		t.Errorf("%v, %v", gone, err)
	}
	edit := NewAnnouncement{Kind: AnnouncementWarning, Title: "later"}
	edited := func() int64 {
		t.Helper()
		pass(time.Minute)
		if err := s.EditAnnouncement(ctx, 1, later, edit); err != nil {
			t.Fatal(err)
		}
		a, err := s.Announcement(ctx, later)
		if err != nil || a.Kind != AnnouncementWarning || a.FromMs != now.Add(2*time.Hour).UnixMilli() {
			t.Fatal(a, err)
		}
		return a.EditedMs
	}
	if ms := edited(); ms != 0 {
		t.Errorf("the words are the same, changed %d", ms)
	}
	edit.Text = "and more"
	if ms := edited(); ms <= gone[later] {
		t.Errorf("changed %d, put away %d", ms, gone[later])
	}
	wantLog(t, s, "announcement edit 2 warning: later, before it was later", "announcement edit 2 warning: later, before it was later", "announcement end 3: more 0")
}

func TestAnnouncementsAreRefused(t *testing.T) {
	s, ids := named(t, "Boss", "alice")
	ctx, now := t.Context(), s.opt.Now()
	for _, n := range []NewAnnouncement{
		{Kind: "joke", Title: "x"}, {Kind: AnnouncementNotice}, {Kind: AnnouncementNotice, Title: strings.Repeat("é", MaxAnnouncementTitle+1)}, {Kind: AnnouncementNotice, Title: "\xff"},
		{Kind: AnnouncementNotice, Title: "x", Text: strings.Repeat("é", MaxAnnouncementText+1)},
		{Kind: AnnouncementNotice, Title: "x", From: now.Add(time.Hour), Until: now.Add(time.Hour)},
		{Kind: AnnouncementNotice, Title: "x", From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour)},
	} {
		if _, err := s.AddAnnouncement(ctx, ids[0], n); !errors.Is(err, ErrRange) {
			t.Errorf("%.60v: %v", n, err)
		}
	}
	n := NewAnnouncement{Kind: AnnouncementNotice, Title: "x"}
	if _, err := s.AddAnnouncement(ctx, ids[1], n); !errors.Is(err, ErrNotOperator) {
		t.Error(err)
	}
	id, err := s.AddAnnouncement(ctx, ids[0], n)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		err  error
		want error
	}{
		{s.EditAnnouncement(ctx, ids[1], id, n), ErrNotOperator}, {s.EditAnnouncement(ctx, ids[0], 99, n), ErrNotFound}, {s.EditAnnouncement(ctx, ids[0], id, NewAnnouncement{Kind: "x"}), ErrRange},
		{s.EndAnnouncement(ctx, ids[1], id), ErrNotOperator}, {s.EndAnnouncement(ctx, ids[0], 99), ErrNotFound},
		{s.EndAnnouncement(ctx, ids[0], id), nil}, {s.EditAnnouncement(ctx, ids[0], id, n), ErrModerated},
	} {
		if !errors.Is(x.err, x.want) {
			t.Errorf("%v, want %v", x.err, x.want)
		}
	}
}

// A place in the list that no page gave shows nothing that has not begun.
func TestAnnouncementsToComeAreNotFoundByTheirPlace(t *testing.T) {
	s, _, _ := clockStore(t)
	ctx := t.Context()
	if _, err := s.AddMember(ctx, Grant{NewMember: NewMember{Name: "Boss", Operator: true}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddAnnouncement(ctx, 1, NewAnnouncement{Kind: AnnouncementNotice, Title: "secret", From: s.opt.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for begun, want := range map[bool]int{true: 0, false: 1} {
		list, _, err := s.Announcements(ctx, AnnouncementQuery{Begun: begun, After: Cursor{Key: 1 << 60, ID: 1, Set: true}, Limit: 5})
		if err != nil || len(list) != want {
			t.Errorf("begun %v: %+v, %v", begun, list, err)
		}
	}
}
