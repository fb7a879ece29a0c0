package swarm

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// A journal record holds what one announce changed: the session and the download as they are
// since (so that applying it again changes nothing more), what usage grew by, and who was
// introduced to the asker. Little-endian, fixed fields in the order of the code below.
//
//	u8 what follows (recSession | …)  u32 torrent  u32 member

const (
	recSession = 1 << iota
	recDownload
	recFilter // the download's introductions: a filter
	recAll    // … or everybody
	recUsage
	recTold  // members whose downloads of the torrent learned of this one
	recNeeds // the batch that must be stored for this record and those behind it to count
	recHold  // of the download: what it holds of the allowance; absent, it holds nothing
)

// wideUses, in the number of usage parts, says that each has allowance and free bytes too.
const wideUses = 1 << 15

// image is what of a session and its download decides whether an announce changed anything.
type image struct {
	up, down, left uint64
	lastMs         int64
	hasD           bool
	d              download
}

func (st *step) image() (i image) {
	if !st.isNew {
		i.up, i.down, i.left, i.lastMs = st.s.up&imageState, st.s.down, st.s.left&^toldBit, st.s.lastMs()
	}
	if st.d != nil {
		i.hasD, i.d = true, *st.d
		i.d.state &= downSnatched
		i.d.listed, i.d.intro = 0, 0
	}
	return i
}

// imageState are the bits of a session whose change is worth a record.
const imageState = counterMask | stateStopped | stateRefused | statePaused | stateFunded

// record marks what changed as unflushed and journals it. The time alone of an announce that
// changed nothing is stored now and then, so that live peers are known after a restart.
func (st *step) record(v verdict) {
	sh, now := st.sh, st.image()
	sameTime := now.lastMs/st.touch() == st.before.lastMs/st.touch()
	now.lastMs = st.before.lastMs
	sessionChanged := st.isNew || st.moved || now.up != st.before.up || now.down != st.before.down || now.left != st.before.left
	downloadChanged := now.hasD && (!st.before.hasD || now.d != st.before.d || st.d.is(downIntro))
	if !sessionChanged && !downloadChanged && len(sh.uses) == 0 && len(st.told) == 0 {
		if !sameTime && v.transition != stale {
			sh.touchPeer(st.rec, st.s)
		}
		return
	}
	st.res.Changed = true
	b := append(sh.rec[:0], 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(st.s.torrent))
	b = binary.LittleEndian.AppendUint32(b, uint32(st.s.member))
	if sessionChanged || len(sh.uses) > 0 {
		b[0] |= recSession
		b = appendSession(b, st.sh.sessionRow(st.rec, st.s))
		sh.touchPeer(st.rec, st.s)
	}
	if downloadChanged {
		b[0] |= recDownload
		b = sh.appendDownload(b, st.d)
		sh.touchDownload(st.drec, st.d)
	}
	b = appendUses(b, sh.uses)
	b = appendTold(b, st.told)
	st.res.Unstored = !sh.write(st.all.journal, b)
}

// touch is the grid of times on which unchanged sessions are stored.
func (st *step) touch() int64 { return st.p.TouchInterval.Milliseconds() }

// write appends a record and remembers where the shard's first unflushed one is. After one that the
// journal could not take no other is written until a batch holds it, for it would speak of costs
// whose charges are nowhere; and those written then count only if that batch was stored.
func (sh *shard) write(j Journal, b []byte) bool {
	if sh.gap > 0 {
		b[0] |= recNeeds
		b = binary.LittleEndian.AppendUint64(b, uint64(sh.gap))
	}
	sh.rec = b[:0]
	if j == nil {
		return true
	}
	if sh.gap == gapOpen {
		return false
	}
	pos, err := j.Append(b)
	if err != nil {
		sh.gap = gapOpen
	} else if sh.pending < 0 {
		sh.pending = pos
	}
	return err == nil
}

// gapOpen says that a record is missing and not in a batch yet; else gap is the batch that has it.
const gapOpen = -1

// Stored says that a batch is in the store.
func (s *Swarms) Stored(b *Batch) {
	for _, p := range b.Shards {
		sh := &s.shards[p.Shard]
		sh.mu.Lock()
		if sh.gap == b.Number {
			sh.gap = 0
		}
		sh.mu.Unlock()
	}
}

func appendSession(b []byte, r SessionRow) []byte {
	b = append(b, r.PeerID[:]...)
	for _, n := range [...]int64{r.Generation, int64(r.Uploaded), int64(r.Downloaded), int64(r.Left), r.LastMs, r.SeedingMs, r.Flags} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	state := byte(0)
	for i, on := range [...]bool{r.Stopped, r.Refused, r.Paused, r.Funded} {
		if on {
			state |= 1 << i
		}
	}
	b = append(b, state)
	ip := netip.IPv6Unspecified()
	if r.Addr.IsValid() {
		ip = r.Addr.Addr()
	}
	a := ip.As16()
	b = append(b, a[:]...)
	return binary.LittleEndian.AppendUint16(b, r.Addr.Port())
}

