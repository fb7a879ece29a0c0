package engine_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const someMiB = 4 << 20

// connected waits until the seeder sees n peers, and returns their connections.
func connected(t *testing.T, e *engine.Engine, n int) []engine.Conn {
	t.Helper()
	eventually(t, "the connections", func() bool { return len(e.Conns()) == n })
	return e.Conns()
}

func leech(t *testing.T, from *engine.Engine, raw []byte) (*engine.Engine, *engine.Torrent) {
	t.Helper()
	e := open(t, engine.Config{})
	tor := add(t, e, raw, engine.AddOptions{})
	tor.AddPeers(addr(from))
	return e, tor
}

func TestEverybodyIsServedWithoutAccessList(t *testing.T) {
	t.Parallel()
	e, seed, raw := seeder(t, "plain", someMiB)
	e.SetRates(1, 0) // two who have everything part
	other, tor := leech(t, e, raw)
	c := connected(t, e, 1)[0]
	if c.InfoHash != seed.File.InfoHash || c.PeerID != other.PeerID() || c.Granted || time.Since(c.Since) > patience {
		t.Errorf("connection %+v", c)
	}
	if o := connected(t, other, 1)[0]; o.Remote != addr(e)[0] || o.PeerID != e.PeerID() {
		t.Errorf("the other side's connection %+v", o)
	}
	e.SetRates(0, 0)
	completes(t, tor)
	eventually(t, "the upload is counted", func() bool { return seed.Stats().Uploaded == someMiB })
}

// TestUnknownPeerIsServedNothing until it is granted a rate, and the sum of bytes said to be sent is
// what arrived.
func TestUnknownPeerIsServedNothing(t *testing.T) {
	t.Parallel()
	e, seed, raw := seeder(t, "unknown", someMiB)
	e.SetCourtesy(engine.NoCourtesy)
	_, tor := leech(t, e, raw)
	c := connected(t, e, 1)[0]
	eventually(t, "the handshake and the bitfield arrive", func() bool { return tor.Stats().Peers == 1 })
	// Long enough for the seeder to fill its buffer; it may send none of it.
	time.Sleep(200 * time.Millisecond)
	if got, said := tor.Stats().Downloaded, seed.Stats().Uploaded; got != 0 || said != 0 {
		t.Fatalf("an unknown peer got %d bytes, and %d are said to be sent", got, said)
	}
	for _, b := range seed.PeerBytes() {
		if b.Sent != 0 {
			t.Errorf("%d bytes are said to be sent to the peer", b.Sent)
		}
	}
	e.Grant(c.ConnKey, 1)
	if !connected(t, e, 1)[0].Granted {
		t.Error("the connection does not show its grant")
	}
	e.Grant(c.ConnKey, 0)
	completes(t, tor)
	eventually(t, "the upload is counted", func() bool { return seed.Stats().Uploaded == someMiB })
}

func TestDeniedWithoutCourtesyIsClosed(t *testing.T) {
	t.Parallel()
	e, seed, raw := seeder(t, "denied", someMiB)
	e.SetCourtesy(engine.NoCourtesy)
	leech(t, e, raw)
	c := connected(t, e, 1)[0]
	eventually(t, "the upload waits", func() bool { return waits(seed) })
	e.Deny(c.ConnKey)
	eventually(t, "the connection is closed although its writer waits", func() bool {
		for _, now := range e.Conns() {
			if now.ConnKey == c.ConnKey {
				return false
			}
		}
		return true
	})
	if up := seed.Stats().Uploaded; up != 0 {
		t.Errorf("%d bytes are said to be sent", up)
	}
}

// waits reports whether the library has payload for the peer.
func waits(t *engine.Torrent) bool { return t.Stats().Peers > 0 }

