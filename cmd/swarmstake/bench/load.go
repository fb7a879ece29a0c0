package bench

import (
	"strconv"
)

// phase is a kind of load.
type phase string

const (
	fill   phase = "fill"   // the first announce of every pair, with event=started
	repeat phase = "repeat" // regular announces whose counters did not move
	mixed  phase = "mix"    // regular announces whose counters grew; some stop, come back, complete
)

const (
	steps      = 64 // a download is a whole number of steps of size/steps bytes
	stopPermil = 10 // of the announces of mix: stopped; the next one of such a pair is started
	firstPort  = 1024
	ports      = 65536 - firstPort
)

// peer is one pair's client: what it will say next. Eight bytes, because there are millions.
type peer struct {
	up         uint16 // steps uploaded in this session
	down, left uint8  // steps downloaded in this session, steps to go
	turn       uint8  // of mix
	session    uint8  // how often the client was restarted: part of the peer id
	started    bool
	stopped    bool
}

// load writes the announces of all pairs, as qBittorrent (libtorrent) would. The same pair is
// always the same peer: peer id, port and role depend on its line alone.
type load struct {
	pairs   *pairs
	peers   []peer
	step    int64
	numWant int
	before  []byte // of the request, up to the key
	after   []byte // the rest of the path, and '?'
	headers [2][]byte
	keyed   bool
}

// header sets of libtorrent 2: it closes after every announce; keep-alive is HTTP/1.1's default.
const (
	userAgent = "User-Agent: qBittorrent/4.5.2\r\nAccept-Encoding: gzip\r\n"
	closing   = "Connection: close\r\n"
)

// newLoad prepares the peers: seeders percent of them have all, the others begin with something
// between one step and everything to go.
func newLoad(p *pairs, o options) *load {
	l := &load{pairs: p, peers: make([]peer, p.count()), step: o.size / steps, numWant: o.numWant,
		before: []byte("GET " + o.pathBefore), after: []byte(o.pathAfter + "?"), keyed: o.keyed}
	for i := range l.headers {
		l.headers[i] = append(l.headers[i], " HTTP/1.1\r\nHost: "+o.host+"\r\n"+userAgent...)
	}
	l.headers[1] = append(l.headers[1], closing...)
	for i := range l.headers {
		l.headers[i] = append(l.headers[i], "\r\n"...)
	}
	for i := range l.peers {
		if r := mix(uint64(i)); r%100 >= uint64(o.seeders) {
			l.peers[i].left = uint8(1 + r>>32%steps)
		}
	}
	return l
}

// request appends the next announce of pair i in a phase, and moves its peer on.
func (l *load) request(dst []byte, i int, ph phase, closes bool) []byte {
	p := &l.peers[i]
	event := p.next(i, ph)
	dst = append(dst, l.before...)
	if l.keyed {
		dst = append(dst, l.pairs.key(i)...)
	}
	dst = append(dst, l.after...)
	dst = l.query(dst, i, p, event)
	if closes {
		return append(dst, l.headers[1]...)
	}
	return append(dst, l.headers[0]...)
}

// next decides the event and moves the counters.
func (p *peer) next(i int, ph phase) (event string) {
	switch {
	case ph == fill || ph == mixed && !p.started:
		p.started, p.stopped = true, false
		return "started"
	case ph == repeat:
		p.started, p.stopped = true, false
		return ""
	case p.stopped: // a new session counts from 0 (CLIENTS.md); what it has on disk it keeps
		p.stopped, p.up, p.down = false, 0, 0
		p.session++
		return "started"
	}
	p.turn++
	roll := mix(uint64(i)<<16 | uint64(p.session)<<8 | uint64(p.turn))
	if roll%1000 < stopPermil {
		p.stopped = true
		return "stopped"
	}
	if p.left == 0 || roll>>32%2 == 0 { // leechers upload in every other turn
		p.up += min(1, 1<<16-1-p.up)
	}
	if p.left > 0 {
		p.left--
		p.down++
		if p.left == 0 {
			return "completed"
		}
	}
	return ""
}

// query writes the parameters in libtorrent's order and encoding.
func (l *load) query(dst []byte, i int, p *peer, event string) []byte {
	dst = append(dst, "info_hash="...)
	for _, c := range l.pairs.hash(i) {
		dst = append(dst, escapes[c]...)
	}
	id := mix(uint64(i)<<8 | uint64(p.session))
	dst = append(dst, "&peer_id=-qB4520-"...)
	dst = letters(dst, id, 11)
	dst = append(dst, 'A'+p.session%26)
	dst = number(dst, "&port=", int64(firstPort+i%ports))
	dst = number(dst, "&uploaded=", int64(p.up)*l.step)
	dst = number(dst, "&downloaded=", int64(p.down)*l.step)
	dst = number(dst, "&left=", int64(p.left)*l.step)
	dst = append(dst, "&corrupt=0&key="...)
	dst = hex8(dst, uint32(mix(uint64(i)+1)>>32))
	numWant := l.numWant
	if event != "" {
		dst = append(append(dst, "&event="...), event...)
	}
	if event == "stopped" {
		numWant = 0
	}
	dst = number(dst, "&numwant=", int64(numWant))
	return append(dst, "&compact=1&no_peer_id=1&supportcrypto=1&redundant=0"...)
}

func number(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(dst, name...), n, 10)
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-."

// letters appends the low 6·n bits of v as n letters that need no escaping.
func letters(dst []byte, v uint64, n int) []byte {
	for range n {
		dst, v = append(dst, alphabet[v%64]), v>>6
	}
	return dst
}

func hex8(dst []byte, v uint32) []byte {
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789ABCDEF"[v>>shift&15])
	}
	return dst
}

// escapes holds every byte as libtorrent writes it in a query.
var escapes = func() (out [256]string) {
	for c := range out {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '.' || b == '~':
			out[c] = string(rune(b))
		default:
			out[c] = "%" + string("0123456789abcdef"[b>>4]) + string("0123456789abcdef"[b&15])
		}
	}
	return out
}()
