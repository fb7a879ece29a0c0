package alert

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tokens"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// healthy is a node that nothing is to be told of.
func healthy() dashboard.View {
	return dashboard.View{At: noon, Symbol: "VIDYA", Earning: true, Node: dashboard.Node{ID: 7, Name: "attic", Server: "https://tracker.example", State: "running"},
		Server: dashboard.Server{Reached: true}, Cards: &dashboard.Cards{}, Days: []dashboard.Day{{Date: "2026-03-13"}, {Date: "2026-03-14"}},
		Health: []dashboard.Check{{Name: "disk", Level: dashboard.Good}}}
}

// with changes a healthy node.
func with(change func(*dashboard.View)) dashboard.View {
	v := healthy()
	change(&v)
	return v
}

// brief is what an alert is, in two words.
func brief(alerts []Alert) (out []string) {
	for _, a := range alerts {
		out = append(out, string(a.Kind)+" "+string(a.Phase))
	}
	return out
}

// act is one look, so long after noon, and what is told then.
type act struct {
	at   time.Duration
	view dashboard.View
	want []string
}

// play makes the looks in between too, every 5 minutes, in which nothing may be told; each look goes
// through JSON as if the daemon had been restarted.
func play(t *testing.T, s *State, acts ...act) {
	t.Helper()
	at, view := time.Duration(0), acts[0].view
	for i, a := range acts {
		for ; at < a.at; at += 5 * time.Minute {
			if got := s.Step(view, noon.Add(at)); i > 0 && len(got) > 0 && at > acts[i-1].at {
				t.Fatalf("after %s: %q", at, brief(got))
			}
		}
		at, view = a.at, a.view
		if diff := cmp.Diff(a.want, brief(s.Step(view, noon.Add(at)))); diff != "" {
			t.Fatalf("after %s (-want +got):\n%s", at, diff)
		}
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		*s = State{}
		if err := json.Unmarshal(raw, s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThingsThatLast(t *testing.T) {
	const day, hour, min = 24 * time.Hour, time.Hour, time.Minute
	for name, c := range map[string]struct {
		change func(*dashboard.View)
		after  time.Duration
		kind   string
	}{
		"suspended":   {func(v *dashboard.View) { v.Audits.Suspended = true }, 0, "suspension"},
		"low disk":    {func(v *dashboard.View) { v.Health[0].Level = dashboard.Warn }, 0, "disk"},
		"full disk":   {func(v *dashboard.View) { v.Health[0].Level = dashboard.Bad }, 0, "disk"},
		"damaged":     {func(v *dashboard.View) { v.Torrents = []dashboard.Torrent{{State: "damaged"}} }, 0, "data"},
		"missing":     {func(v *dashboard.View) { v.Torrents = []dashboard.Torrent{{State: "missing"}} }, 0, "data"},
		"folder gone": {func(v *dashboard.View) { v.Space.Folders = []dashboard.Folder{{Path: "/x", Problem: "gone"}} }, 0, "data"},
		"server":      {func(v *dashboard.View) { v.Server.Reached = false }, 30 * min, "unreachable"},
		"idle":        {func(v *dashboard.View) { v.Earning = false }, day, "idle"},
	} {
		t.Run(name, func(t *testing.T) {
			bad, told := with(c.change), c.after+2*min
			acts := []act{{0, healthy(), nil}, {2 * min, bad, []string{c.kind + " begun"}}}
			if c.after > 0 {
				acts[1].want = nil
				acts = append(acts, act{told, bad, []string{c.kind + " begun"}})
			}
			play(t, &State{}, append(acts,
				act{told + day, bad, []string{c.kind + " reminder"}},
				act{told + 2*day, bad, []string{c.kind + " reminder"}},
				act{told + 2*day + hour, healthy(), nil},         // it may flap
				act{told + 2*day + hour + 2*min, bad, nil},       // it does
				act{told + 2*day + hour + 6*min, healthy(), nil}, // gone again
				act{told + 2*day + hour + 11*min, healthy(), []string{c.kind + " over"}},
				act{told + 9*day, healthy(), nil})...)
		})
	}
}

// What passes before anybody had to know is never told, not even as over.
func TestImpatience(t *testing.T) {
	down := with(func(v *dashboard.View) { v.Server.Reached, v.Earning = false, false })
	play(t, &State{}, act{0, healthy(), nil}, act{time.Minute, down, nil}, act{30 * time.Minute, healthy(), nil},
		act{31 * time.Minute, down, nil}, act{60 * time.Minute, healthy(), nil}, act{48 * time.Hour, healthy(), nil})
}

// While the server is silent nothing it would say is known: a suspension told stands.
func TestUnknown(t *testing.T) {
	suspended := with(func(v *dashboard.View) { v.Audits.Suspended, v.Health = true, nil })
	silent := with(func(v *dashboard.View) {
		v.Cards, v.Days, v.Server.Reached = nil, nil, false
		v.Health[0].Level = dashboard.Unknown
	})
	play(t, &State{}, act{0, suspended, []string{"suspension begun"}}, act{time.Minute, silent, nil}, act{31 * time.Minute, silent, []string{"unreachable begun"}},
		act{40 * time.Minute, suspended, nil}, act{45 * time.Minute, suspended, []string{"unreachable over"}}, act{50 * time.Minute, healthy(), nil},
		act{55 * time.Minute, healthy(), []string{"suspension over"}})
}

// A paused node earns nothing because its operator wants it so.
func TestPausedIsNotIdle(t *testing.T) {
	paused := with(func(v *dashboard.View) { v.Earning, v.Traffic.Paused = false, true })
	play(t, &State{}, act{0, paused, nil}, act{72 * time.Hour, paused, nil})
}

// A machine that was off for days was not idle for days.
func TestDaemonWasOff(t *testing.T) {
	idle := with(func(v *dashboard.View) { v.Earning = false })
	s := &State{}
	s.Step(idle, noon)
	later := noon.Add(72 * time.Hour)
	for at := range 24 * 60 {
		if got := s.Step(idle, later.Add(time.Duration(at)*time.Minute)); len(got) > 0 {
			t.Fatalf("told after %d minutes: %q", at, brief(got))
		}
	}
	if got := brief(s.Step(idle, later.Add(24*time.Hour))); !slices.Equal(got, []string{"idle begun"}) {
		t.Errorf("after a day: %q", got)
	}
}

// A clock that was wrong by a year must not silence a node for a year.
func TestClockSetBack(t *testing.T) {
	suspended := with(func(v *dashboard.View) { v.Audits.Suspended = true })
	s := &State{}
	s.Step(suspended, noon.AddDate(1, 0, 0))
	if got := s.Step(suspended, noon); len(got) > 0 {
		t.Errorf("%q", brief(got))
	}
	if got := brief(s.Step(suspended, noon.Add(24*time.Hour))); !slices.Equal(got, []string{"suspension reminder"}) {
		t.Errorf("a day later: %q", got)
	}
}

func audit(minute int, verdict string) dashboard.Audit {
	return dashboard.Audit{At: noon.Add(time.Duration(minute) * time.Minute), Torrent: fmt.Sprintf("torrent %d", minute), Verdict: verdict, URL: fmt.Sprintf("https://t.example/%d", minute)}
}

func audits(list ...dashboard.Audit) dashboard.View {
	return with(func(v *dashboard.View) { v.Audits.Recent = list })
}

func TestAudits(t *testing.T) {
	const f = "audit begun"
	old, passed, late, corrupt, offline := audit(-9, "corrupt"), audit(1, "passed"), audit(2, "late"), audit(3, "corrupt"), audit(4, "offline")
	corrupt.Penalty = 250_000
	s := &State{}
	silent := with(func(v *dashboard.View) { v.Cards = nil })
	play(t, s, act{0, silent, nil}, // not asked yet: this is not the first look
		act{1 * time.Minute, audits(old), nil}, act{2 * time.Minute, audits(passed, old), nil}, act{5 * time.Minute, audits(offline, corrupt, late, passed, old), []string{f, f}},
		act{6 * time.Minute, audits(offline, corrupt, late, passed, old), nil}, act{7 * time.Minute, healthy(), nil}, act{9 * time.Minute, audits(corrupt, old), nil})
	// A verdict may be reached later than that of a younger audit.
	play(t, s, act{0, audits(audit(1, "refused"), corrupt), []string{f}})
	one := (&State{Begun: true}).Step(audits(corrupt), noon)[0]
	want := Alert{Kind: Audit, Phase: Begun, At: corrupt.At, Node: Node{7, "attic", "https://tracker.example"}, Detail: []string{"https://t.example/3"},
		Text: "attic: an audit of “torrent 3” failed: corrupt. The penalty is 0.25 VIDYA. The daemon checks the data and repairs it; look whether the disk is failing."}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Error(diff)
	}
}

// What is remembered of audits is bounded, and what was forgotten is not told again.
func TestManyAudits(t *testing.T) {
	s := &State{Begun: true}
	var all []dashboard.Audit
	for i := range maxTold + 100 {
		all = append(all, audit(i, "missing"))
	}
	if got := s.Step(audits(all...), noon); len(got) != maxTold+100 || len(s.Told) != maxTold {
		t.Fatalf("%d told, %d remembered", len(got), len(s.Told))
	}
	if got := s.Step(audits(all...), noon); len(got) > 0 {
		t.Errorf("%d told again", len(got))
	}
}

func TestPenalties(t *testing.T) {
	days := func(slashed ...int64) dashboard.View {
		return with(func(v *dashboard.View) {
			v.Days = nil
			for i, a := range slashed {
				v.Days = append(v.Days, dashboard.Day{Date: noon.AddDate(0, 0, i-len(slashed)).Format(time.DateOnly), Slashed: tokens.Amount(a)})
			}
		})
	}
	const p = "penalty begun"
	s := &State{}
	play(t, s, act{0, days(5, 0), nil}, act{1 * time.Minute, days(5, 3), []string{p}}, act{2 * time.Minute, days(5, 3), nil}, act{3 * time.Minute, days(6, 7), []string{p, p}},
		act{4 * time.Minute, days(), nil}, act{5 * time.Minute, days(6, 7), nil},
		act{6 * time.Minute, days(9, 9, 9, 6, 7), nil},                                        // a longer look back
		act{7 * time.Minute, days(9, 9, 9, 6, 2), nil}, act{8 * time.Minute, days(6, 7), nil}) // an appeal gave some back
	text := s.Step(days(6, 250_007), noon)[0].Text
	if !strings.Contains(text, "0.25 VIDYA was taken as a penalty on 2026-03-13 (UTC)") {
		t.Error(text)
	}
}

func torrents(state string, from, to int) dashboard.View {
	return with(func(v *dashboard.View) {
		for i := from; i < to; i++ {
			v.Torrents = append(v.Torrents, dashboard.Torrent{InfoHash: fmt.Sprintf("%040d", i), Name: fmt.Sprintf("name %d", i), State: state})
		}
	})
}

// A dying disk is one story: told when it begins and, at most hourly, when it gets worse.
func TestDataGetsWorse(t *testing.T) {
	const h, begun = time.Hour, "data begun"
	play(t, &State{}, act{0, torrents("damaged", 0, 1), []string{begun}}, act{10 * time.Minute, torrents("damaged", 0, 9), nil}, act{h, torrents("damaged", 0, 9), []string{begun}},
		act{2 * h, torrents("damaged", 0, 5), nil}, act{3 * h, torrents("damaged", 0, 6), []string{begun}}, // one that was repaired breaks again
		act{5 * h, torrents("missing", 0, 2000), []string{begun}}, act{7 * h, torrents("missing", 0, 1500), nil}, act{9 * h, torrents("missing", 300, 1500), nil},
		act{11 * h, torrents("missing", 300, 1501), []string{begun}}, act{13 * h, torrents("missing", 300, 400), nil}, act{15 * h, torrents("missing", 250, 400), []string{begun}},
		act{16 * h, healthy(), nil}, act{16*h + 5*time.Minute, healthy(), []string{"data over"}})
	a := (&State{}).Step(torrents("missing", 0, 2000), noon)[0]
	if len(a.Detail) != maxDetail || !strings.Contains(a.Text, "2000 torrents have lost their data (name 0, name 1, name 2 and 1997 more)") {
		t.Errorf("%d details: %s", len(a.Detail), a.Text)
	}
}

func TestStateStaysSmall(t *testing.T) {
	s := &State{}
	s.Step(torrents("missing", 0, 20_000), noon)
	if raw, err := json.Marshal(s); err != nil || len(raw) > 20_000 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

// A torrent's name must not ring everybody's phone or run over the chat's bounds.
func TestHostileNames(t *testing.T) {
	const evil = "@everyone <!channel> <@123> [free](https://evil.example) \u202egnp\x00\x1b[2J\nline"
	v := torrents("damaged", 0, 3)
	for i := range v.Torrents {
		v.Torrents[i].Name = strings.Repeat(evil, 20)
	}
	v.Node.Name, v.Audits.Recent, v.Symbol = evil, []dashboard.Audit{{At: noon, Torrent: evil, Verdict: "late", URL: "javascript:alert(1)", Penalty: 5}}, evil
	v.Server.Reached, v.Server.Problem, v.Headline, v.Do = false, evil, evil, evil
	s := &State{Begun: true, Standing: map[string]*Thing{"unreachable": {Kind: Unreachable, Since: noon.Add(-time.Hour)}}, Last: noon.Add(-time.Minute)}
	alerts := s.Step(v, noon)
	if len(alerts) != 3 {
		t.Fatalf("%q", brief(alerts))
	}
	for _, a := range alerts {
		for _, bad := range []string{"@everyone", "<!", "<@", "](", "javascript"} {
			if raw, _ := json.Marshal(a.Detail); strings.Contains(a.Text, bad) || strings.Contains(string(raw), bad) {
				t.Errorf("%s holds %q: %s", a.Kind, bad, a.Text)
			}
		}
		if strings.ContainsFunc(a.Text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) || len([]rune(a.Text)) > maxText {
			t.Errorf("%s: %q", a.Kind, a.Text)
		}
	}
}

// Whatever happens: a thing is told to begin before it is over, and alerts of one lasting thing come
// at most hourly but for its end.
func TestNeverANuisance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := &State{}, noon
		begun, last := map[Kind]bool{}, map[Kind]time.Time{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
			v := torrents("damaged", 0, rapid.IntRange(0, 3).Draw(t, "damaged"))
			v.Audits.Suspended, v.Server.Reached, v.Earning = rapid.Bool().Draw(t, "suspended"), rapid.Bool().Draw(t, "reached"), rapid.Bool().Draw(t, "earning")
			if rapid.Bool().Draw(t, "unknown") {
				v.Cards = nil
			}
			for _, a := range s.Step(v, now) {
				if a.Phase != Begun && !begun[a.Kind] {
					t.Fatalf("%s of %s that was not told", a.Phase, a.Kind)
				}
				if at := last[a.Kind]; begun[a.Kind] && a.Phase != Over && now.Sub(at) < growEvery {
					t.Fatalf("%s %s again after %s", a.Kind, a.Phase, now.Sub(at))
				}
				begun[a.Kind], last[a.Kind] = a.Phase != Over, now
			}
		}
	})
}
