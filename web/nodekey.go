package web

import (
	"encoding/hex"
	"math/big"
	"slices"
)

// smallOrder are the canonical encodings, without the sign, of the points of edwards25519 whose order divides
// 8: with one of them as a key, signatures verify that nobody's secret made (RFC 8032 §8.9 leaves this to
// whoever takes keys). Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020), table 1.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// fieldPrime is 2^255 − 19, of the field of edwards25519.
func fieldPrime() *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	return p.Sub(p, big.NewInt(19))
}

// soundKey reports whether an Ed25519 public key can stand for one secret: it is written in the one canonical
// way (RFC 8032 §5.1.3: y < p) and is no point of small order.
func soundKey(key [32]byte) bool {
	key[31] &= 0x7f // the sign of x
	if slices.Contains(smallOrder, hex.EncodeToString(key[:])) {
		return false
	}
	slices.Reverse(key[:])
	return new(big.Int).SetBytes(key[:]).Cmp(fieldPrime()) < 0
}
