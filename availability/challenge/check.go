package challenge

import (
	"bytes"
	"crypto/sha256"
	"io"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Check says what an answer proves of the targets that c was made from (see Ask). Targets that were
// not asked for have no result. Whole pieces that are right add to what is learned, those of a hybrid
// with both of their hashes. Elapsed is the caller's to fill.
func Check(c Challenge, t *catalog.Torrent, leaf Leaf, targets []availability.Target, a Answer) availability.Outcome {
	var x checked
	for i, g := range a.Given {
		x.take(t, leaf, c.Items[i], g)
	}
	return x.outcome(c, t, targets)
}

// ReadChecked is ReadAnswer and Check in one, which keeps no more than one item in memory: many nodes may
// answer at the same time, and slowly. Nothing in the outcome counts if there is an error.
func ReadChecked(r io.Reader, c Challenge, t *catalog.Torrent, leaf Leaf, targets []availability.Target) (availability.Outcome, error) {
	var x checked
	if err := readItems(r, c, t, func(i int, g Given) { x.take(t, leaf, c.Items[i], g) }); err != nil {
		return availability.Outcome{}, err
	}
	return x.outcome(c, t, targets), nil
}

// checked is what the items read so far prove.
type checked struct {
	results []availability.Result // of each item
	learned []availability.Leaves
	bytes   bt.Bytes
}

func (x *checked) take(t *catalog.Torrent, leaf Leaf, it Item, g Given) {
	r := result(t, leaf, it, g)
	if _, known := leaf.of(it.Piece, 0); r.Whole && r.Verdict == availability.Passed && !known {
		if sums := t.Leaves(it.Piece, g.Data); !t.HasV2 || t.PathFits(it.Piece, 0, sums[0], t.Path(it.Piece, 0, sums)) {
			x.learned = append(x.learned, availability.Leaves{Piece: it.Piece, Sums: sums})
		}
	}
	x.results, x.bytes = append(x.results, r), x.bytes+bt.Bytes(len(g.Data))
}

func (x *checked) outcome(c Challenge, t *catalog.Torrent, targets []availability.Target) availability.Outcome {
	out := availability.Outcome{Bytes: x.bytes, Learned: x.learned}
	for _, target := range targets {
		if i := c.find(t, target); i >= 0 && i < len(x.results) {
			r := x.results[i]
			r.Target = target
			out.Results = append(out.Results, r)
		}
	}
	return out
}

// Late is the outcome of a challenge that was delivered and not answered in time.
func Late(c Challenge, t *catalog.Torrent, targets []availability.Target) availability.Outcome {
	out := availability.Outcome{Elapsed: c.Time, Reason: "no answer by the deadline"}
	for _, target := range targets {
		if i := c.find(t, target); i >= 0 {
			out.Results = append(out.Results, availability.Result{Target: target, Whole: c.Items[i].Whole, Verdict: availability.Late, Reason: out.Reason})
		}
	}
	return out
}

// Unfetched is the outcome of a challenge that the node never fetched: as if it had not been
// reached.
func Unfetched() availability.Outcome {
	return availability.Outcome{Unreachable: true, Reason: "the node did not fetch its challenge"}
}

// find returns the number of the item that was made from a target, -1 if none was.
func (c Challenge) find(t *catalog.Torrent, target availability.Target) int {
	blocks := t.Blocks(target.Piece)
	for i, it := range c.Items {
		if blocks > 0 && it.Piece == target.Piece && (it.Whole || target.Block >= 0 && it.Block == target.Block%blocks) {
			return i
		}
	}
	return -1
}

func result(t *catalog.Torrent, leaf Leaf, it Item, g Given) availability.Result {
	r := availability.Result{Whole: it.Whole}
	switch g.Status {
	case Missing:
		r.Verdict, r.Reason = availability.Missing, "the node says that it lacks it"
		return r
	case Refused:
		r.Verdict, r.Reason = availability.Refused, "the node refused"
		return r
	}
	switch {
	case it.Whole:
		r.Want, r.Got = t.CheckPiece(it.Piece, padded(t, it.Piece, g.Data))
	default:
		r.Want, r.Got, r.Reason = checkBlock(t, leaf, it, g)
	}
	switch {
	case len(r.Want) == 0:
		r.Verdict, r.Reason = availability.Inconclusive, "there is nothing to check the block by"
	case bytes.Equal(r.Want, r.Got):
		r.Verdict, r.Reason = availability.Passed, ""
	default:
		r.Verdict = availability.Corrupt
	}
	return r
}

// checkBlock compares a block with its known sum, or else by the path that came with it: then what
// is compared is the hash of the piece. The daemon makes the path from the piece on its disk, so that
// a path which leads elsewhere is a damaged piece too.
func checkBlock(t *catalog.Torrent, leaf Leaf, it Item, g Given) (want, got []byte, reason string) {
	sum := sha256.Sum256(g.Data)
	if known, ok := leaf.of(it.Piece, it.Block); ok {
		return known[:], sum[:], ""
	}
	if t.PathLength(it.Piece) < 0 {
		return nil, sum[:], ""
	}
	root, top := t.PieceRoot(it.Piece), t.PathRoot(it.Block, sum, g.Path)
	return root[:], top[:], "block and hashes do not lead to the hash of the piece"
}

// padded adds the zeros that align files in a hybrid torrent, which are part of what SHA-1 is over
// but do not travel.
func padded(t *catalog.Torrent, piece int, data []byte) []byte {
	if gap := int(t.PieceSize(piece)) - len(data); gap > 0 {
		return append(data[:len(data):len(data)], make([]byte, gap)...)
	}
	return data
}
