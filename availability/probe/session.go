package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	pipeline     = 32              // blocks asked for at once
	settleTime   = 2 * time.Second // a bitfield may be completed by haves that follow it
	peerIDPrefix = "-SP0001-"
)

// session is one connection to a peer: what it said, and how far the pieces are.
type session struct {
	req   Request
	wire  io.Writer
	raw   io.Reader       // for the handshake
	in    *reader         // for the messages
	until func(time.Time) // sets the connection's deadline
	out   availability.Outcome

	fast        bool
	looking     bool // it came for a view
	unchoked    bool
	told        bool      // it said what it has
	toldNone    bool      // … which was nothing
	toldAt      time.Time // when it last said something about that
	super       bool      // it then showed single pieces: super-seeding
	have        []bool
	allowedFast map[int]bool
	fetch       fetch
}

func newSession(r Request, wire io.Writer, in io.Reader) *session {
	return &session{req: r, wire: wire, raw: in, in: newReader(in), have: make([]bool, r.NumPieces),
		allowedFast: map[int]bool{}, fetch: newFetch(r)}
}

func (s *session) handshake() error {
	var reserved [8]byte
	reserved[fastByte] |= fastBit
	id := newPeerID()
	b := append([]byte(protocol), reserved[:]...)
	b = append(append(b, s.req.InfoHash[:]...), id[:]...)
	if _, err := s.wire.Write(b); err != nil {
		return errClosed
	}
	var theirs [handshakeLen]byte
	if n, err := io.ReadFull(s.raw, theirs[:]); err != nil {
		if n == 0 && closed(err) {
			return errClosed
		}
		return fmt.Errorf("read the handshake: %w", err)
	}
	rest := theirs[len(protocol):]
	switch {
	case string(theirs[:len(protocol)]) != protocol:
		return errGarbage
	case bt.InfoHash(rest[8:28]) != s.req.InfoHash:
		return errHash
	}
	s.fast = rest[fastByte]&fastBit != 0
	s.out.PeerClient = printable(rest[28:36])
	if s.fast { // BEP 6 wants one of the three first
		_, err := s.wire.Write(frame(nil, msgHaveNone))
		return err
	}
	return nil
}

// audit is the talk of a probe: it asks for the pieces.
func (s *session) audit(end time.Time) error {
	if _, err := s.wire.Write(frame(nil, msgInterested)); err != nil {
		return err
	}
	return s.run(end)
}

