package tokens

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
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

// String is the form in which heads are published: 64 lower-case hexadecimal digits.
func (h Head) String() string { return hex.EncodeToString(h[:]) }

// ErrHead says that a text is no chain head.
var ErrHead = errors.New("a chain head is 64 hexadecimal digits")

// ParseHead reads what String gives; capital digits are taken too. ErrHead for anything else.
func ParseHead(s string) (Head, error) {
	var h Head
	if len(s) != 2*len(h) {
		return h, ErrHead
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Head{}, ErrHead
	}
	return h, nil
}

// RowSum is the checksum kept in each row: CRC-32C of its number, its tag and its canonical transfer.
// row counts from 1; tag is the one beside the row, scratch what Next returned for it. The chain proves
// that nothing was changed; this tells which rows of one batch were, where the chain stops at the
// first.
func RowSum(row int64, tag int64, scratch []byte) int64 {
	var num [16]byte
	binary.BigEndian.PutUint64(num[:8], uint64(row))
	binary.BigEndian.PutUint64(num[8:], uint64(tag))
	sum := crc32.Update(0, castagnoli, num[:])
	return int64(crc32.Update(sum, castagnoli, scratch[len(Head{}):]))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
