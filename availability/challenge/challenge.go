// Package challenge carries audits to nodes that cannot be dialled: the node's daemon fetches its
// challenge over HTTPS and sends what it is asked for, while on the peer wire the tracker would
// connect to it (ECONOMY §7). The package owns the challenge, the answer's bytes (WriteAnswer,
// ReadAnswer), what an answer proves (Check) and the desk where open challenges wait (Desk). The
// server, the web routes and the daemon share it; it reads no clock and no random source.
//
// It promises (SECURITY 12): an answer counts once, for one node, torrent, epoch and 32-byte nonce,
// and only if all of it arrived by the deadline; what is read is bounded by what was asked for. An
// answer that was cut off, has another form or answers something else is no answer: the challenge
// stays open until its deadline, and without an answer it is late. Wrong bytes, and hashes that do
// not lead from the bytes to the torrent's own, are corrupt.
package challenge

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Bounds of one challenge, in the daemon as in the server.
const (
	MaxItems = 100_000
	// MaxBytes is the most payload that is asked for: four pieces of the largest kind.
	MaxBytes bt.Bytes = 64 << 20
)

// Nonce makes a challenge one that nobody could have answered before. Hexadecimal in JSON.
type Nonce [32]byte

// MarshalText implements encoding.TextMarshaler.
func (n Nonce) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, n[:]), nil }

// UnmarshalText takes what MarshalText gives.
func (n *Nonce) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(n)) {
		return fmt.Errorf("a nonce of %d characters: want %d hex digits", len(text), hex.EncodedLen(len(n)))
	}
	if _, err := hex.Decode(n[:], text); err != nil {
		return fmt.Errorf("nonce: %w", err)
	}
	return nil
}

// Challenge asks one node for parts of one torrent.
type Challenge struct {
	ID       int64
	Nonce    Nonce
	Node     bt.NodeID
	InfoHash bt.InfoHash
	Epoch    int64
	Time     time.Duration // for the answer, from its delivery
	Deadline time.Time     // while it waits: of its delivery; from then on: of the answer
	Bytes    bt.Bytes      // payload of a full answer
	Items    []Item
}

// Item is one thing asked for: a block of 16 KiB, or a whole piece because no block of it can be
// checked alone. The padding that aligns files is never sent.
type Item struct {
	Piece int  `json:"piece"`
	Block int  `json:"block"`
	Whole bool `json:"whole,omitempty"`
}

// Delivered is when the node got the challenge.
func (c Challenge) Delivered() time.Time { return c.Deadline.Add(-c.Time) }

// form is a Challenge in JSON.
type form struct {
	ID       int64     `json:"id"`
	Nonce    Nonce     `json:"nonce"`
	Node     bt.NodeID `json:"node"`
	InfoHash string    `json:"infohash"`
	Epoch    int64     `json:"epoch"`
	TimeMs   int64     `json:"time_ms"`
	Deadline time.Time `json:"deadline"`
	Bytes    bt.Bytes  `json:"bytes"`
	Items    []Item    `json:"items"`
}

// MarshalJSON implements json.Marshaler.
func (c Challenge) MarshalJSON() ([]byte, error) {
	return json.Marshal(form{ID: c.ID, Nonce: c.Nonce, Node: c.Node, InfoHash: c.InfoHash.String(), Epoch: c.Epoch,
		TimeMs: c.Time.Milliseconds(), Deadline: c.Deadline.UTC(), Bytes: c.Bytes, Items: c.Items})
}

// UnmarshalJSON takes what MarshalJSON gives.
func (c *Challenge) UnmarshalJSON(b []byte) error {
	var f form
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	hash, err := bt.ParseInfoHash(f.InfoHash)
	switch {
	case err != nil:
		return err
	case len(f.Items) > MaxItems:
		return fmt.Errorf("a challenge of %d items: want at most %d", len(f.Items), MaxItems)
	case f.TimeMs < 0 || f.TimeMs > MaxTime.Milliseconds():
		return fmt.Errorf("a challenge to be answered within %d ms: want at most %s", f.TimeMs, MaxTime)
	}
	*c = Challenge{ID: f.ID, Nonce: f.Nonce, Node: f.Node, InfoHash: hash, Epoch: f.Epoch,
		Time: time.Duration(f.TimeMs) * time.Millisecond, Deadline: f.Deadline, Bytes: f.Bytes, Items: f.Items}
	return nil
}

