package swarm

// The sets of peers of one swarm, best first (PROTOCOLS §1). A peer is in one of them at most.
const (
	notListed  = 0 // stopped, silent or refused
	classBest  = 1 // proven seeders by reputation and spare capacity: classBest to classWorst
	classWorst = 4
	classNew   = 5 // seeders that no audit has proven
	classLeech = 6 // leechers with a reservation
	classBroke = 7 // leechers without one: counted, told to nobody
	classCount = 8
)

// Tiers is how many standings a proven seeder can have: 1 is the worst, Tiers the best.
const Tiers = classWorst - classBest + 1

// set is an unordered list of peers with their IPv4 addresses ready packed (BEP 23), so that a
// reply is a few copies.
type set struct {
	recs  []uint32
	addrs []byte // 6 bytes each
}

const compact4 = 6

func (s *set) len() int { return len(s.recs) }

// resize moves the set into memory for n peers.
func (s *set) resize(n int) {
	recs, addrs := make([]uint32, len(s.recs), n), make([]byte, len(s.addrs), compact4*n)
	copy(recs, s.recs)
	copy(addrs, s.addrs)
	s.recs, s.addrs = recs, addrs
}

// enter lists a peer and returns its place.
func (s *set) enter(rec uint32, p *peer) uint32 {
	if n := len(s.recs); n == cap(s.recs) {
		s.resize(n + n/4 + 4)
	}
	n := len(s.recs)
	s.recs = append(s.recs, rec)
	s.addrs = s.addrs[:compact4*(n+1)]
	s.pack(uint32(n), p)
	return uint32(n)
}

func (s *set) pack(pos uint32, p *peer) {
	b := s.addrs[compact4*pos : compact4*pos+compact4]
	port := p.port4()
	b[0], b[1], b[2], b[3], b[4], b[5] = p.addr4[0], p.addr4[1], p.addr4[2], p.addr4[3], byte(port>>8), byte(port)
}

// leave takes the peer at pos out; the last one takes its place.
func (s *set) leave(pos uint32, peers *pool[peer]) {
	last := uint32(len(s.recs) - 1)
	moved := s.recs[last]
	s.recs[pos] = moved
	copy(s.addrs[compact4*pos:compact4*pos+compact4], s.addrs[compact4*last:])
	peers.at(moved).pos = pos
	s.recs, s.addrs = s.recs[:last], s.addrs[:compact4*last]
	if n := len(s.recs); n == 0 || 4*n+16 < cap(s.recs) {
		s.resize(n + n/4)
	}
}

// window is how many neighbours are taken together.
const window = 5

// run is part of a set: n places from a place on, round the end.
type run struct {
	from, n uint32
}

// runs chooses want places of a set of n, none twice, the same for the same seed: all, or one run
// where nearly all are wanted, else windows spread evenly over the set from a random place on.
func runs(dst []run, n, want int, seed uint64) []run {
	switch {
	case want <= 0 || n == 0:
		return dst
	case want >= n:
		return append(dst, run{0, uint32(n)})
	case n <= 2*want:
		return append(dst, run{uint32(mix(seed) % uint64(n)), uint32(want)})
	}
	turn := mix(seed) % uint64(n)
	k := (want + window - 1) / window
	for i := range k {
		from, to := i*n/k, (i+1)*n/k
		size := want*(i+1)/k - want*i/k
		start := uint64(from) + mix(seed+uint64(i)+1)%uint64(to-from-size+1)
		dst = append(dst, run{uint32((start + turn) % uint64(n)), uint32(size)})
	}
	return dst
}
