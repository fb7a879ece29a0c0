package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// page is a stream that keeps what it is sent.
type page struct {
	mu     sync.Mutex
	got    []string
	refuse error
	fail   error
}

func (p *page) Check(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuse
}

func (p *page) Send(events []Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(events) == 0 {
		p.got = append(p.got, "alive")
	}
	for _, e := range events {
		p.got = append(p.got, e.Name+" "+e.Key+" "+e.Data)
	}
	return p.fail
}

// took returns what was sent since it was asked last.
func (p *page) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

// source is what there is to see, of every member the same.
type source struct {
	mu     sync.Mutex
	events []Event
	err    error
	looks  int
}

func (s *source) set(events ...Event) { s.mu.Lock(); s.events = events; s.mu.Unlock() }

func (s *source) look(context.Context, bt.MemberID) ([]Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return s.events, s.err
}

func (s *source) hub() *Hub {
	return New(Options{Every: 2 * time.Second, Silence: 20 * time.Second, Max: 5, MaxEach: 2, Look: s.look})
}

// opened is a stream under way.
type opened struct {
	*page
	stop context.CancelFunc
	end  chan error
}

func opens(t *testing.T, h *Hub, m bt.MemberID) opened {
	ctx, stop := context.WithCancel(t.Context())
	o := opened{&page{}, stop, make(chan error, 1)}
	go func() { o.end <- h.Serve(ctx, m, o.page) }()
	synctest.Wait()
	return o
}

func (o opened) sent(t *testing.T, what string, want ...string) {
	t.Helper()
	if got := o.took(); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func pass(d time.Duration) { time.Sleep(d); synctest.Wait() } // in the bubble's time

func TestOnlyNewsAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		s.set(Event{"wallet", "", "5"}, Event{"download", "a", "1"}, Event{"download", "b", "1"})
		p := opens(t, s.hub(), 1)
		p.sent(t, "everything at first", "wallet  5", "download a 1", "download b 1")
		pass(2 * time.Second)
		p.sent(t, "nothing changed")
		s.set(Event{"wallet", "", "4"}, Event{"download", "b", "2"})
		pass(2 * time.Second)
		p.sent(t, "changes", "wallet  4", "download b 2", `gone a "a"`)
		s.set(Event{"wallet", "", "4"}, Event{"download", "b", "2"}, Event{"download", "a", "1"})
		pass(2 * time.Second)
		p.sent(t, "it is back", "download a 1")
		pass(20 * time.Second)
		p.sent(t, "silence", "alive")
		p.stop()
		if err := <-p.end; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestOneLookServesAllStreamsOfAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		s.set(Event{"wallet", "", "5"})
		h := s.hub()
		a, b := opens(t, h, 1), opens(t, h, 1)
		a.sent(t, "first", "wallet  5")
		b.sent(t, "second", "wallet  5")
		for range 10 {
			pass(2 * time.Second)
		}
		if s.looks > 11 {
			t.Errorf("%d looks in 20 s", s.looks)
		}
		a.stop()
		b.stop()
		<-a.end
		<-b.end
		was := s.looks
		pass(time.Minute)
		if s.looks != was || h.Open() != 0 || len(h.members) != 0 {
			t.Errorf("%d more looks, %d streams, %d members without a stream", s.looks-was, h.Open(), len(h.members))
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		h := s.hub()
		a, _, c := opens(t, h, 1), opens(t, h, 1), opens(t, h, 1)
		if err := <-a.end; err != ErrDisplaced {
			t.Errorf("a third stream: the first ended with %v", err)
		}
		opens(t, h, 2)
		opens(t, h, 3)
		opens(t, h, 4)
		if x := opens(t, h, 5); <-x.end != ErrFull {
			t.Error("a sixth stream was taken")
		}
		opens(t, h, 1) // in place of one of his own: there is room for that
		if h.Open() != 5 {
			t.Errorf("%d streams", h.Open())
		}
		c.stop()
		<-c.end
		if x := opens(t, h, 5); len(x.end) > 0 {
			t.Errorf("there is room again: %v", <-x.end)
		}
	})
}

func TestStreamsEndWithWhatTheyNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		for name, spoil := range map[string]func(*source, *page){
			"the session is revoked":   func(_ *source, p *page) { p.mu.Lock(); p.refuse = broken; p.mu.Unlock() },
			"the look fails":           func(s *source, _ *page) { s.mu.Lock(); s.err = broken; s.mu.Unlock() },
			"the connection is broken": func(s *source, p *page) { p.mu.Lock(); p.fail = broken; p.mu.Unlock(); s.set(Event{"wallet", "", "1"}) },
		} {
			s := &source{}
			p := opens(t, s.hub(), 1)
			spoil(s, p.page)
			pass(2 * time.Second)
			select {
			case err := <-p.end:
				if err != broken {
					t.Errorf("%s: %v", name, err)
				}
			default:
				t.Errorf("%s: the stream goes on", name)
			}
		}
	})
}
