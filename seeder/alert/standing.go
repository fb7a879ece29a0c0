package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

// finding is what one look says of a thing that may last.
type finding struct {
	kind    Kind
	unknown bool // nothing can be said now: what was told stands
	there   bool
	patient time.Duration // it must last so long before it is told
	text    string        // while it is there
	over    string        // once it is gone
	about   []string      // torrents and folders, ordered; nil: it is one thing
}

// look is everything that may last, as it is now.
func look(v dashboard.View) []finding {
	return []finding{suspension(v), disk(v), data(v), unreachable(v), idle(v)}
}

func suspension(v dashboard.View) finding {
	return finding{kind: Suspension, unknown: v.Cards == nil, there: v.Audits.Suspended,
		text: "the node is suspended and earns nothing. Too many audits confirmed a fault: look at the dashboard's audits and at the disk.",
		over: "the suspension has ended."}
}

// disk goes by the daemon's own check, which knows what is to stay free.
func disk(v dashboard.View) finding {
	f := finding{kind: Disk, unknown: true, over: "there is enough space on the disk again."}
	var texts []string
	for _, c := range v.Health {
		if c.Name != "disk" {
			continue
		}
		f.unknown = f.unknown && c.Level == dashboard.Unknown
		if c.Level == dashboard.Warn || c.Level == dashboard.Bad {
			f.there = true
			texts = append(texts, plain(strings.TrimSpace(c.Text+" "+c.Do)))
		}
	}
	f.text = "disk space runs low. " + strings.Join(texts, " ")
	return f
}

// data is what is damaged or missing, all of it as one thing: a disk that dies takes thousands of
// torrents with it.
func data(v dashboard.View) finding {
	f := finding{kind: Data, unknown: v.Node.State == "starting", over: "all data is whole and in its place again."}
	var damaged, missing, folders []string
	for _, t := range v.Torrents {
		switch t.State {
		case "damaged":
			damaged = append(damaged, t.Name)
		case "missing":
			missing = append(missing, t.Name)
		default:
			continue
		}
		f.about = append(f.about, t.InfoHash)
	}
	for _, d := range v.Space.Folders {
		if d.Problem != "" {
			folders = append(folders, d.Path+": "+d.Problem)
			f.about = append(f.about, d.Path)
		}
	}
	slices.Sort(f.about)
	f.there = len(f.about) > 0
	f.text = strings.Join(slices.DeleteFunc([]string{named(damaged, "has damaged data", "have damaged data"), named(missing, "has lost its data", "have lost their data"),
		some(folders, " ")}, func(s string) bool { return s == "" }), ". ") + ". The claims are withdrawn; what is damaged is fetched again from the swarm. Look at the disk."
	return f
}

// named is "2 torrents have … (“a”, “b”)".
func named(names []string, one, many string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("1 torrent %s (%s)", one, some(names, ""))
	}
	return fmt.Sprintf("%d torrents %s (%s)", len(names), many, some(names, ", "))
}

// some joins the first maxNames, made harmless.
func some(texts []string, by string) string {
	var first []string
	for _, t := range texts[:min(len(texts), maxNames)] {
		first = append(first, plain(t))
	}
	joined := strings.Join(first, by)
	if more := len(texts) - maxNames; more > 0 {
		joined += fmt.Sprintf(" and %d more", more)
	}
	return joined
}

func unreachable(v dashboard.View) finding {
	text := "the server does not answer. What is complete goes on being seeded."
	if v.Server.Problem != "" {
		text += " " + plain(v.Server.Problem)
	}
	return finding{kind: Unreachable, there: !v.Server.Reached, patient: UnreachableAfter, text: text, over: "the server answers again."}
}

// idle leaves out a node that its operator paused, and one whose server is silent: that is told of
// already.
func idle(v dashboard.View) finding {
	text := plain(strings.TrimSpace(v.Headline + " " + v.Do))
	if text == "" {
		text = "look at the dashboard."
	}
	return finding{kind: Idle, unknown: !v.Server.Reached, there: !v.Earning && !v.Traffic.Paused, patient: IdleAfter,
		text: "nothing was earned for a day or longer. " + text, over: "the node earns again."}
}

// stand follows one thing and says whether to tell of it now.
func (s *State) stand(f finding, now time.Time) (a Alert, tell bool) {
	t := s.Standing[string(f.kind)]
	switch {
	case f.unknown || t == nil && !f.there:
		return a, false
	case t == nil:
		t = &Thing{Kind: f.kind, Since: now}
		if s.Standing == nil {
			s.Standing = map[string]*Thing{}
		}
		s.Standing[string(f.kind)] = t
	}
	if !f.there {
		return s.leave(t, f, now)
	}
	t.Gone = time.Time{}
	phase, due := Begun, false
	if t.Told.IsZero() {
		due = now.Sub(t.Since) >= f.patient
	} else if grew := t.grew(f.about); grew && now.Sub(t.Told) >= growEvery {
		due = true
	} else if now.Sub(t.Told) >= remindEvery {
		phase, due = Reminder, true
	}
	if !due {
		return a, false
	}
	t.Told, t.About, t.Count = now, f.about[:min(len(f.about), maxAbout)], len(f.about)
	a = Alert{Kind: f.kind, Phase: phase, Text: f.text, Detail: f.about[:min(len(f.about), maxDetail)]}
	if phase == Reminder {
		a.Text += fmt.Sprintf(" This has lasted since %s UTC.", t.Since.UTC().Format("2006-01-02 15:04"))
	}
	return a, true
}

// leave ends a thing that stays gone. What was not told is forgotten at once.
func (s *State) leave(t *Thing, f finding, now time.Time) (a Alert, tell bool) {
	if t.Gone.IsZero() {
		t.Gone = now
	}
	told := !t.Told.IsZero()
	if told && now.Sub(t.Gone) < overAfter {
		return a, false
	}
	delete(s.Standing, string(t.Kind))
	return Alert{Kind: t.Kind, Phase: Over, Text: f.over}, told
}

// grew reports whether there is more now than was told. What got well meanwhile is no longer told;
// past maxAbout only the number is compared.
func (t *Thing) grew(now []string) bool {
	if t.Count > maxAbout || len(now) > maxAbout {
		if len(now) <= t.Count {
			t.About, t.Count = now[:min(len(now), maxAbout)], len(now)
		}
		return len(now) > t.Count
	}
	t.About = slices.DeleteFunc(slices.Clone(t.About), func(x string) bool { return !slices.Contains(now, x) })
	t.Count = len(t.About)
	return len(now) > t.Count
}
