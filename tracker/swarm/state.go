package swarm

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Torrent is what the meter needs to know of a torrent. One value is shared by all announces;
// its price may change at any time.
type Torrent struct {
	ID          bt.TorrentID
	Size        bt.Bytes
	PieceLength bt.Bytes

	price      atomic.Int64 // utok per GiB
	multiplier atomic.Int64 // ppm, for texts
}

// NewTorrent returns a torrent at the given price in utok per GiB and multiplier in ppm.
func NewTorrent(id bt.TorrentID, size, pieceLength bt.Bytes, price tokens.Amount, multiplierPPM int64) *Torrent {
	t := &Torrent{ID: id, Size: size, PieceLength: pieceLength}
	t.SetPrice(price, multiplierPPM)
	return t
}

// SetPrice changes the current price; quotes already given stand.
func (t *Torrent) SetPrice(price tokens.Amount, multiplierPPM int64) {
	t.price.Store(int64(price))
	t.multiplier.Store(multiplierPPM)
}

// Price returns the current price in utok per GiB.
func (t *Torrent) Price() tokens.Amount { return tokens.Amount(t.price.Load()) }

// MultiplierPPM returns the surge multiplier shown beside the price.
func (t *Torrent) MultiplierPPM() int64 { return t.multiplier.Load() }

// Member is what the meter needs to know of a member.
type Member struct {
	ID       bt.MemberID
	Wallet   *Wallet       // never nil
	MaxPrice tokens.Amount // utok per GiB that the member consents to; 0: the default of ECONOMY §4
}

// shardCount spreads torrents over locks; a power of two.
const shardCount = 256

// Swarms is the state machine. Its methods may be called from many goroutines.
type Swarms struct {
	p      Params
	epochs atomic.Pointer[[]Epoch]
	batch  atomic.Int64 // number of the last batch
	shards [shardCount]shard
}

// shard owns the torrents whose number it divides into, and what of them is not flushed yet.
// Dirty rows hang on the shard, not on the swarm, so that forgetting a torrent loses no charge.
type shard struct {
	mu        sync.Mutex
	swarms    map[bt.TorrentID]*swarm
	sessions  []*session // dirty
	downloads []*download
	usage     map[usageKey]*UsageRow
	intros    map[introKey]int64
	picks     []pick // scratch of choose
}

type usageKey struct {
	epoch int64
	DownloadKey
}

type introKey struct {
	torrent bt.TorrentID
	a, b    bt.MemberID
}

type sessionKey struct {
	member bt.MemberID
	peer   bt.PeerID
}

// swarm is one torrent.
type swarm struct {
	sessions  map[sessionKey]*session
	live      []*session // announced, not stopped, not expired
	downloads map[bt.MemberID]*download
	proven    map[bt.MemberID]bool
	snatched  int // downloads that were completed
}

// session is one peer session and what is not stored of it.
type session struct {
	SessionRow
	d         *download
	seenMs    int64 // last announce of any kind
	addrs     [2]netip.AddrPort
	addrMs    [2]int64 // when each was last announced from: IPv4, IPv6
	network   netip.Prefix
	hash      uint64
	mixMs     int64 // seed of the peer list; moves when a new one is due
	livePos   int   // index in swarm.live; -1: not there
	funded    bool  // passed the gate and the reservation
	refused   bool  // the gate refused it: not told to anyone
	dirty     bool
	forgotten bool
}

// download is one member's download and what is not stored of it.
type download struct {
	DownloadRow
	wallet   *Wallet
	sessions int
	recent   recent
	snatched bool
	dirty    bool
}

// New returns empty swarms. It panics on parameters that Validate refuses.
func New(p Params) *Swarms {
	if err := p.Validate(); err != nil {
		panic("swarm: " + err.Error())
	}
	s := &Swarms{p: p}
	s.epochs.Store(new([]Epoch))
	for i := range s.shards {
		sh := &s.shards[i]
		sh.swarms = make(map[bt.TorrentID]*swarm)
		sh.usage = make(map[usageKey]*UsageRow)
		sh.intros = make(map[introKey]int64)
	}
	return s
}

// Params returns the rules in force.
func (s *Swarms) Params() Params { return s.p }

// SetEpochs replaces the epochs into which usage is sorted: ascending, the last one open.
func (s *Swarms) SetEpochs(e []Epoch) {
	e = append([]Epoch(nil), e...)
	s.epochs.Store(&e)
}

