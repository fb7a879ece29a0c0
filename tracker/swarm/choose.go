package swarm

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// answer fills in intervals and counts. A peer is counted once, by what it is now.
func (st *step) answer() {
	r := &st.res.Reply
	r.MinInterval = st.p.MinInterval
	r.Interval = st.p.LeecherInterval
	if st.s.isSeeding() || st.s.is(statePaused) {
		r.Interval = st.p.SeederInterval
	}
	if st.low {
		r.Interval /= 2
	}
	r.Interval = max(st.jitter(r.Interval), st.p.MinInterval).Truncate(time.Second)
	r.Complete, r.Incomplete = st.sw.complete(), st.sw.incomplete()
}

func (sw *swarm) complete() (n int) {
	for c := classBest; c <= classNew; c++ {
		n += sw.sets[c].len()
	}
	return n
}

func (sw *swarm) incomplete() int { return sw.sets[classLeech].len() + sw.sets[classBroke].len() }

// slotAt numbers the spans of MinInterval of which each peer gets one list: the same for repeats,
// nothing stored, nothing gained (PROTOCOLS §1). They begin at another moment for each peer.
func (st *step) slotAt(nowMs int64) int64 {
	every := st.p.MinInterval.Milliseconds()
	return (nowMs + int64(hashPeer(st.s.member, &st.s.id)%uint64(every))) / every
}

func (st *step) seed() uint64 { return mix(hashPeer(st.s.member, &st.s.id) ^ uint64(st.slot)) }

// jitter spreads announces: the same for repeats, another for each peer and slot.
func (st *step) jitter(d time.Duration) time.Duration {
	width := mulDiv(int64(d), st.p.JitterPPM, ppm)
	if width == 0 {
		return d
	}
	h := mix(st.seed() ^ 0x6a697474)
	return d + time.Duration(h%uint64(2*width+1)) - time.Duration(width)
}

// choose fills in up to NumWant addresses and notes who was introduced: leechers get proven
// seeders, the better standings with more of their number, then unproven ones, then leechers with
// a reservation; seeders and partial seeds get leechers only.
func (st *step) choose() {
	if st.s.class() == classLeech && st.sw.sets[classLeech].len() <= bt.MaxNumWant {
		st.sh.introduceAll(st.d) // whatever it asks for: seeders will be told of it
	}
	want := min(st.in.Announce.NumWant, bt.MaxNumWant)
	if want <= 0 {
		return
	}
	st.sh.named = st.sh.named[:0]
	pick := picker{st: st, want: want, all: true}
	if !st.s.isSeeding() && !st.s.is(statePaused) {
		pick.proven()
		pick.from(classNew, want)
	}
	pick.from(classLeech, want)
	st.introduce(&pick)
}

// picker collects one reply's peers.
type picker struct {
	st   *step
	want int  // addresses still wanted
	all  bool // everybody who could be named was
}

// proven takes from the tiers of proven seeders: each weighs twice as much a head as the one
// below it; what that leaves open is filled from the best down.
func (k *picker) proven() {
	var sum int
	for c := classBest; c <= classWorst; c++ {
		sum += k.weight(c)
	}
	if sum == 0 {
		return
	}
	want, named := k.want, [classCount]int{}
	total := 0
	for c := classBest; c <= classWorst; c++ {
		named[c] = min(k.others(c), (want*k.weight(c)+sum-1)/sum)
		total += named[c]
	}
	for c := classBest; c <= classWorst && total < want; c++ {
		more := min(want-total, k.others(c)-named[c])
		named[c], total = named[c]+more, total+more
	}
	for c := classBest; c <= classWorst; c++ {
		k.from(c, named[c])
	}
}

func (k *picker) weight(c int) int { return k.others(c) << (classWorst - c) }

// others counts the peers of a set that may be told to the asker.
func (k *picker) others(c int) int {
	n := k.st.sw.sets[c].len()
	if n == 0 || k.st.s.next == 0 && k.st.head == k.st.rec { // a leecher's only client is in none of these sets
		return n
	}
	return n - k.st.own(c)
}

// from takes up to n peers of a set.
func (k *picker) from(class, n int) {
	st, set := k.st, &k.st.sw.sets[class]
	if set.len() == 0 {
		return
	}
	own := st.own(class)
	n = min(n, k.want)
	if n+own < set.len() {
		k.all = false // somebody is left out
	}
	st.sh.runs = runs(st.sh.runs[:0], set.len(), n+own, st.seed()^uint64(class)<<56)
	for _, r := range st.sh.runs {
		for r.n > 0 && n > 0 {
			if k.want <= 0 { // a peer with two addresses takes two places
				k.all = false
				return
			}
			part := min(r.n, uint32(set.len())-r.from, uint32(n))
			if own == 0 && st.sw.peers6 == 0 && st.in.Announce.Compact {
				b := set.addrs[compact4*r.from : compact4*(r.from+part)]
				st.res.Reply.Peers4 = append(st.res.Reply.Peers4, b...)
				st.sh.named = append(st.sh.named, set.recs[r.from:r.from+part]...)
				k.want, n = k.want-int(part), n-int(part)
			} else {
				part = 1
				n -= k.one(set, r.from)
			}
			r.from, r.n = (r.from+part)%uint32(set.len()), r.n-part
		}
	}
}

