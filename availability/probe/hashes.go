package probe

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// hashHead is the length of what messages 21 to 23 begin with: root, base layer, index, length,
// proof layers (BEP 52).
const hashHead = 32 + 4*4

// hashTime is how long after its block the hashes of a block may be.
const hashTime = 5 * time.Second

// hashRequest appends message 21.
func hashRequest(b []byte, r catalog.HashRequest) []byte {
	b = append(binary.BigEndian.AppendUint32(b, 1+hashHead), msgHashRequest)
	b = append(b, r.Root[:]...)
	for _, n := range [...]uint32{r.BaseLayer, r.Index, r.Length, r.Proofs} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// parseHashes reads the payload of messages 21 to 23: what was asked for, and the hashes.
func parseHashes(payload []byte) (r catalog.HashRequest, hashes [][32]byte, err error) {
	if len(payload) < hashHead || (len(payload)-hashHead)%32 != 0 {
		return r, nil, fmt.Errorf("%w: hashes of %d bytes", errGarbage, len(payload))
	}
	r.Root = [32]byte(payload)
	for i, n := range []*uint32{&r.BaseLayer, &r.Index, &r.Length, &r.Proofs} {
		*n = binary.BigEndian.Uint32(payload[32+4*i:])
	}
	for h := range slices.Chunk(payload[hashHead:], 32) {
		hashes = append(hashes, [32]byte(h))
	}
	return r, hashes, nil
}

// proofOf picks from an answer what belongs to a block: its sum as the peer says it, its
// neighbour's, and what leads on from there.
func proofOf(block int, r catalog.HashRequest, hashes [][32]byte) *proof {
	if len(hashes) != 2+int(r.Proofs) {
		return nil
	}
	mine, other := hashes[block&1], hashes[block&1^1]
	return &proof{leaf: mine, path: append([][32]byte{other}, hashes[2:]...)}
}

// wantsProof appends a request for the hashes of a block that is being asked for, unless that is
// under way: a peer may not refuse it then (BEP 52).
func (s *session) wantsProof(b []byte, q block) []byte {
	p := s.fetch.byIndex[int(q.index)]
	x := p.part(q)
	if x == nil || x.known || x.proof != nil {
		return b
	}
	r, needed := s.req.Torrent.HashRequest(p.index, x.block)
	if !needed || slices.Contains(s.proving[r], x) {
		return b
	}
	if s.proving[r] = append(s.proving[r], x); len(s.proving[r]) > 1 {
		return b
	}
	return hashRequest(b, r)
}

// hashes takes an answer to a hash request. A peer that will not or cannot give them is asked for
// the whole piece; nothing else follows from it, for clients are known that answer wrongly.
func (s *session) hashes(m message) error {
	r, hashes, err := parseHashes(m.payload)
	if err != nil {
		return err
	}
	parts := s.proving[r]
	delete(s.proving, r)
	for _, x := range parts {
		if !slices.Contains(x.in.parts, x) {
			continue
		}
		if x.proof = proofOf(x.block, r, hashes); x.proof == nil || m.id == msgHashReject {
			s.widen(x.in)
			continue
		}
		s.judge(x)
	}
	return nil
}

// judge gives a block its result, once its bytes are there and what they should be.
func (s *session) judge(x *part) {
	t, i := s.req.Torrent, x.in.index
	data := x.in.got[x.chunk().begin]
	if data == nil {
		return
	}
	leaf := sha256.Sum256(data)
	passed := availability.Result{Verdict: availability.Passed, Want: leaf[:], Got: leaf[:]}
	switch {
	case x.known:
		s.compare(x, leaf, x.sum)
	case t.PathLength(i) == 0 && t.PathFits(i, x.block, leaf, nil):
		s.finish(x.in, x.targets, passed)
	case t.PathLength(i) == 0:
		s.widen(x.in) // the whole piece is this block
	case x.proof == nil:
	case t.PathFits(i, x.block, leaf, x.proof.path):
		s.finish(x.in, x.targets, passed)
	case t.PathFits(i, x.block, x.proof.leaf, x.proof.path) && !t.HasV1:
		s.compare(x, leaf, x.proof.leaf)
	default:
		// The hashes are wrong, or a hybrid's v2 side disagrees with the bytes: whoever knows it as
		// v1 has what the v1 hash says, and is not to blame for a torrent that contradicts itself.
		s.widen(x.in)
	}
}

func (s *session) compare(x *part, got, want [32]byte) {
	r := availability.Result{Verdict: availability.Passed, Want: want[:], Got: got[:]}
	if got != want {
		r.Verdict, r.Reason = availability.Corrupt, "the bytes do not have the block's hash"
	}
	s.finish(x.in, x.targets, r)
}

// unproven returns when the peer's time for the hashes of a block is over, and for which; the first
// such. nil: it owes none.
func (s *session) unproven() (x *part, due time.Time) {
	for _, p := range s.fetch.open {
		for _, y := range p.parts {
			if y.since.IsZero() || y.known || y.proof != nil {
				continue
			}
			if at := y.since.Add(hashTime); x == nil || at.Before(due) {
				x, due = y, at
			}
		}
	}
	return x, due
}

// widen asks for a whole piece instead of its blocks; there may be no room for it.
func (s *session) widen(p *piece) {
	p.whole, p.parts = true, nil
	if s.fetch.admit(p) && p.complete() {
		s.judgeWhole(p)
	}
}

// judgeWhole gives a whole piece its result, and learns the sums of its blocks. A hybrid's piece is
// good with either of its hashes, and teaches only with both.
func (s *session) judgeWhole(p *piece) {
	t := s.req.Torrent
	data := p.join(t.PieceSize(p.index))
	want, got := t.CheckPiece(p.index, data)
	leaves := t.Leaves(p.index, data)
	v1 := string(want) == string(got)
	v2 := v1
	if t.HasV1 && t.HasV2 {
		v2 = t.PathFits(p.index, 0, leaves[0], t.Path(p.index, 0, leaves))
	}
	r := availability.Result{Verdict: availability.Passed, Want: want, Got: got}
	switch padded := bt.Bytes(p.size) < t.PieceSize(p.index); {
	case !v1 && !v2 && padded && !s.overV2:
		// A client that knows only v1 keeps padding as it got it. If a publisher's is not zero, against
		// BEP 47, what we hashed is not what the client has.
		r.Verdict, r.Reason = availability.Inconclusive, "the bytes, with zeros for padding, do not have the piece's hash"
	case !v1 && !v2:
		r.Verdict, r.Reason = availability.Corrupt, "the bytes do not have the piece's hash"
	case v1 != v2:
		r.Reason = "the torrent contradicts itself: the bytes have one of the piece's two hashes"
	default:
		if _, known := s.req.leaf(p.index, 0); !known {
			s.out.Learned = append(s.out.Learned, availability.Leaves{Piece: p.index, Sums: leaves})
		}
	}
	s.finish(p, p.targets, r)
}
