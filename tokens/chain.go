package tokens

import (
	"crypto/sha256"
	"encoding/binary"
)

// Head is the state of the hash chain after some transfer: it commits to every transfer before.
type Head [32]byte

// Next returns the head after t: SHA-256(previous head ‖ canonical t). buf is scratch space that
// is reused; pass the returned slice to the next call.
//
// Canonical form: for each of id, asset, from, to, code, ref its length as 2 bytes big-endian and
// its bytes; then amount and time as 8 bytes big-endian.
func (h Head) Next(t Transfer, buf []byte) (Head, []byte) {
	buf = append(buf[:0], h[:]...)
	for _, s := range [...]string{t.ID, string(t.Asset), string(t.From), string(t.To), string(t.Code), t.Ref} {
		buf = binary.BigEndian.AppendUint16(buf, uint16(len(s)))
		buf = append(buf, s...)
	}
	buf = binary.BigEndian.AppendUint64(buf, uint64(t.Amount))
	buf = binary.BigEndian.AppendUint64(buf, uint64(t.AtMs))
	return sha256.Sum256(buf), buf
}

// Tag is the part of the head kept beside each transfer, so that a verifier can name the first row
// that was altered; whole heads are kept per batch.
func (h Head) Tag() int64 { return int64(binary.BigEndian.Uint64(h[:8])) }
