package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func rule(prefix string, allow bool, note string) tracker.ClientRule {
	return tracker.ClientRule{Prefix: prefix, Allow: allow, Note: note}
}

func clientRules(t *testing.T, s *Store) map[string]ClientRule {
	t.Helper()
	rows, err := s.ClientRules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]ClientRule{}
	for _, r := range rows {
		out[r.Prefix] = r
	}
	return out
}

func TestClientRulesRoundTrip(t *testing.T) {
	s, pass, _ := clockStore(t)
	ctx := t.Context()
	boss, err := s.RegisterMember(ctx, NewMember{Name: "boss", Operator: true})
	if err != nil {
		t.Fatal(err)
	}
	before := len(clientRules(t, s))
	if before != len(tracker.DefaultClientRules()) {
		t.Fatalf("a new database has %d rules", before)
	}
	put := func(r tracker.ClientRule, by bt.MemberID, want bool) {
		t.Helper()
		if changed, err := s.PutClientRule(ctx, r, by); err != nil || changed != want {
			t.Errorf("put %+v: changed %v, %v", r, changed, err)
		}
	}
	pass(time.Second)
	put(rule("-XX1", true, "new"), boss.ID, true)
	put(rule("-XX1", true, "new"), 0, false)
	put(rule("-TR4", false, "Ärger"), 0, true)
	got := clientRules(t, s)
	if r := got["-XX1"]; !r.Allow || r.Note != "new" || r.ChangedBy != "boss" || r.ChangedMs != 1e12+1000 || len(got) != before+1 {
		t.Errorf("new rule %+v, %d rules", r, len(got))
	}
	if r := got["-TR4"]; r.Allow || r.Note != "Ärger" || r.ChangedBy != "" {
		t.Errorf("changed rule %+v", r)
	}
	p, err := s.ClientPolicy(ctx)
	if err != nil || p.Allows(bt.PeerID([]byte("-TR4050-abcdefghijkl"))) || !p.Allows(bt.PeerID([]byte("-XX1000-abcdefghijkl"))) {
		t.Errorf("the policy does not follow: %v", err)
	}
	if err := s.RemoveClientRule(ctx, "-XX1", boss.ID); err != nil {
		t.Error(err)
	}
	for _, prefix := range []string{"-XX1", "", "-TR%"} {
		if err := s.RemoveClientRule(ctx, prefix, boss.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("remove %q: %v", prefix, err)
		}
	}
	if _, err := s.PutClientRule(ctx, rule("a b", true, ""), 0); !errors.Is(err, tracker.ErrClientRule) {
		t.Errorf("a blank: %v", err)
	}
	log, err := s.OperatorLog(ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range log {
		lines = append(lines, strings.TrimSpace(l.Operator+" "+l.Action+" "+l.Detail))
	}
	want := []string{"boss clients remove -XX1", "clients deny -TR4 Ärger", "boss clients allow -XX1 new", fmt.Sprintf("clients default %d rules", before)}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("log %q, want %q", lines, want)
	}
	for _, q := range []string{"UPDATE operator_log SET detail = ''", "DELETE FROM operator_log"} {
		if _, err := s.w.Exec(q); err == nil {
			t.Errorf("%s: allowed", q)
		}
	}
}

// Whoever removes every rule means it: the defaults do not come back with the next start.
func TestRemovedDefaultsStayRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for prefix := range clientRules(t, s) {
		if err := s.RemoveClientRule(t.Context(), prefix, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	if left := clientRules(t, s); len(left) != 0 {
		t.Errorf("%d rules are back", len(left))
	}
	if p, err := s.ClientPolicy(t.Context()); err != nil || !p.AllowsUnlisted() {
		t.Errorf("without a rule everybody may come: %v", err)
	}
}

func TestClientRulesAreBounded(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	n := len(clientRules(t, s))
	err := s.write(t.Context(), func(t *tx) error {
		for i := n; i < tracker.MaxClientRules; i++ {
			if err := t.putClientRule(rule(fmt.Sprint("fill", i), true, ""), 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutClientRule(t.Context(), rule("more", true, ""), 0); !errors.Is(err, tracker.ErrClientRule) {
		t.Errorf("one too many: %v", err)
	}
	if changed, err := s.PutClientRule(t.Context(), rule("-TR4", false, "full, but not new"), 0); err != nil || !changed {
		t.Errorf("a change of one that is there: %v", err)
	}
	if _, err := s.ClientPolicy(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMemberSessions(t *testing.T) {
	s, pass, _ := clockStore(t)
	ctx := t.Context()
	m, id := uploader(t, s)
	add := func(member bt.MemberID, peer string, ageMs int64, stopped bool) {
		t.Helper()
		err := s.write(ctx, func(t *tx) error {
			return t.exec(`INSERT INTO peer_sessions (member, torrent, peer_id, generation, uploaded_bytes, downloaded_bytes, left_bytes, stopped,
				seq, last_ms, addr, seeding_ms, flags) VALUES (?, ?, ?, 1, 2, 3, 4, ?, 1, ?, '[2001:db8::1]:51413', 0, 0)`,
				member, id, []byte(peer), stopped, t.nowMs()-ageMs)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pass(24 * time.Hour)
	add(m, "-TR4050-older0000000", 5000, false)
	add(m, "-qB5000-newer0000000", 1000, false)
	add(m, "-qB5000-stopped00000", 1000, true)
	add(m, "-qB5000-silent000000", time.Hour.Milliseconds(), false)
	add(m+1, "-qB5000-others000000", 0, false)
	got, err := s.MemberSessions(ctx, m, time.Hour)
	if err != nil || len(got) != 2 || string(got[0].PeerID[:]) != "-qB5000-newer0000000" || string(got[1].PeerID[:]) != "-TR4050-older0000000" {
		t.Fatalf("%+v, %v", got, err)
	}
	c := got[0]
	if c.Torrent != "t" || c.InfoHash != (bt.InfoHash{1}) || c.Addr.String() != "[2001:db8::1]:51413" || c.Uploaded != 2 || c.Downloaded != 3 || c.Left != 4 {
		t.Errorf("%+v", c)
	}
}

// uploader makes a member and their torrent.
func uploader(t *testing.T, s *Store) (bt.MemberID, bt.TorrentID) {
	t.Helper()
	m, err := s.RegisterMember(t.Context(), NewMember{Name: "uploader"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{1}, Name: "t", Size: bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte("de"), Uploader: m.ID})
	if err != nil {
		t.Fatal(err)
	}
	return m.ID, id
}
