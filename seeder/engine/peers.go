package engine

import (
	"net/netip"
	"sync"

	"github.com/anacrolix/torrent"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxGonePeers bounds the remembered peers of one torrent; beyond it, bytes of further closed
// connections are added up under the zero PeerKey.
const maxGonePeers = 4096

// PeerKey names a peer of a torrent: its id and the IP address it connects from or is reached at.
type PeerKey struct {
	ID   bt.PeerID
	Addr netip.Addr
}

// PeerBytes is the payload exchanged with one peer in this session.
type PeerBytes struct {
	Sent, Received bt.Bytes
}

// peerLog sums the connections that are closed.
type peerLog struct {
	end   sync.RWMutex
	ended bool // the torrent was dropped, and sums has all of it

	mu   sync.Mutex
	sums map[PeerKey]PeerBytes
}

func (l *peerLog) add(k PeerKey, b PeerBytes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sums == nil {
		l.sums = map[PeerKey]PeerBytes{}
	}
	if _, known := l.sums[k]; !known && len(l.sums) >= maxGonePeers {
		k = PeerKey{}
	}
	l.sums[k] = l.sums[k].plus(b)
}

func (b PeerBytes) plus(o PeerBytes) PeerBytes {
	return PeerBytes{Sent: b.Sent + o.Sent, Received: b.Received + o.Received}
}

// closings counts connections that are closed and not summed yet.
type closings struct {
	mu    sync.Mutex
	ended sync.Cond // one of them was summed
	open  int
	ever  uint64
}

func newClosings() *closings {
	c := &closings{}
	c.ended.L = &c.mu
	return c
}

func (c *closings) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.ever++
}

func (c *closings) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	c.ended.Broadcast()
}

// settled waits until all are summed, and returns how many there ever were.
func (c *closings) settled() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.open > 0 {
		c.ended.Wait()
	}
	return c.ever
}

// peerClosed runs under the client's lock, where Stats would deadlock.
func (e *Engine) peerClosed(c *torrent.PeerConn) {
	e.closings.begin()
	go func() {
		defer e.closings.end()
		defer e.wires.forget(c)
		tt := c.Torrent()
		if tt == nil {
			return
		}
		for _, t := range e.Torrents() {
			if t.t == tt {
				t.gone.add(e.connBytes(c))
				return
			}
		}
	}()
}

// connBytes leaves out of what the library counts as sent what the connection still keeps back.
func (e *Engine) connBytes(c *torrent.PeerConn) (PeerKey, PeerBytes) {
	var addr netip.AddrPort
	if c.RemoteAddr != nil { // closed early
		addr, _ = netip.ParseAddrPort(c.RemoteAddr.String())
	}
	s := c.Stats()
	return PeerKey{ID: bt.PeerID(c.PeerID), Addr: addr.Addr().Unmap()},
		PeerBytes{Sent: bt.Bytes(e.wires.sent(c, s.BytesWrittenData.Int64())), Received: bt.Bytes(s.BytesReadData.Int64())}
}

// maxLooks is how often PeerBytes looks again because a connection was closed meanwhile.
const maxLooks = 8

// PeerBytes lists what was exchanged with each peer, closed connections included. Where connections are closed
// faster than it looks, one that is closing may be missing until the next call.
func (t *Torrent) PeerBytes() (out map[PeerKey]PeerBytes) {
	for range maxLooks {
		before := t.engine.closings.settled()
		out = t.exchanged()
		if t.engine.closings.settled() == before {
			break
		}
	}
	return out
}

func (t *Torrent) exchanged() map[PeerKey]PeerBytes {
	t.gone.end.RLock()
	defer t.gone.end.RUnlock()
	t.gone.mu.Lock()
	out := make(map[PeerKey]PeerBytes, len(t.gone.sums))
	for k, b := range t.gone.sums {
		out[k] = b
	}
	t.gone.mu.Unlock()
	if t.gone.ended {
		return out
	}
	for _, c := range t.t.PeerConns() {
		k, b := t.engine.connBytes(c)
		out[k] = out[k].plus(b)
	}
	return out
}

// endPeers drops the torrent and sums the connections that were open: peerClosed finds it no more.
func (t *Torrent) endPeers() {
	t.gone.end.Lock()
	defer t.gone.end.Unlock()
	open := t.t.PeerConns()
	t.t.Drop()
	for _, c := range open {
		t.gone.add(t.engine.connBytes(c))
	}
	t.gone.ended = true
}
