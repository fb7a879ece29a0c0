package availability

import "math/bits"

// Bitmap says which pieces somebody has: piece 0 is the highest bit of the first byte, spare bits
// are 0 (BEP 3). nil stands for all.
type Bitmap []byte

// Has reports whether piece i is among them.
func (b Bitmap) Has(i int) bool {
	return b == nil || i >= 0 && i/8 < len(b) && b[i/8]&(0x80>>(i%8)) != 0
}

// Count returns how many of the torrent's pieces it has.
func (b Bitmap) Count(pieces int) int {
	if b == nil {
		return pieces
	}
	n := 0
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}

// nth returns the i-th piece, from 0, of those that it has.
func (b Bitmap) nth(i int) int {
	if b == nil {
		return i
	}
	for at, x := range b {
		n := bits.OnesCount8(x)
		if i >= n {
			i -= n
			continue
		}
		for bit := 0; ; bit++ {
			if x&(0x80>>bit) == 0 {
				continue
			}
			if i == 0 {
				return 8*at + bit
			}
			i--
		}
	}
	return -1
}

// Fits reports whether it is a bitmap of so many pieces: its length, and no spare bit set.
func (b Bitmap) Fits(pieces int) bool {
	if b == nil {
		return true
	}
	spare := 8*len(b) - pieces
	return len(b) == (pieces+7)/8 && (spare == 0 || b[len(b)-1]&(1<<spare-1) == 0)
}

// Within reports whether everything in b is in c too.
func (b Bitmap) Within(c Bitmap) bool {
	switch {
	case c == nil:
		return true
	case b == nil || len(b) != len(c):
		return false
	}
	for i := range b {
		if b[i]&^c[i] != 0 {
			return false
		}
	}
	return true
}
