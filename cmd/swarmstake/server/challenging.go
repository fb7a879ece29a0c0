package server

import (
	"context"
	"crypto/rand"
	"io"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web"
)

const (
	// maxOpenChallenges bounds the challenges that wait for their daemons or are remembered.
	maxOpenChallenges = 20_000
	// fetchTime is how long a challenge waits for its daemon to fetch it.
	fetchTime = 2 * time.Minute
)

// challenger carries audits to daemons that poll for them: nodes behind NAT (ECONOMY §7).
type challenger struct {
	server *Server
	desk   *challenge.Desk
	ending context.Context // ends the waits of polls, for the server to end
	end    context.CancelFunc

	mu   sync.Mutex // guards what follows
	last int64      // number of the last challenge
	open map[int64]*openChallenge
}

// openChallenge is a challenge and who waits for its outcome.
type openChallenge struct {
	torrent *catalog.Torrent
	targets []availability.Target
	leaf    challenge.Leaf
	whole   bool                      // pieces are asked for, not blocks
	outcome chan availability.Outcome // of one
}

func newChallenger(s *Server) *challenger {
	h := &challenger{server: s, desk: challenge.NewDesk(maxOpenChallenges), open: map[int64]*openChallenge{}}
	h.ending, h.end = context.WithCancel(context.Background())
	return h
}

// challenge asks a node's daemon for the targets and waits for its answer.
func (a *auditor) challenge(ctx context.Context, audit availability.Audit, c availability.Claim, epoch int64) availability.Outcome {
	r, err := a.request(ctx, audit, c)
	if err != nil {
		return availability.Outcome{OurSide: true, Reason: err.Error()}
	}
	x := &openChallenge{torrent: r.Torrent, targets: audit.Targets, leaf: r.Leaf, outcome: make(chan availability.Outcome, 1),
		whole: audit.Kind == availability.RecheckKind && r.Torrent.HasV1 && r.Torrent.HasV2}
	return a.nodes.ask(ctx, c.Node, epoch, x, r.MaxBytes)
}

func (h *challenger) ask(ctx context.Context, n bt.NodeID, epoch int64, x *openChallenge, maxBytes bt.Bytes) availability.Outcome {
	now, p := h.server.now(), h.server.rules().Availability
	c := challenge.Challenge{Node: n, InfoHash: x.torrent.InfoHash, Epoch: epoch, Deadline: now.Add(fetchTime)}
	c.Items, c.Bytes = challenge.Ask(x.torrent, x.leaf, x.targets, min(maxBytes, challenge.StepBytes), 1)
	if x.whole {
		c.Items, c.Bytes = challenge.Widen(x.torrent, c.Items)
	}
	c.Time = challenge.TimeFor(p.ChallengeTime, c.Bytes) // a whole piece can be more
	rand.Read(c.Nonce[:])
	c.ID = h.enter(x)
	defer h.take(c.ID)
	if err := h.desk.Issue(now, c); err != nil {
		return availability.Outcome{OurSide: true, Reason: err.Error()}
	}
	select {
	case out := <-x.outcome:
		return out
	case <-ctx.Done():
		return availability.Outcome{OurSide: true, Reason: "the server stopped"}
	}
}

// enter gives a challenge its number.
func (h *challenger) enter(x *openChallenge) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.open[h.last] = x
	return h.last
}

// take removes a challenge; nil if it is gone.
func (h *challenger) take(id int64) *openChallenge {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.open[id]
	delete(h.open, id)
	return x
}

func (h *challenger) get(id int64) *openChallenge {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open[id]
}

// expire ends the challenges that were not answered, or not fetched, in time.
func (h *challenger) expire(now time.Time) {
	late, unfetched := h.desk.Expire(now)
	for _, c := range late {
		if x := h.take(c.ID); x != nil {
			x.outcome <- challenge.Late(c, x.torrent, x.targets)
		}
	}
	for _, c := range unfetched {
		if x := h.take(c.ID); x != nil {
			x.outcome <- challenge.Unfetched()
		}
	}
}

// forgive ends the open challenges, after a time in which nobody could answer here: who was late is not
// to blame.
func (h *challenger) forgive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, x := range h.open {
		delete(h.open, id)
		x.outcome <- availability.Outcome{OurSide: true, Reason: "the server stood still"}
	}
}

// Challenges delivers a node's challenges, at once if there are any, else when there is one or the
// wait is over.
func (s *Server) Challenges(ctx context.Context, node store.Node, wait time.Duration) ([]challenge.Challenge, error) {
	desk := s.auditor.nodes.desk
	if out := desk.Take(s.now(), node.ID); len(out) > 0 || wait <= 0 {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(s.auditor.nodes.ending, cancel)()
	desk.Wait(ctx, node.ID)
	return desk.Take(s.now(), node.ID), nil
}

// AnswerChallenge reads a daemon's answer and says what was seen of it. An answer that is none leaves
// the challenge open; its errors are those of package challenge.
func (s *Server) AnswerChallenge(_ context.Context, node store.Node, id int64, body io.Reader) (string, error) {
	h := s.auditor.nodes
	c, err := h.desk.Begin(s.now(), node.ID, id)
	if err != nil {
		return "", err
	}
	x := h.get(id)
	if x == nil {
		return "", challenge.ErrUnknown
	}
	out, err := challenge.ReadChecked(body, c, x.torrent, x.leaf, x.targets)
	if err != nil {
		return "", err
	}
	now := s.now()
	if c, err = h.desk.Answer(now, node.ID, id, c.Nonce); err != nil {
		return "", err
	}
	if x = h.take(id); x == nil {
		return "", challenge.ErrLate
	}
	out.Elapsed = now.Sub(c.Delivered())
	x.outcome <- out
	return worst(out).String(), nil
}

// worst is what a node is told at once; the verdict of the audit also depends on what was seen before.
func worst(o availability.Outcome) availability.Verdict {
	for _, v := range []availability.Verdict{availability.Corrupt, availability.Missing, availability.Refused, availability.Late} {
		for _, r := range o.Results {
			if r.Verdict == v {
				return v
			}
		}
	}
	return availability.Passed
}

// DeclareMaintenance announces a node's absence.
func (s *Server) DeclareMaintenance(ctx context.Context, node store.Node, from, until time.Time) (web.Maintenance, error) {
	p := s.rules().Availability
	st, err := s.store.Declare(ctx, p, node.ID, availability.Span{FromMs: from.UnixMilli(), ToMs: until.UnixMilli()})
	if err != nil {
		return web.Maintenance{}, err
	}
	return maintenanceOf(p, st, s.now()), nil
}

// Maintenance says what a node declared, and what it still may.
func (s *Server) Maintenance(ctx context.Context, node store.Node) (web.Maintenance, error) {
	p := s.rules().Availability
	st, err := s.store.NodeStanding(ctx, p, node.ID)
	if err != nil {
		return web.Maintenance{}, err
	}
	return maintenanceOf(p, st.Standing, s.now()), nil
}

func maintenanceOf(p availability.Params, st availability.Standing, now time.Time) web.Maintenance {
	m := web.Maintenance{LeftSeconds: int64(st.MaintenanceLeft(p, now).Seconds()), MaxSeconds: int64(p.MaintenanceMax.Seconds()),
		PeriodSeconds: int64(p.MaintenancePeriod.Seconds())}
	for _, x := range st.Declared {
		m.Declared = append(m.Declared, web.MaintenanceSpan{From: time.UnixMilli(x.FromMs).UTC(), Until: time.UnixMilli(x.ToMs).UTC()})
	}
	return m
}
