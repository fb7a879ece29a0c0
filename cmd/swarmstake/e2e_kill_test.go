package main

import (
	"context"
	"crypto/rand"
	"database/sql"
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

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestKilledServerRealDownload kills the server (kill -9) twice in the middle of a real download
// over BitTorrent: the client is billed exactly the file, no byte twice and none lost.
func TestKilledServerRealDownload(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	c := newContent(t, "killed.bin", 8<<20+4321, "64KiB")
	sue, lea := s.addMember(t, "sue", "10", "50"), s.addMember(t, "lea", "10", "50")
	infohash := sue.upload(t, c.metainfo)
	seed := runPeer(t, seeder.PeerConfig{TorrentFile: sue.torrent(t, infohash), DataDir: c.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(41) + ":0"})
	dir := t.TempDir()
	lost := atomic.Int64{}
	leech := runPeer(t, seeder.PeerConfig{TorrentFile: lea.torrent(t, infohash), DataDir: dir, ListenAddr: hostAddr(42) + ":0", DownloadRate: 700 << 10,
		OnAnnounce: func(e seeder.AnnounceEvent) {
			if e.Err != nil {
				lost.Add(1)
			}
		}})

	var before bt.Bytes
	for _, kill := range []struct {
		at   bt.Bytes // when so many bytes have arrived
		down time.Duration
	}{{c.size / 3, 2 * time.Second}, {c.size * 3 / 5, 0}} {
		eventually(t, "the download to get on", 30*time.Second, func() bool { return c.size-leech.Stats().Left > kill.at })
		eventually(t, "more of it to be billed", 10*time.Second, func() bool { return lea.charges(t) > due(before) })
		s.kill()
		s.complaints(t)
		copied := t.TempDir()
		copyDatabase(t, s.dir, copied)
		r := downloadOf(t, meterRows(t, copied), lea)
		if got := c.size - leech.Stats().Left; r.Billed <= before || r.Billed >= c.size || got >= c.size {
			t.Fatalf("the kill was not in the middle: %d of %d bytes had arrived, %d were billed, %d at the kill before", got, c.size, r.Billed, before)
		}
		before = r.Billed
		s.verifyLedger(t) // what a killed server leaves is sound
		time.Sleep(kill.down)
		s.serve(t)
	}
	eventually(t, "the download to end", 60*time.Second, func() bool { return leech.Stats().Left == 0 })
	eventually(t, "the whole file to be billed", 20*time.Second, func() bool { return lea.charges(t) >= due(c.size) })
	leech.stop()
	seed.stop()
	if !c.arrived(dir) {
		t.Error("other bytes arrived than were shared")
	}
	if lost.Load() == 0 {
		t.Error("no announce failed while the server was down: the kills disturbed nothing")
	}
	lea.checkWallet(t, due(c.size))
	if w := lea.wallet(t); w.Available != fmt.Sprint(int64(lea.granted-due(c.size))) {
		t.Errorf("available %s, want granted %d less charged %d", w.Available, lea.granted, due(c.size))
	}
	s.stop(t)
	r := downloadOf(t, meterRows(t, s.dir), lea)
	if r.Billed != c.size || r.Metered != c.size || r.Charged != due(c.size) || r.Reserved != 0 {
		t.Errorf("billed %d of %d metered bytes, charged %d, reserved %d; the file has %d bytes and costs %d", r.Billed, r.Metered, r.Charged, r.Reserved, c.size, due(c.size))
	}
	checkUsage(t, database(t, s.dir), r)
	s.verifyLedger(t)
}

const (
	wantedKills = 10 // that cut off announces in flight
	maxKills    = 25 // tried for it
	simSize     = 64 << 30
)

// TestKilledServerManyAnnounces kills the server again and again while simulated clients announce
// without a pause. They know what they downloaded; after every kill what is stored lies between
// what was durably acknowledged and what was sent, and in the end it is the truth to the byte.
func TestKilledServerManyAnnounces(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	ann, bob, cay := s.addMember(t, "ann", "2000", "50"), s.addMember(t, "bob", "2000", "50"), s.addMember(t, "cay", "2000", "50")
	first, second := ann.upload(t, hugeTorrent("first")), ann.upload(t, hugeTorrent("second"))
	sim := &simulation{lost: map[int64]int{}}
	for _, m := range []*member{ann, bob, cay} { // two downloads each: their charges share transfers
		sim.clients = append(sim.clients, newSimClient(t, sim, m, first), newSimClient(t, sim, m, second))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer sim.abandoned.Store(true) // only matters if the test ends early
	defer cancel()
	for _, c := range sim.clients {
		running.Go(func() { c.live(ctx, t) })
	}
	behind := 0 // clients whose acknowledged bytes were not stored yet at a kill, and came back
	for sim.kills() < wantedKills && sim.generation.Load() < maxKills {
		time.Sleep(100*time.Millisecond + mrand.N(600*time.Millisecond))
		eventually(t, "an announce to be in flight", 10*time.Second, func() bool { return sim.inFlight.Load() > 0 })
		s.kill()
		sim.generation.Add(1)
		s.complaints(t)
		copied := t.TempDir()
		copyDatabase(t, s.dir, copied)
		behind += sim.compare(t, copied)
		s.serve(t)
	}
	time.Sleep(300 * time.Millisecond) // life after the last restart
	cancel()
	running.Wait()
	t.Logf("%d kills, %d of them cut off announces in flight; %d announces answered, %d sent and never answered; %d times acknowledged bytes were not stored yet",
		sim.generation.Load(), sim.kills(), sim.answered.Load(), sim.unanswered(), behind)
	if sim.kills() < wantedKills {
		t.Errorf("only %d of %d kills cut off an announce in flight", sim.kills(), sim.generation.Load())
	}
	if behind == 0 {
		t.Error("no kill lost a lazy write: the clients' counters were never needed")
	}

	charged := map[bt.MemberID]tokens.Amount{}
	s.stop(t)
	rows, db := meterRows(t, s.dir), database(t, s.dir)
	for _, c := range sim.clients {
		r := rows[c.key(t, db)]
		if r.Metered != c.truth || r.Billed != c.truth || r.Charged != due(c.truth) || c.truth == 0 {
			t.Errorf("%s %s: downloaded %d bytes that cost %d; metered %d, billed %d, charged %d", c.member.Member, c.infohash[:8], c.truth, due(c.truth), r.Metered, r.Billed, r.Charged)
		}
		checkUsage(t, db, r)
		charged[c.member.ID] += r.Charged
	}
	s.verifyLedger(t)
	s.serve(t)
	for _, m := range []*member{ann, bob, cay} {
		w := m.wallet(t)
		if got := m.charges(t); got != charged[m.ID] || w.Available != fmt.Sprint(int64(m.granted-got)) {
			t.Errorf("%s: charges of %d were transferred, downloads say %d; granted %d, available %s", m.Member, got, charged[m.ID], m.granted, w.Available)
		}
	}
	s.stop(t)
}

// hugeTorrent is a well-formed torrent of 64 GiB that nobody has.
func hugeTorrent(name string) []byte {
	const pieceLength = 16 << 20
	pieces := make([]byte, simSize/pieceLength*20)
	rand.Read(pieces) //nolint:errcheck // never fails
	return fmt.Appendf(nil, "d4:infod6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%see", int64(simSize), len(name), name, pieceLength, len(pieces), pieces)
}

// simulation is what the simulated clients share.
type simulation struct {
	clients    []*simClient
	inFlight   atomic.Int64 // announces written and not answered
	generation atomic.Int64 // kills so far
	answered   atomic.Int64
	abandoned  atomic.Bool // nobody waits for answers any more

	mu   sync.Mutex
	lost map[int64]int // per generation of the server: announces written and never answered
}

func (s *simulation) kills() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lost)
}

