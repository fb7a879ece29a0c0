package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anacrolix/torrent"
)

const (
	// courtesyBurst is the payload that an address without a grant gets at full speed, so that a peer
	// just admitted (or an audit) need not wait for its grant.
	courtesyBurst = 512 << 10
	// maxCourtesies bounds the addresses without connections whose courtesy is remembered; beyond it
	// those are forgotten.
	maxCourtesies = 4096
	// dialShare keeps this part of the connections for those who dial in: an audit must not find
	// everything taken by our own dials.
	dialShare = 8
	// ipv6Site is what one subscriber has of IPv6, and the courtesy is for a subscriber.
	ipv6Site = 64
)

// errTooMany refuses a dial.
var errTooMany = errors.New("there are as many connections as allowed")

// wires are the connections of all torrents. Its lock is taken with the library's held, so nothing
// under it may call the library.
type wires struct {
	courtesy atomic.Int64
	download *bucket
	held     sync.Map // *torrent.Torrent → *atomic.Int64, see heldOf

	mu         sync.Mutex
	max        int                         // 0: any number
	open       map[uintptr]*wire           // by the address of the wire
	peers      map[*torrent.PeerConn]*wire // after the handshake, until its bytes were summed
	courtesies map[netip.Addr]*bucket      // of addresses without a grant
}

func newWires(downloadRate int64) *wires {
	s := &wires{download: newBucket(asBucketRate(downloadRate), 0, time.Now()), open: map[uintptr]*wire{},
		peers: map[*torrent.PeerConn]*wire{}, courtesies: map[netip.Addr]*bucket{}}
	s.courtesy.Store(NoAccessList)
	return s
}

func asBucketRate(bytesPerSecond int64) int64 {
	if bytesPerSecond <= 0 {
		return unlimited
	}
	return bytesPerSecond
}

// add takes over a connection, or closes it and returns nil if there are too many.
func (s *wires) add(c *net.TCPConn, dialed bool) *wire {
	w := &wire{Conn: c, wires: s, remote: unmapped(c.RemoteAddr()), closed: make(chan struct{}),
		wakeWriter: make(chan struct{}, 1), wakeReader: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full(dialed) {
		c.Close()
		return nil
	}
	c.SetLinger(0) // as the library does with connections of its own
	s.open[reflect.ValueOf(w).Pointer()] = w
	return w
}

func (s *wires) full(dialed bool) bool {
	room := s.max
	if dialed {
		room -= s.max / dialShare
	}
	return s.max > 0 && len(s.open) >= room
}

func (s *wires) remove(w *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, reflect.ValueOf(w).Pointer())
}

// handshaken learns whose connection a wire is. The library says that a peer was added but not over
// which connection, and an address may have several: its field is looked at, which is set once when
// the peer is made. It runs under the library's lock.
func (s *wires) handshaken(pc *torrent.PeerConn) {
	conn := reflect.ValueOf(pc).Elem().FieldByName("conn").Elem()
	if conn.Kind() != reflect.Pointer {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.open[conn.Pointer()]; w != nil {
		w.since, w.total = time.Now(), s.heldOf(pc.Torrent())
		w.peer.Store(pc)
		s.peers[pc] = w
	}
}

// forget lets go of a closed connection.
func (s *wires) forget(pc *torrent.PeerConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, pc)
}

// sent is the payload that left over a connection, of what the library counts as sent. It never falls.
func (s *wires) sent(pc *torrent.PeerConn, counted int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.peers[pc]; w != nil {
		return w.told.raise(counted - w.held.Load())
	}
	return counted
}

// highest is a figure that never falls.
type highest struct{ atomic.Int64 }

func (h *highest) raise(n int64) int64 {
	for {
		old := h.Load()
		if n <= old {
			return old
		}
		if h.CompareAndSwap(old, n) {
			return n
		}
	}
}

// heldOf is the payload of a torrent that the library counts as sent and that is not.
func (s *wires) heldOf(t *torrent.Torrent) *atomic.Int64 {
	n, ok := s.held.Load(t)
	if !ok {
		n, _ = s.held.LoadOrStore(t, new(atomic.Int64))
	}
	return n.(*atomic.Int64)
}

// courtesyOf is the bucket that the connections of an address share as long as they have no grant:
// more connections, or new ones, get no more.
func (s *wires) courtesyOf(a netip.Addr) *bucket {
	if p, err := a.Prefix(ipv6Site); err == nil && a.Is6() {
		a = p.Addr()
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.courtesies[a]
	if b == nil {
		if len(s.courtesies) >= maxCourtesies+len(s.open) {
			clear(s.courtesies)
		}
		b = newBucket(asCourtesyRate(s.courtesy.Load()), courtesyBurst, now)
		s.courtesies[a] = b
	}
	return b
}

func asCourtesyRate(bytesPerSecond int64) int64 {
	if bytesPerSecond < 0 {
		return unlimited
	}
	return bytesPerSecond
}

// setCourtesy changes the rate of all addresses and forgets those that used nothing lately.
func (s *wires) setCourtesy(bytesPerSecond int64) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.courtesy.Swap(max(bytesPerSecond, NoAccessList)) == max(bytesPerSecond, NoAccessList) {
		return
	}
	for a, b := range s.courtesies {
		if b.set(asCourtesyRate(bytesPerSecond), courtesyBurst, now); b.idle(now) {
			delete(s.courtesies, a)
		}
	}
	for _, w := range s.open {
		poke(w.wakeWriter)
	}
}

func (s *wires) setDownload(bytesPerSecond int64) {
	s.download.set(asBucketRate(bytesPerSecond), 0, time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.open {
		poke(w.wakeReader)
	}
}

// of lists the wires after their handshake; with a key, only those of it.
func (s *wires) of(k *ConnKey) (out []*wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.open {
		if w.peer.Load() != nil && (k == nil || w.remote == k.Remote && w.key() == *k) {
			out = append(out, w)
		}
	}
	return out
}

// closeAll ends also what never said a word.
func (s *wires) closeAll() {
	s.mu.Lock()
	all := make([]*wire, 0, len(s.open))
	for _, w := range s.open {
		all = append(all, w)
	}
	s.mu.Unlock()
	for _, w := range all {
		w.Close()
	}
}

func unmapped(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// listener accepts wires.
type listener struct {
	*net.TCPListener
	wires *wires
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if w := l.wires.add(c, false); w != nil {
			return w, nil
		}
	}
}

// dialer dials wires. It implements the library's Dialer.
type dialer struct {
	net.Dialer
	wires *wires
}

func (d *dialer) DialerNetwork() string { return "tcp" }

func (d *dialer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d.wires.mu.Lock()
	full := d.wires.full(true)
	d.wires.mu.Unlock()
	if full {
		return nil, errTooMany
	}
	c, err := d.DialContext(ctx, d.DialerNetwork(), addr)
	if err != nil {
		return nil, err
	}
	if w := d.wires.add(c.(*net.TCPConn), true); w != nil {
		return w, nil
	}
	return nil, errTooMany
}
