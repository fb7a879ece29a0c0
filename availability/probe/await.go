package probe

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	reasonDeaf   = "we do not listen for peers, or await too many already"
	reasonAbsent = "the peer did not connect to us"
	reasonMaybe  = "somebody came from the peer's address or under its peer id, but not both: "
)

// Await waits until the context's deadline for the peer to dial us (the address of the request, or
// the peer id) and then audits it as Probe does; the audit has its own budget. If nobody came, the
// outcome is Unreachable.
//
// Whoever has only one of the two may be somebody else, behind the same NAT or with a peer id that
// every peer of the swarm can see: that proves what it has, but no fault of the awaited one, and does
// not end the wait. Of such, maxDoubtful are heard, one at a time.
func (p *Prober) Await(ctx context.Context, r Request, peer bt.PeerID) availability.Outcome {
	if err := r.check(); err != nil {
		return ours(err)
	}
	g := &guest{hashes: r.hashes(), addr: r.Addr.Addr().Unmap(), peer: peer, came: make(chan visitor, 2), tries: maxDoubtful}
	forget, ok := p.lobby.await(g)
	if !ok {
		return availability.Outcome{OurSide: true, Reason: reasonDeaf}
	}
	defer forget()
	out := r.answered(availability.Outcome{Unreachable: true, Reason: reasonAbsent}, nil)
	var doubtful chan availability.Outcome // of an audit under way
	aside, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		select {
		case v := <-g.came:
			if v.certain {
				cancel()
				return p.receive(ctx, r, v)
			}
			doubtful = make(chan availability.Outcome, 1)
			go func() { doubtful <- p.receive(aside, r, v) }()
			continue
		case out = <-doubtful:
		case <-ctx.Done():
			if doubtful != nil {
				out = <-doubtful
			}
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return availability.Outcome{OurSide: true, Reason: reasonQueue}
			}
			return out
		}
		if passed(out) {
			return out
		}
		doubtful = nil
		p.lobby.again(g)
	}
}

// passed reports whether nothing is left to be asked of anybody.
func passed(out availability.Outcome) bool {
	fell := func(r availability.Result) bool { return r.Verdict != availability.Passed }
	return !out.OurSide && len(out.Results) > 0 && !slices.ContainsFunc(out.Results, fell)
}

// receive audits a peer that came. That the wait is over does not end the audit; being called off does.
func (p *Prober) receive(ctx context.Context, r Request, v visitor) availability.Outcome {
	defer v.conn.Close()
	budget, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.Budget)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})()
	r.InfoHash = v.hello.hash
	e := p.errand(r)
	leave, err := p.enter(budget, e)
	if err != nil {
		return availability.Outcome{OurSide: true, Reason: reasonQueue}
	}
	defer leave()
	defer context.AfterFunc(budget, func() { v.conn.Close() })()
	v.conn.SetDeadline(time.Now().Add(handshakeTimeout))
	began := time.Now()
	s := newSession(r, e.pieces, p.noted(e.as, v.conn), v.wire, &limited{budget, v.wire, e.allowance, p.bandwidth})
	s.out.Encrypted, s.out.Incoming = v.encrypted, true
	var met *session
	if _, err = s.wire.Write(s.as.hello(r.InfoHash)); err == nil {
		err = s.meet(v.hello)
	}
	if err == nil {
		met = s
		end, _ := budget.Deadline()
		err = p.hold(v.conn, s, (*session).audit, end)
	}
	s.end(budget, err)
	s.out.Elapsed = time.Since(began)
	if errors.Is(ctx.Err(), context.Canceled) {
		s.out.OurSide, s.out.Reason = true, reasonQueue
	}
	out := r.answered(s.out, met)
	if !v.certain {
		out.Results = lenient(out.Results)
	}
	return out
}

// lenient takes back what was found against somebody who may not be whom we wanted to see.
func lenient(results []availability.Result) []availability.Result {
	for i, r := range results {
		if r.Verdict != availability.Passed {
			results[i].Verdict, results[i].Reason = availability.Inconclusive, reasonMaybe+r.Reason
		}
	}
	return results
}
