package swarm

import "github.com/swarmstake/swarmstake/tracker/bt"

// introBytes is the size of a download's filter of introductions. 512 bits, one for each member
// told of: exact for whoever was told, and wrong for a stranger in one of 512/n cases after n
// introductions, which lets a proven, present seeder of the same torrent be paid and nothing else.
const introBytes = 64

// IntroSet says to whom a download was introduced: the tracker gave one of the two the other's
// address. While a swarm is so small that every reply names everybody, it is just that.
type IntroSet struct {
	everybody bool
	filter    [introBytes]byte
}

// introAll is how "everybody" is stored: one byte, which no filter is.
const introAll = 1

// ParseIntroSet reads what Bytes wrote; anything else is the empty set.
func ParseIntroSet(b []byte) (s IntroSet) {
	switch len(b) {
	case 1:
		s.everybody = b[0] == introAll
	case introBytes:
		copy(s.filter[:], b)
	}
	return s
}

// Bytes is the stored form: nothing, one byte for everybody, or the filter.
func (s IntroSet) Bytes() []byte {
	switch {
	case s.everybody:
		return []byte{introAll}
	case s.filter == [introBytes]byte{}:
		return []byte{}
	}
	return s.filter[:]
}

// Has reports whether the member was introduced.
func (s IntroSet) Has(m bt.MemberID) bool {
	i, bit := introBit(m)
	return s.everybody || s.filter[i]&bit != 0
}

// Add introduces a member; it reports whether that is news.
func (s *IntroSet) Add(m bt.MemberID) bool {
	if s.Has(m) {
		return false
	}
	i, bit := introBit(m)
	s.filter[i] |= bit
	return true
}

// Everybody returns the set of all members.
func Everybody() IntroSet { return IntroSet{everybody: true} }

func introBit(m bt.MemberID) (at int, bit byte) {
	h := mix(uint64(m)) % (8 * introBytes)
	return int(h / 8), 1 << (h % 8)
}
