package probe

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// handle takes a message.
func (s *session) handle(m message) error {
	if m.keepAlive {
		return nil
	}
	switch m.id {
	case msgChoke:
		if s.chokes++; s.chokes > maxChokes {
			return fmt.Errorf("%w: it chokes without end", errGarbage)
		}
		s.unchoked = false
		s.fetch.choked(s.fast, s.allowedFast)
	case msgUnchoke:
		s.unchoked = true
	case msgHaveAll, msgHaveNone:
		if err := s.tells(); err != nil {
			return err
		}
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
	case msgHashes, msgHashReject:
		if s.hashing {
			return s.hashes(m)
		}
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
	case i >= len(s.have):
		return fmt.Errorf("%w: piece %d of %d", errGarbage, i, len(s.have))
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

// tells counts how often the peer said what it has altogether.
func (s *session) tells() error {
	if s.tellings++; s.tellings > maxTellings {
		return fmt.Errorf("%w: it says without end what it has", errGarbage)
	}
	return nil
}

func (s *session) bitfield(b []byte) error {
	if len(b) != (len(s.have)+7)/8 {
		return fmt.Errorf("%w: a bitfield of %d bytes for %d pieces", errGarbage, len(b), len(s.have))
	}
	if spare := 8*len(b) - len(s.have); b[len(b)-1]&(1<<spare-1) != 0 { // BEP 3: set to zero
		return fmt.Errorf("%w: a bitfield with spare bits set", errGarbage)
	}
	if err := s.tells(); err != nil {
		return err
	}
	s.told, s.toldNone, s.toldAt = true, true, time.Now()
	for i := range s.have {
		s.have[i] = b[i/8]&(0x80>>(i%8)) != 0
		s.toldNone = s.toldNone && !s.have[i]
	}
	return nil
}

// reject: a refusal of what was asked for while unchoked is the peer's word that it lacks the
// piece; of anything else it only means "not now".
func (s *session) reject(m message) error {
	n, err := m.numbers(3)
	if err != nil || !s.fast {
		return err
	}
	q := block{n[0], n[1], n[2]}
	p, while := s.fetch.rejected(q)
	switch {
	case p == nil:
	case while && s.unchoked:
		targets := p.targets
		if x := p.part(q); x != nil {
			targets = x.targets
		}
		s.finish(p, targets, availability.Result{Verdict: availability.Missing, Reason: "refused it while we were unchoked"})
	default:
		delete(s.allowedFast, p.index)
	}
	return nil
}

// block takes a block that was asked for; anything else is thrown away.
func (s *session) block(payload []byte) {
	p, q := s.fetch.arrived(payload)
	if p == nil {
		return
	}
	s.out.Bytes += bt.Bytes(q.length)
	switch x := p.part(q); {
	case x != nil:
		x.since = time.Now()
		s.judge(x)
	case p.complete():
		s.judgeWhole(p)
	}
}
