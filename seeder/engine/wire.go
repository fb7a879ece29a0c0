package engine

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anacrolix/torrent"
)

// wire is a connection to a peer whose payload is shaped where the library hands it over: its writer
// and its reader are goroutines of that connection alone, which hold no lock while they wait.
//
// Only payload is counted for the upload, not the handshake or other messages, and for that the
// library's counter is used: what passes here is encrypted. The download is counted whole.
type wire struct {
	net.Conn
	wires  *wires
	remote netip.AddrPort
	closed chan struct{}
	once   sync.Once
	// A change of what is allowed wakes the writer and the reader.
	wakeWriter, wakeReader chan struct{}

	peer  atomic.Pointer[torrent.PeerConn] // nil before the handshake is over
	since time.Time                        // set with peer, as is total
	total *atomic.Int64                    // held of all connections of the torrent, see wires.heldOf
	grant atomic.Pointer[bucket]           // nil: the courtesy rate

	counted int64        // of the peer's payload, the writer's own
	skipped bool         // counted is behind, since nobody asked
	held    atomic.Int64 // payload that the library counts as sent and that is not
	told    highest      // payload sent, as told last
}

// Write waits until the payload in b may be sent, or the connection is closed.
func (w *wire) Write(b []byte) (int, error) {
	pc := w.peer.Load()
	if pc == nil || w.free() {
		w.skipped = true
		return w.Conn.Write(b)
	}
	payload := w.payload(pc, len(b))
	if payload == 0 {
		return w.Conn.Write(b)
	}
	w.hold(payload)
	if err := w.wait(w.wakeWriter, func() time.Duration { return w.takeUpload(payload) }); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(b)
	if err == nil {
		w.hold(-payload)
	}
	return n, err
}

func (w *wire) hold(payload int64) {
	w.held.Add(payload)
	w.total.Add(payload)
}

// free reports whether the upload is not shaped at all, so that nothing has to be counted.
func (w *wire) free() bool {
	g := w.grant.Load()
	return w.wires.courtesy.Load() == NoAccessList || g != nil && g.unlimited()
}

// payload is how much of the next n bytes is payload: what the library wrote into its buffer since
// the last Write, as it counts while it fills the buffer and hands over all of it.
func (w *wire) payload(pc *torrent.PeerConn, n int) int64 {
	stats := pc.Stats()
	total := stats.BytesWrittenData.Int64()
	payload := total - w.counted
	if w.counted = total; w.skipped {
		payload = min(payload, int64(n))
		w.skipped = false
	}
	return payload
}

func (w *wire) takeUpload(n int64) time.Duration {
	if w.free() {
		return 0
	}
	if g := w.grant.Load(); g != nil {
		return g.take(n, time.Now())
	}
	return w.wires.courtesyOf(w.remote.Addr()).take(n, time.Now())
}

// Read waits until more may be downloaded. The handshake is never kept waiting.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 && w.peer.Load() != nil {
		if werr := w.wait(w.wakeReader, func() time.Duration { return w.wires.download.take(int64(n), time.Now()) }); werr != nil {
			return n, werr
		}
	}
	return n, err
}

// wait returns when take is content, or with net.ErrClosed.
func (w *wire) wait(wake <-chan struct{}, take func() time.Duration) error {
	for {
		wait := take()
		if wait == 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-w.closed:
			timer.Stop()
			return net.ErrClosed
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Close frees the connection's place and wakes whoever waits.
func (w *wire) Close() error {
	w.once.Do(func() {
		close(w.closed)
		w.wires.remove(w)
	})
	return w.Conn.Close()
}

func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default: // it is awake already
	}
}

// SetDeadline never fails: the library panics if it does, though a connection may be closed at any time.
func (w *wire) SetDeadline(t time.Time) error {
	w.Conn.SetDeadline(t) // an error says that it is closed, as the next read does
	return nil
}
