// Package live feeds open pages with what changes about a member: it decides when to look, what is news to
// which stream, and how many streams there may be. What is looked at, and how news travel, its caller says.
//
// A member with open streams is looked at once an interval, however many streams there are, by whichever
// stream finds the last look too old: there are no goroutines but those of the streams, and a member without
// a stream costs nothing.
package live

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Event is a message to a page. Events of one name are told apart by their key. A stream is sent an event
// when its data differ from what the stream was sent last under the same name and key.
type Event struct {
	Name, Key, Data string
}

// Gone is the name of the event that says that there is no event of that key any more; its data are the key, in
// quotes.
const Gone = "gone"

// Errors that end a stream.
var (
	ErrFull      = errors.New("too many streams are open")
	ErrDisplaced = errors.New("the member opened a newer stream")
)

// Options say how a Hub works; all are required.
type Options struct {
	Every   time.Duration // between two looks at a member
	Silence time.Duration // without news a stream gets a sign of life so often
	Max     int           // streams; more are ErrFull
	MaxEach int           // streams of one member; a newer one ends the oldest
	Look    func(context.Context, bt.MemberID) ([]Event, error)
}

// Stream is where news go.
type Stream interface {
	// Check reports why the stream must end: who reads it may not see it any more.
	Check(context.Context) error
	// Send sends news; none: a sign of life.
	Send([]Event) error
}

// Hub is safe for use by many goroutines.
type Hub struct {
	opt     Options
	mu      sync.Mutex
	open    int
	members map[bt.MemberID]*member
}

// member is somebody with open streams.
type member struct {
	streams []chan struct{} // oldest first; closed: displaced
	looking chan struct{}   // held by who looks, or reads what was seen
	at      time.Time       // of the last look
	seen    []Event
}

// New makes a hub without streams.
func New(opt Options) *Hub {
	return &Hub{opt: opt, members: map[bt.MemberID]*member{}}
}

// Open is how many streams there are.
func (h *Hub) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

// Serve feeds a stream of a member until its context ends, it is displaced, or a look, a check or the stream
// itself fails; the error says which.
func (h *Hub) Serve(ctx context.Context, id bt.MemberID, to Stream) error {
	m, displaced, err := h.enter(id)
	if err != nil {
		return err
	}
	defer h.leave(id, m, displaced)
	sent, last := map[key]string{}, time.Time{}
	timer := time.NewTimer(h.opt.Every)
	defer timer.Stop()
	for {
		if err := to.Check(ctx); err != nil {
			return err
		}
		events, err := h.look(ctx, id, m)
		if err != nil {
			return err
		}
		if fresh := news(sent, events); len(fresh) > 0 || time.Since(last) >= h.opt.Silence {
			if err := to.Send(fresh); err != nil {
				return err
			}
			last = time.Now()
		}
		timer.Reset(h.opt.Every)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-displaced:
			return ErrDisplaced
		case <-timer.C:
		}
	}
}

// enter counts a stream in, and ends the member's oldest if there are too many.
func (h *Hub) enter(id bt.MemberID) (*member, chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[id]
	if m == nil {
		m = &member{looking: make(chan struct{}, 1)}
	}
	if len(m.streams) >= h.opt.MaxEach {
		close(m.streams[0])
		m.streams = slices.Delete(m.streams, 0, 1)
		h.open--
	}
	if h.open >= h.opt.Max {
		return nil, nil, ErrFull
	}
	displaced := make(chan struct{})
	m.streams = append(m.streams, displaced)
	h.members[id] = m
	h.open++
	return m, displaced, nil
}

// leave counts a stream out, unless that was done when it was displaced.
func (h *Hub) leave(id bt.MemberID, m *member, stream chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(m.streams, stream); i >= 0 {
		m.streams = slices.Delete(m.streams, i, i+1)
		h.open--
	}
	if len(m.streams) == 0 && h.members[id] == m {
		delete(h.members, id)
	}
}

// look returns what there is to see of a member, not older than the interval.
func (h *Hub) look(ctx context.Context, id bt.MemberID, m *member) ([]Event, error) {
	select {
	case m.looking <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-m.looking }()
	if !m.at.IsZero() && time.Since(m.at) < h.opt.Every {
		return m.seen, nil
	}
	at := time.Now()
	seen, err := h.opt.Look(ctx, id)
	if err != nil {
		return nil, err
	}
	m.at, m.seen = at, seen
	return seen, nil
}

type key struct{ name, key string }

// news are the events that a stream was not sent yet, and the ends of those that are no more; it notes what
// the stream will have been sent.
func news(sent map[key]string, events []Event) (out []Event) {
	there := map[key]bool{}
	for _, e := range events {
		k := key{e.Name, e.Key}
		there[k] = true
		if was, ok := sent[k]; !ok || was != e.Data {
			sent[k] = e.Data
			out = append(out, e)
		}
	}
	for k := range sent {
		if !there[k] {
			delete(sent, k)
			out = append(out, Event{Name: Gone, Key: k.key, Data: strconv.Quote(k.key)})
		}
	}
	return out
}