const (
	// MaxTime is the most that availability.challenge_time, and the time for any answer, can be.
	MaxTime = 10 * time.Minute
	// StepBytes is what challenge_time is for: a line of 1.2 Mbit/s brings it in 30 s.
	StepBytes bt.Bytes = 4 << 20
)

// TimeFor is how long an answer of so many bytes may take, if step is the time for each StepBytes.
func TimeFor(step time.Duration, bytes bt.Bytes) time.Duration {
	return min(step*time.Duration(max(1, (bytes+StepBytes-1)/StepBytes)), MaxTime)
}

// Leaf is a torrent's learned manifest: the SHA-256 of a block, if it is known. nil: nothing is.
type Leaf func(piece, block int) (sum [32]byte, ok bool)

func (l Leaf) of(piece, block int) (sum [32]byte, ok bool) {
	if l == nil {
		return sum, false
	}
	return l(piece, block)
}

// Ask makes the items for the targets, and counts the payload: a block if its sum is known or the
// torrent can prove it by a path of hashes (v2, hybrid), otherwise the whole piece. Whole pieces are
// asked for up to maxPieces of them, or maxBytes if that is more. Targets beyond that or beyond MaxItems
// and MaxBytes, and such as the torrent does not have, are left out.
func Ask(t *catalog.Torrent, leaf Leaf, targets []availability.Target, maxBytes bt.Bytes, maxPieces int) (items []Item, bytes bt.Bytes) {
	var wholes int
	var wholeBytes bt.Bytes
	for _, target := range targets {
		item, ok := itemFor(t, leaf, target)
		size := item.Size(t)
		if !ok || item.Whole && wholes >= maxPieces && wholeBytes+size > maxBytes || bytes+size > MaxBytes || len(items) == MaxItems {
			continue
		}
		if item.Whole {
			wholes, wholeBytes = wholes+1, wholeBytes+size
		}
		items, bytes = append(items, item), bytes+size
	}
	return items, bytes
}

// Widen asks for whole pieces in place of blocks. A second look at a hybrid torrent is one of these: who
// knows it as v1 has what the v1 hash says, and is not to blame if the publisher made it contradict
// itself.
func Widen(t *catalog.Torrent, items []Item) (wide []Item, bytes bt.Bytes) {
	for _, it := range items {
		it = Item{Piece: it.Piece, Whole: true}
		if size := it.Size(t); !slices.Contains(wide, it) && bytes+size <= MaxBytes {
			wide, bytes = append(wide, it), bytes+size
		}
	}
	return wide, bytes
}

func itemFor(t *catalog.Torrent, leaf Leaf, target availability.Target) (item Item, ok bool) {
	blocks := t.Blocks(target.Piece)
	if blocks == 0 {
		return item, false
	}
	if target.Block < 0 {
		return Item{Piece: target.Piece, Whole: true}, true
	}
	item = Item{Piece: target.Piece, Block: target.Block % blocks}
	if t.PathLength(item.Piece) >= 0 {
		return item, true
	}
	if _, known := leaf.of(item.Piece, item.Block); known {
		return item, true
	}
	return Item{Piece: target.Piece, Whole: true}, true
}

// errItem is what is wrong with an item that a torrent does not have.
var errItem = errors.New("the torrent does not have it")

// fits checks an item against a torrent.
func (it Item) fits(t *catalog.Torrent) error {
	if it.Size(t) == 0 || it.Whole && it.Block != 0 {
		return fmt.Errorf("block %d of piece %d: %w", it.Block, it.Piece, errItem)
	}
	return nil
}

// Size is the item's payload, 0 if the torrent does not have it.
func (it Item) Size(t *catalog.Torrent) bt.Bytes {
	if !it.Whole {
		return t.BlockSize(it.Piece, it.Block)
	}
	last := t.Blocks(it.Piece) - 1
	if last < 0 {
		return 0
	}
	return bt.Bytes(last)*bt.BlockSize + t.BlockSize(it.Piece, last)
}

// hashes is how many hashes prove the item.
func (it Item) hashes(t *catalog.Torrent) int {
	if it.Whole || it.Size(t) == 0 {
		return 0
	}
	return max(t.PathLength(it.Piece), 0)
}
