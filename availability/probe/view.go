package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ViewRequest says at whom to look, and how many bytes each of its torrent's pieces has.
type ViewRequest struct {
	Addr      netip.AddrPort
	InfoHash  bt.InfoHash
	NumPieces int
	PieceSize func(i int) bt.Bytes
}

// View is which part of a torrent a peer says it has. It is the peer's own word: more than that
// cannot be had from somebody of whom nothing is asked, and less is all that a peer that hides its
// pieces gives away.
type View struct {
	Seen   bool // the peer said what it has: the next two hold
	Pieces int
	Bytes  bt.Bytes // of these pieces

	Reason      string // why it could not be seen
	Unreachable bool   // nobody answered the call
	OurSide     bool   // it failed on our side: says nothing about the peer
	Encrypted   bool   // the connection was encrypted
	PeerClient  string // first eight characters of its peer id
	Elapsed     time.Duration
}

// viewTime is how long after the handshake a peer may go on saying what it has. A client that
// downloads fast says so with every piece.
const viewTime = 10 * time.Second

// View connects as Probe does (policy, turn, pause, plain, then encrypted), reads what the peer
// says it has and asks for nothing (ECONOMY §3, SECURITY 13).
func (p *Prober) View(ctx context.Context, r ViewRequest) View {
	var v View
	if err := r.check(); err != nil {
		return View{OurSide: true, Reason: err.Error()}
	}
	e := errand{req: Request{Addr: r.Addr, InfoHash: r.InfoHash}, pieces: r.NumPieces, as: auditor(false), from: p.cfg.LocalAddr,
		budget: p.cfg.Budget, slots: p.slots, allowance: chatter(r.NumPieces)}
	e.talk = func(s *session, end time.Time) error {
		s.looking = true
		err := s.look(end)
		if err == nil {
			v.Seen = true
			v.Pieces, v.Bytes = s.has(r.PieceSize)
		}
		return err
	}
	out := p.visit(ctx, e)
	if out.OurSide { // called off, perhaps while it spoke
		v = View{}
	}
	v.Reason, v.Unreachable, v.OurSide = out.Reason, out.Unreachable, out.OurSide
	v.Encrypted, v.PeerClient, v.Elapsed = out.Encrypted, out.PeerClient, out.Elapsed
	return v
}

// check reports a request that cannot be made.
func (r ViewRequest) check() error {
	if r.NumPieces <= 0 || r.NumPieces > maxPieces || r.PieceSize == nil {
		return fmt.Errorf("a torrent of %d pieces cannot be looked at", r.NumPieces)
	}
	return nil
}

// look hears what the peer has. It ends when it has said what it has and then nothing about it
// for settleTime, when it closes after that, or when viewTime is over.
func (s *session) look(end time.Time) error {
	end = earlier(end, time.Now().Add(viewTime))
	for {
		settle := end
		if !s.toldAt.IsZero() {
			settle = earlier(end, s.toldAt.Add(settleTime))
		}
		err := s.listen(settle, end)
		if err == nil {
			continue
		}
		// Whoever has nothing may say nothing (BEP 3), which is no more than not being seen.
		if !s.toldAt.IsZero() && (errors.Is(err, os.ErrDeadlineExceeded) || closed(err)) {
			return nil
		}
		return err
	}
}

// has counts the pieces that the peer said it has, and their bytes.
func (s *session) has(size func(i int) bt.Bytes) (pieces int, bytes bt.Bytes) {
	for i, has := range s.have {
		if has {
			pieces++
			bytes += max(0, size(i))
		}
	}
	return pieces, bytes
}
