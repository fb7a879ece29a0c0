package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Request says whom to ask for what. A block that can be checked by itself, with its learned sum or
// with hashes that the peer sends (BEP 52), is fetched alone; for any other the whole piece is, as
// far as the limits go. Targets beyond them are left out: the outcome has no result of them.
type Request struct {
	Addr     netip.AddrPort
	InfoHash bt.InfoHash // of the swarm in which the peer announces: either hash of a hybrid
	Torrent  *catalog.Torrent
	Targets  []availability.Target // a block number beyond the piece's blocks counts modulo these
	// Leaf returns the learned SHA-256 of a block; nil: nothing was learned.
	Leaf func(piece, block int) (sum [32]byte, ok bool)
	// At most MaxBytes are asked for, or MaxPieces whole pieces if they are more.
	MaxBytes  bt.Bytes
	MaxPieces int
}

const (
	maxPieces   = 1 << 23 // of a torrent: what a bitfield of maxMessage can show
	slackBytes  = 1 << 20 // what a peer may send beyond what it was asked for: chatter
	slackHashes = 4 << 10 // … and for each target: the answer to a hash request, headers
)

// check reports a request that cannot be made.
func (r Request) check() error {
	switch {
	case len(r.Targets) == 0:
		return errors.New("nothing is asked for")
	case r.MaxPieces < 1 || r.MaxBytes < 0:
		return fmt.Errorf("limits of %d bytes and %d pieces: want at least one piece", r.MaxBytes, r.MaxPieces)
	}
	if err := r.checkTorrent(); err != nil {
		return err
	}
	for _, t := range r.Targets {
		if t.Piece < 0 || t.Piece >= r.Torrent.NumPieces() || t.Block < availability.Whole {
			return fmt.Errorf("there is no %s", t)
		}
	}
	return nil
}

func (r Request) checkTorrent() error {
	switch {
	case r.Torrent == nil || r.Torrent.NumPieces() == 0:
		return errors.New("a torrent without pieces cannot be asked for")
	case !slices.Contains(r.hashes(), r.InfoHash):
		return fmt.Errorf("%s is no info-hash of the torrent", r.InfoHash)
	}
	return nil
}

// hashes are the torrent's info-hashes on the wire.
func (r Request) hashes() (out []bt.InfoHash) {
	if r.Torrent.HasV1 {
		out = append(out, r.Torrent.V1)
	}
	if r.Torrent.HasV2 {
		out = append(out, r.Torrent.TruncatedV2())
	}
	return out
}

// limit is how many bytes may be asked for.
func (r Request) limit() bt.Bytes {
	return max(r.MaxBytes, bt.Bytes(r.MaxPieces)*r.Torrent.PieceLength)
}

// allowance is how many bytes the peer may send: what is asked for twice, a bitfield, a have for
// each piece, hashes, and chatter.
func (r Request) allowance() int64 {
	var pieces bt.Bytes
	for _, t := range r.Targets {
		pieces += r.Torrent.PieceSize(t.Piece)
	}
	return chatter(r.Torrent.NumPieces()) + 2*int64(min(pieces, r.limit())) + slackHashes*int64(len(r.Targets))
}

func chatter(pieces int) int64 { return slackBytes + 10*int64(pieces) }

func (r Request) leaf(piece, block int) (sum [32]byte, ok bool) {
	if r.Leaf == nil {
		return sum, false
	}
	return r.Leaf(piece, block)
}
