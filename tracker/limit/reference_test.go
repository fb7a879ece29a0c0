package limit_test

import (
	"net/netip"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/limit"
)

// bucket is the textbook token bucket that a table is held against: a level that rises with time.
// Its unit is the nanosecond of time that a token is worth, so that nothing is rounded.
type bucket struct{ level, last int64 }

func newBucket(r limit.Rate, now int64) *bucket {
	return &bucket{level: int64(r.Per) * int64(r.Burst), last: now}
}

func (b *bucket) has(r limit.Rate, now int64) bool {
	b.level = min(b.level+now-b.last, int64(r.Per)*int64(r.Burst))
	b.last = now
	return b.level >= int64(r.Per)
}

func (b *bucket) allow(r limit.Rate, now int64) bool {
	ok := b.has(r, now)
	if ok {
		b.level -= int64(r.Per)
	}
	return ok
}

// oneSet is the size of a table whose keys all share a set.
const oneSet = 7

// start is a time of day to begin at, in Unix nanoseconds.
const start = int64(1_800_000_000e9)

func key(i int) limit.Key { return limit.MemberTorrent(1, bt.MemberID(i), 7) }

// netKey is the key of the i-th /48 of the documentation's 2001:db8::/32.
func netKey(i int) limit.Key {
	return limit.Network(2, netip.AddrFrom16([16]byte{0x20, 0x01, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
}

// drain takes events until there is none and returns how many there were.
func drain(t *limit.Table, k limit.Key, r limit.Rate, now int64) (n int) {
	for n <= r.Burst && t.Allow(k, r, now) {
		n++
	}
	return n
}
