package availability

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Seed is an epoch's secret: committed to before, revealed after, so that anyone can recompute the
// epoch's draws (SECURITY 12).
type Seed [32]byte

// Hash is what is published of the seed before: its SHA-256.
func (s Seed) Hash() [32]byte { return sha256.Sum256(s[:]) }

func (s Seed) String() string { return hex.EncodeToString(s[:]) }

// MarshalText writes the seed in hexadecimal, once it is no secret any more.
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes what MarshalText gives.
func (s *Seed) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(s) {
		return fmt.Errorf("%q is no seed: want %d bytes in hexadecimal", text, len(s))
	}
	copy(s[:], b)
	return nil
}

// stream is the sequence SHA-256(seed ‖ purpose ‖ 0 ‖ numbers ‖ counter), counter = 0, 1, …, read
// as unsigned 64-bit big-endian numbers, four per hash.
type stream struct {
	prefix  []byte
	counter uint64
	sum     [32]byte
	used    int
}

func (s Seed) stream(purpose string, numbers ...int64) *stream {
	b := append(make([]byte, 0, 96), s[:]...)
	b = append(b, purpose...)
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

// blocks draws one block of each of n different pieces of those that the claim claims: Fisher–Yates on
// an array that is never built, and after each piece the block's number, below the blocks of a whole
// piece (a carrier takes it modulo those of a shorter one). A shorter draw is the beginning of a
// longer one.
func (s Seed) blocks(c Claim, draw int64, n int) []Target {
	stream := s.stream("blocks", c.ID, int64(c.Torrent), draw)
	claimed := c.claimed()
	perPiece := max(1, (uint64(c.PieceLength)+blockSize-1)/blockSize)
	moved := map[int]int{}
	at := func(i int) int {
		if v, ok := moved[i]; ok {
			return v
		}
		return i
	}
	targets := make([]Target, min(n, claimed))
	for i := range targets {
		j := i + int(stream.below(uint64(claimed-i)))
		piece := at(j)
		moved[j] = at(i)
		targets[i] = Target{Piece: c.Have.nth(piece), Block: int(stream.below(perPiece))}
	}
	return targets
}

const blockSize = 16 << 10 // BEP 3
