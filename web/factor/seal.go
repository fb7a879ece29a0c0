package factor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// Seal makes short-lived secrets that need not be stored: whoever shows one later shows that it was
// made here, for that purpose, and when it ends. What may happen once only is spent when it happens.
// Seals end with the program.
type Seal struct {
	key   [32]byte
	mu    sync.Mutex
	spent map[[sha256.Size]byte]time.Time // until when it must be remembered
}

const (
	nonceBytes = 16
	untilBytes = 8
	headBytes  = nonceBytes + untilBytes
	maxSpent   = 100_000 // remembered; above, nothing more is spent until some end
)

// NewSeal returns a seal with a random key.
func NewSeal(key [32]byte) *Seal {
	return &Seal{key: key, spent: map[[sha256.Size]byte]time.Time{}}
}

// Make seals a body for a purpose until a time, to the second. The nonce is random.
func (s *Seal) Make(purpose string, body []byte, nonce [nonceBytes]byte, until time.Time) []byte {
	out := append([]byte(nil), nonce[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(until.Unix()))
	out = append(out, body...)
	return append(out, s.sign(purpose, out)...)
}

// Open returns the body of what Make made for the purpose, if its time is not over.
func (s *Seal) Open(purpose string, sealed []byte, now time.Time) (body []byte, ok bool) {
	end := len(sealed) - sha256.Size
	if end < headBytes || !hmac.Equal(sealed[end:], s.sign(purpose, sealed[:end])) {
		return nil, false
	}
	return sealed[headBytes:end], now.Before(untilOf(sealed))
}

// Spend uses up what Open opened: of all who spend the same, one gets true.
func (s *Seal) Spend(sealed []byte, now time.Time) bool {
	id := sha256.Sum256(sealed)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, used := s.spent[id]; used {
		return false
	}
	if len(s.spent) >= maxSpent {
		s.forget(now)
	}
	if len(s.spent) >= maxSpent {
		return false
	}
	s.spent[id] = untilOf(sealed)
	return true
}

func (s *Seal) forget(now time.Time) {
	for id, until := range s.spent {
		if !now.Before(until) {
			delete(s.spent, id)
		}
	}
}

func untilOf(sealed []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(sealed[nonceBytes:headBytes])), 0)
}

func (s *Seal) sign(purpose string, text []byte) []byte {
	h := hmac.New(sha256.New, s.key[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(purpose))))
	h.Write([]byte(purpose))
	h.Write(text)
	return h.Sum(nil)
}