func (s *Swarms) shard(t bt.TorrentID) *shard { return &s.shards[t%shardCount] }

func (sh *shard) swarm(t bt.TorrentID) *swarm {
	sw := sh.swarms[t]
	if sw == nil {
		sw = &swarm{
			sessions:  make(map[sessionKey]*session),
			downloads: make(map[bt.MemberID]*download),
			proven:    make(map[bt.MemberID]bool),
		}
		sh.swarms[t] = sw
	}
	return sw
}

func (sh *shard) touchSession(s *session, nowMs int64) {
	s.Seq = max(s.Seq+1, nowMs) // survives a row that was forgotten here and not in the store
	if !s.dirty {
		s.dirty = true
		sh.sessions = append(sh.sessions, s)
	}
}

func (sh *shard) touchDownload(d *download, nowMs int64) {
	d.Seq = max(d.Seq+1, nowMs)
	if !d.dirty {
		d.dirty = true
		sh.downloads = append(sh.downloads, d)
	}
}

func (sh *shard) usageRow(epoch int64, k DownloadKey) *UsageRow {
	key := usageKey{epoch, k}
	u := sh.usage[key]
	if u == nil {
		u = &UsageRow{Epoch: epoch, DownloadKey: k}
		sh.usage[key] = u
	}
	return u
}

func (s *session) key() sessionKey { return sessionKey{s.Member, s.PeerID} }

func (s *session) seeding() bool { return s.Left == 0 }

// present reports whether the session counts as part of the swarm at now.
func (s *session) present(p *Params, nowMs int64) bool {
	return !s.Stopped && nowMs-s.seenMs <= p.timeout(s.seeding()).Milliseconds()
}

func (sw *swarm) enter(s *session) {
	if s.livePos < 0 {
		s.livePos = len(sw.live)
		sw.live = append(sw.live, s)
	}
}

func (sw *swarm) leave(s *session) {
	if s.livePos < 0 {
		return
	}
	last := len(sw.live) - 1
	sw.live[s.livePos] = sw.live[last]
	sw.live[s.livePos].livePos = s.livePos
	sw.live[last] = nil
	sw.live = sw.live[:last]
	s.livePos = -1
}

func (sw *swarm) forgetSession(s *session) {
	sw.leave(s)
	s.d.sessions--
	delete(sw.sessions, s.key())
}

// evict forgets the member's session that has been silent longest.
func (sw *swarm) evict(m bt.MemberID) {
	var oldest *session
	for _, s := range sw.sessions {
		if s.Member == m && (oldest == nil || s.seenMs < oldest.seenMs ||
			s.seenMs == oldest.seenMs && string(s.PeerID[:]) < string(oldest.PeerID[:])) {
			oldest = s
		}
	}
	if oldest != nil {
		sw.forgetSession(oldest)
	}
}

// family is 0 for IPv4 and 1 for IPv6.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func hashPeer(m bt.MemberID, p bt.PeerID) uint64 {
	h := mix(uint64(m) + 1)
	h = mix(h ^ binary.LittleEndian.Uint64(p[0:8]))
	h = mix(h ^ binary.LittleEndian.Uint64(p[8:16]))
	return mix(h ^ uint64(binary.LittleEndian.Uint32(p[16:20])))
}

// mix is the finaliser of SplitMix64: every input bit moves every output bit.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// maxBuckets bounds the demand window's resolution.
const maxBuckets = 64

// recent sums billed bytes over the demand window in buckets of Params.SummaryBucket.
type recent struct {
	buckets [maxBuckets]struct {
		at int64
		n  bt.Bytes
	}
}

func (r *recent) add(p *Params, nowMs int64, n bt.Bytes) {
	at := nowMs / p.SummaryBucket.Milliseconds()
	b := &r.buckets[at%maxBuckets]
	if b.at != at {
		b.at, b.n = at, 0
	}
	b.n += n
}

func (r *recent) sum(p *Params, nowMs int64) (n bt.Bytes) {
	newest := nowMs / p.SummaryBucket.Milliseconds()
	oldest := newest - int64(p.DemandWindow/p.SummaryBucket) + 1
	for _, b := range r.buckets {
		if b.at >= oldest && b.at <= newest {
			n += b.n
		}
	}
	return n
}

func ms(t time.Time) int64 { return t.UnixMilli() }
