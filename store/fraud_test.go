package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// flags are the flags that stand, as "kind member weight/whole", with a ! if they are open.
func (w *world) flags(q FlagQuery) (out []string) {
	w.t.Helper()
	for q.Limit = 2; ; {
		list, next, err := w.Flags(w.t.Context(), q)
		w.must(err)
		for _, f := range list {
			open := map[bool]string{true: "!"}[f.Open]
			out = append(out, fmt.Sprintf("%s %d %d/%d%s", f.Kind, f.Member, f.Weight, f.Whole, open))
		}
		if q.Before = next; next == (FlagCursor{}) {
			return out
		}
	}
}

// find walks through all members once.
func (w *world) findFlags() (rounds int) {
	w.t.Helper()
	w.now.Add(flagPause.Milliseconds())
	for at := "first"; at != "0" && rounds < 1000; rounds++ {
		w.must(w.FindFlags(w.t.Context(), settle.DefaultParams()))
		w.must(w.r.QueryRowContext(w.t.Context(), "SELECT value FROM facts WHERE name = 'flags_at'").Scan(&at))
	}
	return rounds
}

func (w *world) wantFlags(q FlagQuery, want ...string) {
	w.t.Helper()
	if got := w.flags(q); !slices.Equal(got, want) {
		w.t.Errorf("%+v: %q, want %q", q, got, want)
	}
}

// Each kind of flag: what honest members do is none (member 2), what is more is one (member 3).
func TestFlagsStandForWhatIsBeyond(t *testing.T) {
	w := newWorld(t)
	w.node(1, 0)
	kinds := map[string]struct {
		setup       string // {M} is the member, {W} the size, {T} now
		below, most int64
		want        string
	}{
		FlagExcess: {"INSERT INTO honesty (day_ms, torrent, member, claimed_bytes, excess_bytes, settlement) VALUES ({T} / 86400000 * 86400000, 1, {M}, 10 * {W}, {W}, 1)",
			flagExcessBytes - 1, flagExcessBytes, "excess-claims 3 1073741824/10737418240!"},
		FlagSilent: {"INSERT INTO unexplained (epoch, torrent, member, bytes) VALUES (1, 1, {M}, {W})", 5<<30 - 1, 5 << 30, "unexplained 3 5368709120/0!"},
		FlagLeftFell: {`INSERT INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok, cost_rem, charged_utok,
				reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq)
			VALUES ({M}, 1, 1000, 0, 0, {W} + 1000 + (1 << 20) + 1073000 + 741, 0, 0, 0, 0, 0, 0, 0, 0, {T}, 0, 1)`, flagFallBytes - 1, flagFallBytes, "left-fell 3 268435456/1!"},
		FlagCounters: {`INSERT INTO peer_sessions (member, torrent, peer_id, generation, uploaded_bytes, downloaded_bytes, left_bytes, stopped, seq, last_ms, addr, seeding_ms, flags)
			VALUES ({M}, 1, zeroblob(20), 1, 0, 0, 0, 0, 1, {T}, '10.0.0.1:1', 0, {W})`, flagCounters - 1, flagCounters, "counters-fell 3 3/1!"},
		FlagProbation: {"INSERT INTO probation (epoch, torrent, member, settlement, amount_utok, at_ms, closed) VALUES (1, 1, {M}, 1, 7, 0, {W} = 0)", 0, 1, "probation 3 7/1!"},
		FlagIdle:      {"INSERT INTO serving (member, node, tried_ms, tried_epoch, failures, state) VALUES ({M}, 0, {T}, 1, {W}, '{}')", flagIdleEpochs - 1, flagIdleEpochs, "serves-nobody 3 2/1!"},
		FlagLess: {"INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes) VALUES (1, {T} / 86400000 * 86400000, 2, {M}, '', {W}, 0)",
			flagSaidBytes - 1, flagSaidBytes, "admits-less 3 1073741824/1073741824!"},
	}
	for _, c := range kinds {
		for m, size := range map[int]int64{2: c.below, 3: c.most} {
			w.sql(strings.NewReplacer("{M}", fmt.Sprint(m), "{W}", fmt.Sprint(size), "{T}", fmt.Sprint(w.now.Load())).Replace(c.setup))
		}
	}
	w.findFlags()
	for kind, c := range kinds {
		w.wantFlags(FlagQuery{Kind: kind}, c.want)
	}
	if got := w.flags(FlagQuery{}); len(got) != len(kinds) {
		t.Errorf("%q", got)
	}
}