// run reads messages until every piece has a result or the time is over. The bytes a peer may
// send are bounded, and with them the messages.
func (s *session) run(end time.Time) error {
	for len(s.fetch.open) > 0 {
		if err := s.ask(); err != nil {
			return err
		}
		settle := end
		if s.lacks() {
			settle = s.toldAt.Add(settleTime)
		}
		s.until(settle)
		if err := s.in.wait(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && settle.Before(end) {
				if s.missing(); !s.unchoked {
					return nil // what it lacks is enough; no need to wait for an unchoke
				}
				continue
			}
			return err
		}
		s.until(end)
		if err := s.hear(); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) handle(m message) error {
	if m.keepAlive {
		return nil
	}
	switch m.id {
	case msgChoke:
		s.unchoked = false
		s.fetch.choked(s.fast, s.allowedFast)
	case msgUnchoke:
		s.unchoked = true
	case msgHaveAll, msgHaveNone:
		for i := range s.have {
			s.have[i] = m.id == msgHaveAll
		}
		s.told, s.toldNone, s.toldAt = true, m.id == msgHaveNone, time.Now()
	case msgBitfield:
		return s.bitfield(m.payload)
	case msgHave, msgAllowedFast:
		return s.index(m)
	case msgPiece:
		s.block(m.payload)
	case msgReject:
		return s.reject(m)
	}
	return nil
}

func (s *session) index(m message) error {
	n, err := m.numbers(1)
	if err != nil {
		return err
	}
	i := int(n[0])
	switch {
	case i >= s.req.NumPieces:
		return fmt.Errorf("%w: piece %d of %d", errGarbage, i, s.req.NumPieces)
	case m.id == msgAllowedFast:
		if !s.looking { // who asks for nothing need not remember
			s.allowedFast[i] = s.fast
		}
		return nil
	}
	s.have[i] = true
	s.super = s.super || s.toldNone
	s.toldAt = time.Now()
	return nil
}

func (s *session) bitfield(b []byte) error {
	if len(b) != (len(s.have)+7)/8 {
		return fmt.Errorf("%w: a bitfield of %d bytes for %d pieces", errGarbage, len(b), len(s.have))
	}
	if spare := 8*len(b) - len(s.have); b[len(b)-1]&(1<<spare-1) != 0 { // BEP 3: set to zero
		return fmt.Errorf("%w: a bitfield with spare bits set", errGarbage)
	}
	s.told, s.toldNone, s.toldAt = true, true, time.Now()
	for i := range s.have {
		s.have[i] = b[i/8]&(0x80>>(i%8)) != 0
		s.toldNone = s.toldNone && !s.have[i]
	}
	return nil
}

// lacks reports whether the peer itself says that it lacks a piece. Who says nothing has said
// nothing, and who super-seeds shows its pieces one by one (CLIENTS): neither is missing.
func (s *session) lacks() bool {
	if !s.told || s.super {
		return false
	}
	for _, f := range s.fetch.open {
		if !s.have[f.index] {
			return true
		}
	}
	return false
}

func (s *session) missing() {
	for _, f := range append([]*piece(nil), s.fetch.open...) {
		if !s.have[f.index] {
			s.finish(f, availability.PieceResult{Verdict: availability.Missing, Reason: "its bitfield lacks the piece"})
		}
	}
}

// ask requests blocks of the pieces that the peer has and lets us have.
func (s *session) ask() error {
	var b []byte
	for _, q := range s.fetch.next(func(i int) bool { return s.have[i] && (s.unchoked || s.allowedFast[i]) }, s.unchoked) {
		b = frame(b, msgRequest, q.index, q.begin, q.length)
	}
	if len(b) == 0 {
		return nil
	}
	_, err := s.wire.Write(b)
	return err
}

// reject: a refusal of what was asked for while unchoked is the peer's word that it lacks the
// piece; of anything else it only means "not now".
func (s *session) reject(m message) error {
	n, err := m.numbers(3)
	if err != nil || !s.fast {
		return err
	}
	f, while := s.fetch.rejected(block{n[0], n[1], n[2]})
	switch {
	case f == nil:
	case while && s.unchoked:
		s.finish(f, availability.PieceResult{Verdict: availability.Missing, Reason: "refused the piece while we were unchoked"})
	default:
		delete(s.allowedFast, f.index)
	}
	return nil
}

// block takes a block that was asked for; anything else is thrown away.
func (s *session) block(p []byte) {
	f, n := s.fetch.arrived(p)
	s.out.Bytes += bt.Bytes(n)
	if f == nil || !f.whole() {
		return
	}
	r := availability.PieceResult{Verdict: availability.Passed, Got: f.sum()}
	if r.Got != s.req.PieceHash(f.index) {
		r.Verdict, r.Reason = availability.Corrupt, "the bytes do not have the piece's hash"
	}
	s.finish(f, r)
}

func (s *session) finish(f *piece, r availability.PieceResult) {
	r.Piece, r.Want = f.index, s.req.PieceHash(f.index)
	s.out.Pieces = append(s.out.Pieces, r)
	s.fetch.close(f)
}

// why puts an error of the wire into words for the evidence.
func (s *session) why(ctx context.Context, err error) string {
	over := errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil
	switch {
	case over && s.until == nil:
		return "the peer did not answer the handshake"
	case over && s.looking:
		return "the peer did not say what it has"
	case over && s.super:
		return "the peer super-seeds: it shows only pieces of its own choice"
	case over && !s.unchoked:
		return "the peer kept us choked until the time was over"
	case over && !s.told:
		return "the peer did not say what it has"
	case over:
		return "the time for the audit was over"
	case closed(err):
		return errClosed.Error()
	}
	return err.Error()
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func printable(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if c <= ' ' || c > '~' {
			c = '?'
		}
		out[i] = c
	}
	return string(out)
}

func newPeerID() (id bt.PeerID) {
	copy(id[:], peerIDPrefix)
	rand.Read(id[len(peerIDPrefix):])
	return id
}