// downloadRecord begins a record of a download alone.
func (sh *shard) downloadRecord(d *download) []byte {
	b := append(sh.rec[:0], recDownload)
	b = binary.LittleEndian.AppendUint32(b, uint32(d.torrent))
	b = binary.LittleEndian.AppendUint32(b, uint32(d.member))
	return sh.appendDownload(b, d)
}

func (sh *shard) appendDownload(b []byte, d *download) []byte {
	for _, n := range [...]int64{int64(d.metered), int64(d.pass), int64(d.billed), int64(d.maxLeft), int64(d.minLeft), int64(d.cost),
		int64(d.held.Tokens), int64(d.quote), int64(d.first), int64(d.extra), d.quoteMs, d.firstMs, d.completed, int64(d.costRem)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	if d.held.Free > 0 {
		b[0] |= recHold
		b = binary.LittleEndian.AppendUint64(b, uint64(d.held.Free))
	}
	if d.is(downIntro) {
		d.state &^= downIntro
		switch d.intro {
		case 0:
		case introEverybody:
			b[0] |= recAll
		default:
			b[0] |= recFilter
			b = append(b, sh.filters.at(d.intro)[:]...)
		}
	}
	return b
}

func appendUses(b []byte, uses []use) []byte {
	if len(uses) == 0 {
		return b
	}
	b[0] |= recUsage
	count := uint16(len(uses))
	for _, u := range uses {
		if u.allowed > 0 || u.free > 0 {
			count |= wideUses
		}
	}
	b = binary.LittleEndian.AppendUint16(b, count)
	for _, u := range uses {
		for _, n := range [...]int64{u.epoch, int64(u.billed), int64(u.claimed), int64(u.charge), u.fromMs, u.toMs, int64(u.network)} {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
		if count&wideUses != 0 {
			b = binary.LittleEndian.AppendUint64(b, uint64(u.allowed))
			b = binary.LittleEndian.AppendUint64(b, uint64(u.free))
		}
	}
	return b
}

func appendTold(b []byte, told []bt.MemberID) []byte {
	if len(told) == 0 {
		return b
	}
	b[0] |= recTold
	b = binary.LittleEndian.AppendUint16(b, uint16(len(told)))
	for _, m := range told {
		b = binary.LittleEndian.AppendUint32(b, uint32(m))
	}
	return b
}

// ErrRecord says that a journal record is not one that this package wrote.
var ErrRecord = errors.New("swarm: malformed journal record")

// reader takes a record apart; after its end everything is 0 and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.bad, r.b = true, nil
		return make([]byte, n)
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) i64() int64  { return int64(binary.LittleEndian.Uint64(r.take(8))) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u16() int    { return int(binary.LittleEndian.Uint16(r.take(2))) }

func (r *reader) session(k DownloadKey) (s SessionRow) {
	s.Member, s.Torrent = k.Member, k.Torrent
	copy(s.PeerID[:], r.take(len(s.PeerID)))
	s.Generation, s.Uploaded, s.Downloaded, s.Left = r.i64(), bt.Bytes(r.i64()), bt.Bytes(r.i64()), bt.Bytes(r.i64())
	s.LastMs, s.SeedingMs, s.Flags = r.i64(), r.i64(), r.i64()
	state := r.take(1)[0]
	s.Stopped, s.Refused, s.Paused, s.Funded = state&1 != 0, state&2 != 0, state&4 != 0, state&8 != 0
	ip := netip.AddrFrom16([16]byte(r.take(16))).Unmap()
	if port := uint16(r.u16()); port != 0 {
		s.Addr = netip.AddrPortFrom(ip, port)
	}
	for _, n := range [...]int64{s.Generation, int64(s.Uploaded), int64(s.Downloaded), int64(s.Left), s.LastMs, s.SeedingMs, s.Flags} {
		r.bad = r.bad || n < 0 || n > bt.MaxCounter
	}
	return s
}

func (r *reader) download(k DownloadKey, what byte) (d DownloadRow) {
	d.DownloadKey = k
	d.Metered, d.PassMetered, d.Billed = bt.Bytes(r.i64()), bt.Bytes(r.i64()), bt.Bytes(r.i64())
	d.MaxLeft, d.MinLeft, d.Cost, d.Reserved = bt.Bytes(r.i64()), bt.Bytes(r.i64()), amount(r.i64()), amount(r.i64())
	d.Quote, d.FirstQuote, d.Corroborated = amount(r.i64()), amount(r.i64()), bt.Bytes(r.i64())
	d.QuoteMs, d.FirstMs, d.Completed, d.CostRem = r.i64(), r.i64(), r.i64(), r.i64()
	if what&recHold != 0 {
		d.ReservedFree = bt.Bytes(r.i64())
	}
	switch {
	case what&recAll != 0:
		d.Introduced = Everybody()
	case what&recFilter != 0:
		d.Introduced = ParseIntroSet(r.take(introBytes))
	}
	for _, n := range [...]int64{int64(d.Metered), int64(d.PassMetered), int64(d.Billed), int64(d.MaxLeft), int64(d.MinLeft), int64(d.Cost),
		int64(d.Reserved), int64(d.ReservedFree), int64(d.Quote), int64(d.FirstQuote), int64(d.Corroborated), d.QuoteMs, d.FirstMs, d.Completed, d.CostRem} {
		r.bad = r.bad || n < 0 || n > maxRecorded
	}
	r.bad = r.bad || d.PassMetered > d.Metered || d.MinLeft > d.MaxLeft || d.Cost > tokens.MaxAmount || d.CostRem >= 1<<30
	return d
}

func (r *reader) uses() []use {
	out := make([]use, 0, 2)
	count := r.u16()
	for range count &^ wideUses {
		if r.bad {
			break
		}
		out = append(out, use{epoch: r.i64(), billed: bt.Bytes(r.i64()), claimed: bt.Bytes(r.i64()), charge: amount(r.i64()),
			fromMs: r.i64(), toMs: r.i64(), network: network(r.i64())})
		u := &out[len(out)-1]
		if count&wideUses != 0 {
			u.allowed, u.free = bt.Bytes(r.i64()), bt.Bytes(r.i64())
		}
		for _, n := range [...]int64{int64(u.billed), int64(u.claimed), int64(u.charge), int64(u.allowed), int64(u.free), u.fromMs, u.toMs} {
			r.bad = r.bad || n < 0 || n > maxRecorded
		}
	}
	return out
}

// Replay applies a journal record as if its announce came now, unless the rows that were loaded
// hold it already: it is to be called for every record in order, between Load and the first
// announce.
func (s *Swarms) Replay(pos int64, rec []byte) error {
	r := reader{b: rec}
	what := r.take(1)[0]
	k := DownloadKey{Torrent: bt.TorrentID(r.u32()), Member: bt.MemberID(r.u32())}
	if r.bad || k.Torrent > maxTorrent {
		return ErrRecord
	}
	sh := s.shard(k.Torrent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if pos < sh.stored {
		return nil
	}
	var session SessionRow
	var row DownloadRow
	var uses []use
	var told []bt.MemberID
	if what&recSession != 0 {
		session = r.session(k)
	}
	if what&recDownload != 0 {
		row = r.download(k, what)
	}
	if what&recUsage != 0 {
		uses = r.uses()
	}
	if what&recTold != 0 {
		for range r.u16() {
			if told = append(told, bt.MemberID(r.u32())); r.bad {
				break
			}
		}
	}
	if what&recNeeds != 0 && r.i64() > s.batch.Load() {
		sh.stored, sh.skipped = math.MaxInt64, true
		return nil
	}
	if r.bad || len(r.b) > 0 {
		return ErrRecord
	}
	if sh.pending < 0 {
		sh.pending = pos
	}
	if what&recDownload != 0 {
		s.replayDownload(sh, row, what&(recAll|recFilter) != 0)
	}
	if what&recSession != 0 {
		if rec, p := s.loadSession(sh, session); p != nil {
			sh.relist(rec, p)
			sh.touchPeer(rec, p)
		}
	}
	for _, u := range uses {
		sh.addUsage(k, u)
		if w := s.wallets(k.Member); w != nil {
			w.charge(u.charge, 0)
			w.use(u.allowed)
		}
	}
	for _, m := range told {
		if head, _ := sh.index.find(&sh.peers, m, k.Torrent); head != 0 && sh.peers.at(head).download != 0 {
			drec := sh.peers.at(head).download
			d := sh.downloads.at(drec)
			sh.introduce(d, k.Member)
			sh.touchDownload(drec, d)
		}
	}
	return nil
}

// maxRecorded bounds the numbers in records, so that sums of a few do not overflow; no amount and no
// count of bytes that the meter can have written is above it.
const maxRecorded = int64(maxMetered)

// maxTorrent bounds the numbers of torrents in records: they are indices.
const maxTorrent = 1 << 28

func (s *Swarms) replayDownload(sh *shard, row DownloadRow, introduced bool) {
	drec := sh.loaded[row.DownloadKey]
	if head, _ := sh.index.find(&sh.peers, row.Member, row.Torrent); head != 0 && sh.peers.at(head).download != 0 {
		drec = sh.peers.at(head).download
	}
	if drec != 0 && !introduced {
		row.Introduced = sh.introSet(sh.downloads.at(drec))
	}
	drec, d := s.loadDownload(sh, row, drec)
	sh.touchDownload(drec, d)
}
