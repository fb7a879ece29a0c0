package factor

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

const (
	// RecoveryCodes is how many are made at a time.
	RecoveryCodes = 10
	// maxCodeText bounds what is hashed of what somebody typed.
	maxCodeText = 64
)

// IsTOTP reports whether what somebody typed has the form of an authenticator's code; otherwise it
// may be a recovery code.
func IsTOTP(code string) bool { return looksLikeTOTP(squeeze(code)) }

// RecoveryHash is how a recovery code of a member is kept. A code is random enough (80 bits) for a
// plain hash; the member's number makes equal codes of two members different. Case, blanks and dashes
// do not matter.
func RecoveryHash(member int64, code string) []byte {
	h := sha256.New()
	h.Write([]byte("swarmstake recovery code\n"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(member)))
	h.Write([]byte(strings.ToUpper(squeeze(code[:min(len(code), maxCodeText)]))))
	return h.Sum(nil)
}
