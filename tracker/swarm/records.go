package swarm

import (
	"net/netip"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// peer is one peer session as it is kept: 80 bytes without pointers, so that millions of them are
// nothing to the garbage collector. Record 0 of a shard stands for "none".
type peer struct {
	id       bt.PeerID
	member   bt.MemberID
	torrent  bt.TorrentID
	next     uint32 // another session of the same member on the same torrent; of a free record: the next free one
	download uint32 // the member's download of the torrent; 0: it never fetched anything
	pos      uint32 // place in its set
	addr4    [4]byte
	seeding  uint32 // since when left = 0 without a break, seconds since seedingBase; 0: leeching

	up   uint64 // 54 bits of high-water mark U, 10 bits of state
	down uint64 // 54 bits of high-water mark D, 10 bits of generation
	left uint64 // 54 bits of left, 9 bits of flags, and whether its last full list of leechers is noted
	last uint64 // 42 bits unix ms of the last applied announce, 16 of the IPv4 port, 6 of seen
}

const (
	counterBits = 54 // MaxCounter is 2^53 itself
	counterMask = 1<<counterBits - 1
	smallMax    = 1<<(63-counterBits) - 1 // where generation and flags saturate
	toldBit     = 1 << 63                 // of left

	// The state bits above U: which set the peer is in (0: none), and what it is.
	stateSet     = 7 << counterBits
	stateStopped = 1 << (counterBits + 3)
	stateFunded  = 1 << (counterBits + 4) // passed the gate and the reservation
	stateRefused = 1 << (counterBits + 5) // the gate refused it: told to nobody
	statePaused  = 1 << (counterBits + 6) // a partial seed (BEP 21)
	stateDirty   = 1 << (counterBits + 7) // listed in the shard's dirty sessions
	stateHas6    = 1 << (counterBits + 8) // has an entry in the shard's addrs6
	stateUsed    = 1 << (counterBits + 9) // not a free record

	lastBits = 42 // until the year 2109
	lastMask = 1<<lastBits - 1
	portBits = 16
	// seenUnit is the resolution of how long after the last applied announce a stale one came.
	seenUnitMs = 4000
	maxSeen    = 63

	seedingBase = 1_577_836_800 // 2020-01-01, seconds
)

func (p *peer) is(state uint64) bool { return p.up&state != 0 }

func (p *peer) set(state uint64, on bool) {
	p.up &^= state
	if on {
		p.up |= state
	}
}

func (p *peer) uploaded() bt.Bytes   { return bt.Bytes(p.up & counterMask) }
func (p *peer) downloaded() bt.Bytes { return bt.Bytes(p.down & counterMask) }
func (p *peer) leftBytes() bt.Bytes  { return bt.Bytes(p.left & counterMask) }
func (p *peer) generation() int64    { return int64(p.down >> counterBits) }
func (p *peer) flags() int64         { return int64(p.left &^ toldBit >> counterBits) }
func (p *peer) told() bool           { return p.left&toldBit != 0 }
func (p *peer) isSeeding() bool      { return p.left&counterMask == 0 }
func (p *peer) class() int           { return int(p.up & stateSet >> counterBits) }

// answersTo reports whether this is the session with that peer id; ghosts are nobody's.
func (p *peer) answersTo(id bt.PeerID) bool { return p.id == id && p.last&lastMask != 0 }

func (p *peer) setClass(c int) { p.up = p.up&^stateSet | uint64(c)<<counterBits }

func (p *peer) setTold(on bool) {
	p.left &^= toldBit
	if on {
		p.left |= toldBit
	}
}

func setCounter(word *uint64, n bt.Bytes) { *word = *word&^counterMask | uint64(n)&counterMask }

func bump(word *uint64) {
	if *word&^toldBit>>counterBits < smallMax {
		*word += 1 << counterBits
	}
}

func (p *peer) lastMs() int64 { return int64(p.last & lastMask) }
func (p *peer) port4() uint16 { return uint16(p.last >> lastBits) }

// seenMs is the time of the last announce of any kind, up to seenUnitMs later.
func (p *peer) seenMs() int64 {
	return p.lastMs() + int64(p.last>>(lastBits+portBits))*seenUnitMs
}

// setLast notes an applied announce.
func (p *peer) setLast(nowMs int64) {
	p.last = uint64(nowMs)&lastMask | uint64(p.port4())<<lastBits
}

// setSeen notes an announce that changed nothing; it never comes later than StaleWindow.
func (p *peer) setSeen(nowMs int64) {
	if nowMs <= p.seenMs() {
		return
	}
	units := min(uint64(nowMs-p.lastMs()+seenUnitMs-1)/seenUnitMs, maxSeen)
	p.last = p.last&(1<<(lastBits+portBits)-1) | units<<(lastBits+portBits)
}

func (p *peer) setAddr4(a netip.AddrPort) {
	p.addr4 = a.Addr().As4()
	p.last = p.last&^(0xffff<<lastBits) | uint64(a.Port())<<lastBits
}

func (p *peer) seedingMs() int64 {
	if p.seeding == 0 {
		return 0
	}
	return (int64(p.seeding) + seedingBase) * 1000
}

// setSeeding rounds up: nobody seeds longer by it.
func (p *peer) setSeeding(ms int64) {
	p.seeding = 0
	if ms > 0 {
		p.seeding = uint32(max(1, (ms+999)/1000-seedingBase))
	}
}

// download is one member's download of a torrent, as DownloadRow has it; Charged is not kept,
// because it is Cost rounded up after every announce.
type download struct {
	member    bt.MemberID
	torrent   bt.TorrentID
	metered   bt.Bytes
	pass      bt.Bytes
	billed    bt.Bytes
	maxLeft   bt.Bytes
	minLeft   bt.Bytes
	cost      tokens.Amount
	held      Hold
	quote     tokens.Amount
	first     tokens.Amount // FirstQuote
	extra     bt.Bytes      // Corroborated
	quoteMs   int64
	firstMs   int64
	completed int64
	costRem   uint32
	intro     uint32 // 0: nobody, introEverybody, else a filter of the shard
	listed    uint32 // which peer list was introduced last
	sessions  uint16
	state     uint16
}

const (
	downSnatched = 1 << iota // completed once
	downDirty
	downUnheld // its reservation is not in the wallet yet: the member was unknown at boot
	downIntro  // introductions changed since the last journal record
)

const introEverybody = 1<<32 - 1

func (d *download) is(state uint16) bool { return d.state&state != 0 }

// addr6 is an IPv6 address of a session, and when each family was last announced from.
type addr6 struct {
	ip       [16]byte
	port     uint16
	at6, at4 int64
}

// chunkBits is how many records, as a power of two, a pool allocates at once.
const chunkBits = 7

// pool keeps records in chunks that never move, so that pointers into them stay good under the
// shard's lock. Record 0 is never given out.
type pool[T any] struct {
	arena  *arena
	chunks [][]T
	used   uint32 // records ever given out, record 0 included
}

func (p *pool[T]) at(i uint32) *T { return &p.chunks[i>>chunkBits][i&(1<<chunkBits-1)] }

func (p *pool[T]) grow() uint32 {
	if p.used == 0 {
		p.used = 1
	}
	i := p.used
	if i>>chunkBits >= uint32(len(p.chunks)) {
		p.chunks = append(p.chunks, chunk[T](p.arena, 1<<chunkBits))
	}
	p.used++
	return i
}