// own counts the asker's own sessions in a set.
func (st *step) own(class int) (n int) {
	for rec := st.head; rec != 0; {
		p := st.sh.peers.at(rec)
		if p.class() == class {
			n++
		}
		rec = p.next
	}
	return n
}

// one names a single peer, in the families and the form that are wanted, unless it is the asker's
// own. It returns 1 if it did.
func (k *picker) one(set *set, pos uint32) int {
	st := k.st
	p := st.sh.peers.at(set.recs[pos])
	if p.member == st.s.member {
		return 0
	}
	fresh := st.nowMs - st.p.timeoutOf(p)
	var x addr6
	has6 := p.is(stateHas6)
	if has6 {
		x = st.sh.addrs6[set.recs[pos]]
	}
	named := 0
	if p.port4() != 0 && (!has6 || x.at4 >= fresh) {
		st.name(p, netip.AddrPortFrom(netip.AddrFrom4(p.addr4), p.port4()))
		named++
	}
	if has6 && (p.port4() == 0 || x.at6 >= fresh) && named < k.want {
		st.name(p, netip.AddrPortFrom(netip.AddrFrom16(x.ip), x.port))
		named++
	}
	if named > 0 {
		st.sh.named = append(st.sh.named, set.recs[pos])
	}
	k.want -= named
	return min(named, 1)
}

// name adds an address to the reply.
func (st *step) name(p *peer, a netip.AddrPort) {
	r := &st.res.Reply
	switch {
	case !st.in.Announce.Compact:
		r.Peers = append(r.Peers, bt.Peer{ID: p.id, Addr: a})
	case a.Addr().Is4():
		b := a.Addr().As4()
		r.Peers4 = append(append(r.Peers4, b[:]...), byte(a.Port()>>8), byte(a.Port()))
	default:
		b := a.Addr().As16()
		r.Peers6 = append(append(r.Peers6, b[:]...), byte(a.Port()>>8), byte(a.Port()))
	}
}

// introduce notes that the tracker gave one of two the other's address; a download remembers to
// whom. While the leechers fit into one reply every seeder is told of all of them at its own next
// announce, and a leecher that was told of everybody knows them: both are introduced to everybody.
func (st *step) introduce(k *picker) {
	crowd := st.sw.sets[classLeech].len() > bt.MaxNumWant
	if st.s.isSeeding() {
		if crowd && !st.again() {
			st.introduceSeeder()
		}
		st.s.setTold(crowd && st.in.Announce.NumWant >= bt.MaxNumWant)
		return
	}
	st.s.setTold(false)
	if k.all || !crowd {
		st.sh.introduceAll(st.d)
		return
	}
	if list := st.sw.version ^ uint32(st.slot)*0x9e3779b9 | 1; st.d.listed != list { // not a repeat
		st.d.listed = list
		for _, rec := range st.sh.named {
			st.sh.introduce(st.d, st.sh.peers.at(rec).member)
		}
	}
}

// again reports whether a seeder gets the very list that it got at its last announce: noting it costs
// more than making it.
func (st *step) again() bool {
	last := st.before.lastMs
	return st.s.told() && st.in.Announce.NumWant >= bt.MaxNumWant && st.sw.crowdMs < last && st.slotAt(last) == st.slot
}

// introduceSeeder notes the asker in the downloads of the leechers it was told of.
func (st *step) introduceSeeder() {
	for _, rec := range st.sh.named {
		drec := st.sh.peers.at(rec).download
		if d := st.sh.downloads.at(drec); st.sh.introduce(d, st.s.member) {
			d.state &^= downIntro // recorded here, not with the leecher's next announce
			st.sh.touchDownload(drec, d)
			st.told = append(st.told, d.member)
		}
	}
}

func (sh *shard) introduceAll(d *download) {
	if d.intro != introEverybody {
		d.intro = introEverybody
		d.state |= downIntro
	}
}

// introduce adds a member to a download's filter and reports whether that is news.
func (sh *shard) introduce(d *download, m bt.MemberID) bool {
	if d.intro == introEverybody {
		return false
	}
	if d.intro == 0 {
		d.intro = sh.filters.grow()
	}
	at, bit := introBit(m)
	f := sh.filters.at(d.intro)
	if f[at]&bit != 0 {
		return false
	}
	f[at] |= bit
	d.state |= downIntro
	return true
}

func (sh *shard) introSet(d *download) (s IntroSet) {
	switch d.intro {
	case 0:
	case introEverybody:
		s.everybody = true
	default:
		s.filter = *sh.filters.at(d.intro)
	}
	return s
}

func (sh *shard) setIntro(d *download, s IntroSet) {
	switch {
	case s.everybody:
		d.intro = introEverybody
	case s.filter != [introBytes]byte{}:
		if d.intro == 0 || d.intro == introEverybody {
			d.intro = sh.filters.grow()
		}
		*sh.filters.at(d.intro) = s.filter
	}
}
