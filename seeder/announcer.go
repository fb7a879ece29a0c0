package seeder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// minIntervalBound and maxInterval bound what a tracker may ask for.
	minIntervalBound = time.Second
	maxInterval      = time.Hour
	// defaultInterval is used when a tracker says nothing.
	defaultInterval = 30 * time.Minute
	// defaultFailureInterval is used when a refusal says nothing.
	defaultFailureInterval = time.Minute
	// firstBackoff doubles up to maxBackoff while the tracker cannot be reached.
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	// stoppedTimeout bounds the farewell.
	stoppedTimeout = 3 * time.Second
)

// Counters are the figures of an announce, for this client session (BEP 3).
type Counters struct {
	Uploaded, Downloaded, Left bt.Bytes
	Peers                      int // connected now; not announced
}

// AnnounceEvent tells what an announce led to. Exactly one of Reply and Err is meaningful.
type AnnounceEvent struct {
	Event bt.Event
	Sent  Counters
	Reply Reply
	Err   error         // the tracker could not be reached or understood
	Next  time.Duration // until the next announce
}

// AnnouncerConfig describes one torrent's announces.
type AnnouncerConfig struct {
	URL       string
	InfoHash  bt.InfoHash
	PeerID    bt.PeerID
	Port      uint16
	Transport *AnnounceTransport
	Counters  func() Counters // called before each announce
	Completed <-chan struct{} // closed once the data is complete; nil: never
	OnPeers   func([]netip.AddrPort)
	OnEvent   func(AnnounceEvent) // nil: not told
	// BeforeStop is called before the last announce, to end the exchange so that its counters are
	// final; nil: nothing to do.
	BeforeStop func()
}

// Announcer announces one torrent until its context ends.
type Announcer struct {
	cfg AnnouncerConfig
	url atomic.Pointer[string]
	now chan struct{}
	key string

	started  bool // the tracker knows the session
	wasWhole bool // left was 0 at the first announce, so `completed` is never sent
	told     bool // `completed` was accepted
	failures int  // in a row, without an answer
}

// NewAnnouncer prepares an announcer; Run does the work.
func NewAnnouncer(cfg AnnouncerConfig) *Announcer {
	a := &Announcer{cfg: cfg, now: make(chan struct{}, 1), key: fmt.Sprintf("%08x", rand.Uint32())}
	a.SetURL(cfg.URL)
	return a
}

// SetURL replaces the announce URL, as after a reset of the member's key, and announces at once if
// it changed.
func (a *Announcer) SetURL(u string) {
	if old := a.url.Swap(&u); old != nil && *old != u {
		a.AnnounceNow()
	}
}

// AnnounceNow ends the wait for the next announce.
func (a *Announcer) AnnounceNow() {
	select {
	case a.now <- struct{}{}:
	default:
	}
}

// Run announces `started`, then as often as the tracker asks, `completed` at once when the data is
// complete, and `stopped` when ctx ends. It returns after the farewell.
func (a *Announcer) Run(ctx context.Context) {
	completed := a.cfg.Completed
	first := a.cfg.Counters()
	a.wasWhole = first.Left == 0
	if a.wasWhole {
		completed = nil
	}
	for ctx.Err() == nil {
		wait := a.announce(ctx, a.nextEvent())
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.now:
		case <-completed:
			completed = nil
		}
		timer.Stop()
	}
	a.farewell()
}

// nextEvent repeats an event until the tracker has answered it.
func (a *Announcer) nextEvent() bt.Event {
	switch {
	case !a.started:
		return bt.Started
	case !a.wasWhole && !a.told && a.cfg.Counters().Left == 0:
		return bt.Completed
	default:
		return bt.None
	}
}

func (a *Announcer) announce(ctx context.Context, event bt.Event) time.Duration {
	sent := a.cfg.Counters()
	if event == bt.Completed && sent.Left != 0 {
		event = bt.None
	}
	reply, err := a.send(ctx, event, sent)
	next := a.schedule(reply, err, sent)
	if err == nil && reply.Failure == "" {
		a.started = true
		a.told = a.told || event == bt.Completed
		if a.cfg.OnPeers != nil && len(reply.Peers) > 0 {
			a.cfg.OnPeers(reply.Peers)
		}
		if event == bt.Started && a.nextEvent() == bt.Completed {
			next = 0 // completed while `started` was on its way or being retried
		}
	}
	if ctx.Err() == nil {
		a.tell(AnnounceEvent{Event: event, Sent: sent, Reply: reply, Err: err, Next: next})
	}
	return next
}

func (a *Announcer) send(ctx context.Context, event bt.Event, c Counters) (Reply, error) {
	return a.cfg.Transport.Announce(ctx, *a.url.Load(), Request{
		InfoHash: a.cfg.InfoHash, PeerID: a.cfg.PeerID, Port: a.cfg.Port, Event: event, Key: a.key,
		Uploaded: c.Uploaded, Downloaded: c.Downloaded, Left: c.Left,
	})
}

// schedule decides when to announce next. A leecher without a peer asks again as soon as the
// tracker's `min interval` allows.
func (a *Announcer) schedule(r Reply, err error, c Counters) time.Duration {
	if err != nil {
		a.failures++
		return backoff(a.failures, err)
	}
	a.failures = 0
	next := or(r.Interval, defaultInterval)
	if r.Failure != "" {
		next = or(r.Interval, or(r.RetryIn, defaultFailureInterval))
	} else if c.Left > 0 && c.Peers == 0 && len(r.Peers) == 0 && r.MinInterval > 0 {
		next = min(next, r.MinInterval)
	}
	return min(max(next, r.MinInterval, minIntervalBound), maxInterval)
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// backoff doubles with the number of failures in a row, with a jitter of ±20 % so that a returning
// server is not met by all daemons at once. A Retry-After within bounds is obeyed.
func backoff(failures int, err error) time.Duration {
	if after := retryAfter(err); after > 0 {
		return min(after, maxInterval)
	}
	d := min(firstBackoff<<min(failures-1, 16), maxBackoff)
	return d*4/5 + rand.N(d*2/5)
}

// farewell sends `stopped` with final counters, once, if the tracker may know the session.
func (a *Announcer) farewell() {
	if a.cfg.BeforeStop != nil {
		a.cfg.BeforeStop()
	}
	if !a.started {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stoppedTimeout)
	defer cancel()
	sent := a.cfg.Counters()
	// A download that ended in the moment of the end has its `completed` told first.
	if a.nextEvent() == bt.Completed {
		if r, err := a.send(ctx, bt.Completed, sent); err == nil && r.Failure == "" {
			a.told = true
			a.tell(AnnounceEvent{Event: bt.Completed, Sent: sent, Reply: r})
		}
	}
	reply, err := a.send(ctx, bt.Stopped, sent)
	a.tell(AnnounceEvent{Event: bt.Stopped, Sent: sent, Reply: reply, Err: err})
}

func (a *Announcer) tell(e AnnounceEvent) {
	if a.cfg.OnEvent != nil {
		a.cfg.OnEvent(e)
	}
}
