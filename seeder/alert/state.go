package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tokens"
)

const (
	// UnreachableAfter and IdleAfter are how long these have to last before they are told.
	UnreachableAfter = 30 * time.Minute
	IdleAfter        = 24 * time.Hour
	// remindEvery is the least pause between two alerts of one thing that stands.
	remindEvery = 24 * time.Hour
	// growEvery is the least pause before an alert tells of more of the same: another torrent damaged.
	growEvery = time.Hour
	// overAfter is how long a thing must be gone before it is over: what flaps is told once.
	overAfter = 5 * time.Minute
	// offAfter is a pause between two steps in which the daemon did not run: what had lasted before
	// need not have lasted on.
	offAfter = 15 * time.Minute

	// maxTold bounds the events kept as told; past it the oldest are forgotten, and older ones with
	// them.
	maxTold = 500
	// maxAbout bounds the torrents and folders of one thing that are kept as told, maxDetail those
	// that one alert names, maxNames those in its text.
	maxAbout  = 200
	maxDetail = 20
	maxNames  = 3
	// maxText bounds an alert's text in characters: chats refuse messages of 2,000.
	maxText = 1500
)

// State is what was told. The zero State has told nothing; it is kept as JSON between runs.
type State struct {
	Last     time.Time                `json:"last"`     // step
	Begun    bool                     `json:"begun"`    // what had happened before the first look is no news
	From     time.Time                `json:"from"`     // audits until then are no news
	Told     map[string]time.Time     `json:"told"`     // audits after From that were told
	Slashed  map[string]tokens.Amount `json:"slashed"`  // by day, as told
	Standing map[string]*Thing        `json:"standing"` // by what it is
}

// Thing is something that lasts.
type Thing struct {
	Kind  Kind      `json:"kind"`
	Since time.Time `json:"since"`
	Told  time.Time `json:"told,omitzero"`   // last; zero: not yet
	Gone  time.Time `json:"gone,omitzero"`   // since when it is not there any more; zero: it is there
	About []string  `json:"about,omitempty"` // torrents and folders that were told, at most maxAbout
	Count int       `json:"count,omitempty"` // of all of them
}

// Step compares what is with what was told and returns what is to be told now, in the order in which
// it happened.
func (s *State) Step(v dashboard.View, now time.Time) (alerts []Alert) {
	now = now.Round(0) // by the wall clock: a machine may sleep, and the state outlives the process
	s.catchUp(now)
	if v.Cards != nil { // the server was asked
		alerts = append(s.audits(v), s.penalties(v)...)
		s.Begun = true
	}
	for _, f := range look(v) {
		if a, tell := s.stand(f, now); tell {
			alerts = append(alerts, a)
		}
	}
	for i := range alerts {
		a := &alerts[i]
		a.Node = Node{ID: v.Node.ID, Name: plain(v.Node.Name), Server: plain(v.Node.Server)}
		a.Text = cut(who(v.Node)+": "+a.Text, maxText)
		a.At = cmp.Or(a.At, now)
	}
	return alerts
}

// catchUp begins anew what was not told yet if the daemon did not run since, or if the clock was set
// back.
func (s *State) catchUp(now time.Time) {
	anew := now.Sub(s.Last) > offAfter || now.Before(s.Last)
	for _, t := range s.Standing {
		if anew && t.Told.IsZero() {
			t.Since = now
		}
		if t.Told.After(now) {
			t.Told = now
		}
		if t.Gone.After(now) || anew && !t.Gone.IsZero() {
			t.Gone = now
		}
	}
	s.Last = now
}

func who(n dashboard.Node) string {
	if n.Name != "" {
		return plain(n.Name)
	}
	return fmt.Sprintf("Node %d", n.ID)
}

// audits tells of the audits that failed since the last step.
func (s *State) audits(v dashboard.View) (alerts []Alert) {
	if !s.Begun {
		for _, a := range v.Audits.Recent {
			s.From = later(s.From, a.At)
		}
	}
	recent := slices.Clone(v.Audits.Recent)
	slices.SortStableFunc(recent, func(a, b dashboard.Audit) int { return a.At.Compare(b.At) })
	for _, a := range recent {
		key := cut(a.At.UTC().Format(time.RFC3339Nano)+" "+a.Torrent+" "+a.URL, maxText)
		if _, told := s.Told[key]; told || !a.At.After(s.From) || !dashboard.Fault(a.Verdict) {
			continue
		}
		s.remember(key, a.At)
		text := fmt.Sprintf("an audit of “%s” failed: %s.", plain(a.Torrent), plain(a.Verdict))
		if a.Penalty > 0 {
			text += " The penalty is " + money(a.Penalty, v.Symbol) + "."
		}
		alerts = append(alerts, Alert{Kind: Audit, Phase: Begun, Text: text + doubt(a.Verdict), At: a.At, Detail: links(a.URL)})
	}
	return alerts
}

// doubt says what to do about a verdict.
func doubt(verdict string) string {
	switch verdict {
	case "corrupt", "missing":
		return " The daemon checks the data and repairs it; look whether the disk is failing."
	case "late", "refused":
		return " Look whether the machine, its line or its connection limit is overloaded."
	}
	return ""
}

func (s *State) remember(key string, at time.Time) {
	if s.Told == nil {
		s.Told = map[string]time.Time{}
	}
	s.Told[key] = at
	for len(s.Told) > maxTold {
		oldest := key
		for k, t := range s.Told {
			if t.Before(s.Told[oldest]) || t.Equal(s.Told[oldest]) && k < oldest {
				oldest = k
			}
		}
		s.From = later(s.From, s.Told[oldest])
		delete(s.Told, oldest)
	}
}

// penalties tells of what the ledger took since the last step. The days before the newest known one
// that were not seen before are no news: they come with a longer look back.
func (s *State) penalties(v dashboard.View) (alerts []Alert) {
	if len(v.Days) == 0 {
		return nil
	}
	newest, known := "", map[string]tokens.Amount{}
	for day := range s.Slashed {
		newest = max(newest, day)
	}
	for _, d := range v.Days {
		told, seen := s.Slashed[d.Date]
		known[d.Date] = max(told, d.Slashed)
		if d.Slashed > told && s.Begun && (seen || d.Date > newest) {
			text := fmt.Sprintf("%s was taken as a penalty on %s (UTC).", money(d.Slashed-told, v.Symbol), plain(d.Date))
			alerts = append(alerts, Alert{Kind: Penalty, Phase: Begun, Text: text + " Each one can be appealed on the website while its appeal window is open."})
		}
	}
	s.Slashed = known
	return alerts
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func links(url string) []string {
	if strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		return []string{cut(url, maxText)}
	}
	return nil
}

func money(a tokens.Amount, symbol string) string {
	return strings.TrimSpace(a.String() + " " + plain(symbol))
}

// harmless breaks what a chat would act on.
var harmless = strings.NewReplacer("@", "@\u2060", "<", "‹", ">", "›", "](", "] (")

// plain makes foreign words harmless in a chat: no control characters, nobody is called (@everyone,
// <!channel>), no link hides where it leads.
func plain(s string) string { return harmless.Replace(dashboard.Plain(s)) }

// cut bounds a text in characters.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