// A part of a large claim is no flag, and neither is what the nodes of one tell of one other.
func TestFlagsNeedMoreThanOneWord(t *testing.T) {
	w := newWorld(t)
	n := w.node(1, 0)
	now := w.now.Load() / dayMs * dayMs
	w.sql("INSERT INTO honesty (day_ms, torrent, member, claimed_bytes, excess_bytes, settlement) VALUES (?, 1, 2, ?, ?, 1)", now, int64(100<<30), int64(5<<30))
	for m := 2; m < 4; m++ {
		w.sql("INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes) VALUES (?, ?, 1, ?, '', 900000000, 0)", n, now, m)
	}
	w.findFlags()
	w.wantFlags(FlagQuery{})
	w.sql("INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes) VALUES (?, ?, 1, 4, '', 900000000, 0)", n, now)
	w.findFlags()
	w.wantFlags(FlagQuery{}, "reports-too-much 1 2700000000/2700000000!")
}

// Members are found who announced from the same public network lately, by clients or nodes.
func TestSharedNetworks(t *testing.T) {
	w := newWorld(t)
	at := func(m bt.MemberID, addr string, ago time.Duration) {
		t.Helper()
		w.sql(`INSERT INTO peer_sessions (member, torrent, peer_id, generation, uploaded_bytes, downloaded_bytes, left_bytes, stopped, seq, last_ms, addr, seeding_ms, flags)
			VALUES (?, 1, randomblob(20), 1, 0, 0, 0, 0, 1, ?, ?, 0, 0)`, m, w.now.Load()-ago.Milliseconds(), addr)
	}
	at(1, "192.0.2.7:1", 0)
	at(2, "192.0.2.200:2", time.Hour)
	at(2, "[2001:db8:1:2::3]:2", time.Hour)
	at(3, "10.0.0.1:3", 0) // private: says nothing
	at(4, "10.0.0.1:3", 0)
	at(4, "192.0.3.1:1", 0)
	at(3, "192.0.3.1:1", 40*24*time.Hour) // long ago
	n := w.node(3, 0)
	w.claim(3, n, 1)
	w.sql("UPDATE claims SET addr = '[2001:db8:1::1]:7', seen_ms = ?", w.now.Load())
	w.findFlags()
	w.findFlags() // networks of members that come later are known now
	w.wantFlags(FlagQuery{Kind: FlagNetwork}, "shared-network 3 1/1!", "shared-network 2 2/2!", "shared-network 1 1/1!")
	e, err := w.FlagEvidence(t.Context(), settle.DefaultParams(), 2)
	w.must(err)
	var got []string
	for _, x := range e.Networks {
		got = append(got, fmt.Sprintf("%s %t %d %t", x.Network, x.Node, x.Others[0].Member, x.Others[0].Node))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"192.0.2.0/24 false 1 false", "2001:db8:1::/48 false 3 true"}) {
		t.Errorf("%q", got)
	}
	w.now.Add(31 * dayMs)
	w.findFlags()
	w.wantFlags(FlagQuery{All: true})
}

