package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// logOf lists the actions of a query, read in pages of two.
func logOf(t *testing.T, s *Store, q LogQuery) (out []string) {
	t.Helper()
	for q.Limit = 2; ; {
		page, next, err := s.Log(t.Context(), q)
		if err != nil || len(page) > 2 {
			t.Fatal(page, err)
		}
		for _, l := range page {
			out = append(out, l.Act.Action)
		}
		if next == 0 {
			return out
		}
		q.Before = next
	}
}

func TestLogIsFiltered(t *testing.T) {
	s, ids := named(t, "Boss", "alice", "bob")
	boss, alice, bob := ids[0], ids[1], ids[2]
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	act := func(by, m bt.MemberID, a MemberAct) {
		t.Helper()
		_, err := s.ActOnMember(ctx, by, m, a, "why")
		must(err)
	}
	var start int64
	must(s.r.QueryRow("SELECT coalesce(max(id), 0) FROM operator_log").Scan(&start))
	act(boss, alice, ActPromote)
	must(s.SetBan(ctx, bob, "by command", 0))
	_, err := s.PutClientRule(ctx, tracker.ClientRule{Prefix: "-XX", Allow: false}, alice)
	must(err)
	act(alice, bob, ActReopen)
	must(s.RemoveClientRule(ctx, "-XX", boss))
	since := func(list []string) []string { // what opening the store and making members wrote is older
		n := 0
		must(s.r.QueryRow("SELECT count(*) FROM operator_log WHERE id > ?", start).Scan(&n))
		return list[:min(n, len(list))]
	}
	if got, want := since(logOf(t, s, LogQuery{})), []string{"clients remove", "member unban", "clients deny", "member ban", "member promote"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, x := range []struct {
		q    LogQuery
		want []string
	}{
		{LogQuery{Operator: alice}, []string{"member unban", "clients deny"}},
		{LogQuery{Operator: boss, Kind: "member"}, []string{"member promote"}},
		{LogQuery{Operator: alice, Kind: "nothing"}, nil},
		{LogQuery{Kind: "clients"}, []string{"clients remove", "clients deny", "clients default"}},
		{LogQuery{Commands: true, Kind: "clients"}, []string{"clients default"}},
	} {
		if got := logOf(t, s, x.q); !slices.Equal(got, x.want) {
			t.Errorf("%+v: %q, want %q", x.q, got, x.want)
		}
	}
	if got := logOf(t, s, LogQuery{About: bob, Operator: boss}); len(got) < 2 || !slices.Equal(got[:2], []string{"member unban", "member ban"}) {
		t.Errorf("about bob: %q", got)
	}
	kinds, err := s.LogKinds(ctx)
	if err != nil || !slices.Contains(kinds, "member") || !slices.Contains(kinds, "clients") || !slices.IsSorted(kinds) {
		t.Errorf("%q, %v", kinds, err)
	}
	who, err := s.LogOperators(ctx)
	if err != nil || fmt.Sprint(who) != "[{1 Boss} {2 alice}]" {
		t.Errorf("%v, %v", who, err)
	}
}

// What is in the log stays there, as it is.
func TestLogIsAppendOnly(t *testing.T) {
	s, _ := named(t, "Boss", "alice")
	if err := s.SetBan(t.Context(), 2, "why", 1); err != nil {
		t.Fatal(err)
	}
	before := logOf(t, s, LogQuery{})
	for _, q := range []string{"UPDATE operator_log SET detail = 'nothing'", "UPDATE operator_log SET operator = NULL", "UPDATE operator_log SET at_ms = 0 WHERE id = 1",
		"DELETE FROM operator_log", "DELETE FROM operator_log WHERE id = (SELECT max(id) FROM operator_log)", "REPLACE INTO operator_log (id, at_ms, action, detail) VALUES (1, 0, 'x', 'y')",
		"INSERT INTO operator_log (id, at_ms, action, detail) VALUES (1, 0, 'x', 'y') ON CONFLICT (id) DO UPDATE SET detail = 'z'"} {
		if _, err := s.w.Exec(q); err == nil {
			t.Errorf("%s: allowed", q)
		}
	}
	if after := logOf(t, s, LogQuery{}); len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("%q, before %q", after, before)
	}
}