// TestCourtesyIsATrickle: the first burst comes at once, the rest at the rate; connections of one
// address share it.
func TestCourtesyIsATrickle(t *testing.T) {
	t.Parallel()
	const courtesy = 64 << 10
	e, seed, raw := seeder(t, "trickle", someMiB)
	e.SetCourtesy(courtesy)
	began := time.Now()
	_, one := leech(t, e, raw)
	_, two := leech(t, e, raw)
	sum := func() bt.Bytes { return one.Stats().Downloaded + two.Stats().Downloaded }
	eventually(t, "the burst and a second's trickle", func() bool { return sum() >= 512<<10+courtesy })
	// A message may be lent on top for each connection.
	most := bt.Bytes(512<<10 + int64(time.Since(began).Seconds()*courtesy) + 4*(64<<10))
	if got := seed.Stats().Uploaded; got > most {
		t.Errorf("unknown peers got %d bytes; want at most %d", got, most)
	}
	for _, c := range connected(t, e, 2) {
		e.Grant(c.ConnKey, 0)
	}
	completes(t, one)
	completes(t, two)
}

func TestGrantBoundsTheRate(t *testing.T) {
	t.Parallel()
	const rate = 256 << 10
	e, seed, raw := seeder(t, "granted", someMiB)
	e.SetCourtesy(engine.NoCourtesy)
	_, tor := leech(t, e, raw)
	c := connected(t, e, 1)[0]
	began := time.Now()
	e.Grant(c.ConnKey, rate)
	eventually(t, "two seconds' worth", func() bool { return tor.Stats().Downloaded >= 3*rate })
	if most := bt.Bytes(rate + int64(time.Since(began).Seconds()*rate) + 128<<10); seed.Stats().Uploaded > most {
		t.Errorf("sent %d; want at most %d", seed.Stats().Uploaded, most)
	}
	e.Grant(c.ConnKey, 0) // in the middle of a wait
	completes(t, tor)
}

func TestGrantOfWhatIsGone(t *testing.T) {
	t.Parallel()
	e, _, _ := seeder(t, "nobody", 1<<20)
	k := engine.ConnKey{Remote: addr(e)[0]}
	e.Grant(k, 1)
	e.Deny(k)
	if len(e.Conns()) != 0 {
		t.Error("connections out of nothing")
	}
}

// TestAccessListSwitchedOff frees who waits.
func TestAccessListSwitchedOff(t *testing.T) {
	t.Parallel()
	e, _, raw := seeder(t, "off", someMiB)
	e.SetCourtesy(engine.NoCourtesy)
	_, tor := leech(t, e, raw)
	e.Grant(connected(t, e, 1)[0].ConnKey, 1)
	e.SetCourtesy(engine.NoAccessList)
	completes(t, tor)
}

// TestTwoTorrentsOfOnePeer: a peer that is dialed for two torrents at one address is told apart.
func TestTwoTorrentsOfOnePeer(t *testing.T) {
	t.Parallel()
	e, first, raw1 := seeder(t, "first", someMiB)
	dir := t.TempDir()
	raw2 := single(t, dir, "second", someMiB)
	second := add(t, e, raw2, engine.AddOptions{Dir: dir})
	other := open(t, engine.Config{})
	other.SetCourtesy(engine.NoCourtesy)
	a, b := add(t, other, raw1, engine.AddOptions{}), add(t, other, raw2, engine.AddOptions{})
	first.AddPeers(addr(other))
	second.AddPeers(addr(other))
	e.SetCourtesy(engine.NoCourtesy)
	for _, c := range connected(t, e, 2) {
		if c.Remote != addr(other)[0] {
			t.Fatalf("dialed %v", c.Remote)
		}
		if c.InfoHash == second.File.InfoHash {
			e.Grant(c.ConnKey, 0)
		}
	}
	completes(t, b)
	if got := a.Stats().Downloaded; got != 0 {
		t.Errorf("%d bytes of the torrent without a grant", got)
	}
}

