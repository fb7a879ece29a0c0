package web

import (
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
)

// edPoint is one of edwards25519.
type edPoint struct{ x, y *big.Int }

// add is RFC 8032 §5.1.4 in affine coordinates: −x² + y² = 1 + d·x²·y².
func (p edPoint) add(q edPoint) edPoint {
	m := fieldPrime()
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), m))
	mul := func(a ...*big.Int) *big.Int {
		out := big.NewInt(1)
		for _, x := range a {
			out.Mod(out.Mul(out, x), m)
		}
		return out
	}
	k := mul(d, p.x, q.x, p.y, q.y)
	over := func(a, b *big.Int) *big.Int { return mul(a, new(big.Int).ModInverse(new(big.Int).Mod(b, m), m)) }
	one := big.NewInt(1)
	return edPoint{
		over(new(big.Int).Add(mul(p.x, q.y), mul(p.y, q.x)), new(big.Int).Add(one, k)),
		over(new(big.Int).Add(mul(p.y, q.y), mul(p.x, q.x)), new(big.Int).Sub(one, k)),
	}
}

func (p edPoint) String() string { return p.x.String() + " " + p.y.String() }

// decoded is RFC 8032 §5.1.3, but for that y may be p and more.
func decoded(t *testing.T, text string) (edPoint, bool) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 32 {
		t.Fatalf("%q is no key", text)
	}
	slices.Reverse(key)
	m := fieldPrime()
	y := new(big.Int).SetBytes(key)
	y.Mod(y, m)
	y2 := new(big.Int).Mul(y, y)
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), m))
	below := new(big.Int).ModInverse(new(big.Int).Mod(new(big.Int).Add(new(big.Int).Mul(d, y2), big.NewInt(1)), m), m)
	x2 := new(big.Int).Mul(new(big.Int).Sub(y2, big.NewInt(1)), below)
	x := new(big.Int).ModSqrt(x2.Mod(x2, m), m)
	return edPoint{x, y}, x != nil
}

// TestSmallOrder: the listed points are the eight whose order divides 8, each with both signs, and no others.
func TestSmallOrder(t *testing.T) {
	m := fieldPrime()
	seen := map[string]bool{}
	for _, text := range smallOrder {
		p, ok := decoded(t, text)
		if !ok {
			t.Fatalf("%s is not on the curve", text)
		}
		eight := p
		for range 3 {
			eight = eight.add(eight)
		}
		if eight.x.Sign() != 0 || eight.y.Cmp(big.NewInt(1)) != 0 {
			t.Errorf("%s: eight times it is %v", text, eight)
		}
		minus := edPoint{new(big.Int).Mod(new(big.Int).Neg(p.x), m), p.y}
		seen[p.String()], seen[minus.String()] = true, true
	}
	if len(seen) != 8 {
		t.Errorf("%d points have small order, want 8", len(seen))
	}
}

func TestSoundKey(t *testing.T) {
	for _, text := range append(slices.Clone(smallOrder),
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, which is 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
		"f5ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 8
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f") {
		key, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			key[31] |= sign
			if soundKey([32]byte(key)) {
				t.Errorf("%x was taken", key)
			}
		}
	}
	for i := range 100 {
		seed := make([]byte, 32)
		seed[0] = byte(i)
		key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		if !soundKey([32]byte(key)) {
			t.Errorf("%x was refused", key)
		}
	}
	if !soundKey([32]byte(append(make([]byte, 31), 0x10))) {
		t.Error("a number below p was refused")
	}
}