// A note closes a flag until it has doubled, or comes back; notes stay, and operators are named.
func TestNoteFlag(t *testing.T) {
	w := newWorld(t)
	counters := func(n int) {
		w.sql("INSERT OR REPLACE INTO peer_sessions (member, torrent, peer_id, generation, uploaded_bytes, downloaded_bytes, left_bytes, stopped, seq, last_ms, addr, seeding_ms, flags) VALUES (2, 1, zeroblob(20), 1, 0, 0, 0, 0, 1, ?, '', 0, ?)", w.now.Load(), n)
		w.findFlags()
	}
	counters(5)
	for _, c := range []struct {
		kind, note string
		member     bt.MemberID
		want       error
	}{{"none", "x", 2, ErrFlag}, {FlagCounters, " ", 2, ErrReason}, {FlagCounters, strings.Repeat("x", 201), 2, ErrReason}, {FlagCounters, "x", 3, ErrNotFound}} {
		if err := w.NoteFlag(t.Context(), 4, c.member, c.kind, c.note); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	w.must(w.NoteFlag(t.Context(), 4, 2, FlagCounters, " an old client "))
	w.wantFlags(FlagQuery{})
	w.wantFlags(FlagQuery{All: true}, "counters-fell 2 5/1")
	if log, err := w.OperatorLog(t.Context(), 1); err != nil || log[0].Action != "flag note" || log[0].Detail != "counters-fell of member 2: an old client" {
		t.Errorf("%+v %v", log, err)
	}
	counters(9)
	w.wantFlags(FlagQuery{})
	counters(10)
	w.wantFlags(FlagQuery{}, "counters-fell 2 10/1!")
	w.must(w.NoteFlag(t.Context(), 0, 2, FlagCounters, "still"))
	counters(0)
	w.wantFlags(FlagQuery{All: true})
	counters(3)
	w.wantFlags(FlagQuery{}, "counters-fell 2 3/1!")
	e, err := w.FlagEvidence(t.Context(), settle.DefaultParams(), 2)
	if err != nil || len(e.Notes) != 2 || e.Notes[0].Note != "still" || e.Notes[0].By != "" || e.Notes[1].Weight != 5 || e.Notes[1].By == "" {
		t.Errorf("%+v %v", e.Notes, err)
	}
	for _, query := range []string{"UPDATE flag_notes SET note = 'y'", "DELETE FROM flag_notes"} {
		if err := w.run(query); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// A walk looks at a bounded number of members at a time, all of them in the end, and not again before its pause.
func TestFlagWalkIsBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 2*flagMembers + 7 {
		w.sql("INSERT INTO members (id, name, key_secret, created_ms, silent_ms) VALUES (?, ?, zeroblob(32), 0, 1)", 100+i, fmt.Sprint("m", i))
	}
	if n := w.findFlags(); n != 4 {
		t.Errorf("%d rounds", n)
	}
	if got := w.flags(FlagQuery{}); len(got) != 2*flagMembers+7 {
		t.Errorf("%d flags", len(got))
	}
	if counts, err := w.FlagCounts(t.Context()); err != nil || len(counts) != len(FlagKinds()) || counts[1] != (FlagCount{FlagSilent, 2*flagMembers + 7}) {
		t.Errorf("%+v %v", counts, err)
	}
	w.sql("UPDATE members SET silent_ms = 0")
	w.must(w.FindFlags(t.Context(), settle.DefaultParams()))
	if got := w.flags(FlagQuery{}); len(got) != 2*flagMembers+7 {
		t.Error("it did not pause")
	}
	w.must(w.LookAt(t.Context(), settle.DefaultParams(), 100))
	if got := w.flags(FlagQuery{}); len(got) != 2*flagMembers+6 {
		t.Error("one member was not looked at")
	}
	if err := w.LookAt(t.Context(), settle.DefaultParams(), 99); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// What the walk, the lists and the pages ask is found by indexes, however many members there are.
func TestFraudPlans(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	heard := Listen(t, s, dir)
	addMember(t, s, 1, 0, 0)
	ctx, p := t.Context(), settle.DefaultParams()
	heard.During("fraud")
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	ok(s.FindFlags(ctx, p))
	for _, q := range []FlagQuery{{}, {All: true}, {Kind: FlagLess}, {Kind: FlagLess, All: true}} {
		for _, before := range []FlagCursor{{}, {AtMs: 1, Kind: FlagLess, Member: 1}} {
			q.Before, q.Limit = before, 5
			_, _, err := s.Flags(ctx, q)
			ok(err)
		}
	}
	_, err := s.FlagCounts(ctx)
	ok(err)
	_, err = s.FlagEvidence(ctx, p, 1)
	ok(err)
	for _, q := range []AppealQuery{{}, {Decided: true}, {Member: 1}} {
		_, _, err := s.Appeals(ctx, q)
		ok(err)
	}
	_, err = s.Appealable(ctx, 1)
	ok(err)
	ok(s.ThinPrices(ctx, time.Hour))
	ok(s.SweepEvidence(ctx))
	ok(s.CloseSlashes(ctx))
	heard.During("")
	tables, err := heard.Tables(ctx)
	ok(err)
	queries, _ := heard.Noted()
	if len(queries) < 35 {
		t.Errorf("%d statements: that is not all", len(queries))
	}
	for _, query := range append(queries, selectInside) {
		steps, err := heard.Plan(ctx, query)
		ok(err)
		for _, step := range steps {
			if table := Scanned(query, steps, step); tables[table] && table != "facts" {
				t.Errorf("it reads all of %s\n%s\n  %s", table, strings.Join(strings.Fields(query), " "), strings.Join(steps, "\n  "))
			}
		}
	}
}
