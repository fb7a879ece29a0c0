package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/anacrolix/torrent/mse"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	greetTime        = 10 * time.Second // for the handshake of whoever dials us
	maxGreetings     = 64               // handshakes under way; more connections are closed at once
	maxStrangers     = 32               // … of them with addresses that nobody awaits, who may still be known by their peer id
	maxGreetingsEach = 4                // … and from one address
	maxGuests        = 1024             // peers awaited
	maxDoubtful      = 3                // of those who come for one and may be somebody else
	acceptPause      = 100 * time.Millisecond
)

// lobby is where peers that dial us are met. Only awaited ones get further than their handshake.
type lobby struct {
	mu        sync.Mutex
	addr      netip.AddrPort // of the listener
	guests    map[*guest]bool
	greetings map[netip.Addr]int
	underWay  int
	strangers int
}

// guest is a peer that is awaited.
type guest struct {
	hashes []bt.InfoHash // of its torrent
	addr   netip.Addr
	peer   bt.PeerID
	came   chan visitor // room for a certain one, and a doubtful one
	tries  int          // how many more doubtful ones may come
	busy   bool         // one of them was let in
}

// visitor is a connection whose handshake was read.
type visitor struct {
	conn      net.Conn
	wire      io.ReadWriter
	hello     theirs
	encrypted bool
	certain   bool // both its address and its peer id are those of the guest
}

func newLobby() lobby {
	return lobby{guests: map[*guest]bool{}, greetings: map[netip.Addr]int{}}
}

// Addr is where Run listens, zero before it does or if it does not.
func (p *Prober) Addr() netip.AddrPort {
	p.lobby.mu.Lock()
	defer p.lobby.mu.Unlock()
	return p.lobby.addr
}

// Run listens for awaited peers until the context ends, if Config.Listen says where. It fails if it
// cannot listen there.
func (p *Prober) Run(ctx context.Context) error {
	if !p.cfg.Listen.IsValid() {
		<-ctx.Done()
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", p.cfg.Listen.String())
	if err != nil {
		return fmt.Errorf("listen for peers that cannot be dialled: %w", err)
	}
	p.lobby.open(l.Addr().(*net.TCPAddr).AddrPort())
	defer p.lobby.open(netip.AddrPort{})
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var greetings sync.WaitGroup
	defer greetings.Wait()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil: // out of files, say: they come back
			if sleep(ctx, acceptPause) != nil {
				return nil
			}
			continue
		}
		leave, ok := p.lobby.enter(remote(conn))
		if !ok {
			conn.Close()
			continue
		}
		greetings.Go(func() {
			defer leave()
			p.lobby.greet(ctx, conn)
		})
	}
}

func remote(conn net.Conn) netip.Addr {
	return conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
}

func (l *lobby) open(addr netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addr = addr
}

// enter lets a connection begin its handshake, if anybody is awaited and the limits allow it.
func (l *lobby) enter(from netip.Addr) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stranger := 1
	for g := range l.guests {
		if g.addr == from {
			stranger = 0
			break
		}
	}
	if len(l.guests) == 0 || l.underWay >= maxGreetings || l.greetings[from] >= maxGreetingsEach || l.strangers+stranger > maxStrangers {
		return nil, false
	}
	l.underWay++
	l.strangers += stranger
	l.greetings[from]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.underWay--
		l.strangers -= stranger
		if l.greetings[from]--; l.greetings[from] == 0 {
			delete(l.greetings, from)
		}
	}, true
}

// greet reads the handshake of a connection and hands it to whoever awaits that peer; nobody's is
// closed.
func (l *lobby) greet(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(greetTime))
	v, err := l.hello(ctx, conn)
	if !stop() || err != nil || !l.hand(v) {
		conn.Close()
	}
}

// hello reads a handshake that may be encrypted: what does not begin as BEP 3 says is taken for MSE.
func (l *lobby) hello(ctx context.Context, conn net.Conn) (v visitor, err error) {
	v = visitor{conn: conn, wire: conn}
	var b [handshakeLen]byte
	if _, err := io.ReadFull(conn, b[:len(protocol)]); err != nil {
		return v, fmt.Errorf("read the handshake: %w", err)
	}
	read := b[len(protocol):]
	if string(b[:len(protocol)]) != protocol {
		v.encrypted, read = true, b[:]
		begun := newPrefixed(b[:len(protocol)], conn)
		if v.wire, _, err = mse.ReceiveHandshake(ctx, begun, l.hashes, mse.DefaultCryptoSelector); err != nil {
			return v, fmt.Errorf("read the encrypted handshake: %w", err)
		}
	}
	if _, err := io.ReadFull(v.wire, read); err != nil {
		return v, fmt.Errorf("read the handshake: %w", err)
	}
	v.hello, err = parseHello(b)
	return v, err
}

// prefixed is a stream of which the beginning was read before.
type prefixed struct {
	io.Reader
	io.Writer
}

func newPrefixed(begin []byte, rw io.ReadWriter) prefixed {
	return prefixed{io.MultiReader(bytes.NewReader(begin), rw), rw}
}

// hashes offers the info-hashes of the awaited to an encrypted handshake.
func (l *lobby) hashes(try func(key []byte) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tried := map[bt.InfoHash]bool{}
	for g := range l.guests {
		for _, h := range g.hashes {
			if !tried[h] && !try(h[:]) {
				return
			}
			tried[h] = true
		}
	}
}

// hand gives a connection to whoever awaits that peer in that swarm, best by both its address and
// its peer id.
func (l *lobby) hand(v visitor) bool {
	from := remote(v.conn)
	l.mu.Lock()
	defer l.mu.Unlock()
	var best *guest
	for g := range l.guests {
		at, as := g.addr == from, g.peer == v.hello.peer
		if !slices.Contains(g.hashes, v.hello.hash) || !at && !as || !(at && as) && (g.busy || g.tries == 0) {
			continue
		}
		if both := at && as; best == nil || both {
			best, v.certain = g, both
		}
		if v.certain {
			break
		}
	}
	if best == nil {
		return false
	}
	if v.certain {
		delete(l.guests, best) // one connection is enough
	} else {
		best.busy, best.tries = true, best.tries-1
	}
	best.came <- v
	return true
}

// again lets the next doubtful visitor in.
func (l *lobby) again(g *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.busy = false
}

// await puts a guest on the list; forget takes it off again and closes a connection that nobody took.
func (l *lobby) await(g *guest) (forget func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.addr.IsValid() || len(l.guests) >= maxGuests {
		return nil, false
	}
	l.guests[g] = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.guests, g)
		for {
			select {
			case v := <-g.came:
				v.conn.Close()
			default:
				return
			}
		}
	}, true
}
