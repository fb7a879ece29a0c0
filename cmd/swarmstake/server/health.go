package server

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// What a server that is ready keeps to. Longer than anything healthy takes, shorter than an operator
// would want to wait for the alarm.
const (
	commitLate   = time.Minute      // since the last commit: the sweep alone writes every few seconds
	meterLate    = 15 * time.Minute // since the meter was written wholly: under load that takes minutes
	loopLate     = 5                // intervals without a round that succeeded …
	loopLeast    = 5 * time.Minute  // … and at least so long: a settlement may take minutes
	journalFull  = 90               // percent of server.journal_bytes
	diskLeast    = 64 << 20         // bytes free: below it neither database nor journal can be counted on
	figuresLate  = 10 * time.Minute // since the balances were added up
	figuresEvery = 30 * time.Second
	figuresShare = 50 // the figures may take a fiftieth of the time
)

// Readiness says whether the server does all of its work, and if not, which part it does not.
type Readiness struct {
	Ready  bool          `json:"ready"`
	Checks []HealthCheck `json:"checks"`
}

// HealthCheck is one look at the running server.
type HealthCheck struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Failed are the checks that are not all right.
func (r Readiness) Failed() []HealthCheck {
	return slices.DeleteFunc(slices.Clone(r.Checks), func(c HealthCheck) bool { return c.OK })
}

// health is what the server notes of its own work. Its methods may be called from many goroutines.
type health struct {
	mu       sync.Mutex
	started  time.Time
	stopping bool
	loops    map[string]*loopHealth
	commit   time.Time // the last that succeeded
	broken   error     // of the last commit; nil: it succeeded
	figures  *figures  // nil: none yet
}

// loopHealth is what is known of one loop.
type loopHealth struct {
	interval         time.Duration
	last             time.Time // round that succeeded, or the start
	err              error     // of the last round
	rounds, failures int64
}

func newHealth(now time.Time) *health {
	return &health{started: now, commit: now, loops: map[string]*loopHealth{}}
}

// begin says that a loop runs from now on.
func (h *health) begin(loop string, interval time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loops[loop] = &loopHealth{interval: interval, last: now}
}

// round notes how a round of a loop went.
func (h *health) round(loop string, interval time.Duration, now time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.loops[loop]
	l.interval, l.err = interval, err
	if l.rounds++; err != nil {
		l.failures++
		return
	}
	l.last = now
}

// stop says that the server is about to end.
func (h *health) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = true
}

// committed notes how a group commit went.
func (h *health) committed(c store.Commit, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken = c.Err; c.Err == nil {
		h.commit = now
	}
}

// measured keeps new figures.
func (h *health) measured(f *figures) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.figures = f
}

// lately are the last figures; nil: none yet.
func (h *health) lately() *figures {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.figures
}

// late is how long a loop may be without a round that succeeded.
func (l *loopHealth) late() time.Duration { return max(loopLate*l.interval, loopLeast) }

// Readiness looks at everything that must work. It waits for nothing and reads no more than the free
// space of the disk.
func (s *Server) Readiness() Readiness {
	now := s.now()
	r := Readiness{Ready: true, Checks: []HealthCheck{s.health.checkRunning(), s.health.checkDatabase(now), s.checkJournal(), s.checkMeter(now),
		s.health.checkLoops(now), s.health.checkLedger(now), s.checkDisk()}}
	r.Ready = len(r.Failed()) == 0
	return r
}

func bad(name, format string, args ...any) HealthCheck {
	return HealthCheck{Name: name, Text: fmt.Sprintf(format, args...)}
}

func good(name, format string, args ...any) HealthCheck {
	return HealthCheck{Name: name, OK: true, Text: fmt.Sprintf(format, args...)}
}

func (h *health) checkRunning() HealthCheck {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return bad("server", "it is ending")
	}
	return good("server", "it runs since %s", h.started.UTC().Format(time.RFC3339))
}

func (h *health) checkDatabase(now time.Time) HealthCheck {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := ago(now, h.commit)
	switch {
	case h.broken != nil:
		return bad("database", "the last write failed: %v", h.broken)
	case since > commitLate:
		return bad("database", "nothing was written for %s", since)
	}
	return good("database", "written %s ago", since)
}

func (s *Server) checkJournal() HealthCheck {
	used, budget := s.journalBytes(), s.conf.Server.JournalBytes
	switch err := s.journal.Err(); {
	case err != nil:
		return bad("journal", "%v", err)
	case used > budget/100*journalFull:
		return bad("journal", "%s wait to be written to the database, of %s", mebibytes(used), mebibytes(budget))
	}
	return good("journal", "%s wait to be written to the database", mebibytes(used))
}

// journalBytes is how much of the journal the database does not hold.
func (s *Server) journalBytes() int64 { return max(0, s.journal.Next()-s.flusher.given.Load()) }

func (s *Server) checkMeter(now time.Time) HealthCheck {
	since := ago(now, time.UnixMilli(s.flusher.wholeMs.Load()))
	if since > meterLate {
		return bad("meter", "it was not written to the database wholly for %s", since)
	}
	return good("meter", "written to the database as it was %s ago", since)
}

func (h *health) checkLoops(now time.Time) HealthCheck {
	h.mu.Lock()
	defer h.mu.Unlock()
	var late []string
	for name, l := range h.loops {
		if since := ago(now, l.last); since > l.late() {
			text := fmt.Sprintf("%s: no round succeeded for %s", name, since)
			if l.err != nil {
				text += fmt.Sprintf(" (%v)", l.err)
			}
			late = append(late, text)
		}
	}
	if len(late) > 0 {
		slices.Sort(late)
		return bad("loops", "%s", strings.Join(late, "; "))
	}
	return good("loops", "%d, all on time", len(h.loops))
}

func (h *health) checkLedger(now time.Time) HealthCheck {
	f := h.lately()
	if f == nil {
		return bad("ledger", "the balances were not added up yet")
	}
	for _, asset := range assets {
		if sum := f.imbalance[asset]; sum != 0 {
			return bad("ledger", "the balances of %s sum to %d, not 0: run 'swarmstake ledger verify'", asset, int64(sum))
		}
	}
	if since := ago(now, f.at); since > max(figuresLate, 2*figuresShare*f.took) {
		return bad("ledger", "the balances were not added up for %s", since)
	}
	return good("ledger", "every asset's balances sum to 0")
}

func (s *Server) checkDisk() HealthCheck {
	free, _, err := DiskSpace(s.conf.Data)
	switch {
	case err != nil:
		return bad("disk", "%v", err)
	case free < diskLeast:
		return bad("disk", "%s are free in the data folder: make room", mebibytes(free))
	}
	return good("disk", "%s are free in the data folder", mebibytes(free))
}

// assets are all there are.
var assets = [...]tokens.Asset{tokens.Token, tokens.Quote, tokens.Byte}

func ago(now, then time.Time) time.Duration { return max(0, now.Sub(then)).Round(time.Second) }

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// eachLoop calls f for every loop.
func (h *health) eachLoop(f func(name string, l loopHealth)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, l := range h.loops {
		f(name, *l)
	}
}
