package engine

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ConnKey names one connection for as long as it lasts.
type ConnKey struct {
	InfoHash bt.InfoHash
	Remote   netip.AddrPort
}

// Conn is a connection to a peer whose handshake is over.
type Conn struct {
	ConnKey
	PeerID  bt.PeerID // that it showed in the handshake
	Since   time.Time
	Granted bool // it was granted a rate; false: it has the courtesy rate
}

// Values of the courtesy rate.
const (
	NoAccessList = -1 // everybody is served
	NoCourtesy   = 0  // unknown peers are not served
)

// key may be called after the handshake only.
func (w *wire) key() ConnKey {
	return ConnKey{InfoHash: bt.InfoHash(w.peer.Load().Torrent().InfoHash()), Remote: w.remote}
}

// Conns lists the connections of all torrents, in no order.
func (e *Engine) Conns() []Conn {
	all := e.wires.of(nil)
	out := make([]Conn, 0, len(all))
	for _, w := range all {
		out = append(out, Conn{ConnKey: w.key(), PeerID: bt.PeerID(w.peer.Load().PeerID), Since: w.since,
			Granted: w.grant.Load() != nil})
	}
	return out
}

// Grant lets a connection have so many payload bytes per second at most; 0: as fast as it goes. It
// does nothing for one that is gone.
func (e *Engine) Grant(k ConnKey, bytesPerSecond int64) {
	for _, w := range e.wires.of(&k) {
		if g := w.grant.Load(); g != nil {
			g.set(asBucketRate(bytesPerSecond), 0, time.Now())
		} else {
			w.grant.Store(newBucket(asBucketRate(bytesPerSecond), 0, time.Now()))
		}
		poke(w.wakeWriter)
	}
}

// Deny puts a connection back to the courtesy rate, or closes it where there is none.
func (e *Engine) Deny(k ConnKey) {
	for _, w := range e.wires.of(&k) {
		if w.grant.Store(nil); e.wires.courtesy.Load() == NoCourtesy {
			w.Close()
		}
		poke(w.wakeWriter)
	}
}

// SetRates changes the rates of all torrents together, bytes/s; 0: unlimited.
func (e *Engine) SetRates(upload, download int64) {
	old, limit := e.upload.Limit(), asLimit(upload)
	e.upload.SetLimit(limit)
	if limit > old {
		for _, t := range e.Torrents() {
			t.rouse()
		}
	}
	e.wires.setDownload(download)
}

// SetMaxConns changes how many connections there may be, of all torrents together; 0: any number.
// Those there are stay. A part is kept for peers who dial in.
func (e *Engine) SetMaxConns(n int) {
	e.wires.mu.Lock()
	defer e.wires.mu.Unlock()
	e.wires.max = max(n, 0)
}

// SetCourtesy changes what connections have that were not granted a rate: payload bytes/s for all
// connections of an address together after its first courtesyBurst, NoCourtesy for nothing but the
// handshake, or NoAccessList for as much as everybody.
func (e *Engine) SetCourtesy(bytesPerSecond int64) { e.wires.setCourtesy(bytesPerSecond) }

// Rates are the payload bytes per second of the last seconds, of all torrents together.
func (e *Engine) Rates() (upload, download bt.Bytes) { return e.meter.rates() }