func TestMaxConns(t *testing.T) {
	t.Parallel()
	e, _, raw := seeder(t, "crowd", someMiB)
	e.SetCourtesy(engine.NoCourtesy) // so that they stay
	e.SetMaxConns(2)
	leech(t, e, raw)
	leech(t, e, raw)
	connected(t, e, 2)
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one too many was not closed: %v", err)
	}
	e.SetMaxConns(0)
	leech(t, e, raw)
	connected(t, e, 3)
}

// TestDialsLeaveRoom: an auditor can still dial in when our own dials have taken what they may.
func TestDialsLeaveRoom(t *testing.T) {
	t.Parallel()
	e, seed, raw := seeder(t, "room", someMiB)
	e.SetCourtesy(engine.NoCourtesy)
	e.SetMaxConns(8)
	var all []*engine.Engine
	for range 9 {
		o := open(t, engine.Config{})
		add(t, o, raw, engine.AddOptions{})
		all = append(all, o)
	}
	eventually(t, "seven dials", func() bool {
		for _, o := range all {
			seed.AddPeers(addr(o))
		}
		return len(e.Conns()) == 7
	})
	leech(t, e, raw)
	connected(t, e, 8)
}

// TestRaisedRateIsFollowedAtOnce: at a byte per second the next block would be sent in hours.
func TestRaisedRateIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	e, seed, raw := seeder(t, "raised", someMiB)
	e.SetRates(1, 0)
	_, tor := leech(t, e, raw)
	eventually(t, "the first burst", func() bool { return seed.Stats().Uploaded >= 128<<10 })
	e.SetRates(0, 0)
	completes(t, tor)
}

// TestDownloadLimit holds, and who dials in meanwhile is not refused.
func TestDownloadLimit(t *testing.T) {
	t.Parallel()
	const rate = 128 << 10
	src, _, raw := seeder(t, "limited", someMiB)
	dir := t.TempDir()
	rawOther := single(t, dir, "served meanwhile", someMiB)
	e := open(t, engine.Config{DownloadRate: rate})
	began := time.Now()
	tor := add(t, e, raw, engine.AddOptions{})
	add(t, e, rawOther, engine.AddOptions{Dir: dir})
	tor.AddPeers(addr(src))
	eventually(t, "some seconds of download", func() bool { return tor.Stats().Downloaded >= 3*rate })
	if most := bt.Bytes(rate + int64(time.Since(began).Seconds()*rate) + 256<<10); tor.Stats().Downloaded > most {
		t.Errorf("downloaded %d; want at most %d", tor.Stats().Downloaded, most)
	}
	_, served := leech(t, e, rawOther)
	completes(t, served)
	e.SetRates(0, 0)
	completes(t, tor)
}

func TestUploadLimitAndRates(t *testing.T) {
	t.Parallel()
	const rate = 256 << 10
	e, seed, raw := seeder(t, "slow", someMiB)
	e.SetRates(rate, 0)
	began := time.Now()
	other, tor := leech(t, e, raw)
	eventually(t, "a measured rate", func() bool {
		up, _ := e.Rates()
		_, down := other.Rates()
		return up > rate/4 && down > rate/4
	})
	if most := bt.Bytes(int64(time.Since(began).Seconds()*rate) + 256<<10); seed.Stats().Uploaded > most {
		t.Errorf("sent %d; want at most %d", seed.Stats().Uploaded, most)
	}
	if up, down := e.Rates(); up > 3*rate || down != 0 {
		t.Errorf("rates %d up, %d down", up, down)
	}
	e.SetRates(0, 0)
	completes(t, tor)
	eventually(t, "the rate falls to nothing", func() bool { up, _ := e.Rates(); return up == 0 })
}

// TestCloseWithWaiters: nobody who waits for a rate holds up the end.
func TestCloseWithWaiters(t *testing.T) {
	t.Parallel()
	e, seed, raw := seeder(t, "end", someMiB)
	e.SetCourtesy(engine.NoCourtesy)
	leech(t, e, raw)
	connected(t, e, 1)
	eventually(t, "a waiter", func() bool { return waits(seed) })
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("still closing")
	}
}
