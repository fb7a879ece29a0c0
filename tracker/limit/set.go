package limit

import "sync"

// ways is how many buckets share a set: with their lock they fill two cache lines.
const ways = 7

// set holds buckets under one lock. An unused way has tag 0 and is full since 0, so that it is
// the first to be replaced.
type set struct {
	mu   sync.Mutex
	tags [ways]uint64 // hashes of the keys
	full [ways]int64  // when each bucket is full again, Unix nanoseconds
	_    [8]byte
}

// find returns the way of a tag, or -1.
func (s *set) find(tag uint64) int {
	for i := range s.tags {
		if s.tags[i] == tag {
			return i
		}
	}
	return -1
}

// replace gives a new tag the way whose bucket is full soonest. No bucket is rightly full later
// than latest; those that claim it were filled before the clock stepped back, and would
// otherwise keep their ways until it has caught up.
func (s *set) replace(tag uint64, latest int64) int {
	soonest := 0
	for i := range s.full {
		s.full[i] = min(s.full[i], latest)
		if s.full[i] < s.full[soonest] {
			soonest = i
		}
	}
	s.tags[soonest], s.full[soonest] = tag, 0
	return soonest
}

// ready reports whether a bucket holds an event. One that claims to be emptier than empty is
// taken for empty from now on, or else a clock that stepped back would lock its key out.
func (s *set) ready(i int, nowNs, per, window int64) bool {
	s.full[i] = min(s.full[i], nowNs+window)
	return s.full[i]-nowNs <= window-per
}
