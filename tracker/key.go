// Package tracker answers announces and scrapes over HTTP (PROTOCOLS §1): it reads the request,
// recognises the personal key, asks the gate, hands the announce to the swarms, waits for the
// commit where ECONOMY §3 asks for one, and writes the reply.
//
// It promises: every answer but overload is HTTP 200 with bencode inside; every refusal is a
// sentence that says what to do; a key is never logged; every well-formed announce of a known key
// is metered, refused or not. It knows no SQL and no arithmetic of money.
package tracker

import (
	"crypto/hmac"
	"crypto/sha256"
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
	mac := macOf(secret, h)
	return fmt.Sprintf("%08x%s", uint32(m), hex.EncodeToString(mac[:]))
}

// ParseKey reads the form of a key, in either case of hex digits.
func ParseKey(s string) (k Key, ok bool) {
	if len(s) != keyLen {
		return k, false
	}
	b, err := hex.DecodeString(s)
	if err != nil {
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
	for _, h := range hashes {
		mac := macOf(secret, h)
		ok = hmac.Equal(mac[:], k.mac[:]) || ok
	}
	return ok
}

func macOf(secret Secret, h bt.InfoHash) (out [macLen]byte) {
	m := hmac.New(sha256.New, secret[:])
	m.Write(h[:])
	copy(out[:], m.Sum(nil))
	return out
}
