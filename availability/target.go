package availability

import (
	"encoding/hex"
	"fmt"
)

// Whole as Target.Block asks for the piece as a whole.
const Whole = -1

// Target is what an audit asks for: one block of 16 KiB of a piece, or the piece as a whole.
type Target struct {
	Piece int `json:"piece"`
	Block int `json:"block"`
}

func (t Target) String() string {
	if t.Block == Whole {
		return fmt.Sprintf("piece %d", t.Piece)
	}
	return fmt.Sprintf("block %d of piece %d", t.Block, t.Piece)
}

// Sum is a hash: SHA-1 of a v1 piece, SHA-256 of a block, or what a v2 torrent says of a piece
// (BEP 52). Hexadecimal in JSON.
type Sum []byte

func (s Sum) String() string { return hex.EncodeToString(s) }

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes what MarshalText gives.
func (s *Sum) UnmarshalText(text []byte) (err error) {
	*s, err = hex.DecodeString(string(text))
	return err
}

// Result is what was seen of one target: the evidence. Want is what its bytes should hash to, Got
// what they do; Got is empty if they did not all arrive.
type Result struct {
	Target
	Whole   bool    `json:"whole,omitempty"` // the whole piece was fetched, for want of a sum of the block
	Verdict Verdict `json:"verdict"`
	Want    Sum     `json:"want,omitempty"`
	Got     Sum     `json:"got,omitempty"`
	Reason  string  `json:"reason,omitempty"` // for people: "choked for 45s"
}

// Leaves are the SHA-256 sums of a piece's blocks, in order: the part of a torrent's manifest that
// lets one block be checked by itself. They were computed from a piece that had its right hash, or
// lead to it by themselves (v2).
type Leaves struct {
	Piece int
	Sums  [][32]byte
}
