package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	pipeline    = 32              // blocks asked for at once
	settleTime  = 2 * time.Second // a bitfield may be completed by haves that follow it
	maxChokes   = 64              // in one connection; clients choke every ten seconds at most
	maxTellings = 8               // bitfields and the like; once is right (BEP 3, BEP 6)
	maxChatter  = 4096            // messages that a peer may send beyond a have for each piece and four for each block
)

// session is one connection to a peer: what it said, and how far the pieces are.
type session struct {
	req   Request
	as    persona
	wire  io.Writer
	raw   io.Reader       // for the handshake
	in    *reader         // for the messages
	until func(time.Time) // sets the connection's deadline
	out   availability.Outcome

	met         bool // the handshake is over
	fast        bool
	hashing     bool // it can be asked for hashes
	overV2      bool // the swarm is a hybrid's, by its v2 hash
	looking     bool // it came for a view
	unchoked    bool
	told        bool      // it said what it has
	toldNone    bool      // … which was nothing
	toldAt      time.Time // when it last said something about that
	super       bool      // it then showed single pieces: super-seeding
	have        []bool
	allowedFast map[int]bool
	fetch       fetch
	proving     map[catalog.HashRequest][]*part
	chokes      int
	tellings    int
	heard       int // messages
}

func newSession(r Request, pieces int, as persona, wire io.Writer, in io.Reader) *session {
	return &session{req: r, as: as, wire: wire, raw: in, in: newReader(in), have: make([]bool, pieces),
		allowedFast: map[int]bool{}, proving: map[catalog.HashRequest][]*part{}, until: func(time.Time) {}}
}

// handshake is that of whoever dialled.
func (s *session) handshake() error {
	if _, err := s.wire.Write(s.as.hello(s.req.InfoHash)); err != nil {
		return errClosed
	}
	var b [handshakeLen]byte
	if n, err := io.ReadFull(s.raw, b[:]); err != nil {
		if n == 0 && closed(err) {
			return errClosed
		}
		return fmt.Errorf("read the handshake: %w", err)
	}
	h, err := parseHello(b)
	if err != nil {
		return err
	}
	return s.meet(h)
}

// meet takes the peer's handshake and begins the talk.
func (s *session) meet(h theirs) error {
	// Who knows a hybrid may answer with its v2 hash, if we can do both (BEP 52, upgrade path).
	v2 := s.as.reserved[flagsByte]&v2Bit != 0
	if h.hash != s.req.InfoHash && !(v2 && h.hash == s.req.Torrent.TruncatedV2()) {
		return errHash
	}
	s.met = true
	s.fast = h.reserved[flagsByte]&fastBit != 0
	overV2 := v2 && h.hash == s.req.Torrent.TruncatedV2()
	s.hashing = overV2 || v2 && h.reserved[flagsByte]&v2Bit != 0 // libtorrent, dialled, leaves the bit out
	s.overV2 = overV2 && s.req.Torrent.HasV1
	s.out.PeerClient = printable(h.peer[:8])
	var b []byte
	if s.as.extended != "" && h.reserved[extendedByte]&extendedBit != 0 {
		b = framed(b, msgExtended, append([]byte{0}, s.as.extended...))
	}
	if s.fast { // BEP 6 wants one of the three first, of those of BEP 3
		b = frame(b, msgHaveNone)
	}
	if s.as.port > 0 && h.reserved[flagsByte]&dhtBit != 0 {
		b = framed(b, msgPort, binary.BigEndian.AppendUint16(nil, s.as.port))
	}
	_, err := s.wire.Write(b)
	return err
}

// audit is the talk of a probe: it asks for the targets.
func (s *session) audit(end time.Time) error {
	s.fetch = newFetch(s.req, s.hashing) // first: who closes before the first word still owes every target
	if _, err := s.wire.Write(frame(nil, msgInterested)); err != nil {
		return err
	}
	return s.run(end)
}

// run reads messages until every target has a result or the time is over.
func (s *session) run(end time.Time) error {
	for len(s.fetch.open) > 0 {
		if err := s.ask(); err != nil {
			return err
		}
		due, act := s.due(end)
		err := s.listen(due, end)
		if s.late(err, due, end) {
			if act(); s.idle() {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// late reports whether an error says no more than that nothing came until due, which was not the end.
func (s *session) late(err error, due, end time.Time) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && due.Before(end) && time.Now().Before(end)
}

// due returns what is to be done, and when, if the peer sends nothing until then.
func (s *session) due(end time.Time) (at time.Time, act func()) {
	at = end
	if s.lacks() {
		at, act = s.toldAt.Add(settleTime), s.missing
	}
	if x, due := s.unproven(); x != nil && due.Before(at) {
		at, act = due, func() { s.widen(x.in) }
	}
	return at, act
}

// idle reports whether there is nothing left to wait for: what the peer lacks is enough, and who
// chokes us need not be waited for then.
func (s *session) idle() bool {
	lacks := func(r availability.Result) bool { return r.Verdict == availability.Missing }
	return !s.unchoked && slices.ContainsFunc(s.out.Results, lacks)
}

// listen takes the next message, if one begins to arrive before due; it may take until end.
func (s *session) listen(due, end time.Time) error {
	s.until(due)
	err := s.in.wait()
	s.until(end) // also for what is sent next
	if err != nil {
		return err
	}
	return s.hear()
}

// hear takes the next message.
func (s *session) hear() error {
	if s.heard++; s.heard > maxChatter+len(s.have)+4*s.fetch.blocks {
		return errTooMuch
	}
	m, err := s.in.next()
	if err != nil {
		return err
	}
	return s.handle(m)
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
	for _, p := range slices.Clone(s.fetch.open) {
		if !s.have[p.index] {
			s.finish(p, p.targets, availability.Result{Verdict: availability.Missing, Reason: "its bitfield lacks the piece"})
		}
	}
}

// ask requests blocks of the pieces that the peer has and lets us have, and the hashes that prove
// them.
func (s *session) ask() error {
	var b []byte
	for _, q := range s.fetch.next(func(i int) bool { return s.have[i] && (s.unchoked || s.allowedFast[i]) }, s.unchoked) {
		b = frame(b, msgRequest, q.index, q.begin, q.length)
		if s.hashing {
			b = s.wantsProof(b, q)
		}
	}
	if len(b) == 0 {
		return nil
	}
	_, err := s.wire.Write(b)
	return err
}

// finish gives targets of a piece their result.
func (s *session) finish(p *piece, targets []availability.Target, r availability.Result) {
	r.Whole = p.whole
	if p.whole && r.Want == nil {
		r.Want, _ = s.req.Torrent.CheckPiece(p.index, nil)
	}
	done := slices.Clone(targets)
	for _, t := range done {
		r.Target = t
		s.out.Results = append(s.out.Results, r)
	}
	if p.drop(done); len(p.targets) == 0 {
		s.fetch.close(p)
	}
}

// end notes how the talk ended.
func (s *session) end(ctx context.Context, err error) {
	if err != nil {
		s.out.Reason, s.out.OurSide = s.why(ctx, err), errors.Is(err, errOurs)
	}
}

// why puts an error of the wire into words for the evidence.
func (s *session) why(ctx context.Context, err error) string {
	over := errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil
	switch {
	case over && !s.met:
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
