package swarm

import (
	"encoding/binary"
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

// Journal keeps records for a killed process. Append copies the record and may be called from many
// goroutines; positions only grow.
type Journal interface {
	Append(rec []byte) (pos int64, err error)
	Next() int64 // the position of the next record
}

// Shards is over how many locks torrents are spread. It is part of what is stored (a batch says
// which shards it holds): a power of two that does not change.
const Shards = 256

// Swarms is the state machine. Its methods may be called from many goroutines.
type Swarms struct {
	p       Params
	wallets func(bt.MemberID) *Wallet
	journal Journal
	bootMs  int64 // when rows were loaded: silence before that is ours
	epochs  atomic.Pointer[[]Epoch]
	batch   atomic.Int64 // number of the last batch
	cursor  int          // shard at which the next Collect begins
	arena   arena
	shards  [Shards]shard
}

// shard owns the torrents whose number leaves it as remainder, and what of them is not flushed yet.
type shard struct {
	mu        sync.Mutex
	swarms    []*swarm // by torrent number / Shards
	peers     pool[peer]
	downloads pool[download]
	filters   pool[[introBytes]byte]
	index     index
	free      uint32 // first free peer record
	addrs6    map[uint32]addr6
	recent    map[uint32]recent // by download: bytes billed lately

	dirtyPeers     []uint32
	dirtyDownloads []uint32
	clock          int64        // ms, of the last announce or sweep
	gone           []SessionRow // keys of sessions that were forgotten
	usage          map[usageKey]use
	pending        int64 // position of the first journal record that no batch holds; negative: none

	skipped bool  // boot: records were left out; the next batch says so, or a later boot would apply them
	gap     int64 // a record is missing in the journal: see write; 0: none

	stored int64                  // boot: records below this position are in the loaded rows
	loaded map[DownloadKey]uint32 // boot: downloads by key, until their sessions are there

	rec   []byte   // scratch: a journal record
	uses  []use    // scratch: what an announce adds to usage
	runs  []run    // scratch: the places a reply takes
	named []uint32 // scratch: the peers it names
}

type usageKey struct {
	epoch int64
	DownloadKey
}

// swarm is one torrent.
type swarm struct {
	sets     [classCount]set
	standing map[bt.MemberID]uint8 // tiers of proven seeders
	snatched int                   // downloads that were completed
	paused   int                   // listed partial seeds
	peers6   int                   // listed peers with an IPv6 address
	version  uint32                // grows with every change of the sets
	crowdMs  int64                 // when the set of leechers changed last
}

// New returns empty swarms. wallets finds a member's wallet, nil if there is no such member; it
// must return the same wallet as long as the server runs. New panics on parameters that Validate
// refuses.
func New(p Params, wallets func(bt.MemberID) *Wallet) *Swarms {
	if err := p.Validate(); err != nil {
		panic("swarm: " + err.Error())
	}
	s := &Swarms{p: p, wallets: wallets}
	s.epochs.Store(new([]Epoch))
	for i := range s.shards {
		sh := &s.shards[i]
		sh.peers.arena, sh.downloads.arena, sh.filters.arena = &s.arena, &s.arena, &s.arena
		sh.addrs6, sh.recent = make(map[uint32]addr6), make(map[uint32]recent)
		sh.usage = make(map[usageKey]use)
		sh.pending = -1
	}
	return s
}

// SetJournal has every change of marks, money and introductions recorded from now on.
func (s *Swarms) SetJournal(j Journal) { s.journal = j }

// maxEpochs bounds into how many epochs one announce is spread, and so its journal record: time
// before the first belongs to it.
const maxEpochs = 16

// SetEpochs replaces the epochs into which usage is sorted: ascending, the last one open. Of more
// than maxEpochs the last ones count.
func (s *Swarms) SetEpochs(e []Epoch) {
	e = e[max(0, len(e)-maxEpochs):]
	e = append([]Epoch(nil), e...)
	s.epochs.Store(&e)
}

func (s *Swarms) shard(t bt.TorrentID) *shard { return &s.shards[t%Shards] }

// swarm finds a torrent's swarm or makes an empty one.
func (sh *shard) swarm(t bt.TorrentID) *swarm {
	i := int(t / Shards)
	if i >= len(sh.swarms) {
		sh.swarms = append(sh.swarms, make([]*swarm, i+1-len(sh.swarms))...)
	}
	if sh.swarms[i] == nil {
		sh.swarms[i] = new(swarm)
	}
	return sh.swarms[i]
}

// known returns a torrent's swarm, nil if there never was one.
func (sh *shard) known(t bt.TorrentID) *swarm {
	if i := int(t / Shards); i < len(sh.swarms) {
		return sh.swarms[i]
	}
	return nil
}

// newPeer takes a free record or makes one.
func (sh *shard) newPeer() (uint32, *peer) {
	rec := sh.free
	if rec == 0 {
		rec = sh.peers.grow()
	} else {
		sh.free = sh.peers.at(rec).next
	}
	p := sh.peers.at(rec)
	*p = peer{up: stateUsed}
	return rec, p
}

func (sh *shard) touchPeer(rec uint32, p *peer) {
	if !p.is(stateDirty) {
		p.set(stateDirty, true)
		sh.dirtyPeers = append(sh.dirtyPeers, rec)
	}
}

func (sh *shard) touchDownload(rec uint32, d *download) {
	if !d.is(downDirty) {
		d.state |= downDirty
		sh.dirtyDownloads = append(sh.dirtyDownloads, rec)
	}
}

// list puts the peer into the set where it belongs now, or into none.
func (sh *shard) list(sw *swarm, rec uint32, p *peer, class int) {
	old := p.class()
	if old == class {
		if class != notListed {
			sw.sets[class].pack(p.pos, p)
		}
		return
	}
	sw.version++
	if old == classLeech || class == classLeech {
		sw.crowdMs = sh.clock
	}
	if old != notListed {
		sw.sets[old].leave(p.pos, &sh.peers)
		sw.count(p, -1)
	}
	if p.setClass(class); class != notListed {
		p.pos = sw.sets[class].enter(rec, p)
		sw.count(p, +1)
	}
}

// count keeps how many listed peers have a property that replies ask for. The property must not
// change while the peer is listed but by amend.
func (sw *swarm) count(p *peer, by int) {
	if p.is(stateHas6) {
		sw.peers6 += by
	}
	if p.is(statePaused) {
		sw.paused += by
	}
}

// amend changes a property that count looks at.
func (sw *swarm) amend(p *peer, state uint64, on bool) {
	if p.is(state) == on {
		return
	}
	if p.class() != notListed {
		sw.count(p, -1)
		defer sw.count(p, +1)
	}
	p.set(state, on)
}

// forget gives a session's record back. The last session of a member who fetched something stays:
// it leads to the download.
func (sh *shard) forget(rec uint32) {
	p := sh.peers.at(rec)
	head, place := sh.index.find(&sh.peers, p.member, p.torrent)
	if head == rec && p.next == 0 && p.download != 0 {
		return
	}
	sh.list(sh.swarm(p.torrent), rec, p, notListed)
	sh.gone = append(sh.gone, SessionRow{SessionKey: SessionKey{p.member, p.torrent, p.id}, Forgotten: true})
	if p.is(stateDirty) {
		for i, r := range sh.dirtyPeers {
			if r == rec {
				sh.dirtyPeers[i] = 0 // record 0 is nobody's
			}
		}
	}
	switch {
	case head != rec:
		before := sh.peers.at(head)
		for before.next != rec {
			before = sh.peers.at(before.next)
		}
		before.next = p.next
	case p.next != 0:
		sh.index.slots[place] = p.next
	default:
		sh.index.remove(&sh.peers, place)
	}
	if p.download != 0 {
		sh.downloads.at(p.download).sessions--
	}
	delete(sh.addrs6, rec)
	*p = peer{next: sh.free}
	sh.free = rec
}

// present reports whether the session counts as part of the swarm at now. Silence while no server
// ran to hear anything counts for nothing.
func (s *Swarms) present(p *peer, nowMs int64) bool {
	heard := p.seenMs()
	if p.class() != notListed {
		heard = max(heard, s.bootMs)
	}
	return !p.is(stateStopped) && nowMs-heard <= s.p.timeoutOf(p)
}

func hashPeer(m bt.MemberID, p *bt.PeerID) uint64 {
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

func ms(t time.Time) int64 { return t.UnixMilli() }