func (s *simulation) unanswered() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.lost {
		n += k
	}
	return n
}

// compare holds what a killed server left to what the clients know, and counts those of whom
// acknowledged bytes are missing there for now.
func (s *simulation) compare(t *testing.T, dir string) (behind int) {
	rows, db := meterRows(t, dir), database(t, dir)
	for _, c := range s.clients {
		r := rows[c.key(t, db)]
		// durable and acknowledged only grow and are read after the kill: an answer that is still on
		// its way makes the bounds weaker, never wrong. sent is read last for the same reason.
		c.mu.Lock()
		durable, acknowledged, sent := c.durable, c.acknowledged, c.sent
		c.mu.Unlock()
		if r.Billed < durable || r.Billed > sent {
			t.Errorf("%s %s: a killed server left %d bytes billed; %d were durably acknowledged, %d sent", c.member.Member, c.infohash[:8], r.Billed, durable, sent)
		}
		if r.Billed < acknowledged {
			behind++
		}
	}
	return behind
}

// simClient is one member's client on one torrent. Its counters are those of a client session,
// truth is what was downloaded over all sessions.
type simClient struct {
	sim      *simulation
	member   *member
	infohash string
	announce string
	http     *http.Client
	rng      *mrand.Rand

	peerID   string
	up, down bt.Bytes
	truth    bt.Bytes

	mu                          sync.Mutex
	durable, acknowledged, sent bt.Bytes
}

func newSimClient(t *testing.T, sim *simulation, m *member, infohash string) *simClient {
	t.Helper()
	c := &simClient{sim: sim, member: m, infohash: infohash, announce: announceURL(t, m.torrent(t, infohash)),
		http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}},
		rng:  mrand.New(mrand.NewPCG(uint64(m.ID), uint64(len(sim.clients))))}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// key finds the download by its info-hash.
func (c *simClient) key(t *testing.T, db *sql.DB) swarm.DownloadKey {
	t.Helper()
	k := swarm.DownloadKey{Member: c.member.ID}
	h, err := bt.ParseInfoHash(c.infohash)
	if err == nil {
		err = db.QueryRow("SELECT id FROM torrents WHERE infohash = ?", h[:]).Scan(&k.Torrent)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

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
		time.Sleep(time.Duration(c.rng.IntN(20)) * time.Millisecond)
	}
	c.tell(t, "stopped")
}

func (c *simClient) newSession(newID bool) {
	if newID {
		c.peerID = fmt.Sprintf("-SM0001-%012x", c.rng.Uint64()>>16)
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
				t.Errorf("%s was refused: %s", c.member.Member, reply.Failure)
			}
			c.sim.answered.Add(1)
			c.mu.Lock()
			c.acknowledged = c.truth
			if event == "stopped" { // ECONOMY §3 row 6: durable before the reply
				c.durable = c.truth
			}
			c.mu.Unlock()
			return
		}
		if c.sim.abandoned.Load() {
			return
		}
		if tries > 3000 {
			t.Errorf("%s gave up announcing: %v", c.member.Member, err)
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
	written, generation := false, c.sim.generation.Load()
	trace := &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
		if i.Err == nil && !written {
			written = true
			c.sim.inFlight.Add(1)
		}
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, c.announce+q, nil)
	if err != nil {
		return reply, err
	}
	body, err := c.fetch(r)
	if written {
		c.sim.inFlight.Add(-1)
	}
	if err != nil {
		if written {
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

func (c *simClient) fetch(r *http.Request) ([]byte, error) {
	res, err := c.http.Do(r)
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
