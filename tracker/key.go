package tracker

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Secret is what a member's announce keys are made with; a reset replaces it.
type Secret [32]byte

// macLen is how much of the HMAC-SHA256 a key carries: 128 bits.
const macLen = 16

// keyLen is the length of a key: 8 hex digits of member, 32 of MAC.
const keyLen = 8 + 2*macLen

// Key is a parsed announce key. It proves nothing until Matches says so.
type Key struct {
	Member bt.MemberID
	mac    [macLen]byte
}

// KeyFor returns the announce key of a member for one torrent: a leaked .torrent exposes one.
func KeyFor(secret Secret, m bt.MemberID, h bt.InfoHash) string {
	mac := macOf(&secret, &h)
	return fmt.Sprintf("%08x%s", uint32(m), hex.EncodeToString(mac[:]))
}

// ParseKey reads the form of a key, in either case of hex digits.
func ParseKey(s string) (k Key, ok bool) {
	if len(s) != keyLen {
		return k, false
	}
	var b [keyLen / 2]byte
	if _, err := hex.Decode(b[:], []byte(s)); err != nil {
		return k, false
	}
	k.Member = bt.MemberID(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	copy(k.mac[:], b[4:])
	return k, true
}

// Matches reports, in constant time, whether the key was made with the secret for one of the
// info-hashes (a hybrid torrent has two, and one announce URL).
func (k Key) Matches(secret Secret, hashes ...bt.InfoHash) bool {
	ok := false
	for i := range hashes {
		mac := macOf(&secret, &hashes[i])
		ok = subtle.ConstantTimeCompare(mac[:], k.mac[:]) == 1 || ok
	}
	return ok
}

// macOf is HMAC-SHA256 (RFC 2104) of an info-hash, cut to 128 bits. It is written out because one
// is made at every announce: this way nothing is allocated.
func macOf(secret *Secret, h *bt.InfoHash) (out [macLen]byte) {
	var inner [sha256.BlockSize + len(bt.InfoHash{})]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	for i := range sha256.BlockSize {
		b := byte(0)
		if i < len(secret) {
			b = secret[i]
		}
		inner[i], outer[i] = b^0x36, b^0x5c
	}
	copy(inner[sha256.BlockSize:], h[:])
	sum := sha256.Sum256(inner[:])
	copy(outer[sha256.BlockSize:], sum[:])
	sum = sha256.Sum256(outer[:])
	copy(out[:], sum[:])
	return out
}
