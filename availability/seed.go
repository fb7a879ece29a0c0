package availability

import (
	"crypto/sha256"
	"encoding/binary"
)

// Seed is an epoch's secret: committed to before, revealed after, so that anyone can recompute the
// epoch's draws (SECURITY 12).
type Seed [32]byte

// stream is the sequence SHA-256(seed ‖ purpose ‖ 0 ‖ numbers ‖ counter), counter = 0, 1, …, read
// as unsigned 64-bit big-endian numbers, four per hash.
type stream struct {
	prefix  []byte
	counter uint64
	sum     [32]byte
	used    int
}

func (s Seed) stream(purpose string, numbers ...int64) *stream {
	b := append(s[:], purpose...)
	b = append(b, 0)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return &stream{prefix: b, used: len(stream{}.sum)}
}

func (s *stream) next() uint64 {
	if s.used == len(s.sum) {
		s.sum = sha256.Sum256(binary.BigEndian.AppendUint64(s.prefix, s.counter))
		s.counter, s.used = s.counter+1, 0
	}
	u := binary.BigEndian.Uint64(s.sum[s.used:])
	s.used += 8
	return u
}

// below returns a uniform number in [0, n): the few values that would favour the small ones are
// thrown away.
func (s *stream) below(n uint64) uint64 {
	reject := -n % n // 2^64 mod n
	for {
		if u := s.next(); u >= reject {
			return u % n
		}
	}
}

// pick draws n different pieces of the claim's torrent. The draw changes only with a verdict
// (LastAuditMs), not with a retry: a claimant cannot stay silent until it likes the pieces. A
// shorter draw is the beginning of a longer one.
func pick(seed Seed, c Claim, n int) []int {
	s := seed.stream("pieces", c.ID, int64(c.Torrent), c.LastAuditMs)
	moved := map[int]int{} // Fisher–Yates on an array that is never built
	at := func(i int) int {
		if v, ok := moved[i]; ok {
			return v
		}
		return i
	}
	pieces := make([]int, n)
	for i := range pieces {
		j := i + int(s.below(uint64(c.Pieces-i)))
		pieces[i], moved[j] = at(j), at(i)
	}
	return pieces
}
