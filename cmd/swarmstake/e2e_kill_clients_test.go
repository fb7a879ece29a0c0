package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const simSize = 64 << 30 // bytes of each torrent that simulated clients download

// hugeTorrent is a well-formed torrent of simSize bytes that nobody has.
func hugeTorrent(name string) []byte {
	const pieceLength = 16 << 20
	pieces := make([]byte, simSize/pieceLength*20)
	rand.Read(pieces) //nolint:errcheck // never fails
	return fmt.Appendf(nil, "d4:infod6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%see", int64(simSize), len(name), name, pieceLength, len(pieces), pieces)
}

// simulation is a crowd of clients that announce without a pause, whatever becomes of the server.
type simulation struct {
	clients    []*simClient
	inFlight   atomic.Int64 // announces written and not answered
	generation atomic.Int64 // of the server; odd: between two of them
	answered   atomic.Int64
	abandoned  atomic.Bool // nobody waits for answers any more
	cancel     context.CancelFunc
	running    sync.WaitGroup

	mu   sync.Mutex
	lost map[int64]int // per generation of the server: announces written and never answered
}

// simulate has each member download each torrent.
func simulate(t *testing.T, members []*member, infohashes []string) *simulation {
	t.Helper()
	s := &simulation{lost: map[int64]int{}}
	for _, m := range members {
		for _, h := range infohashes {
			s.clients = append(s.clients, newSimClient(t, s, m, h))
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, c := range s.clients {
		s.running.Go(func() { c.live(ctx, t) })
	}
	t.Cleanup(func() { // only matters if the test ends early
		s.abandoned.Store(true)
		s.end()
	})
	return s
}

// end has all clients say goodbye, which the server must answer.
func (s *simulation) end() {
	s.cancel()
	s.running.Wait()
}

// cut is how many kills cut off an announce in flight, and how many announces they cut off.
func (s *simulation) cut() (kills, announces int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for generation, n := range s.lost {
		if generation%2 == 0 { // else it was sent to nobody, over a connection that had not noticed
			kills, announces = kills+1, announces+n
		}
	}
	return kills, announces
}

// acknowledged is what each client was told is known. It only grows: an answer that is still on its
// way when a killed server is examined makes the bound weaker, never wrong.
func (s *simulation) acknowledged() []bt.Bytes {
	out := make([]bt.Bytes, len(s.clients))
	for i, c := range s.clients {
		c.mu.Lock()
		out[i] = c.acked
		c.mu.Unlock()
	}
	return out
}

// simClient is one member's client on one torrent. Its counters are those of a client session,
// truth is what was downloaded over all sessions.
type simClient struct {
	sim         *simulation
	member      *member
	infohash    string
	announce    string
	kept, fresh *http.Client // one connection for all announces, one for each
	rng         *mrand.Rand

	peerID   string
	up, down bt.Bytes
	truth    bt.Bytes

	mu          sync.Mutex
	acked, sent bt.Bytes
}

func newSimClient(t *testing.T, sim *simulation, m *member, infohash string) *simClient {
	t.Helper()
	c := &simClient{sim: sim, member: m, infohash: infohash, announce: announceURL(t, m.torrent(t, infohash)),
		kept:  &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}},
		fresh: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		rng:   mrand.New(mrand.NewPCG(uint64(m.ID), uint64(len(sim.clients))))}
	t.Cleanup(c.kept.CloseIdleConnections)
	return c
}

func (c *simClient) String() string { return c.member.Member + " " + c.infohash[:8] }

// escapedHash is an info-hash as a parameter.
func escapedHash(infohash string) string {
	var b strings.Builder
	for i := 0; i+1 < len(infohash); i += 2 {
		b.WriteString("%" + infohash[i:i+2])
	}
	return b.String()
}

// live downloads until ctx ends, and says goodbye.
func (c *simClient) live(ctx context.Context, t *testing.T) {
	c.newSession(true)
	c.tell(t, "started")
	for ctx.Err() == nil {
		c.get(1 << 20)
		switch p := c.rng.IntN(100); {
		case p < 4: // paused and resumed with the same counters, as after a tracker edit
			c.tell(t, "stopped")
			c.tell(t, "started")
		case p < 8: // restarted: new counters, and a new peer id or the old one
			c.tell(t, "stopped")
			c.newSession(c.rng.IntN(2) == 0)
			c.tell(t, "started")
		default:
			c.tell(t, "")
		}
		time.Sleep(time.Duration(c.rng.IntN(10)) * time.Millisecond)
	}
	c.tell(t, "stopped")
}

func (c *simClient) newSession(newID bool) {
	if newID {
		c.peerID = fmt.Sprintf("-TR4060-%012x", c.rng.Uint64()>>16)
	}
	c.up, c.down = 0, 0
}

func (c *simClient) get(most int64) {
	n := bt.Bytes(c.rng.Int64N(most))
	c.down, c.up, c.truth = c.down+n, c.up+n/3, c.truth+n
}

// tell announces until it is answered. A client goes on downloading while its tracker is away.
func (c *simClient) tell(t *testing.T, event string) {
	for tries := 0; ; tries++ {
		c.mu.Lock()
		c.sent = c.truth
		c.mu.Unlock()
		reply, err := c.once(event)
		if err == nil {
			if reply.Failure != "" {
				t.Errorf("%s was refused: %s", c, reply.Failure)
			}
			c.sim.answered.Add(1)
			c.mu.Lock()
			c.acked = c.truth
			c.mu.Unlock()
			return
		}
		if c.sim.abandoned.Load() {
			return
		}
		if tries > 3000 {
			t.Errorf("%s gave up announcing: %v", c, err)
			return
		}
		if event == "" {
			c.get(1 << 16)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

type simReply struct {
	Failure  string `bencode:"failure reason"`
	Interval int64  `bencode:"interval"`
	Min      int64  `bencode:"min interval"`
}

func (c *simClient) once(event string) (reply simReply, err error) {
	q := fmt.Sprintf("?info_hash=%s&peer_id=%s&port=6881&uploaded=%d&downloaded=%d&left=%d&compact=1",
		escapedHash(c.infohash), url.QueryEscape(c.peerID), c.up, c.down, simSize-c.truth)
	if event != "" {
		q += "&event=" + event
	}
	var state atomic.Int32 // what follows; the transport may say that it wrote after it read the answer
	const written, over = 1, 2
	generation := c.sim.generation.Load()
	trace := &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
		if i.Err == nil && state.CompareAndSwap(0, written) {
			c.sim.inFlight.Add(1)
		}
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, c.announce+q, nil)
	if err != nil {
		return reply, err
	}
	body, err := c.fetch(r)
	flying := state.Swap(over) == written
	if flying {
		c.sim.inFlight.Add(-1)
	}
	if err != nil {
		if flying {
			c.sim.mu.Lock()
			c.sim.lost[generation]++
			c.sim.mu.Unlock()
		}
		return reply, err
	}
	if err := bencode.Unmarshal(body, &reply); err != nil {
		return reply, fmt.Errorf("reply %q: %w", body, err)
	}
	return reply, nil
}

// fetch uses both kinds of connections by turns.
func (c *simClient) fetch(r *http.Request) ([]byte, error) {
	by := c.kept
	if c.rng.IntN(3) == 0 {
		by = c.fresh
	}
	res, err := by.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return body, err
}
